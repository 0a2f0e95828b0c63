"""Network: translated bytes of object storage, nightly full copies, traffic between zones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from finops.money import cents
from tests.estate import Estate
from tests.recommenders.test_plan import act_of, only, plan_of, why

MONTH = Decimal(730) / 720
TB = 1e12
NAT = "AWS::EC2::NatGateway"


def gateway(tb: float = 92.0, *, hours: bool = True, **more: Any) -> Estate:
    """A gateway that processed so many TB in 30 days at 0.045 a GB."""
    estate = Estate()
    gigabytes = tb * 1000
    estate.charge("nat", gigabytes * 0.045 / 30, quantity=gigabytes / 30, PricingUnit="GB", SkuMeter="NatGateway-Bytes")
    if hours:
        estate.charge("nat", 1.08, PricingUnit="Hrs", SkuMeter="NatGateway-Hours")
    return estate.resource("nat", NAT, state="available", **more)


def seen(estate: Estate, tb: float, **dimensions: Any) -> Estate:
    return estate.metric("nat", "network_in_bytes", tb * TB / 30, statistic="sum", **dimensions)


def test_object_storage_of_the_region_needs_no_translation_and_the_hours_stay() -> None:
    plan = plan_of(seen(gateway(), 92.0, source="s3", region="us-east-1"), "network")
    assert only(plan) == (
        "Reconfigure",
        "gateway endpoint",
        cents(Decimal(92_000) * Decimal("0.045") * MONTH),
    )


@pytest.mark.parametrize(
    ("others", "share"),
    [
        ({"source": "internet"}, "0.75"),  # 69 of 92 TB
        ({}, "0.75"),  # the total, of which the bytes of object storage are a part
    ],
)
def test_only_its_share_is_saved(others: dict[str, str], share: str) -> None:
    estate = seen(seen(gateway(), 69.0, source="s3"), 23.0 if others else 92.0, **others)
    assert only(plan_of(estate, "network"))[2] == cents(Decimal("4140") * Decimal(share) * MONTH)


def test_what_goes_the_other_way_is_processed_too() -> None:
    """69 TB come in, 46 of them from object storage, and 23 go out: half of the 92 that are billed."""
    estate = seen(seen(gateway(), 46.0, source="s3"), 69.0)
    estate.metric("nat", "network_out_bytes", 23.0 * TB / 30, statistic="sum")
    assert only(plan_of(estate, "network"))[2] == cents(Decimal("4140") * Decimal("0.5") * MONTH)


def test_a_share_of_the_billed_bytes_where_nothing_else_is_measured() -> None:
    # 46 TB of 92,000 billed GB, which may be as many as 98.8 TB: the cautious reading
    saving = only(plan_of(seen(gateway(), 46.0, source="S3"), "network"))[2]
    assert saving == pytest.approx(Decimal("4140") * MONTH * Decimal(46e12 / (92_000 * 1024.0**3)), abs=Decimal("0.01"))


@pytest.mark.parametrize(
    ("estate", "verdict"),
    [
        (gateway(), "unknown network_in_bytes by source"),
        (seen(gateway(), 92.0), "unknown network_in_bytes by source"),
        (seen(gateway(), 92.0, source="s3", region="eu-west-1"), "hardly any of its bytes"),
        (seen(gateway(), 92.0, source="internet"), "hardly any of its bytes"),
        (gateway(0.003, only_egress_of_vpc=True), "few bytes go through it"),
    ],
)
def test_a_gateway_that_stays(estate: Estate, verdict: str) -> None:
    assert why(plan_of(estate, "network")).startswith(verdict)


def bands(estate: Estate, name: str, tb: float, count: int, young: float | None = None, days: int = 1) -> Estate:
    parts = [(None, None, 1.0)] if young is None else [(0, days, young), (days, None, 1 - young)]
    for start, end, share in parts:
        estate.add(
            "objects", x_source="s", bucket=name, prefix="", storage_class="STANDARD", age_days_from=start, age_days_to=end,
            object_count=round(count * share), bytes=tb * TB * share, reads_per_month=0.0, read_bytes_per_month=0.0,
        )  # fmt: skip
    return estate


def copied(
    nights: float = 30.0, *, young: float | None = 0.011, days: int = 1, gib: bool = False, copy: bool = True, **more: Any
) -> Estate:
    """48 TB that leave so many times in 30 days, at 0.02 a GB."""
    gigabytes = 48 * TB * nights / (1024.0**3 if gib else 1e9)
    estate = Estate().charge("arn:aws:s3:::images", 36.0, PricingUnit="GB-Months", SkuMeter="TimedStorage")
    estate.charge(
        "arn:aws:s3:::images",
        gigabytes * 0.02 / 30,
        quantity=gigabytes / 30,
        PricingUnit="GB",
        SkuMeter="DataTransfer-Out-Bytes",
    )
    estate.resource("arn:aws:s3:::images", "AWS::S3::Bucket", **more)
    bands(estate, "images", 48.0, 2_000_000, young, days)
    estate.charge("images-copy", 40.0, ProviderName="Google Cloud", PricingUnit="gibibyte month", SkuMeter="Standard Storage")
    estate.resource("images-copy", "storage.googleapis.com/Bucket", provider="Google Cloud")
    return bands(estate, "images-copy", 48.1, 2_001_000, 1.0) if copy else estate


@pytest.mark.parametrize("gib", [False, True])
def test_a_nightly_full_copy_becomes_incremental(gib: bool) -> None:
    plan = plan_of(copied(gib=gib), "network")
    gigabytes = Decimal(48 * 30 * TB / (1024.0**3 if gib else 1e9))
    kind, target, saving = only(plan)
    assert (kind, target) == ("Reconfigure", "incremental")
    assert saving == pytest.approx(gigabytes * Decimal("0.02") * MONTH * Decimal("0.989"), abs=Decimal("0.02"))
    (r,) = plan.recommendations
    assert r.finding.explanation == (
        "images-copy is stored a second time; that is another line of the bill and no part of this saving",
    )
    assert saving < r.finding.monthly_cost


def test_the_changed_share_may_be_said_or_come_from_a_week() -> None:
    said = only(plan_of(copied(young=None, changed_share=0.011), "network"))[2]
    weekly = only(plan_of(copied(young=0.077, days=7), "network"))[2]
    assert said == only(plan_of(copied(), "network"))[2]
    assert weekly == pytest.approx(said, rel=Decimal("0.001"))


@pytest.mark.parametrize(("young", "verdict"), [(0.02, ""), (None, "unknown share of objects that change a day")])
def test_a_machine_s_copy_is_of_the_bucket_with_the_older_objects(young: float | None, verdict: str) -> None:
    """What is written anew as a whole is all young, whatever its name."""
    gigabytes = 48.0 * 1000 * 30
    estate = Estate().charge(
        "i-9", gigabytes * 0.02 / 30, quantity=gigabytes / 30, PricingUnit="GB", SkuMeter="DataTransfer-Out"
    )
    estate.resource("i-9", "AWS::EC2::Instance")
    plan = plan_of(bands(bands(estate, "a-mirror", 48.0, 2_000_000, 1.0), "lake", 48.0, 2_000_000, young), "network")
    if verdict:
        assert why(plan) == verdict
    else:
        assert only(plan)[2] == pytest.approx(Decimal(48 * 30 * 20) * MONTH * Decimal("0.98"), abs=Decimal("0.02"))
        assert "go to a-mirror" in act_of(plan.recommendations[0].finding).why


@pytest.mark.parametrize(
    ("estate", "verdict"),
    [
        (copied(young=None), "unknown share of objects that change a day"),
        (copied(copy=False), "unknown objects of the copy"),
        (copied(young=1.0), "100% of it has changed"),
    ],
)
def test_a_copy_that_stays(estate: Estate, verdict: str) -> None:
    assert why(plan_of(estate, "network")).startswith(verdict)


def test_what_leaves_once_is_no_copy() -> None:
    plan = plan_of(copied(nights=2.3), "network")
    assert (plan.recommendations, plan.keeps, plan.unknowns) == ((), (), ())


def test_the_two_halves_of_traffic_between_zones_are_matched_by_bytes() -> None:
    estate = Estate()
    for name, gigabytes in (("i-1", 10_000.0), ("i-2", 10_300.0), ("i-3", 40_000.0)):
        daily = gigabytes / 30
        estate.charge(name, daily * 0.01, quantity=daily, PricingUnit="GB", SkuMeter="DataTransfer-Regional-Bytes")
        estate.resource(name, "AWS::EC2::Instance")
    plan = plan_of(estate, "network")
    whys = {kept.finding.scope.resource: kept.why for kept in plan.keeps}
    assert whys["i-1"].startswith("watch: traffic between zones costs 101.39")
    assert whys["i-1"].endswith("its other half is i-2")
    assert whys["i-3"].endswith("is not told by bytes")


def test_a_missing_file_of_objects_says_nothing() -> None:
    estate = Estate().charge("b", 100.0, quantity=1000, PricingUnit="GB", SkuMeter="DataTransfer-Out-Bytes")
    plan = plan_of(estate.resource("b", "AWS::S3::Bucket"), "network")
    assert plan.recommendations == ()
