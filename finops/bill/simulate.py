"""One simulated bill: what a month costs, line by line, and what it costs after each action.

Bill(before) − Bill(after) is the only source of a saving. Covered usage saves only what its commitment can move to usage that
is charged on demand, which the rater decides; the rest goes on being paid (`stranded`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from finops.bill.lines import JOINT, ZERO, Line, Span, keys_of, micro, on_demand, standing, worth_of
from finops.bill.rating import Holding, PricedMeter, Rule, Tiers, is_shared_with, rate, rule_of
from finops.commitment.levels import Commitment, Meter, family
from finops.commitment.offers import ListedShare
from finops.model import Change, Effect


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one action did; undoing needs `before`.

    gross     left the resource
    stranded  of the commitments that it used, what goes on being paid and covers nothing
    gained    what commitments save on the usage that they cover instead: they are paid less than it was
    """

    gross: Decimal
    stranded: Decimal
    before: Mapping[str, tuple[Line, ...]]
    gained: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return self.gross + self.gained - self.stranded


class Bill:
    """A month's bill in one currency, at run rate. `other` is spend that no action can touch line by line, `billed` the sum of
    what the bill says, before what began within the window is scaled to a whole month."""

    __slots__ = (
        "_by_service",
        "_lines",
        "_listed",
        "_payers",
        "_rates",
        "_rules",
        "_services",
        "_tiers",
        "billed",
        "commitments",
        "other",
    )

    def __init__(
        self,
        lines: Iterable[Line],
        commitments: Iterable[Commitment] = (),
        other: Decimal = ZERO,
        rules: Sequence[Rule] = (),
        tiers: Sequence[Tiers] = (),
        listed: ListedShare = lambda *_: None,
        spans: Mapping[str, Span] | None = None,
    ) -> None:
        self._lines: dict[str, tuple[Line, ...]] = {}
        self.commitments = {c.id.lower(): c for c in commitments}
        self.other = micro(other)
        self._rules, self._tiers, self._listed = tuple(rules), tuple(tiers), listed
        self._services: dict[str, set[str]] = {}
        self._payers: dict[str, frozenset[str]] = {}
        self._rates: dict[str, dict[str, tuple[Decimal, Decimal]]] = {}
        self._by_service: dict[str, list[str]] = {}
        self.billed = self.other
        grouped: dict[str, list[Line]] = {}
        for line in lines:
            self.billed += micro(line.cost)
            grouped.setdefault(line.resource, []).append(line.at_run_rate)
            if line.commitment and line.payer:
                self._payers[line.commitment] = self._payers.get(line.commitment, frozenset()) | {line.payer}
            if line.commitment and line.category == "Usage":
                self._services.setdefault(line.commitment, set()).add(line.service)
        for resource in sorted(grouped):
            self._lines[resource] = tuple(standing(on_demand(grouped[resource]), spans))
            for service in {line.service for line in self._lines[resource] if line.usable}:
                self._by_service.setdefault(service, []).append(resource)
            for line in self._lines[resource]:
                if line.commitment and line.category == "Usage":
                    sums = self._rates.setdefault(line.commitment, {})
                    cost, worth = sums.get(line.instance_type, (ZERO, ZERO))
                    sums[line.instance_type] = (cost + line.cost, worth + worth_of(line))

    @property
    def total(self) -> Decimal:
        return self.other + sum((line.cost for lines in self._lines.values() for line in lines), ZERO)

    def cost(self, resource: str) -> Decimal:
        return sum((line.cost for line in self.lines(resource)), ZERO)

    def discount(self, resource: str) -> Decimal:
        """What the account pays of list prices for uncovered usage of the resource; 1 where the bill states no list price."""
        lines = [line for line in self.lines(resource) if line.usable and line.listed > 0]
        listed = sum((line.listed for line in lines), ZERO)
        return sum((line.cost for line in lines), ZERO) / listed if listed else Decimal(1)

    def tiers(self, service: str, machine: str) -> Tiers | None:
        """The automatic discount for use that a machine of this name has in this service."""
        return next((tiers for tiers in self._tiers if tiers.admits(service, machine)), None)

    def lines(self, resource: str) -> tuple[Line, ...]:
        if JOINT not in resource:
            return self._lines.get(resource, ())
        return tuple(line for key in keys_of(resource) for line in self._lines.get(key, ()))

    def every_line(self) -> Iterable[Line]:
        for lines in self._lines.values():
            yield from lines

    def copy(self) -> Bill:
        other = Bill((), self.commitments.values(), self.other, self._rules, self._tiers, self._listed)
        other.billed = self.billed
        other._lines = dict(self._lines)
        other._services, other._by_service, other._rates = self._services, self._by_service, self._rates
        other._payers = self._payers
        return other

    def value(self, resource: str, effect: Effect) -> Outcome:
        """What the effect would do now; the bill stays as it is."""
        outcome = self.apply(resource, effect)
        self.undo(outcome)
        return outcome

    def undo(self, outcome: Outcome) -> None:
        for resource, lines in outcome.before.items():
            if lines:
                self._lines[resource] = lines
            else:
                self._lines.pop(resource, None)

    def apply(self, resource: str, effect: Effect) -> Outcome:
        """Do it. The saving is `net`, and it is exactly what `total` falls by."""
        lines, keys = self.lines(resource), keys_of(resource)
        before: dict[str, tuple[Line, ...]] = {key: self._lines.get(key, ()) for key in keys}
        freed: dict[str, Decimal] = {}
        after: list[Line] = []
        for line in lines:
            after.extend(self._changed(line, effect, freed))
        after = _cut(after, effect.cut)
        if effect.adds:
            after.append(_added(lines, keys[0], effect.adds))
        gross = self.cost(resource) - sum((line.cost for line in after), ZERO)
        for key in keys:
            self._lines[key] = tuple(line for line in after if line.resource == key) if len(keys) > 1 else tuple(after)
        moved = [self._move(c, amount, keys[0], before) for c, amount in sorted(freed.items())]
        return Outcome(gross, sum((left for left, _ in moved), ZERO), before, sum((gain for _, gain in moved), ZERO))

    def _changed(self, line: Line, effect: Effect, freed: dict[str, Decimal]) -> list[Line]:
        change = next((c for c in effect.changes if _selects(c, line)), None)
        if change is None or line.cost <= 0:
            return [line]
        if not line.commitment:
            return [_scaled(line, change)]
        if self.follows(line, change):
            kept = _scaled(line, change)
            freed[line.commitment] = freed.get(line.commitment, ZERO) + line.cost - kept.cost
            return [kept]
        freed[line.commitment] = freed.get(line.commitment, ZERO) + line.cost
        return [_scaled(replace(line, commitment="", cost=line.on_demand), change)]

    def follows(self, line: Line, change: Change) -> bool:
        """Whether the commitment that covers a line also covers what the change makes of it."""
        if change.spot:
            return False
        return not change.sku or self._covers(line.commitment, replace(line, instance_type=change.sku))

    def _covers(self, commitment: str, line: Line) -> bool:
        known = self.commitments.get(commitment)
        known_service = line.service in self._services.get(commitment, ())
        if known is None or not known_service or not line.instance_type:
            return False
        if not is_shared_with(self._payers.get(commitment, frozenset()), line.payer):
            return False
        return rule_of(known, "", self._rules).reaches(known, line)

    def _move(
        self, commitment: str, amount: Decimal, source: str, before: dict[str, tuple[Line, ...]]
    ) -> tuple[Decimal, Decimal]:
        """Let the rater give a freed commitment to other usage; return what it cannot, and what it saves there."""
        places = [
            (resource, index, line)
            for service in sorted(self._services.get(commitment, ()))
            for resource in self._by_service.get(service, [])
            for index, line in enumerate(self._lines.get(resource, ()))
            if line.usable and line.service == service and self._covers(commitment, line)
        ]
        gained = ZERO
        parts = self._rated(commitment, amount, [line for _, _, line in places])
        lines: dict[str, list[list[Line]]] = {}
        for (resource, index, line), (part, used) in zip(places, parts, strict=True):
            if part > 0:
                now = self._lines[resource]
                lines.setdefault(resource, [[each] for each in now])[index] = _covered(line, part, used, commitment)
                amount, gained = amount - used, gained + part - used
        for resource, pieces in lines.items():
            before.setdefault(resource, self._lines[resource])
            self._lines[resource] = tuple(line for piece in pieces for line in piece)
        if amount > 0:
            unused = f"\x1funused {commitment}"
            before.setdefault(unused, self._lines.get(unused, ()))
            self._lines[unused] = (*self._lines.get(unused, ()), _unused(self._lines, source, unused, commitment, amount))
        return amount, gained

    def _rated(self, commitment: str, amount: Decimal, lines: Sequence[Line]) -> list[tuple[Decimal, Decimal]]:
        """Of each line, the on-demand cost that the commitment takes over, and what of `amount` that uses: by the rater, in the
        provider's order, over the average hour of the month."""
        if not lines:
            return []
        held = self.commitments[commitment]
        hours = [float(line.quantity) if line.quantity > 0 else float(line.cost) for line in lines]
        prices = [float(line.cost) / units for line, units in zip(lines, hours, strict=True)]
        meters = [
            PricedMeter(
                line.provider, line.account, line.region, line.service, line.instance_type, line.operating_system, price
            )
            for line, price in zip(lines, prices, strict=True)
        ]
        shares = [self._share(commitment, line) for line in lines]
        rates = {index: float(share) * prices[index] for index, share in enumerate(shares)}
        holding = Holding(held, rule_of(held, "", self._rules), float(amount), rates, frozenset(rates))
        found = [(ZERO, ZERO)] * len(lines)
        for part in rate(np.array([hours]), meters, [holding]).covered:
            line = lines[part.meter]
            whole = part.quantity >= hours[part.meter] * (1 - 1e-12)
            worth = line.cost if whole else min(line.cost, micro(Decimal(repr(part.quantity * prices[part.meter]))))
            used = min(amount, micro(worth * shares[part.meter]))
            amount -= used
            found[part.meter] = (worth, used)
        return found

    def _share(self, commitment: str, line: Line) -> Decimal:
        """What the commitment is paid for a line, as a share of the line's cost on demand.

        As the bill shows it on the same machine, else on the same family; else as its price list says, else at the least
        discount that the bill shows; never above 1.
        """
        seen = self._rates.get(commitment, {})
        same = [seen[line.instance_type]] if line.instance_type in seen else []
        ratios = _ratios(same or [sums for name, sums in seen.items() if family(name) == family(line.instance_type)])
        if not ratios:
            meter = Meter(line.provider, "", line.region, line.service, line.instance_type, line.operating_system)
            told = self._listed(self.commitments[commitment], meter)
            ratios = _ratios(seen.values()) if told is None else [Decimal(repr(told))]
        return min(Decimal(1), max(ratios, default=Decimal(1)) * worth_of(line) / line.cost)


