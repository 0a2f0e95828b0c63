"""Locks and a plan together on real demand: bought month by month, against the program that knows the future."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.traces.bar import Bar, Decisions
from finops.commitment.plan import Product, Purchase, best_plan, ladder_dates, spent
from finops.commitment.policy import BROAD, NARROW, outlook, siblings, times_smaller

Floats = NDArray[np.float64]

NARROW_OFF, BROAD_OFF = 0.37, 0.27

MONTH, FIRST, TERM, PER_DAY = 730, 2880, 8760, 24

BINS = 24
"""Points a month in the program: what it promises is then at most 2 % more than any plan could keep."""

Rule = Callable[[Floats, float], float]


def instruments(meters: int) -> list[Product]:
    """A lock for each machine type, then the plan that covers all of them."""
    locks = [Product(f"lock {m}", np.where(np.arange(meters) == m, 1 - NARROW_OFF, np.nan)) for m in range(meters)]
    return [*locks, Product("plan", np.full(meters, 1 - BROAD_OFF))]


def clairvoyant(demand: Floats) -> tuple[float, float, float]:
    """(saving kept on all hours, saving promised by the program, seconds) where every future hour is known."""
    products = instruments(demand.shape[1])
    began = time.perf_counter()
    dates = [p for k in range(len(products)) for p in ladder_dates(0, len(demand) - TERM, MONTH, TERM, k)]
    plan = best_plan(demand, products, dates, bins=BINS)
    seconds = time.perf_counter() - began
    return float(demand.sum()) - spent(demand, products, dates, plan.amounts), plan.saving, seconds


SLICE = 0.5
"""Of what is missing of a level half is bought each month: a level that does not last is never bought whole."""


def our_locks(seen: Floats) -> Floats:
    """A lock stands against the plan as far as the plan would cover last week's usage, and against on-demand for the rest."""
    usage = seen.sum(axis=1)
    week = usage[-7 * PER_DAY :]
    planned = float(np.minimum(week, our_plan(usage)).sum()) / max(1e-9, float(week.sum()))
    extra = 1 - (1 - NARROW_OFF) / (1 - BROAD_OFF * planned)
    families = list(seen[len(seen) % PER_DAY :].reshape(-1, PER_DAY, seen.shape[1]).mean(axis=1).T)
    kin, smaller = siblings(families, NARROW), [times_smaller(own, families) for own in families]
    pairs = zip(seen.T, smaller, strict=True)
    return np.array([outlook(series, PER_DAY, NARROW, kin, smaller=times).level(extra) for series, times in pairs])


def our_plan(rest: Floats) -> float:
    """What pays over the term, but no more than pays today: what growth will need can be bought next month."""
    today = float(np.quantile(rest[-7 * PER_DAY :], BROAD_OFF, method="inverted_cdf"))
    return min(today, outlook(rest, PER_DAY, BROAD).level(BROAD_OFF))


def bought(
    demand: Floats,
    locks: Callable[[Floats], Floats],
    plan: Callable[[Floats], float],
    log: Callable[..., None],
    share: float = 1.0,
) -> float:
    """The saving of topping up a share of what is missing of the levels each month, the plan on what locks (new and in force)
    leave; every purchase runs its whole term within the trace."""
    products = instruments(demand.shape[1])
    rates = np.append(np.full(demand.shape[1], 1 - NARROW_OFF), 1 - BROAD_OFF)
    purchases: list[Purchase] = []
    amounts: list[float] = []
    for at in range(FIRST, len(demand) - TERM + 1, MONTH):
        seen, active = demand[:at], np.zeros(len(rates))
        for purchase, amount in zip(purchases, amounts, strict=True):
            active[purchase.product] += amount if purchase.starts <= at < purchase.ends else 0.0
        held = active[:-1] / rates[:-1]
        locked = held + share * np.maximum(locks(seen) - held, 0)
        rest = np.maximum(seen - locked, 0).sum(axis=1)
        planned = active[-1] + share * max(plan(rest) * rates[-1] - active[-1], 0.0)
        new = np.append(locked * rates[:-1], planned) - active
        new[new < 1e-12 * (1 + active)] = 0
        purchases += [Purchase(int(k), at, at + TERM) for k in np.flatnonzero(new)]
        amounts += new[new > 0].tolist()
        log(at, [*locked.tolist(), planned / rates[-1]])
    return float(demand.sum()) - spent(demand, products, purchases, np.array(amounts))


def joint_bars(dataset: str, demands: dict[str, Floats], rules: dict[str, Rule], log: Decisions) -> Iterator[Bar]:
    """Share of the clairvoyant program's saving, beside every vendor's rule for the plan alone and for locks alone."""
    best, kept = 0.0, 0.0
    single: dict[str, float] = {f"{name} {kind}": 0.0 for name in rules for kind in ("plan", "locks")}
    for name, demand in demands.items():
        best += clairvoyant(demand[FIRST:])[1]

        def note(at: int, choice: object, name: str = name) -> None:
            log.log("commitments", dataset, f"{name} joint", at, at - 1, choice)

        kept += bought(demand, our_locks, our_plan, note, SLICE)
        for vendor, rule in rules.items():

            def each(seen: Floats, rule: Rule = rule) -> Floats:
                return np.array([rule(series, NARROW_OFF) for series in seen.T])

            def whole(rest: Floats, rule: Rule = rule) -> float:
                return rule(rest, BROAD_OFF)

            single[f"{vendor} plan"] += bought(demand, no_locks, whole, _unlogged)
            single[f"{vendor} locks"] += bought(demand, each, no_plan, _unlogged)
    shares = {name: 100 * saving / best for name, saving in single.items()}
    value, target = 100 * kept / best, max(shares.values())
    yield Bar("commitments joint share of the clairvoyant program %", dataset, value, target, bool(value > target), shares)


def no_locks(seen: Floats) -> Floats:
    return np.zeros(seen.shape[1])


def no_plan(_rest: Floats) -> float:
    return 0.0


def _unlogged(*_: object) -> None:
    return None


def seconds_bar(dataset: str, demands: dict[str, Floats]) -> Bar:
    """How long the joint plan of 24 series takes: those of the file, the first of them again where it has fewer."""
    every = np.column_stack(list(demands.values()))
    wide = np.column_stack([every, *(np.roll(every[:, k : k + 1], 24 * 7, axis=0) for k in range(24))])[:, :24]
    _, _, seconds = clairvoyant(wide)
    return Bar(f"commitments joint plan of 24 series × {len(wide)} h seconds", dataset, seconds, 10.0, bool(seconds <= 10.0))
