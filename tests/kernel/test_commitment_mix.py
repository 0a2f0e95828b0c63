"""Several instruments at once: the sweep's optimum for one, brute force for whole units, start dates when others end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.commitment import mix
from finops.commitment.levels import best_level, evaluate
from finops.commitment.mix import Choice, Stretch, best_mix, schedule, whole_units
from finops.commitment.plan import Product, Purchase, best_plan, spent

hours_of = st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=2, max_size=10)
rates_of = st.lists(st.sampled_from([0.1, 0.19, 0.27, 0.4, 0.55]), min_size=3, max_size=3)


def cost_of(demand: np.ndarray, choices: list[Choice], amounts: np.ndarray) -> float:
    left, paid = demand.astype(float), 0.0
    for choice, amount in zip(choices, amounts, strict=True):
        left = left - choice.taken(left, float(amount))
        paid += float(amount) * len(demand)
    return paid + float(left.sum())


@given(hours_of, hours_of, rates_of)
@settings(max_examples=40, deadline=None)
def test_one_instrument_is_bought_at_the_lowest_of_the_windows_levels(
    hours: list[list[int]], more: list[list[int]], discounts: list[float]
) -> None:
    windows, off = [np.array(hours, float), np.array(more, float)], np.array(discounts)
    (amount,) = best_mix(windows, [Choice(off)])
    assert amount == pytest.approx(min(best_level(window, off) for window in windows), abs=1e-9)


@given(hours_of, rates_of)
@settings(max_examples=40, deadline=None)
def test_a_mix_costs_what_the_program_promises(hours: list[list[int]], discounts: list[float]) -> None:
    """Locks that are deeper than the plan: merged columns and the providers' order cost the program's optimum, to 1e-9."""
    demand, off = np.array(hours, float), np.array(discounts)
    choices = [Choice(np.where(np.arange(3) == m, off[m] + 0.1, np.nan)) for m in range(3)]
    choices.append(Choice(off))
    amounts = best_mix([demand], choices)
    products = [Product(str(k), 1 - choice.discounts) for k, choice in enumerate(choices)]
    purchases = [Purchase(k, 0, len(demand)) for k in range(4)]
    best = best_plan(demand, products, purchases).cost
    assert cost_of(demand, choices, amounts) == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert spent(demand, products, purchases, amounts) == pytest.approx(best, rel=1e-9, abs=1e-9)


@given(st.lists(st.integers(0, 9), min_size=4, max_size=12), st.sampled_from([0.2, 0.4, 0.6]), st.sampled_from([0.1, 0.3]))
@settings(max_examples=40, deadline=None)
def test_whole_machines_beside_a_plan_are_the_best_of_all_whole_numbers(used: list[int], lock: float, plan: float) -> None:
    demand = np.array([[2.5 * u] for u in used])
    unit = 2.5 * (1 - lock)
    choices = [Choice(np.array([lock]), unit), Choice(np.array([plan]))]
    amounts = best_mix([demand], choices)
    assert amounts[0] / unit == pytest.approx(round(amounts[0] / unit), abs=1e-9)
    every = []
    for count in range(11):
        left = demand - choices[0].taken(demand, count * unit)
        level = best_level(left, np.array([plan]))
        every.append(cost_of(demand, choices, np.array([count * unit, level])))
    assert cost_of(demand, choices, amounts) == pytest.approx(min(every), rel=1e-9, abs=1e-9)


@given(hours_of, st.sampled_from([0.1, 0.27, 0.4]), st.floats(0.3, 4.0))
@settings(max_examples=40, deadline=None)
def test_one_of_the_neighbours_of_the_best_level_is_the_best_whole_number(
    hours: list[list[int]], off: float, unit: float
) -> None:
    demand, discounts = np.array(hours, float), np.full(3, off)
    amount = whole_units(demand, discounts, best_level(demand, discounts), unit)
    savings = [evaluate(demand, discounts, n * unit).saving for n in range(int(demand.sum(axis=1).max() / unit) + 2)]
    assert evaluate(demand, discounts, amount).saving == pytest.approx(max(savings), abs=1e-9)


@given(hours_of, rates_of, st.lists(st.integers(0, 20), min_size=3, max_size=3))
@settings(max_examples=30, deadline=None)
def test_what_becomes_free_is_bought_when_it_does(hours: list[list[int]], discounts: list[float], freed: list[int]) -> None:
    """One plan: today's amount is the sweep's of today, and after the end both purchases together are the sweep's of then."""
    demand, off = np.array(hours, float), np.array(discounts)
    after = demand + np.array(freed, float)
    ((now, then),) = schedule([Stretch(0, demand), Stretch(100, after)], [Choice(off)], 365)
    assert evaluate(demand, off, now).saving == pytest.approx(evaluate(demand, off, best_level(demand, off)).saving, abs=1e-6)
    whole = min(best_level(after, off), now + float(np.array(freed) @ (1 - off)))
    assert evaluate(after, off, now + then).saving == pytest.approx(evaluate(after, off, whole).saving, abs=1e-6)


def test_later_purchases_are_for_what_becomes_free_alone() -> None:
    # today 2 of 10 may be bought (its risk says so); at the end of the other commitment 3 more become free, not the other 8
    demand = np.full((24, 1), 10.0)
    stretches = [Stretch(0, demand), Stretch(50, demand + 3)]
    ((now, then),) = schedule(stretches, [Choice(np.array([0.5]), most=1.0)], 365)
    assert (now, then) == pytest.approx((1.0, 1.5))


def test_merged_hours_lose_nothing_to_speak_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three families, each with whole machines, a family plan and the plan across, on hours that all differ."""
    rng = np.random.default_rng(0)
    hours = np.arange(120)
    demand = np.column_stack([rng.uniform(2, 20) * (1 + 0.4 * np.sin(2 * np.pi * hours / 24 + k)) for k in range(3)])
    demand *= rng.uniform(0.9, 1.1, demand.shape)
    locks = [np.where(np.arange(3) == k, 1.0, np.nan) for k in range(3)]
    choices = [Choice(0.4 * lock, unit=rng.uniform(0.2, 2)) for lock in locks]
    choices += [*(Choice(0.37 * lock) for lock in locks), Choice(rng.uniform(0.2, 0.3, 3))]
    exact = cost_of(demand, choices, best_mix([demand], choices))
    monkeypatch.setattr(mix, "WHOLE_VARIABLES", 100)
    amounts = best_mix([demand], choices)
    whole = [amount / choice.unit for amount, choice in zip(amounts, choices, strict=True) if choice.unit]
    assert whole == pytest.approx(np.rint(whole))
    assert exact * (1 - 1e-9) <= cost_of(demand, choices, amounts) <= exact * 1.001
    monkeypatch.setattr(mix, "improved", lambda demand, choices, amounts: amounts)
    assert cost_of(demand, choices, best_mix([demand], choices)) > exact * 1.003


def test_beside_a_lock_the_plan_covers_the_rest() -> None:
    """A lock of 40 % on the first meter, whole machines of 3; a plan of 25 % on both; 7 of the first and 2 of the second run.

    Two machines cover 6; the third would be used to a third. The plan covers 1 of the first and 2 of the second.
    """
    demand = np.tile([7.0, 2.0], (48, 1))
    choices = [Choice(np.array([0.4, np.nan]), unit=3 * 0.6), Choice(np.array([0.25, 0.25]))]
    assert best_mix([demand], choices) == pytest.approx([2 * 3 * 0.6, 3 * 0.75])
