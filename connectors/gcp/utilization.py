"""Cloud Monitoring: what every resource does, in one call a project, metric and statistic, where there is such a thing.

Cloud Asset says which projects hold what (names alone), `data/metrics.csv` which metrics that has and how they are called.
Google aligns and reduces, so that a call answers one value a resource and hour. It is charged by the series that it answers.

Memorystore counts calls by command (cloud.google.com/monitoring/api/metrics_gcp, "redis"; Memorystore for Valkey, "Supported
monitoring metrics"; as of 2026-11): those of commands that touch no data, by which it is watched, are no requests. CPU seconds
of a node's main thread become per cent of one core.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from connectors.gcp.machines import table
from connectors.gcp.resources import PAGE_ASSETS
from connectors.gcp.rpc import LIST_ASSETS, pages
from connectors.gcp.series import LIST, Aggregation, Values, series
from connectors.gcp.session import Connection
from finops.connect import Part, Rows, Stream, compact
from finops.window import Window

COLUMNS = ("resource_id", "timestamp", "period_s", "metric", "dimensions", "statistic", "value")
ROWS = 10_000
KEPT = ((86_401, 42),)
"""(seconds, days): six weeks, however coarse, for what Google itself measures (Cloud Monitoring, "Data retention")."""

JOB, ONLY = "job:", "only:"
COMMAND = "command"
"""Of our dimensions: what a cache was asked."""

WATCHING = frozenset((
    "acl", "auth", "bgrewriteaof", "bgsave", "client", "cluster", "command", "config", "dbsize", "debug", "echo",
    "failover", "hello", "info", "lastsave", "latency", "memory", "module", "monitor", "ping", "psync", "quit",
    "readonly", "readwrite", "replconf", "replicaof", "reset", "role", "save", "script", "select", "shutdown", "slaveof",
    "slowlog", "sync", "time", "wait", "waitaof",
))  # fmt: skip
"""Commands of Redis that read, write and publish nothing (redis.io/commands; `config|get` is one of `config`)."""

PLACE = re.compile(r"\{([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Reading:
    """A line of `data/metrics.csv`: how one metric is read.

    asset       what must be there for the metric to be asked for
    where       label=value of the metric, where only that is read
    id          with places: `resource.…` and `metric.…` labels, `system.…` and `user.…` metadata, `number` of the project;
                `job:resource.…` alone: the only asset whose name ends with the label (training and clusters are not measured
                by their whole names);
                `only:resource.…` alone: the asset that is the only one there (workers of a TPU do not say whose they are)
    statistics  ours:aligner:reducer
    """

    asset: str
    resource: str
    metric: str
    where: str
    id: str
    name: str
    statistics: tuple[tuple[str, str, str], ...]
    scale: float
    period_s: int
    labels: tuple[tuple[str, str], ...]

    @property
    def places(self) -> tuple[str, ...]:
        """Labels by which series are grouped: those that name the resource, then those that tell its parts apart."""
        named = [place.removeprefix(JOB).removeprefix(ONLY) for place in PLACE.findall(self.id) if place != "number"]
        return tuple(dict.fromkeys((*named, *(place for _, place in self.labels))))


@cache
def readings() -> tuple[Reading, ...]:
    def of(row: dict[str, str]) -> Reading:
        return Reading(
            asset=row["asset"],
            resource=row["resource"],
            metric=row["metric"],
            where=row["where"],
            id=row["id"],
            name=row["name"],
            statistics=tuple((ours, aligner, by) for ours, aligner, by in (s.split(":") for s in row["statistics"].split())),
            scale=float(row["scale"]),
            period_s=int(row["period_s"] or 0),
            labels=tuple((ours, theirs) for ours, _, theirs in (label.partition("=") for label in row["labels"].split())),
        )

    return tuple(of(row) for row in table("metrics"))


@dataclass(frozen=True, slots=True)
class Held:
    """What a project holds: asset types and how many there are.

    names  of what is not measured by its name, `job:` with its last part or `only:` with its place → all of it, '' of several
    """

    types: Counter[str]
    names: dict[str, str]

    def add(self, kind: str, name: str, by: Collection[str]) -> None:
        self.types[kind] += 1
        if JOB in by:
            place = f"{JOB}{name.rpartition('/')[2]}"
            self.names[place] = "" if self.names.get(place, name) != name else name
        if ONLY in by:
            place = f"{ONLY}{name.partition('/locations/')[2].partition('/')[0]}"
            self.names[place] = "" if place in self.names else name


def held(connection: Connection) -> dict[str, Held]:
    """Number of each project → what it holds. Without its content: names are enough."""
    types = sorted({reading.asset for reading in readings()})
    by: dict[str, set[str]] = {asset: set() for asset in types}
    for each in readings():
        by[each.asset] |= {kind for kind in (JOB, ONLY) if each.id.startswith(f"{{{kind}")}
    found: dict[str, Held] = {}
    for scope in connection.scopes():
        request = {"parent": scope, "asset_types": types, "page_size": PAGE_ASSETS}
        for page in pages(connection, LIST_ASSETS, request, scope):
            for asset in page.assets:
                number = next((a.removeprefix("projects/") for a in asset.ancestors if a.startswith("projects/")), "")
                if number:
                    found.setdefault(number, Held(Counter(), {})).add(asset.asset_type, asset.name, by[asset.asset_type])
    return found


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a project and metric of what it holds."""
    parts = []
    for number, project in sorted(held(connection).items()):
        for reading in readings():
            if count := project.types[reading.asset]:
                calls = ((LIST.permission, count * len(reading.statistics)),)  # at least: a part of a thing is a series too
                parts.append(Part(f"{number} {reading.metric}", calls, (number, reading, project.names)))
    return parts


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    number, reading, names = part.handle
    period = max(reading.period_s, connection.settings.metric_period_s)
    of = (reading.metric, reading.resource)
    rows: list[tuple[object, ...]] = []
    for statistic, aligner, reducer in reading.statistics:
        how = Aggregation(aligner, period, reducer, tuple(_field(place) for place in reading.places), reading.where)
        for one in series(connection, number, of, how, window):
            if (key := _named(reading, number, one, names)) is None:
                continue
            scale = 0.0 if _watches(reading, one) else reading.scale
            for at, value in one.points:
                if window.contains(at):
                    rows.append((key[0], at, period, reading.name, key[1], statistic, value * scale))
            if len(rows) >= ROWS:
                yield Rows(COLUMNS, rows)
                rows = []
    yield Rows(COLUMNS, rows)


