"""Utilization by PromQL (`data/queries.toml`): load of nodes and GPUs, what containers of a pool ask for and use."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources

from connectors.kubernetes.nodes import nodes_of
from connectors.kubernetes.prometheus import QUERY, QUERY_RANGE, Series, chunks, ranged
from connectors.kubernetes.session import Connection
from connectors.kubernetes.settings import KubernetesSettings
from finops.connect import Part, Rows, Stream, compact
from finops.window import Window

COLUMNS = ("resource_id", "timestamp", "period_s", "metric", "dimensions", "statistic", "value")
NAMES = ("node", "Hostname", "k8s_node_name", "instance")
"""Labels that name a node, the first that is there."""

WHOLE = "all"
"""The pool of a cluster whose nodes bear no pool's label."""


@dataclass(frozen=True, slots=True)
class Query:
    """An entry of `data/queries.toml`. Several of one metric and statistic stand in order: the first that knows a thing counts.

    of          node, or pool
    dimensions  our name → the label
    """

    metric: str
    statistic: str
    of: str
    promql: str
    dimensions: tuple[tuple[str, str], ...] = ()


@cache
def queries() -> dict[tuple[str, str], tuple[Query, ...]]:
    """(metric, statistic) → its queries in order."""
    text = resources.files("connectors.kubernetes").joinpath("data", "queries.toml").read_text("utf-8")
    found: dict[tuple[str, str], list[Query]] = {}
    for entry in tomllib.loads(text)["query"]:
        query = Query(
            entry["metric"], entry["statistic"], entry["of"], " ".join(entry["promql"].split()),
            tuple(sorted(entry.get("dimensions", {}).items())),
        )  # fmt: skip
        found.setdefault((query.metric, query.statistic), []).append(query)
    return {key: tuple(several) for key, several in found.items()}


def plan(_: Connection, __: Window) -> Sequence[Part]:
    """One part a metric and statistic."""
    return [Part(f"{metric} {statistic}", handle=(metric, statistic)) for metric, statistic in queries()]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    nodes = nodes_of(connection, window)
    step_s = connection.settings.metric_period_s
    for chunk in chunks(window, step_s):
        seen: set[tuple[str, str]] = set()
        for query in queries()[part.handle]:
            rows: list[tuple[object, ...]] = []
            told: set[tuple[str, str]] = set()
            for series in ranged(connection, written(query, connection.settings), chunk, step_s):
                resource, more = nodes.of(_node(series)) if query.of == "node" else (_pool(series, connection.settings), {})
                labels = {name: series.labels.get(label, "") for name, label in query.dimensions}
                dimensions = compact(more | labels) if more or labels else ""
                if (key := (resource, dimensions)) in seen or key in told:
                    continue
                told.add(key)
                rows += [
                    (resource, at - timedelta(seconds=step_s), step_s, query.metric, dimensions, query.statistic, value)
                    for at, value in series.points
                ]
            seen |= told
            yield Rows(COLUMNS, rows)


def written(query: Query, settings: KubernetesSettings) -> str:
    """The PromQL with the settings' range, pool and matchers."""
    selector, pool = settings.selector.rstrip(", "), settings.pool_label
    text = query.promql.replace("<and selector>", f", {selector}" if selector else "").replace("<selector>", selector)
    text = text.replace("<, pool>", f", {pool}" if pool else "").replace("<pool>", pool)
    return text.replace("<range>", f"{settings.metric_period_s}s").replace("<step>", f"{min(300, settings.metric_period_s)}s")


def _node(series: Series) -> str:
    return next((series.labels[name] for name in NAMES if series.labels.get(name)), "")


def _pool(series: Series, settings: KubernetesSettings) -> str:
    """The pool's id on the bill; without pools the cluster's."""
    if not settings.pool_label:
        return settings.cluster
    pool = series.labels.get(settings.pool_label) or WHOLE
    return settings.pools.get(pool, f"{settings.cluster}/{pool}")


UTILIZATION = Stream(
    name="utilization",
    title="Prometheus metrics",
    table="metrics",
    divided="day",
    permissions=(QUERY, QUERY_RANGE),
    plan=plan,
    fetch=fetch,
    reach_days=15,  # what Prometheus keeps by default (--storage.tsdb.retention.time)
    restates_days=1,  # remote writers catch up within hours
    wanted=lambda settings: bool(settings.url),
)
