"""What price lists sell as commitments: instruments, terms and payments, with their discount on each meter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from finops.commitment.levels import Meter
from finops.money import HOURS_PER_MONTH
from finops.pricing import Price, PriceBook, PriceKey


@dataclass(frozen=True, slots=True)
class Offer:
    """One instrument with the discount that it gives on each meter it covers (others are absent).

    upfront  the share of its price that is paid on the first day
    """

    provider: str
    instrument: str
    term: str
    payment: str
    discounts: Mapping[Meter, float]
    upfront: float = 0.0

    @property
    def label(self) -> str:
        return f"{self.instrument}/{self.term}/{self.payment or 'none'}"

    @property
    def months(self) -> int:
        return term_months(self.term)

    @property
    def locks(self) -> bool:
        """Whether it holds for one family or machine only: such plans lose money when a fleet changes its hardware."""
        return any(word in self.instrument for word in ("family", "reservation", "resource", "capacity"))

    def groups(self) -> dict[str, list[Meter]]:
        """The meters that one purchase covers together: all, or those of one place and family (or machine)."""
        found: dict[str, list[Meter]] = {}
        for meter in self.discounts:
            what = meter.family if "family" in self.instrument or "resource" in self.instrument else meter.instance_type
            key = f"{what} {meter.operating_system} in {meter.region}".replace("  ", " ") if self.locks else ""
            found.setdefault(key, []).append(meter)
        return found


def term_months(term: str) -> int:
    """Months of `1m`, `1y`, `3y`; 0 for what is no term."""
    match = re.fullmatch(r"(\d+)([my])", term)
    return int(match[1]) * (12 if match[2] == "y" else 1) if match else 0


def offers(
    prices: Sequence[Price], meters: Mapping[Meter, float], book: PriceBook, at: datetime, *, longest: int, capital: float
) -> list[Offer]:
    """What is sold for these meters (each with what automatic discounts leave of its price), broadest first.

    longest  months of the longest term considered
    capital  what a year of prepaying costs, as a share of the amount
    """
    kinds = sorted({(p.key.provider, p.key.instrument or "", p.key.term or "", p.key.payment or "") for p in prices})
    found = []
    for provider, instrument, term, payment in kinds:
        rows = [
            p
            for p in prices
            if (p.key.provider, p.key.instrument, p.key.term, p.key.payment or "") == (provider, instrument, term, payment)
        ]
        if not 0 < term_months(term) <= longest:
            continue
        discounts, prepaid = _discounts(rows, meters, book, at, capital)
        if discounts:
            found.append(Offer(provider, instrument, term, payment, discounts, prepaid))
    return sorted(found, key=lambda o: (o.locks, -len(o.discounts), o.instrument))


def _discounts(
    rows: Sequence[Price], meters: Mapping[Meter, float], book: PriceBook, at: datetime, capital: float
) -> tuple[dict[Meter, float], float]:
    """The discount of the instrument on what each meter pays, from two rows of one price list, its own and the on-demand one;
    and the prepaid share of its price.

    Automatic discounts end where a commitment begins; a plan that gives less than they do is below zero.
    """
    found: dict[Meter, float] = {}
    prepaid = 0.0
    for meter, kept in meters.items():
        system = meter.operating_system or None
        for row in rows:
            key = row.key
            if (key.provider, key.sku, key.region) != (meter.provider, meter.instance_type, meter.region):
                continue
            if system and key.operating_system not in ("", system):
                continue
            usual = book.price(
                PriceKey(key.provider, key.region, key.product, key.sku, system, key.license, key.tenancy, key.deployment,
                         payment="", instrument=""), at
            )  # fmt: skip
            if usual is None or usual.currency != row.currency:
                continue
            months = term_months(key.term or "")
            early = float(row.upfront) / (months * float(HOURS_PER_MONTH))
            whole = float(row.amount) + early * (1 + capital * months / 24)
            if 0 < whole < float(usual.amount):
                found[meter] = round(1 - whole / float(usual.amount) / kept, 12)
                prepaid = max(prepaid, early / (float(row.amount) + early))
    return found, prepaid
