"""The providers' published examples, priced by the rater with the providers' rules as the connectors' data has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from finops.bill.rating import Holding, PricedMeter, Rated, rate, rule_of
from finops.commitment.levels import Commitment
from finops.precedence import rules, tiers


@dataclass(frozen=True)
class Bought:
    """A commitment at an amount an hour, and what it is paid for a unit of a meter; None where it has no price for it."""

    commitment: Commitment
    hourly: float
    rate: Callable[[PricedMeter], float | None]


def rated(used: Mapping[PricedMeter, Sequence[float]], bought: Sequence[Bought]) -> Rated:
    """The bill of these hours of each meter."""
    meters = tuple(used)
    holdings = []
    for each in bought:
        rates = {index: price for index, meter in enumerate(meters) if (price := each.rate(meter)) is not None}
        holdings.append(Holding(each.commitment, rule_of(each.commitment, "", rules()), each.hourly, rates))
    return rate(np.array([used[meter] for meter in meters]).T, meters, holdings, tiers())


def covered(bill: Rated) -> dict[tuple[int, int], float]:
    """(commitment, meter) → quantity, of whatever is covered."""
    return {(part.holding, part.meter): part.quantity for part in bill.covered if part.quantity > 1e-9}
