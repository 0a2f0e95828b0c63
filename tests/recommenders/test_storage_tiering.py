"""Storage tiering on small estates: classes by age, what nobody needs, what cannot be known, and the rules' text."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.model import Act
from finops.portfolio import Plan
from tests.estate import AS_OF, Estate
from tests.recommenders.test_plan import act_of, only, plan_of, why

GIB = 2**30
TIB = 2**40
MONTHS = Decimal(730) / 720

S3 = {
    "STANDARD": 0.023,
    "STANDARD_IA": 0.0125,
    "GLACIER_IR": 0.004,
    "DEEP_ARCHIVE": 0.00099,
}
S3_FEES = {
    "STANDARD:get": 0.0004,
    "STANDARD_IA:get": 0.001,
    "STANDARD_IA:transition": 0.01,
    "GLACIER_IR:get": 0.01,
    "GLACIER_IR:transition": 0.02,
    "DEEP_ARCHIVE:transition": 0.05,
}


def bucket(
    *bands: tuple[object, ...],
    cost: float = 100.0,
    tags: dict[str, str] | None = None,
    prices: bool = True,
    retrieval: float = 0.0,
    requests: float = 0.0,
    **properties: Any,
) -> Estate:
    """A bucket `b` that costs `cost` a day. Bands: prefix, class, from, to, objects, bytes, reads, bytes read[, state]."""
    made = Estate().charge("b", cost, ServiceCategory="Storage", PricingUnit="Units", SkuMeter="s")
    if requests:
        made.charge("b", 0.01, ServiceCategory="Storage", PricingUnit="Requests", SkuMeter="r", quantity=requests)
    made.resource("b", "AWS::S3::Bucket", tags=tags, **properties)
    if prices:
        for name, price in S3.items():
            made.price("object_storage", name, price, "GB-Months")
        for name, price in S3_FEES.items():
            made.price("object_storage", name, price, "1000 Requests")
        for name, price in (("STANDARD_IA", 0.01), ("GLACIER_IR", 0.03), ("DEEP_ARCHIVE", 0.02)):
            made.price("object_storage", f"{name}:retrieval", retrieval or price, "GB")
    names = ("prefix", "storage_class", "age_days_from", "age_days_to", "object_count", "bytes")
    for band in bands:
        reads = dict(zip(("reads_per_month", "read_bytes_per_month", "state"), band[6:], strict=False))
        made.add("objects", bucket="b", **dict(zip(names, band, strict=False)), **reads)
    return made


def patch(plan: Plan) -> str:
    return plan.recommendations[0].finding.patch


def rules(plan: Plan) -> list[dict[str, Any]]:
    """The lifecycle rules in the patch."""
    word = next(w for line in [patch(plan)] for w in shlex.split(line, comments=True) if w.startswith("{"))
    document = json.loads(word)
    found: list[dict[str, Any]] = document.get("Rules") or document.get("rules") or document["lifecycle"]["rule"]
    return found


def test_cold_video_goes_to_the_class_that_reads_at_once() -> None:
    """estate.md 29: bytes·Δp − reads·retrieval − transition/12, worked by hand."""
    tib = 10
    estate = bucket(("raw/", "STANDARD", 120, 900, 500_000, tib * TIB, 10_000, 0.02 * tib * TIB))
    gb = tib * 1024
    expected = gb * (0.023 - 0.004) - gb * 0.02 * 0.03 - 10 * (0.01 - 0.0004) - 500 * 0.02 / 12
    plan = plan_of(estate, "storage_tiering")
    kind, target, saved = only(plan)
    assert (kind, target) == ("Move", "GLACIER_IR")
    assert saved == pytest.approx(Decimal(str(round(expected, 2))), abs=Decimal("0.01"))
    act = plan.recommendations[0].finding.verdict
    assert isinstance(act, Act)
    assert act.why == "moving costs 10.00 once and is repaid after 0.1 months, by November 2026"
    assert act.saving.one_off == Decimal("10.00")
    assert rules(plan)[0]["Transitions"] == [{"Days": 120, "StorageClass": "GLACIER_IR"}]
    assert rules(plan)[0]["Filter"] == {"Prefix": "raw/"}


def test_where_a_list_has_prices_by_redundancy_it_is_the_buckets_own() -> None:
    """Another redundancy's prices lie beside them: without the bucket's own they are ambiguous, and so unknown."""
    band = ("raw/", "STANDARD", 120, 900, 500_000, 10 * TIB, 10_000, 0.02 * TIB)
    for estate, told in ((bucket(band, redundancy="LRS"), True), (bucket(band), False)):
        for name, price in S3.items():
            estate.price("object_storage", name, 2 * price, "GB-Months", deployment="RAGRS")
            estate.price("object_storage", name, price, "GB-Months", deployment="LRS")
        plan = plan_of(estate, "storage_tiering")
        assert bool(plan.recommendations) is told


def test_the_range_is_of_reads() -> None:
    """Low: twice the reads. High: none."""
    estate = bucket(("raw/", "STANDARD", 120, None, 1000, TIB, 100, 0.1 * TIB))
    saving = plan_of(estate, "storage_tiering").recommendations[0].saving.effective_monthly
    reads = Decimal(str(1024 * 0.1 * 0.03 + 0.1 * (0.01 - 0.0004)))
    assert float(saving.expected - saving.low) == pytest.approx(float(reads), abs=0.02)
    assert float(saving.high - saving.expected) == pytest.approx(float(reads), abs=0.02)


def test_logs_pass_each_step_at_the_age_of_its_minimum_and_pay_what_passes() -> None:
    """estate.md 32, in the other tariff: the monthly transitions are those of objects that grow to the age."""
    bands = [(0, 10, 1000, 1.0), (10, 30, 0, 2.0), (30, 90, 0, 6.0), (90, 400, 0, 31.0)]
    rows = [("logs/", "STANDARD", a, b, int(1000 * size), size * TIB, reads, reads * 1e6) for a, b, reads, size in bands]
    plan = plan_of(bucket(*rows, cost=400.0), "storage_tiering")
    kind, target, saved = only(plan)
    assert (kind, target) == ("Move", "STANDARD_IA 30 d, GLACIER_IR 90 d, delete 400 d")
    month = 730 / 24
    moving = 6000 / 60 * month / 1000 * 0.01 + 31000 / 310 * month / 1000 * 0.02
    expected = 6 * 1024 * (0.023 - 0.0125) + 31 * 1024 * (0.023 - 0.004) - moving
    assert float(saved) == pytest.approx(expected, abs=0.01)
    assert "Expiration" not in rules(plan)[0], "no rule of the bucket says so: what is seen is no order to delete"
    plan = plan_of(bucket(*rows, cost=400.0, lifecycle_rules=[{"prefix": "logs/", "expire_days": 420}]), "storage_tiering")
    assert only(plan)[1].endswith("delete 420 d")
    assert rules(plan)[0]["Expiration"] == {"Days": 420}


def test_the_oldest_object_is_no_end_of_life() -> None:
    for age, bands in ((40, [(40, 800, 1000, 40.0)]), (30, [(0, 30, 3000, 3.0), (30, 800, 0, 40.0)])):
        rows = [("raw/", "STANDARD", a, b, int(1000 * size), size * TIB, reads, reads * 1e6) for a, b, reads, size in bands]
        plan = plan_of(bucket(*rows, cost=400.0), "storage_tiering")
        assert only(plan)[1] == f"STANDARD_IA {age} d, GLACIER_IR 90 d"
        assert "Expiration" not in rules(plan)[0]


def test_what_a_bucket_s_rules_do_already_is_not_recommended_again() -> None:
    band = ("raw/", "STANDARD", 120, 900, 500_000, 10 * TIB, 0, 0)
    steps = {"transitions": [{"days": 90, "storage_class": "GLACIER_IR"}]}
    assert why(plan_of(bucket(band, lifecycle_rules=[steps]), "storage_tiering")) == "its rules move them so already"
    for other in ({"prefix": "raw/new/"} | steps, steps | {"x_tags": {"tier": "cold"}}):
        assert only(plan_of(bucket(band, lifecycle_rules=[other]), "storage_tiering"))[1] == "GLACIER_IR"


@pytest.mark.parametrize(("days", "saved"), [(14, None), (7, None), (28, 0.5), (140, 0.9)])
def test_noncurrent_versions_under_a_rule_are_its_days_worth(days: int, saved: float | None) -> None:
    estate = bucket(
        ("b/", "STANDARD", 0, 20, 1000, TIB, 5000, 5 * TIB),
        noncurrent_bytes=10 * TIB, cost=40.0, lifecycle_rules=[{"noncurrent_days": days}],
    )  # fmt: skip
    plan = plan_of(estate, "storage_tiering")
    if saved is None:
        assert "its rules let these bytes go as soon already" in [kept.why for kept in plan.keeps]
    else:
        assert only(plan)[2] == Decimal(str(round(10 * 1024 * 0.023 * saved, 2)))


@pytest.mark.parametrize(
    ("band", "said"),
    [
        # 9: 38 KB objects
        (("t/", "STANDARD", 60, 400, 11_000_000, 418e9, 0, 0), "its objects have 37 KiB"),
        # 10: lives nine days
        (("s/", "STANDARD", 0, 9, 480_000, 30 * TIB, 0, 0), "no class is cheaper"),
        # 11: one read in three weeks is a whole epoch
        (("d/", "STANDARD", 30, 300, 940_000, 90 * TIB, 1_316_000, 1.4 * 90 * TIB), "no class is cheaper"),
        # near the break-even: as read now it pays, read twice as often it does not
        (("d/", "STANDARD", 30, 300, 9000, 9 * TIB, 6300, 0.7 * 9 * TIB), "watch: saves"),
    ],
)
def test_what_only_looks_cold_stays(band: tuple[object, ...], said: str) -> None:
    assert why(plan_of(bucket(band, cost=1000.0), "storage_tiering")).startswith(said)


def test_a_self_moving_class_does_not_help_what_is_read_as_a_whole() -> None:
    """Read every three weeks, nothing is ever idle for 30 days."""
    estate = bucket(("d/", "STANDARD", 30, 300, 940_000, 90 * TIB, 1_316_000, 1.4 * 90 * TIB), cost=3000.0)
    estate.price("object_storage", "INTELLIGENT_TIERING:monitoring", 0.0025, "1000 Objects")
    estate.price("object_storage", "INTELLIGENT_TIERING:transition", 0.01, "1000 Requests")
    assert why(plan_of(estate, "storage_tiering")).startswith("no class is cheaper")


def test_a_self_moving_class_wins_where_reading_is_dear() -> None:
    """Large objects read every seven months: retrieval would eat the cooler class's price."""
    estate = bucket(("d/", "STANDARD", 400, None, 1000, 10 * TIB, 140, 1.4 * TIB), cost=300.0, retrieval=0.2)
    estate.price("object_storage", "INTELLIGENT_TIERING:monitoring", 0.0025, "1000 Objects")
    estate.price("object_storage", "INTELLIGENT_TIERING:transition", 0.01, "1000 Requests")
    assert only(plan_of(estate, "storage_tiering"))[:2] == ("Move", "INTELLIGENT_TIERING")


