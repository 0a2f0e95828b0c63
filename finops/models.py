"""The SQL models: what each file's header declares, what it reads, and the order in which they are built."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib import resources
from importlib.resources.abc import Traversable

FOLDERS = ("core", "marts")
AUDITS = "audits"


@dataclass(frozen=True, slots=True)
class Conservation:
    """`mart_column` sums to `charge_column` for every source, billing period and currency."""

    mart_column: str
    charge_column: str


@dataclass(frozen=True, slots=True)
class Model:
    """One SQL file.

    reads        the tables, models and macros that it names
    incremental  the key columns of the part that a change rebuilds; () where all of it is built each time
    slices       a value of what is read of which a group has one alone (groups do not tell cases apart), and the rows that are
                 aggregated at once in slices of it, so that what the engine holds of them does not grow with the table;
                 ('', 0) where all are
    parameter    of a table macro; '' where the model is stored
    kept         a macro that many statements of a run ask for the same day: evaluated once
    portable     a macro that statements of evidence name, and so every database that they are to run in has
    """

    name: str
    title: str
    sql: str
    grain: tuple[str, ...]
    incremental: tuple[str, ...]
    slices: tuple[str, int]
    reads: frozenset[str]
    parameter: str
    kept: bool
    portable: bool
    conserves: tuple[Conservation, ...]

    @property
    def is_macro(self) -> bool:
        return bool(self.parameter)

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Audit:
    """A query whose rows violate something. `severity` error stops publishing; warning is noted."""

    name: str
    title: str
    sql: str
    reads: frozenset[str]
    severity: str


@cache
def models() -> tuple[Model, ...]:
    """Every model, each after what it reads. Raises graphlib.CycleError."""
    found = [parse(path.name.removesuffix(".sql"), text) for path, text in _files(FOLDERS)]
    return ordered(found)


@cache
def audits() -> tuple[Audit, ...]:
    """Every audit of the core tables, by name."""
    return tuple(parse_audit(path.name.removesuffix(".sql"), text) for path, text in _files((AUDITS,)))


def ordered(found: Iterable[Model]) -> tuple[Model, ...]:
    by_name = {model.name: model for model in sorted(found, key=lambda model: model.name)}
    graph = {name: sorted(model.reads & by_name.keys()) for name, model in by_name.items()}
    return tuple(by_name[name] for name in TopologicalSorter(graph).static_order())


def parse(name: str, sql: str) -> Model:
    """A model from its text. Raises ValueError where the header does not open with `name: sentence`."""
    fields = _header(name, sql)
    macro = re.fullmatch(r"(\w+)\((\w+)\)", fields.get("macro", ""))
    return Model(
        name=name,
        title=fields[name],
        sql=sql,
        grain=_names(fields.get("grain", "")),
        incremental=_names(fields.get("incremental", "")),
        slices=_slices(fields.get("slices", "")),
        reads=frozenset(_names(fields["reads"])),
        parameter=macro[2] if macro else "",
        kept=fields.get("kept") == "yes",
        portable=fields.get("portable") == "yes",
        conserves=tuple(Conservation(*pair) for pair in re.findall(r"conserves\((\w+),\s*(\w+)\)", fields.get("audits", ""))),
    )


def parse_audit(name: str, sql: str) -> Audit:
    fields = _header(name, sql)
    if fields.get("severity") not in ("error", "warning"):
        raise ValueError(f"{name}: severity is `error` or `warning`")
    return Audit(name, fields[name], sql, frozenset(_names(fields["reads"])), fields["severity"])


def _header(name: str, sql: str) -> dict[str, str]:
    """`key: value` lines of the leading comment; indented lines continue the one above, sentences are left out."""
    fields: dict[str, str] = {}
    key = ""
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        text = line[2:]
        match = re.match(r" (\w+): (.*)", text)
        if match:
            key = match[1]
            fields[key] = match[2].strip()
        elif text.startswith("   ") and key:
            fields[key] += " " + text.strip()
    if name not in fields:
        raise ValueError(f"{name}.sql: the header opens with `-- {name}: what it is.`")
    if "reads" not in fields:
        raise ValueError(f"{name}.sql: the header has no line `-- reads: …`")
    return fields


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _slices(text: str) -> tuple[str, int]:
    """`lower(resource_id), 500000`."""
    value, _, rows = text.rpartition(",")
    return value.strip(), int(rows or 0)


def _files(folders: Iterable[str]) -> list[tuple[Traversable, str]]:
    root = resources.files("finops").joinpath("sql")
    paths = [path for folder in folders for path in _children(root.joinpath(folder)) if path.name.endswith(".sql")]
    return [(path, path.read_text("utf-8")) for path in paths]


def _children(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda path: path.name) if folder.is_dir() else []
