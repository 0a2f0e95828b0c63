"""What present commitments leave uncovered when they end, and what to buy on that day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np

from finops.commitment.estate import Estate
from finops.commitment.levels import Commitment, Floats, Meter
from finops.commitment.lots import STEP, Bought, Lot
from finops.commitment.mix import Choice, Stretch, schedule
from finops.commitment.offers import Offer
from finops.money import HOURS_PER_MONTH, cents
from finops.recommend import Context

AHEAD_DAYS = 365
"""How far ahead ends are planned for: the term of what is bought today."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """A commitment that ends within the year, and the on-demand cost an hour of what it covers, by meter."""

    commitment: Commitment
    ends: date
    freed: Mapping[Meter, float]


@dataclass(frozen=True, slots=True)
class Later:
    """One purchase on a later day: of what, how much (money an hour at list rates, or whole machines), and what it saves."""

    lot: Lot
    day: date
    amount: Decimal
    monthly: Decimal
    why: str

    def words(self, currency: str) -> str:
        unit = self.lot.meters[0].instance_type if self.lot.unit else f"{currency}/h"
        return (
            f"buy {self.amount} {unit} more on {self.day}, when {self.why} ends: {self.monthly:,} {currency} a month off what"
            " that usage would then cost, if it still runs"
        )


def lapses_of(context: Context, provider: str, renewed: Iterable[str]) -> list[Lapse]:
    """What ends within a year and is not renewed as it is, soonest first; with what it covers once the plan is carried out."""
    skip, found = frozenset(renewed), []
    freed: dict[str, dict[Meter, float]] = {}
    for line in context.bill.every_line():
        if line.provider == provider and line.commitment and line.category == "Usage" and line.instance_type:
            meter = Meter(provider, line.account, line.region, line.service, line.instance_type, line.operating_system)
            of_one = freed.setdefault(line.commitment, {})
            of_one[meter] = of_one.get(meter, 0.0) + float(line.on_demand) / float(HOURS_PER_MONTH)
    for key, commitment in context.bill.commitments.items():
        end = commitment.term_end
        if key in freed and key not in skip and end and 0 < (end - context.as_of).days <= AHEAD_DAYS:
            found.append(Lapse(commitment, end, freed[key]))
    return sorted(found, key=lambda lapse: (lapse.ends, lapse.commitment.id))


def later_lots(offers: Sequence[Offer], lots: Sequence[Lot], paid: float) -> list[Lot]:
    """What may be bought for what becomes free: plans across machines, and the locks that pass their gates today."""
    found = []
    for offer in offers:
        for key, meters in offer.groups().items():
            passed = next((lot for lot in lots if (lot.offer.label, lot.key) == (offer.label, key)), None)
            if passed is not None:
                found.append(replace(passed, offer=offer, meters=tuple(meters)))
            elif not offer.locks:
                unit = offer.units[meters[0]] * paid if offer.whole else 0.0
                found.append(Lot(offer, key, tuple(meters), unit, 0.0, 0.0, 1.0, None, None, (), 0, 0))
    return found


def later(lots: Sequence[Lot], bought: Sequence[Bought], lapses: Sequence[Lapse], estate: Estate, least: float) -> list[Later]:
    """The purchases at the ends of present commitments, all start dates in one program, on what today's purchases leave.

    least  saving a month that is worth a purchase
    """
    columns = tuple(dict.fromkeys(meter for lot in lots for meter in lot.meters))
    if not lapses or not columns:
        return []
    ordered = sorted(lots, key=lambda lot: (not lot.offer.locks, len(lot.meters), lot.name))
    left = _left(columns, bought, estate)
    stretches = [Stretch(0, left)]
    ends: list[list[Lapse]] = []
    for lapse in lapses:
        extra = np.array([lapse.freed.get(meter, 0.0) for meter in columns])
        if not extra.any():
            continue
        begins = (lapse.ends - estate.context.as_of).days
        if stretches[-1].begins == begins:
            stretches[-1], ends[-1] = Stretch(begins, stretches[-1].demand + extra), [*ends[-1], lapse]
        else:
            stretches.append(Stretch(begins, stretches[-1].demand + extra))
            ends.append([lapse])
    if not ends:
        return []
    choices = [replace(lot.choice(columns), most=0.0) for lot in ordered]
    days = max(AHEAD_DAYS, stretches[-1].begins + 1)
    amounts = schedule(stretches, choices, days, fixed=np.zeros(len(choices)))
    found = []
    for at, lapsed in enumerate(ends, 1):
        worth = _worth(stretches[at].demand, choices, amounts[:, : at + 1])
        for k, lot in enumerate(ordered):
            made = _ordered(lot, amounts[k, at], worth[k], lapsed, estate)
            if made is not None and made.monthly >= Decimal(str(least)):
                found.append(made)
    return found


def _ordered(lot: Lot, spend: float, worth: float, lapsed: Sequence[Lapse], estate: Estate) -> Later | None:
    """None where it is nothing once it is in steps of what is sold."""
    paid = estate.paid.get(lot.offer.provider, 1.0)
    amount = Decimal(round(spend / lot.unit)) if lot.unit else Decimal(repr(float(spend) / paid)).quantize(STEP)
    names = " and ".join(f"{one.commitment.instrument} {_short(one.commitment.id)}" for one in lapsed)
    return (
        Later(lot, lapsed[0].ends, amount, cents(Decimal(repr(float(worth))) * HOURS_PER_MONTH), names) if amount > 0 else None
    )


def _short(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _left(columns: Sequence[Meter], bought: Sequence[Bought], estate: Estate) -> Floats:
    """Hours × columns that nothing covers once today's purchases are made."""
    hours = max((len(series) for series in estate.demand.values()), default=720)
    left = {meter: estate.demand.get(meter, np.zeros(hours)) for meter in columns}
    for one in bought:
        rest = one.left() - one.choice.taken(one.left(), one.spend)
        left |= {meter: rest[:, place] for place, meter in enumerate(one.columns) if meter in left}
    length = min(len(series) for series in left.values())
    return np.column_stack([left[meter][-length:] for meter in columns])


def _worth(demand: Floats, choices: Sequence[Choice], amounts: Floats) -> list[float]:
    """What each choice's last purchase saves an hour: with it, less without it, in the order in which bills apply them."""
    found = []
    for k in range(len(choices)):
        without = amounts.sum(axis=1)
        whole = _saving(demand, choices, without)
        without[k] -= amounts[k, -1]
        found.append(whole - _saving(demand, choices, without))
    return found


def _saving(demand: Floats, choices: Sequence[Choice], spends: Floats) -> float:
    left, saved = demand, 0.0
    for choice, spend in zip(choices, spends, strict=True):
        taken = choice.taken(left, float(spend))
        left = left - taken
        saved += float(taken.sum()) / max(1, len(demand)) - float(spend)
    return saved