def test_without_reads_nothing_is_known() -> None:
    """An inventory alone says nothing of reads; nor does silence mean none."""
    estate = bucket(("raw/", "STANDARD", 120, None, 1000, 10 * TIB))
    assert why(plan_of(estate, "storage_tiering")) == "unknown reads_per_month"


def test_requests_on_the_bill_bound_the_reads() -> None:
    """1 TiB in 1000 objects, 1.2 requests a day: at most 36.5 GiB-sized reads a month of 30.4 days."""
    estate = bucket(("raw/", "STANDARD", 120, None, 1000, TIB), requests=1.2)
    reads = 1.2 * 730 / 24
    expected = 1024 * (0.023 - 0.004) - reads * 1.024 * 0.03 - reads / 1000 * (0.01 - 0.0004) - 1000 / 1000 * 0.02 / 12
    kind, target, saved = only(plan_of(estate, "storage_tiering"))
    assert (kind, target) == ("Move", "GLACIER_IR")
    assert float(saved) == pytest.approx(expected, abs=0.01)


def test_more_requests_than_a_cooler_class_bears_change_nothing() -> None:
    estate = bucket(("raw/", "STANDARD", 120, None, 1000, TIB), requests=50.0)
    assert why(plan_of(estate, "storage_tiering")).startswith("no class is cheaper")


