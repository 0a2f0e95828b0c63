"""Schedule: what is used in office hours and paid around the clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfoNotFoundError

from pydantic import Field

from finops.activity.office_hours import Use, on_hours, tightest, use_of_rows
from finops.bill.lines import Line
from finops.kinds import kind_of, listed
from finops.model import Act, Estimate, Evidence, Fact, Finding, Keep, Saving, Schedule, Unknown, Verdict
from finops.money import HOURS_PER_MONTH, cents
from finops.pricing import number
from finops.profile import IN_PERCENT, Profile, profile_of_row, standby
from finops.recommend import Context, Row
from finops.sizing.estimate import range_share
from finops.sizing.meters import in_hours, machine_lines


@dataclass(frozen=True, slots=True)
class Level:
    """An hour is used where a sample is above `times` × the resource's own quiet level + `plus`, kept within two bounds.

    The quiet level is the tenth percentile: what agents cause at night. The upper bound keeps a service that is never quiet
    from being called so. Rates are per second.
    """

    metric: str
    least: float
    most: float
    times: float = 0.0
    plus: float = 0.0
    rate: bool = False


LEVELS = {
    level.metric: level
    for level in (
        Level("cpu_utilization", 5.0, 10.0, 2.0, 2.0),  # below 5 % at peak vendors call a machine idle (2023)
        Level("network_in_bytes", 2000.0, 2000.0, rate=True),  # Google's idle limits, 2000 and 1000 B/s (2024)
        Level("network_out_bytes", 1000.0, 1000.0, rate=True),
        Level("gpu_sm_active", 5.0, 5.0),
        Level("gpu_utilization", 5.0, 5.0),
        Level("connections", 0.0, 3.0, 1.0),  # monitors keep one to three connections open
        Level("queries", 0.0, 0.0),
        Level("requests", 0.0, 0.0),
        Level("kernels_active", 0.0, 0.0),
        Level("jobs_running", 0.0, 0.0),
        Level("pods_running", 0.0, 0.0),
    )
}


@dataclass(frozen=True, slots=True)
class Type:
    """How use of a type shows: one metric of `needs` must be there; `also` counts where present.

    by_idleness  its user switches it on and it can switch itself off: no fixed hours, but use and a quarter of it
    has_upkeep   its metrics show backups and patches too, which are no use
    """

    needs: tuple[str, ...]
    also: tuple[str, ...] = ()
    by_idleness: bool = False
    has_upkeep: bool = False

    @property
    def metrics(self) -> tuple[str, ...]:
        return (*self.needs, *self.also)


MACHINE = Type(
    ("cpu_utilization",),
    ("network_in_bytes", "network_out_bytes", "gpu_sm_active", "gpu_utilization", "connections", "requests", "jobs_running"),
    has_upkeep=True,
)
DESKTOP = Type(("connections", "gpu_utilization", "cpu_utilization"))
NOTEBOOK = Type(("kernels_active", "jobs_running", "cpu_utilization"), ("gpu_sm_active", "gpu_utilization"), by_idleness=True)
PODS = Type(("pods_running",))
DATABASE = Type(("connections",), ("cpu_utilization", "queries"), has_upkeep=True)
WAREHOUSE = Type(("queries", "connections"))

TYPES = {
    "machine": MACHINE,
    "machine_group": MACHINE,
    "desktop": DESKTOP,
    "notebook": NOTEBOOK,
    "notebook_machine": NOTEBOOK,
    "ml_compute": NOTEBOOK,
    "node_pool": PODS,
    "cluster": PODS,
    "database": DATABASE,
    "warehouse": WAREHOUSE,
}
"""By kind. A database that its provider cannot stop is none of them."""

PRODUCTION = ("prod", "production", "prd", "live")
ENVIRONMENT_TAGS = ("environment", "env", "stage")
MIN_WEEKS = 1.97  # two weekly cycles, less an hour or two at their ends
LAG_HOURS = 96  # metrics come up to three days late
UNUSED_HOURS = 14 * 24  # what has not been used for two weeks is judged as idle
UPKEEP_HOURS = 1.75  # a backup takes an hour a day, now and then with a patch in another
LEAST_DENSITY = 0.4  # of the hours on, how many were used: less is visits, not hours
LEAST_LATELY = 0.3  # of the average use, what the last four weeks must show
COUNTS = ("instances", "instance_count", "desired", "min_nodes")

_LEVELS = ", ".join(f"('{v.metric}', {v.least}, {v.most}, {v.times}, {v.plus}, {str(v.rate).lower()})" for v in LEVELS.values())
_METRICS = ", ".join(f"'{name}'" for name in LEVELS)
CANDIDATES = f"""
with levels as (

    select * from (values {_LEVELS}) as listed (metric, least, most, times, plus, per_second)

),

profiles as (

    select * exclude (metrics) from resource_profile($as_of)
    where lower(resource_type) in ({listed(*TYPES)})

),

