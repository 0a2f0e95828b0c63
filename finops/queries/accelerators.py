"""Accelerator-hours: billed, idle over 30 days, and idle now, by owner. What nobody measured is said, not counted as busy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from finops.money import cents, hundredths
from finops.queries.ml_estate import DAYS, GROSS, Machine, MlEstate
from finops.queries.reads import Reads
from finops.sizing.machines import accelerator_of, hourly

IDLE_BELOW = 5.0
"""SM active or duty cycle, %, below which an accelerator waits (DCGM guidance; `recommenders/idle.py` uses the same)."""

LAG_DAYS = 3
"""Metrics and bills come late: the last complete day of a machine is at most so long before the day asked for."""

COARSE_S = 3600
"""At this period `gpu_utilization` hides pauses and counts any kernel as work: it does not tell idle hours."""

WHOLE = re.compile(r"^(?:(\d+) )?(?:hours?|hrs?)$", re.IGNORECASE)
PARTS = re.compile(r"\b(?:v?cpu|cores?|ram|memory)\b", re.IGNORECASE)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class AcceleratorRow:
    """One kind of accelerator over 30 days, in accelerator-hours.

    gpu_hours    billed; None where no machine's bill tells its hours
    idle_hours   at least so many, of the measured ones; None where nothing was measured
    unmeasured   billed hours of machines without a metric that tells
    """

    accelerator: str
    currency: str
    machines: int
    gpu_hours: Decimal | None
    idle_hours: Decimal | None
    unmeasured_hours: Decimal
    cost: Decimal
    idle_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """One owner's accelerators on their last complete day."""

    owner: str
    currency: str
    machines: int
    gpu_hours: Decimal
    idle_hours: Decimal | None
    unmeasured_hours: Decimal
    idle_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class IdleMachine:
    """One machine none of whose accelerators reached 5 % on average over its last complete day; `cost` is of its idle hours."""

    owner: str
    resource: str
    accelerator: str
    currency: str
    day: date
    gpu_hours: Decimal
    idle_hours: Decimal
    cost: Decimal
    seen_by: str


@dataclass(frozen=True, slots=True)
class BilledDay:
    """A machine's day on the bill: accelerator-hours (None: not told) and the cost of the machine's hours."""

    key: str
    currency: str
    day: date
    hours: Decimal | None
    cost: Decimal


@dataclass(frozen=True, slots=True)
class SeenDay:
    """A machine's day in the metrics: idle accelerator-hours, the busiest accelerator's mean, and what tells it."""

    idle: Decimal
    highest_mean: float
    by: str


@dataclass(frozen=True, slots=True)
class AcceleratorUse:
    """Every machine with a known accelerator, day by day."""

    billed: Sequence[BilledDay]
    seen: Mapping[tuple[str, date], SeenDay]

    def idle(self, day: BilledDay) -> tuple[Decimal, Decimal] | None:
        """Idle hours of a day, at most those billed, and their cost at the day's effective price; None: not known."""
        seen = self.seen.get((day.key, day.day))
        if seen is None or not day.hours:
            return None
        hours = min(day.hours, seen.idle)
        return hours, day.cost * hours / day.hours


def accelerator_use(reads: Reads, estate: MlEstate) -> AcceleratorUse:
    """Billed and seen days of the machines of an estate; what their bills or metrics lack goes to the estate's gaps."""
    machines = {key: machine for key, machine in estate.machines.items() if machine.accelerator}
    billed = _billed(reads, estate.as_of, machines)
    seen = _seen(reads, estate.as_of, machines)
    use = AcceleratorUse(billed, seen)
    for key, currency in dict.fromkeys((day.key, day.currency) for day in billed):
        days = [day for day in billed if (day.key, day.currency) == (key, currency)]
        cost = sum((day.cost for day in days), ZERO)
        machine = machines[key]
        if any(day.hours is None for day in days):
            missing = "properties gpu_count" if machine.count is None else "hours of the machine"
            estate.lack(missing, key, currency, cost)
        if not any((key, day.day) in seen for day in days):
            estate.lack("tpu_duty_cycle" if machine.tpu else "gpu_sm_active", key, currency, cost)
    return use


