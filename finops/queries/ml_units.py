"""What one run and one thousand requests cost; a number that rests on a missing fact is None, and the fact is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from finops.activity.jobs import Run, run_of_row
from finops.money import cents, hundredths
from finops.queries.accelerators import PARTS, WHOLE
from finops.queries.costs import Condition, column_name
from finops.queries.ml_estate import DAYS, GROSS, NO_MODEL, MlEstate
from finops.queries.reads import Reads

ENDPOINTS = ("endpoint", "endpoints", "deployments", "provisionedmodel")
"""How the names of resource types end that answer requests."""

MORE = Decimal("1.01")
"""Runs that claim this much of their machine's hours on the bill shared it; less is how clocks and bills round."""

NO_TEAM = "(no team)"
ZERO = Decimal(0)
THOUSAND = Decimal(1000)
FINE = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class RunRow:
    """Runs of one team and model that began in the 30 days.

    cost          of those that ended and whose machine the bill prices, at the bill's effective price
    failed_share  of that cost, what failed; None where a run has no status
    cancelled_*   ended by their users: no failure
    unpriced      ended runs whose hours or machine's price are missing: no part of any cost here
    shared        those whose machine bills fewer hours than its runs claim together: they share what it cost by their hours
    """

    team: str
    model: str
    currency: str
    runs: int
    completed: int
    failed: int
    cancelled: int
    running: int
    unpriced: int
    shared: int
    hours: Decimal
    cost: Decimal
    cost_per_run: Decimal | None
    failed_cost: Decimal | None
    failed_share: float | None
    cancelled_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint over 30 days. `per_thousand` is of the days with a request metric; None is said in `note`."""

    resource: str
    service: str
    owner: str
    currency: str
    cost: Decimal
    requests: int | None
    per_thousand: Decimal | None
    note: str


@dataclass(frozen=True, slots=True)
class Priced:
    """A run with its cost; None where hours or price are missing, or while it runs."""

    run: Run
    model: str
    running: bool
    currency: str
    cost: Decimal | None
    shared: bool


@dataclass(frozen=True, slots=True)
class Pool:
    """Machine hours of the bill that price runs: those of one resource, or of one machine type at one provider."""

    name: tuple[str, ...]
    currency: str
    cost: Decimal
    hours: Decimal

    def hourly(self, claimed: Decimal) -> Decimal:
        """The price of an hour of a run: all runs together cost no more than the bill, however many hours they claim."""
        return self.cost / max(self.hours, claimed)


def runs(reads: Reads, estate: MlEstate) -> list[RunRow]:
    """By currency, team and model, dearest first. What runs lack goes to the estate's gaps."""
    groups: dict[tuple[str, str, str], list[Priced]] = {}
    for one in _priced(reads, estate):
        groups.setdefault((one.currency, one.run.team or NO_TEAM, one.model or NO_MODEL), []).append(one)
    found = [_run_row(*key, of_key) for key, of_key in groups.items()]
    return sorted(found, key=lambda row: (row.currency, -row.cost, row.team, row.model))


def _run_row(currency: str, team: str, model: str, mine: Sequence[Priced]) -> RunRow:
    ended = [one for one in mine if not one.running]
    priced = [one for one in ended if one.cost is not None]
    told = all(one.run.status for one in ended)
    cost = _cost(priced)
    failed = [one for one in priced if one.run.failed]
    return RunRow(
        team=team,
        model=model,
        currency=currency,
        runs=len(mine),
        completed=sum(bool(one.run.status) and not (one.run.failed or one.run.cancelled) for one in ended),
        failed=sum(one.run.failed for one in ended),
        cancelled=sum(one.run.cancelled for one in ended),
        running=len(mine) - len(ended),
        unpriced=len(ended) - len(priced),
        shared=sum(one.shared for one in priced),
        hours=hundredths(sum((Decimal(repr(one.run.hours or 0.0)) for one in priced), ZERO)),
        cost=cents(cost),
        cost_per_run=cents(cost / len(priced)) if priced else None,
        failed_cost=cents(_cost(failed)) if told and priced else None,
        failed_share=float(_cost(failed) / cost) if told and cost else None,
        cancelled_cost=cents(_cost([one for one in priced if one.run.cancelled])) if told and priced else None,
    )


def _cost(mine: Iterable[Priced]) -> Decimal:
    return sum((one.cost for one in mine if one.cost is not None), ZERO)