def _ratios(seen: Iterable[tuple[Decimal, Decimal]]) -> list[Decimal]:
    """What is paid as a share of what it is worth."""
    return [cost / worth for cost, worth in seen if worth > 0 and cost > 0]


def _selects(change: Change, line: Line) -> bool:
    return (
        line.category == "Usage"
        and (not change.unit or change.unit == line.unit)
        and (not change.meter or change.meter == line.meter)
        and (change.covered or line.moved or not line.commitment)
    )


def _scaled(line: Line, change: Change) -> Line:
    steady = line.steady
    if change.steady is not None and change.factor > 0:
        steady *= min(Decimal(1), change.steady / change.factor)
    return replace(
        line,
        cost=micro(line.cost * change.factor),
        on_demand=micro(line.on_demand * change.factor),
        listed=line.listed * change.factor,
        instance_type=change.sku or line.instance_type,
        spot=line.spot or change.spot,
        steady=steady,
    )


def _cut(lines: list[Line], amount: Decimal) -> list[Line]:
    """Take an amount off the lines, in their order, none below zero."""
    left = micro(amount)
    result = []
    for line in lines:
        part = min(left, line.cost) if line.cost > 0 and not line.commitment else ZERO
        left -= part
        result.append(replace(line, cost=line.cost - part) if part else line)
    return result


