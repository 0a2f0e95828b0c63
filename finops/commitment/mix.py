"""Several instruments on the same usage at once: today's purchases, and later ones when present commitments end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from finops.commitment.levels import Floats, best_level, covered, evaluate
from finops.commitment.plan import Curve, Product, Purchase, best_on, compress

VARIABLES = 20_000
"""Uses (moment × meter × instrument) up to which the program is exact; beyond, hours of like demand become one point. HiGHS
solves as many in about a second."""

WHOLE_VARIABLES = 5_000
"""The same with whole machines: where it is less than exact, `improved` finds what merged hours have hidden."""

ROUNDS, FIRST_STEP, LAST_STEP = 12, 0.25, 0.004
"""How often `improved` goes through all choices, and in which shares of an amount of money it steps at first and at last."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that may be bought for some of the columns of a demand.

    discounts  by column; NaN where it covers nothing
    unit       spend an hour of one whole machine; 0: any amount
    most       spend an hour that may be bought at most
    """

    discounts: Floats
    unit: float = 0.0
    most: float = np.inf

    def taken(self, demand: Floats, amount: float) -> Floats:
        """What of the demand an amount of it takes: hours × columns."""
        taken = np.zeros_like(demand)
        mine = self.discounts > 0
        if amount > 0 and mine.any():
            taken[:, mine] = covered(demand[:, mine], self.discounts[mine], amount)
        return taken


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time with demand like that of these hours: days from now on which it begins, hours × columns."""

    begins: int
    demand: Floats


def whole_units(demand: Floats, discounts: Floats, level: float, unit: float) -> float:
    """The whole number of units, as spend, that costs least: one beside the best level, since cost is convex in it."""
    below = float(np.floor(level / unit + 1e-9))
    amounts = (below * unit, (below + 1) * unit)
    return max(amounts, key=lambda amount: (evaluate(demand, discounts, amount).saving, -amount))


