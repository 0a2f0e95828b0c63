"""The sample company is what its files say: same bytes, totals that staging reaches, commitments that add up."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from connectors.aws.billing import CUR2
from connectors.azure.billing import COST_DETAILS
from connectors.gcp.billing import BILLING_EXPORT
from finops.connect import Format
from finops.sample import EXPORT, differences, folder
from finops.sample.answers import answers, total
from finops.sample.estate import Estate, load
from finops.sample.usage import bill
from tests.staging import stage

SAMPLE = folder()
PLANTS = set(range(1, 41))
DECOYS = set(range(1, 26))
FORMATS = {"aws": CUR2, "azure": COST_DETAILS, "gcp": BILLING_EXPORT}


@pytest.fixture(scope="module")
def estate() -> Estate:
    return load(SAMPLE)


def _truth() -> dict[tuple[str, str], dict[str, str]]:
    with (SAMPLE / "totals.csv").open() as file:
        return {(row["source"], row["period"]): row for row in csv.DictReader(file)}


def _bills(source: str, period: str = "") -> list[Path]:
    compact = period.replace("-", "")
    every = (path for path in (SAMPLE / EXPORT / source).rglob("*") if path.suffix in (".parquet", ".csv", ".gz"))
    return sorted(path for path in every if period in str(path) or compact in path.name)


def test_a_fresh_run_writes_the_same_bytes() -> None:
    assert differences() == []


def test_the_kept_files_are_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) <= 10_000_000


@pytest.mark.parametrize(("source", "fmt"), sorted(FORMATS.items()))
def test_staging_reaches_the_control_totals(source: str, fmt: Format) -> None:
    """All eighteen months, archive and monthly files alike."""
    totals = """
        select strftime(BillingPeriodStart + interval 12 hours, '%Y-%m') as period, sum(BilledCost) as billed,
            sum(EffectiveCost) as effective
        from staged group by all"""
    staged = {row["period"]: (row["billed"], row["effective"]) for row in stage(fmt, *_bills(source), query=totals)}
    truth = {
        period: (Decimal(row["billed_cost"]), Decimal(row["effective_cost"]))
        for (of, period), row in _truth().items()
        if of == source
    }
    assert len(truth) == 18
    assert staged == truth


@pytest.mark.parametrize(("source", "fmt"), sorted(FORMATS.items()))
def test_every_charge_has_a_service_category(source: str, fmt: Format) -> None:
    other = "select distinct ServiceName from staged where ServiceCategory = 'Other' and ChargeCategory <> 'Tax'"
    names = {row["ServiceName"] for row in stage(fmt, *_bills(source, "2026-10"), query=other)}
    assert names <= {"Weights & Biases"}  # a seller's product has no category of Amazon's, but a model's


def test_the_savings_plan_and_reservation_identities(estate: Estate) -> None:
    """Used + unused = fee, from the file's own columns: 744 hours of October at what each plan commits to."""
    table = pq.read_table(_bills("aws", "2026-10")[0])
    kinds, columns = table["line_item_line_item_type"].to_pylist(), table.to_pydict()

    def added(kind: str, column: str) -> float:
        return float(sum(v for k, v in zip(kinds, columns[column], strict=True) if k == kind))

    fee = added("SavingsPlanRecurringFee", "line_item_unblended_cost")
    used = added("SavingsPlanRecurringFee", "savings_plan_used_commitment")
    plans = [c for c in estate.commitments if c.provider == "aws" and c.kind == "spend"]
    in_force = [c for c in plans if c.start <= date(2026, 10, 1) and c.end >= date(2026, 11, 1)]
    assert len(in_force) > 1
    assert fee == pytest.approx(744 * sum(float(c.hourly) for c in in_force))
    assert used == pytest.approx(added("SavingsPlanCoveredUsage", "savings_plan_savings_plan_effective_cost"), abs=1e-6)
    assert 0 < used < fee
    negated = added("SavingsPlanNegation", "line_item_unblended_cost")
    assert added("SavingsPlanCoveredUsage", "line_item_unblended_cost") + negated == pytest.approx(0, abs=1e-6)