def accelerators(estate: MlEstate, use: AcceleratorUse) -> list[AcceleratorRow]:
    """By kind of accelerator and currency, dearest first."""
    groups: dict[tuple[str, str], list[BilledDay]] = {}
    for day in use.billed:
        groups.setdefault((day.currency, estate.machines[day.key].accelerator), []).append(day)
    rows = []
    for (currency, accelerator), days in groups.items():
        hours, idle, unmeasured, idle_cost = _totals(days, use)
        rows.append(
            AcceleratorRow(
                accelerator, currency, len({day.key for day in days}), hours, idle, unmeasured,
                sum((day.cost for day in days), ZERO), idle_cost,
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row.currency, -row.cost, row.accelerator))


def idle_by_owner(estate: MlEstate, use: AcceleratorUse) -> list[OwnerRow]:
    """By owner on each machine's last complete day, most idle cost first."""
    groups: dict[tuple[str, str], list[BilledDay]] = {}
    for day in _last_days(estate, use):
        groups.setdefault((day.currency, estate.owner(day.key)), []).append(day)
    rows = []
    for (currency, owner), days in groups.items():
        hours, idle, unmeasured, cost = _totals(days, use)
        rows.append(OwnerRow(owner, currency, len(days), hours or ZERO, idle, unmeasured, cost))
    return sorted(rows, key=lambda row: (row.currency, -(row.idle_cost or ZERO), row.owner))


def idle_now(estate: MlEstate, use: AcceleratorUse) -> list[IdleMachine]:
    """Machines idle on their last complete day, by owner, dearest first."""
    found = []
    for day in _last_days(estate, use):
        seen, idle = use.seen.get((day.key, day.day)), use.idle(day)
        if seen is None or idle is None or day.hours is None or seen.highest_mean >= IDLE_BELOW:
            continue
        machine = estate.machines[day.key]
        found.append(
            IdleMachine(
                estate.owner(day.key), machine.resource, machine.accelerator, day.currency, day.day, day.hours,
                idle[0], cents(idle[1]), seen.by,
            )
        )  # fmt: skip
    totals: dict[str, Decimal] = {}
    for one in found:
        totals[one.owner] = totals.get(one.owner, ZERO) + one.cost
    return sorted(found, key=lambda one: (one.currency, -totals[one.owner], one.owner, -one.cost, one.resource))


def _totals(days: Sequence[BilledDay], use: AcceleratorUse) -> tuple[Decimal | None, Decimal | None, Decimal, Decimal | None]:
    """Billed, idle and unmeasured hours, and the cost of the idle ones."""
    told = [day.hours for day in days if day.hours is not None]
    idle = [found for found in map(use.idle, days) if found is not None]
    measured = {day.key for day in days if use.idle(day) is not None}
    unmeasured = hundredths(sum((day.hours or ZERO for day in days if day.key not in measured), ZERO))
    hours = hundredths(sum(told, ZERO)) if told else None
    if not idle:
        return hours, None, unmeasured, None
    return hours, hundredths(sum((h for h, _ in idle), ZERO)), unmeasured, cents(sum((cost for _, cost in idle), ZERO))


def _last_days(estate: MlEstate, use: AcceleratorUse) -> list[BilledDay]:
    """Of each machine the last measured day of the last three, else the last billed one of these."""
    recent = [day for day in use.billed if day.day > estate.as_of - timedelta(days=LAG_DAYS)]
    last: dict[tuple[str, str], BilledDay] = {}
    for day in sorted(recent, key=lambda d: ((d.key, d.day) in use.seen and d.hours is not None, d.day)):
        last[day.key, day.currency] = day
    return [last[key] for key in sorted(last)]


def _billed(reads: Reads, as_of: date, machines: Mapping[str, Machine]) -> list[BilledDay]:
    rows = reads.rows(
        f"""
        select
            lower(resource_id) as key,
            currency,
            charge_date as day,
            coalesce(instance_type, '') as instance_type,
            coalesce(sku_meter, sku_id, '') as meter,
            coalesce(pricing_unit, '') as unit,
            cast(sum({GROSS}) as decimal(38, 12)) as cost,
            cast(sum(coalesce(pricing_quantity, 0)) as decimal(38, 12)) as quantity
        from resource_daily
        where
            charge_date > $as_of::date - {DAYS} and charge_date <= $as_of::date
            and lower(resource_id) in (select unnest($keys::varchar[]))
            and charge_category = 'Usage' and coalesce(commitment_status, '') != 'Unused'
        group by all
        order by all
        """,
        {"as_of": as_of, "keys": sorted(machines)},
    )
    groups: dict[tuple[str, str, date], list[Mapping[str, Any]]] = {}
    for row in rows:
        if hourly(row["unit"]):
            groups.setdefault((row["key"], row["currency"], row["day"]), []).append(row)
    return [
        BilledDay(key, currency, day, device_hours(lines, machines[key]), sum((row["cost"] for row in lines), ZERO))
        for (key, currency, day), lines in groups.items()
    ]