def _added(lines: tuple[Line, ...], resource: str, amount: Decimal) -> Line:
    like = lines[0] if lines else _blank(resource)
    like = replace(like, meter="added", unit="", instance_type="", commitment="", category="Usage")
    return replace(like, quantity=ZERO, cost=micro(amount), on_demand=ZERO)


def _blank(resource: str) -> Line:
    return Line(resource, "", "", "", "", "", "", "", "", "", "Usage", ZERO, ZERO, ZERO)


def _covered(line: Line, part: Decimal, used: Decimal, commitment: str) -> list[Line]:
    """The line with `part` of its on-demand cost covered, for which `used` of the commitment is paid."""
    share = part / line.cost
    listed, quantity = line.listed * share, line.quantity * share
    covered = replace(line, cost=used, on_demand=part, listed=listed, quantity=quantity, commitment=commitment, moved=True)
    left = line.cost - part
    rest = replace(line, cost=left, on_demand=left, listed=line.listed - listed, quantity=line.quantity - quantity)
    return [covered, rest] if rest.cost > 0 else [covered]


def _unused(bill: Mapping[str, tuple[Line, ...]], source: str, name: str, commitment: str, amount: Decimal) -> Line:
    lines = bill.get(source, ())
    like = lines[0] if lines else _blank(source)
    return replace(
        like, resource=name, meter="unused", unit="", category="Unused", commitment=commitment, quantity=ZERO, cost=amount
    )