def test_net_columns_equal_unblended_and_discount_rows() -> None:
    for period in ("2026-08", "2026-09", "2026-10"):
        table = pq.read_table(_bills("aws", period)[0], columns=["line_item_unblended_cost", "line_item_net_unblended_cost"])
        unblended, net = (sum(Decimal(repr(v)) for v in table[c].to_pylist()) for c in table.column_names)
        assert unblended == net


def test_invoices_tie_to_the_bills() -> None:
    """Per invoice: its lines = what the file bills for it, to the cent, and what only the invoice has."""
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    with (SAMPLE / EXPORT / "open" / "invoices.csv").open() as file:
        for row in csv.DictReader(file):
            amounts[row["invoice_id"]] += Decimal(row["amount"])
    with (SAMPLE / "totals.csv").open() as file:
        billed = {row["invoice_id"]: Decimal(row["invoice_billed"]) for row in csv.DictReader(file) if row["invoice_id"]}
    beside = {i: amounts[i] - amount.quantize(Decimal("0.01")) for i, amount in billed.items() if i in amounts}
    # Azure's file lacks support 85.47, credit −120.00 and 19 % tax of all three
    tax = {i: ((billed[i] - Decimal("34.53")) * Decimal("0.19")).quantize(Decimal("0.01")) for i in billed if i.startswith("G")}
    kept = {invoice: amount - Decimal("34.53") for invoice, amount in tax.items() if invoice in amounts}
    assert len(kept) == 2
    assert {invoice: amount for invoice, amount in beside.items() if amount} == kept


def test_a_new_resource_changes_no_other(estate: Estate) -> None:
    fewer = replace(estate, resources=estate.resources[1:])
    gone = estate.resources[0].id
    before = [line for line in bill(estate, "aws", estate.start)[0] if line.resource.id != gone]
    assert bill(fewer, "aws", estate.start)[0] == before


def test_the_key_names_every_plant_and_decoy(estate: Estate) -> None:
    rows = answers(estate)
    assert {row[0] for row in rows if row[1] == "plant"} == PLANTS
    assert {row[0] for row in rows if row[1] == "decoy"} == DECOYS


def test_the_key_is_arithmetic_on_the_price_book(estate: Estate) -> None:
    saving = {(row[0], row[4]): row[7] for row in answers(estate)}
    by_number = {number: Decimal(str(value)) for (number, _), value in saving.items() if value}
    assert by_number[1] == Decimal("2012.83")  # 2 · 730 · 1.515 · 0.91
    assert by_number[4] == Decimal("612.84")  # 730 · (0.437 + 0.4025) = 612.835
    assert by_number[8] == Decimal("44.59")  # (500 · 0.08 + 375 · 0.04 − 120 · 0.05) · 0.91
    assert by_number[22] == Decimal("124786.20")  # 200 · 730 · 1.00 · 0.8547 EUR


def test_the_compute_floor_of_twelve_months_is_about_41(estate: Estate) -> None:
    """At list, of what runs on demand all year and stays after the other plants: what the plan of the key commits to."""
    plan = next(item for item in estate.answers if item["instrument"] == "savings_plan_compute")
    committed = total(estate, plan["target_terms"], "aws", "us-east-1", "savings_plan_compute")
    assert 40.5 <= float(committed) / 0.73 <= 41.5
    floor: dict[object, Decimal] = defaultdict(Decimal)
    for period in estate.periods()[-12:]:
        for line in bill(estate, "aws", period)[0]:
            if line.meter.kind == "ec2" and line.commitment is None and not line.meter.sku.startswith("p"):
                for start in line.starts:
                    floor[start] += line.list_cost
    assert min(floor.values()) >= Decimal("40.5")


def test_a_ninth_of_the_spend_has_no_owner() -> None:
    """October's usage without a team, all in dollars: about 11 %."""
    query = """
        select sum(EffectiveCost) as spent,
            sum(EffectiveCost) filter (coalesce(Tags::varchar, '') not like '%team%') as untagged
        from staged where ChargeCategory = 'Usage' and coalesce(CommitmentDiscountStatus, '') <> 'Unused'"""
    untagged = spent = 0.0
    for source, fmt in FORMATS.items():
        [row] = stage(fmt, *_bills(source, "2026-10"), query=query)
        rate = 0.8547 if source == "azure" else 1.0
        untagged, spent = untagged + float(row["untagged"] or 0) / rate, spent + float(row["spent"]) / rate
    assert 0.10 < untagged / spent < 0.12
