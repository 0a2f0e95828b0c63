"""Unexpected spend: which service of which account, since when, how much above what its past explains, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from finops.anomaly import LEAST_DAYS, WINDOW, Span, unusual
from finops.money import cents
from finops.queries.changes import Item, explain
from finops.queries.costs import METRIC_COLUMNS, Condition, CostMetric, column_name, condition_test, expression
from finops.queries.reads import Reads
from finops.queries.teams import DAILY_WITH_TAGS
from finops.window import PROVISIONAL_DAYS

DAYS = 30
"""How far back unusual days are looked for: a billing month."""

LEAST_SHARE = Decimal("0.001")
"""Of the bill of the days looked at: below a thousandth nobody would act on it."""

BEFORE_DAYS = 28
"""What an anomaly is explained against: four weeks before its first day."""

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Unusual days of one group. Amounts in total over its unusual days.

    expected, low, high  what the same weekdays of the eight weeks before explain
    reason    usage, mix, price or begun: the largest part of the change against the four weeks before
    resource  what rose most in it, with its part of the rise
    ongoing   it reaches to the last settled day
    """

    keys: tuple[object, ...]
    currency: str
    first: date
    last: date
    days: int
    ongoing: bool
    actual: Decimal
    expected: Decimal
    low: Decimal
    high: Decimal
    above: Decimal
    reason: str
    resource: str
    resource_above: Decimal


def anomalies(
    reads: Reads,
    as_of: date,
    *,
    by: Sequence[str] = ("service", "account"),
    metric: CostMetric = "effective",
    where: Sequence[Condition] = (),
    days: int = DAYS,
    least: Decimal | None = None,
) -> list[Anomaly]:
    """Unusual spend of the last `days` settled days, most above first within a currency. Taxes are no usage, and left out.

    least  the smallest amount above to be named (default: a thousandth of what the currency cost in these days)
    Raises ConfigError for an unknown column.
    """
    settled = as_of - timedelta(days=PROVISIONAL_DAYS)
    since = settled - timedelta(days=days - 1)
    start = since - timedelta(days=WINDOW + LEAST_DAYS)
    series, begins = _series(reads, start, settled, by, metric, where)
    found: list[tuple[tuple[object, ...], str, Span]] = []
    for currency in sorted({key[1] for key in series}):
        mine = {key[0]: amounts for key, amounts in series.items() if key[1] == currency}
        spent = sum((amount for of_day in mine.values() for day, amount in of_day.items() if day >= since), ZERO)
        smallest = spent * LEAST_SHARE if least is None else least
        for keys, of_day in mine.items():
            first = max(start, begins[currency])
            history = [float(of_day.get(first + timedelta(days=n), 0)) for n in range((settled - first).days + 1)]
            spans = unusual(first, np.array(history), since=since)
            found += [(keys, currency, span) for span in spans if Decimal(repr(span.above)) >= max(smallest, Decimal("0.01"))]
    found.sort(key=lambda one: (one[1], -one[2].above, str(one[0])))
    return [_explained(reads, keys, currency, span, settled, by, metric, where) for keys, currency, span in found]


def _series(
    reads: Reads, start: date, settled: date, by: Sequence[str], metric: CostMetric, where: Sequence[Condition]
) -> tuple[dict[tuple[tuple[object, ...], str], dict[date, Decimal]], dict[str, date]]:
    """Spend a day of each group and currency, and the first day of each currency's bill."""
    sql, params = _daily(by, where, {"first": start, "last": settled})
    rows = reads.rows(
        f"""
        {sql}
        select {"".join(f"k{i}, " for i in range(len(by)))} currency, charge_date,
            sum({expression(METRIC_COLUMNS[metric], True)})::decimal(38, 12) as amount
        from scoped group by all order by all
        """,
        params,
    )
    series: dict[tuple[tuple[object, ...], str], dict[date, Decimal]] = {}
    begins: dict[str, date] = {}
    for row in rows:
        key = (tuple(row[f"k{i}"] for i in range(len(by))), row["currency"])
        series.setdefault(key, {})[row["charge_date"]] = row["amount"] or ZERO
        begins[row["currency"]] = min(begins.get(row["currency"], row["charge_date"]), row["charge_date"])
    return series, begins


def _daily(by: Sequence[str], where: Sequence[Condition], params: dict[str, object]) -> tuple[str, dict[str, object]]:
    """The lines in scope of some days as a CTE `scoped`, with the keys of their group; tags only where they are asked for."""
    names = [column_name(name) for name in by]
    conditions = [(column_name(condition.column), condition) for condition in where]
    tagged = any(name.startswith("tag:") for name in [*names, *(name for name, _ in conditions)])
    tests = ["charge_date between $first and $last", "charge_category != 'Tax'"]
    tests += [condition_test(condition, True, params) for _, condition in conditions]
    keys = "".join(f"{expression(name, True)} as k{i}, " for i, name in enumerate(names))
    source = DAILY_WITH_TAGS if tagged else "select * from resource_daily"
    return f"with daily as ({source}), scoped as (select {keys} daily.* from daily where {' and '.join(tests)})", params


