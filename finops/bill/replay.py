"""Replays a real billing month: its usage, its prices and its commitments through the rater, beside what was billed.

A bill that the rater cannot reproduce is no ground for hypothetical ones: past `TOLERANCE` the plan stops.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

import numpy as np

from finops.bill.rating import Holding, PricedMeter, Rated, Rule, Tiers, rate, rule_of
from finops.commitment.levels import Commitment, Floats, family

TOLERANCE = 0.005
"""Share of the bill by which the replay may miss (algorithms note, "backtest protocol": at most 0.5 %)."""

UNIDENTIFIED = "unidentified"
"""The last part of a commitment's id where the bill names none."""

_PERIODS = """periods as (

    select
        x_source,
        coalesce(
            max(x_billing_period) filter (
                where (x_billing_period || '-01')::date + interval 1 month <= $as_of::date + 1
            ),
            max(x_billing_period)
        ) as x_billing_period
    from spend_monthly
    where x_billing_period <= strftime($as_of::date, '%Y-%m')
    group by x_source

)"""

USAGE = f"""
    with {_PERIODS}

    select
        x_source,
        currency,
        coalesce(provider, '') as provider,
        coalesce(account_id, billing_account_id, '') as account_id,
        coalesce(billing_account_id, '') as payer,
        coalesce(region, '') as region,
        coalesce(availability_zone, '') as zone,
        coalesce(service, '') as service,
        instance_type,
        coalesce(operating_system, '') as operating_system,
        coalesce(sku_id, sku_meter, '') as sku_id,
        lower(coalesce(commitment_id, '')) as commitment_id,
        min(line_start) as first_hour,
        max(line_end) as last_hour,
        list(charge_hour order by charge_hour) as hours,
        list(greatest(1, date_diff('hour', charge_hour, period_end)) order by charge_hour) as lengths,
        list(cast(consumed_quantity as double) order by charge_hour) as quantities,
        cast(sum(effective_cost) as double) as effective,
        cast(sum(coalesce(contracted_cost, effective_cost)) as double) as contracted
    from demand_placed($as_of::date)
    inner join periods using (x_source, x_billing_period)
    where
        coalesce(pricing_category, 'Standard') in ('Standard', 'Committed') and consumed_quantity > 0
    group by all
    order by all
"""
"""Machine usage of each source's last complete billing month: a row for each meter and commitment, hours in lists."""

UNUSED = f"""
    with {_PERIODS}

    select
        x_source,
        currency,
        coalesce(provider, '') as provider,
        -- a commitment is its buyer's, whoever uses it
        coalesce(
            max(coalesce(account_id, billing_account_id)) filter (
                where charge_category = 'Purchase' or commitment_status = 'Unused'
            ),
            max(billing_account_id)
        ) as account_id,
        list(distinct billing_account_id order by billing_account_id) filter (where billing_account_id is not null) as payers,
        lower(commitment_id) as commitment_id,
        max(coalesce(commitment_type, '')) as commitment_type,
        cast(coalesce(sum(effective_cost) filter (where commitment_status = 'Unused'), 0) as double) as unused,
        list(charge_date order by charge_date) filter (where commitment_status = 'Unused') as days,
        list(cast(effective_cost as double) order by charge_date) filter (where commitment_status = 'Unused') as amounts
    from resource_daily
    inner join periods using (x_source, x_billing_period)
    where commitment_id is not null
    group by all
    order by all
"""
"""Every commitment on those bills: whose it is, what the bill calls it, and what went unused."""

TOTALS = f"""
    with {_PERIODS}

    select
        x_source,
        currency,
        x_billing_period,
        cast(sum(effective_cost) filter (where charge_category != 'Tax') as double) as effective
    from spend_monthly
    inner join periods using (x_source, x_billing_period)
    group by all
    order by all
"""
"""Those bills without tax."""


@dataclass(frozen=True, slots=True)
class Replay:
    """One source's month: what its machines were billed (effective, commitments amortised), and what the rater makes of it.

    bill  the whole bill of that month without tax; what is no machine usage is in it as it stands
    """

    source: str
    currency: str
    period: str
    bill: float
    billed: float
    simulated: float
    commitments: int
    rated: Rated = field(repr=False)

    @property
    def error(self) -> float:
        """Signed, as a share of the bill; 0 where nothing was billed."""
        return (self.simulated - self.billed) / abs(self.bill) if self.bill else 0.0

    @property
    def reproduces(self) -> bool:
        return abs(self.error) <= TOLERANCE


