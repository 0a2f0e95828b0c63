"""Commitments in force: those for resources by Cloud Asset, those for spend by their fees in the billing export.

No API lists commitments for spend. Their fees tell the amount an hour, and their names the term; when a term began is known
only where the export is older. One that is not is left out: with a start that is guessed, its end would be wrong by years.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.gcp.exports import Table, described
from connectors.gcp.resources import PROJECT, PROVIDER, Asset, Known, assets, last, when
from connectors.gcp.rpc import LIST_ASSETS
from connectors.gcp.session import Connection, Query
from finops.connect import Part, Rows, Stream, compact
from finops.window import Window

COLUMNS = (
    "observed_at", "commitment_id", "provider", "account_id", "instrument", "scope", "quantity", "hourly_commitment", "unit",
    "term_start", "term_end", "payment", "upfront", "recurring", "currency",
)  # fmt: skip
COMMITMENT = "compute.googleapis.com/Commitment"
FAMILIES = {
    "GENERAL_PURPOSE": "n1",
    "COMPUTE_OPTIMIZED": "c2",
    "MEMORY_OPTIMIZED": "m1",
    "ACCELERATOR_OPTIMIZED": "a2",
    "GRAPHICS_OPTIMIZED": "g2",
}
"""Types of commitments whose names do not end in the family (Compute Engine API, Commitment.type, as of 2026-11)."""

FLEXIBLE = re.compile(r"dollar based v\d+: (GCE|Compute)\b", re.IGNORECASE)
YEARS = re.compile(r"for (\d) year", re.IGNORECASE)
LONGEST_DAYS = 3 * 366 + 31
SETTLED = timedelta(days=2)
"""Fees that begin this long after the export does began with their term."""

FEES = """
select
    subscription.instance_id as instance_id,
    billing_account_id,
    sku.description as sku,
    project.id as project_id,
    location.region as region,
    currency,
    usage_start_time,
    usage_end_time,
    sum(cost) as fee
from {table}
where
    {partition} >= @since and sku.description like 'Commitment - dollar based%'
    and subscription.instance_id is not null and cost_type = 'regular'
group by instance_id, billing_account_id, sku, project_id, region, currency, usage_start_time, usage_end_time
order by instance_id, usage_start_time, usage_end_time
"""
BEGIN = """
select min(usage_start_time) as first
from {table}
where {partition} >= @since
"""
Row = tuple[object, ...]


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    parts = [Part(f"resources {scope}", handle=scope) for scope in connection.scopes()]
    for name in connection.settings.billing_exports:
        table = described(connection, name)
        if "subscription.instance_id" in table.columns:  # the standard export does not say which fee is whose
            read = sum(connection.bytes(_query(table, sql, window)) for sql in (BEGIN, FEES))
            parts.append(Part(f"spend {name}", (("bigquery.jobs.create", read),), table))
    return parts


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    if isinstance(part.handle, Table):
        found = _spend(connection, part.handle, window)
    else:
        found = _resources(connection, part.handle, window.end)
    yield Rows(COLUMNS, [(window.end, *row) for row in found])


def _resources(connection: Connection, scope: str, at: datetime) -> Iterator[Row]:
    known, held = Known(), list[Asset]()
    for page in assets(connection, scope, (PROJECT, COMMITMENT)):
        for asset in page:
            if asset.type == PROJECT:
                known.add(asset)
            else:
                held.append(asset)
    for asset in held:
        start, end = when(asset.at("startTimestamp")), when(asset.at("endTimestamp"))
        if start is not None and end is not None and end > at and asset.at("status") in ("ACTIVE", "NOT_YET_ACTIVE"):
            yield _resource(asset, known, start, end)


def _resource(asset: Asset, known: Known, start: datetime, end: datetime) -> Row:
    """One row a commitment, as the bill has one id: cores are its quantity, what else it holds stands in the scope."""
    amounts = {_part(each): float(each.get("amount") or 0) for each in asset.at("resources") or ()}
    first = "vcpu" if "vcpu" in amounts else next(iter(amounts), "vcpu")
    project = known.project(asset)
    scope: dict[str, object] = {
        "accounts": [project],
        "region": last(asset.at("region")) or asset.region,
        "family": _family(str(asset.at("type") or "")),
        "resource": first,
        **{name: amount for name, amount in amounts.items() if name != first},
        "license": last(asset.at("licenseResource", "license")),
    }
    return (
        str(asset.at("id") or asset.name),
        PROVIDER,
        project,
        "cud_resource",
        compact(scope),
        amounts.get(first),
        None,
        "Hours",
        start,
        end,
        "none",
        None,
        None,
        None,
    )


def _part(resource: Mapping[str, Any]) -> str:
    """Memory is in MB there."""
    kind = str(resource.get("type"))
    names = {"VCPU": "vcpu", "MEMORY": "memory_mb", "LOCAL_SSD": "local_ssd_gb"}
    return names.get(kind) or last(resource.get("acceleratorType")) or kind.lower()


def _family(kind: str) -> str | None:
    found = re.fullmatch(r".*_([A-Z]\d\w*)", kind)
    return found[1].lower() if found else FAMILIES.get(kind)


def _query(table: Table, sql: str, window: Window) -> Query:
    text = sql.format(table=table.quoted, partition=table.partition).strip()
    since = window.end.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=LONGEST_DAYS)
    return table.query(text, ("since", "TIMESTAMP", since))


def _spend(connection: Connection, table: Table, window: Window) -> Iterator[Row]:
    (begin,) = _answer(connection, _query(table, BEGIN, window))[0]
    fees: dict[str, list[Row]] = {}
    for row in _answer(connection, _query(table, FEES, window)):
        fees.setdefault(str(row[0]), []).append(row)
    for several in fees.values():
        if (found := _subscription(several, begin, window.end)) is not None:
            yield found


def _answer(connection: Connection, query: Query) -> list[tuple[Any, ...]]:
    return list(connection.rows(query))


def _subscription(fees: Sequence[tuple[Any, ...]], begin: datetime | None, at: datetime) -> Row | None:
    """The last fee is the amount of now: a commitment is not changed within its term."""
    name, account, sku, project, region, currency, *_ = fees[-1]
    term = YEARS.search(sku)
    start, latest = fees[0][6], fees[-1]
    if begin is None or start - begin < SETTLED or term is None:
        return None
    end = start.replace(year=start.year + int(term[1]), day=min(start.day, 28) if start.month == 2 else start.day)
    hours = Decimal((latest[7] - latest[6]) // timedelta(seconds=1)) / 3600
    if end <= at or hours <= 0:
        return None
    fee = sum((Decimal(repr(row[8])) for row in fees if row[6] == latest[6]), Decimal(0))
    hourly = (fee / hours).quantize(Decimal("1e-12"))
    flexible = FLEXIBLE.search(sku) is not None
    scope = {"billing_account": account, "shared": True, **({} if flexible else {"region": region, "service": sku})}
    instrument = "cud_flexible" if flexible else "cud_spend"
    paid = (start, end, "none", Decimal(0))
    return (name, PROVIDER, project, instrument, compact(scope), None, hourly, None, *paid, hourly, currency)


COMMITMENTS = Stream(
    name="commitments",
    title="committed use discounts",
    table="commitments",
    divided="snapshot",
    permissions=(LIST_ASSETS.permission, "bigquery.tables.get", "bigquery.jobs.create", "bigquery.tables.getData"),
    plan=plan,
    fetch=fetch,
)