def _explained(
    reads: Reads,
    keys: tuple[object, ...],
    currency: str,
    span: Span,
    settled: date,
    by: Sequence[str],
    metric: CostMetric,
    where: Sequence[Condition],
) -> Anomaly:
    """What changed, against the four weeks before brought to as many days."""
    rows = _around(reads, keys, currency, span, by, metric, where)
    length = (span.last - span.first).days + 1
    resource, rise = _riser(rows, length)
    return Anomaly(
        keys=keys,
        currency=currency,
        first=span.first,
        last=span.last,
        days=span.days,
        ongoing=span.last == settled,
        actual=_amount(span.actual),
        expected=_amount(span.expected),
        low=_amount(span.low),
        high=_amount(span.high),
        above=_amount(span.above),
        reason=_reason(keys, currency, rows, length),
        resource=resource,
        resource_above=cents(rise),
    )


def _around(
    reads: Reads,
    keys: tuple[object, ...],
    currency: str,
    span: Span,
    by: Sequence[str],
    metric: CostMetric,
    where: Sequence[Condition],
) -> list[dict[str, Any]]:
    """The group's lines of the span and of the four weeks before it, summed by resource and price."""
    before = span.first - timedelta(days=BEFORE_DAYS)
    sql, params = _daily(by, where, {"first": before, "last": span.last})
    params |= {"begun": span.first, "currency": currency} | {f"key{i}": value for i, value in enumerate(keys)}
    same = "".join(f" and k{i} is not distinct from $key{i}" for i in range(len(by)))
    cost = expression(METRIC_COLUMNS[metric], True)
    return reads.rows(
        f"""
        {sql}
        select
            coalesce(resource_id, '') as resource, coalesce(pricing_unit, '') as unit,
            concat_ws('/', region, sku_id, sku_meter, charge_category) as item,
            charge_date >= $begun as after,
            coalesce(commitment_id, '') != '' as covered,
            sum(coalesce(pricing_quantity, 0))::decimal(38, 12) as quantity,
            sum(coalesce({cost}, 0))::decimal(38, 12) as cost
        from scoped where currency = $currency{same} group by all order by all
        """,
        params,
    )


def _amount(value: float) -> Decimal:
    return cents(Decimal(repr(value)))


def _scaled(row: Mapping[str, Any], name: str, length: int) -> Decimal:
    amount: Decimal = row[name]
    return amount if row["after"] else amount * length / BEFORE_DAYS


def _riser(rows: Sequence[Mapping[str, Any]], length: int) -> tuple[str, Decimal]:
    rises: dict[str, Decimal] = {}
    for row in rows:
        cost = _scaled(row, "cost", length)
        rises[row["resource"]] = rises.get(row["resource"], ZERO) + (cost if row["after"] else -cost)
    if not rises:
        return "", ZERO
    most = max(sorted(rises), key=lambda name: rises[name])
    return most, rises[most]


def _reason(keys: tuple[object, ...], currency: str, rows: Sequence[Mapping[str, Any]], length: int) -> str:
    """The largest part of the change, in one word, and what of it a commitment explains."""
    if not any(row["cost"] > 0 for row in rows if not row["after"]):
        return "begun: nothing was spent on it in the four weeks before"
    sums: dict[tuple[str, str], list[list[Decimal]]] = {}
    for row in rows:
        pair = sums.setdefault((row["item"], row["unit"]), [[ZERO, ZERO], [ZERO, ZERO]])
        at = int(row["after"])
        pair[0][at] += _scaled(row, "quantity", length)
        pair[1][at] += _scaled(row, "cost", length)
    items = [Item(unit, (q[0], q[1]), (c[0], c[1]), (c[0], c[1])) for (_, unit), (q, c) in sums.items()]
    change = explain(keys, currency, items)
    parts = {"usage": change.usage, "mix": change.mix, "price": change.price}
    most = max(parts, key=lambda name: parts[name])
    words = {
        "usage": "usage: more of the same",
        "mix": "mix: dearer things of the same unit",
        "price": "price: a unit costs more",
    }
    then, now = (_covered(rows, after) for after in (False, True))
    if most == "price" and then - now > 0.1:
        return f"price: a commitment covers {now:.0%} of it, {then:.0%} before"
    return words[most]


def _covered(rows: Sequence[Mapping[str, Any]], after: bool) -> float:
    """Share of the quantity that a commitment covers."""
    mine = [row for row in rows if row["after"] is after and row["quantity"] > 0]
    total = sum((row["quantity"] for row in mine), ZERO)
    return float(sum((row["quantity"] for row in mine if row["covered"]), ZERO) / total) if total else 0.0
