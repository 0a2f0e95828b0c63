"""Replayed decisions: sums, shares, the interval, and who is charged for what."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.backtest.summary import Decision, block_bootstrap, charged_saving, summarise

DAY = date(2026, 6, 1)
money = st.decimals(0, 10_000, places=2)


def decision(saved: float, *, best: float = 100.0, at: int = 0, account: str = "a", **more: Decimal) -> Decision:
    baseline = Decimal(100)
    return Decision(
        kind="idle",
        currency="USD",
        account=account,
        subject=f"r{at}",
        decided=DAY + timedelta(days=11 * at),
        ends=DAY + timedelta(days=11 * at + 30),
        action="Delete → deleted",
        baseline=baseline,
        recommended=baseline - Decimal(str(saved)),
        hindsight=baseline - Decimal(str(best)),
        vendors=more,
    )


@given(money, money)
def test_no_action_beats_what_was_allowed(net: Decimal, allowed: Decimal) -> None:
    charged = charged_saving(net, allowed)
    assert charged <= allowed or charged == net
    assert charged <= max(net, allowed)
    if net > allowed:
        assert charged == 2 * allowed - net


def test_a_wrong_deletion_loses_what_it_seemed_to_save() -> None:
    assert charged_saving(Decimal(80), Decimal(0)) == Decimal(-80)


def test_the_summary_adds_up() -> None:
    made = [decision(80, at=0), decision(-50, best=0, at=1), decision(40, best=60, at=2, rule=Decimal(30))]
    summary = summarise("idle", "USD", made, unmatured=4, horizon_days=30)
    assert (summary.decisions, summary.unmatured) == (3, 4)
    assert summary.baseline_cost == 300
    assert summary.recommended.cost == 230
    assert summary.hindsight_cost == 140
    assert summary.recommended.captured == pytest.approx(70 / 160)
    assert summary.win_rate == pytest.approx(2 / 3)
    assert summary.worst is made[1]
    # a rule that says nothing of a decision does nothing there
    assert summary.vendors["rule"].cost == 100 + 100 + 30
    assert summary.proven is None


def test_hindsight_that_saves_nothing_has_no_share() -> None:
    summary = summarise("idle", "USD", [decision(-5, best=0)], unmatured=0, horizon_days=30)
    assert summary.recommended.captured is None
    assert summary.interval is None


def test_the_gate_needs_five_decisions_and_a_worst_case_above_zero() -> None:
    steady = summarise("idle", "USD", [decision(10, at=n) for n in range(6)], unmatured=0, horizon_days=30)
    assert steady.proven is True
    mixed = [decision(10, at=n) for n in range(5)] + [decision(-48, at=5)]
    assert summarise("idle", "USD", mixed, unmatured=0, horizon_days=30).proven is False
    assert summarise("idle", "USD", mixed[:4], unmatured=0, horizon_days=30).proven is None


def unevenly(*losses: float) -> list[Decision]:
    """Two accounts; the larger one's decisions are all of the second date. The first's save 7 on both, less what is lost."""
    small = [decision(7 - loss, at=at, account="small") for at, loss in enumerate((*losses, 0, 0)[:2]) for _ in range(2)]
    return small + [decision(90, at=1, account="large") for _ in range(4)]


def test_histories_without_a_decision_refute_nothing() -> None:
    """Of the first date and the larger account alone nothing is known: one in sixteen draws has nothing else."""
    summary = summarise("idle", "USD", unevenly(), unmatured=0, horizon_days=30)
    assert (summary.decisions, summary.win_rate, summary.proven) == (8, 1.0, True)
    assert summary.interval is not None
    assert summary.interval.low >= summary.worst.saved > 0  # type: ignore[union-attr]


def test_dates_without_advice_do_not_count() -> None:
    made = [decision(5, at=at) for at in (0, 1) for _ in range(4)]
    missed = [replace(decision(0, at=at), action="") for at in range(2, 9)]
    with_missed = summarise("idle", "USD", made + missed, unmatured=0, horizon_days=30)
    assert with_missed.interval == summarise("idle", "USD", made, unmatured=0, horizon_days=30).interval
    assert with_missed.proven is True


def test_a_loss_that_one_in_twenty_histories_has_is_still_watched() -> None:
    assert summarise("idle", "USD", unevenly(20), unmatured=0, horizon_days=30).proven is False


def test_decisions_that_saved_nothing_prove_nothing() -> None:
    assert summarise("idle", "USD", [decision(0, at=n) for n in range(6)], unmatured=0, horizon_days=30).proven is False


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 5), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_the_interval_scales_moves_and_stays_within_the_extremes(seed: int, dates: int, accounts: int, block: int) -> None:
    saved = np.random.default_rng(seed).normal(5, 10, (dates, accounts))
    made = np.ones_like(saved)
    low, high = block_bootstrap(saved, made, block)
    assert low <= high
    assert block_bootstrap(saved * 3, made, block) == pytest.approx((3 * low, 3 * high))
    assert saved.min() * dates * accounts - 1e-6 <= low <= high <= saved.max() * dates * accounts + 1e-6


def test_equal_dates_and_accounts_leave_no_doubt() -> None:
    assert block_bootstrap(np.full((9, 3), 2.0), np.ones((9, 3)), 3) == pytest.approx((54.0, 54.0))


def test_blocks_keep_the_luck_that_neighbours_share() -> None:
    """Runs of good and bad dates: blocks as long as the runs vary more than single dates."""
    saved = np.repeat(np.random.default_rng(3).normal(0, 1, 15), 4)[:, None]
    narrow, wide = (np.ptp(block_bootstrap(saved, np.ones_like(saved), block)) for block in (1, 4))
    assert wide > 1.3 * narrow
