"""Amazon's published examples of reservations: which machines of which account they cover, over sizes and zones."""

from __future__ import annotations

import pytest

from finops.bill.rating import PricedMeter
from finops.commitment.levels import Commitment
from tests.kernel.published import Bought, covered, rated

EC2, RDS = "Amazon Elastic Compute Cloud", "Amazon Relational Database Service"
FACTORS = {
    "small": 1, "medium": 2, "large": 4, "xlarge": 8, "2xlarge": 16, "4xlarge": 32, "8xlarge": 64, "16xlarge": 128,
    "metal": 128,
}  # fmt: skip
"""Normalization factors (apply_ri.html); `metal` as of i3."""

USUAL, RESERVED = 0.05, 0.03
"""Prices of a normalized unit an hour; the pages have none."""


def units(name: str) -> int:
    return next(FACTORS[part] for part in name.split(".") if part in FACTORS)


def machine(name: str, account: str = "A", zone: str = "us-east-1a", service: str = EC2, zones: int = 1) -> PricedMeter:
    system = "Linux" if service == EC2 else ""
    return PricedMeter("AWS", account, "us-east-1", service, name, system, USUAL * units(name) * zones, zone)


def reserved(name: str, count: int, account: str = "A", zone: str = "") -> Bought:
    place: dict[str, object] = {"zone": zone} if zone else {"size_flexible": True}
    scope = {"sku": name, "region": "us-east-1", **place}
    held = Commitment(f"{account} {name} {zone}", "AWS", account, "reservation", scope)
    return Bought(held, RESERVED * units(name) * count, lambda meter: meter.price / USUAL * RESERVED)


class TestReservedInstances:
    """EC2 User Guide, "How Reserved Instances are applied" (apply_ri.html; awsdocs/amazon-ec2-user-guide 0965564)."""

    def test_scenario_1_a_single_account(self) -> None:
        used = {machine("m3.large"): [4.0], machine("m4.xlarge", zone="us-east-1b"): [2.0], machine("c4.xlarge"): [1.0]}
        bill = rated(used, [reserved("m4.large", 4), reserved("c4.large", 1), reserved("m3.large", 4, zone="us-east-1a")])
        assert covered(bill) == pytest.approx({(2, 0): 4.0, (0, 1): 2.0, (1, 2): 0.5})
        assert bill.on_demand.tolist() == pytest.approx([0.0, 0.0, 0.5 * 8 * USUAL])

    def test_scenario_2_the_smallest_size_first(self) -> None:
        used = {machine("m3.xlarge"): [2.0], machine("m3.large", zone="us-east-1b"): [2.0]}
        bill = rated(used, [reserved("m3.2xlarge", 1)])
        assert covered(bill) == pytest.approx({(0, 1): 2.0, (0, 0): 1.0})
        assert bill.on_demand.sum() == pytest.approx(8 * USUAL)

    def test_scenario_3_the_purchasing_account_first(self) -> None:
        mine = ["m4.xlarge", "m4.2xlarge", "c4.xlarge", "c4.2xlarge"]
        used = {machine(name): [count] for name, count in zip(mine, [2.0, 1.0, 2.0, 1.0], strict=True)}
        bill = rated(used | {machine("m4.xlarge", "B"): [2.0]}, [reserved("m4.xlarge", 4), reserved("c4.xlarge", 2)])
        assert covered(bill) == pytest.approx({(0, 0): 2.0, (0, 1): 1.0, (1, 2): 2.0})
        assert bill.left[0].tolist() == pytest.approx([0.0, 0.0, 0.0, 1.0, 2.0])

    def test_scenario_4_another_account_s_zonal_one_before_the_regional_one(self) -> None:
        used = {machine("m4.xlarge", "A", "us-east-1a"): [1.0], machine("m4.xlarge", "B", "us-east-1b"): [1.0]}
        bill = rated(used, [reserved("m4.xlarge", 1, "A"), reserved("m4.xlarge", 1, "C", "us-east-1a")])
        assert covered(bill) == pytest.approx({(1, 0): 1.0, (0, 1): 1.0})
        assert (bill.unused.sum(), bill.on_demand.sum()) == pytest.approx((0.0, 0.0))

    @pytest.mark.parametrize(
        ("bought", "count", "used", "running", "share"),
        [
            ("t2.medium", 1, "t2.small", 2, 1.0),
            ("t2.medium", 1, "t2.large", 1, 0.5),
            ("i3.metal", 1, "i3.16xlarge", 1, 1.0),
            ("i3.metal", 1, "i3.8xlarge", 2, 1.0),
            ("i3.metal", 1, "i3.4xlarge", 4, 1.0),
            ("i3.8xlarge", 2, "i3.metal", 1, 1.0),
        ],
    )
    def test_normalization_factors(self, bought: str, count: int, used: str, running: int, share: float) -> None:
        bill = rated({machine(used): [float(running)]}, [reserved(bought, count)])
        assert covered(bill) == pytest.approx({(0, 0): running * share})
        assert bill.unused.sum() == pytest.approx(0.0)


