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
"""The same with whole machines: 3 s of 15 families whose hours all differ, where 20,000 take 11 s and save a point more."""


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
        amounts = schedule([Stretch(0, demand)], bounded, max(1, len(demand) // 24))[:, 0]
    return amounts


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


def _curve(stretches: Sequence[Stretch], choices: Sequence[Choice], days: int) -> Curve:
    """All stretches as points; the periods are the stretches, and points weigh as many hours as they stand for."""
    rates, columns = _groups(choices)
    ends = [*(s.begins for s in stretches[1:]), days]
    most = WHOLE_VARIABLES if any(choice.unit for choice in choices) else VARIABLES
    bins = max(24, most // (len(stretches) * max(1, int((~np.isnan(rates)).sum()))))
    parts = [compress(s.demand @ columns, [], bins) for s in stretches]
    lengths = [max(0, end - s.begins) * 24 / len(s.demand) for s, end in zip(stretches, ends, strict=True)]
    return Curve(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.weights * length for part, length in zip(parts, lengths, strict=True)]),
        np.concatenate([np.full(len(part.weights), at) for at, part in enumerate(parts)]),
    )
