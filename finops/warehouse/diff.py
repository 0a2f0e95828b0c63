"""What changed in the bill between two snapshots: a restated month, line by line of the summary."""

from __future__ import annotations

from typing import Any

import duckdb

from finops.tables import CHARGES
from finops.warehouse.layout import core_columns
from finops.warehouse.published import Published
from finops.warehouse.storage import Storage
from finops.warehouse.views import scan

KEYS = (
    "x_source as source, BillingAccountId as account, x_billing_period as period,"
    " ServiceName as service, BillingCurrency as currency"
)


def diff(storage: Storage, old: Published, new: Published, memory_limit: str) -> list[dict[str, Any]]:
    """Groups whose cost or number of rows differ: source, account, period, service, currency; billed and effective cost
    before, after and their delta; rows before and after.

    Files that both snapshots hold cancel out, and are not read.
    """
    before, after = (_summed(storage, snapshot, other) for snapshot, other in ((old, new), (new, old)))
    connection = duckdb.connect(config={"memory_limit": memory_limit})
    connection.execute("set enable_progress_bar = false")
    try:
        connection.execute("set TimeZone = 'UTC'")
        found: list[dict[str, Any]] = connection.sql(_compared(before, after)).to_arrow_table().to_pylist()
        return found
    finally:
        connection.close()


def _summed(storage: Storage, snapshot: Published, other: Published) -> str:
    common = {file.path for file in other.tables["charges"].files} if "charges" in other.tables else set()
    files = snapshot.tables["charges"].files if "charges" in snapshot.tables else ()
    charges = scan(storage, "charges", core_columns(CHARGES), [file for file in files if file.path not in common])
    return f"""
        select {KEYS}, sum(BilledCost)::decimal(38, 12) as billed, sum(EffectiveCost)::decimal(38, 12) as effective,
            count(*) as rows
        from ({charges}) group by all
    """


def _compared(before: str, after: str) -> str:
    amounts = ", ".join(
        f"coalesce(o.{cost}, 0)::decimal(38, 12) as {cost}_before, coalesce(n.{cost}, 0)::decimal(38, 12) as {cost}_after,"
        f" (coalesce(n.{cost}, 0) - coalesce(o.{cost}, 0))::decimal(38, 12) as {cost}_delta"
        for cost in ("billed", "effective")
    )
    keys = ("source", "account", "period", "service", "currency")
    named = ", ".join(f"coalesce(n.{key}, o.{key}) as {key}" for key in keys)
    same = " and ".join(f"n.{key} is not distinct from o.{key}" for key in keys)
    return f"""
        select {named}, {amounts}, coalesce(o.rows, 0) as rows_before, coalesce(n.rows, 0) as rows_after
        from ({before}) as o full join ({after}) as n on {same}
        where billed_delta <> 0 or effective_delta <> 0 or rows_before <> rows_after
        order by abs(effective_delta) desc, source, account, period, service, currency
    """