def replays(
    usage: Iterable[Mapping[str, Any]],
    unused: Iterable[Mapping[str, Any]],
    totals: Iterable[Mapping[str, Any]],
    commitments: Mapping[str, Commitment],
    rules: Sequence[Rule],
    tiers: Sequence[Tiers] = (),
) -> list[Replay]:
    """One replay a source and currency with machine usage. `usage`, `unused` and `totals` are the rows of those statements.

    commitments  those that a table describes, by id in lower case; the others are read off the bill
    """
    rows, spare = _by_source(usage), _by_source(unused)
    bills = {(row["x_source"], row["currency"]): row for row in totals}
    return [_replay(bills[key], mine, spare.get(key, []), commitments, (rules, tiers)) for key, mine in rows.items()]


def _by_source(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Without what a commitment covers that the bill does not name: several would be taken for one."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["commitment_id"].rsplit("/", 1)[-1] != UNIDENTIFIED:
            found.setdefault((row["x_source"], row["currency"]), []).append(row)
    return found


def _replay(
    bill: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    spare: Sequence[Mapping[str, Any]],
    known: Mapping[str, Commitment],
    terms: tuple[Sequence[Rule], Sequence[Tiers]],
) -> Replay:
    rules, tiers = terms
    start = min(row["first_hour"] for row in rows)
    hours = max(1, round((max(row["last_hour"] for row in rows) - start) / timedelta(hours=1)))
    meters, places = _meters(rows, tiers)
    quantity = np.zeros((hours, len(meters)))
    for row in rows:
        _add(quantity[:, places[_place(row)]], row, start)
    holdings = [_holding(each, rows, (meters, places), (start, hours), known, rules) for each in spare]
    rated = rate(quantity, meters, holdings, tiers)
    billed = sum(row["effective"] for row in rows) + sum(row["unused"] for row in spare)
    return Replay(
        source=bill["x_source"],
        currency=bill["currency"],
        period=bill["x_billing_period"],
        bill=max(bill["effective"] or 0.0, billed),  # a bill that promotional credits pay is still as large as its machines
        billed=billed,
        simulated=rated.total,
        commitments=len(holdings),
        rated=rated,
    )


Place = tuple[str, ...]


def _place(row: Mapping[str, Any]) -> Place:
    names = ("provider", "account_id", "region", "zone", "service", "instance_type", "operating_system", "sku_id", "payer")
    return tuple(str(row[name]) for name in names)


def _meters(rows: Sequence[Mapping[str, Any]], tiers: Sequence[Tiers]) -> tuple[list[PricedMeter], dict[Place, int]]:
    """Each meter at its average price without commitments: what uncovered use of it cost, else what its price list says;
    before the discount for sustained use where there is one, which the rater applies."""
    sums: dict[Place, list[float]] = {}
    for row in rows:
        total = sums.setdefault(_place(row), [0.0, 0.0, 0.0, 0.0])
        amount = sum(row["quantities"])
        if row["commitment_id"]:
            total[2] += row["contracted"]
            total[3] += amount
        else:
            discounted = any(each.admits(row["service"], row["instance_type"]) for each in tiers)
            total[0] += row["contracted" if discounted else "effective"]
            total[1] += amount
    meters = []
    for place, (cost, amount, listed, covered) in sums.items():
        price = cost / amount if amount else listed / covered
        provider, account, region, zone, service, machine, system, _, payer = place
        meters.append(PricedMeter(provider, account, region, service, machine, system, price, zone, payer))
    return meters, {place: index for index, place in enumerate(sums)}


def _add(series: Floats, row: Mapping[str, Any], start: datetime) -> None:
    """Usage of longer periods (whole machines of a day) is even over their hours."""
    for moment, length, amount in zip(row["hours"], row["lengths"], row["quantities"], strict=True):
        first = round((moment - start) / timedelta(hours=1))
        series[first : first + length] += amount / length


def _holding(
    spare: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    metered: tuple[list[PricedMeter], dict[Place, int]],
    span: tuple[datetime, int],
    known: Mapping[str, Commitment],
    rules: Sequence[Rule],
) -> Holding:
    meters, places = metered
    covered = [row for row in rows if row["commitment_id"] == spare["commitment_id"]]
    commitment = known.get(spare["commitment_id"]) or _read_off(spare, covered, rules)
    rule = rule_of(commitment, str(spare["commitment_type"]), rules)
    hourly = _hourly(covered, spare, commitment, span)
    paid = {places[_place(row)]: row["effective"] / sum(row["quantities"]) for row in covered}
    rates = {index: price for index, price in paid.items() if price > 0}
    # without services of its own it is bought for one (a reservation of machines is none of databases): those that it covered
    rule = replace(rule, services=rule.services | {meters[index].service for index in rates})
    payers = frozenset(spare["payers"] or ())
    return Holding(commitment, rule, hourly, rates | _derived(rates, meters, commitment, rule), frozenset(rates), payers)


def _hourly(
    covered: Sequence[Mapping[str, Any]], spare: Mapping[str, Any], commitment: Commitment, span: tuple[datetime, int]
) -> Floats:
    """What the commitment was worth in each hour.

    The same in all hours of its term, unless an hour used more than that: then the file does not hold all of its lines (an
    excerpt, a purchase within the month), and each hour had what it used and its share of what the day left unused.
    """
    start, hours = span
    used = np.zeros(hours)
    for row in covered:
        series = np.zeros(hours)
        _add(series, row, start)
        used += series * (row["effective"] / sum(row["quantities"]))
    force = _in_force(commitment, start, hours)
    level = (used.sum() + spare["unused"]) / max(1.0, force.sum())
    if used.max(initial=0.0) <= level * (1 + 1e-6) and not (used * (1 - force)).any():
        return np.asarray(force * level)
    for day, amount in zip(spare["days"] or (), spare["amounts"] or (), strict=True):
        first = max(0, _hours(day, start))
        used[first : first + 24] += amount / 24
    return used


def _derived(rates: Mapping[int, float], meters: Sequence[PricedMeter], commitment: Commitment, rule: Rule) -> dict[int, float]:
    """Rates of meters that it may cover and did not in this month: the discount seen on the nearest it covered.

    Nearest is the same family, else anything: within a family, sizes are priced in proportion.
    """
    found: dict[int, float] = {}
    for index, meter in enumerate(meters):
        if index in rates or meter.price <= 0 or not rule.admits(commitment, meter):
            continue
        near = [price / meters[j].price for j, price in rates.items() if meters[j].price > 0 and _alike(meters[j], meter)]
        every = [price / meters[j].price for j, price in rates.items() if meters[j].price > 0]
        if near or every:
            found[index] = meter.price * median(near or every)
    return found


def _alike(one: PricedMeter, other: PricedMeter) -> bool:
    return family(one.instance_type) == family(other.instance_type) and one.operating_system == other.operating_system


def _in_force(commitment: Commitment, start: datetime, hours: int) -> Floats:
    """1 in every hour of its term; all hours where nobody knows the term."""
    force = np.ones(hours)
    first, last = commitment.term_start, commitment.term_end
    if first is not None:
        force[: max(0, _hours(first, start))] = 0
    if last is not None:
        force[max(0, _hours(last, start)) :] = 0
    return force


def _hours(day: date, start: datetime) -> int:
    return round((datetime.combine(day, datetime.min.time(), start.tzinfo) - start) / timedelta(hours=1))


def _read_off(spare: Mapping[str, Any], covered: Sequence[Mapping[str, Any]], rules: Sequence[Rule]) -> Commitment:
    """A commitment as its own lines show it: of usage commitments the region, system and machines that it covered, and it
    stretches over sizes where it covered several."""
    word = str(spare["commitment_type"])
    blank = Commitment(spare["commitment_id"], spare["provider"], spare["account_id"], "")
    rule = rule_of(blank, word, rules)
    machines = {row["instance_type"] for row in covered}
    scope: dict[str, Any] = {}
    if rule.order == "smallest" and covered:
        families = {rule.group(machine) for machine in machines}
        for key, name in (("region", "region"), ("operating_system", "operating_system")):
            values = {row[name] for row in covered}
            scope |= {key: values.pop()} if len(values) == 1 else {}
        if len(machines) == 1:
            scope["sku"] = next(iter(machines))
        elif len(families) == 1:
            scope |= {"family": families.pop(), "size_flexible": True}
    elif rule.order == "smallest":
        scope["sku"] = "\x1f nothing that was used"
    return replace(blank, instrument=rule.instrument, scope=scope)
