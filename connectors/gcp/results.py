"""Rows of a query's result as Arrow batches: through the Storage Read API where there are many, else as pages over REST.

A result is read in one stream, in one order: a read that is begun anew gives the same rows in the same places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from connectors.gcp.failures import Denied, errors
from connectors.gcp.rpc import Method, Patience, client
from connectors.gcp.session import Connection
from finops.errors import ConfigError

CREATE = Method(
    "bigquerystorage",
    "google.cloud.bigquery_storage_v1.services.big_query_read",
    "BigQueryReadClient",
    "create_read_session",
    "bigquery.readsessions.create",
)
READ = "bigquery.readsessions.getData"

KINDS: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "FLOAT": pa.float64(),
    "INTEGER": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "NUMERIC": pa.decimal128(38, 9),
    "BIGNUMERIC": pa.decimal256(76, 38),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "DATE": pa.date32(),
}
"""BigQuery's types over REST → those that the Storage Read API has for them
(https://cloud.google.com/bigquery/docs/reference/storage#arrow_schema_details, as of 2026-11)."""


@dataclass(slots=True)
class Result:
    """A query that was run, and the session that reads its rows, once there is one."""

    job: Any
    where: str
    session: Any = field(default=None)


def batches(connection: Connection, result: Result) -> Iterator[pa.RecordBatch]:
    """All rows, whichever way. Raises AccessError, RetriableError, SourceError."""
    if result.session is not None or _many(connection, result):
        found = streamed(connection, result)
        try:
            first = next(found, None)
        except Denied:  # the rows can be had without that permission; `finops doctor` names it
            connection.read_api, result.session = False, None
        else:
            if first is not None:
                yield first
            yield from found
            return
    yield from _paged(connection, result)


def usable(connection: Connection) -> bool:
    """Whether sessions may be asked for: a source whose BigQuery has an address of its own must say where they are, too."""
    urls = connection.settings.endpoint_urls
    return connection.read_api and ("bigquerystorage" in urls or "bigquery" not in urls)


def _many(connection: Connection, result: Result) -> bool:
    return usable(connection) and connection.total(result.job, result.where) >= connection.settings.read_api_rows


def opened(connection: Connection, result: Result) -> Any:
    """The result's read session, of one stream (of none where there are no rows)."""
    from google.cloud.bigquery_storage_v1.types import ArrowSerializationOptions, DataFormat, ReadSession

    if result.session is None:
        packed = ArrowSerializationOptions(buffer_compression=ArrowSerializationOptions.CompressionCodec.LZ4_FRAME)
        options = ReadSession.TableReadOptions(arrow_serialization_options=packed)
        session = ReadSession(table=_path(result.job.destination), data_format=DataFormat.ARROW, read_options=options)
        request = {"parent": f"projects/{connection.project}", "read_session": session, "max_stream_count": 1}
        patience = Patience(connection.settings)
        with errors(CREATE.permission, result.where, connection.secrets):
            create = client(connection, CREATE).create_read_session
            result.session = patience.call(lambda: create(request=request, retry=None, timeout=connection.settings.timeout_s))
        connection.counts(CREATE.permission)
    return result.session


def streamed(connection: Connection, result: Result) -> Iterator[pa.RecordBatch]:
    """The rows of the session's stream. One that breaks is taken up at the row where it broke."""
    from google.api_core.exceptions import GoogleAPICallError

    session = opened(connection, result)
    for stream in session.streams:
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        offset, patience = 0, Patience(connection.settings)
        while True:
            with errors(READ, result.where, connection.secrets):
                try:
                    connection.counts(READ)
                    request = {"read_stream": stream.name, "offset": offset}
                    for message in client(connection, CREATE).read_rows(request=request, retry=None):
                        batch = message.arrow_record_batch.serialized_record_batch
                        yield pa.ipc.read_record_batch(pa.py_buffer(batch), schema)
                        offset, patience = offset + message.row_count, Patience(connection.settings)
                    break
                except GoogleAPICallError as error:
                    patience.after(error)


def _path(table: Any) -> str:
    return f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}"


def _paged(connection: Connection, result: Result) -> Iterator[pa.RecordBatch]:
    schema: pa.Schema | None = None
    for fields, page in connection.pages(result.job, result.where):
        schema = schema or pa.schema([pa.field(each.name, _kind(each)) for each in fields])
        columns = zip(*page, strict=True) if page else [()] * len(schema)
        arrays = [pa.array(values, type=each.type) for values, each in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _kind(column: Any, *, one: bool = False) -> pa.DataType:
    """Raises ConfigError: no type that an export has."""
    if column.mode == "REPEATED" and not one:
        return pa.list_(_kind(column, one=True))
    if column.field_type in ("RECORD", "STRUCT"):
        return pa.struct([pa.field(each.name, _kind(each)) for each in column.fields])
    if column.field_type not in KINDS:
        raise ConfigError(f"the column `{column.name}` is a {column.field_type}", where="billing_exports")
    return KINDS[column.field_type]