def _priced(reads: Reads, estate: MlEstate) -> list[Priced]:
    end = datetime.combine(estate.as_of, time.max, UTC)
    rows = reads.rows(
        f"""
        select * from runs
        where started_at >= $as_of::date - {DAYS - 1} and started_at < $as_of::date + 1
        order by started_at, run_id
        """,
        {"as_of": estate.as_of},
    )
    rows = [row for row in rows if _in_scope(row, estate.where)]
    lines = _machine_lines(reads, estate.as_of, rows)
    billing = _currencies(estate)
    asked = [(row, run_of_row(row), _pool_of(lines, row)) for row in rows]
    claimed: dict[tuple[str, ...], Decimal] = {}
    for row, run, pool in asked:
        if pool is not None and run.hours is not None and not _is_running(row, run, end):
            claimed[pool.name] = claimed.get(pool.name, ZERO) + Decimal(repr(run.hours))
    found = []
    for row, run, pool in asked:
        running = _is_running(row, run, end)
        currency = pool.currency if pool else billing.get(row["provider"] or "", "")
        cost, shared = None, False
        if pool is not None and run.hours is not None and not running:
            cost = Decimal(repr(run.hours)) * pool.hourly(claimed[pool.name])
            shared = claimed[pool.name] > pool.hours * MORE
        found.append(Priced(run, row["model"] or "", running, currency, cost, shared))
        if not running:
            _lacks(estate, row, run, currency, cost)
    return found


def _is_running(row: Mapping[str, Any], run: Run, end: datetime) -> bool:
    return run.status == "running" or (row["ended_at"] is not None and row["ended_at"] > end)


def _lacks(estate: MlEstate, row: Mapping[str, Any], run: Run, currency: str, cost: Decimal | None) -> None:
    about, provider = str(row["resource_id"] or "").lower() or run.run_id, row["provider"] or ""
    if not run.status:
        estate.lack("status of runs", about, currency, cost or ZERO, provider)
    if run.hours is None:
        estate.lack("billed_s of runs", about, currency, ZERO, provider)
    elif cost is None:
        estate.lack(f"price of {run.sku or 'the machine of runs'} on the bill", about, currency, ZERO, provider)


SCOPED = {"ProviderName": "provider", "SubAccountId": "account_id"}
"""What a run says of itself among the columns that a scope may name; other conditions leave runs as they are."""


def _in_scope(run: Mapping[str, Any], where: Sequence[Condition]) -> bool:
    for condition in where:
        own = SCOPED.get(column_name(condition.column))
        if own is not None and ((run[own] or "") in condition.values) == condition.negated:
            return False
    return True


def _currencies(estate: MlEstate) -> dict[str, str]:
    """Provider → the currency of its ML lines, where there is one: what a run without a price is listed under."""
    found: dict[str, set[str]] = {}
    for line in estate.ml_lines:
        found.setdefault(line.provider, set()).add(line.currency)
    return {provider: min(currencies) for provider, currencies in found.items() if len(currencies) == 1}