def test_of_two_sources_of_one_bucket_the_one_that_knows_reads_counts() -> None:
    estate = bucket(("raw/", "STANDARD", 120, None, 1000, TIB, 0, 0))
    listed = {"storage_class": "STANDARD", "age_days_from": 120, "object_count": 1000, "bytes": TIB}
    estate.add("objects", x_source="inventory", bucket="b", prefix="raw/", **listed)
    saved = only(plan_of(estate, "storage_tiering"))[2]
    assert float(saved) == pytest.approx(1024 * 0.019 - 0.02 / 12, abs=0.01)


def test_of_two_days_listings_of_one_bucket_the_newest_known_counts() -> None:
    """A listing is the bucket's state of a day: an older one is history, one from after the decision is not known yet."""
    estate = bucket()
    listed = {"storage_class": "STANDARD", "age_days_from": 120, "object_count": 1000, "reads_per_month": 0}
    for back, size in ((40, 7 * TIB), (2, TIB), (-20, 9 * TIB)):
        taken = datetime.combine(AS_OF, time(23), UTC) - timedelta(days=back)
        estate.add("objects", bucket="b", prefix="raw/", bytes=size, read_bytes_per_month=0, observed_at=taken, **listed)
    saved = only(plan_of(estate, "storage_tiering"))[2]
    assert float(saved) == pytest.approx(1024 * 0.019 - 0.02 / 12, abs=0.01)


