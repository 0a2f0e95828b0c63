"""What finance knows of the sample company, to the cent, as one SQL statement on the loaded bills says it."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from finops.warehouse.warehouse import Warehouse

TRUTH = Path(__file__).parent.parent / "sample_data" / "truth.csv"

RESERVATION = "CommitmentDiscountId like '%:ri:ri-2026-09-01-%' and x_billing_period = '2026-09'"
SANDBOX = "ResourceId = 'i-0e09b1f0a9d8e6090' and x_billing_period = '{period}'"
PLAN = "CommitmentDiscountId like '%/8a1d7c2e-%' and x_billing_period = '{period}'"
RANKER = "ResourceId like '%:endpoint/ranker-v3' and x_billing_period = '2026-09'"
REFUND = "x_charge_type = 'Refund' and ChargeClass = 'Correction'"

QUERIES = {
    (2, "share of usage that credits pay"): """
        select -sum(x_promotional_credit) / sum(EffectiveCost - coalesce(x_promotional_credit, 0)) from charges
        where ProviderName = 'Google Cloud' and x_billing_period = '2026-10' and ChargeCategory = 'Usage'
            and coalesce(CommitmentDiscountStatus, 'Used') = 'Used'""",
    (3, "opening"): "select 0.00",
    (3, "bought"): f"select sum(BilledCost) from charges where {RESERVATION} and ChargeCategory = 'Purchase'",
    (3, "amortised"): f"select sum(EffectiveCost) from charges where {RESERVATION}",
    (3, "closing"): f"select sum(BilledCost) - sum(EffectiveCost) from charges where {RESERVATION}",
    (5, "support"): "select sum(amount) from invoices where currency = 'EUR' and period = '2026-09' and category = 'support'",
    (5, "credit"): "select sum(amount) from invoices where currency = 'EUR' and period = '2026-09' and category = 'credit'",
    (5, "tax"): "select sum(amount) from invoices where currency = 'EUR' and period = '2026-09' and category = 'tax'",
    (6, "team relevance"): f"select sum(EffectiveCost) from charges where {RANKER} and Tags::json ->> 'team' = 'relevance'",
    (6, "team research"): f"select sum(EffectiveCost) from charges where {RANKER} and Tags::json ->> 'team' = 'research'",
    (7, "change of cost of nv-*"): """
        select sum(case x_billing_period when '2026-08' then EffectiveCost when '2026-07' then -EffectiveCost end) from charges
        where lower(ResourceId) like '%/virtualmachines/nv-%'""",
    (8, "by charge period"): f"select sum(BilledCost) from charges where {REFUND} and ChargePeriodStart = '2026-07-01'",
    (8, "by invoice"): f"select sum(BilledCost) from charges where {REFUND} and x_billing_period = '2026-09'",
    (9, "sandbox on demand"): f"select sum(EffectiveCost) from charges where {SANDBOX} and CommitmentDiscountId is null",
    (9, "unused of the c6i plan"): f"""
        select coalesce(sum(EffectiveCost), 0) from charges where {PLAN} and CommitmentDiscountStatus = 'Unused'""",
    (14, "sandbox covered by the c6i plan"): f"""
        select coalesce(sum(EffectiveCost), 0) from charges where {SANDBOX} and CommitmentDiscountId is not null""",
    (10, "nodes"): """
        select sum(EffectiveCost) from charges where x_billing_period = '2026-10' and ResourceId in (
            select ResourceId from charges where AllocatedMethodId is not null and x_billing_period = '2026-10'
        )""",
    (12, "effective cost of e2 and commitment"): """
        select sum(EffectiveCost) from charges
        where x_billing_period = '2026-05' and ProviderName = 'Google Cloud'
            and (x_instance_type like 'e2-%' or CommitmentDiscountId is not null)""",
    (12, "billed on the fee's SKU"): """
        select sum(BilledCost) from charges
        where x_billing_period = '2026-05' and ProviderName = 'Google Cloud' and ChargeCategory = 'Purchase'""",
}


def truths() -> list[dict[str, str]]:
    with TRUTH.open(newline="") as file:
        return list(csv.DictReader(file))


TODAY = [row for row in truths() if row["shown_by"] in ("sql", "status") and int(row["number"]) != 4]


@pytest.mark.parametrize("row", TODAY, ids=[f"{row['number']} {row['period']} {row['measure']}" for row in TODAY])
def test_one_statement_says_the_truth(company: Path, row: dict[str, str]) -> None:
    query = QUERIES[int(row["number"]), row["measure"]].replace("{period}", row["period"])
    with Warehouse.open(str(company)).reader() as reader:
        (found,) = reader.rows(query)
    (amount,) = found.values()
    assert Decimal(amount).quantize(Decimal("0.01")) == Decimal(row["amount"]).quantize(Decimal("0.01"))


def test_each_invoice_of_a_month_is_its_lines_and_its_own_tax(company: Path) -> None:
    with Warehouse.open(str(company)).reader() as reader:
        rows = reader.rows(
            "select InvoiceId as invoice, sum(BilledCost) as amount,"
            " sum(BilledCost) filter (ChargeCategory = 'Tax') as tax from charges"
            " where x_billing_period = '2026-09' and BillingAccountId = '210987654321' group by all"
        )
    found = {row["invoice"]: (row["amount"], row["tax"]) for row in rows}
    told = {row["measure"]: Decimal(row["amount"]) for row in truths() if int(row["number"]) == 4}
    named = {measure.split()[0]: amount for measure, amount in told.items() if not measure.startswith("tax")}
    assert len(named) == 4
    for invoice, amount in named.items():
        assert found[invoice][0].quantize(Decimal("0.01")) == amount
        assert found[invoice][1] == told[f"tax on {invoice}"]


def test_every_truth_is_asserted_or_named_as_of_a_later_command() -> None:
    assert {int(row["number"]) for row in truths()} == set(range(1, 15))
    later = {row["shown_by"] for row in truths()} - {"sql", "status", "recommend"}
    assert all(name.startswith("later: ") for name in later)
