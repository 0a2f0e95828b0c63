"""Azure Monitor: metrics of every resource whose type `data/metrics.csv` names, fifty resources a call.

The batch API (`metrics:getBatch`; Microsoft Learn, "Migrate to the batch API", as of 2026-11) takes up to 50 resources of one
subscription, region and type; values are kept for 93 days. Of metrics that are split by a dimension it gives so many series
as `top` says, ten unless it is said, and does not say that there are more: a full answer is an error here.

Names, dimensions and aggregations are those of Microsoft Learn, "Supported metrics with Azure Monitor", one page a type. Of a
cache of Redis no metric counts commands: gets and sets leave out lists and what is published, and operations count those that
watch it (Microsoft Learn, "Azure Cache for Redis monitoring data reference", as of 2026-11).
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from connectors.azure import arm
from connectors.azure.session import Connection
from finops.connect import Part, Rows, Stream, compact
from finops.errors import RetriableError, SourceError
from finops.window import Window

METRICS = "Microsoft.Insights/metrics/read"
"""At the subscription: a role on single resources is not enough for batches."""

OPERATION = "monitor:QueryResources"
VERSION = "2024-02-01"
MOST_RESOURCES = 50
MOST_METRICS = 20
MOST_VALUES = 100_000
"""Points of a call: of an answer of so many, 25 MB as JSON, each of `concurrency` threads holds one."""

MOST_SERIES = 10_000
"""Of one resource and metric, split by dimensions. Any number is taken (Microsoft Q&A 6005145, 2026-09)."""

ROWS = 10_000
COLUMNS = ("resource_id", "timestamp", "period_s", "metric", "dimensions", "statistic", "value")
GRAINS = {60: "PT1M", 300: "PT5M", 900: "PT15M", 1800: "PT30M", 3600: "PT1H", 21_600: "PT6H", 43_200: "PT12H", 86_400: "P1D"}
AGGREGATIONS = {"avg": "Average", "max": "Maximum", "min": "Minimum", "sum": "Total", "p99": "Average"}
OPPOSITE = {"avg": "Average", "max": "Minimum", "min": "Maximum"}
"""Of what is left free: most is used where least is free."""

MEMBERS = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"


@dataclass(frozen=True, slots=True)
class Reading:
    """A line of `data/metrics.csv`: how one metric of a type is read.

    resource    the id that values are for: {id}, {parent} (of a deployment), {a dimension}
    statistics  ours; `p99` is the average of the percentiles that Azure gives a minute
    scale       what a value is multiplied by; `rate`: per second, `minute`: per minute, of which the period's sum is made;
                `left`: a percentage that is free; `samples`: a level of which Azure gives a sample a minute, added up
    dimensions  by which it is split; `where`: of these only the series with that value
    labels      name=dimension, or name=name (the resource's own name), of our `dimensions`
    """

    namespace: str
    name: str
    resource: str
    metric: str
    statistics: tuple[str, ...]
    scale: str
    period_s: int
    dimensions: tuple[str, ...]
    where: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]

    @property
    def aggregations(self) -> tuple[str, ...]:
        if self.scale in ("rate", "minute"):
            return ("Average",)
        if self.scale == "samples":
            return ("Total",)
        return tuple((OPPOSITE if self.scale == "left" else AGGREGATIONS)[statistic] for statistic in self.statistics)

    def value(self, statistic: str, point: Mapping[str, Any], period_s: int) -> float | None:
        """Our value of a point; None where Azure has none."""
        number = dict(zip(self.statistics, self.aggregations, strict=True))[statistic].lower()
        if point.get(number) is None:
            return None
        given = float(point[number])
        if self.scale == "left":
            return 100.0 - given
        by_period = {"rate": float(period_s), "minute": period_s / 60, "samples": 60 / period_s}
        return given * (by_period[self.scale] if self.scale in by_period else float(self.scale))


@dataclass(frozen=True, slots=True)
class Ask:
    """What one call asks of its resources: metrics that share period, aggregations and dimensions."""

    period_s: int
    aggregations: tuple[str, ...]
    dimensions: tuple[str, ...]
    readings: tuple[Reading, ...]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(reading.name for reading in self.readings))


@dataclass(frozen=True, slots=True)
class Place:
    """The resources of one subscription, region and type."""

    subscription: str
    region: str
    namespace: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: these resources, this ask, this time."""

    ids: tuple[str, ...]
    ask: Ask
    window: Window


@cache
def readings() -> dict[str, tuple[Reading, ...]]:
    """Type → what is read of it."""
    text = resources.files("connectors.azure").joinpath("data", "metrics.csv").read_text("utf-8")
    found: dict[str, list[Reading]] = {}
    for row in csv.DictReader(text.splitlines()):
        found.setdefault(row["namespace"], []).append(
            Reading(
                namespace=row["namespace"],
                name=row["name"],
                resource=row["resource"],
                metric=row["metric"],
                statistics=tuple(row["statistics"].split()),
                scale=row["scale"],
                period_s=int(row["period_s"] or 0),
                dimensions=tuple(row["dimensions"].split()),
                where=_pairs(row["where"]),
                labels=_pairs(row["labels"]),
            )
        )
    return {namespace: tuple(several) for namespace, several in found.items()}


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, _, value in (pair.partition("=") for pair in text.split()))


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part a subscription, region and type."""
    several = connection.map(lambda namespace: _places(connection, namespace), readings())
    parts = []
    for place in (place for places in several for place in places):
        count = sum(1 for _ in calls(place, window, connection.settings.metric_period_s))
        parts.append(Part(f"{place.subscription} {place.region} {place.namespace}", ((OPERATION, count),), place))
    return parts


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    place: Place = part.handle
    for call in calls(place, window, connection.settings.metric_period_s):
        page: list[tuple[object, ...]] = []
        for row in _rows(call, _answered(connection, place, call), place):
            page.append(row)
            if len(page) == ROWS:
                yield Rows(COLUMNS, page)
                page = []
        yield Rows(COLUMNS, page)


UTILIZATION = Stream(
    name="utilization",
    title="Azure Monitor metrics",
    table="metrics",
    divided="day",
    permissions=(METRICS, arm.GRAPH),
    plan=plan,
    fetch=fetch,
    reach_days=90,
    restates_days=2,  # platform metrics arrive within minutes, capacities of storage within a day
    kept=((0, 93),),
)


def _places(connection: Connection, namespace: str) -> list[Place]:
    table = "computeresources" if namespace == MEMBERS else "resources"
    found: dict[tuple[str, str], list[str]] = {}
    for document in arm.of_type(connection, namespace, table=table):
        region = str(document.get("location") or "").replace(" ", "").lower()
        found.setdefault((str(document["subscriptionId"]), region or "global"), []).append(str(document["id"]))
    return [Place(*where, namespace, tuple(ids)) for where, ids in sorted(found.items())]


def asks(namespace: str, period_s: int) -> list[Ask]:
    """The fewest groups in which the metrics of a type can be asked for: a call has one period, one filter, one list of
    aggregations."""
    groups: dict[tuple[int, tuple[str, ...], tuple[str, ...]], list[Reading]] = {}
    for reading in readings()[namespace]:
        grain = next(seconds for seconds in GRAINS if seconds >= max(period_s, reading.period_s))
        groups.setdefault((grain, tuple(sorted(set(reading.aggregations))), reading.dimensions), []).append(reading)
    found = []
    for key, several in groups.items():
        names = list(dict.fromkeys(reading.name for reading in several))
        for start in range(0, len(names), MOST_METRICS):
            chosen = names[start : start + MOST_METRICS]
            found.append(Ask(*key, tuple(reading for reading in several if reading.name in chosen)))
    return found


def calls(place: Place, window: Window, period_s: int) -> Iterator[Call]:
    """As many resources a call as may be, and of the window as many whole days as an answer should hold."""
    for start in range(0, len(place.ids), MOST_RESOURCES):
        ids = place.ids[start : start + MOST_RESOURCES]
        for ask in asks(place.namespace, period_s):
            points_a_day = len(ids) * len(ask.names) * 86_400 / ask.period_s
            days = max(1, math.floor(MOST_VALUES / points_a_day))
            yield from (Call(ids, ask, piece) for piece in _pieces(window, days))


def _pieces(window: Window, days: int) -> Iterator[Window]:
    start = window.start
    while start < window.end:
        end = min(start + timedelta(days=days), window.end)
        yield Window(start, end)
        start = end


def _answered(connection: Connection, place: Place, call: Call) -> Mapping[str, Any]:
    from azure.core.rest import HttpRequest

    asked = {
        "api-version": VERSION,
        "starttime": f"{call.window.start:%Y-%m-%dT%H:%M:%S.000Z}",
        "endtime": f"{call.window.end:%Y-%m-%dT%H:%M:%S.000Z}",
        "interval": GRAINS[call.ask.period_s],
        "metricnamespace": place.namespace,
        "metricnames": ",".join(call.ask.names),
        "aggregation": ",".join(call.ask.aggregations),
    }
    if call.ask.dimensions:
        filters = " and ".join(f"{name} eq '*'" for name in call.ask.dimensions)
        asked |= {"filter": filters, "top": str(MOST_SERIES)}
    where = f"/subscriptions/{place.subscription}/metrics:getBatch"

    def ask() -> Mapping[str, Any]:
        request = HttpRequest("POST", where, params=asked, json={"resourceids": list(call.ids)})
        answer = _client(connection, place.region).send_request(request)
        answer.raise_for_status()
        found: Mapping[str, Any] = json.loads(answer.text())
        return found

    return connection.called(OPERATION, METRICS, f"{place.region} {where}", ask)


def _client(connection: Connection, region: str) -> Any:
    """The SDK's client of a region."""
    from azure.monitor.querymetrics import MetricsClient

    settings = connection.settings

    def make(**options: Any) -> Any:
        endpoint = settings.metrics_endpoint.replace("{region}", region)
        return MetricsClient(endpoint, audience=settings.metrics_audience, **options)

    return connection.client(f"metrics {region}", make)


