"""What no longer runs is no question any more, although its last 30 days have cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from finops.runner import plans
from tests.estate import AS_OF, Estate, _day


def estate(*, gone_for: int, listed: tuple[str, ...], again: bool = True, until: int = 0) -> Estate:
    """Two unattached volumes listed 40 days ago, `listed` again on the last day; vol-1 is billed up to `gone_for` days ago."""
    made = Estate().price("snapshot", "snapshot", 0.05, "GB-Months")
    made.charge("vol-2", 10.0, days=90, quantity=100, PricingUnit="GB-Months", SkuMeter="gp3")
    made.charge("vol-1", 10.0, days=90, quantity=100, PricingUnit="GB-Months", SkuMeter="gp3")
    made.charges[:] = [
        row
        for row in made.charges
        if row["ChargePeriodStart"] <= _day(until)
        and (row["ResourceId"] != "vol-1" or row["ChargePeriodStart"] <= _day(gone_for))
    ]
    for back, names in ((40, ("vol-1", "vol-2")), *(((0, listed),) if again else ())):
        for name in names:
            volume(made, name, back)
    return made


def volume(made: Estate, name: str, back: int, **more: Any) -> None:
    made.resource(name, "AWS::EC2::Volume", sku="gp3", state="available", size_gib=100, **more)
    made._rows["resources"][-1]["observed_at"] = _day(back)


def acted_on(made: Estate) -> tuple[set[str], list[str]]:
    (plan,) = plans(made, AS_OF, kinds=("idle",))
    assert not plan.failed
    over = [k.why for k in plan.keeps if k.why.startswith(("gone", "ended"))]
    return {r.finding.scope.resource for r in plan.recommendations}, over


def test_what_has_left_both_is_kept_as_gone() -> None:
    acted, gone = acted_on(estate(gone_for=21, listed=("vol-2",)))
    assert acted == {"vol-2"}
    last = AS_OF - timedelta(days=21)
    assert gone == [f"gone: its kind has been listed since without it, and nothing of it is billed since {last}"]


@pytest.mark.parametrize(
    "made",
    [
        estate(gone_for=0, listed=("vol-2",)),  # still billed
        estate(gone_for=5, listed=("vol-2",)),  # the last days are provisional, and two quiet ones prove nothing
    ],
    ids=["billed", "lately"],
)
def test_otherwise_nobody_knows_and_the_verdict_stands(made: Estate) -> None:
    assert acted_on(made) == ({"vol-1", "vol-2"}, [])


def test_another_kind_or_another_source_is_no_listing_of_it() -> None:
    made = estate(gone_for=21, listed=())
    volume(made, "vol-9", 0, account_id="a2")
    made.resource("i-1", "AWS::EC2::Instance")
    made.add(
        "resources", **(made._rows["resources"][0] | {"x_source": "other", "observed_at": _day(0), "resource_id": "vol-2"})
    )
    acted, over = acted_on(made)
    assert "vol-1" not in acted
    assert [why.split(":")[0] for why in over] == ["ended"]  # the bill alone tells


@pytest.mark.parametrize("listed", [("vol-1", "vol-2"), ("vol-2",)], ids=["still listed", "no later listing"])
def test_after_a_long_run_the_bill_alone_tells(listed: tuple[str, ...]) -> None:
    made = estate(gone_for=21, listed=listed, again=len(listed) > 1)
    day = AS_OF - timedelta(days=21)
    why = f"ended: nothing of it is billed since {day}, as never before; while it does not run there is nothing to save"
    assert acted_on(made) == ({"vol-2"}, [why])


def test_what_came_back_after_as_long_a_pause_is_not_over() -> None:
    made = estate(gone_for=21, listed=("vol-1", "vol-2"))
    pause = {_day(back) for back in range(60, 82)}
    made.charges[:] = [row for row in made.charges if row["ResourceId"] != "vol-1" or row["ChargePeriodStart"] not in pause]
    assert acted_on(made) == ({"vol-1", "vol-2"}, [])


def machine(*, until: int, **listed: Any) -> Estate:
    """A machine of 24 a day, hardly used, billed up to `until` days ago; another of the account goes on."""
    made = Estate().charge("other", 10.0, days=90, ServiceName="storage")
    made.charge("i-1", 24.0, days=90, x_instance_type="m5.2xlarge")
    made.charges[:] = [r for r in made.charges if r["ResourceId"] != "i-1" or r["ChargePeriodStart"] <= _day(until)]
    if listed:
        made.resource("i-1", "AWS::EC2::Instance", sku="m5.2xlarge", vcpu=8, memory_gib=32, **listed)
    for sku, price, vcpu, memory in (("m5.2xlarge", 1.0, 8, 32), ("m5.large", 0.25, 2, 8)):
        made.price("vm", sku, price, vcpu=vcpu, memory_gib=memory)
    return made.metric("i-1", "cpu_utilization", 4.0).metric("i-1", "memory_utilization", 10.0)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (machine(until=9), "ended"),
        (machine(until=5, state="terminated"), "gone: it is terminated"),
        (machine(until=0, state="running"), ""),
        (machine(until=4, state="stopped"), ""),
    ],
    ids=["unlisted", "terminated", "running", "lately"],
)
def test_no_kind_acts_on_a_machine_that_does_not_run(made: Estate, why: str) -> None:
    (plan,) = plans(made, AS_OF, kinds=("rightsizing", "schedule", "idle"))
    over = [k for k in plan.keeps if why and k.why.startswith(why)]
    acted = {r.finding.scope.resource for r in plan.recommendations}
    assert (acted == set(), bool(over)) == (bool(why), bool(why))
    step = next(s for s in plan.steps if s.name == "run_rate")
    days = 30 - 9 if why == "ended" else 25
    assert not why or abs(float(step.amount) - days * 24 * 730 / 720) < 0.01  # nothing of it recurs


def test_what_took_its_place_is_on_the_bill_already() -> None:
    made = machine(until=9)
    made.charge("i-2", 24.0, days=9, x_instance_type="m5.2xlarge")
    (plan,) = plans(made, AS_OF, kinds=("rightsizing",))
    assert {r.finding.scope.resource for r in plan.recommendations} == set()
    assert next(s for s in plan.steps if s.name == "run_rate").amount == 0
