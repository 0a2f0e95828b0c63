"""Idle, schedule and modernize on a noisy estate of a seed of its own: the folder of traces is not read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from benchmarks.estate import KINDS, bars_of, measure
from benchmarks.noisy.rows import AS_OF
from benchmarks.traces.bar import Bar, Decisions
from finops.model import Act, action_name

SEED, RESOURCES = 20261031, 5000


def bars(_: Path, decisions: Decisions) -> Iterator[Bar]:
    """Precision and recall by kind; every recommendation is logged with what the resource is in truth."""
    rows, plan, measured = measure(SEED, RESOURCES)
    for r in plan.recommendations:
        if r.finding.kind in KINDS:
            resource = r.finding.scope.resource
            assert isinstance(r.finding.verdict, Act)
            action = action_name(r.finding.verdict.action)
            what, day = rows.truth[resource].what, str(AS_OF + timedelta(days=1))
            decisions.log(r.finding.kind, f"estate seed {SEED}", resource, day, str(AS_OF), action, truth=what)
    yield from bars_of(SEED, RESOURCES, measured)
