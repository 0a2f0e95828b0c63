"""What the sample company's people left behind: jobs with a resource of their own, and the checkpoints of every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any


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
