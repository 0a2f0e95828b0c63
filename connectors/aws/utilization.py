"""CloudWatch: the metrics of every resource that had any in two weeks, in as few calls as there can be.

`ListMetrics` says what there is, `data/metrics.csv` which of it is read and what it is called here. `GetMetricData` takes 500
metrics and answers 100,800 values a page (CloudWatch User Guide, quotas, as of 2026-11): a batch is as large as both allow.
It is charged by the metric, so a long window costs what a short one does.

Requests of a cache are the commands that read or write data, or publish it (ElastiCache User Guide, "Metrics for Valkey and
Redis OSS", "Metrics for Memcached"; `info` and the like, which watch it, are none of them); what a script calls is counted
itself. Brokers of Kafka are measured one by one and added up (MSK Developer Guide, "Metrics for monitoring Standard brokers").
A domain's searches and indexing are counted a minute and node (OpenSearch Service Developer Guide, "Instance metrics").
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

from connectors.aws.brokers import LIST_CLUSTERS, clusters
from connectors.aws.session import Account, Connection, by_region
from finops.connect import Part, Rows, Stream
from finops.errors import AccessError, RetriableError
from finops.window import Window

MOST_METRICS = 500
MOST_VALUES = 100_800
ROWS = 10_000
"""Rows that are handed over at once: a page of 100,800 as Python objects is a hundred megabytes."""

STATISTICS = {"avg": "Average", "max": "Maximum", "min": "Minimum", "sum": "Sum", "p99": "p99"}
OPPOSITE = {"max": "min", "min": "max"}
"""Of what is left free: most is used where least is free."""

ADDED = ":added"
LISTS = {"AWS/Kafka": ("Cluster Name", clusters)}
"""Namespace → a dimension, and the list that tells more of what it names."""

COLUMNS = ("resource_id", "timestamp", "period_s", "metric", "dimensions", "statistic", "value")
KEPT = ((300, 15), (3600, 63), (86_400, 455))
"""(seconds, days): CloudWatch keeps finer values than so many seconds for so many days (User Guide, "Metrics retention")."""


Key: TypeAlias = tuple[str, str, str, str]
"""Resource, our metric, our dimensions, our statistic."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A line of `data/metrics.csv`: how one metric of a namespace is read.

    dimensions  the names that a metric has exactly, or at least where `*` stands among them; name=value: with that value alone;
                name:added: what it tells apart (brokers) is added up; a `+` is a space
    resource    with places: dimensions, `partition`, `region`, `account`, and what a service's own list tells (`brokers.py`)
    statistics  ours; `devices` is the average of a percentage that is summed over cores or GPUs, and is called `sum`
    scale       what a value is multiplied by; `rate`: a value per second, of which the period's sum is made; `left`: a
                percentage that is free
    labels      name=dimension, or name=value, of our `dimensions`
    """

    namespace: str
    name: str
    dimensions: tuple[str, ...]
    resource: str
    metric: str
    statistics: tuple[str, ...]
    scale: str
    period_s: int
    labels: tuple[tuple[str, str], ...]
    added: bool = False

    def reads(self, name: str, dimensions: dict[str, str]) -> bool:
        wanted = {each.partition("=")[0]: each.partition("=")[2] for each in self.dimensions if each != "*"}
        if name != self.name or any(value and dimensions.get(each) != value for each, value in wanted.items()):
            return False
        return wanted.keys() <= dimensions.keys() if "*" in self.dimensions else wanted.keys() == dimensions.keys()


@dataclass(frozen=True, slots=True)
class Series:
    """One statistic of one metric of one resource: what is asked, and what its values become."""

    metric: dict[str, Any]
    statistic: str
    period_s: int
    factor: float
    key: Key
    base: float = 0.0  # what the value times the factor is added to
    added: bool = False  # to the other series of its key


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part's series are."""

    account: Account
    region: str
    series: tuple[Series, ...]


