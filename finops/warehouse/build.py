"""Builds the stored models: only the parts whose inputs or SQL changed, and the audits that they must pass."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Lock

import duckdb

from finops.errors import DataError
from finops.models import Audit, Model, audits
from finops.warehouse.lanes import AT_ONCE, side_by_side
from finops.warehouse.layout import BY_NAME, PARTITION, Columns, Layout, mart_layout
from finops.warehouse.names import identifier
from finops.warehouse.published import DataFile, TableState
from finops.warehouse.store import Landed, Store
from finops.warehouse.views import relation
from finops.warehouse.vocabulary import LEAST_ROWS, NO_TEXTS, everywhere, replaced

MONEY = "DECIMAL(38,12)"
AMOUNT = re.compile(r"(^|_)(cost|price|amount|credit|saving|quantity)$")
"""Columns that hold money, or quantities that money is computed from."""

Part = tuple[str, str]

BATCH_ROWS = 250_000
"""Rows up to which months are built together: from about there on, planning a statement is a small part of running it. Parts
of more are aggregated one after the other: each keeps every core busy, and two of them would hold twice the memory."""

WHOLE: tuple[Part, ...] = (("", ""),)
"""The one part of a model that is built whole."""


class Bench:
    """A connection with a schema of its own, whose views are what a model reads while it is built."""

    def __init__(self, store: Store, connection: duckdb.DuckDBPyConnection, schema: str) -> None:
        self._store = store
        self._schema = schema
        self._shown: dict[str, object] = {}  # what each view stands for
        self.connection = connection.cursor()
        self.connection.execute("set enable_progress_bar = false")
        self.connection.execute(f"create schema {schema}")
        self.connection.execute(f"set search_path = '{schema},main'")

    def view(self, name: str, files: list[DataFile] | None, where: str = "true", *, enums: bool = False) -> None:
        """The table of that name is these files, or all of its own, and of those the rows for which `where` holds.

        With `enums`, what this writer wrote as such is read as such: it pays where texts are written again.
        """
        state = self._store.states.get(name)
        shown = (enums, where, state and state.columns, tuple(files if files is not None else state.files if state else ()))
        if self._shown.get(name) == shown:
            return
        self._shown[name] = shown
        texts = everywhere([self._store.texts.get(file.path, NO_TEXTS) for file in files or ()]) if enums else NO_TEXTS
        few = replaced(self.connection, texts)
        sql = relation(self._store.storage, name, state, files, few)
        chosen = sql if where == "true" else f"select * from ({sql}) where {where}"
        self.connection.execute(f"create or replace view {self._schema}.{identifier(name)} as {chosen}")


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The parts of a model that are to be built; `aligned` are the inputs that are kept in the same parts."""

    model: Model
    layout: Layout
    parts: tuple[Part, ...]
    aligned: frozenset[str]


