"""The statements that re-derive what storage tiering saves, from `objects` and `resources`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from finops.evidence import quoted
from finops.storage.buckets import Bucket
from finops.storage.checkpoints import Folder
from finops.storage.tiering import KIB, Band, Basis, Path, Tariff

READS = "coalesce(reads_per_month, read_bytes_per_month * object_count / nullif(objects.bytes, 0), 0)"
READ_BYTES = "coalesce(read_bytes_per_month, reads_per_month * objects.bytes / nullif(object_count, 0), 0)"
"""As `tiering.known_reads` has them."""


def tiering_sql(
    bands: Sequence[Band], path: Path, tariffs: Mapping[str, Tariff], row: Mapping[str, Any], basis: Basis, as_of: date
) -> str:
    """The saving from `objects`: each band's cost a month in today's class less that in its class of the path."""
    sums: dict[tuple[int, str], list[float]] = {}
    for band, name, fee in zip(bands, path.classes, path.fees, strict=True):
        old, new = tariffs[band.storage_class], tariffs[name]
        gb, thousand = old.gb_month(band) - new.gb_month(band), old.object_month - new.object_month
        thousand -= fee / band.objects * 1000 if band.objects else 0.0
        read, read_gb = old.reads - new.reads, old.retrieval - new.retrieval
        if band.assumed and band.objects and band.gigabytes:  # what `objects` does not say goes with objects and bytes
            thousand, read = thousand + band.reads / band.objects * read, 0.0
            gb, read_gb = gb + band.read_gigabytes / band.gigabytes * read_gb, 0.0
        numbers = (gb, thousand, read, read_gb)
        whole = sums.setdefault((band.day_from if band.origin is None else band.origin, band.storage_class), [0.0] * 4)
        for place, number in enumerate(numbers):
            whole[place] += band.share * number
    values = [
        f"    ({start}, {quoted(name)}, {', '.join(repr(n) for n in numbers)})" for (start, name), numbers in sums.items()
    ]
    listed = ",\n".join(values)
    large = f"\n        and objects.bytes >= {basis.least_kib * KIB!r} * object_count" if basis.least_kib else ""
    return f"""with differences (age_days_from, storage_class, a_gb, a_thousand_objects, a_thousand_reads, a_gb_read) as (
    values
{listed}
),
priced as (
    select
        objects.bytes / {basis.bytes_per_gb!r} * a_gb
        + object_count / 1000 * a_thousand_objects
        + {READS} / 1000 * a_thousand_reads
        + {READ_BYTES} / {basis.bytes_per_gb!r} * a_gb_read as saved
    from {_listing(as_of)} as objects
    inner join differences
        on coalesce(objects.age_days_from, 0) = differences.age_days_from
        and objects.storage_class = differences.storage_class
    where bucket = {quoted(row["bucket"])} and coalesce(prefix, '') = {quoted(row["prefix"] or "")}
        and coalesce(state, 'current') = 'current'{large}
)
select cast(sum(saved) * {basis.scale!r} as decimal(38, 2)) as monthly_saving from priced"""


def _listing(as_of: date) -> str:
    """The listing that was judged."""
    return f"object_listing(date {quoted(as_of.isoformat())})"


def bytes_sql(bucket: Bucket, shares: Mapping[str, float], bytes_per_unit: float, as_of: date) -> str:
    """These shares of the hidden bytes of the last observation, times the effective price of a byte."""
    parts = [_part(f"coalesce(cast(json_extract(properties, '$.{name}') as double), 0)", of) for name, of in shares.items()]
    if bucket.listed_noncurrent and "noncurrent_bytes" in shares:
        listed = (
            f"(select sum(bytes) from {_listing(as_of)} where state = 'noncurrent' and lower(bucket) in"
            f" ({quoted(bucket.key)}, {quoted(bucket.name.lower())}))"
        )
        parts.append(_part(listed, shares["noncurrent_bytes"]))
    return f"""with latest as (
    select properties from resources
    where lower(resource_id) = {quoted(bucket.key)}
        or resource_type ilike '%bucket' and regexp_extract(lower(resource_id), '[^/:]+$') = {quoted(bucket.name.lower())}
    order by observed_at desc
    limit 1
)
select cast(({" + ".join(parts)}) / {bytes_per_unit!r} as decimal(38, 2)) as monthly_saving from latest"""


def _part(expression: str, share: float) -> str:
    return expression if share == 1 else f"{share!r} * {expression}"


def unread_sql(
    row: Mapping[str, Any],
    stale: Sequence[tuple[Folder, Band]],
    tariffs: Mapping[str, Tariff],
    per_gb: float,
    scale: float,
    as_of: date,
) -> str:
    """The unread bytes less what is read of them, at each class's price, in the bucket of `row`."""
    priced = ",\n".join(
        f"    ({quoted(folder.prefix)}, {band.day_from}, {quoted(band.storage_class)},"
        f" {tariffs[band.storage_class].gb_month(band) * (1 - band.read_share if band.assumed else 1)!r})"
        for folder, band in stale
    )
    return f"""with unread (prefix, age_days_from, storage_class, gb_month) as (
    values
{priced}
)
select
    cast(
        sum((objects.bytes - {READ_BYTES}) / {per_gb!r} * gb_month)
        * {scale!r} as decimal(38, 2)
    ) as monthly_saving
from {_listing(as_of)} as objects
inner join unread
    on coalesce(objects.prefix, '') = unread.prefix
    and coalesce(objects.age_days_from, 0) = unread.age_days_from
    and objects.storage_class = unread.storage_class
where bucket = {quoted(row["bucket"])} and coalesce(state, 'current') = 'current'"""
