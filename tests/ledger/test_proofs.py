"""The record of replays: what a kind's own past says is heard by every plan of the same thresholds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from finops.backtest.kept import proofs_in_force, recorded
from finops.backtest.summary import Interval, Record, Summary
from finops.runner import plans
from finops.warehouse.warehouse import Warehouse
from tests.conftest import Ran
from tests.estate import AS_OF, Estate
from tests.intake.delivery import text

Call = Callable[..., Ran]


def summary(low: str, kind: str = "idle", decisions: int = 7) -> Summary:
    record = Record(Decimal(90), 0.5)
    interval = Interval(Decimal(low), Decimal(40))
    return Summary(kind, "USD", decisions, Decimal(100), record, Decimal(80), 1.0, None, interval, {}, 0, 30, AS_OF, AS_OF)


def idle_endpoint() -> Estate:
    made = Estate().charge("arn:ep", 72.0, days=90).resource("arn:ep", "AWS::SageMaker::Endpoint")
    return made.metric("arn:ep", "requests", 0.0, statistic="sum")


def test_a_refuted_kind_is_watched_and_others_are_not() -> None:
    made = idle_endpoint()
    (plan,) = plans(made, AS_OF, kinds=("idle",))
    assert [r.finding.kind for r in plan.recommendations] == ["idle"]
    (plan,) = plans(made, AS_OF, kinds=("idle",), unproven={"USD": {"idle": "watch: refuted"}, "EUR": {}})
    assert (plan.recommendations, [kept.why for kept in plan.keeps]) == ((), ["watch: refuted"])
    assert plan.saving == 0
    (plan,) = plans(made, AS_OF, kinds=("idle",), unproven={"EUR": {"idle": "watch: refuted"}})
    assert len(plan.recommendations) == 1


def warehouse(finops: Call, folder: Path) -> Path:
    """A month of one machine."""
    days = [date(2026, 10, n) for n in range(1, 32)]
    lines = [
        {
            "ResourceId": "i-1",
            "ChargePeriodStart": f"{day}T00:00:00Z",
            "ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z",
        }
        | {"BillingPeriodStart": "2026-10-01T00:00:00Z", "ServiceName": "Compute"}
        for day in days
    ]
    (folder / "bill.csv").write_text(text(*lines))
    ran = finops("load", folder / "bill.csv", "--warehouse", folder / "w")
    assert ran.code == 0, ran.err
    return folder / "w"


def test_the_record_is_read_by_plans_of_its_day_and_thresholds(finops: Call, tmp_path: Path) -> None:
    path = warehouse(finops, tmp_path)
    opened = Warehouse.open(str(path))
    assert "on record" in recorded(opened, AS_OF, [summary("-3.00"), summary("5.00", "spot")], {})
    with opened.reader() as reader:
        found = proofs_in_force(reader, AS_OF, {})
        assert {kind: proof.proven for kind, proof in found["USD"].items()} == {"idle": False, "spot": True}
        assert proofs_in_force(reader, date(2026, 10, 1), {}) == {}
        assert set(proofs_in_force(reader, AS_OF, {"idle": {"idle_days": 20}})["USD"]) == {"spot"}
    document = json.loads(finops("recommend", "--force", "--warehouse", path, "--format", "json").out)
    assert any("not proven, so watched: idle" in note for note in document["trust"]["notes"])
    assert "on record" in recorded(opened, AS_OF, [summary("4.00")], {})
    with opened.reader() as reader:
        found = proofs_in_force(reader, AS_OF, {})
    assert {kind: proof.proven for kind, proof in found["USD"].items()} == {"idle": True, "spot": True}