class Builder:
    """The models of one writer. `hashes` are those of the models as they stand in the tables."""

    def __init__(
        self, store: Store, connection: duckdb.DuckDBPyConnection, models: Sequence[Model], hashes: Mapping[str, str]
    ) -> None:
        self._store = store
        self._models = models
        self._benches = [Bench(store, connection, f"model_{number}") for number in range(AT_ONCE)]
        self._bench = self._benches[0]
        self._heavy = Lock()
        self.hashes = dict(hashes)

    def build(self) -> None:
        """Rebuild what is stale: models that do not read each other side by side, as the parts of each are."""
        for generation in _generations([model for model in self._models if not model.is_macro]):
            plans = [plan for model in generation if (plan := self._planned(model)) is not None]
            batches = {plan.model.name: self._batches(plan) for plan in plans}
            jobs = [partial(self._built, plan, parts) for plan in plans for parts in batches[plan.model.name]]
            landed = iter(side_by_side(self._benches, jobs))
            for plan in plans:
                new = [file for _ in batches[plan.model.name] for file in next(landed)]
                name = plan.layout.name
                gone = [f for f in self._current(name) if plan.parts == WHOLE or (f.source, f.partition) in set(plan.parts)]
                self._store.swap(plan.layout, new, gone, [])
        self.hashes.update({model.name: model.hash for model in self._models})

    def audit(self, checks: Sequence[Audit] | None = None) -> list[str]:
        """Run every audit on what changed; the warnings. Raises DataError for the first error, naming its rows."""
        asked = [
            check
            for check in (audits() if checks is None else checks)
            if any(self._store.changed.get(name) for name in check.reads)
        ]
        jobs: list[Callable[[Bench], str]] = [partial(self._audited, check) for check in asked]
        jobs += [partial(self._conserved, model) for model in self._models]
        said = side_by_side(self._benches, jobs)
        return [warning for warning in said if warning]

    def _audited(self, check: Audit, bench: Bench) -> str:
        """The warning of an audit, '' where it finds nothing. Raises DataError where it is an error."""
        for name in check.reads:
            # The whole period, of all sources: two of them may hold one account.
            periods = {partition for _, partition in self._store.changed.get(name, ())}
            bench.view(name, [file for file in self._current(name) if file.partition in periods])
        found = bench.connection.sql(check.sql).limit(5).to_arrow_table().to_pylist()
        if found and check.severity == "error":
            raise DataError(f"audit {check.name} failed: {check.title} {_shown(found)}")
        return f"{check.title} {_shown(found)}" if found else ""

    def _planned(self, model: Model) -> Rebuild | None:
        """What of a model is to be built; None where all of it stands."""
        self._store.step(f"build {model.name}")
        for name in model.reads:
            self._bench.view(name, [])
        layout = mart_layout(model, self._columns(model))
        state = self._store.states.get(model.name)
        stale = state is None or self.hashes.get(model.name) != model.hash
        if not model.incremental:
            if not stale and not any(self._store.changed.get(name) for name in model.reads):
                return None
            self._shape(layout, state)
            return Rebuild(model, layout, WHOLE, frozenset())
        aligned = frozenset(name for name in model.reads if self._aligned(name, layout))
        everything = stale or any(self._store.changed.get(name) for name in model.reads - aligned)
        parts = self._all_parts(aligned) if everything else self._changed_parts(aligned)
        if everything and state is not None:
            parts |= {(file.source, file.partition) for file in state.files}
        self._shape(layout, state)
        return Rebuild(model, layout, tuple(sorted(parts)), aligned)

    def _batches(self, plan: Rebuild) -> list[tuple[Part, ...]]:
        """The parts of a model that one statement builds: small months of a source together, for each statement is planned."""
        batches: list[tuple[Part, ...]] = []
        held = 0
        for part in plan.parts:
            rows = sum(file.rows for name in plan.aligned for file in self._files(name, {part}))
            if batches and batches[-1][0][0] == part[0] and held + rows <= BATCH_ROWS:
                batches[-1], held = (*batches[-1], part), held + rows
            else:
                batches, held = [*batches, (part,)], rows
        return batches

    def _built(self, plan: Rebuild, parts: tuple[Part, ...], bench: Bench) -> list[Landed]:
        """Parts of a model, from the files of these parts alone where its inputs are kept in the same parts."""
        files = {name: self._files(name, set(parts)) if name in plan.aligned else None for name in plan.model.reads}
        select = self._select(plan.model, plan.layout)
        rows = sum(file.rows for several in files.values() for file in several or ())
        wheres = _slices(plan.model, rows)

        def of_slice(where: str) -> str:
            for name, several in files.items():
                bench.view(name, several, where, enums=rows >= LEAST_ROWS)
            return select

        with self._heavy if rows >= BATCH_ROWS else nullcontext():
            return self._store.land(bench.connection, plan.layout, map(of_slice, wheres))

    def _shape(self, layout: Layout, state: TableState | None) -> None:
        if state is not None and state.columns != layout.columns:
            self._store.touched.add(layout.name)
            self._store.commits.reshape(layout.name, layout.columns, layout.partition_by)
            self._store.states[layout.name] = TableState(0, layout.columns)
            self._store.changed.setdefault(layout.name, set()).update((f.source, f.partition) for f in state.files)
        else:
            self._store.commits.shape(layout.name, layout.columns, layout.partition_by)
        if layout.name not in self._store.states:
            version = int(self._store.commits.handles[layout.name].version())
            self._store.states[layout.name] = TableState(version, layout.columns)

    def _select(self, model: Model, layout: Layout) -> str:
        lines = [  # the layout has the model's own types
            f"{layout.partition if name == PARTITION else identifier(name)} as {identifier(name)}" for name, _ in layout.columns
        ]
        return f"select {', '.join(lines)} from ({model.sql})"

    def _columns(self, model: Model) -> Columns:
        """The model's columns. Raises DataError where an amount is no exact decimal."""
        found = [(row[0], row[1]) for row in self._bench.connection.execute(f"describe {model.sql}").fetchall()]
        inexact = [name for name, kind in found if (AMOUNT.search(name) and kind != MONEY) or kind == "HUGEINT"]
        if inexact:
            raise DataError(f"{model.name}: {', '.join(inexact)} must be cast to {MONEY}", hint="cast every sum in the model")
        return tuple(found)

    def _aligned(self, name: str, layout: Layout) -> bool:
        """Whether a table is kept in the same parts as a model, so that a part is built from its part alone."""
        if name in BY_NAME:
            table = BY_NAME[name]
            column = table.partition if table.partition in table.types else PARTITION
            return column == layout.partition_by[1] and (column != PARTITION or "%Y-%m'" in table.partition)
        other = next((model for model in self._models if model.name == name), None)
        return other is not None and bool(other.incremental) and (other.incremental[1] == layout.partition_by[1])

    def _all_parts(self, names: Iterable[str]) -> set[Part]:
        return {(file.source, file.partition) for name in names for file in self._current(name)}

    def _changed_parts(self, names: Iterable[str]) -> set[Part]:
        return set().union(*(self._store.changed.get(name, set()) for name in names))

    def _current(self, name: str) -> tuple[DataFile, ...]:
        state = self._store.states.get(name)
        return state.files if state else ()

    def _files(self, name: str, parts: set[Part]) -> list[DataFile]:
        return [file for file in self._current(name) if (file.source, file.partition) in parts]

    def _conserved(self, model: Model, bench: Bench) -> str:
        """'' where the model sums to the charges, for every source, period and currency that changed. Else DataError."""
        changed = self._store.changed.get("charges", set()) | self._store.changed.get(model.name, set())
        if not model.conserves or not changed:
            return ""
        bench.view("charges", self._files("charges", changed))
        bench.view(model.name, self._files(model.name, changed))
        found = bench.connection.sql(_conservation(model)).limit(5).to_arrow_table().to_pylist()
        if found:
            wrong = next(
                r
                for r in model.conserves
                if any((row[f"mart_{r.mart_column}"] or 0) != (row[r.charge_column] or 0) for row in found)
            )
            raise DataError(f"{model.name}.{wrong.mart_column} does not sum to {wrong.charge_column} {_shown(found)}")
        return ""


