"""Commitments that are sold by what machines hold: an amount of money an hour as processors and memory."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from finops.commitment.lots import Bought


@dataclass(frozen=True, slots=True)
class Parts:
    """What a purchase holds: vCPU and GiB of memory, each a meter and a price of its own."""

    vcpu: float
    memory_gib: float

    def of(self, share: Decimal) -> Parts:
        """A slice of it, in whole units: what is short of one is not bought."""
        return Parts(*(float(np.floor(amount * float(share) + 1e-6)) for amount in (self.vcpu, self.memory_gib)))

    @property
    def words(self) -> str:
        return f"{self.vcpu:.0f} vCPU and {self.memory_gib:.0f} GiB"

    @property
    def named(self) -> tuple[tuple[str, int], ...]:
        return ("vcpu", int(self.vcpu)), ("memory_gib", int(self.memory_gib))


def parts_of(bought: Bought) -> Parts | None:
    """What the machines that a purchase covers hold, in the mix in which they run; None where it is sold as money, or the
    price list does not say what one of them holds.

    Each machine's share of the spend, over what one costs under the commitment, is how many of them are covered.
    """
    offer = bought.lot.offer
    if not offer.by_parts or not bought.spend:
        return None
    spent = bought.choice.taken(bought.left(), bought.spend) * (1 - np.nan_to_num(bought.choice.discounts))
    shares = spent.sum(axis=0) / max(1e-12, float(spent.sum()))
    vcpu = memory = 0.0
    for meter, share in zip(bought.columns, shares, strict=True):
        if share <= 0:
            continue
        if meter not in offer.holds:
            return None
        machines = float(share) * float(bought.amount) / offer.units[meter]
        vcpu, memory = vcpu + machines * offer.holds[meter][0], memory + machines * offer.holds[meter][1]
    return Parts(vcpu, memory)
