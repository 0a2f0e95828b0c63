"""Cloud Monitoring's time series: one metric of one project, aligned to periods by Google, so that points are few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.gcp.rpc import Method, pages
from connectors.gcp.session import Connection
from finops.errors import SourceError
from finops.window import Window

LIST = Method(
    "monitoring", "google.cloud.monitoring_v3", "MetricServiceClient", "list_time_series", "monitoring.timeSeries.list"
)
PAGE_POINTS = 100_000
"""Points a page at most (metric_service.proto, ListTimeSeriesRequest.page_size)."""

STORED_BYTES = ("storage.googleapis.com/storage/v2/total_bytes", "gcs_bucket")


@dataclass(frozen=True, slots=True)
class Aggregation:
    """How points become one a period, and series one a group.

    by     `resource.label.…`, `metric.label.…`, `metadata.…`
    where  label=value of the metric: only these series
    """

    aligner: str
    period_s: int
    reducer: str = "REDUCE_NONE"
    by: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Values:
    """One series. `labels`: `resource.…`, `metric.…`, `system.…`, `user.…`. Points: start of a period, value."""

    labels: dict[str, str]
    points: list[tuple[datetime, float]]


def series(
    connection: Connection, project: str, of: tuple[str, str], aggregation: Aggregation, window: Window
) -> Iterator[Values]:
    """The series of one metric and type of resource. A long series is several, on as many pages."""
    where, request = f"{project} {of[0]}", asked(project, of, aggregation, window)
    turned = pages(connection, LIST, request, where, units=lambda page: len(page.time_series))
    while True:
        with connection.heavy:
            page = next(turned, None)
            if page is None:
                return
            for each in page.time_series:
                yield Values(_labels(each), [_point(point, aggregation.period_s) for point in each.points])
                del each  # an element holds the whole page
            del page


def asked(project: str, of: tuple[str, str], aggregation: Aggregation, window: Window) -> dict[str, Any]:
    """The request."""
    metric, resource = of
    label, _, value = aggregation.where.partition("=")
    only = f' AND metric.labels.{label} = "{value}"' if label else ""
    return {
        "name": f"projects/{project}",
        "filter": f'metric.type = "{metric}" AND resource.type = "{resource}"{only}',
        "interval": {"start_time": window.start, "end_time": window.end},
        "aggregation": {
            "alignment_period": {"seconds": aggregation.period_s},
            "per_series_aligner": aggregation.aligner,
            "cross_series_reducer": aggregation.reducer,
            "group_by_fields": list(aggregation.by),
        },
        "view": "FULL",
        "page_size": PAGE_POINTS,
    }


def _labels(message: Any) -> dict[str, str]:
    found = {f"resource.{name}": value for name, value in message.resource.labels.items()}
    found |= {f"metric.{name}": value for name, value in message.metric.labels.items()}
    found |= {f"user.{name}": value for name, value in message.metadata.user_labels.items()}
    return found | {f"system.{name}": str(value) for name, value in message.metadata.system_labels.items()}


def _point(point: Any, period_s: int) -> tuple[datetime, float]:
    """An aligned point stands at the end of its period."""
    end = point.interval.end_time
    kind = point.value.WhichOneof("value")
    if kind not in ("double_value", "int64_value"):
        raise SourceError(f"{LIST.permission} answered with a {kind}", hint="this is a defect of finops")
    return datetime.fromtimestamp(end.seconds - period_s, UTC), float(getattr(point.value, kind))
