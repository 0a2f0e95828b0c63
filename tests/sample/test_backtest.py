"""`finops backtest` on the sample company: every kind has a record or a reason, and the JSON's sums hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from finops.plugins import recommenders
from tests.conftest import Ran

MONEY = ("baseline_cost", "recommended_cost", "hindsight_cost")


def test_every_kind_has_a_record_or_a_reason(finops: Callable[..., Ran], company: Path) -> None:
    ran = finops("backtest", "--warehouse", company, "--format", "json")
    assert ran.code == 0, ran.err
    documents = json.loads(ran.out)
    assert {d["kind"] for d in documents} == set(recommenders())
    assert {d["currency"] for d in documents} == {"EUR", "USD"}
    for d in documents:
        assert all(isinstance(d[name], str) for name in MONEY)
        baseline, recommended, hindsight = (Decimal(d[name]) for name in MONEY)
        assert hindsight <= min(baseline, recommended)
        assert not any(note.startswith("failed") for note in d["notes"]), d
        if d["decisions"]:
            assert d["interval"] is not None or d["first"] == d["last"]
            assert Decimal(d["worst_decision"]) * d["decisions"] <= baseline - recommended
        else:
            assert baseline == 0 or d["notes"]
            assert d["worst_decision"] is None
        if baseline > hindsight:
            assert abs(d["captured"] - float((baseline - recommended) / (baseline - hindsight))) < 1e-3
    assert sum(d["decisions"] for d in documents) >= 20


def test_one_kind_is_asked_by_name(finops: Callable[..., Ran], company: Path) -> None:
    ran = finops("backtest", "idle", "--warehouse", company)
    assert "idle in USD" in ran.out
    assert "worst case in 20" in ran.out
    wrong = finops("backtest", "idel", "--warehouse", company)
    assert wrong.code == 2
    assert "there is no recommender `idel`" in wrong.err