class TestReservedDatabases:
    """RDS User Guide, "Reserved DB instances for Amazon RDS" (USER_WorkingWithReservedDBInstances; awsdocs 0382800)."""

    @pytest.mark.parametrize(
        ("bought", "used", "zones", "running", "share"),
        [
            ("db.t2.medium", "db.t2.small", 1, 2, 1.0),
            ("db.t2.medium", "db.t2.large", 1, 1, 0.5),
            ("db.m4.large", "db.m4.xlarge", 1, 1, 0.5),
            ("db.m4.large", "db.m5.large", 1, 1, 0.0),
            ("db.m4.large", "db.m4.small", 2, 2, 1.0),
        ],
        ids=["in full", "50 percent", "the same class type", "another class type", "two of two zones"],
    )
    def test_sizes_and_zones(self, bought: str, used: str, zones: int, running: int, share: float) -> None:
        bill = rated({machine(used, service=RDS, zones=zones): [float(running)]}, [reserved(bought, 1)])
        assert covered(bill) == pytest.approx({(0, 0): running * share} if share else {})


@pytest.mark.parametrize(
    ("name", "service", "zone"),
    [
        ("m5.large", EC2, "us-east-1a"),
        ("db.m1.xlarge", RDS, ""),
        ("cache.r3.large", "Amazon ElastiCache", ""),
        ("m4.large.elasticsearch", "Amazon OpenSearch Service", ""),
    ],
)
def test_five_of_nine_in_an_organization(name: str, service: str, zone: str) -> None:
    """AWS Cost Management User Guide, "Billing examples for specific services" (consolidatedbilling-other; awsdocs 07d0122).

    Susan has five reservations and uses three, Bob uses six: five are billed as reserved, four as usual. Those that are bought
    for a zone cover none of Bob's in another.
    """
    susan, bob = (machine(name, account, zone, service) for account in ("Susan", "Bob"))
    bill = rated({bob: [6.0], susan: [3.0]}, [reserved(name, 5, "Susan", zone)])
    assert covered(bill) == pytest.approx({(0, 1): 3.0, (0, 0): 2.0})
    assert bill.on_demand.sum() == pytest.approx(4 * USUAL * units(name))
    if zone:
        elsewhere = rated({machine(name, "Bob", "us-east-1b"): [6.0], susan: [3.0]}, [reserved(name, 5, "Susan", zone)])
        assert covered(elsewhere) == pytest.approx({(0, 1): 3.0})


def plan(instrument: str, hourly: float, paid: float, account: str = "A") -> Bought:
    """A plan at the same share of every price."""
    return Bought(Commitment(instrument, "AWS", account, instrument), hourly, lambda meter: meter.price * paid)


class TestSavingsPlans:
    """Savings Plans User Guide, "Understanding how Savings Plans apply to your AWS usage" (sp-applying.html). What it has in
    numbers is in test_rating; here are its sentences. No published example in numbers was found of SageMaker's and
    databases' plans."""

    def test_after_the_reservations(self) -> None:
        bill = rated({machine("m5.large"): [1.0]}, [plan("savings_plan_compute", 0.1, 0.5), reserved("m5.large", 1)])
        assert covered(bill) == pytest.approx({(1, 0): 1.0})

    def test_the_owner_s_usage_before_a_higher_discount_of_another_account(self) -> None:
        used = {machine("m5.large", "B"): [1.0], machine("c5.large", "A"): [1.0]}
        paid = {"m5.large": 0.5, "c5.large": 0.8}
        held = Commitment("plan", "AWS", "A", "savings_plan_compute")
        bill = rated(used, [Bought(held, 0.16, lambda meter: meter.price * paid[meter.instance_type])])
        assert covered(bill) == pytest.approx({(0, 1): 1.0})

    def test_pools_are_apart(self) -> None:
        """A plan for machine learning or databases covers those alone, and the plans for machines do not cover them."""
        used = {"m5.large": EC2, "ml.m5.large": "Amazon SageMaker", "db.m5.large": RDS}
        plans = [plan(f"savings_plan_{kind}", 1.0, 0.8) for kind in ("compute", "sagemaker", "database")]
        bill = rated({machine(name, service=service): [1.0] for name, service in used.items()}, plans)
        assert covered(bill) == pytest.approx({(0, 0): 1.0, (1, 1): 1.0, (2, 2): 1.0})
