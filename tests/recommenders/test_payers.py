"""Several billing accounts of one provider: what one of them buys covers no usage of another."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from finops.model import Recommendation
from finops.plans import Selection
from finops.runner import plans
from tests.estate import AS_OF, Estate
from tests.recommenders.test_commitments import offered, order

MACHINE = "m5.xlarge"


def machines(made: Estate, **payers: tuple[str, float]) -> Estate:
    """Account → who pays for it, and what its machines cost an hour."""
    for account, (payer, hourly) in payers.items():
        columns: dict[str, Any] = {"BillingAccountId": payer, "SubAccountId": account, "x_instance_type": MACHINE}
        made.charge(f"i-{account}", 24.0 * hourly, days=400, quantity=24.0 * hourly, **columns)
    return made


def bought(made: Estate) -> dict[str, Recommendation]:
    """Target → purchase; its SQL says the same saving."""
    offered(made, MACHINE, savings_plan_compute=0.73)
    (plan,) = plans(made, AS_OF, kinds=("commitments",))
    for r in plan.recommendations:
        assert made.rows(r.finding.evidence.sql) == [{"monthly_saving": r.alone}]
    return {order(r).target: r for r in plan.recommendations}


def test_each_billing_account_buys_for_itself() -> None:
    found = bought(machines(Estate(), a1=("A", 4.0), a2=("A", 2.0), b1=("B", 1.0)))
    assert {target: r.alone for target, r in found.items()} == {
        "savings_plan_compute 1y, 4.380 USD/h, billing account A": Decimal("1182.60"),
        "savings_plan_compute 1y, 0.730 USD/h, billing account B": Decimal("197.10"),
    }
    assert len({r.finding.id for r in found.values()}) == len({r.finding.bill_key for r in found.values()}) == 2
    assert {r.finding.scope.account for r in found.values()} == {"A", "B"}
    assert all(Selection(accounts=("a2",)).shows(r) for r in found.values())


def test_one_billing_account_needs_no_name() -> None:
    found = bought(machines(Estate(), a1=("A", 4.0), b1=("A", 1.0)))
    assert [(target, r.finding.scope.account) for target, r in found.items()] == [("savings_plan_compute 1y, 3.650 USD/h", "")]


def test_billing_accounts_of_other_providers_and_currencies_are_no_rivals() -> None:
    made = machines(Estate(), a1=("A", 4.0))
    made.charge("x", 24.0, BillingAccountId="G", SubAccountId="g1", ProviderName="Google Cloud")
    made.charge("y", 24.0, BillingAccountId="E", SubAccountId="e1", BillingCurrency="EUR")
    offered(made, MACHINE, savings_plan_compute=0.73)
    dollars = next(plan for plan in plans(made, AS_OF, kinds=("commitments",)) if plan.currency == "USD")
    assert [order(r).target for r in dollars.recommendations] == ["savings_plan_compute 1y, 2.920 USD/h"]


def test_lines_without_a_billing_account_are_one_of_their_own() -> None:
    made = machines(Estate(), a1=("A", 4.0), b1=("", 1.0), b2=("", 1.0))
    for row in made.charges:
        row["BillingAccountId"] = row["BillingAccountId"] or None
    assert set(bought(made)) == {
        "savings_plan_compute 1y, 2.920 USD/h, billing account A",
        "savings_plan_compute 1y, 1.460 USD/h, billing account unknown",
    }


def test_an_account_that_moves_brings_its_history_along() -> None:
    made = machines(Estate(), a1=("A", 4.0), a2=("A", 1.0))
    for back, row in enumerate(row for row in made.charges if row["SubAccountId"] == "a2"):
        row["BillingAccountId"] = "B" if back < 5 else "A"
    assert set(bought(made)) == {
        "savings_plan_compute 1y, 2.920 USD/h, billing account A",
        "savings_plan_compute 1y, 0.730 USD/h, billing account B",
    }


def test_a_bill_that_begins_later_is_its_own_history() -> None:
    """The other billing account's year says nothing against what has been loaded since 100 days."""
    made = machines(Estate(), a1=("A", 4.0))
    columns: dict[str, Any] = {"BillingAccountId": "B", "SubAccountId": "b1", "x_instance_type": MACHINE}
    found = bought(made.charge("i-b1", 24.0, days=100, **columns))
    late = found["savings_plan_compute 1y, 0.730 USD/h, billing account B"]
    assert "the bill goes back 100 days, less than the term of 365" in late.saving.assumes


def test_what_idles_under_a_plan_leaves_it_to_its_own_billing_account() -> None:
    """A plan that covers an idle machine of A is freed: B's machine on demand is none that it could cover."""
    saved = {}
    for payer in ("A", "B"):
        made = Estate()
        covered: dict[str, Any] = {
            "CommitmentDiscountId": "SP-1",
            "CommitmentDiscountStatus": "Used",
            "PricingCategory": "Committed",
        }
        made.charge("ep", 70.0, BillingAccountId="A", x_instance_type="u", **covered)
        made.charge("y", 100.0, BillingAccountId=payer, SubAccountId="b1", x_instance_type="u")
        for row in made.charges:
            row["ListCost"] = row["ContractedCost"] = 100.0
        made.add(
            "commitments",
            observed_at=made.charges[0]["ChargePeriodStart"],
            commitment_id="SP-1",
            provider="AWS",
            account_id="a1",
            instrument="savings_plan_compute",
            scope='{"shared": true}',
            term_start=made.charges[-1]["ChargePeriodStart"].replace(year=2025),
            term_end=made.charges[-1]["ChargePeriodStart"].replace(year=2027),
        )
        made.resource("ep", "AWS::SageMaker::Endpoint")
        made.metric("ep", "requests", 0.0, statistic="sum", variant="AllTraffic")
        (plan,) = plans(made, AS_OF, kinds=("idle",))
        saved[payer] = [r.saving.effective_monthly.expected for r in plan.recommendations]
    assert saved == {"A": [Decimal("3041.67")], "B": []}
