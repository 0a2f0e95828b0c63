"""What has left inventory and bill is no question any more, although its last 30 days have cost."""

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
    return {r.finding.scope.resource for r in plan.recommendations}, [k.why for k in plan.keeps if k.why.startswith("gone")]


def test_what_has_left_both_is_kept_as_gone() -> None:
    acted, gone = acted_on(estate(gone_for=21, listed=("vol-2",)))
    assert acted == {"vol-2"}
    last = AS_OF - timedelta(days=21)
    assert gone == [f"gone: its kind has been listed since without it, and nothing of it is billed since {last}"]


@pytest.mark.parametrize(
    "made",
    [
        estate(gone_for=21, listed=("vol-1", "vol-2")),  # still listed
        estate(gone_for=21, listed=("vol-2",), again=False),  # nobody has listed volumes since
        estate(gone_for=0, listed=("vol-2",)),  # still billed
        estate(gone_for=5, listed=("vol-2",)),  # the last days are provisional, and two quiet ones prove nothing
    ],
    ids=["listed", "no later listing", "billed", "lately"],
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
    acted, gone = acted_on(made)
    assert ("vol-1" in acted, gone) == (True, [])