@cache
def readings() -> dict[str, tuple[Reading, ...]]:
    """Namespace → what is read of it."""
    text = resources.files("connectors.aws").joinpath("data", "metrics.csv").read_text("utf-8")
    found: dict[str, list[Reading]] = {}
    for row in csv.DictReader(text.splitlines()):
        labels = tuple((name, value) for name, _, value in (label.partition("=") for label in row["labels"].split()))
        found.setdefault(row["namespace"], []).append(
            Reading(
                namespace=row["namespace"],
                name=row["name"],
                dimensions=tuple(each.removesuffix(ADDED).replace("+", " ") for each in row["dimensions"].split()),
                resource=row["resource"],
                metric=row["metric"],
                statistics=tuple(row["statistics"].split()),
                scale=row["scale"],
                period_s=int(row["period_s"] or 0),
                labels=labels,
                added=ADDED in row["dimensions"],
            )
        )
    return {namespace: tuple(several) for namespace, several in found.items()}


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part an account, region and namespace that has metrics."""
    asked = [(account, region, namespace) for account, region in connection.places() for namespace in readings()]
    found = connection.map(lambda piece: _series(connection, *piece), asked)
    parts = []
    for (account, region, namespace), series in zip(asked, found, strict=True):
        if series:
            calls = (("cloudwatch:GetMetricData", sum(len(b) * _pages(b, window) for b in batches(series, window))),)
            parts.append(Part(f"{account.id} {region} {namespace}", calls, Place(account, region, series)))
    return parts


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    place: Place = part.handle
    shared = {key for key, count in Counter(series.key for series in place.series if not series.added).items() if count > 1}
    seen: set[tuple[Key, datetime]] = set()
    sums: dict[tuple[Key, datetime], float] = {}
    for batch in batches(place.series, window):
        for values in _answered(connection, place, batch, window):
            rows = [_row(series, at, value) for series, at, value in values if not series.added]
            if shared:  # a resized instance's agent reports under two sets of dimensions in one hour: the first counts
                rows = [row for row in rows if _first(row, shared, seen)]
            for series, at, value in values:
                if series.added:
                    sums[series.key, at] = sums.get((series.key, at), 0.0) + value
            yield Rows(COLUMNS, rows)
    periods = {series.key: series for series in place.series if series.added}
    yield Rows(COLUMNS, [_row(periods[key], at, value) for (key, at), value in sums.items()])


UTILIZATION = Stream(
    name="utilization",
    title="CloudWatch metrics",
    table="metrics",
    divided="day",
    permissions=("cloudwatch:ListMetrics", "cloudwatch:GetMetricData", "ec2:DescribeRegions", LIST_CLUSTERS),
    plan=plan,
    fetch=fetch,
    reach_days=90,
    restates_days=2,  # late values arrive within hours, S3's daily ones within two days
    kept=KEPT,
    places=by_region,
)


def batches(series: Iterable[Series], window: Window) -> Iterator[list[Series]]:
    """As many series a call as their number and the number of their values allow."""
    batch: list[Series] = []
    values = 0
    for one in series:
        count = _values(one, window)
        if batch and (len(batch) == MOST_METRICS or values + count > MOST_VALUES):
            yield batch
            batch, values = [], 0
        batch.append(one)
        values += count
    if batch:
        yield batch


def _values(series: Series, window: Window) -> int:
    return math.ceil((window.end - window.start).total_seconds() / series.period_s)


def _pages(batch: Sequence[Series], window: Window) -> int:
    return max(1, math.ceil(sum(_values(series, window) for series in batch) / MOST_VALUES))


def _series(connection: Connection, account: Account, region: str, namespace: str) -> tuple[Series, ...]:
    """What a namespace holds of what is read, in a stable order. Of a key that several lines have, the first line is read."""
    pages = connection.pages("cloudwatch", "ListMetrics", region=region, role=account.role, Namespace=namespace)
    found = [
        (line, reading, metric, dimensions)
        for page in pages
        for metric in page["Metrics"]
        for dimensions in ({d["Name"]: d["Value"] for d in metric.get("Dimensions", ())},)
        for line, reading in enumerate(readings()[namespace])
        if reading.reads(metric["MetricName"], dimensions)
    ]
    name, ask = LISTS.get(namespace, ("", None))
    told = ask(connection, account, region) if ask and found else {}
    words = {"partition": connection.partition, "region": region, "account": account.id}
    lines: dict[Key, int] = {}
    several: list[tuple[int, Series]] = []
    for line, reading, metric, dimensions in found:
        for one in _named(reading, metric, dimensions, words | told.get(dimensions.get(name, ""), {}), connection):
            lines[one.key] = min(line, lines.get(one.key, line))
            several.append((line, one))
    first = [one for line, one in several if line == lines[one.key]]
    return tuple(sorted(first, key=lambda s: (s.key, json.dumps(s.metric, sort_keys=True))))


def _named(
    reading: Reading, metric: dict[str, Any], dimensions: dict[str, str], more: dict[str, str], connection: Connection
) -> Iterator[Series]:
    """The series of a metric; none where a place of its resource is not told."""
    words = dimensions | more
    if "Host" in words:  # training-job/algo-1
        words["Host"] = words["Host"].split("/")[0]
    resource = reading.resource
    for name, value in words.items():
        resource = resource.replace("{" + name + "}", value)
    if "{" in resource:
        return
    if reading.resource == "{ModelId}" and not resource.startswith("arn:"):
        resource = f"arn:{words['partition']}:bedrock:{words['region']}::foundation-model/{resource}"
    labels = {name: dimensions.get(value, value) for name, value in reading.labels}
    text = json.dumps(labels, sort_keys=True, separators=(",", ":")) if labels else ""
    period = max(reading.period_s, connection.settings.metric_period_s)
    for statistic in reading.statistics:
        ours = "sum" if statistic == "devices" else statistic
        rate, left = reading.scale == "rate", reading.scale == "left"
        theirs = (
            "Average"
            if rate or statistic == "devices"
            else STATISTICS[OPPOSITE.get(statistic, statistic) if left else statistic]
        )
        factor = float(period) if rate else -1.0 if left else float(reading.scale)
        key = (resource, reading.metric, text, ours)
        yield Series(metric, theirs, period, factor, key, 100.0 if left else 0.0, reading.added)


def _answered(
    connection: Connection, place: Place, batch: Sequence[Series], window: Window
) -> Iterator[list[tuple[Series, datetime, float]]]:
    """The values of each page. Raises RetriableError where one of the series was not answered whole."""
    queries = [
        {"Id": f"m{n}", "MetricStat": {"Metric": s.metric, "Period": s.period_s, "Stat": s.statistic}, "ReturnData": True}
        for n, s in enumerate(batch)
    ]
    status: dict[str, str] = {}
    for page in connection.pages(
        "cloudwatch",
        "GetMetricData",
        region=place.region,
        role=place.account.role,
        units=len(queries),
        MetricDataQueries=queries,
        StartTime=window.start,
        EndTime=window.end,
        ScanBy="TimestampAscending",
    ):
        values = []
        for result in page["MetricDataResults"]:
            series = batch[int(result["Id"][1:])]
            status[result["Id"]] = result.get("StatusCode", "Complete")
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                if window.contains(at):
                    values.append((series, at, series.base + value * series.factor))
            if len(values) >= ROWS:
                yield values
                values = []
        yield values
    for query, said in status.items():
        _complete(batch[int(query[1:])], said, place)


def _complete(series: Series, status: str, place: Place) -> None:
    what = f"cloudwatch:GetMetricData answered {status} for {series.metric['MetricName']} of {series.key[0]}"
    if status == "Forbidden":
        raise AccessError(what, where=place.region, hint="allow `cloudwatch:GetMetricData`: finops doctor prints the policy")
    if status != "Complete":
        raise RetriableError(what, where=place.region, hint="run the load again")


def _row(series: Series, at: datetime, value: float) -> tuple[Any, ...]:
    resource, metric, dimensions, statistic = series.key
    return resource, at, series.period_s, metric, dimensions, statistic, value


def _first(row: tuple[Any, ...], shared: set[Key], seen: set[tuple[Key, datetime]]) -> bool:
    """False for a value whose key and time an earlier series gave."""
    key = (row[0], row[3], row[4], row[5])
    if key not in shared:
        return True
    if (key, row[1]) in seen:
        return False
    seen.add((key, row[1]))
    return True
