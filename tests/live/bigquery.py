"""A contract server for BigQuery: REST requests held against its description, statements executed on DuckDB.

The methods, their paths and parameters are those of the discovery document `bigquery:v2` (and `formatOptions`, which the
REST reference has beside it). A statement is parsed as BigQuery's dialect and executed after translation, over tables whose
schema is in BigQuery's words. What breaks the description is answered 400 and kept in `violations`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp

from tests.live.faults import serving
from tests.live.google_rest import Refused, Rest, State

LEAST = 10 << 20

METHODS = {
    "bigquery.tables.get": ("GET", "projects/{p}/datasets/{d}/tables/{t}", {"selectedFields", "view"}),
    "bigquery.jobs.insert": ("POST", "projects/{p}/jobs", set()),
    "bigquery.jobs.get": ("GET", "projects/{p}/jobs/{j}", {"location", "projection"}),
    "bigquery.jobs.getQueryResults": (
        "GET",
        "projects/{p}/queries/{j}",
        {"location", "maxResults", "pageToken", "startIndex", "timeoutMs", "formatOptions.useInt64Timestamp"},
    ),
}
JOB = {"query", "dryRun", "labels", "jobTimeoutMs"}
STATEMENT = {"query", "useLegacySql", "useQueryCache", "parameterMode", "queryParameters", "maximumBytesBilled"}

DUCK = {
    "STRING": "VARCHAR",
    "FLOAT": "DOUBLE",
    "NUMERIC": "DECIMAL(38, 9)",
    "TIMESTAMP": "TIMESTAMPTZ",
}
BIG = {
    "VARCHAR": "STRING",
    "DOUBLE": "FLOAT",
    "BIGINT": "INTEGER",
    "INTEGER": "INTEGER",
    "DATE": "DATE",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
}


@dataclass(kw_only=True)
class BigQuery(State):
    """The server's state. `tables`: `project.dataset.table` → schema."""

    database: duckdb.DuckDBPyConnection
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    statements: list[tuple[str, bool]] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, tuple[list[dict[str, Any]], list[Any]]] = field(default_factory=dict)
    arrow: dict[str, pa.Table] = field(default_factory=dict)
    page_rows: int = 400
    endless: bool = False

    def serve(self, name: str, schema: list[dict[str, Any]], files: list[str], partition: str | None = None) -> None:
        """A table of these JSON lines. Google appends a day's rows on the next; what is not in the schema is not there."""
        columns = {each["name"]: duck_type(each) for each in schema}
        spelt = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
        self.database.execute(
            f"create or replace table \"{name}\" as select *, date_trunc('day', export_time) as _PARTITIONTIME"
            f" from read_json($1, columns = {{{spelt}}})",
            [files],
        )
        self.tables[name] = {"schema": schema, "partition": partition}

    def read(self) -> list[str]:
        """Statements that were run, not only priced."""
        return [sql for sql, dry in self.statements if not dry]


def duck_type(column: dict[str, Any]) -> str:
    if column["type"] == "RECORD":
        inner = ", ".join(f'"{each["name"]}" {duck_type(each)}' for each in column["fields"])
        kind = f"STRUCT({inner})"
    else:
        kind = DUCK[column["type"]]
    return f"{kind}[]" if column.get("mode") == "REPEATED" else kind


def big_field(name: str, kind: Any) -> dict[str, Any]:
    """A DuckDB type as a field of BigQuery's schema."""
    if kind.id == "list":
        return {**big_field(name, kind.children[0][1]), "mode": "REPEATED"}
    if kind.id == "struct":
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": [big_field(*each) for each in kind.children]}
    return {"name": name, "type": "NUMERIC" if kind.id == "decimal" else BIG[str(kind)], "mode": "NULLABLE"}


