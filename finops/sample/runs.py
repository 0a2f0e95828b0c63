"""What the sample company's people ran: the rows of `runs`, of jobs and of what recurs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from finops.sample.estate import Estate, Resource

COLUMNS = "run_id provider account_id resource_id sku count status started_at ended_at billed_s spot team model deadline work_s"


def rows(estate: Estate) -> Iterator[list[object]]:
    """Rows of the open format's `runs`, by resource and start."""
    for r in estate.resources:
        job = r.runs.get("of")
        if job is not None:
            start = datetime(job.day.year, job.day.month, job.day.day, job.hour, tzinfo=UTC)
            yield _run(estate, r, job.name, start, float(job.hours), job.facts["count"], job.status)
        elif r.runs:
            yield from _recurring(estate, r)


def _recurring(estate: Estate, r: Resource) -> Iterator[list[object]]:
    """`each` runs, `apart_minutes` from each other, on every day, or on the named days of the month."""
    facts = r.runs
    day = max(estate.metrics_from, r.created)
    while day <= estate.as_of:
        if day.day in facts.get("days", (day.day,)):
            for n in range(facts.get("each", 1)):
                start = datetime(day.year, day.month, day.day, facts["at"], tzinfo=UTC)
                start += timedelta(minutes=n * facts.get("apart_minutes", 0))
                name = f"{r.name}-{start:%Y%m%d-%H%M}"
                yield _run(estate, r, name, start, float(facts["hours"]), facts["count"], facts["status"])
        day += timedelta(days=1)


def _run(estate: Estate, r: Resource, name: str, start: datetime, hours: float, count: int, status: str) -> list[object]:
    end = start + timedelta(hours=hours)
    deadline = r.runs.get("deadline_hours")
    seconds = round(hours * 3600)
    return [
        name,
        estate.providers[r.provider]["name"],
        estate.accounts[r.account]["id"],
        r.id,
        r.sku,
        count,
        status,
        f"{start:%Y-%m-%dT%H:%M:%SZ}",
        f"{end:%Y-%m-%dT%H:%M:%SZ}",
        seconds,
        "false",
        r.tags.get("team", ""),
        r.runs.get("model", ""),
        f"{start + timedelta(hours=deadline):%Y-%m-%dT%H:%M:%SZ}" if deadline else "",
        seconds if status == "completed" else "",
    ]
