"""Charges as FOCUS rows: exactly one version's columns, what FOCUS forbids to be null filled, then the extensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from finops import focus
from finops.warehouse.names import identifier

INTERNAL = frozenset({"x_source", "x_tags_id", "x_service_category", "x_service_subcategory"})
"""The warehouse's own keys, and the two that this query makes itself."""

BATCH_ROWS = 100_000

FILLED = {
    "BillingAccountName": "coalesce(BillingAccountName, BillingAccountId)",
    "BillingAccountType": "coalesce(BillingAccountType, 'Billing Account')",
    "ChargeDescription": "coalesce(ChargeDescription, SkuMeter, ServiceName || ' ' || lower(ChargeCategory))",
    "HostProviderName": "coalesce(HostProviderName, ServiceProviderName, ProviderName)",
    "PricingCurrency": "case when priced_apart then PricingCurrency else BillingCurrency end",
    "PricingCurrencyContractedUnitPrice": (
        "case when priced_apart then PricingCurrencyContractedUnitPrice else ContractedUnitPrice end"
    ),
    "PricingCurrencyEffectiveCost": "case when priced_apart then PricingCurrencyEffectiveCost else EffectiveCost end",
    "PricingCurrencyListUnitPrice": "case when priced_apart then PricingCurrencyListUnitPrice else ListUnitPrice end",
    "PublisherName": "coalesce(PublisherName, ServiceProviderName, ProviderName)",
    "RegionName": "case when RegionId is not null then coalesce(RegionName, RegionId) end",
    "ResourceName": "case when ResourceId is not null then ResourceName end",
    "ResourceType": "case when ResourceId is not null then coalesce(ResourceType, ServiceName) end",
    "ServiceCategory": "service_category",
    "ServiceName": "regexp_replace(strip_accents(ServiceName), '[^\\x00-\\x7F]', '', 'g')",
    "ServiceProviderName": "coalesce(ServiceProviderName, ProviderName)",
    "ServiceSubcategory": "service_subcategory",
    "SkuMeter": "case when SkuId is not null then coalesce(SkuMeter, SkuId) end",
    "SkuPriceDetails": "case when SkuPriceId is not null then SkuPriceDetails end",
    "SubAccountName": "case when SubAccountId is not null then coalesce(SubAccountName, SubAccountId) end",
    "SubAccountType": "case when SubAccountId is not null then coalesce(SubAccountType, 'Sub Account') end",
}
"""Column → SQL. An id stands for a name that the source does not have; a pricing currency without its effective cost is no
second currency; attributes of what is null are null; a service has the one category that most of its rows have, and a name in
ASCII, as the validator wants it."""

ROWS = """
with counted as (

    select ServiceName, ServiceCategory, ServiceSubcategory, count(*) as row_count
    from charges
    where list_contains($sources, x_source) and x_billing_period = $period
    group by ServiceName, ServiceCategory, ServiceSubcategory

),

services as (

    select
        ServiceName as service,
        ServiceCategory as service_category,
        ServiceSubcategory as service_subcategory
    from counted
    qualify row_number() over (partition by ServiceName order by row_count desc, ServiceCategory, ServiceSubcategory) = 1

),

exported as (

    select
        charges.*,
        services.service_category,
        services.service_subcategory,
        charges.PricingCurrency is not null and charges.PricingCurrencyEffectiveCost is not null as priced_apart
    from charges
    left join services on charges.ServiceName is not distinct from services.service
    where list_contains($sources, charges.x_source) and charges.x_billing_period = $period

),

final as (

    select
        {columns}
    from exported

)

select * from final
"""


class Bill(Protocol):
    """What is exported: a connection whose `charges` has `Tags`, as a warehouse's reader has it."""

    @property
    def connection(self) -> duckdb.DuckDBPyConnection: ...


def units(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, list[str], str]]:
    """(provider, its sources, billing period) of everything that is charged, in order.

    A source's provider is the one of most of its rows: sellers on a marketplace are on the bill of who runs it, and a file a
    seller would be refused as a second export of one account and month.
    """
    return connection.execute(
        """
        with counted as (
            select x_source, coalesce(ProviderName, '') as provider, count(*) as row_count
            from charges
            group by all
        ),

        named as (
            select x_source, provider
            from counted
            qualify row_number() over (partition by x_source order by row_count desc, provider) = 1
        )

        select
            named.provider,
            list(distinct charges.x_source order by charges.x_source) as sources,
            charges.x_billing_period
        from charges
        inner join named on charges.x_source = named.x_source
        group by all
        order by all
        """
    ).fetchall()


def batches(
    connection: duckdb.DuckDBPyConnection, sources: Sequence[str], period: str, version: str, *, text: bool
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """One file's rows. `text`: times as ISO 8601 in UTC and decimals without trailing zeros, for CSV."""
    sql = ROWS.format(columns=",\n        ".join(_columns(connection, version, text)))
    parameters: dict[str, Any] = {"sources": list(sources), "period": period}
    reader: pa.RecordBatchReader = connection.sql(sql, params=parameters).to_arrow_reader(BATCH_ROWS)
    return reader.schema, iter(reader)


def _columns(connection: duckdb.DuckDBPyConnection, version: str, text: bool) -> list[str]:
    standard = [(c.name, c.sql_type, FILLED.get(c.name, identifier(c.name))) for c in focus.columns_of(version)]
    own = [
        (name, kind, identifier(name))
        for name, kind, *_ in connection.execute("describe charges").fetchall()
        if name.startswith("x_") and name not in INTERNAL
    ]
    moved = [
        (f"x_{snake}", "VARCHAR", f"case when {name} is distinct from {snake} then {name} end")
        for name, snake in (("ServiceCategory", "service_category"), ("ServiceSubcategory", "service_subcategory"))
    ]
    return [f"{_typed(sql, kind, text)} as {identifier(name)}" for name, kind, sql in (*standard, *own, *moved)]


def _typed(sql: str, kind: str, text: bool) -> str:
    value = f"cast({sql} as {kind})"
    if text and kind.startswith("TIMESTAMP"):
        return f"strftime(timezone('UTC', {value}), '%Y-%m-%dT%H:%M:%SZ')"
    if text and kind.startswith("DECIMAL"):
        return f"regexp_replace(cast({value} as varchar), '\\.?0+$', '')"
    return value