def big_value(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [{"v": big_value(each)} for each in value]
    if isinstance(value, dict):
        return {"f": [{"v": big_value(each)} for each in value.values()]}
    if isinstance(value, datetime):
        return str((value.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return repr(value) if isinstance(value, float) else str(value)


def _cell(column: dict[str, Any], value: Any) -> dict[str, Any]:
    """A repeated field is never null: it is empty."""
    return {"v": [] if value is None and column["mode"] == "REPEATED" else big_value(value)}


def _never_null(table: pa.Table) -> pa.Table:
    """The same of a column."""
    columns = {}
    for name in table.column_names:
        column = table[name]
        repeated = pa.types.is_list(column.type)
        columns[name] = pa.chunked_array([_filled(chunk) for chunk in column.chunks], column.type) if repeated else column
    return pa.table(columns)


def _filled(column: pa.ListArray) -> pa.ListArray:
    counts = pc.fill_null(pc.list_value_length(column), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(counts).cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, column.flatten(), type=column.type)


@contextmanager
def bigquery() -> Iterator[BigQuery]:
    """The server. Raises AssertionError at the end where a request broke the description."""
    state = BigQuery(database=duckdb.connect())
    state.database.execute("set timezone = 'UTC'")
    try:
        with serving(_Handler, state):
            yield state
    finally:
        state.database.close()


class _Handler(Rest):
    methods = METHODS
    prefix = "/bigquery/v2/"
    broken = (ValueError, KeyError, duckdb.Error)

    def _tables_get(self, given: dict[str, str], _: dict[str, str], __: bytes) -> dict[str, Any]:
        name = f"{given['p']}.{given['d']}.{given['t']}"
        table = self.state.tables.get(name)
        if table is None:
            raise Refused(404, "notFound", f"Not found: Table {name}")
        partitioning = {"type": "DAY"} | ({"field": table["partition"]} if table["partition"] else {})
        return {
            "kind": "bigquery#table",
            "id": name.replace(".", ":", 1),
            "tableReference": {"projectId": given["p"], "datasetId": given["d"], "tableId": given["t"]},
            "schema": {"fields": table["schema"]},
            "location": "US",
            "type": "TABLE",
            **({} if table["partition"] == "none" else {"timePartitioning": partitioning}),
        }

    def _jobs_insert(self, given: dict[str, str], _: dict[str, str], body: bytes) -> dict[str, Any]:
        job: dict[str, Any] = json.loads(body)
        configuration = job["configuration"]
        asked = configuration["query"]
        if unknown := (configuration.keys() - JOB) | (asked.keys() - STATEMENT):
            raise ValueError(f"a query job has no {sorted(unknown)}")
        if asked["useLegacySql"] is not False or job["jobReference"]["projectId"] != given["p"]:
            raise ValueError("legacy SQL, or another project")
        dry = bool(configuration.get("dryRun"))
        identifier = job["jobReference"].setdefault("jobId", f"dry-{len(self.state.statements)}")
        if identifier in self.state.jobs:
            raise Refused(409, "duplicate", f"Already Exists: Job {identifier}")
        self.state.statements.append((asked["query"], dry))
        cursor = self.state.database.cursor()
        cursor.execute("set timezone = 'UTC'")
        tree, read = _translated(self.state, asked, cursor)
        billed = max(read, LEAST) if read or asked.get("queryParameters") else 0
        job |= {
            "id": f"{given['p']}:US.{identifier}",
            "status": {"state": "DONE"},
            "statistics": {
                "query": {
                    "statementType": "SELECT",
                    "totalBytesProcessed": str(read),
                    "totalBytesBilled": "0" if dry else str(billed),
                },
                "totalBytesProcessed": str(read),
            },
        }
        job["jobReference"]["location"] = "US"
        if not dry and billed > int(asked["maximumBytesBilled"]):
            wrong = {"reason": "bytesBilledLimitExceeded", "message": f"Query exceeded limit for bytes billed: {billed}"}
            job["status"] |= {"errorResult": wrong, "errors": [wrong]}
        elif not dry:
            relation = cursor.sql(tree.sql("duckdb"))
            schema = [big_field(*each) for each in zip(relation.columns, relation.types, strict=True)]
            found = relation.to_arrow_table()
            self.state.results[identifier] = schema, [tuple(row.values()) for row in found.to_pylist()]
            self.state.arrow[identifier] = _never_null(found)
            anonymous = {"projectId": given["p"], "datasetId": "_results", "tableId": identifier}
            job["configuration"]["query"]["destinationTable"] = anonymous
        if dry:
            return job
        self.state.jobs[identifier] = job
        return {**job, "status": {"state": "RUNNING"}, "statistics": {}}

    def _jobs_get(self, given: dict[str, str], _: dict[str, str], __: bytes) -> dict[str, Any]:
        if given["j"] not in self.state.jobs:
            raise Refused(404, "notFound", f"Not found: Job {given['j']}")
        job: dict[str, Any] = self.state.jobs[given["j"]]
        return job

    def _jobs_getQueryResults(self, given: dict[str, str], parameters: dict[str, str], _: bytes) -> dict[str, Any]:
        schema, rows = self.state.results[given["j"]]
        if parameters.get("maxResults") == "0":  # to wait for the job's end
            start, end, more = 0, 0, dict[str, str]()
        elif parameters.get("formatOptions.useInt64Timestamp") in ("True", "true"):
            start, end, more = self._place(parameters, len(rows))
        else:
            raise ValueError("times as numbers are floats, which are not exact")
        page = [{"f": [_cell(*each) for each in zip(schema, row, strict=True)]} for row in rows[start:end]]
        return {
            "kind": "bigquery#getQueryResultsResponse",
            "schema": {"fields": schema},
            "jobReference": {"projectId": given["p"], "jobId": given["j"], "location": "US"},
            "totalRows": str(len(rows)),
            **({"rows": page} if page else {}),
            "jobComplete": True,
            **more,
        }

    def _place(self, parameters: dict[str, str], count: int) -> tuple[int, int, dict[str, str]]:
        """The page's rows, and the token of the next one."""
        start = int(parameters.get("pageToken", "page-0").removeprefix("page-"))
        end = start + min(self.state.page_rows, int(parameters.get("maxResults", 1 << 31)))
        if self.state.endless:
            return start, end, {"pageToken": "page-1"}
        return start, end, {"pageToken": f"page-{end}"} if end < count else {}


def _translated(state: BigQuery, asked: dict[str, Any], cursor: Any) -> tuple[exp.Expr, int]:
    """The statement for DuckDB, and the bytes that it reads: 8 a column and row of the partitions that it names."""
    given = {each["name"]: each for each in asked.get("queryParameters", ())}
    tree = sqlglot.parse_one(asked["query"], read="bigquery")
    if tree.find(exp.Table) is None:
        return tree, 0
    (table,) = tree.find_all(exp.Table)
    name = ".".join(part.name for part in table.parts)
    if name not in state.tables:
        raise Refused(404, "notFound", f"Not found: Table {name}")
    table.replace(exp.to_table(f'"{name}"', dialect="duckdb"))
    used = set()
    for parameter in list(tree.find_all(exp.Parameter)):
        each = given[parameter.name]
        used.add(parameter.name)
        literal = exp.Literal.string(each["parameterValue"]["value"])
        kind = {"STRING": "VARCHAR", "TIMESTAMP": "TIMESTAMPTZ"}[each["parameterType"]["type"]]
        parameter.replace(exp.cast(literal, kind, dialect="duckdb"))
    if used != given.keys():
        raise ValueError(f"parameters {sorted(given)} for a statement with {sorted(used)}")
    where = tree.args["where"].this
    conditions = where.flatten() if isinstance(where, exp.And) else [where]
    pruning = [each for each in conditions if "_PARTITIONTIME" in each.sql() or "export_time" in each.sql()]
    if not pruning:
        raise ValueError("a statement that reads every partition")
    condition = " and ".join(each.sql("duckdb") for each in pruning)
    ((rows,),) = cursor.execute(f'select count(*) from "{name}" where {condition}').fetchall()
    return tree, rows * 8 * len({column.sql() for column in tree.find_all(exp.Column)})