samples as (

    -- what is coarser than an hour shows no hours
    select
        sample.resource_id as key,
        sample.metric,
        sample.timestamp,
        sample.value / if(levels.per_second, sample.period_s, 1) as amount,
        levels.least,
        levels.most,
        levels.times,
        levels.plus,
        case sample.statistic when 'avg' then 0 when 'sum' then 1 when 'max' then 2 else 3 end as choice
    from metric_samples($as_of) as sample
    inner join levels on sample.metric = levels.metric
    where
        sample.metric in ({_METRICS}) and sample.period_s <= 3600
        and sample.resource_id in (select lower(resource_id) from profiles)

),

bounds as (

    select
        key,
        metric,
        choice,
        any_value(times) * quantile_cont(amount, 0.1) + any_value(plus) as quiet,
        least(any_value(most), greatest(any_value(least), quiet)) as bound
    from samples
    group by key, metric, choice
    qualify choice = min(choice) over (partition by key, metric)

),

hours as (

    select
        samples.key,
        samples.metric,
        cast(floor(epoch(samples.timestamp) / 3600) as bigint) as hour,
        bool_or(samples.amount > bounds.bound) as used
    from samples
    inner join bounds on samples.key = bounds.key and samples.metric = bounds.metric and samples.choice = bounds.choice
    group by samples.key, samples.metric, floor(epoch(samples.timestamp) / 3600)

),

