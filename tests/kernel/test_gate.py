"""Which kinds a plan watches for what their replays found."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from finops.backtest.gate import Proof, in_force, proof_note, watched


def proof(kind: str, low: str | None, *, proven: bool | None, day: int = 1, rules: str = "r", currency: str = "USD") -> Proof:
    return Proof(kind, currency, date(2026, 10, day), rules, 9, Decimal(100), None if low is None else Decimal(low), proven)


def test_the_newest_replay_at_the_same_thresholds_counts() -> None:
    found = [
        proof("idle", "-5", proven=False, day=1),
        proof("idle", "7", proven=True, day=2),
        proof("idle", "-9", proven=False, day=3, rules="others"),
        proof("idle", "-9", proven=False, day=3, currency="EUR"),
    ]
    assert in_force(found, {"idle": "r"}, "USD") == {"idle": found[1]}
    assert in_force(found, {"idle": "s"}, "USD") == {}


def test_only_what_is_refuted_is_watched() -> None:
    found = {
        "idle": proof("idle", "-5", proven=False),
        "spot": proof("spot", "5", proven=True),
        "network": proof("network", None, proven=None),
    }
    assert watched(found) == {
        "idle": (
            "watch: idle is not proven on this bill: of 9 decisions of the past, replayed as of 2026-10-01, the worst case"
            " in 20 saves -5.00 (finops backtest idle)"
        )
    }
    assert proof_note(found, ["idle", "network", "schedule", "spot"]) == (
        "replayed on this bill as of 2026-10-01: proven: spot; not proven, so watched: idle; too few decisions to tell:"
        " network; not replayed: schedule"
    )
    assert proof_note(found, ["schedule"]).startswith("no backtest on record")
