"""One simulated bill: what a month costs, line by line, and what it costs after each action.

Bill(before) − Bill(after) is the only source of a saving. Covered usage saves only what its commitment can move to usage that
is charged on demand; the rest goes on being paid (`stranded`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from finops.commitment.levels import Commitment
from finops.model import Change, Effect

MICRO = Decimal("0.000001")
"""Lines are kept to a millionth of the currency, so that sums are exact and nothing depends on order."""

ZERO = Decimal(0)


JOINT = "\x1e"
"""Between the keys of a resource that is billed as several (the machines of a pool): `resource` may be such a joint key."""


def keys_of(resource: str) -> list[str]:
    """The bill's own keys in a key that may be joint."""
    return resource.split(JOINT)


def micro(amount: Decimal) -> Decimal:
    return amount.quantize(MICRO)


@dataclass(frozen=True, slots=True)
class Line:
    """One meter of one resource: what it costs in a month of 730 hours.

    cost       effective, gross of promotional credits; negative for refunds
    on_demand  what the same usage costs without its commitment
    commitment id of the commitment that covers it, in lower case as resources; empty: charged on demand
    run_rate   what the bill multiplies it by: more than 1 for a resource that began within the window
    spot       an action has made it spot capacity
    """

    resource: str
    provider: str
    account: str
    region: str
    service: str
    meter: str
    unit: str
    instance_type: str
    operating_system: str
    commitment: str
    category: str
    quantity: Decimal
    cost: Decimal
    on_demand: Decimal
    listed: Decimal = ZERO
    run_rate: Decimal = Decimal(1)
    spot: bool = False

    @property
    def at_run_rate(self) -> Line:
        """The line of a whole month, to the millionth."""
        rate = self.run_rate
        return replace(
            self,
            quantity=self.quantity * rate,
            cost=micro(self.cost * rate),
            on_demand=micro(self.on_demand * rate),
            listed=self.listed * rate,
        )

    @property
    def usable(self) -> bool:
        """Usage that a commitment could cover and does not."""
        return self.category == "Usage" and not self.commitment and not self.spot and self.cost > 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one action did: `gross` left the resource, `stranded` is still paid; undoing needs `before`."""

    gross: Decimal
    stranded: Decimal
    before: Mapping[str, tuple[Line, ...]]

    @property
    def net(self) -> Decimal:
        return self.gross - self.stranded


class Bill:
    """A month's bill in one currency, at run rate. `other` is spend that no action can touch line by line, `billed` the sum of
    what the bill says, before resources that began within the window are scaled to a whole month."""

    __slots__ = ("_by_service", "_lines", "_services", "billed", "commitments", "other")

    def __init__(self, lines: Iterable[Line], commitments: Iterable[Commitment] = (), other: Decimal = ZERO) -> None:
        self._lines: dict[str, tuple[Line, ...]] = {}
        self.commitments = {c.id.lower(): c for c in commitments}
        self.other = micro(other)
        self._services: dict[str, set[str]] = {}
        self._by_service: dict[str, list[str]] = {}
        self.billed = self.other
        grouped: dict[str, list[Line]] = {}
        for line in lines:
            self.billed += micro(line.cost)
            grouped.setdefault(line.resource, []).append(line.at_run_rate)
            if line.commitment and line.category == "Usage":
                self._services.setdefault(line.commitment, set()).add(line.service)
        for resource in sorted(grouped):
            self._lines[resource] = tuple(_on_demand(grouped[resource]))
            for service in {line.service for line in grouped[resource] if line.usable}:
                self._by_service.setdefault(service, []).append(resource)

    @property
    def total(self) -> Decimal:
        return self.other + sum((line.cost for lines in self._lines.values() for line in lines), ZERO)

    def run_rate(self, resource: str) -> Decimal:
        """What the recurring usage of a resource is multiplied by."""
        return max((line.run_rate for line in self.lines(resource)), default=Decimal(1))

    def cost(self, resource: str) -> Decimal:
        return sum((line.cost for line in self.lines(resource)), ZERO)

    def discount(self, resource: str) -> Decimal:
        """What the account pays of list prices for uncovered usage of the resource; 1 where the bill states no list price."""
        lines = [line for line in self.lines(resource) if line.usable and line.listed > 0]
        listed = sum((line.listed for line in lines), ZERO)
        return sum((line.cost for line in lines), ZERO) / listed if listed else Decimal(1)

    def lines(self, resource: str) -> tuple[Line, ...]:
        if JOINT not in resource:
            return self._lines.get(resource, ())
        return tuple(line for key in keys_of(resource) for line in self._lines.get(key, ()))

    def every_line(self) -> Iterable[Line]:
        for lines in self._lines.values():
            yield from lines

    def copy(self) -> Bill:
        other = Bill((), self.commitments.values(), self.other)
        other.billed = self.billed
        other._lines = dict(self._lines)
        other._services, other._by_service = self._services, self._by_service
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
        stranded = sum((self._move(c, amount, keys[0], before) for c, amount in sorted(freed.items())), ZERO)
        return Outcome(gross, stranded, before)

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
        return known is not None and known_service and bool(line.instance_type) and known.covers(line)

    def _move(self, commitment: str, amount: Decimal, source: str, before: dict[str, tuple[Line, ...]]) -> Decimal:
        """Let a freed commitment cover other usage, one unit of cost for one; return what it cannot.

        Cost for cost is cautious: the usage that it takes over is charged at on-demand rates, so that the same
        commitment covers at least as much of it.
        """
        candidates = [r for service in sorted(self._services.get(commitment, ())) for r in self._by_service.get(service, [])]
        for resource in candidates:
            if amount <= 0:
                break
            lines = self._lines.get(resource, ())
            if not any(line.usable and self._covers(commitment, line) for line in lines):
                continue
            before.setdefault(resource, lines)
            moved: list[Line] = []
            for line in lines:
                part = min(amount, line.cost) if line.usable and self._covers(commitment, line) else ZERO
                amount -= part
                moved.extend(_covered(line, part, commitment))
            self._lines[resource] = tuple(moved)
        if amount > 0:
            unused = f"\x1funused {commitment}"
            before.setdefault(unused, self._lines.get(unused, ()))
            self._lines[unused] = (*self._lines.get(unused, ()), _unused(self._lines, source, unused, commitment, amount))
        return amount


def _on_demand(lines: list[Line]) -> list[Line]:
    """Covered usage at the price that the same meter of the resource has uncovered, where the bill shows one.

    Exports state list prices beside a commitment, whatever the account has negotiated.
    """
    shown = {line.meter: line.cost / line.quantity for line in lines if line.usable and line.quantity > 0}
    return [
        replace(line, on_demand=micro(line.quantity * shown[line.meter])) if line.commitment and line.meter in shown else line
        for line in lines
    ]


def _selects(change: Change, line: Line) -> bool:
    return (
        line.category == "Usage"
        and (not change.unit or change.unit == line.unit)
        and (not change.meter or change.meter == line.meter)
        and (change.covered or not line.commitment)
    )


def _scaled(line: Line, change: Change) -> Line:
    return replace(
        line,
        cost=micro(line.cost * change.factor),
        on_demand=micro(line.on_demand * change.factor),
        instance_type=change.sku or line.instance_type,
        spot=line.spot or change.spot,
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


def _covered(line: Line, part: Decimal, commitment: str) -> list[Line]:
    if part <= 0:
        return [line]
    share = part / line.cost
    covered = replace(line, cost=part, on_demand=part, quantity=line.quantity * share, commitment=commitment)
    rest = replace(line, cost=line.cost - part, on_demand=line.cost - part, quantity=line.quantity * (1 - share))
    return [covered, rest] if rest.cost > 0 else [covered]


def _unused(bill: Mapping[str, tuple[Line, ...]], source: str, name: str, commitment: str, amount: Decimal) -> Line:
    lines = bill.get(source, ())
    like = lines[0] if lines else _blank(source)
    return replace(
        like, resource=name, meter="unused", unit="", category="Unused", commitment=commitment, quantity=ZERO, cost=amount
    )
