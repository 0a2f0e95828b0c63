"""Measurements of what no bill and no inventory names: another form of its id, most often."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader

COUNT = """
with named as (
    select distinct lower(resource_id) as id from resource_daily where resource_id != ''
    union
    select distinct lower(resource_id) as id from resources
),
measured as (select distinct resource_id as id from metric_daily where list_contains($sources, x_source)),
strays as (select id from measured where id not in (select id from named))
select
    (select count(*) from resource_daily)::bigint as billed,
    (select count(*) from measured)::bigint as measured,
    (select count(*) from strays)::bigint as strays,
    (select min(id) from strays) as first
"""


def strays(reader: Reader, sources: Collection[str]) -> tuple[str, ...]:
    """A sentence where measurements of these sources are of resources that are known by no such id. Before a bill all are."""
    (found,) = reader.rows(COUNT, {"sources": sorted(sources)})
    if not found["billed"] or not found["strays"]:
        return ()
    of = f"metrics of {found['strays']:,} of {found['measured']:,} resources are of none that a bill or an inventory names"
    return (f"{of}, the first is {found['first']}: `resource_id` is what stands on the bill (finops costs --by ResourceId)",)
