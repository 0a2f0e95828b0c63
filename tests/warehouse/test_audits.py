"""Each audit has a bill that it must fail on; the sums of marts are held to the bill's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from finops.errors import DataError
from finops.models import Audit, audits, models
from finops.tables import CHARGES
from finops.warehouse import warehouse as module
from finops.warehouse.warehouse import Warehouse
from finops.warehouse.writer import Writer
from tests.warehouse.bills import charges

UNIT = ("s", "A", "2026-01")
MONTH = ", 'ri-1' as CommitmentDiscountId, 'Recurring' as ChargeFrequency"


def commitment(used: str, fee: str = "30", category: str = "Purchase") -> str:
    """A recurring fee of 30 USD for two hours, of which use carries `used` USD an hour."""
    use = charges(*UNIT, 2, cost=used, extra=", 'ri-1' as CommitmentDiscountId, 'Usage-Based' as ChargeFrequency")
    line = charges(*UNIT, 1, cost=fee, extra=MONTH)
    start = "'2026-01-01'::timestamptz"
    return f"""
        ({use.replace(f"{used}::decimal(38, 12) as BilledCost", "0::decimal(38, 12) as BilledCost")}) union all by name
        select * replace (
            '{category}' as ChargeCategory, 0::decimal(38, 12) as EffectiveCost, {start} + interval 2 hour as ChargePeriodEnd
        ) from ({line})
    """


BAD = {
    "account_in_two_sources": f"{charges(*UNIT, 1)} union all by name {charges('t', 'A', '2026-01', 1)}",
    "billed_cost_missing": f"select * replace (null::decimal(38, 12) as BilledCost) from ({charges(*UNIT, 1)})",
    "charge_category_unknown": f"select * replace ('Usgae' as ChargeCategory) from ({charges(*UNIT, 1)})",
    "commitment_fee_not_carried": commitment("14"),  # 2 × 14 < 30
    "commitment_purchase_effective": charges(*UNIT, 1, extra=", 'ri-1' as CommitmentDiscountId").replace(
        "'Usage'", "'Purchase'"
    ),
    "effective_cost_missing": f"select * replace (null::decimal(38, 12) as EffectiveCost) from ({charges(*UNIT, 1)})",
}


def published(folder: Path, select: str) -> tuple[str, ...]:
    with Warehouse.open(str(folder)).writer() as writer:
        writer.replace(CHARGES, [UNIT, ("t", "A", "2026-01")], select)
        writer.build()
        return writer.publish().notes


def test_every_audit_has_its_bad_bill() -> None:
    assert BAD.keys() == {audit.name for audit in audits()}


@pytest.mark.parametrize("audit", audits(), ids=lambda audit: audit.name)
def test_an_error_stops_and_a_warning_is_noted(tmp_path: Path, audit: Audit) -> None:
    assert published(tmp_path / "good", charges(*UNIT, 3)) == ()
    if audit.severity == "warning":
        notes = published(tmp_path / "bad", BAD[audit.name])
        assert len(notes) == 1
        assert notes[0].startswith(audit.title)
    else:
        with pytest.raises(DataError, match=audit.name):
            published(tmp_path / "bad", BAD[audit.name])


@pytest.mark.parametrize(
    "select",
    [
        commitment("15"),  # 2 × 15 = 30
        commitment("40"),  # 80 > 30: 50 of it may be upfront payment of an earlier bill
        commitment("14.99", fee="29.99"),  # a cent short: rounding
        commitment("14").replace("+ interval 2 hour as ChargePeriodEnd", "+ interval 720 hour as ChargePeriodEnd"),  # not over
        commitment("14").replace("+ interval 2 hour as ChargePeriodEnd", "+ interval 1 hour as ChargePeriodEnd"),  # other hours
        commitment("14").replace("'Recurring'", "'One-Time'"),
        commitment("14").replace("+ interval 2 hour as ChargePeriodEnd", "+ interval 24 hour as ChargePeriodEnd")
        + f" union all by name {charges(*UNIT, 24)}",  # a month's fee may be booked on a day that use reaches
    ],
)
def test_a_commitment_whose_use_carries_its_fees_or_cannot_be_judged(tmp_path: Path, select: str) -> None:
    assert published(tmp_path, select) == ()


def test_a_mart_that_loses_a_cent_is_not_published(tmp_path: Path) -> None:
    lossy = [
        replace(model, sql=model.sql.replace("cast(sum(billed_cost)", "cast(sum(billed_cost) - 0.01"))
        if model.name == "resource_daily"
        else model
        for model in models()
    ]
    warehouse = Warehouse.open(str(tmp_path))
    writer = Writer(warehouse.storage, warehouse.published(), "1GB", module._quiet, lossy)
    writer.replace(CHARGES, [UNIT], charges(*UNIT, 3))
    writer.build()
    with pytest.raises(DataError, match=r"resource_daily\.billed_cost does not sum to BilledCost"):
        writer.publish()
    writer.close()
    assert warehouse.published().number == 0
