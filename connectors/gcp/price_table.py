"""The pricing export in BigQuery: the newest day's list and negotiated prices, which staging reads as it reads the files.

Google appends the whole price list every day. One small query says which day is the newest; it alone is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from connectors.gcp.exports import DAY, PERMISSIONS, Partition, Table, described, read
from connectors.gcp.prices import PRICING_EXPORT
from connectors.gcp.session import Connection, Query
from finops.connect import Blob, Part, Stream
from finops.window import Window, midnight

NEWEST = """
select
    date({partition}) as partition_day,
    count(*) as line_count,
    max(export_time) as newest
from {table}
where {partition} >= @since
group by partition_day
order by partition_day desc
limit 1
"""
LINES = """
select
    {columns}
from {table}
where {partition} >= @since and {partition} < @until
"""
LATEST_DAYS = 14
"""Days after which an export that Google makes daily is no longer made."""


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    return [
        part
        for name in connection.settings.pricing_exports
        if (part := _newest(connection, priced(connection, name), window.end.date())) is not None
    ]


def priced(connection: Connection, name: str) -> Table:
    """Raises SourceError: it is no pricing export."""
    return described(connection, name, PRICING_EXPORT, "cloud_pricing_export")


def newest(table: Table, since: date) -> Query:
    """Which day is the newest from a day on, and how many lines it has."""
    text = NEWEST.format(partition=table.partition, table=table.quoted)
    return table.query(text, ("since", "TIMESTAMP", midnight(since)))


def _newest(connection: Connection, table: Table, today: date) -> Part | None:
    query = newest(table, today - LATEST_DAYS * DAY)
    connection.bytes(query)
    found = list(connection.rows(query))
    if not found:
        return None
    day, line_count, appended = found[0]
    lines = table.rows(LINES, day, day)
    partition = Partition(table, "", day, line_count, appended, lines)
    blobs = ((partition.path, partition.tag, (("bigquery.jobs.create", connection.bytes(lines)),)),)
    return Part(table.name, handle=partition, blobs=blobs)


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Blob]:
    yield read(connection, part.handle)


PRICE_TABLE = Stream(
    name="price_table",
    title="the pricing export",
    table="prices",
    divided="export",
    permissions=PERMISSIONS,
    plan=plan,
    fetch=fetch,
    reach_days=int(timedelta(days=LATEST_DAYS) / DAY),
)
