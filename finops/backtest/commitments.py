"""Commitments bought at past dates, charged for their whole term on the demand that came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from finops.backtest.summary import Decision
from finops.backtest.verdicts import LAG_DAYS
from finops.commitment.levels import Floats, best_level, covered, evaluate
from finops.commitment.levels import Meter as Usage
from finops.commitment.mix import whole_units
from finops.commitment.offers import Offer, offers, term_hours
from finops.commitment.payers import UNKNOWN
from finops.model import Commit
from finops.pricing import PriceBook

TERM_DAYS = 365
"""What a decision is charged with: the shortest term that every provider sells."""

STEP_DAYS = 28
"""Days between decision dates whose term has passed."""

WAITING_DAYS = 84
"""Days between those whose term still runs: they are counted, and in no sum."""

LEAST_DAYS = 30
"""Days of demand before the first decision: the window of the advice."""

RENEWED_HOURS = 168
"""Hours before a decision whose mean says how much was covered: whole weeks, since usage differs by the day."""

Meter = tuple[str, str, str, str]
"""Provider, region, machine, operating system: what a price list tells apart."""

HISTORY = """
with usage as (

    select
        currency,
        coalesce(provider, '') as provider,
        coalesce(billing_account_id, '') as payer,
        coalesce(region, '') as region,
        instance_type,
        coalesce(operating_system, '') as operating_system,
        coalesce(lower(commitment_id), '') as commitment_id,
        charge_hour,
        greatest(1, date_diff('hour', charge_hour, period_end)) as hours,
        cast(sum(coalesce(list_cost, contracted_cost, effective_cost)) as double) as listed,
        cast(sum(coalesce(contracted_cost, effective_cost)) as double) as contracted,
        cast(sum(if(commitment_id is null, effective_cost, coalesce(contracted_cost, list_cost, effective_cost))) as double)
            as cost
    from demand_placed($as_of::date)
    where
        coalesce(pricing_category, 'Standard') in ('Standard', 'Committed') and instance_type is not null
        and charge_hour < $as_of::date + 1
    group by all

)

