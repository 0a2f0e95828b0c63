"""Rates usage as providers do: commitments hour by hour in their order of application, then discounts for sustained use.

What differs between providers is data (`connectors/<cloud>/data/commitment_rules.csv`, `use_discounts.csv`): which
instrument goes first, which services it covers, whether it stretches over sizes, which usage it takes first.

A commitment is an amount per hour in currency, and a rate for a unit of each meter that it may cover. That is what spend
commitments are sold as; a usage commitment is the same with its cost per hour as the amount, and its cost per normalized
unit times the size as the rate. What an hour does not use is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import Literal, TypeAlias, get_args

import numpy as np

from finops.commitment.levels import Commitment, Floats, Meter, Usage, family

Order: TypeAlias = Literal["smallest", "discount"]

Precedence: TypeAlias = Literal["owner", "scope", "term"]
"""The owner's usage first, the narrower scope first, the longer term first."""

PRECEDENCES: tuple[Precedence, ...] = get_args(Precedence)


@dataclass(frozen=True, slots=True)
class PricedMeter(Meter):
    """A meter at one price for a unit of it without commitments, where it runs, and the billing account that pays for it."""

    price: float
    zone: str = ""
    payer: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one instrument applies.

    when          a key that the scope has (`zone`); '' for every other commitment of the instrument
    stage         lower goes first; what is left of a stage's usage goes to the next
    services      that it may cover; empty: whatever its scope admits
    order         of usage: smallest machine first, or highest discount first and then the lower rate
    before        what goes before that order; the other precedences decide where it does not
    excludes      machine families that it covers in the very size only
    rigid         words of operating systems of which the same holds; `all`: of every one
    groups        (pattern of machine names, the group of sizes it stretches over), first match; else a family is one
    lower         where a price on demand is lower than its rate, that is what it is paid
    types         words by which bills call it, where no table of commitments says what it is
    """

    provider: str
    instrument: str
    when: str
    stage: int
    services: frozenset[str]
    order: Order
    excludes: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    rigid: frozenset[str] = frozenset()
    before: tuple[Precedence, ...] = ("owner",)
    groups: tuple[tuple[str, str], ...] = ()
    lower: bool = False

    def admits(self, commitment: Commitment, meter: PricedMeter) -> bool:
        """Whether the commitment may cover the meter."""
        return (
            (not self.services or meter.service in self.services)
            and (not self.when or meter.zone == commitment.scope.get(self.when))
            and self.reaches(commitment, meter)
        )

    def reaches(self, commitment: Commitment, usage: Usage) -> bool:
        """Whether the commitment's scope admits the usage, over the sizes that the provider stretches it over, whatever a
        scope says of them."""
        system = usage.operating_system.lower()
        rigid = "all" in self.rigid or any(word in system for word in self.rigid)
        bound = rigid or family(usage.instance_type) in self.excludes
        stretches = not bound or commitment.scope.get("sku") in (None, "", usage.instance_type)
        return stretches and commitment.covers(usage, self.group)

    def group(self, machine: str) -> str:
        """The group of sizes of a machine name."""
        return _group(machine, self.groups)


@cache
def _group(machine: str, groups: tuple[tuple[str, str], ...]) -> str:
    found = ((match, group) for pattern, group in groups if (match := re.fullmatch(pattern, machine)))
    return next((match.expand(group) for match, group in found), family(machine))


@dataclass(frozen=True, slots=True)
class Holding:
    """A commitment with what it is worth in each hour, and what a unit of each meter takes of it.

    hourly  hours, or one number for all: currency per hour, amortised, whether used or not
    rates   index of a meter → currency per unit; meters without a rate are not covered
    seen    meters that a bill shows it to cover, whatever rule and scope say
    payers  billing accounts that are charged for it, on which it is shared; empty: nobody knows
    """

    commitment: Commitment
    rule: Rule
    hourly: Floats | float
    rates: Mapping[int, float]
    seen: frozenset[int] = frozenset()
    payers: frozenset[str] = frozenset()

    def rate(self, index: int, meter: PricedMeter) -> float:
        """What is paid for a unit of the meter at this index."""
        own = self.rates[index]
        return min(own, meter.price) if self.rule.lower and meter.price > 0 else own


def is_shared_with(payers: frozenset[str], payer: str) -> bool:
    """Whether a commitment that these are charged for may cover what another is: providers share within one billing account.
    What is not known restricts nothing."""
    return not payers or not payer or payer in payers


@dataclass(frozen=True, slots=True)
class Tiers:
    """An automatic discount that grows with the share of the month that something runs.

    services  those whose machines have it; the same families cost their price in others
    steps     (share of the month up to which it holds, share of the price that is paid), rising
    """

    services: frozenset[str]
    families: frozenset[str]
    steps: tuple[tuple[float, float], ...]

    def admits(self, service: str, machine: str) -> bool:
        return service in self.services and family(machine) in self.families

    def paid(self, share: Floats) -> Floats:
        """Months' worth of full price that are paid for running these shares of a month."""
        result = np.zeros_like(share)
        start = 0.0
        for end, factor in self.steps:
            result += (np.clip(share, start, end) - start) * factor
            start = end
        return result

    def part(self, share: float) -> float:
        """The part of the price that is paid for running this share of a month; 1 for none of it."""
        return float(self.paid(np.array([share]))[0]) / share if share > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Covered:
    """What one commitment covered of one meter over the hours rated."""

    holding: int
    meter: int
    quantity: float
    cost: float


