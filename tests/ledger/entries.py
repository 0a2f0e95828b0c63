"""Entries and lines of a bill for the tests of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from finops.ledger.bill import Usage
from finops.ledger.entries import Decision, Entry, PlanRun
from finops.model import Change, Effect

DAY = date(2026, 9, 1)
"""The first plan in these tests."""


def run(days: int, *, failed: tuple[str, ...] = (), currency: str = "USD") -> PlanRun:
    return PlanRun(DAY + timedelta(days=days), currency, "rules", failed)


def entry(days: int = 0, **more: Any) -> Entry:
    """A finding on a plan `days` after the first: delete `vm-1`, 304.17 a month (10 a day)."""
    values: dict[str, Any] = {
        "as_of": DAY + timedelta(days=days),
        "finding_id": "f1",
        "currency": "USD",
        "state": "open",
        "reason": "",
        "recommender": "idle",
        "kind": "idle",
        "provider": "Cloud",
        "account_id": "a1",
        "region": "r1",
        "service": "Machines",
        "resource_id": "vm-1",
        "billed_as": "vm-1",
        "owner": "data",
        "action": "Delete",
        "action_from": "",
        "action_to": "deleted",
        "low": Decimal("280.00"),
        "expected": Decimal("304.17"),
        "high": Decimal("310.00"),
        "alone": Decimal("304.17"),
        "cash_12m": Decimal("3650.00"),
        "effect": Effect((Change(Decimal(0)),)),
    }
    return Entry(**(values | more))


def said(days: int, verb: Any, *, until: int | None = None, hour: int = 12) -> Decision:
    day = DAY + timedelta(days=days)
    at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return Decision("f1", day, at, verb, "ana", "needed for the audit", None if until is None else DAY + timedelta(days=until))


def used(days: Sequence[int], cost: str, *, quantity: str = "24", key: str = "vm-1", **more: Any) -> list[Usage]:
    """One line a day, `days` counted from the first plan."""
    values: dict[str, Any] = {
        "key": key,
        "meter": "m5",
        "unit": "Hours",
        "instance_type": "m5.large",
        "pricing": "Standard",
        "commitment": "",
        "quantity": Decimal(quantity),
        "cost": Decimal(cost),
        "billed": Decimal(cost),
        "on_demand": Decimal(cost),
    }
    return [Usage(**({"day": DAY + timedelta(days=n)} | values | more)) for n in days]
