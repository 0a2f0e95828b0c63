"""Live loading: plan, refuse what is too dear, fetch, load each stream as files, go on where one fails."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from finops import plugins
from finops.config import Source
from finops.errors import ConfigError
from finops.intake.load import Asked, load
from finops.intake.mapping import mapping
from finops.intake.report import ApiCalls, LoadReport
from finops.intake.take import Tell
from finops.live.fetch import content, fetch
from finops.live.meter import added, cost, money
from finops.live.plan import Failure, Job, Plan, plan, said
from finops.live.windows import lost, units

if TYPE_CHECKING:
    from finops.queries import Reads
    from finops.warehouse.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Options:
    """How a live load runs. `now` is the only clock: windows, snapshots and the time of fetching follow from it."""

    now: datetime
    max_api_cost: Decimal | None = None
    replace_source: bool = False


def load_live(warehouse: Warehouse, sources: Sequence[Source], options: Options, tell: Tell) -> LoadReport:
    """Fetch and load every stream of these sources. What fails is in the report; nothing of it was loaded.

    Raises ConfigError where the calls would cost more than is allowed; then nothing was fetched.
    """
    with warehouse.reader() as reader:
        made = plan(sources, reader, warehouse.storage.root, options.now, tell)
    estimated = made.cost  # of what is not held yet: nothing of it once it is fetched
    _affordable(estimated, options.max_api_cost)
    tell(f"fetching: the calls cost {_priced(estimated)} at list price")
    report = LoadReport((), changed=False)
    failures = list(made.failures)
    for job in made.jobs:
        try:
            report += _run(warehouse, job, options, tell)
        except Exception as error:
            failures.append(Failure(job.opened.source.name, job.name, said(error)))
    said_of = tuple(f"{' '.join(filter(None, (f.source, f.stream)))}: {f.error}" for f in failures)
    return report + LoadReport((), changed=False, failures=said_of, api=_calls(made, estimated))


def _run(warehouse: Warehouse, job: Job, options: Options, tell: Tell) -> LoadReport:
    paths = fetch(job, options.now, tell)
    stored_as = job.stored_as
    if job.stream.divided == "export":
        with warehouse.reader() as reader:
            paths = _unloaded(paths, stored_as, job.stream.table, reader)
    asked = tuple(unit for window, _ in job.windows for unit in units(job.stream, window))
    if not paths and (not asked or (job.place and not job.held)):  # most regions hold nothing, and never did
        return LoadReport((), changed=False)
    tell(f"{job.opened.source.name}: loading {job.stream.title}")
    report = load(
        warehouse,
        paths,
        source=stored_as,
        replace_source=options.replace_source or job.opened.source.replace_source,
        asked=Asked(job.stream.table, asked, options.now),
        progress=tell,
    )
    if job.stream.divided != "export":
        for window, _ in job.windows:
            shutil.rmtree(job.shelf.window(window), ignore_errors=True)
    return report + LoadReport((), changed=False, notes=_losses(job, options.now))


def _unloaded(folders: Sequence[Path], source: str, table: str, reads: Reads) -> list[Path]:
    """Export months of which a file, or the mapping that reads it, is not what the warehouse holds."""
    current = {fmt.name: mapping(fmt) for fmt in plugins.formats()}
    rows = reads.rows(
        "select format, mapping, checksum from coverage where x_source = $source and stream = $table",
        {"source": source, "table": table},
    )
    held = {
        digest for row in rows if row["mapping"] == current.get(row["format"]) for digest in str(row["checksum"] or "").split()
    }
    return [folder for folder in folders if not content(folder) <= held]


def _affordable(estimated: dict[str, Decimal], most: Decimal | None) -> None:
    dearest = max(estimated.values(), default=Decimal(0))
    if most is not None and dearest > most:
        raise ConfigError(
            f"the calls would cost {_priced(estimated)} at list price, more than {most}",
            where="--max-api-cost",
            hint="fewer streams, regions or history_days in finops.toml, or a higher limit",
        )


def _priced(costs: dict[str, Decimal]) -> str:
    return " and ".join(str(amount) for amount in money(costs)) or "nothing"


def _calls(made: Plan, estimated: dict[str, Decimal]) -> ApiCalls:
    calls: dict[str, int] = {}
    for opened in made.opened:
        for operation, count in opened.meter.calls.items():
            calls[operation] = calls.get(operation, 0) + count
    spent = added(cost(opened.connector, opened.meter.units) for opened in made.opened)
    return ApiCalls(tuple(sorted(calls.items())), money(estimated), money(spent))


def _losses(job: Job, now: datetime) -> tuple[str, ...]:
    """What the provider had thrown away before it was asked, of a first load."""
    period_s = job.opened.settings.metric_period_s
    sentences = [lost(job.stream, window, now, period_s) for window, _ in job.windows]
    name = " ".join(filter(None, (job.opened.source.name, job.place)))
    return tuple(dict.fromkeys(f"{name}: {sentence}" for sentence in sentences if sentence))