def test_without_an_inventory_nothing_is_known() -> None:
    assert why(plan_of(bucket(), "storage_tiering")) == "unknown objects"


def test_without_a_price_nothing_is_known() -> None:
    estate = bucket(("raw/", "STANDARD", 120, None, 1000, 10 * TIB, 0, 0), prices=False)
    assert why(plan_of(estate, "storage_tiering")) == "unknown price of STANDARD in us-east-1 in USD"


def test_a_price_list_from_after_the_bill_stands_for_its_days_and_says_so() -> None:
    rows = ("raw/", "STANDARD", 120, None, 1000, 10 * TIB, 0, 0)
    late = bucket(rows).repriced(effective_from=datetime.combine(AS_OF + timedelta(days=20), time(), UTC))
    plan = plan_of(late, "storage_tiering")
    assert only(plan) == only(plan_of(bucket(rows), "storage_tiering"))
    assert "prices are first listed after the bill, on 2026-11-20: they stand for its days" in plan.notes[0]


def test_what_the_provider_tiers_itself_stays() -> None:
    rows = ("r/", "STANDARD", 90, 900, 1000, 60 * TIB, 0, 0)
    assert plan_of(bucket(rows), "storage_tiering").steps
    assert why(plan_of(bucket(rows, autoclass=True), "storage_tiering")).startswith("autoclass")


def test_a_locked_archive_stays() -> None:
    estate = bucket(("r/", "DEEP_ARCHIVE", 30, 900, 1000, 60 * TIB, 0, 0), object_lock=True, noncurrent_bytes=TIB)
    assert why(plan_of(estate, "storage_tiering")).startswith("locked")


def test_noncurrent_versions_and_unfinished_uploads_expire() -> None:
    estate = bucket(
        ("b/", "STANDARD", 0, 20, 1000, TIB, 5000, 5 * TIB), noncurrent_bytes=38 * TIB, incomplete_multipart_bytes=6 * TIB
    )
    plan = plan_of(estate, "storage_tiering")
    target = "expire noncurrent versions after 14 days, abort multipart uploads after 7 days"
    assert only(plan) == ("Reconfigure", target, Decimal(str(round(44 * 1024 * 0.023, 2))))
    (rule,) = rules(plan)
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 14}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert plan.recommendations[0].finding.reversible is False


def test_noncurrent_versions_of_an_inventory_count_where_nothing_else_says() -> None:
    estate = bucket(
        ("b/", "STANDARD", 0, 20, 1000, TIB, 5000, 5 * TIB, "current"),
        ("b/", "STANDARD", 60, 90, 1000, 2 * TIB, None, None, "noncurrent"),
        ("b/", "NONE", 60, 90, 50, 0, None, None, "delete_marker"),
    )
    kind, target, saved = only(plan_of(estate, "storage_tiering"))
    assert (kind, target, saved) == ("Reconfigure", "expire noncurrent versions after 14 days", Decimal("47.10"))


