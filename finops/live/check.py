"""Settings held against what they name, offline: connectors and their packages, streams, files, thresholds, conditions."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from finops.config import Config, Source
from finops.errors import ConfigError, FinopsError
from finops.live.plan import chosen, open_source
from finops.plugins import connectors
from finops.queries.costs import Condition
from finops.runner import recommenders

OK, WRONG, UNKNOWN = "ok", "wrong", "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the settings name. `status`: ok, wrong, or unknown: only a call could tell."""

    setting: str
    status: str
    detail: str


def checked(config: Config) -> list[Finding]:
    """Every section; nothing is called and nothing is written."""
    found = [_warehouse(config.warehouse)]
    names = Counter(source.name for source in config.sources)
    for source in config.sources:
        if names[source.name] > 1:
            found.append(Finding(f"sources.{source.name}", WRONG, "two sources have this name: each replaces the other's rows"))
        found += _connected(source) if source.connector else _files(source)
    found += _tried("recommenders", lambda: recommenders(config.recommenders), bool(config.recommenders))
    for section, texts in (
        ("budgets", [text for budget in config.budgets for text in budget.where]),
        ("allocation.rules", [text for rule in config.allocation.rules for text in rule.where]),
    ):
        found += _tried(f"{section}.where", lambda texts=texts: [Condition.parse(text) for text in texts], bool(texts))  # type: ignore[misc]
    return found


def _warehouse(name: str) -> Finding:
    if "://" in name and not name.startswith("file://"):
        return Finding("warehouse", UNKNOWN, f"{name}: an object store, which finops status asks")
    folder = Path(name.removeprefix("file://")).expanduser().resolve()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Finding("warehouse", WRONG, f"{there} cannot be written")
    return Finding("warehouse", OK, f"{folder}" if there == folder else f"{folder}: the first load makes it")


def _files(source: Source) -> Iterator[Finding]:
    for pattern in source.paths:
        found = len(glob(pattern, recursive=True))  # noqa: PTH207 — as the load expands it
        status, detail = (OK, f"{pattern}: {found} found") if found else (WRONG, f"{pattern}: there is nothing")
        yield Finding(f"sources.{source.name}.paths", status, detail)


def _connected(source: Source) -> Iterator[Finding]:
    """The connector, its package and streams; files that its settings name; credentials that are at hand."""
    setting = f"sources.{source.name}"
    try:
        opened = open_source(source)
        streams = chosen(opened)
    except FinopsError as error:
        yield Finding(setting, WRONG, f"{error.what}{f' ({error.hint})' if error.hint else ''}")
        return
    yield Finding(setting, OK, f"{opened.connector.title}: {', '.join(stream.name for stream in streams)}")
    for name, value in opened.settings:
        if name.endswith("_file") and isinstance(value, str):
            there = os.access(value, os.R_OK)
            yield Finding(f"{setting}.settings.{name}", OK if there else WRONG, f"{value}{'' if there else ' cannot be read'}")
    signs = connectors()[source.connector].signs
    at_hand = next((sign for sign in signs if sign in os.environ or ("/" in sign and Path(sign).expanduser().exists())), None)
    hint = "finops doctor tries what they may do" if at_hand else "finops doctor says what is missing"
    said = f"credentials by {at_hand}" if at_hand else f"no credentials by {', '.join(signs) or 'any name'}"
    yield Finding(f"{setting}.credentials", UNKNOWN, f"{said}: {hint}")


def _tried(setting: str, read: Callable[[], object], is_set: bool) -> Iterator[Finding]:
    if not is_set:
        return
    try:
        read()
    except ConfigError as error:
        yield Finding(setting, WRONG, f"{error.what}{f' ({error.hint})' if error.hint else ''}")
        return
    yield Finding(setting, OK, "understood")