def _machine_lines(reads: Reads, as_of: date, runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found = reads.rows(
        f"""
        select
            lower(coalesce(resource_id, '')) as key,
            coalesce(provider, '') as provider,
            currency,
            coalesce(instance_type, '') as instance_type,
            coalesce(sku_meter, sku_id, '') as meter,
            coalesce(pricing_unit, '') as unit,
            coalesce(pricing_category, '') = 'Dynamic' as spot,
            cast(sum({GROSS}) as decimal(38, 12)) as cost,
            cast(sum(coalesce(pricing_quantity, 0)) as decimal(38, 12)) as quantity
        from resource_daily
        where
            charge_date > $as_of::date - {DAYS} and charge_date <= $as_of::date
            and charge_category = 'Usage' and coalesce(commitment_status, '') != 'Unused'
            and (
                lower(resource_id) in (select unnest($keys::varchar[]))
                or instance_type in (select unnest($skus::varchar[]))
            )
        group by all
        having sum(pricing_quantity) > 0
        order by all
        """,
        {
            "as_of": as_of,
            "keys": sorted({row["resource_id"].lower() for row in runs if row["resource_id"]}),
            "skus": sorted({row["sku"] for row in runs if row["sku"]}),
        },
    )
    return [row for row in found if WHOLE.match(row["unit"]) and not PARTS.search(row["meter"])]


def _pool_of(lines: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> Pool | None:
    """The hours of a run's machine on the bill: of its own resource, else of that machine at its provider."""
    key, provider, spot = str(row["resource_id"] or "").lower(), row["provider"] or "", row["spot"]
    sku = row["sku"] or ""
    own = [line for line in lines if key and line["key"] == key and sku in ("", line["instance_type"])]
    same = [line for line in lines if sku and (line["provider"], line["instance_type"]) == (provider, sku)]
    same = [line for line in same if spot is None or line["spot"] == spot]
    bought = [line for line in own if spot is None or line["spot"] == spot] or own
    for name, chosen in (((key, sku, str(spot)), bought), ((provider, sku, str(spot)), same)):
        currencies = {line["currency"] for line in chosen}
        hours = sum((_hours(line) for line in chosen), ZERO)
        if len(currencies) == 1 and hours > 0 and (sku or len({line["meter"] for line in chosen}) == 1):
            return Pool(name, currencies.pop(), sum((line["cost"] for line in chosen), ZERO), hours)
    return None


def _hours(line: Mapping[str, Any]) -> Decimal:
    match = WHOLE.match(line["unit"])
    quantity: Decimal = line["quantity"]
    return quantity * int(match[1]) if match and match[1] else quantity


def endpoints(reads: Reads, estate: MlEstate) -> list[EndpointRow]:
    """Every billed endpoint, dearest first; those without a request metric go to the estate's gaps."""
    costs: dict[tuple[str, str], Decimal] = {}
    services: dict[str, str] = {}
    for line in estate.ml_lines:
        machine = estate.machines.get(line.key)
        if machine is not None and any(kind.lower().endswith(ENDPOINTS) for kind in machine.types):
            costs[line.key, line.currency] = costs.get((line.key, line.currency), ZERO) + line.cost
            services[line.key] = line.service
    answered = _requests(reads, estate, sorted(services))
    rows = []
    for (key, currency), cost in costs.items():
        seen = answered.get((key, currency))
        requests = None if seen is None else round(seen[0])
        note = "no request metric" if requests is None else "no requests" if requests == 0 else f"{seen[2] if seen else 0} days"
        per = (seen[1] / Decimal(repr(seen[0])) * THOUSAND).quantize(FINE) if seen and seen[0] > 0 else None
        if requests is None and cost > 0:
            estate.lack("requests", key, currency, cost)
        rows.append(
            EndpointRow(estate.machines[key].resource, services[key], estate.owner(key), currency, cost, requests, per, note)
        )
    return sorted(rows, key=lambda row: (row.currency, -row.cost, row.resource))


def _requests(reads: Reads, estate: MlEstate, keys: Sequence[str]) -> dict[tuple[str, str], tuple[float, Decimal, int]]:
    """(resource, currency) → requests, the cost of the days on which they were counted, and how many days these are.

    A series without dimensions is the total; else those with the fewest dimensions add up.
    """
    owners = {name: key for key in keys for name in reversed(estate.machines[key].keys)}
    rows = reads.rows(
        f"""
        with counted as (
            select
                resource_id as key,
                cast(timestamp as date) as day,
                len(json_keys(coalesce(nullif(dimensions, ''), '{{}}'))) as dimensions,
                sum(value) as requests
            from metric_samples($as_of)
            where
                metric = 'requests' and statistic = 'sum' and timestamp >= $as_of::date - {DAYS - 1}
                and resource_id in (select unnest($names::varchar[]))
            group by all
        )
        select key, day, arg_min(requests, dimensions) as requests from counted group by key, day order by all
        """,
        {"as_of": estate.as_of, "names": sorted(owners)},
    )
    counted: dict[tuple[str, date], float] = {(owners[row["key"]], row["day"]): row["requests"] for row in rows}
    found: dict[tuple[str, str], tuple[float, Decimal, int]] = {}
    for row in _daily(reads, estate.as_of, keys):
        requests = counted.get((row["key"], row["day"]))
        if requests is not None:
            before = found.get((row["key"], row["currency"]), (0.0, ZERO, 0))
            found[row["key"], row["currency"]] = (before[0] + requests, before[1] + row["cost"], before[2] + 1)
    return found


def _daily(reads: Reads, as_of: date, keys: Sequence[str]) -> list[dict[str, Any]]:
    """ML spend of these resources by day."""
    return reads.rows(
        f"""
        select lower(resource_id) as key, currency, charge_date as day,
            cast(sum({GROSS}) as decimal(38, 12)) as cost
        from resource_daily
        where
            charge_date > $as_of::date - {DAYS} and charge_date <= $as_of::date and ml_workload
            and lower(resource_id) in (select unnest($keys::varchar[]))
        group by all
        order by all
        """,
        {"as_of": as_of, "keys": list(keys)},
    )