def _watches(reading: Reading, one: Values) -> bool:
    place = dict(reading.labels).get(COMMAND)
    return place is not None and one.labels.get(place, "").lower().partition("|")[0] in WATCHING


def _field(place: str) -> str:
    """A place as `group_by_fields` has it. Keys with a dot or a slash are quoted."""
    kind, _, name = place.partition(".")
    path = {"resource": "resource.label", "metric": "metric.label", "system": "metadata.system_labels"}
    quoted = name if re.fullmatch(r"\w+", name) else f'"{name}"'
    return f"{path.get(kind, 'metadata.user_labels')}.{quoted}"


def _named(reading: Reading, number: str, one: Values, names: Mapping[str, str]) -> tuple[str, str] | None:
    """Resource and dimensions; None where a series does not say whose it is."""
    words = {"number": number, **one.labels}
    words |= {f"{kind}{label}": names.get(f"{kind}{text}", "") for label, text in one.labels.items() for kind in (JOB, ONLY)}
    if any(not words.get(place) for place in PLACE.findall(reading.id)):
        return None
    # A database's label is `project:instance`; a name that was looked up is one already.
    name = PLACE.sub(
        lambda found: words[found[1]] if found[1].startswith((JOB, ONLY)) else words[found[1]].rpartition(":")[2], reading.id
    )
    labels = {ours: words[theirs] for ours, theirs in reading.labels if words.get(theirs)}
    return name, compact(labels) if labels else ""


UTILIZATION = Stream(
    name="utilization",
    title="Cloud Monitoring metrics",
    table="metrics",
    divided="day",
    permissions=(LIST_ASSETS.permission, LIST.permission),
    plan=plan,
    fetch=fetch,
    reach_days=42,
    restates_days=1,  # values are there within minutes; what a bucket stores within hours
    kept=KEPT,
)