by_metric as (

    select
        key,
        metric,
        count(distinct hour // 24) as days,
        min(hour) as first_hour,
        max(hour) as last_hour,
        list(hour order by hour) filter (where used) as used,
        count(*) filter (where used) > 0.9 * (max(hour) - min(hour) + 1) as busy
    from hours
    group by key, metric

),

uses as (

    select
        key,
        list({{
            metric: metric, days: days, first_hour: first_hour, last_hour: last_hour, busy: busy,
            used: if(busy, null, used)
        }} order by metric) as uses
    from by_metric
    group by key

)

select
    profiles.*,
    uses.uses
from profiles
left join uses on lower(profiles.resource_id) = uses.key
order by profiles.provider, profiles.account_id, profiles.resource_id, profiles.currency
"""


@dataclass(frozen=True, slots=True)
class Schedules:
    """Schedule: what is used in office hours and paid around the clock."""

    most_hours: Annotated[
        float,
        Field(ge=0.1, le=0.95, description="Share of all hours that a schedule may be on and still be worth its trouble."),
    ] = 0.7
    exceptions: Annotated[
        float,
        Field(ge=0.0, le=0.1, description="Share of the used hours that may lie outside: someone switches it on by hand."),
    ] = 0.02
    start_hours: Annotated[
        float, Field(ge=0.0, le=2.0, description="Hours that it is switched on before it is used: a start takes minutes.")
    ] = 0.25
    overhead: Annotated[
        float, Field(ge=0.0, le=1.0, description="Of what stops itself, time that it idles before it does, as share of use.")
    ] = 0.25

    kind: ClassVar[str] = "schedule"
    candidates: ClassVar[str] = CANDIDATES

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        profile = profile_of_row(candidate)
        kind = TYPES.get(kind_of(profile.resource_type))
        if kind is None or profile.monthly_cost <= 0 or not machine_lines(context.bill.lines(profile.bill_key)):
            return
        use = use_of_rows(candidate.get("uses") or (), kind.metrics)
        verdict = self._verdict(profile, kind, use, context)
        yield _finding(profile, verdict, use, context)

    def _verdict(self, profile: Profile, kind: Type, use: Use | None, context: Context) -> Verdict:
        off = _off_and_billed(profile, context)
        reason = standby(profile) or _not_by_clock(profile, kind, off)
        if reason:
            return Keep(reason)
        missing = _missing(profile, kind, use)
        if use is None or missing:
            return Unknown((missing,))
        if use.always:
            return Keep("used around the clock")
        end = (context.as_of - date(1970, 1, 1)).days * 24 + 24
        if (use.last - use.first) / 168 < MIN_WEEKS or use.days < 10 or end - use.last > LAG_HOURS:
            return Unknown(("history",))
        if not use.hours or end - use.hours[-1] > UNUSED_HOURS:
            return Keep("not used at all of late: nothing to schedule")
        if kind.by_idleness:
            hours = use.per_month * (1 + self.overhead)
            return self._act(profile, "stopped after idling", hours, use, "it can stop itself when nothing runs", context)
        if kind.has_upkeep and use.a_day < UPKEEP_HOURS:
            return Keep("no more than upkeep: an hour or so on the days on which anything runs")
        zone = profile.properties.get("timezone")
        try:
            found = on_hours(use.hours, str(zone), exceptions=self.exceptions, start_hours=self.start_hours) if zone else None
        except (ZoneInfoNotFoundError, ValueError):
            found = None
        plan = found or tightest(use.hours, exceptions=self.exceptions, start_hours=self.start_hours)
        if use.lately < LEAST_LATELY or use.per_month < LEAST_DENSITY * plan.per_month:
            return Keep("watch: no steady hours of use: seldom, at changing times, or much less of late")
        why = f"{plan.covered:.1%} of the hours in which it was used lie within the hours on"
        why += "; it is off outside them already, and billed until it is deallocated" if off else ""
        return self._act(profile, str(plan), plan.per_month, use, why, context)

    def _act(self, profile: Profile, target: str, hours: float, use: Use, why: str, context: Context) -> Verdict:
        month = float(HOURS_PER_MONTH)
        if hours > self.most_hours * month:
            return Keep(f"used in too many hours: a schedule would be on for {hours / month:.0%} of them")
        lines = machine_lines(context.bill.lines(profile.bill_key))
        left = hours / (month * _running_share(profile, lines))
        if left > self.most_hours:
            return Keep("watch: it is off already for most of what a schedule would save")
        effect = in_hours(lines, left, hours / month, context.bill)
        net = cents(context.bill.value(profile.bill_key, effect).net)
        if net <= 0:
            return Keep("watch: nothing would be saved; a commitment covers its hours and nothing else could use it")
        share = Decimal(str(round(range_share((use.last - use.first) / 24), 4)))
        assumes = ("the hours of use of the weeks seen go on", "it starts and stops within a quarter of an hour")
        saving = Saving(Estimate(cents(net * (1 - share)), net, net), net * 12, Decimal(0), profile.currency, assumes=assumes)
        return Act(Schedule(target, Decimal(str(round(hours, 2)))), saving, round(1 - float(share), 2), why, effect)


def _off_and_billed(profile: Profile, context: Context) -> bool:
    """Whether it is stopped and billed around the clock all the same: switched off by its owner, and not given back."""
    state = f"{profile.state} {profile.properties.get('power_state') or ''}".lower()
    lines = machine_lines(context.bill.lines(profile.bill_key))
    return "stopped" in state and "deallocat" not in state and _running_share(profile, lines) == 1.0


def _not_by_clock(profile: Profile, kind: Type, off: bool) -> str | None:
    """Why nothing is switched off by the clock, whatever its use. What is `off` already nobody misses then."""
    environment = _environment(profile)
    if environment in PRODUCTION and not off:
        return f"{environment}: quiet nights are no reason to switch production off"
    if kind is NOTEBOOK and profile.property("min_nodes") is not None:
        return "a cluster that scales: its least number of nodes decides what it costs at rest"
    if profile.properties.get("stateful") in (True, "true") or profile.properties.get("quorum") in (True, "true"):
        return "stateful: members that leave must be rebuilt when they come back"
    return None


def _environment(profile: Profile) -> str:
    tags = {str(key).lower(): str(value).lower() for key, value in profile.tags.items()}
    return next((tags[key] for key in ENVIRONMENT_TAGS if tags.get(key)), "")


def _missing(profile: Profile, kind: Type, use: Use | None) -> str:
    """The metric without which nobody knows when it is used; a quiet processor says nothing of who calls an unknown machine."""
    seen = () if use is None else use.metrics
    if not set(kind.needs) & set(seen):
        return kind.needs[0]
    if profile.in_fractions:
        return IN_PERCENT
    return "network_in_bytes" if kind is MACHINE and len(seen) == 1 and not _environment(profile) else ""


def _running_share(profile: Profile, lines: Sequence[Line]) -> float:
    """The share of a month that it is billed for; 1 where it is never switched off.

    Hours are those of the largest meter, of all machines of a pool, over the machines that the inventory counts, else as many
    as they make.
    """
    metered: dict[str, float] = {}
    for line in lines:
        amount = float(line.quantity) * (number(line.unit.split(" ")[0]) or 1.0)
        metered[line.meter] = metered.get(line.meter, 0.0) + amount
    hours = max(metered.values(), default=0.0)
    month = float(HOURS_PER_MONTH)
    machines = max((profile.property(name) or 0.0 for name in COUNTS), default=0.0) or max(1.0, round(hours / month))
    share = hours / (month * machines)
    return share if 0.1 < share < 0.9 else 1.0


def _finding(profile: Profile, verdict: Verdict, use: Use | None, context: Context) -> Finding:
    facts: tuple[Fact, ...] = ()
    if use is not None:
        facts = (
            Fact("hours used", round(use.per_month, 1), "a month, by " + ", ".join(use.metrics), "metric_samples"),
            Fact("days seen", use.days, "days with samples", "metric_samples"),
        )
        if isinstance(verdict, Act) and isinstance(verdict.action, Schedule):
            facts += (Fact("hours on", verdict.action.on_hours_per_month, "a month", "schedule"),)
    return Finding(
        recommender="schedule",
        kind="schedule",
        scope=profile.scope,
        verdict=verdict,
        evidence=Evidence(facts, context.window, round(min(1.0, (use.days if use else 0) / 90), 2), ""),
        as_of=context.as_of,
        monthly_cost=cents(profile.monthly_cost),
        currency=profile.currency,
        tags={str(k): str(v) for k, v in profile.tags.items()},
        resource_type=profile.resource_type,
        billed_as=profile.bill_key,
    )
