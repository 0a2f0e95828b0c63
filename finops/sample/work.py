"""What the sample company's people ran: jobs with a row of their own, recurring runs, and the checkpoints they left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finops.sample.estate import Estate, Resource

COLUMNS = "run_id provider account_id resource_id sku count status started_at ended_at billed_s spot team model deadline work_s"


@dataclass(frozen=True, slots=True)
class Job:
    """One training job: `count` machines for `hours` from `hour` of `day` on, and how it ended."""

    name: str
    team: str
    day: date
    hour: int
    hours: int
    status: str
    facts: Mapping[str, Any]

    @property
    def machine_hours(self) -> Decimal:
        return Decimal(self.hours * self.facts["count"])

    @property
    def resource(self) -> dict[str, Any]:
        """What the bill has of it: a job that is over is in no inventory."""
        f = self.facts
        account = "{" + f["account"] + "}"
        tags = {"team": self.team, "environment": f["environment"], "cost_center": f["cost_centers"][self.team]}
        meter = {"kind": f["kind"], "count": self.machine_hours, "start": self.day, "end": self.day + timedelta(days=1)}
        return {
            "id": f["id"].replace("REGION", f["region"]).replace("ACCOUNT", account).replace("NAME", self.name),
            "name": self.name,
            "provider": f["provider"],
            "account": f["account"],
            "region": f["region"],
            "type": f["type"],
            "sku": f["sku"],
            "specs": "training",
            "listed": False,
            "created": self.day,
            "tags": tags,
            "meters": [meter],
            "runs": {"of": self},
        }


def of_table(table: Mapping[str, Any]) -> Iterator[Job]:
    """The jobs of a table of number, team, day, hour, hours and status."""
    facts = {name: value for name, value in table.items() if name != "runs"}
    for number, team, day, hour, hours, status in table["runs"]:
        yield Job(f"{team}-train-{number:03d}", team, day, hour, hours, status, facts)


def checkpoints(grid: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Prefixes of a bucket that keeps every step of every run: the last few and the best of each are read, the others never."""
    one, count, last = Decimal(str(grid.get("gib", 0))), grid.get("count", 0), grid.get("last", 0)
    for run in range(1, grid.get("runs", 0) + 1):
        day = grid["days_apart"] * (grid["runs"] - run) + 2
        prefix = f"ckpt/run-{run:02d}/"
        for name, age, steps, reads in (
            (prefix, [day, day + 1], last, 2),
            (prefix, [day + 1, day + 3], grid["steps"] - last, 0),
            (f"{prefix}best/", [day + 1, day + 3], 1, 2),
        ):
            yield {
                "prefix": name,
                "class": "STANDARD",
                "age": age,
                "count": count * steps,
                "gib": one * steps,
                "reads": reads * count * steps,
                "read_gib": one * steps * reads,
            }


def runs(estate: Estate) -> Iterator[list[object]]:
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
