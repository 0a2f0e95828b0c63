"""What a saving leaves in the bank: negotiated floors that are paid in any case, promotional credits that pay for a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from finops.money import MONTH_PER_WINDOW, cents
from finops.pricing import json_object

ZERO = Decimal(0)
DAYS_A_YEAR = 365

PACE = """
    with ahead as (
        select
            provider,
            currency,
            cast(sum(cost * run_rate) as decimal(38, 12)) as month
        from bill_month($as_of)
        where charge_category = 'Usage' and charge_class = ''
        group by provider, currency
    ),
    paying as (
        select
            coalesce(provider, '') as provider,
            currency,
            cast(sum(-coalesce(promotional_credit, 0)) as decimal(38, 12)) as credits,
            cast(
                sum(
                    case
                        when coalesce(commitment_status, 'Used') = 'Used'
                            then effective_cost - coalesce(promotional_credit, 0)
                        else 0
                    end
                ) as decimal(38, 12)
            ) as recent
        from resource_daily
        where
            charge_category = 'Usage' and coalesce(charge_class, '') = '' and charge_date <= $as_of::date
            and charge_date > $as_of::date - 30
        group by coalesce(provider, ''), currency
    )
    select * from ahead
    inner join paying using (provider, currency)
"""
"""Usage of the last 30 days by provider, as it is paid under agreements: sellers in a marketplace are providers of their own;
tax, support, purchases and corrections are no usage. `month` is what a plan's savings are taken off: at run rate, gross of
promotional credits. `credits` is what these paid, `recent` what they could pay: nothing that a commitment leaves unused."""


@dataclass(frozen=True, slots=True)
class Floor:
    """An agreement to spend so much a year. Amounts of the twelve months ahead, without what promotional credits pay of them.

    eligible  what is spent of what counts if all goes on as it does: at the run rate, as the saving is
    saving    what the plan takes off it; `cash` of that leaves the bank less, the shortfall is paid all the same
    """

    contract: str
    provider: str
    currency: str
    floor: Decimal
    eligible: Decimal
    saving: Decimal = ZERO

    @property
    def headroom(self) -> Decimal:
        return max(ZERO, self.eligible - self.floor)

    @property
    def deficit(self) -> Decimal:
        """What is paid for nothing already, before any plan."""
        return max(ZERO, self.floor - self.eligible)

    @property
    def cash(self) -> Decimal:
        return min(self.saving, self.headroom)

    @property
    def shortfall(self) -> Decimal:
        return self.saving - self.cash


@dataclass(frozen=True, slots=True)
class Promotion:
    """Credits that pay a share of a provider's usage up to a day, which is not among them; None: nobody says until when."""

    name: str
    provider: str
    currency: str
    share: Decimal
    ends: date | None

    def paid(self, as_of: date) -> Decimal:
        """The share of the next twelve months' usage that the credits pay."""
        days = DAYS_A_YEAR if self.ends is None else min(DAYS_A_YEAR, max(0, (self.ends - as_of).days - 1))
        return self.share * days / DAYS_A_YEAR


@dataclass(frozen=True, slots=True)
class Agreements:
    """The floors and credits in force."""

    floors: tuple[Floor, ...] = ()
    promotions: tuple[Promotion, ...] = ()

    def cash(self, savings: Sequence[tuple[str, Decimal, Decimal]], currency: str, as_of: date) -> list[Decimal]:
        """What each saving leaves in the bank in twelve months, to the cent, so that they sum to what the floors leave.

        savings  provider who charges it, twelve months' saving, and what is paid once or early beside it (negative: a cost)
        """
        left = [year * (1 - credited(self.promotions, provider, currency, as_of)) for provider, year, _ in savings]
        for floor in (f for f in self.floors if f.currency == currency):
            mine = [index for index, (provider, _, _) in enumerate(savings) if provider == floor.provider]
            whole = sum((left[index] for index in mine), ZERO)
            if whole > floor.headroom:
                for index in mine:
                    left[index] *= floor.headroom / whole
        return [amount + cents(once) for amount, (_, _, once) in zip(_telescoped(left), savings, strict=True)]

    def floors_of(self, savings: Sequence[tuple[str, Decimal, Decimal]], currency: str, as_of: date) -> tuple[Floor, ...]:
        """The floors with what these savings take off what counts towards them."""
        sums: dict[str, Decimal] = {}
        for provider, year, _ in savings:
            sums[provider] = sums.get(provider, ZERO) + year * (1 - credited(self.promotions, provider, currency, as_of))
        return tuple(replace(f, saving=cents(sums.get(f.provider, ZERO))) for f in self.floors if f.currency == currency)


def credited(promotions: Iterable[Promotion], provider: str, currency: str, as_of: date) -> Decimal:
    """The share of the next twelve months' usage that all credits of a provider pay."""
    paid = (p.paid(as_of) for p in promotions if (p.provider, p.currency) == (provider, currency))
    return min(Decimal(1), sum(paid, ZERO))


def agreements_of(contracts: Iterable[Mapping[str, Any]], pace: Iterable[Mapping[str, Any]], as_of: date) -> Agreements:
    """From the rows of `contracts` and of `PACE`.

    A row whose `eligible` has `credits` is a promotion; of other rows `floor` is what a year obliges to, or the whole term
    where `eligible` says `per: term`. Credits on the bill that no row explains have no known end.
    """
    paid = {(row["provider"], row["currency"]): row for row in pace}
    agreed: list[Mapping[str, Any]] = []
    ends: dict[tuple[str, str], tuple[str, date]] = {}
    for row in contracts:
        if not row["period_start"].date() <= as_of < row["period_end"].date():
            continue
        if "credits" in json_object(row.get("eligible")):
            ends[row["provider"], row["currency"]] = (row["contract_id"], row["period_end"].date())
        elif row["floor"] > 0:
            agreed.append(row)
    promotions = []
    for key, row in paid.items():
        if row["credits"] > 0 and row["recent"] > 0:
            name, end = ends.get(key, ("", None))
            promotions.append(Promotion(name, *key, min(Decimal(1), row["credits"] / row["recent"]), end))
    floors = []
    for row in agreed:
        key = (row["provider"], row["currency"])
        year = paid[key]["month"] * MONTH_PER_WINDOW * 12 if key in paid else ZERO
        eligible = cents(year * (1 - credited(promotions, *key, as_of)))
        floors.append(Floor(row["contract_id"], *key, cents(_yearly(row)), eligible))
    return Agreements(tuple(floors), tuple(promotions))


def _yearly(row: Mapping[str, Any]) -> Decimal:
    """A year's part of a floor that is agreed for the whole term (`per: term`); else the floor."""
    floor: Decimal = row["floor"]
    days = (row["period_end"] - row["period_start"]).days
    return floor * DAYS_A_YEAR / days if json_object(row.get("eligible")).get("per") == "term" and days > 0 else floor


def _telescoped(amounts: Sequence[Decimal]) -> list[Decimal]:
    """Whole cents whose sums are the rounded sums."""
    result, running = [], ZERO
    for amount in amounts:
        result.append(cents(running + amount) - cents(running))
        running += amount
    return result
