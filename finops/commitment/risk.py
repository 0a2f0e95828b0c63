"""What a commitment risks: the chance of a loss, the worst twentieth, and what less or more of it would bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finops.commitment.policy import Outlook

Floats = NDArray[np.float64]

TWENTIETH = 0.05
"""The tail that is shown: one case in 20, the lower end of a 90 % interval."""

FRONTIER = (0.25, 0.5, 0.75, 1.0, 1.25)
"""The shares of a level whose risks are shown."""

GROWING = 1.2
"""A younger family whose last four weeks are a fifth above the four before is taking over."""


@dataclass(frozen=True, slots=True)
class Risk:
    """A level of on-demand cost an hour, covered for a year; amounts an hour, on average over it.

    loss_chance  the probability that the commitment costs more than it displaces
    worst        the saving that nineteen of twenty outcomes exceed
    tail         CVaR95: the mean saving of the twentieth below it, negative for a loss
    """

    level: float
    expected: float
    loss_chance: float
    worst: float
    tail: float


def risk_of(view: Outlook, level: float, discount: float) -> Risk | None:
    """None where the outlook has no scenarios: too little history."""
    if not view.scenarios:
        return None
    amounts, weights = view.savings(level, discount)
    order = np.argsort(amounts)
    amounts, weights = amounts[order], weights[order] / weights.sum()
    reached = np.cumsum(weights)
    worst = np.clip(TWENTIETH - reached + weights, 0, weights)
    return Risk(
        level,
        float(amounts @ weights),
        float(weights[amounts < -1e-9 * level].sum()),
        float(amounts[int(np.searchsorted(reached, TWENTIETH, side="right"))]),
        float(amounts @ worst / worst.sum()),
    )


def safe_share(view: Outlook, level: float, discount: float, limit: float) -> float:
    """The largest share of a level, in twentieths, whose chance of a loss is at most the limit; 1 where nothing is known."""
    for twentieths in range(20, 0, -1):
        risk = risk_of(view, level * twentieths / 20, discount)
        if risk is None or risk.loss_chance <= limit:
            return twentieths / 20
    return 0.0


def frontier(view: Outlook, level: float, discount: float) -> tuple[Risk, ...]:
    """The risk at the shares FRONTIER of a level."""
    found = (risk_of(view, level * share, discount) for share in FRONTIER)
    return tuple(risk for risk in found if risk is not None)


def successor(families: Mapping[str, Floats], own: str) -> str | None:
    """The younger family that grows beside `own`, by name; None where there is none. `families`: daily levels up to now."""
    begun = {name: int(np.argmax(days > 0)) for name, days in families.items() if days.any()}
    for name, first in sorted(begun.items()):
        days = families[name]
        late, early = float(days[-28:].mean()), float(days[-56:-28].mean())
        if name != own and first > begun.get(own, 0) and late > GROWING * early and late > 0:
            return name
    return None
