"""What every question shares: a snapshot that answers SQL, the day it reaches to, what numbers were computed with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from finops import CALCULATION_VERSION


class Reads(Protocol):
    """A published snapshot that answers SQL (`finops.warehouse.warehouse.Reader`)."""

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> list[dict[str, Any]]: ...


def as_of(reads: Reads) -> date | None:
    """The last complete loaded day: every usage hour of it is there. None on an empty warehouse."""
    row = reads.rows(
        """
        select max(charge_date) as last_day
        from resource_daily
        where charge_category = 'Usage'
        """
    )[0]
    last: date | None = row["last_day"]
    return last


@dataclass(frozen=True, slots=True)
class Calculation:
    """What a number was computed with: enough to compute it again."""

    version: str
    price_book: date | None
    snapshot: int


def calculation(reads: Reads, snapshot: int) -> Calculation:
    """`price_book` is the newest price's date, None without prices."""
    row = reads.rows("select cast(max(effective_from) as date) as newest from prices")[0]
    return Calculation(CALCULATION_VERSION, row["newest"], snapshot)