@dataclass(frozen=True, slots=True)
class Rated:
    """A bill of usage and commitments. All costs are sums over the hours rated.

    on_demand  meters: what nothing covered costs
    covered    commitment and meter: at the commitment's rate
    unused     holdings: what went unused
    left       hours × meters: quantity that nothing covered
    """

    on_demand: Floats
    covered: tuple[Covered, ...]
    unused: Floats
    left: Floats = field(repr=False)

    @property
    def total(self) -> float:
        return float(self.on_demand.sum() + self.unused.sum()) + sum(part.cost for part in self.covered)


def rate(quantity: Floats, meters: Sequence[PricedMeter], holdings: Sequence[Holding], tiers: Sequence[Tiers] = ()) -> Rated:
    """The bill of these hours.

    quantity  hours × meters, in the meters' own units (≥ 0)
    tiers     discounts for sustained use on what no commitment covers; the hours are then one month
    """
    hours = quantity.shape[0]
    left = quantity.astype(float).copy()
    amounts = [np.broadcast_to(np.asarray(h.hourly, dtype=float), (hours,)).copy() for h in holdings]
    covered: list[Covered] = []
    ordered = sorted(range(len(holdings)), key=lambda i: holdings[i].rule.stage)
    for _, stage in groupby(ordered, key=lambda i: holdings[i].rule.stage):
        for index, meter in _turns(list(stage), meters, holdings):
            price = holdings[index].rate(meter, meters[meter])
            taken = np.minimum(left[:, meter], amounts[index] / price)
            if not taken.any():
                continue
            left[:, meter] -= taken
            amounts[index] -= taken * price
            covered.append(Covered(index, meter, float(taken.sum()), float((taken * price).sum())))
    unused = np.array([amount.sum() for amount in amounts])
    return Rated(_on_demand(left, meters, tiers), tuple(covered), unused, left)


def _turns(stage: Sequence[int], meters: Sequence[PricedMeter], holdings: Sequence[Holding]) -> Iterable[tuple[int, int]]:
    """(holding, meter) in the order in which one stage serves them: by its rule, then by what the rule does not name."""
    turns = []
    for index in stage:
        holding = holdings[index]
        commitment, rule = holding.commitment, holding.rule
        for meter in holding.rates:
            price = holding.rate(meter, meters[meter])
            admitted = meter in holding.seen or rule.admits(commitment, meters[meter])
            if price <= 0 or not admitted or not is_shared_with(holding.payers, meters[meter].payer):
                continue
            ranks = {
                "owner": float(meters[meter].account != commitment.account),
                "scope": _breadth(commitment),
                "term": -_days(commitment),
            }
            discount = 1 - price / meters[meter].price if meters[meter].price > 0 else 0.0
            order = (price,) if rule.order == "smallest" else (-round(discount, 9), price)
            first = tuple(ranks[name] for name in rule.before)
            rest = tuple(ranks[name] for name in PRECEDENCES if name not in rule.before)
            turns.append(((first, order, rest, commitment.id, meter), index))
    return [(index, key[-1]) for key, index in sorted(turns)]


def _breadth(commitment: Commitment) -> float:
    """How far it reaches: a resource group, one account, several, any."""
    return 0.0 if commitment.scope.get("resource_group") else float(len(commitment.accounts) or "inf")


def _days(commitment: Commitment) -> float:
    """The term's length; 0 where nobody knows it."""
    if commitment.term_start is None or commitment.term_end is None:
        return 0.0
    return float((commitment.term_end - commitment.term_start).days)


def _on_demand(left: Floats, meters: Sequence[PricedMeter], tiers: Sequence[Tiers]) -> Floats:
    """What is left costs its price, or less the longer it ran."""
    cost = np.array([left[:, j].sum() * meter.price for j, meter in enumerate(meters)])
    for j, meter in enumerate(meters):
        mine = next((t for t in tiers if t.admits(meter.service, meter.instance_type)), None)
        if mine is not None and left[:, j].any():
            cost[j] = sustained(left[:, j], mine) * meter.price
    return cost


def sustained(quantity: Floats, tiers: Tiers) -> float:
    """Full-price units that are paid for a month of usage (hours), whose level changes.

    Usage is stacked: the lowest level ran whenever anything ran, the highest only at the peak. Each level has its own share
    of the month, so that machines which replace one another count as one ("inferred instances", in the sources of the
    connectors' `use_discounts.csv`).
    """
    hours = quantity.shape[0]
    falling = np.sort(quantity)[::-1]
    heights = falling - np.append(falling[1:], 0.0)
    shares = np.arange(1, hours + 1) / hours
    return float((heights * tiers.paid(shares)).sum() * hours)


def rule_of(commitment: Commitment, word: str, rules: Sequence[Rule]) -> Rule:
    """The provider's rule of its instrument, the one for its scope before the general one; the last of all where none is."""
    mine = [r for r in rules if r.provider == commitment.provider]
    named = [r for r in mine if r.instrument == commitment.instrument] or [r for r in mine if word.lower() in r.types]
    fitting = [r for r in named if not r.when or r.when in commitment.scope]
    if not fitting:
        return Rule(commitment.provider, commitment.instrument, "", 99, frozenset(), "discount")
    return max(fitting, key=lambda r: (bool(r.when), -r.stage))
