"""The billing export in BigQuery: partitions of invoice months, of which only what changed is read.

One small query says which partitions (days on which Google appended) hold rows of which invoice month, how many and how new.
Each is a file of the export, with that as its tag, so that an open month's new days are read and its old ones are not.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.gcp.billing import BILLING_EXPORT
from connectors.gcp.results import CREATE, READ, Result, batches
from connectors.gcp.session import LEAST_BYTES, Connection, Query, table_name
from finops.connect import Blob, Format, Part, Stream
from finops.errors import RetriableError, SourceError
from finops.window import Window, midnight

DAY = timedelta(days=1)
GROUP_ROWS = 20_000
"""Rows of a row group of the files: what a read holds at once, some ten megabytes."""
PERMISSIONS = ("bigquery.tables.get", "bigquery.jobs.create", "bigquery.tables.getData", CREATE.permission, READ)
"""What reading an export's lines needs; without the last two they come over REST."""

NAMES = "gcp_billing_export_resource_v1_… or gcp_billing_export_v1_…"

CHANGES = """
select
    invoice.month as invoice_month,
    date({partition}) as partition_day,
    count(*) as line_count,
    max(export_time) as newest
from {table}
where {partition} >= @since and invoice.month >= @month
group by invoice_month, partition_day
order by invoice_month, partition_day
"""

LINES = """
select
    {columns}
from {table}
where {partition} >= @since and {partition} < @until and invoice.month = @month
"""


@dataclass(frozen=True, slots=True)
class Table:
    """An export's table: what of it is read, and the column that it is partitioned by."""

    name: str
    location: str
    columns: tuple[str, ...]
    partition: str

    @property
    def quoted(self) -> str:
        return "`{}`".format(".".join(table_name(self.name)))

    def changes(self, since: date) -> Query:
        # A month's first rows are appended in Pacific time, hours after its start in UTC: none lies before this day.
        sql = CHANGES.format(partition=self.partition, table=self.quoted)
        return self.query(sql, ("since", "TIMESTAMP", midnight(since)), ("month", "STRING", f"{since:%Y%m}"))

    def lines(self, month: str, first: date, last: date) -> Query:
        return self.rows(LINES, first, last, ("month", "STRING", month))

    def rows(self, sql: str, first: date, last: date, *more: tuple[str, str, str]) -> Query:
        """The columns that are read, of the partitions from one day to another."""
        columns = ",\n    ".join(f"{name} as {name.replace('.', '_')}" for name in self.columns)
        text = sql.format(columns=columns, partition=self.partition, table=self.quoted)
        since, until = midnight(first), midnight(last) + DAY
        return self.query(text, ("since", "TIMESTAMP", since), ("until", "TIMESTAMP", until), *more)

    def query(self, sql: str, *parameters: tuple[str, str, str | datetime]) -> Query:
        return Query(sql.strip(), parameters, self.location, self.name)


