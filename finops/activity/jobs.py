"""Training runs: what failed, what its user ended, what loops; hours are of machines, not of the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from finops.evidence import quoted
from finops.sizing.machines import FINE

RUNS_OF = """recent as (

    select
        *,
        lower(coalesce(resource_id, '')) as key
    from runs
    where started_at >= $as_of::date - 89 and started_at < $as_of::date + 1

),

grouped as (

    -- where each run is a resource of its own, its team is what they have in common
    select
        *,
        case
            when key != '' and count(*) over (partition by key) > 1 then key
            else 'runs of ' || coalesce(nullif(team, ''), 'no team')
        end as owner
    from recent

),

runs_of as (

    select
        owner,
        max(provider) as provider,
        max(account_id) as account_id,
        list(distinct key order by key) as keys,
        list(grouped order by started_at, run_id) as runs
    from grouped
    group by owner, case when owner like 'runs of %' then concat(provider, ' ', account_id) end

)"""
"""Runs of 90 days by the resource that they share; for `$as_of`. Readers: candidates of what judges runs."""

FAILED = ("failed", "error", "errored", "timeout", "timed_out", "timedout", "stopped_by_error")
CANCELLED = ("cancelled", "canceled", "stopped", "aborted", "stopping", "cancelling")
SHORT_HOURS = 1 / 6
"""A run that ends within ten minutes did not get as far as training."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `hours` is what is billed, times the number of machines; None where it is not told."""

    run_id: str
    status: str
    sku: str
    team: str
    started_at: datetime
    clock_hours: float | None
    machines: float

    @property
    def hours(self) -> float | None:
        return None if self.clock_hours is None else self.clock_hours * self.machines

    @property
    def failed(self) -> bool:
        return self.status in FAILED

    @property
    def cancelled(self) -> bool:
        """Ended by its user: no fault of the run's."""
        return self.status in CANCELLED


def run_of_row(row: Mapping[str, Any]) -> Run:
    """One row of the `runs` table; without `billed_s`, the time between start and end is what is billed."""
    seconds, start, end = row.get("billed_s"), row["started_at"], row.get("ended_at")
    if seconds is None and end is not None:
        seconds = (end - start) / timedelta(seconds=1)
    return Run(
        str(row["run_id"]),
        str(row.get("status") or "").strip().lower(),
        str(row.get("sku") or ""),
        str(row.get("team") or ""),
        start,
        None if seconds is None else float(seconds) / 3600,
        float(row.get("count") or 1),
    )


def by_team(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Team → its runs, in the order of the teams' names."""
    teams: dict[str, list[Run]] = {}
    for run in runs:
        teams.setdefault(run.team or "no team", []).append(run)
    return dict(sorted(teams.items()))


def machine_hours(runs: Iterable[Run]) -> float:
    return sum(run.hours or 0.0 for run in runs)


def median_hours(runs: Sequence[Run]) -> float:
    """The hour of the clock by which half of the runs had ended."""
    return median([run.clock_hours or 0.0 for run in runs]) if runs else 0.0


def most_short_runs_a_day(runs: Iterable[Run]) -> int:
    """The most runs of less than ten minutes that began within one day: what restarts again and again."""
    starts = sorted(run.started_at for run in runs if run.clock_hours is not None and run.clock_hours < SHORT_HOURS)
    most, first = 0, 0
    for last, start in enumerate(starts):
        while start - starts[first] >= timedelta(days=1):
            first += 1
        most = max(most, last - first + 1)
    return most


def capped(run: Run, most: float) -> Run:
    """The run as if it had lasted no longer than so."""
    return Run(run.run_id, run.status, run.sku, run.team, run.started_at, min(most, run.clock_hours or 0.0), run.machines)


def cost_of(runs: Iterable[Run], prices: Mapping[str, Decimal]) -> Decimal:
    """Their machine hours at the price of an hour of each machine."""
    return sum((Decimal(repr(run.hours or 0.0)) * prices[run.sku] for run in runs), Decimal(0))


def cost_sql(runs: Sequence[Run], prices: Mapping[str, Decimal], less: Decimal, as_of: date, months: int) -> str:
    """The statement that returns what these runs of 90 days cost a month, less an amount."""
    cases = " ".join(f"when {quoted(sku)} then {price.quantize(FINE):f}" for sku, price in prices.items())
    names = ", ".join(quoted(run.run_id) for run in runs)
    day = quoted(as_of.isoformat())
    return f"""with chosen as (
    select
        coalesce(billed_s, date_diff('second', started_at, ended_at)) / 3600 * coalesce(count, 1) as hours,
        case coalesce(sku, '') {cases} end as price
    from runs
    where
        run_id in ({names})
        and started_at >= date {day} - 89
        and started_at < date {day} + 1
)
select cast(sum(hours * price) / {months} - {less.quantize(FINE):f} as decimal(38, 2)) as monthly_saving from chosen"""
