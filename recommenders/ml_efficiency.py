"""ML efficiency: hours that training loses to failures, to its own input pipeline, and to data kept twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from finops.activity.jobs import (
    RUNS_OF,
    Run,
    by_team,
    capped,
    cost_of,
    cost_sql,
    machine_hours,
    median_hours,
    most_short_runs_a_day,
    run_of_row,
)
from finops.model import WATCH, Act, Change, Effect, Fact, Finding, Keep, Reconfigure, Unknown
from finops.money import cents
from finops.pricing import PriceKey
from finops.profile import Profile, Series, profile_of_row
from finops.recommend import Context, Row
from finops.sizing.estimate import median_above
from finops.sizing.machines import hourly, hourly_lines, hourly_price, ratio
from finops.verdicts import Judged, act, finding_of, price_of

MONTHS = 3
"""Runs are read over 90 days, which are three months."""

GIB = 1024.0**3
PART_GIB = 1 / 16  # a multipart upload's part: 64 MiB
KEPT = 3  # checkpoints that a run keeps: the last ones; older ones are never read
REACHED = 75.0  # SM active, %, of training whose input keeps up
SERVING = ("endpoint", "endpoints", "provisionedmodel", "deployments")
MIB = 1024.0**2


@dataclass(frozen=True, slots=True)
class MlEfficiency:
    """ML efficiency: failed runs, waiting GPUs and second copies."""

    failures: Annotated[
        int, Field(ge=2, le=100, description="Failed runs in 90 days from which there is something to fix.")
    ] = 3
    loop: Annotated[int, Field(ge=3, le=1000, description="Runs of less than ten minutes in a day that look like a loop.")] = 10
    sm_active: Annotated[float, Field(ge=5, le=75, description="Median SM active, %, below which training waits.")] = 50.0
    dram_active: Annotated[float, Field(ge=5, le=75, description="Median DRAM active, %, below which memory is no limit.")] = (
        30.0
    )
    cpu: Annotated[float, Field(ge=50, le=100, description="Median CPU, %, from which it limits the input pipeline.")] = 90.0
    stall_share: Annotated[float, Field(ge=0.05, le=0.9, description="Share of a run's hours without GPU worth a hint.")] = 0.2
    min_days: Annotated[int, Field(ge=7, le=90, description="Days of metrics before a verdict.")] = 14

    kind: ClassVar[str] = "ml_efficiency"
    candidates: ClassVar[str] = f"""
        with {RUNS_OF},

        stalls as (

            select
                grouped.owner,
                max(samples.period_s) as period_s,
                sum(samples.period_s) / 3600 as seen_hours,
                sum(samples.period_s) filter (where samples.value < 5) / 3600 as stalled_hours
            from (
                select
                    resource_id,
                    timestamp,
                    max(value) as value,
                    max(period_s) as period_s
                from metric_samples($as_of)
                where metric = 'gpu_sm_active'
                group by resource_id, timestamp
            ) as samples
            inner join grouped
                on
                    samples.resource_id = grouped.key
                    and samples.timestamp >= grouped.started_at and samples.timestamp < grouped.ended_at
            group by grouped.owner

        ),

        buckets as (

            select
                bucket,
                sum(object_count) as object_count,
                sum(bytes) as bytes
            from object_listing($as_of)
            group by bucket

        ),

        equals as (

            -- the copy is whichever of the two names comes last: bytes do not tell which was first
            select
                other.bucket,
                min(one.bucket) as equal
            from buckets as one
            inner join buckets as other
                on
                    one.bucket < other.bucket
                    and one.bytes > 0
                    and abs(one.bytes - other.bytes) <= 0.01 * one.bytes
                    and abs(one.object_count - other.object_count) <= 0.01 * one.object_count
            group by other.bucket

        ),

        profiles as (

            select
                *,
                lower(resource_id) as key,
                lower(regexp_replace(resource_id, '^.*[:/]', '')) as bucket_name
            from resource_profile($as_of)

        ),

        known as (

            select
                profiles.* exclude (key, bucket_name),
                runs_of.runs,
                [coalesce(nullif(lower(profiles.billed_as), ''), profiles.key)] as keys,
                stalls.period_s as stall_period_s,
                stalls.seen_hours,
                stalls.stalled_hours,
                equals.equal
            from profiles
            left join runs_of on profiles.key = runs_of.owner
            left join stalls on profiles.key = stalls.owner
            left join equals on lower(equals.bucket) in (profiles.key, profiles.bucket_name)
            where
                runs_of.owner is not null or equals.equal is not null
                or profiles.key in (
                    select resource_id
                    from metric_daily
                    where
                        metric in ('gpu_sm_active', 'gpu_utilization')
                        and metric_date > $as_of::date - 90 and metric_date <= $as_of::date
                )

        ),

        billed as (

            select
                runs_of.owner,
                runs_of.provider,
                runs_of.account_id,
                bill.currency,
                any_value(runs_of.runs) as runs,
                list(distinct bill.resource_id order by bill.resource_id) as keys,
                max(bill.region) as region,
                max(bill.service) as service,
                cast(sum(cast(bill.cost * bill.run_rate as decimal(38, 12))) as decimal(38, 12)) as cost
            from runs_of
            inner join bill_month($as_of) as bill on list_contains(runs_of.keys, bill.resource_id)
            where runs_of.owner like 'runs of %' and bill.resource_id != ''
            group by runs_of.owner, runs_of.provider, runs_of.account_id, bill.currency

        ),

        final as (

            select * from known
            union all by name
            select
                owner as resource_id,
                provider,
                account_id,
                region,
                service,
                currency,
                cost,
                runs,
                keys,
                'runs' as resource_type,
                true as in_inventory,
                30 as billed_days
            from billed

        )

        select * from final
        order by provider, account_id, resource_id
    """

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        profile = profile_of_row(candidate)
        if profile.monthly_cost <= 0:
            return
        runs = [run_of_row(row) for row in candidate.get("runs") or ()]
        keys = tuple(candidate.get("keys") or (profile.bill_key,))
        found = [("failed runs", self._failures(profile, keys, runs, context)), ("loop", self._loop(runs))]
        if not profile.resource_type.lower().endswith(SERVING):
            found += [("input pipeline", self._waiting(profile, runs, context)), ("stalls", self._stalls(candidate, context))]
        found.append(("copy", _copy(profile, candidate.get("equal"), context)))
        acted = False
        for part, judged in found:
            if judged is None:
                continue
            first = isinstance(judged.verdict, Act) and not acted
            acted = acted or first
            yield finding_of(profile, judged, self.kind, context, part="" if first else part)

    def _failures(self, profile: Profile, keys: Sequence[str], runs: Sequence[Run], context: Context) -> Judged | None:
        """What failed runs cost in 90 days, a month: with checkpoints and a check before the start most of it is not lost."""
        if runs and not any(run.status for run in runs):
            return Judged(Unknown(("status of runs",)))
        failed = [run for run in runs if run.failed]
        if len(failed) < self.failures or most_short_runs_a_day(failed) == len(failed):
            return None
        facts = _facts(runs, failed)
        every = profile.property("checkpoint_interval_s")
        if every is not None and every > 0:
            return Judged(
                Keep(f"failures lose at most {every / 60:,.0f} minutes each: that is how often it writes a checkpoint"), facts
            )
        if any(run.hours is None for run in failed):
            return Judged(Unknown(("billed_s of runs",)), facts)
        prices = {sku: hourly_price(sku, profile, keys, context) for sku in sorted({run.sku for run in failed})}
        lacking = tuple(
            price_of(sku or "the machine of failed runs", profile, context) for sku, p in prices.items() if p is None
        )
        if lacking:
            return Judged(Unknown(lacking), facts)
        priced = {sku: price for sku, price in prices.items() if price is not None}
        return _checkpoints(profile, keys, runs, failed, priced, facts, context)

    def _loop(self, runs: Sequence[Run]) -> Judged | None:
        most = most_short_runs_a_day(runs)
        if most < self.loop:
            return None
        why = f"{WATCH}: {most} runs of less than ten minutes began within one day: it may restart in a loop"
        return Judged(Keep(why), (Fact("short runs in a day", most, "", "runs, 90 days"),))

    def _waiting(self, profile: Profile, runs: Sequence[Run], context: Context) -> Judged | None:
        """Training whose GPUs wait for data: SM, DRAM and CPU (or a flat reading rate) say so only together."""
        medians = {name: _busy_median(profile.of(name)) for name in ("gpu_sm_active", "gpu_dram_active", "cpu_utilization")}
        sm, dram, cpu = medians.values()
        flat = _flat(profile)
        limit = "CPU" if cpu is not None and cpu >= self.cpu else flat
        if sm is None:
            if (
                limit != "CPU"
                or not (runs or profile.has("gpu_utilization"))
                or _busy_median(profile.of("gpu_utilization")) is None
            ):
                return None
            return Judged(Keep(f"{WATCH}: stall, cause unknown: gpu_sm_active is missing, and gpu_utilization does not tell"))
        if sm >= self.sm_active or (dram is not None and dram >= self.dram_active):
            return None
        facts = tuple(
            Fact(f"median {n}", round(v, 1), "%, while busy", "metric_daily") for n, v in medians.items() if v is not None
        )
        if cpu is None or dram is None:
            missing = "cpu_utilization" if cpu is None else "gpu_dram_active"
            return Judged(Keep(f"{WATCH}: stall, cause unknown: {missing} is missing"), facts)
        if limit is None:
            return (
                Judged(Keep(f"{WATCH}: stall, cause unknown: neither CPU nor reading is at a limit"), facts) if runs else None
            )
        if profile.history_days(("gpu_sm_active",)) < self.min_days:
            return Judged(Unknown(("history",)), facts)
        return _input_pipeline(profile, sm, limit, facts, context)

    def _stalls(self, row: Row, context: Context) -> Judged | None:
        """Hours inside runs in which no GPU worked; samples of minutes make it a lower bound, hourly ones hide pauses."""
        seen, stalled = float(row.get("seen_hours") or 0), float(row.get("stalled_hours") or 0)
        if seen <= 0 or stalled / seen < self.stall_share:
            return None
        key = str((row.get("keys") or [""])[0])
        cost = cents(sum((line.cost for line in context.bill.lines(key) if hourly(line.unit)), Decimal(0)))
        share = stalled / seen
        period = float(row["stall_period_s"]) / 60
        why = f"{WATCH}: in {share:.0%} of the hours inside its runs no GPU works (at least: samples of {period:.0f} minutes)"
        facts = (
            Fact("hours inside runs", round(seen, 1), "of 90 days", "runs, metric_samples"),
            Fact("without GPU", round(stalled, 1), "hours", "metric_samples"),
            Fact("cost of those", str(cents(cost * Decimal(repr(share)))), "a month, at most", "bill_month"),
        )
        return Judged(Keep(why), facts)


def _facts(runs: Sequence[Run], failed: Sequence[Run]) -> tuple[Fact, ...]:
    cancelled = [run for run in runs if run.cancelled]
    return (
        Fact("failed runs", len(failed), "in 90 days", "runs"),
        Fact("machine hours of failed runs", round(machine_hours(failed), 2), "in 90 days", "runs"),
        Fact("median failure", round(median_hours(failed), 2), "hours after the start", "runs"),
        Fact("runs cancelled by their users", len(cancelled), "not counted", "runs"),
    )


def _checkpoints(
    profile: Profile,
    keys: Sequence[str],
    runs: Sequence[Run],
    failed: Sequence[Run],
    prices: dict[str, Decimal],
    facts: tuple[Fact, ...],
    context: Context,
) -> Judged:
    costs = {team: cost_of(mine, prices) / MONTHS for team, mine in by_team(failed).items()}
    lost = sum(costs.values(), Decimal(0))
    writes = _writes(profile, runs, context)
    bill = sum((line.cost for key in keys for line in context.bill.lines(key) if not line.commitment), Decimal(0))
    expected = min(lost - (writes or Decimal(0)), bill)
    if cents(expected) <= 0:
        return Judged(Keep("checkpoints would cost as much as the failures"), facts)
    first_hours = [capped(run, 1.0) for run in failed]
    low = expected - cost_of(first_hours, prices) / MONTHS
    explanation = tuple(f"{team}: {cents(cost)} a month" for team, cost in costs.items())
    effect = Effect(cut=cents(expected)) if len(keys) == 1 and keys[0] == profile.bill_key else Effect(adds=-cents(expected))
    unpriced = (
        () if writes is not None else ("writing checkpoints is not priced: their size (properties checkpoint_gib) is unknown",)
    )
    verdict = act(
        Reconfigure("no checkpoint observed", "checkpoint + preflight"),
        effect, (low, expected, expected), profile, confidence=0.6,
        why=f"{len(failed)} runs failed in 90 days, half of them later than hour {median_hours(failed):.1f}, and began again",
        assumes=("failures go on at the rate of the last 90 days", *unpriced),
    )  # fmt: skip
    sql = cost_sql(failed, prices, lost - expected, context.as_of, MONTHS)
    return Judged(verdict, facts, explanation, effort="medium", sql=sql)


def _writes(profile: Profile, runs: Sequence[Run], context: Context) -> Decimal | None:
    """A month of hourly checkpoints of all runs: requests, and the last ones kept; None where size or price is unknown."""
    size = profile.property("checkpoint_gib")
    key = PriceKey(profile.provider, profile.region, "object_storage", "STANDARD")
    stored = context.prices.price(key, context.at)
    put = context.prices.price(PriceKey(profile.provider, profile.region, "object_storage", "STANDARD:put"), context.at)
    if size is None or stored is None or put is None or not put.unit.startswith("1000"):
        return None
    hours = sum(run.clock_hours or 0.0 for run in runs) / MONTHS
    requests = hours * size / PART_GIB / 1000 * float(put.amount)
    return Decimal(repr(requests + size * KEPT * float(stored.amount) * hours / 730))


def _busy_median(series: Sequence[Series]) -> float | None:
    """The median of the samples above 5 %: of the hours in which it ran; the mean over devices where they are told apart."""
    chosen = [s for s in series if s.statistic == "avg"] or [s for s in series if s.statistic in ("p50", "max", "p95", "p99")]
    values = [value for s in chosen if (value := median_above(s.buckets, 5.0, s.highest)) is not None]
    return sum(values) / len(values) if values else None


def _flat(profile: Profile) -> str | None:
    """What it reads from, where that runs at one rate: the ceiling of a disk or of a network."""
    for metric, name in (("disk_read_bytes", "disk reading"), ("network_in_bytes", "network reading")):
        for series in profile.of(metric, "sum"):
            hours, samples = sum(day.hours for day in series.days), sum(series.buckets.values())
            per_second = samples / (hours * 3600) if hours else 0.0
            middle = median_above(series.buckets, 0.0, series.highest)
            high = series.quantile(0.99)
            if middle is not None and high * per_second >= 50 * MIB and middle >= 0.9 * high:
                return name
    return None


def _input_pipeline(profile: Profile, sm: float, limit: str, facts: tuple[Fact, ...], context: Context) -> Judged:
    """The same steps in fewer hours: SM active rises to what training reaches whose input keeps up; 20 to 55 % of the cost."""
    lines = hourly_lines(profile, context)
    share = min(0.55, max(0.2, 1 - sm / REACHED))
    units = sorted({line.unit for line in lines})
    effect = Effect(tuple(Change(ratio(Decimal(repr(1 - share)), Decimal(1)), unit=unit) for unit in units))
    net = context.bill.value(profile.bill_key, effect).net
    if net <= 0:
        return Judged(Keep("a commitment covers it, and fewer hours would save nothing before that ends"), facts)
    low, high = (net * Decimal(repr(bound / share)) for bound in (0.2, 0.55))
    verdict = act(
        Reconfigure(f"input pipeline at the limit of {limit}", "input pipeline"), effect, (low, net, high), profile,
        confidence=0.3,
        why=f"its GPUs wait for data: SM active {sm:.0f} %, {limit} at its limit; a smaller machine would wait longer",
        assumes=(f"SM active rises to {REACHED:.0f} %", "the work is the same, so that hours fall as speed rises"),
    )  # fmt: skip
    steps = "more loader workers, decoded and sharded records, prefetch, preprocessing on the GPU"
    return Judged(verdict, facts, (steps,), ("Resize: fewer CPUs would make it slower",), "high")


def _copy(profile: Profile, equal: object, context: Context) -> Judged | None:
    if not equal:
        return None
    lines = context.bill.lines(profile.bill_key)
    stored = sum((line.cost for line in lines if "mo" in line.unit.lower()), Decimal(0))
    why = (
        f"{WATCH}: it holds as many objects and bytes as {equal}; storage {cents(stored)} a month; compare checksums "
        "before one of the two goes"
    )
    return Judged(Keep(why), (Fact("its equal", str(equal), "", "objects"),))
