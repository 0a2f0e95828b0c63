"""Rating: the providers' published examples, and what holds for every estate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.bill.rating import Holding, PricedMeter, Rule, Tiers, rate, rule_of, sustained
from finops.commitment.levels import Commitment, Meter
from finops.commitment.offers import offers
from finops.precedence import rules
from finops.pricing import Price, PriceBook, PriceKey

EC2, FARGATE, LAMBDA = "Amazon Elastic Compute Cloud", "Amazon Elastic Container Service", "AWS Lambda"
RESERVED = Rule("AWS", "reservation", "", 2, frozenset(), "smallest", frozenset({"g5"}))
ZONAL = Rule("AWS", "reservation", "zone", 1, frozenset(), "smallest")
FAMILY = Rule("AWS", "savings_plan_family", "", 3, frozenset({EC2}), "discount")
COMPUTE = Rule("AWS", "savings_plan_compute", "", 4, frozenset({EC2, FARGATE, LAMBDA}), "discount")


def meter(sku: str, price: float, service: str = EC2, account: str = "1", **more: Any) -> PricedMeter:
    return PricedMeter(
        "AWS", account, more.pop("region", "us-east-1"), service, sku, more.pop("system", "Linux"), price, **more
    )


def plan(rule: Rule, hourly: float, rates: Sequence[float | None], account: str = "1", **scope: Any) -> Holding:
    known = {index: price for index, price in enumerate(rates) if price is not None}
    owned = Commitment(f"{rule.instrument}-{account}-{hourly}", "AWS", account, rule.instrument, scope)
    return Holding(owned, rule, hourly, known)


class TestSavingsPlansUserGuide:
    """Savings Plans User Guide, "Understanding how Savings Plans apply to your AWS usage" (sp-applying.html).

    One hour: 4 r5.4xlarge, 1 m5.24xlarge Windows, 400 vCPU and 1,600 GB of Fargate, a million Lambda requests of 3 s at 0.5 GB.
    """

    METERS = (
        meter("r5.4xlarge", 1.00),
        meter("m5.24xlarge", 10.00, system="Windows"),
        meter("fargate-vcpu", 0.04, FARGATE, region="us-west-1"),
        meter("fargate-gb", 0.004, FARGATE, region="us-west-1"),
        meter("lambda-gb-second", 0.000015, LAMBDA, region="us-east-2"),
    )
    USED = np.array([[4.0, 1.0, 400.0, 1600.0, 1_500_000.0]])
    COMPUTE_RATES = (0.70, 8.20, 0.03, 0.003, 0.00001275)
    FAMILY_RATES = (0.60, None, None, None, None)
    REQUESTS = 0.20  # a million requests: no plan covers them

    def test_a_plan_of_50_covers_everything(self) -> None:
        bill = rate(self.USED, self.METERS, [plan(COMPUTE, 50.0, self.COMPUTE_RATES)])
        assert bill.on_demand.sum() == pytest.approx(0.0, abs=1e-9)
        assert sum(part.cost for part in bill.covered) + self.REQUESTS == pytest.approx(47.13, abs=0.006)
        assert bill.total == pytest.approx(50.0)

    def test_a_plan_of_19_60_takes_the_highest_discount_first(self) -> None:
        bill = rate(self.USED, self.METERS, [plan(COMPUTE, 19.60, self.COMPUTE_RATES)])
        covered = {self.METERS[part.meter].instance_type: part.quantity for part in bill.covered if part.quantity > 1e-6}
        assert covered == pytest.approx({"r5.4xlarge": 4.0, "fargate-vcpu": 400.0, "fargate-gb": 1600.0})
        assert bill.unused.sum() == pytest.approx(0.0, abs=1e-9)
        assert bill.on_demand.sum() + self.REQUESTS == pytest.approx(10.00 + 22.70)

    def test_a_family_plan_goes_before_a_compute_plan(self) -> None:
        holdings = [
            plan(COMPUTE, 16.80, self.COMPUTE_RATES),
            plan(FAMILY, 2.40, self.FAMILY_RATES, region="us-east-1", family="r5"),
        ]
        bill = rate(self.USED, self.METERS, holdings)
        assert next((part.holding, part.meter) for part in bill.covered) == (1, 0)
        assert bill.left[0, 0] == pytest.approx(0.0)
        assert bill.left[0, 2:4].sum() == pytest.approx(0.0, abs=1e-6)

    def test_the_earlier_edition_s_example(self) -> None:
        """1 c5.9xlarge, 1 c5.24xlarge Windows, 10 vCPU and 5 GB of Fargate under a plan of 25 an hour: exactly used up."""
        meters = (
            meter("c5.9xlarge", 4.0),
            meter("c5.24xlarge", 10.0, system="Windows"),
            meter("fargate-vcpu", 1.5, FARGATE),
            meter("fargate-gb", 2.0, FARGATE),
        )
        bill = rate(np.array([[1.0, 1.0, 10.0, 5.0]]), meters, [plan(COMPUTE, 25.0, (2.0, 8.0, 1.0, 1.0))])
        assert bill.total == pytest.approx(25.0)
        assert bill.unused.sum() == pytest.approx(0.0)
        assert bill.on_demand.sum() == pytest.approx(0.0)


class TestReservations:
    """EC2 User Guide, "How Reserved Instance discounts are applied" (apply_ri.html; its scenarios are in test_published_aws),
    and "Region Reserved Instance line items" (AWS Cost Management User Guide, region-reserved-instances)."""

    FLEXIBLE: ClassVar[dict[str, Any]] = {
        "family": "t2",
        "region": "us-east-1",
        "operating_system": "Linux",
        "size_flexible": True,
    }

    def test_the_smallest_machine_is_covered_first(self) -> None:
        meters = [meter("t2.large", 0.4), meter("t2.micro", 0.05)]
        bill = rate(np.array([[1.0, 1.0]]), meters, [plan(RESERVED, 0.12, [0.24, 0.03], **self.FLEXIBLE)])
        assert bill.left[0].tolist() == pytest.approx([1 - 0.09 / 0.24, 0.0])

    def test_one_m4_xlarge_covers_two_m4_large_of_two_machines(self) -> None:
        scope = self.FLEXIBLE | {"family": "m4"}
        bill = rate(np.array([[2.0]]), [meter("m4.large", 0.1)], [plan(RESERVED, 0.12, [0.06], **scope)])
        assert bill.on_demand.sum() == pytest.approx(0.0)

    @pytest.mark.parametrize(
        ("wanted", "used"),
        [
            ({"sku": "m5.xlarge", "operating_system": "Windows"}, ("m5.2xlarge", "Windows")),
            ({"family": "m5", "size_flexible": True, "operating_system": "Linux"}, ("m5.2xlarge", "Windows")),
            ({"sku": "g5.xlarge", "family": "g5", "size_flexible": True}, ("g5.2xlarge", "Linux")),
            ({"family": "m5", "size_flexible": True, "region": "eu-west-1"}, ("m5.2xlarge", "Linux")),
        ],
        ids=["Windows is not flexible", "another system", "g5 is excluded", "another region"],
    )
    def test_what_a_reservation_does_not_stretch_to(self, wanted: dict[str, Any], used: tuple[str, str]) -> None:
        bill = rate(np.array([[1.0]]), [meter(used[0], 0.4, system=used[1])], [plan(RESERVED, 0.2, [0.2], **wanted)])
        assert not bill.covered
        assert bill.total == pytest.approx(0.6)

    @pytest.mark.parametrize(
        ("bought", "used", "system", "stretches"),
        [
            ({"sku": "m5.xlarge"}, "m5.2xlarge", "Linux", True),
            ({"sku": "m5.xlarge"}, "m5.2xlarge", "Windows", False),
            ({"sku": "m5.xlarge"}, "m5.xlarge", "Windows", True),
            ({"sku": "m5.xlarge"}, "m5.2xlarge", "RHEL", False),
            ({"sku": "m5.xlarge"}, "m5.2xlarge", "SUSE", False),
            ({"sku": "g5.xlarge"}, "g5.2xlarge", "Linux", False),
            ({"sku": "g5.xlarge"}, "g5.xlarge", "Linux", True),
            ({"sku": "m5.xlarge", "zone": "us-east-1a"}, "m5.2xlarge", "Linux", False),
            ({"sku": "m5.xlarge", "zone": "us-east-1a"}, "m5.xlarge", "Linux", True),
        ],
    )
    def test_what_stretches_over_sizes_is_the_provider_s_rule_whatever_a_table_says(
        self, bought: dict[str, Any], used: str, system: str, *, stretches: bool
    ) -> None:
        held = Commitment("ri", "AWS", "1", "reservation", bought | {"size_flexible": True})
        machine = meter(used, 0.4, system=system, zone="us-east-1a")
        assert rule_of(held, "", rules()).admits(held, machine) == stretches

    def test_zonal_before_regional_and_only_in_its_zone(self) -> None:
        meters = [meter("m5.large", 0.1, zone="us-east-1a"), meter("m5.large", 0.1, zone="us-east-1b")]
        zonal = plan(ZONAL, 0.06, [0.06, 0.06], sku="m5.large", zone="us-east-1b")
        regional = plan(RESERVED, 0.05, [0.05, 0.05], sku="m5.large")
        bill = rate(np.array([[1.0, 1.0]]), meters, [regional, zonal])
        assert [(part.holding, part.meter) for part in bill.covered] == [(1, 1), (0, 0)]

    def test_the_owner_s_account_first_then_the_organisation(self) -> None:
        meters = [meter("m5.large", 0.1, account="2"), meter("m5.large", 0.1, account="1")]
        bill = rate(np.array([[1.0, 1.0]]), meters, [plan(RESERVED, 0.09, [0.06, 0.06], sku="m5.large")])
        assert bill.left[0].tolist() == pytest.approx([0.5, 0.0])

    def test_without_sharing_only_the_owner(self) -> None:
        bill = rate(np.array([[1.0]]), [meter("m5.large", 0.1, account="2")], [plan(RESERVED, 0.06, [0.06], shared=False)])
        assert bill.unused.sum() == pytest.approx(0.06)


def test_the_longer_term_first_where_all_else_is_equal() -> None:
    """Azure: "3-year savings plans are applied before 1-year ones" (discount-application, 2025-01)."""
    rule = replace(COMPUTE, services=frozenset())
    one, three = (
        Holding(
            Commitment(f"{years}y", "AWS", "1", "savings_plan_compute", {}, date(2026 + years, 1, 1), date(2026, 1, 1)),
            rule, 0.5, {0: 0.5},
        )
        for years in (1, 3)
    )  # fmt: skip
    bill = rate(np.array([[1.0]]), [meter("x", 1.0)], [one, three])
    assert [bill.covered[0].holding, bill.unused.tolist()] == [1, [0.5, 0.0]]


class TestFocusSpecification:
    """FOCUS 1.2, appendix, "Commitment discount flexibility" and "Commitment discounts": one hour each."""

    def test_flexibility_with_one_resource(self) -> None:
        """A commitment of one VM_SMALL (1 normalized unit, 0.50) covers a third of a VM_LARGE.

        The table's on-demand row (0.75 of an hour, 2.25) does not add up with it to one hour; the rest here is 0.667 and 2.00.
        """
        scope: dict[str, Any] = {"family": "vm", "size_flexible": True}
        bill = rate(np.array([[1.0]]), [meter("vm.large", 3.0)], [plan(RESERVED, 0.50, [1.50], **scope)])
        assert bill.covered[0].quantity == pytest.approx(0.333, abs=5e-4)
        assert bill.covered[0].cost == pytest.approx(0.50)
        assert bill.on_demand.sum() == pytest.approx(2.00)

    def test_flexibility_with_two_resources(self) -> None:
        scope: dict[str, Any] = {"family": "vm", "size_flexible": True}
        bill = rate(np.array([[1.0, 1.0]]), [meter("vm.medium", 2.0)] * 2, [plan(RESERVED, 2.0, [1.0, 1.0], **scope)])
        assert [part.cost for part in bill.covered] == pytest.approx([1.0, 1.0])
        assert bill.total == pytest.approx(2.0)

    def test_no_flexibility(self) -> None:
        bill = rate(np.array([[1.0]]), [meter("vm.medium", 2.0)], [plan(RESERVED, 1.5, [1.0], sku="vm.large")])
        assert (bill.on_demand.sum(), bill.unused.sum()) == pytest.approx((2.00, 1.50))

    @pytest.mark.parametrize(
        ("eligible", "used", "unused", "on_demand"),
        [(1.00, 1.00, 0.0, 0.0), (0.75, 0.75, 0.25, 0.0), (1.50, 1.00, 0.0, 0.50)],
        ids=["scenario 1: all of it is used", "scenario 3: part of it is used", "scenario 4: usage exceeds it"],
    )
    def test_usage_scenarios(self, eligible: float, used: float, unused: float, on_demand: float) -> None:
        """A spend commitment of 1 USD an hour; the scenarios have no discount: on-demand and committed price are equal."""
        bill = rate(np.array([[eligible]]), [meter("x", 1.0)], [plan(COMPUTE, 1.0, [1.0])])
        assert sum(part.cost for part in bill.covered) == pytest.approx(used)
        assert (bill.unused.sum(), bill.on_demand.sum()) == pytest.approx((unused, on_demand))

    @pytest.mark.parametrize(
        ("payment", "upfront", "recurring"),
        [("all", "8760.00", "0.00"), ("partial", "4380.00", "0.50")],
        ids=["scenario 1: paid at once", "scenario 3: half at once, half every hour"],
    )
    def test_purchase_scenarios(self, payment: str, upfront: str, recurring: str) -> None:
        """A spend commitment of 1 USD an hour for a year costs 1 USD an hour by accrual, whenever it is paid."""
        since = datetime(2023, 1, 1, tzinfo=UTC)
        usual = Price(PriceKey("AWS", "r1", "vm", "x"), Decimal("1.25"), "Hours", "USD", since)
        key = replace(usual.key, term="1y", payment=payment, instrument="savings_plan_compute")
        sold = Price(key, Decimal(recurring), "Hours", "USD", since, upfront=Decimal(upfront))
        used = Meter("AWS", "1", "r1", EC2, "x", "")
        (offer,) = offers([sold], {used: 1.0}, PriceBook([usual, sold]), since, longest=8760, capital=0.0)
        assert offer.units[used] == pytest.approx(1.00)
        assert offer.upfront == pytest.approx(float(upfront) / 8760)
        bill = rate(np.array([[0.8]]), [meter("x", 1.25)], [plan(COMPUTE, 1.0, [offer.units[used]])])
        assert (bill.total, bill.unused.sum()) == pytest.approx((1.00, 0.20))


N1 = Tiers(frozenset({"Compute Engine"}), frozenset({"n1"}), ((0.25, 1.0), (0.5, 0.8), (0.75, 0.6), (1.0, 0.4)))
"""Google Cloud documentation, "Sustained use discounts for Compute Engine": N1 at 100, 80, 60, 40 % a quarter of the month."""


def test_the_part_of_a_price_that_sustained_use_leaves() -> None:
    assert [N1.part(share) for share in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([1.0, 1.0, 0.9, 0.7])


def test_machines_that_replace_one_another_count_as_one() -> None:
    """Inferred instances, as that page describes them: 4 vCPU, then 16, are 4 all month and 12 for half of it."""
    usage = np.concatenate([np.full(360, 4.0), np.full(360, 16.0)])
    assert sustained(usage, N1) == pytest.approx(4 * 720 * 0.7 + 12 * 360 * 0.9)


def test_sustained_use_is_for_what_no_commitment_covers() -> None:
    commitment = Commitment("c", "AWS", "1", "cud_resource", {"family": "n1"})
    rule = Rule("AWS", "cud_resource", "", 1, frozenset(), "discount")
    bill = rate(
        np.full((720, 1), 10.0), [meter("n1-core", 1.0, "Compute Engine")], [Holding(commitment, rule, 3.78, {0: 0.63})], [N1]
    )
    assert bill.on_demand.sum() == pytest.approx(4 * 720 * 0.7)


AMOUNTS = st.floats(0, 50, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(AMOUNTS, min_size=3, max_size=3), min_size=1, max_size=4),
    st.lists(st.tuples(AMOUNTS, st.floats(0.05, 0.95), st.booleans()), max_size=4),
)
def test_every_unit_and_every_coin_is_somewhere(usage: list[list[float]], bought: list[tuple[float, float, bool]]) -> None:
    quantity = np.array(usage)
    meters = [meter("m5.large", 1.0), meter("m5.xlarge", 2.0), meter("c5.large", 0.8, account="2")]
    holdings = [
        plan(COMPUTE if broad else FAMILY, hourly, [m.price * share for m in meters], **({} if broad else {"family": "m5"}))
        for hourly, share, broad in bought
    ]
    bill = rate(quantity, meters, holdings)
    assert (bill.left >= -1e-9).all()
    assert (bill.unused >= -1e-6).all()
    covered = np.zeros(3)
    for part in bill.covered:
        covered[part.meter] += part.quantity
    assert covered + bill.left.sum(axis=0) == pytest.approx(quantity.sum(axis=0), abs=1e-6)
    paid = sum(h.hourly for h in holdings) * len(usage)
    assert sum(part.cost for part in bill.covered) + bill.unused.sum() == pytest.approx(paid, abs=1e-6)