@pytest.mark.parametrize(("soft", "acts"), [(30 * TIB, True), (TIB // 8, False)])
def test_soft_delete_of_what_is_overwritten_all_day(soft: int, acts: bool) -> None:
    estate = bucket(("c/", "STANDARD", 0, 1, 1000, TIB, 5000, 5 * TIB), cost=40.0, soft_delete_days=7, soft_deleted_bytes=soft)
    plan = plan_of(estate, "storage_tiering")
    if acts:
        assert only(plan) == ("Reconfigure", "soft delete off", Decimal(str(round(30 * 1024 * 0.023, 2))))
    else:
        assert not plan.recommendations
        assert "price of undoing" in " ".join(k.why for k in plan.keeps)


@pytest.mark.parametrize(
    ("billed", "listed", "also", "joined"),
    [
        ("//storage.googleapis.com/projects/_/buckets/b", "b", "", True),
        ("b", "arn:aws:s3:::b", "", True),
        ("b", "arn:aws:s3:::b", "arn:aws:s3:::B", False),
        ("//compute.googleapis.com/projects/p/zones/z/disks/b", "b", "", False),
    ],
)
def test_a_bucket_is_joined_by_its_name_where_that_is_unique(billed: str, listed: str, also: str, joined: bool) -> None:
    """What its inventory says of it counts, whatever stands around the name there and in the bill."""
    estate = bucket(("c/", "STANDARD", 0, 1, 1000, TIB, 5000, 5 * TIB), cost=40.0)
    for row in estate.charges:
        row["ResourceId"] = billed
        if also:
            estate.add("charges", **(row | {"ResourceId": also}))
            break
    estate._rows["resources"] = []
    estate.resource(listed, "AWS::S3::Bucket", soft_delete_days=7, soft_deleted_bytes=30 * TIB)
    acts = [
        (r.finding.scope.resource, act_of(r.finding).action.target) for r in plan_of(estate, "storage_tiering").recommendations
    ]
    assert ((billed, "soft delete off") in acts) is joined


CHECKPOINTS = (
    ("runs/ckpt/", "STANDARD", 0, 30, 600, 6 * TIB, 1200, 12 * TIB),
    ("runs/ckpt/", "STANDARD", 30, 400, 5500, 55 * TIB, 0, 0),
)


def test_old_checkpoints_that_nobody_reads_are_deleted_rather_than_moved() -> None:
    plan = plan_of(bucket(*CHECKPOINTS, cost=60.0), "storage_tiering")
    assert only(plan) == ("Reconfigure", "expire (keep last 3)", Decimal(str(round(55 * 1024 * 0.023, 2))))
    assert rules(plan)[0]["Filter"] == {"And": {"Prefix": "runs/ckpt/", "Tags": [{"Key": "superseded", "Value": "true"}]}}


def test_what_is_not_called_checkpoints_is_moved() -> None:
    rows = [("data/x/", *row[1:]) for row in CHECKPOINTS]
    kind, target, _ = only(plan_of(bucket(*rows, cost=60.0), "storage_tiering"))
    assert (kind, target) == ("Move", "STANDARD_IA 30 d, GLACIER_IR 90 d")


def test_checkpoints_that_are_read_at_any_age_stay() -> None:
    rows = [(*row[:6], 5 * row[4], 5 * row[5]) for row in CHECKPOINTS]
    assert why(plan_of(bucket(*rows, cost=60.0), "storage_tiering")).startswith("no class is cheaper")


@pytest.mark.parametrize(("reads", "times"), [(12, 12.0), (12 * 5500, 0.0)])
def test_checkpoints_that_either_counter_says_are_read_stay(reads: float, times: float) -> None:
    """Reads of one object, where the row's are meant; and parts of objects, read often and of few bytes."""
    rows = (CHECKPOINTS[0], (*CHECKPOINTS[1][:6], reads, times * CHECKPOINTS[1][5]))
    plan = plan_of(bucket(*rows, cost=60.0), "storage_tiering")
    assert not [r for r in plan.recommendations if "expire" in act_of(r.finding).action.target]


@pytest.mark.parametrize(("reads", "read_bytes"), [(55, None), (None, 0.55 * TIB)])
def test_a_counter_that_is_missing_follows_from_the_other(reads: float | None, read_bytes: float | None) -> None:
    """A hundredth is read. The statements of evidence, which `plan_of` runs, take it so too."""
    rows = (CHECKPOINTS[0], (*CHECKPOINTS[1][:6], reads, read_bytes))
    plan = plan_of(bucket(*rows, cost=60.0), "storage_tiering")
    assert only(plan) == ("Reconfigure", "expire (keep last 3)", Decimal(str(round(0.99 * 55 * 1024 * 0.023, 2))))
    moved = [("data/x/", *row[1:]) for row in rows]
    assert only(plan_of(bucket(*moved, cost=60.0), "storage_tiering"))[1] == "STANDARD_IA 30 d, GLACIER_IR 90 d"


def test_the_prefixes_of_a_bucket_are_judged_apart() -> None:
    estate = bucket(
        ("cold/", "STANDARD", 120, None, 1000, 10 * TIB, 0, 0),
        ("warm/", "STANDARD", 120, None, 1000, 10 * TIB, 5000, 50 * TIB),
        cost=50.0,
    )
    plan = plan_of(estate, "storage_tiering")
    assert [r.finding.scope.resource for r in plan.recommendations] == ["b/cold/"]
    assert [k.finding.scope.resource for k in plan.keeps] == ["b/warm/"]


@pytest.mark.parametrize(
    ("resource_type", "provider", "classes", "patched"),
    [
        ("Microsoft.Storage/storageAccounts", "Microsoft Azure", ("hot", "cool", "cold"), "tierToCold"),
        ("storage.googleapis.com/Bucket", "Google Cloud", ("STANDARD", "NEARLINE", "COLDLINE"), "SetStorageClass"),
    ],
)
def test_the_other_stores_take_their_own_rules(
    resource_type: str, provider: str, classes: tuple[str, ...], patched: str
) -> None:
    made = Estate().charge("b", 50.0, ServiceCategory="Storage", PricingUnit="Requests", SkuMeter="s", ProviderName=provider)
    made.resource("b", resource_type, provider=provider)
    for name, price, retrieval in zip(classes, (0.02, 0.01, 0.004), (0.0, 0.01, 0.02), strict=True):
        made.price("object_storage", name, price, "GB-Months", provider=provider)
        made.price("object_storage", f"{name}:retrieval", retrieval, "GB", provider=provider)
        made.price("object_storage", f"{name}:put", 0.1, "10000 Requests", provider=provider)
    band = {"age_days_from": 120, "age_days_to": None, "object_count": 1000, "bytes": 50 * TIB}
    made.add("objects", bucket="b", prefix="c/", storage_class=classes[0], reads_per_month=0, read_bytes_per_month=0, **band)
    plan = plan_of(made, "storage_tiering")
    assert only(plan)[:2] == ("Move", classes[2])
    assert patched in patch(plan)
    assert rules(plan)


def runs(*youngest: int, read_old: int = -1) -> list[tuple[object, ...]]:
    """Runs of three days: steps of the last day are read, those before are not (but of run `read_old`), `best/` is."""
    found: list[tuple[object, ...]] = []
    for run, day in enumerate(youngest):
        reads = 500 if run == read_old else 0
        found += [
            (f"ckpt/run-{run:02d}/", "STANDARD", day, day + 1, 300, 1 * TIB, 600, 2 * TIB),
            (f"ckpt/run-{run:02d}/", "STANDARD", day + 1, day + 3, 1700, 5 * TIB, reads, 0),
            (f"ckpt/run-{run:02d}/best/", "STANDARD", day + 1, day + 3, 100, TIB // 2, 200, 1 * TIB),
        ]
    return found


UNREAD_RUN = 5 * 1024 * 0.023


@pytest.mark.parametrize(
    ("youngest", "expired"),
    [
        ((300,), ["b/ckpt/run-00/"]),  # one run whose unread steps have lain for ten months
        ((5,), []),  # of three days nobody knows
        ((300, 200, 100, 5), ["b"]),  # the youngest follows the three before it
        ((300, 5, 10), ["b/ckpt/run-00/"]),  # one proven run is no rule for two
    ],
)
def test_young_runs_follow_the_older_ones_beside_them(youngest: tuple[int, ...], expired: list[str]) -> None:
    plan = plan_of(bucket(*runs(*youngest), cost=200.0), "storage_tiering")
    acts = [r for r in plan.recommendations if act_of(r.finding).action.target == "expire (keep last 3)"]
    assert [r.finding.scope.resource for r in acts] == expired
    counted = len(youngest) if expired == ["b"] else len(expired)
    saved = sum((r.saving.effective_monthly.expected for r in acts), Decimal(0))
    assert saved == Decimal(str(round(counted * UNREAD_RUN, 2)))


def test_where_one_run_reads_its_older_steps_the_young_are_not_judged_by_others() -> None:
    plan = plan_of(bucket(*runs(300, 200, 100, 5, read_old=1), cost=200.0), "storage_tiering")
    acts = {r.finding.scope.resource for r in plan.recommendations if "expire" in act_of(r.finding).action.target}
    assert "b/ckpt/run-03/" not in acts
    assert "b/ckpt/run-01/" not in acts


def test_the_rule_of_many_runs_is_their_folders() -> None:
    plan = plan_of(bucket(*runs(300, 200, 100, 5), cost=200.0), "storage_tiering")
    assert rules(plan)[0]["Filter"] == {"And": {"Prefix": "ckpt/", "Tags": [{"Key": "superseded", "Value": "true"}]}}
