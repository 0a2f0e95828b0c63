"""What may be bought and what is: each lot by itself within its risk, then the lots that share usage as one mix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from finops.commitment.estate import Estate
from finops.commitment.levels import Floats, Level, Meter, best_level, evaluate
from finops.commitment.mix import Choice, best_mix, whole_units
from finops.commitment.offers import Offer
from finops.commitment.policy import BROAD, NARROW, Outlook, outlook, siblings, times_smaller
from finops.commitment.risk import Risk, frontier, risk_of, safe_share
from finops.money import HOURS_PER_MONTH

LADDER_DAYS = 365
"""Terms from this length on are bought in slices: a shorter one ends about when its last slice would begin."""

STEP = Decimal("0.001")
"""Providers sell commitments in thousandths of the currency per hour."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds of the recommender that sizing needs; its fields say what they mean."""

    short_hours: int
    long_hours: int
    slices: int
    min_saving: float
    loss_chance: float
    lock_loss_chance: float


@dataclass(frozen=True, slots=True)
class Lot:
    """An offer for one group of meters, sized by itself. Amounts are spend an hour at what the account pays.

    unit   one whole machine; 0: any amount
    most   the best level of the hours seen, as far as its risk allows
    alone  what that saves an hour, with nothing else bought
    share  of the best level that the risk allows
    first  the risk of the first slice alone: later ones are bought only while the usage is there
    days   days of history that the risk is known from
    seen   days of the bill that the term's level stands on
    """

    offer: Offer
    key: str
    meters: tuple[Meter, ...]
    unit: float
    most: float
    alone: float
    share: float
    risk: Risk | None
    first: Risk | None
    frontier: tuple[Risk, ...]
    days: int
    seen: int

    @property
    def name(self) -> str:
        return f"{self.offer.label} {self.key}".strip()

    @property
    def term_days(self) -> int:
        return self.offer.days

    def choice(self, columns: Sequence[Meter]) -> Choice:
        """The lot as a choice on these meters."""
        mine = set(self.meters)
        discounts = np.array([self.offer.discounts[m] if m in mine else np.nan for m in columns])
        return Choice(discounts, self.unit, self.most)


@dataclass(frozen=True, slots=True)
class Bought:
    """One purchase of a mix, in the order in which bills apply them.

    amount   what is ordered: money an hour at list rates, or whole machines
    spend    what that costs an hour, as the account pays
    columns  the meters of the whole mix
    hours    hours × columns: their demand before any purchase
    earlier  what bills apply before it
    """

    lot: Lot
    amount: Decimal
    spend: float
    columns: tuple[Meter, ...]
    hours: Floats
    earlier: tuple[tuple[Choice, float], ...]

    @property
    def choice(self) -> Choice:
        return self.lot.choice(self.columns)

    def left(self, cut: float = 0.0) -> Floats:
        """What the purchases before leave for it; `cut`: with so much less use."""
        left = self.hours * (1 - cut)
        for choice, spend in self.earlier:
            left = left - choice.taken(left, spend)
        return np.asarray(left)

    def level(self, cut: float = 0.0) -> Level:
        """What it does to the hours seen."""
        taken = self.choice.taken(left := self.left(cut), self.spend)
        hours = max(1, len(left))
        used = float((taken * np.where(taken > 0, 1 - self.choice.discounts, 0.0)).sum()) / hours
        return Level(self.spend, float(taken.sum()) / hours - self.spend, used / self.spend if self.spend else 0.0)


def sized(offer: Offer, key: str, meters: Sequence[Meter], estate: Estate, limits: Limits, broad: Mapping[Meter, float]) -> Lot:
    """The exact optimum of the hours seen, or as much of it as the chance of a loss over the term allows.

    broad  of a lock: what plans across machines give on each meter; it stands against that
    """
    hourly = np.column_stack([estate.demand[meter] for meter in meters])
    discounts = np.array([offer.discounts[meter] for meter in meters])
    instead = np.array([broad.get(meter, 0.0) if offer.locks else 0.0 for meter in meters])
    extra = 1 - (1 - discounts) / (1 - instead)
    rate = float((1 - discounts).mean() / (1 - extra).mean()) if offer.locks else 1.0
    unit = offer.units[meters[0]] * estate.paid[offer.provider] if offer.whole else 0.0
    term, rates = estate.term(meters, extra, offer.days, moving=not offer.locks)
    windows = [(hourly[-hours:], extra) for hours in (limits.short_hours, limits.long_hours)]
    best = min(_best(demand, gives, unit / rate) for demand, gives in (*windows, (term, rates)))
    covered = best / max(1e-9, float(1 - extra.mean()))
    long = hourly[-limits.long_hours :]
    off = float(extra @ long.mean(axis=0) / max(1e-9, float(long.mean(axis=0).sum())))
    past = estate.past(meters, moving=not offer.locks)
    view = _term(offer, meters, past, estate)
    share = safe_share(view, covered, off, limits.lock_loss_chance if offer.locks else limits.loss_chance)
    most = best * rate * share
    most = float(np.floor(most / unit + 1e-9)) * unit if unit else most
    return Lot(
        offer=offer,
        key=key,
        meters=tuple(meters),
        unit=unit,
        most=most,
        alone=evaluate(long, discounts, most).saving,
        share=share,
        risk=risk_of(view, covered * (share or 1.0), off),
        first=risk_of(view, covered * (share or 1.0) / slices_of_term(offer, limits), off),
        frontier=frontier(view, covered, off),
        days=len(past),
        seen=len(term),
    )


