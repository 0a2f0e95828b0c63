"""The reader: one published snapshot as an in-memory engine whose views name exactly its files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from finops.errors import ConfigError
from finops.models import Model, models
from finops.warehouse.layout import BY_NAME
from finops.warehouse.names import identifier, literal
from finops.warehouse.published import Published
from finops.warehouse.results import Results
from finops.warehouse.storage import Storage
from finops.warehouse.values import rows_of
from finops.warehouse.views import relation, with_tags

EXAMPLE = "finops sql 'select * from charges limit 5'"
WORD = re.compile(r"[A-Za-z_]\w*")
BILLED = {"x_source", "x_billing_period"}
"""Columns of the tables that hold bills, and of what is summed from them."""

CALL = re.compile(r"\b([a-z_]\w*)\(\$(\w+)\)")


class Reader:
    """Views are made when a statement first names them: of a remote warehouse only those files are fetched.

    Statements are functions of the tables that they read and their parameters (no clock, no chance): each is run once.
    """

    def __init__(self, storage: Storage, published: Published, memory_limit: str, left_out: Iterable[str] = ()) -> None:
        self.published = published
        self._left_out = tuple(sorted(left_out))
        self._storage = storage
        self._memory_limit = memory_limit
        self._results = Results(storage, published, self._left_out)
        self._models: dict[str, Model] = {model.name: model for model in models()}
        self._known = {name.lower(): name for name in (*BY_NAME, *published.tables, *self._models)}
        self._made: set[str] = set()

    def without(self, sources: Iterable[str]) -> Reader:
        """A reader of the same snapshot to which the bills of these sources are unknown; `close` it when done."""
        return Reader(self._storage, self.published, self._memory_limit, sources)

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        """The result as dictionaries. `params` are bound by name (`$name`)."""
        return rows_of(self.arrow(sql, params))

    def arrow(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """The result as an Arrow table."""
        bound = dict(params or {})
        path = self._results.path(sql, bound, self._reads(sql))
        found = self._results.find(path)
        if found is None:
            found = self._run(kept(sql, bound, self._connection, self._made, self._prepare), bound)
            self._results.keep(path, found)
        return found

    def _reads(self, sql: str) -> set[str]:
        """The tables and models that a statement names, and those that they read."""
        found: set[str] = set()
        asked = [sql]
        while asked:
            named = {self._known[word] for word in _words(asked.pop()) if word in self._known} - found
            found |= named
            asked += [self._models[name].sql for name in named if name in self._models]
        return found

    def _run(self, sql: str, params: Mapping[str, object]) -> pa.Table:
        self._prepare(sql)
        used = {name: value for name, value in params.items() if f"${name}" in sql}
        return self._connection.cursor().sql(sql, params=used or None).to_arrow_table()

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        made = duckdb.connect(config={"memory_limit": self._memory_limit, "temp_directory": tempfile.gettempdir()})
        made.execute("set enable_progress_bar = false")
        made.execute("set global TimeZone = 'UTC'")
        return made

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection itself, with `charges` as a view: what streams a whole bill reads from it."""
        self._prepare("charges")
        return self._connection

    def user_sql(self, statement: str) -> list[dict[str, Any]]:
        """A stranger's statement: exactly one SELECT, on the published files and nothing else. Raises ConfigError."""
        try:
            parsed = duckdb.extract_statements(statement)
        except duckdb.Error as error:
            raise ConfigError(str(error), where="finops sql", hint=EXAMPLE) from error
        if len(parsed) != 1 or parsed[0].type != duckdb.StatementType.SELECT:
            raise ConfigError("exactly one SELECT statement is run", where="finops sql", hint=EXAMPLE)
        guest = Reader(self._storage, self.published, self._memory_limit)
        try:
            guest._prepare(statement)
            guest._lock()
            return rows_of(guest._run(statement, {}))
        except duckdb.Error as error:
            tables = f"one of the warehouse's own tables: {', '.join(sorted(self._known.values()))}"
            raise ConfigError(str(error), where="finops sql", hint=tables) from error
        finally:
            guest.close()

    def close(self) -> None:
        if "_connection" in vars(self):
            self._connection.close()

    def _prepare(self, sql: str) -> None:
        """Create the views and macros that a statement may name, and those that they name."""
        for word in sorted(_words(sql) & self._known.keys()):
            if word in self._made:  # by one of those before, which read it
                continue
            name = self._known[word]
            self._made.add(word)
            model = self._models.get(name)
            if model is not None and model.is_macro:
                self._prepare(" ".join(model.reads))
                create_macro(self._connection, model)
            elif model is not None and (name not in self.published.tables or self.published.models.get(name) != model.hash):
                self._prepare(" ".join(model.reads))  # not stored, or by another version's SQL: evaluated when it is read
                self._connection.execute(f"create view {identifier(name)} as {model.sql}")
            else:
                self._connection.execute(f"create view {identifier(name)} as {self._relation(name)}")

    def _relation(self, name: str) -> str:
        state = self.published.tables.get(name)
        stored = relation(self._storage, name, state)
        if self._left_out and state and {column for column, _ in state.columns} >= BILLED:
            stored = f"select * from ({stored}) where x_source not in ({', '.join(map(literal, self._left_out))})"
        if name != "charges":
            return stored
        return with_tags(stored, relation(self._storage, "tag_sets", self.published.tables.get("tag_sets")))

    def _lock(self) -> None:
        """No file but the published ones, no other setting, from here on."""
        files = [
            str(self._storage.root / name / file.path) for name, state in self.published.tables.items() for file in state.files
        ]
        self._connection.execute("set allowed_paths = $1", [files])
        self._connection.execute("set enable_external_access = false")
        self._connection.execute("set lock_configuration = true")


def create_macro(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """What it reads exists already."""
    body = model.sql.rstrip().rstrip(";")
    connection.execute(f"create macro {identifier(model.name)}({identifier(model.parameter)}) as table {body}")


def kept(
    sql: str,
    params: Mapping[str, object],
    connection: duckdb.DuckDBPyConnection,
    made: set[str],
    prepare: Callable[[str], None],
) -> str:
    """The statement with each macro that many ask for as a table of its rows: evaluated once for a value.

    `made` names the tables of this connection that were evaluated before; `prepare` creates what a text names.
    """
    for name, parameter in CALL.findall(sql):
        model = next((model for model in models() if model.name == name), None)
        if model is None or not model.kept or parameter not in params:
            continue
        table = f"{name} {params[parameter]}"
        if table not in made:
            prepare(name)
            value = literal(str(params[parameter]))
            connection.execute(f"create table {identifier(table)} as select * from {identifier(name)}({value}::date)")
            made.add(table)
        sql = sql.replace(f"{name}(${parameter})", identifier(table))
    return sql


def _words(sql: str) -> set[str]:
    return {found.lower() for found in WORD.findall(sql)}
