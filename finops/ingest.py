"""What `finops load` runs: the paths on the command line, or every source of `finops.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from finops.config import Config, Source
from finops.errors import ConfigError, FinopsError
from finops.intake.load import load
from finops.intake.report import LoadReport
from finops.intake.take import Tell
from finops.live.run import Options, load_live

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Warehouse

__all__ = ["LoadReport", "load", "load_sources"]


def load_sources(
    warehouse: Warehouse,
    config: Config,
    paths: Sequence[str | Path],
    *,
    source: str | None = None,
    invoice: str | Path | None = None,
    replace_source: bool = False,
    max_api_cost: Decimal | None = None,
    now: datetime | None = None,
    progress: Tell | None = None,
) -> LoadReport:
    """One delivery from `paths`; without paths one a configured source, each complete before the next begins.

    A configured source that fails is in the report's `failures`, and the others go on. `now` is when what is fetched is
    fetched (default: the clock). Raises Refused (nothing of the paths was loaded), ConfigError where there is nothing to load
    or where providers' calls would cost more than `max_api_cost`.
    """
    if paths or invoice is not None:
        return load(warehouse, paths, source=source, invoice=invoice, replace_source=replace_source, progress=progress)
    if not config.sources:
        raise ConfigError("no path is given, and finops.toml names no source", hint="finops load PATH…, or finops init")
    if source is not None and source not in {entry.name for entry in config.sources}:
        names = ", ".join(entry.name for entry in config.sources)
        raise ConfigError(f"finops.toml names no source `{source}`", hint=f"one of {names}")
    chosen = [entry for entry in config.sources if source in (None, entry.name)]
    report = LoadReport((), changed=False)
    for entry in chosen:
        if not entry.connector:
            report += _files(warehouse, entry, replace_source, progress)
    live = [entry for entry in chosen if entry.connector]
    if live:
        moment = (now or datetime.now(UTC)).replace(microsecond=0)
        options = Options(moment, max_api_cost, replace_source)
        report += load_live(warehouse, live, options, progress or _silent)
    return report


def _files(warehouse: Warehouse, entry: Source, replace_source: bool, progress: Tell | None) -> LoadReport:
    try:
        return load(
            warehouse,
            entry.paths,
            source=entry.name,
            replace_source=replace_source or entry.replace_source,
            progress=progress,
        )
    except FinopsError as error:
        return LoadReport((), changed=False, failures=(f"{entry.name}: {error}",))


def _silent(_: str) -> None:
    """Progress goes nowhere."""