@dataclass(slots=True)
class Partition:
    """Rows that were appended on one day: `month` of which invoice month, '' of all. `result`: the query's, once it was run."""

    table: Table
    month: str
    day: date
    line_count: int
    newest: datetime
    query: Query
    result: Result | None = field(default=None)

    @property
    def path(self) -> str:
        return "_".join(filter(None, (self.table.name.rpartition(".")[2], self.month, f"{self.day:%Y%m%d}.parquet")))

    @property
    def tag(self) -> str:
        return f"{self.line_count} {self.newest.isoformat()} {zlib.crc32(' '.join(self.table.columns).encode()):08x}"


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part an invoice month of each table, back to the month in which the window starts."""
    parts = []
    for name in connection.settings.billing_exports:
        table = described(connection, name)
        found = _partitions(connection, table, window.start.date().replace(day=1))
        for month, several in groupby(found, key=lambda each: each.month):
            parts.append(_part(connection, table, month, tuple(several)))
    return parts


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Blob]:
    for each in part.handle:
        yield read(connection, each)


def read(connection: Connection, each: Partition) -> Blob:
    return Blob(each.path, each.tag, None, partial(_read, connection, each))


BILLING = Stream(
    name="billing",
    title="billing exports",
    table="charges",
    divided="export",
    permissions=PERMISSIONS,
    plan=plan,
    fetch=fetch,
    reach_days=400,
)


def described(connection: Connection, name: str, fmt: Format = BILLING_EXPORT, hint: str = NAMES) -> Table:
    """The table as BigQuery describes it. Raises SourceError: it is no export of this format."""
    found = connection.table(name)
    there = set(_fields(found.schema))
    if missing := [column.name for column in fmt.columns if column.required and column.name not in there]:
        kind = "billing" if fmt is BILLING_EXPORT else "pricing"
        raise SourceError(f"the table has no `{missing[0]}`: it is no {kind} export", where=name, hint=hint)
    partitioning = found.time_partitioning
    if partitioning is None:
        raise SourceError(
            "the table is not partitioned by day", where=name, hint="name the export's own table, no copy or view"
        )
    # Ingestion-time partitions have no column of their own.
    partition = f"`{partitioning.field}`" if partitioning.field else "_PARTITIONTIME"
    columns = tuple(column.name for column in fmt.columns if column.name in there)
    return Table(name, found.location, columns, partition)


def _fields(schema: Sequence[Any], prefix: str = "") -> Iterator[str]:
    """Dotted names; a repeated field is one."""
    for each in schema:
        if each.field_type in ("RECORD", "STRUCT") and each.mode != "REPEATED":
            yield from _fields(each.fields, f"{prefix}{each.name}.")
        else:
            yield f"{prefix}{each.name}"


def _partitions(connection: Connection, table: Table, since: date) -> list[Partition]:
    query = table.changes(since)
    connection.bytes(query)
    found = []
    for month, day, line_count, newest in connection.rows(query):
        if not re.fullmatch(r"\d{6}", month):
            raise SourceError(f"an invoice month is {month!r}", where=table.name, hint="is it a billing export?")
        found.append(Partition(table, month, day, line_count, newest, table.lines(month, day, day)))
    return found


def _part(connection: Connection, table: Table, month: str, partitions: tuple[Partition, ...]) -> Part:
    """A dry run of the whole month, shared out by rows: a query a partition is dearer only by what is billed at least."""
    read = connection.bytes(table.lines(month, partitions[0].day, partitions[-1].day))
    total = sum(each.line_count for each in partitions)
    blobs = tuple(
        (each.path, each.tag, (("bigquery.jobs.create", max(LEAST_BYTES, -(-read * each.line_count // total))),))
        for each in partitions
    )
    return Part(f"{table.name}/{month}", handle=partitions, blobs=blobs)


def _read(connection: Connection, partition: Partition, start: int) -> Iterator[bytes]:
    """The rows as Parquet. What was read before a break is read again from the same result, in the same order."""
    if partition.result is None:
        partition.result = Result(connection.run(partition.query), partition.query.where)
    for chunk in _parquet(connection, partition, partition.result):
        if start < len(chunk):
            yield chunk[start:]
        start = max(0, start - len(chunk))
    partition.result = None


def _parquet(connection: Connection, partition: Partition, result: Result) -> Iterator[bytes]:
    """Row groups of one size, however the rows came: the same rows are the same bytes."""
    sink, writer, count = Sink(), None, 0
    for table in _groups(batches(connection, result)):
        if writer is None:
            writer = pq.ParquetWriter(sink, table.schema, compression="zstd")
        writer.write_table(table, GROUP_ROWS)
        count += len(table)
        yield from sink.taken()
    if count < partition.line_count:
        what = f"{partition.path} has {partition.line_count:,} lines, {count:,} came"
        raise RetriableError(what, where=result.where, hint="run the load again")
    if writer is not None:
        writer.close()
    yield from sink.taken()


def _groups(found: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """So many rows at a time, the last ones fewer."""
    held: list[pa.RecordBatch] = []
    for batch in found:
        held.append(_written(batch))
        while sum(map(len, held)) >= GROUP_ROWS:
            table = pa.Table.from_batches(held)
            yield table.slice(0, GROUP_ROWS)
            held = table.slice(GROUP_ROWS).to_batches()
    if any(map(len, held)):
        yield pa.Table.from_batches(held)


def _written(batch: pa.RecordBatch) -> pa.RecordBatch:
    """FLOAT64 as text, the shortest that is the number: as a decimal it is then what the bill says."""
    columns = {
        name: column.cast(pa.string()) if pa.types.is_float64(column.type) else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return pa.RecordBatch.from_pydict(columns)


class Sink(io.RawIOBase):
    """What a writer has written and nobody has taken."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def taken(self) -> Iterator[bytes]:
        chunks, self._chunks = self._chunks, []
        yield from chunks