def device_hours(lines: Sequence[Mapping[str, Any]], machine: Machine) -> Decimal | None:
    """Accelerator-hours in a machine's lines: of the accelerator's own meter, else the machine's hours times how many it has.

    None where neither is told: a machine billed by cores and memory alone, or one whose number of accelerators nobody knows.
    """
    named = [row for row in lines if _is_accelerator_s(row, machine.accelerator)]
    if named:
        return sum((_whole_hours(row) for row in named), ZERO)
    whole = [row for row in lines if WHOLE.match(row["unit"]) and not PARTS.search(row["meter"])]
    typed = [row for row in whole if row["instance_type"]]
    if not typed and len({row["meter"] for row in whole}) == 1:
        typed = whole
    if not typed or machine.count is None:
        return None
    return sum((_whole_hours(row) for row in typed), ZERO) * Decimal(repr(machine.count))


def _is_accelerator_s(row: Mapping[str, Any], accelerator: str) -> bool:
    """A machine's own meter may bear its accelerator's name too (`NC24ads A100 v4`): then the bill names the machine."""
    words = re.split(r"[^A-Za-z0-9]+", row["meter"].upper())
    if any(word in ("GPU", "GPUS") or word.startswith("TPU") for word in words):
        return True
    return not row["instance_type"] and bool(accelerator_of((accelerator,), row["meter"]))


def _whole_hours(row: Mapping[str, Any]) -> Decimal:
    match = WHOLE.match(row["unit"])
    quantity: Decimal = row["quantity"]
    return quantity * int(match[1]) if match and match[1] else quantity


def _seen(reads: Reads, as_of: date, machines: Mapping[str, Machine]) -> dict[tuple[str, date], SeenDay]:
    owners = {key: bill_key for bill_key, machine in machines.items() for key in reversed(machine.keys)}
    rows = reads.rows(
        f"""
        select
            resource_id as key,
            cast(timestamp as date) as day,
            metric,
            statistic,
            json_extract_string(nullif(dimensions, ''), '$.device') as device,
            max(period_s) as period_s,
            sum(value * period_s) / sum(period_s) as mean,
            coalesce(sum(period_s) filter (where value < {IDLE_BELOW}), 0) / 3600 as idle
        from metric_samples($as_of)
        where
            metric in ('gpu_sm_active', 'tpu_duty_cycle', 'gpu_utilization')
            and timestamp >= $as_of::date - {DAYS - 1}
            and resource_id in (select unnest($keys::varchar[]))
        group by resource_id, cast(timestamp as date), metric, statistic, dimensions
        order by all
        """,
        {"as_of": as_of, "keys": sorted(owners)},
    )
    groups: dict[tuple[str, date], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((owners[row["key"]], row["day"]), []).append(row)
    found = {(key, day): seen_day(of_day, machines[key]) for (key, day), of_day in groups.items()}
    return {key: seen for key, seen in found.items() if seen is not None}


def seen_day(rows: Sequence[Mapping[str, Any]], machine: Machine) -> SeenDay | None:
    """What one day's series say of all accelerators of a machine. None where only hourly `gpu_utilization` is there."""
    for metric in ("gpu_sm_active", "tpu_duty_cycle", "gpu_utilization"):
        for statistic in ("avg", "max", "p99", "sum"):
            chosen = [row for row in rows if (row["metric"], row["statistic"]) == (metric, statistic)]
            period = max((row["period_s"] for row in chosen), default=0)
            if chosen and not (metric == "gpu_utilization" and period >= COARSE_S):
                return _of_devices(chosen, machine, f"{metric}, at least: samples of {period / 60:g} min")
    return None


def _of_devices(rows: Sequence[Mapping[str, Any]], machine: Machine, by: str) -> SeenDay:
    apart = [row for row in rows if row["device"] is not None]
    chosen = apart or list(rows)
    highest = max(float(row["mean"]) for row in chosen)
    if apart:
        # the devices of one machine may stand for those of each of its instances
        times = machine.instances if machine.count is not None and len(apart) <= machine.count else 1.0
        idle = sum(float(row["idle"]) for row in apart)
    else:
        times = (machine.count or 1.0) * machine.instances
        idle = min(float(row["idle"]) for row in chosen)
    return SeenDay(Decimal(repr(idle * times)), highest, by)
