"""What finance knows of the sample company, to the cent, as one SQL statement on the loaded bills says it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finops.cli import app
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


def told(number: int, measure: str) -> str:
    """The amount of one truth."""
    return next(row["amount"] for row in truths() if (int(row["number"]), row["measure"]) == (number, measure))


@pytest.fixture(scope="module")
def say(company: Path) -> Callable[..., Any]:
    """The JSON that a command prints on the sample company."""

    def call(*arguments: str) -> Any:
        result = CliRunner().invoke(app, [*arguments, "--warehouse", str(company), "--format", "json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return call


@pytest.fixture(scope="module")
def plan(say: Callable[..., Any]) -> dict[str, Any]:
    """The plan in dollars."""
    plans: list[dict[str, Any]] = say("recommend", "--force")
    return next(plan for plan in plans if plan["currency"] == "USD")


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


def test_savings_below_the_floor_are_no_cash(plan: dict[str, Any]) -> None:
    """Truth 1: the agreement is paid whatever is saved; only what is above its floor leaves the bank less."""
    (floor,) = (one for one in plan["agreements"] if one["contract"] == "aws-edp-2026")
    assert floor["eligible"] == told(1, "eligible net spend at run rate")
    assert floor["headroom"] == told(1, "headroom above the floor")
    saving, cash, shortfall = (Decimal(floor[name]) for name in ("saving", "cash", "shortfall"))
    assert saving > Decimal(floor["headroom"])
    assert cash == Decimal(floor["headroom"])
    assert cash + shortfall == saving
    mine = [r for r in plan["recommendations"] if r["provider"] == "AWS" and r["kind"] != "ai_usage"]
    assert sum(Decimal(r["saving"]["expected"]) * 12 for r in mine) == saving
    once = sum(Decimal(r["saving"]["cash_12m"]) for r in mine) - cash
    assert abs(once) < saving  # what is paid once or early stands beside the floor


def test_credits_pay_until_their_last_day_and_the_forecast_has_the_cliff(
    say: Callable[..., Any], plan: dict[str, Any], company: Path
) -> None:
    """Truth 2: nothing of the provider's plan is cash while credits pay everything; the bill rises by what they paid."""
    (cliff,) = (one for one in say("forecast")["ahead"] if one["what"] == "promotional credits")
    assert (cliff["name"], cliff["last"]) == ("startup-programme-2026", told(2, "last day with credits"))
    with Warehouse.open(str(company)).reader() as reader:
        (paid,) = reader.rows(
            "select -sum(promotional_credit) * 730 / 720 as amount from resource_daily"
            " where charge_date > date '2026-10-01' and provider = 'Google Cloud'"
        )
    late = Decimal(told(11, "list cost not yet in the export")) * 730 / 720
    assert abs(Decimal(cliff["monthly"]) - Decimal(paid["amount"]) - late) < late / 20
    mine = [r for r in plan["recommendations"] if r["provider"] == "Google Cloud"]
    saved = sum((Decimal(r["saving"]["expected"]) * 12 for r in mine), Decimal(0))
    cash = sum(Decimal(r["saving"]["cash_12m"]) for r in mine)
    # 44 of 365 days are paid by credits: from 1 November to 14 December
    assert saved > 0
    assert abs(cash - saved * (365 - 44) / 365) < Decimal("0.01") * len(mine)


def test_the_change_of_a_flat_price_is_the_exchange_rates_alone(say: Callable[..., Any]) -> None:
    """Truth 7: the same usage at the same price in dollars; the whole change in euro is the rate's."""
    found = say("costs", "--by", "resource", "--compare", "--from", "2026-08-01", "--to", "2026-08-31")
    mine = [row for row in found["rows"] if "/virtualmachines/nv-" in str(row["resource"]).lower()]
    assert len(mine) == 7
    sums = {
        name: sum((Decimal(row[name]) for row in mine), Decimal(0)) for name in ("change", "usage", "mix", "price", "exchange")
    }
    assert sums["exchange"].quantize(Decimal("0.01")) == Decimal(told(7, "of it by exchange rate"))
    assert sums["change"] == sums["exchange"]
    assert (sums["usage"], sums["mix"], sums["price"]) == (0, 0, 0)


def test_pods_and_what_no_pod_asked_for_are_the_nodes(say: Callable[..., Any], company: Path) -> None:
    """Truth 10: parents and children are never added; the children's lines have no cost of their own."""
    found = say("allocate", "--pods", "--from", "2026-10-01", "--to", "2026-10-31")
    assert Decimal(found["totals"]["USD"]).quantize(Decimal("0.01")) == Decimal(told(10, "pods and idle"))
    assert sum(Decimal(row["cost"]) for row in found["rows"]) == Decimal(found["totals"]["USD"])
    (idle,) = (row for row in found["rows"] if row["part"] == "(idle)")
    assert 0 < Decimal(idle["cost"]) < Decimal(told(10, "nodes"))
    with Warehouse.open(str(company)).reader() as reader:
        (children,) = reader.rows(
            "select sum(abs(EffectiveCost)) + sum(abs(BilledCost)) as cost from charges where AllocatedMethodId is not null"
        )
    assert children["cost"] == 0


def test_a_month_whose_rows_are_late_is_not_a_saving(say: Callable[..., Any]) -> None:
    """Truth 11: the nowcast finds what the export lacks, within a twentieth; what stands is not taken for the month."""
    (month,) = say("forecast", "--metric", "list", "--where", "ProviderName=Google Cloud")["rows"]
    missing = Decimal(told(11, "list cost not yet in the export"))
    assert abs(Decimal(month["nowcast"]) - missing) < missing / 20
    assert Decimal(month["expected"]) == (Decimal(month["actual"]) + Decimal(month["nowcast"])).quantize(Decimal("0.01"))


def test_of_four_actions_on_one_database_one_is_taken(plan: dict[str, Any], company: Path) -> None:
    """Truth 13: the others are said to be rejected, and no more is saved than the database costs."""
    mine = [r for r in plan["recommendations"] if r["resource"].endswith(":db:catalog")]
    assert len(mine) == int(told(13, "acts of the plan on db:catalog"))
    assert len(mine[0]["rejected"]) >= 3
    with Warehouse.open(str(company)).reader() as reader:
        (cost,) = reader.rows(
            "select sum(cost) as cost from bill_month('2026-10-31'::date) where resource_id like '%:db:catalog'"
        )
    assert 0 < Decimal(mine[0]["saving"]["expected"]) <= Decimal(cost["cost"]) * 730 / 720


def test_every_truth_is_asserted() -> None:
    assert {int(row["number"]) for row in truths()} == set(range(1, 15))
    shown = {row["shown_by"] for row in truths()}
    assert shown == {"sql", "status", "recommend", "forecast", "costs --compare", "allocate --pods"}