select
    currency,
    provider,
    payer,
    region,
    instance_type,
    operating_system,
    commitment_id,
    sum(listed) as listed,
    sum(contracted) as contracted,
    list(epoch(charge_hour) // 3600 order by charge_hour) as starts,
    list(hours order by charge_hour) as hours,
    list(cost order by charge_hour) as costs
from usage
group by all
order by all
"""
"""Every meter's usage, covered or not, hour by hour over all that is loaded; spot capacity is none that a plan covers."""


@dataclass(frozen=True, slots=True)
class Demand:
    """On-demand cost of each hour from `first` on, by meter and by who covered it (empty: nobody).

    kept  what automatic discounts leave of a meter's negotiated price
    paid  what the account pays of list prices, by provider
    """

    first: date
    series: Mapping[tuple[Meter, str], Floats]
    kept: Mapping[Meter, float]
    paid: Mapping[str, float]

    @property
    def hours(self) -> int:
        return max((len(series) for series in self.series.values()), default=0)

    def held(self, day: date, begun: Mapping[str, date | None]) -> frozenset[str]:
        """The commitments in force by the end of a day: by their terms (id → first day), or because they had covered something.

        One that goes on under its id has the first day of its present term.
        """
        by_term = {name for name, start in begun.items() if start is None or start <= day}
        until = ((day - self.first).days + 1) * 24
        return frozenset(by_term | {name for (_, name), series in self.series.items() if name and series[:until].any()})

    def of(self, meters: Sequence[Meter], held: Iterable[str], now: int) -> Floats:
        """Hours × meters: what commitments in `held`, and those that later took their place, did not cover.

        now  the hour of the decision: what is covered then and by other commitments later was renewed, up to the level of the
             seven days before
        """
        known = frozenset(held)
        total, own, later = (np.zeros((self.hours, len(meters))) for _ in range(3))
        for (meter, commitment), series in self.series.items():
            if meter in meters:
                part = own if commitment in known else later if commitment else total
                part[:, meters.index(meter)] += series
        level = own[max(0, now - RENEWED_HOURS) : now].mean(axis=0) if now > 0 else np.zeros(len(meters))
        return np.asarray(total + later - np.clip(level - own, 0.0, later))


@dataclass(frozen=True, slots=True)
class LevelRule:
    """How a provider's own advisor sizes a commitment; from `connectors/<cloud>/data/advice.csv`.

    best        the level that would have cost least over the last `days`; of several windows the lower
    always_on   what ran in every hour of them
    """

    name: str
    statistic: Literal["best", "always_on"]
    days: tuple[int, ...]

    def level(self, past: Floats, discounts: Floats) -> float:
        """Spend an hour at the plan's rates."""
        if self.statistic == "always_on":
            return float((past[-24 * self.days[0] :] @ (1 - discounts)).min(initial=np.inf)) if len(past) else 0.0
        return min(best_level(past[-24 * days :], discounts) for days in self.days)


@dataclass(frozen=True, slots=True)
class Bought:
    """One commitment that was advised at the end of a day."""

    day: date
    provider: str
    account: str
    action: Commit

    def is_beside(self, other: Bought) -> bool:
        """Whether both were bought on one day for the same usage."""
        mine, its = ((one.day, one.provider, one.action.payer) for one in (self, other))
        return mine == its


def purchase_days(first: date, last: date) -> list[date]:
    """Decision dates of a bill from `first` to `last`, in order: back from the newest whose term has passed, and from today."""
    begin = first + timedelta(days=LEAST_DAYS - 1)
    ripe = last - timedelta(days=LAG_DAYS + TERM_DAYS)
    days = [ripe - timedelta(days=n) for n in range(0, max(0, (ripe - begin).days + 1), STEP_DAYS)]
    since = max(begin, ripe + timedelta(days=1))
    days += [last - timedelta(days=n) for n in range(0, max(0, (last - since).days + 1), WAITING_DAYS)]
    return sorted(days)


def demand_of_rows(rows: Sequence[Mapping[str, Any]]) -> Demand:
    """The rows of `HISTORY` in one currency."""
    first = min((min(row["starts"]) for row in rows), default=0)
    first -= first % 24
    count = max((start + span for row in rows for start, span in zip(row["starts"], row["hours"], strict=True)), default=first)
    length = -(-(count - first) // 24) * 24
    series: dict[tuple[Meter, str], Floats] = {}
    sums: dict[Meter, list[float]] = {}
    listed: dict[str, list[float]] = {}
    for row in rows:
        meter = (row["provider"], row["region"], row["instance_type"], row["operating_system"])
        hourly = series.setdefault((meter, row["commitment_id"]), np.zeros(int(length)))
        for start, span, cost in zip(row["starts"], row["hours"], row["costs"], strict=True):
            hourly[int(start - first) : int(start - first + span)] += cost / span
        if not row["commitment_id"]:
            found = sums.setdefault(meter, [0.0, 0.0])
            found[0], found[1] = found[0] + sum(row["costs"]), found[1] + row["contracted"]
            whole = listed.setdefault(row["provider"], [0.0, 0.0])
            whole[0], whole[1] = whole[0] + row["contracted"], whole[1] + row["listed"]
    return Demand(
        datetime.fromtimestamp(first * 3600, UTC).date(),
        series,
        {meter: min(1.0, cost / contracted) for meter, (cost, contracted) in sums.items() if cost > 0 and contracted > 0},
        {provider: contracted / all_listed for provider, (contracted, all_listed) in listed.items() if all_listed > 0},
    )


def demands_of_rows(rows: Sequence[Mapping[str, Any]], payers: Iterable[str]) -> dict[str, Demand]:
    """What each of these billing accounts has to cover, of the rows of `HISTORY` in one currency; empty: all of it."""
    return {
        payer: demand_of_rows([row for row in rows if payer in ("", row["payer"] or UNKNOWN)]) for payer in sorted(set(payers))
    }


def sold_of(demand: Demand, action: Commit, provider: str, prices: PriceBook, at: datetime) -> Offer | None:
    """What was bought, by the price list in force, over automatic discounts; None where the list does not say what it covers.

    Of a lock, only what it was bought for.
    """
    meters = {
        Usage(provider, "", meter[1], "", meter[2], meter[3]): demand.kept.get(meter, 1.0)
        for meter in sorted({meter for meter, _ in demand.series if meter[0] == provider})
        if not action.covers or meter[1:] in action.covers
    }
    rows = prices.every(at, provider=provider, instrument=action.instrument, term=action.term)
    sold = offers(rows, meters, prices, at, longest=term_hours(action.term), capital=0.0)
    same = next((offer for offer in sold if (offer.payment or "none") == (action.payment or "none")), None)
    gives = {meter: discount for meter, discount in same.discounts.items() if discount > 0} if same is not None else {}
    return replace(same, discounts=gives) if same is not None and gives else None


def discounts(demand: Demand, action: Commit, provider: str, prices: PriceBook, at: datetime) -> dict[Meter, float]:
    """What the instrument gives on each meter that it covers."""
    sold = sold_of(demand, action, provider, prices, at)
    return {_key(meter): discount for meter, discount in sold.discounts.items()} if sold is not None else {}


def _key(meter: Usage) -> Meter:
    return meter.provider, meter.region, meter.instance_type, meter.operating_system


def charged_days(action: Commit) -> int:
    """Days that a purchase is charged with: its term, of a longer one the first year."""
    return min(TERM_DAYS, term_hours(action.term) // 24)


def replay(
    bought: Bought,
    demand: Demand,
    prices: PriceBook,
    held: Iterable[str],
    rules: Sequence[LevelRule],
    currency: str,
    earlier: Sequence[Bought] = (),
) -> Decision | None:
    """One purchase, charged its term; None where the price list does not say what it covers.

    held     the commitments, by id, that were in force: what later ones covered beside them was there to be covered by this one
    earlier  what was bought on the same day and is applied first: it leaves the rest
    """
    at = datetime.combine(bought.day, time.max, UTC)
    if (sold := sold_of(demand, bought.action, bought.provider, prices, at)) is None:
        return None
    rates = np.array(list(sold.discounts.values()))
    now, days = ((bought.day - demand.first).days + 1) * 24, charged_days(bought.action)
    left = _open([_key(meter) for meter in sold.discounts], demand, prices, held, earlier, at, now)
    past, term = left[:now], left[now + LAG_DAYS * 24 : now + (LAG_DAYS + days) * 24]
    baseline = float(term.sum())
    best, unit = best_level(term, rates), _unit(sold, demand)

    def cost(level: float) -> Decimal:
        return _money(baseline - evaluate(term, rates, level).saving * len(term))

    return Decision(
        kind="commitments",
        currency=currency,
        account=bought.account or bought.provider,
        subject=f"{bought.provider} {bought.action.instrument}",
        decided=bought.day,
        ends=bought.day + timedelta(days=LAG_DAYS + days),
        action=f"Commit → {bought.action.target}",
        baseline=_money(baseline),
        recommended=cost(_spend(bought, sold, demand)),
        hindsight=cost(whole_units(term, rates, best, unit) if unit and term.size else best),
        vendors={rule.name: cost(rule.level(past, rates)) for rule in rules},
    )


def _open(
    meters: Sequence[Meter],
    demand: Demand,
    prices: PriceBook,
    held: Iterable[str],
    earlier: Sequence[Bought],
    at: datetime,
    now: int,
) -> Floats:
    """Hours × meters that were there to cover."""
    left = demand.of(meters, held, now)
    for other in earlier:
        left = left - _taken(other, meters, left, demand, prices, at)
    return left


def _unit(sold: Offer, demand: Demand) -> float:
    """What one machine costs an hour, as the account pays; 0 where money is sold."""
    return next(iter(sold.units.values())) * demand.paid.get(sold.provider, 1.0) if sold.whole else 0.0


def _spend(bought: Bought, sold: Offer, demand: Demand) -> float:
    """What was ordered, as the account pays an hour."""
    return float(bought.action.hourly) * (_unit(sold, demand) or demand.paid.get(bought.provider, 1.0))


def _taken(other: Bought, meters: Sequence[Meter], left: Floats, demand: Demand, prices: PriceBook, at: datetime) -> Floats:
    """What another purchase takes of these meters."""
    taken = np.zeros_like(left)
    sold = sold_of(demand, other.action, other.provider, prices, at)
    mine = [place for place, meter in enumerate(meters) if sold is not None and meter in {_key(m) for m in sold.discounts}]
    if sold is not None and mine:
        gives = {_key(meter): discount for meter, discount in sold.discounts.items()}
        rates = np.array([gives[meters[place]] for place in mine])
        taken[:, mine] = covered(left[:, mine], rates, _spend(other, sold, demand))
    return taken


def _money(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 2))).quantize(Decimal("0.01"))
