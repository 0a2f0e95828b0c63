"""A month that is delivered as two files: what was billed, and how it is spread."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.errors import Refused
from finops.warehouse.warehouse import Warehouse
from tests.intake.delivery import deliver
from tests.staging import write_csv

HEADER = (
    "SubscriptionId", "BillingAccountId", "Date", "MeterCategory", "ChargeType", "PricingModel", "BenefitId", "Quantity",
    "UnitPrice", "Cost", "BillingCurrency", "ResourceId", "Tags",
)  # fmt: skip
ORDER = "/providers/Microsoft.Capacity/reservationOrders/O-1/reservations/"


def _line(kind: str, model: str, cost: str, benefit: str = "", resource: str = "/x/vm-1") -> tuple[str, ...]:
    return ("S", "B-1", "2026-09-10", "Storage", kind, model, benefit, "1", cost, cost, "EUR", resource, "")


DISK = _line("Usage", "OnDemand", "7.50")
OTHER_DISK = _line("Usage", "OnDemand", "2.25", resource="/x/disk-2")
FEE = _line("Purchase", "Reservation", "12.00", ORDER)
COVERED = _line("Usage", "Reservation", "0", ORDER + "R-1")
USED = _line("Usage", "Reservation", "11.00", ORDER + "R-1")
UNUSED = _line("UnusedReservation", "Reservation", "1.00", ORDER + "R-1")

ACTUAL = (DISK, FEE, COVERED)  # 7.50 + 12.00
AMORTIZED = (DISK, USED, UNUSED)  # 7.50 + 11.00 + 1.00


def _load(warehouse: Warehouse, folder: Path, **files: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    deliver(warehouse, *[write_csv(folder / f"{name}.csv", HEADER, *lines) for name, lines in files.items()])
    with warehouse.reader() as reader:
        (row,) = reader.rows(
            "select total_expected, total_loaded, residual, status, note, rows_expected, rows_loaded from reconciliation"
        )
        (sums,) = reader.rows("select sum(BilledCost) as billed, sum(EffectiveCost) as effective from charges")
    return row | sums


LACKS = "the pair is not complementary: the {} file has ordinary usage that the {} file lacks"


@pytest.mark.parametrize(
    ("files", "billed", "effective", "residual", "status", "note"),
    [
        ({"actual": ACTUAL, "amortized": AMORTIZED}, "19.50", "19.50", "0", "amber", ""),
        ({"b": ACTUAL, "a": AMORTIZED}, "19.50", "19.50", "0", "amber", ""),
        ({"actual": ACTUAL}, "19.50", "7.50", "0", "amber", "actual export only, no amortized"),
        ({"amortized": AMORTIZED}, "7.50", "19.50", "0", "amber", "amortized export only, no actual"),
        # 19.50 billed; the pair is 7.50 + 2.25 + 12.00
        ({"actual": ACTUAL, "amortized": (*AMORTIZED, OTHER_DISK)}, "21.75", "21.75", "-2.25", "red",
         LACKS.format("amortized", "actual")),
        ({"actual": (*ACTUAL, OTHER_DISK), "amortized": AMORTIZED}, "19.50", "19.50", "2.25", "red",
         LACKS.format("actual", "amortized")),
    ],
    ids=["pair", "any names", "actual alone", "amortized alone", "amortized has more", "actual has more"],
)  # fmt: skip
def test_a_pair_comes_to_the_bill(
    warehouse: Warehouse,
    tmp_path: Path,
    files: dict[str, tuple[tuple[str, ...], ...]],
    billed: str,
    effective: str,
    residual: str,
    status: str,
    note: str,
) -> None:
    row = _load(warehouse, tmp_path, **files)
    assert (row["billed"], row["effective"]) == (Decimal(billed), Decimal(effective))
    assert row["rows_expected"] == row["rows_loaded"]
    assert (row["residual"], row["status"]) == (Decimal(residual), status)
    assert row["total_expected"] - row["residual"] == row["total_loaded"] == Decimal(billed)
    assert (note in (row["note"] or "")) if note else row["note"] is None


def test_last_columns_that_are_never_written_are_said(warehouse: Warehouse, tmp_path: Path) -> None:
    short = tuple(line[:-2] for line in (DISK, OTHER_DISK))
    row = _load(warehouse, tmp_path, short=short)
    assert (row["billed"], row["note"]) == (Decimal("9.75"), "no line has the last columns of the header: ResourceId, Tags")


def test_a_header_alone_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no rows"):
        _load(warehouse, tmp_path, empty=())
    with warehouse.reader() as reader:
        assert reader.rows("select * from charges") == []
