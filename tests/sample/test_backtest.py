"""`finops backtest` on the sample company: every kind has a record or a reason, and the JSON's sums hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from finops.plugins import recommenders
from tests.conftest import Ran, copy_of

MONEY = ("baseline_cost", "recommended_cost", "hindsight_cost")


@pytest.fixture(scope="module")
def replayed(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of one's own: `finops backtest` puts what it finds on record, and plans depend on that."""
    return copy_of(company, tmp_path_factory.mktemp("replayed") / "warehouse")


def acts(finops: Callable[..., Ran], warehouse: Path) -> tuple[dict[str, str], list[str]]:
    documents = json.loads(finops("recommend", "--warehouse", warehouse, "--format", "json").out)
    notes = [note for d in documents for note in d["trust"]["notes"] if "backtest" in note or "replayed on" in note]
    return {r["id"]: r["saving"]["expected"] for d in documents for r in d["recommendations"]}, notes


def test_every_kind_has_a_record_or_a_reason_and_the_plan_stands_on_it(finops: Callable[..., Ran], replayed: Path) -> None:
    before, notes = acts(finops, replayed)
    assert {note.split(":")[0] for note in notes} == {"no backtest on record"}
    ran = finops("backtest", "--warehouse", replayed, "--format", "json")
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
    assert "on record" in ran.err
    after, notes = acts(finops, replayed)
    assert after == before
    proven = {d["kind"] for d in documents if d["currency"] == "USD" and d["proven"]}
    (said,) = [note for note in notes if "proven: " in note and "idle" in note.split("proven: ")[1].split(";")[0]]
    assert set(said.split("proven: ")[1].split(";")[0].split(", ")) == proven


def test_one_kind_is_asked_by_name(finops: Callable[..., Ran], replayed: Path) -> None:
    company = replayed
    ran = finops("backtest", "idle", "--warehouse", company)
    assert "idle in USD" in ran.out
    assert "worst case in 20" in ran.out
    wrong = finops("backtest", "idel", "--warehouse", company)
    assert wrong.code == 2
    assert "there is no recommender `idel`" in wrong.err
