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

CREDITED = """
    coalesce(provider, '') as provider,
    currency,
    coalesce(billing_account_id, '') as billing_account,
    coalesce(account_id, billing_account_id, '') as account,
    coalesce(service, '') as service,
    cast(sum(-coalesce(promotional_credit, 0)) as decimal(38, 12)) as credits
"""
"""Columns of daily charges: where they are charged, and what promotional credits paid of them."""

PACE = f"""
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
            {CREDITED},
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
        group by all
    )
    select * from ahead
    inner join paying using (provider, currency)
    order by provider, currency, billing_account, account, service
"""
"""Usage of the last 30 days by service, account and who pays for it, as it is paid under agreements: sellers in a marketplace
are providers of their own; tax, support, purchases and corrections are no usage. `month` is the provider's as a whole, what a
plan's savings are taken off: at run rate, gross of promotional credits. `credits` is what these paid, `recent` what they could
pay: nothing that a commitment leaves unused."""


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
class Place:
    """Where usage is charged. An empty account or service: any."""

    provider: str
    account: str = ""
    service: str = ""

    def holds(self, other: Place) -> bool:
        """Whether the other is this place or in it."""
        mine, its = (self.account.lower(), self.service), (other.account.lower(), other.service)
        return self.provider == other.provider and all(a in ("", b) for a, b in zip(mine, its, strict=True))


@dataclass(frozen=True, slots=True)
class Yearly:
    """What a recommendation saves in twelve months, where, and what is paid once or early beside it (negative: a cost)."""

    place: Place
    year: Decimal
    once: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Promotion:
    """Credits that pay a share of what a billing account is charged in one place, up to a day that is not among them.

    name     the contract's, or the billing account's where none says until when: then `ends` is None
    usage    what they could pay of the last 30 days; `credits` is what they paid of it
    """

    name: str
    billing_account: str
    place: Place
    currency: str
    usage: Decimal
    credits: Decimal
    ends: date | None

    def paid(self, as_of: date) -> Decimal:
        """What of usage like that of these 30 days they pay over the next twelve months."""
        days = DAYS_A_YEAR if self.ends is None else min(DAYS_A_YEAR, max(0, (self.ends - as_of).days - 1))
        return min(self.usage, self.credits) * days / DAYS_A_YEAR


@dataclass(frozen=True, slots=True)
class Agreements:
    """The floors in force, and what credits pay of each place, without those that pay nothing where a provider has none."""

    floors: tuple[Floor, ...] = ()
    promotions: tuple[Promotion, ...] = ()

    def credited(self, place: Place, currency: str, as_of: date) -> Decimal:
        """The share of a place's next twelve months that credits pay; of a place without usage, that of what it is in."""
        for wider in (place, replace(place, service=""), Place(place.provider)):
            of = [p for p in self.promotions if p.currency == currency and wider.holds(p.place)]
            usage = sum((p.usage for p in of), ZERO)
            if usage > 0:
                return sum((p.paid(as_of) for p in of), ZERO) / usage
        return ZERO

    def cash(self, savings: Sequence[Yearly], currency: str, as_of: date) -> list[Decimal]:
        """What each saving leaves in the bank in twelve months, to the cent, so that they sum to what the floors leave."""
        left = [saving.year * (1 - self.credited(saving.place, currency, as_of)) for saving in savings]
        for floor in (f for f in self.floors if f.currency == currency):
            mine = [index for index, saving in enumerate(savings) if saving.place.provider == floor.provider]
            whole = sum((left[index] for index in mine), ZERO)
            if whole > floor.headroom:
                for index in mine:
                    left[index] *= floor.headroom / whole
        return [amount + cents(saving.once) for amount, saving in zip(_telescoped(left), savings, strict=True)]

    def floors_of(self, savings: Sequence[Yearly], currency: str, as_of: date) -> tuple[Floor, ...]:
        """The floors with what these savings take off what counts towards them."""
        sums: dict[str, Decimal] = {}
        for saving in savings:
            provider, left = saving.place.provider, saving.year * (1 - self.credited(saving.place, currency, as_of))
            sums[provider] = sums.get(provider, ZERO) + left
        return tuple(replace(f, saving=cents(sums.get(f.provider, ZERO))) for f in self.floors if f.currency == currency)

    def notes(self, currency: str) -> tuple[str, ...]:
        """Whose credits end on a day that nobody has told."""
        open_ended = {p.billing_account: p for p in self.promotions if p.currency == currency and p.credits > 0 and not p.ends}
        return tuple(
            f"promotional credits pay for {account or p.place.provider}, and nothing says until when: what they pay is no cash"
            f' (a row of contracts with {{"credits": true, "billing_account": …}} in eligible tells their end)'
            for account, p in sorted(open_ended.items())
        )


def agreements_of(contracts: Iterable[Mapping[str, Any]], pace: Iterable[Mapping[str, Any]], as_of: date) -> Agreements:
    """From the rows of `contracts` and of `PACE`.

    A row whose `eligible` has `credits` is a promotion, of the billing account, the accounts and the services that it names;
    of other rows `floor` is what a year obliges to, or the whole term where `eligible` says `per: term`. Credits on the bill
    that no row explains have no known end.
    """
    rows = list(pace)
    agreed: list[Mapping[str, Any]] = []
    granted: list[Mapping[str, Any]] = []
    for row in contracts:
        if not row["period_start"].date() <= as_of < row["period_end"].date():
            continue
        if "credits" in json_object(row.get("eligible")):
            granted.append(row)
        elif row["floor"] > 0:
            agreed.append(row)
    paid = {(row["provider"], row["currency"]) for row in rows if row["credits"] > 0}
    promotions = [_promotion(row, granted) for row in rows if (row["provider"], row["currency"]) in paid]
    credits = Agreements(promotions=tuple(promotions))
    months = {(row["provider"], row["currency"]): row["month"] for row in rows}
    floors = []
    for row in agreed:
        provider, currency = row["provider"], row["currency"]
        year = months.get((provider, currency), ZERO) * MONTH_PER_WINDOW * 12
        eligible = cents(year * (1 - credits.credited(Place(provider), currency, as_of)))
        floors.append(Floor(row["contract_id"], provider, currency, cents(_yearly(row)), eligible))
    return replace(credits, floors=tuple(floors))


def _promotion(row: Mapping[str, Any], granted: Iterable[Mapping[str, Any]]) -> Promotion:
    """What credits pay of a row of `PACE`, until the last of the promotions that are for it ends."""
    place = Place(row["provider"], row["account"], row["service"])
    known = max((c for c in granted if _grants(c, row)), key=lambda c: (c["period_end"], c["contract_id"]), default=None)
    ends = known["period_end"].date() if known else None
    name = known["contract_id"] if known else row["billing_account"]
    return Promotion(name, row["billing_account"], place, row["currency"], row["recent"], row["credits"], ends)


def _grants(contract: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a promotion is for the usage of a row of `PACE`. What `eligible` does not name is no condition."""
    asked = json_object(contract.get("eligible"))
    named = {
        "billing_account": [asked.get("billing_account")],
        "account": asked.get("accounts"),
        "service": asked.get("services"),
    }
    told = {column: {str(one).lower() for one in values or () if one} for column, values in named.items()}
    same = (contract["provider"], contract["currency"]) == (row["provider"], row["currency"])
    return same and all(not values or row[column].lower() in values for column, values in told.items())


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
