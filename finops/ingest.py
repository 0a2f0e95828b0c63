"""What `finops load` runs: the paths on the command line, or every source of `finops.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finops.config import Config
from finops.errors import ConfigError
from finops.intake.load import load
from finops.intake.report import LoadReport
from finops.intake.take import Tell

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
    progress: Tell | None = None,
) -> LoadReport:
    """One delivery from `paths`; without paths one a configured source, each complete before the next begins.

    Raises Refused (nothing of that delivery was loaded), ConfigError where there is nothing to load.
    """
    if paths or invoice is not None:
        return load(warehouse, paths, source=source, invoice=invoice, replace_source=replace_source, progress=progress)
    if not config.sources:
        raise ConfigError("no path is given, and finops.toml names no source", hint="finops load PATH…, or finops init")
    if source is not None and source not in {entry.name for entry in config.sources}:
        names = ", ".join(entry.name for entry in config.sources)
        raise ConfigError(f"finops.toml names no source `{source}`", hint=f"one of {names}")
    report = LoadReport((), changed=False)
    for entry in config.sources:
        if source in (None, entry.name):
            report += load(
                warehouse,
                entry.paths,
                source=entry.name,
                replace_source=replace_source or entry.replace_source,
                progress=progress,
            )
    return report