def _rows(call: Call, answer: Mapping[str, Any], place: Place) -> Iterator[tuple[object, ...]]:
    """Raises SourceError where a resource or a metric was not answered, or more series than were asked for are there."""
    by_resource = {str(entry["resourceid"]).lower(): entry for entry in answer["values"]}
    for resource in call.ids:
        entry = by_resource.get(resource.lower())
        if entry is None:
            raise RetriableError(f"{METRICS}: {resource} was not answered", where=place.region, hint="run the load again")
        for metric in entry["value"]:
            name = str(metric["name"]["value"])
            if metric.get("errorCode", "Success") != "Success":
                what = f"{METRICS}: {metric['errorCode']} for {name} of {resource}: {metric.get('errorMessage', '')}"
                raise RetriableError(what, where=place.region, hint="run the load again")
            if len(metric["timeseries"]) >= MOST_SERIES:
                raise SourceError(f"{METRICS}: {name} of {resource} has {MOST_SERIES} series or more", where=place.region)
            for reading in (reading for reading in call.ask.readings if reading.name.lower() == name.lower()):
                for series in metric["timeseries"]:
                    yield from _values(reading, resource, series, call)


def _values(reading: Reading, resource: str, series: Mapping[str, Any], call: Call) -> Iterator[tuple[object, ...]]:
    told = {str(entry["name"]["value"]).lower(): str(entry["value"]) for entry in series.get("metadatavalues") or ()}
    dimensions = {name: told.get(name.lower(), "") for name in reading.dimensions}
    if not all(dimensions.values()) or any(dimensions[name].lower() != value.lower() for name, value in reading.where):
        return
    words = {"id": resource, "parent": resource.rpartition("/")[0].rpartition("/")[0], "name": resource.rpartition("/")[2]}
    words |= dimensions
    target = reading.resource
    for name, value in words.items():
        target = target.replace("{" + name + "}", value)
    labels = {name: words.get(value, value) for name, value in reading.labels}
    text = compact(labels) if labels else ""
    for point in series["data"]:
        at = datetime.fromisoformat(point["timeStamp"])
        if call.window.contains(at):
            for statistic in reading.statistics:
                number = reading.value(statistic, point, call.ask.period_s)
                if number is not None:
                    yield target, at, call.ask.period_s, reading.metric, text, statistic, number