def best_mix(windows: Sequence[Floats], choices: Sequence[Choice]) -> Floats:
    """Spend an hour of each choice, all at once: what costs least over the first window, of that no more than pays over the
    second, and so on.

    Of one instrument alone that is the lowest of the windows' best levels, since cost is convex; of several, each is given up
    only for what the next window shows not to pay beside the others.
    """
    amounts = np.array([choice.most for choice in choices])
    for demand in windows:
        if len(choices) == 1:
            amounts = np.array([min(amounts[0], _alone(demand, choices[0]))])
            continue
        bounded = [Choice(c.discounts, c.unit, float(most)) for c, most in zip(choices, amounts, strict=True)]
        whole = Stretch(0, demand)
        amounts = schedule([whole], bounded, max(1, len(demand) // 24))[:, 0]
        if len(demand) > _points([whole], bounded):
            amounts = improved(demand, bounded, amounts)
    return amounts


def improved(demand: Floats, choices: Sequence[Choice], amounts: Floats) -> Floats:
    """Amounts that cost no more on all hours, applied in the order of the choices: one choice at a time, a machine more or
    fewer, or money in ever smaller steps, as long as that pays."""
    found = np.asarray(amounts, dtype=np.float64).copy()
    lefts = _lefts(demand, choices, found)
    for _ in range(ROUNDS):
        before = found.copy()
        for k in reversed(range(len(choices))):
            found[k] = _stepped(lefts[k], choices[k:], found[k:])
        lefts = _lefts(demand, choices, found)
        if np.array_equal(before, found):
            break
    return found


def _lefts(demand: Floats, choices: Sequence[Choice], amounts: Floats) -> list[Floats]:
    """What is left before each choice."""
    lefts = [demand]
    for choice, amount in zip(choices[:-1], amounts, strict=False):
        lefts.append(lefts[-1] - choice.taken(lefts[-1], float(amount)))
    return lefts


def _stepped(demand: Floats, choices: Sequence[Choice], amounts: Floats) -> float:
    """The amount of the first of the choices, the others staying."""
    choice, amount = choices[0], float(amounts[0])
    step = choice.unit or FIRST_STEP * max(amount, 1.0)
    least = choice.unit or LAST_STEP * step
    best = _cost(demand, choices, [amount, *amounts[1:]])
    while step >= least:
        for trial in (amount + step, amount - step):
            if -1e-9 <= trial <= choice.most + 1e-9:
                cost = _cost(demand, choices, [trial, *amounts[1:]])
                if cost < best * (1 - 1e-12):
                    amount, best = max(0.0, trial), cost
                    break
        else:
            step /= 4
    return amount


def _cost(demand: Floats, choices: Sequence[Choice], amounts: Sequence[float]) -> float:
    """What a number of hours cost: the commitments, and what they leave."""
    left, paid = demand, 0.0
    for choice, amount in zip(choices, amounts, strict=True):
        if amount > 0:
            left = left - choice.taken(left, float(amount))
            paid += float(amount) * len(demand)
    return paid + float(left.sum())


def _alone(demand: Floats, choice: Choice) -> float:
    mine = choice.discounts > 0
    level = best_level(demand[:, mine], choice.discounts[mine])
    return whole_units(demand[:, mine], choice.discounts[mine], level, choice.unit) if choice.unit else level


def schedule(stretches: Sequence[Stretch], choices: Sequence[Choice], days: int, fixed: Floats | None = None) -> Floats:
    """What to buy at the beginning of each stretch, as one program: choices × stretches, spend an hour.

    Demand goes on as it is to the end of the last stretch, at `days`. A purchase holds to that end: usage that a commitment
    has left goes on as well, so that what follows the end is the same for all. Later purchases may cover no more than what
    becomes free when they begin.

    fixed  what is bought at the first beginning, where that is decided already
    """
    products = [Product(str(k), 1 - choice.discounts) for k, choice in enumerate(choices)]
    limits = np.column_stack([_limits(stretches, choice) for choice in choices]).T
    if fixed is not None:
        limits[:, 0] = fixed
    purchases = [
        Purchase(
            k,
            at,
            len(stretches),
            unit=choice.unit,
            most=_within(limits[k, at], choice.unit),
            least=_within(limits[k, 0], choice.unit) if fixed is not None and at == 0 else 0.0,
        )
        for k, choice in enumerate(choices)
        for at in range(len(stretches))
    ]
    plan = best_on(_curve(stretches, choices, days), _merged(products, choices), purchases)
    amounts = plan.amounts.reshape(len(choices), len(stretches))
    units = np.array([choice.unit or np.nan for choice in choices])[:, None]
    whole = np.rint(amounts / units) * units
    return np.where(np.isnan(whole), np.maximum(amounts, 0.0), whole)


def _within(amount: float, unit: float) -> float:
    """An amount in whole units, as an exact multiple of them."""
    return amount if not unit or not np.isfinite(amount) else float(np.floor(amount / unit + 1e-9)) * unit


def _limits(stretches: Sequence[Stretch], choice: Choice) -> list[float]:
    """Spend at the choice's rates on what is new in each stretch; in the first, its own limit."""
    found = [choice.most]
    for before, after in pairwise(stretches):
        new = np.maximum(after.demand.mean(axis=0) - before.demand.mean(axis=0), 0.0)
        found.append(float(np.where(choice.discounts > 0, new * (1 - choice.discounts), 0.0).sum()))
    return found


def _groups(choices: Sequence[Choice]) -> tuple[Floats, Floats]:
    """Columns on which every choice gives the same are one: their rates (group × choice), and columns × group."""
    discounts = np.column_stack([np.where(choice.discounts > 0, choice.discounts, -1.0) for choice in choices])
    rates, place = np.unique(discounts, axis=0, return_inverse=True)
    return np.where(rates > 0, 1 - rates, np.nan), np.eye(len(rates))[np.ravel(place)]


def _merged(products: Sequence[Product], choices: Sequence[Choice]) -> list[Product]:
    rates, _ = _groups(choices)
    return [Product(product.name, rates[:, k]) for k, product in enumerate(products)]


def _points(stretches: Sequence[Stretch], choices: Sequence[Choice]) -> int:
    """Hours of each stretch that the program can tell apart; with more, those of like demand become one point."""
    rates, _ = _groups(choices)
    most = WHOLE_VARIABLES if any(choice.unit for choice in choices) else VARIABLES
    return max(24, most // (len(stretches) * max(1, int((~np.isnan(rates)).sum()))))


def _curve(stretches: Sequence[Stretch], choices: Sequence[Choice], days: int) -> Curve:
    """All stretches as points; the periods are the stretches, and points weigh as many hours as they stand for."""
    _, columns = _groups(choices)
    ends = [*(s.begins for s in stretches[1:]), days]
    parts = [compress(s.demand @ columns, [], _points(stretches, choices)) for s in stretches]
    lengths = [max(0, end - s.begins) * 24 / len(s.demand) for s, end in zip(stretches, ends, strict=True)]
    return Curve(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.weights * length for part, length in zip(parts, lengths, strict=True)]),
        np.concatenate([np.full(len(part.weights), at) for at, part in enumerate(parts)]),
    )
