"""What is loaded, from when to when, and how far it is tied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finops.queries.reads import Reads


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source and stream: what is loaded, from when to when, and when it was fetched."""

    source: str
    stream: str
    format: str
    version: str
    first_unit: str
    last_unit: str
    units: int
    rows: int
    fetched_at: object


def sources(reads: Reads) -> list[SourceStatus]:
    rows = reads.rows(
        """
        select
            x_source as source,
            stream,
            max(format) as format,
            max(version) as version,
            min(unit) as first_unit,
            max(unit) as last_unit,
            count(*) as units,
            cast(sum(rows) as bigint) as rows,
            max(fetched_at) as fetched_at
        from coverage
        group by x_source, stream
        order by stream, source
        """
    )
    return [SourceStatus(**row) for row in rows]


def sources_by_currency(reads: Reads) -> dict[str, list[str]]:
    """Which sources bill in which currency."""
    rows = reads.rows(
        "select currency, list(distinct x_source order by x_source) as sources from spend_monthly group by currency"
    )
    return {row["currency"]: sorted(row["sources"]) for row in rows}


def first_days(reads: Reads) -> dict[str, date]:
    """The first day of the loaded bill, by currency."""
    rows = reads.rows("select currency, min(charge_date) as first_day from resource_daily group by currency order by currency")
    return {row["currency"]: row["first_day"] for row in rows}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One billing period of one account: how far it is tied, against what, and what is left."""

    source: str
    billing_account: str
    period: str
    currency: str
    level: str
    against: str
    total: Decimal | None
    residual: Decimal | None
    status: str
    note: str | None


def reconciliation(reads: Reads) -> list[Reconciled]:
    rows = reads.rows(
        """
        select
            x_source as source,
            billing_account_id as billing_account,
            x_billing_period as period,
            currency,
            level,
            against,
            total_loaded as total,
            residual,
            status,
            note
        from reconciliation
        order by source, billing_account, period, currency, level, against
        """
    )
    return [Reconciled(**row) for row in rows]