def _slices(model: Model, rows: int) -> list[str]:
    """Conditions under which a model reads its rows, one after another (decisions 136, 145, 153)."""
    value, most = model.slices
    count = math.ceil(rows / most) if value else 1
    return [f"hash({value}) % {count} = {n}" for n in range(count)] if count > 1 else ["true"]


def _generations(ordered: Sequence[Model]) -> list[list[Model]]:
    """Models in their order, cut where one reads another."""
    found: list[list[Model]] = []
    for model in ordered:
        if not found or model.reads & {other.name for other in found[-1]}:
            found.append([])
        found[-1].append(model)
    return found


def _conservation(model: Model) -> str:
    """The periods and currencies in which a sum of the model is not that of the charges: both are read once for all sums."""
    key = "x_source, x_billing_period"
    marts = ", ".join(
        f"sum({identifier(r.mart_column)})::{MONEY} as {identifier('mart_' + r.mart_column)}" for r in model.conserves
    )
    sums = ", ".join(f"sum({identifier(r.charge_column)})::{MONEY} as {identifier(r.charge_column)}" for r in model.conserves)
    differs = " or ".join(
        f"coalesce({identifier('mart_' + r.mart_column)}, 0) <> coalesce({identifier(r.charge_column)}, 0)"
        for r in model.conserves
    )
    return f"""
        select * from (
            select {key}, currency, {marts} from {identifier(model.name)} group by all
        ) full join (
            select {key}, BillingCurrency as currency, {sums} from charges group by all
        ) using ({key}, currency)
        where {differs}
    """


def _shown(rows: Sequence[Mapping[str, object]]) -> str:
    """A few violating rows in words."""
    return "; ".join(", ".join(f"{key} {value}" for key, value in row.items()) for row in rows[:3])