def _term(offer: Offer, meters: Sequence[Meter], past: Floats, estate: Estate) -> Outlook:
    """What the term may bring. A lock is as small as its family is among those of its service that could do its work."""
    years = min(1.0, offer.days / 365)
    if not offer.locks:
        return outlook(past, 1, BROAD, years=years)
    kin = siblings(list(estate.families(offer.provider).values()), NARROW)
    rivals = estate.rivals(meters[0])
    smaller = times_smaller(rivals.get(meters[0].family, np.zeros(0)), list(rivals.values()))
    return outlook(past, 1, NARROW, kin, years, smaller)


def slices_of_term(offer: Offer, limits: Limits) -> int:
    """How many purchases an amount is staggered over: one of terms shorter than a year, which would end as the last begins."""
    return limits.slices if offer.days >= LADDER_DAYS else 1


def _best(demand: Floats, discounts: Floats, unit: float) -> float:
    level = best_level(demand, discounts)
    return whole_units(demand, discounts, level, unit) if unit and demand.size else level


def pools(lots: Sequence[Lot]) -> list[list[Lot]]:
    """The lots that compete for usage with one another."""
    found: list[list[Lot]] = []
    for lot in lots:
        mine = [pool for pool in found if any({*lot.meters} & {*other.meters} for other in pool)]
        joined = [other for pool in mine for other in pool]
        found = [pool for pool in found if pool not in mine]
        found.append([*joined, lot])
    return found


def mixed(pool: Sequence[Lot], estate: Estate, limits: Limits) -> list[Bought]:
    """What to buy of the lots of one pool, all at once, in the order in which bills apply it: locks, the narrower first.

    A purchase that beside the others saves less than the least that is worth one is left out, and the rest is asked anew.
    """
    lots = sorted(pool, key=lambda one: (not one.offer.locks, len(one.meters), one.name))
    columns = tuple(dict.fromkeys(meter for lot in lots for meter in lot.meters))
    hours = np.column_stack([estate.demand[meter] for meter in columns])[-limits.long_hours :]
    while lots:
        found = _ordered(lots, _amounts(lots, columns, estate, limits), columns, hours, estate)
        poor = [one for one in found if one.level().saving * float(HOURS_PER_MONTH) < limits.min_saving]
        if not poor:
            return found
        least = min(poor, key=lambda one: one.level().saving)
        lots = [lot for lot in lots if lot is not least.lot]
    return []


def _amounts(lots: Sequence[Lot], columns: Sequence[Meter], estate: Estate, limits: Limits) -> Floats:
    if len(lots) == 1:
        return np.array([lots[0].most])
    choices = [lot.choice(columns) for lot in lots]
    deepest = np.array([max(lot.offer.discounts[m] for lot in lots if m in lot.meters) for m in columns])
    hourly = np.column_stack([estate.demand[meter] for meter in columns])
    longest = max(lot.offer.days for lot in lots)
    term, _ = estate.term(columns, deepest, longest, moving=any(not lot.offer.locks for lot in lots))
    moved = term.shape[1] > len(columns)  # machines of before, which only what is not locked would have covered
    over_term = [_with_moved(choice, lot, hourly) if moved else choice for choice, lot in zip(choices, lots, strict=True)]
    within = best_mix([term], over_term) if term.size else np.array([lot.most for lot in lots])
    capped = [replace(choice, most=float(most)) for choice, most in zip(choices, within, strict=True)]
    return best_mix([hourly[-limits.long_hours :], hourly[-limits.short_hours :]], capped)


def _with_moved(choice: Choice, lot: Lot, hourly: Floats) -> Choice:
    """The choice with a column for machines that came before these, at its mean discount."""
    mine, levels = choice.discounts > 0, hourly.mean(axis=0)
    mean = float(choice.discounts[mine] @ levels[mine] / max(1e-9, levels[mine].sum()))
    return replace(choice, discounts=np.append(choice.discounts, np.nan if lot.offer.locks else mean))


def _ordered(lots: Sequence[Lot], amounts: Floats, columns: tuple[Meter, ...], hours: Floats, estate: Estate) -> list[Bought]:
    """What is bought of it, in whole steps of what is sold."""
    found: list[Bought] = []
    for lot, spend in zip(lots, amounts, strict=True):
        paid = estate.paid[lot.offer.provider]
        if lot.unit:
            amount = Decimal(round(spend / lot.unit))
            spent = float(amount) * lot.unit
        else:
            # plans are sold at list rates; what the account has negotiated comes off their bill too
            amount = Decimal(repr(float(spend) / paid)).quantize(STEP)
            spent = float(amount) * paid
        if amount > 0:
            earlier = tuple((one.choice, one.spend) for one in found)
            found.append(Bought(lot, amount, spent, columns, hours, earlier))
    return found
