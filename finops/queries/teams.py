"""Whose spend it is: every line of the bill goes to a team, to what is shared, or to what nobody has tagged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

from finops.money import cents
from finops.queries.costs import METRIC_COLUMNS, Condition, CostMetric, condition_test, expression
from finops.queries.reads import Reads

UNTAGGED, SHARED = "(untagged)", "(shared)"
Spread: TypeAlias = Literal["none", "proportional", "even"]

DAILY_WITH_TAGS = """
    select
        resource_daily.*,
        sets.Tags
    from resource_daily
    left join (select x_tags_id, any_value(Tags) as Tags from tag_sets group by x_tags_id) as sets
        on resource_daily.tags_id = sets.x_tags_id
"""
"""Daily spend with the row's own tags: a tag renamed within a month names two teams in it."""

SHARED_LINES = "charge_category in ('Tax', 'Credit', 'Adjustment', 'Purchase') or coalesce(commitment_status, '') = 'Unused'"
"""What no resource causes: taxes, credits, fees and purchases, and what a commitment left unused."""


@dataclass(frozen=True, slots=True)
class TeamRule:
    """Lines that meet every condition are this team's; the first rule that fits decides."""

    team: str
    where: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Allocation:
    """How lines find their team: rules in order, then the first of these tags, then shared or untagged.

    spread  of the shared line: left as a line of its own, in proportion to what teams have directly, or evenly
    """

    rules: tuple[TeamRule, ...] = ()
    tags: tuple[str, ...] = ("owner", "team")
    spread: Spread = "none"


@dataclass(frozen=True, slots=True)
class TeamRow:
    """One team's part of one currency's bill. `direct` is exact; `shared` is in whole cents and sums to the shared line."""

    team: str
    currency: str
    direct: Decimal
    shared: Decimal
    charges: int

    @property
    def total(self) -> Decimal:
        return self.direct + self.shared


def allocate(
    reads: Reads,
    allocation: Allocation,
    *,
    first: date | None,
    last: date | None,
    metric: CostMetric = "effective",
    where: Sequence[Condition] = (),
) -> list[TeamRow]:
    """Each team's part, largest first; the parts sum to the bill of these days that `where` leaves, exactly, and its shared
    line is that of the same lines. Raises ConfigError (unknown column)."""
    params: dict[str, object] = {}
    team = team_expression(allocation, params)
    tests = [condition_test(condition, True, params) for condition in where]
    for name, day, sign in (("first", first, ">="), ("last", last, "<=")):
        if day is not None:
            params[name] = day
            tests.append(f"charge_date {sign} ${name}")
    rows = reads.rows(
        f"""
        with daily as ({DAILY_WITH_TAGS})
        select
            {team} as team,
            currency,
            sum({expression(METRIC_COLUMNS[metric], True)})::decimal(38, 12) as amount,
            sum(charge_count)::bigint as charges
        from daily {f"where {' and '.join(tests)}" if tests else ""}
        group by all
        order by currency, amount desc, team
        """,
        params,
    )
    found = [TeamRow(row["team"], row["currency"], row["amount"] or Decimal(0), Decimal(0), row["charges"]) for row in rows]
    return found if allocation.spread == "none" else _spread(found, allocation.spread)


@dataclass(frozen=True, slots=True)
class Unowned:
    """What of a currency's bill nobody has tagged; `share` is of all of it, None where that is nothing or less."""

    currency: str
    amount: Decimal
    share: float | None


def unowned(rows: Sequence[TeamRow]) -> list[Unowned]:
    """Spend without an owner, a row a currency, nothing included."""
    found = []
    for currency in dict.fromkeys(row.currency for row in rows):
        mine = [row for row in rows if row.currency == currency]
        total = sum((row.total for row in mine), Decimal(0))
        nobody = sum((row.total for row in mine if row.team == UNTAGGED), Decimal(0))
        found.append(Unowned(currency, nobody, float(nobody / total) if total > 0 else None))
    return found


def team_expression(allocation: Allocation, params: dict[str, object]) -> str:
    """SQL that names the team of a row of `DAILY_WITH_TAGS`."""
    cases = []
    for rule in allocation.rules:
        test = " and ".join(condition_test(condition, True, params) for condition in rule.where) or "true"
        params[f"t{len(params)}"] = rule.team
        cases.append(f"when {test} then ${list(params)[-1]}")
    tagged = ", ".join(f"nullif({expression(f'tag:{key}', True)}, '')" for key in allocation.tags)
    if tagged:
        cases.append(f"when coalesce({tagged}) is not null then coalesce({tagged})")
    return f"case {' '.join(cases)} when {SHARED_LINES} then '{SHARED}' else '{UNTAGGED}' end"


def _spread(rows: Sequence[TeamRow], spread: Spread) -> list[TeamRow]:
    """The shared line of each currency on its teams; it stays where there is no team to bear it."""
    result: list[TeamRow] = []
    for currency in dict.fromkeys(row.currency for row in rows):
        mine = [row for row in rows if row.currency == currency]
        shared = next((row for row in mine if row.team == SHARED), None)
        teams = [row for row in mine if row.team != SHARED]
        weights = [max(Decimal(0), row.direct) if spread == "proportional" else Decimal(1) for row in teams]
        if shared is None or not sum(weights):
            result += mine
            continue
        parts = apportion(shared.direct, weights)
        borne = [replace(row, shared=part) for row, part in zip(teams, parts, strict=True)]
        result += sorted(borne, key=lambda row: (-row.total, row.team))
        rest = shared.direct - sum(parts, Decimal(0))
        result += [replace(shared, direct=rest)] if rest else []
    return result


def apportion(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split an amount's whole cents by weight: largest remainders first, so that the parts sum to those cents exactly."""
    whole, total = cents(amount), sum(weights, Decimal(0))
    exact = [whole * 100 * weight / total for weight in weights]
    parts = [int(part) for part in exact]
    left = int(whole * 100) - sum(parts)
    order = sorted(range(len(parts)), key=lambda i: (-abs(exact[i] - parts[i]), i))
    for index in order[: abs(left)]:
        parts[index] += 1 if left > 0 else -1
    return [Decimal(part) / 100 for part in parts]
