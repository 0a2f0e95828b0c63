"""Lines of the simulated bill, and what a whole month of today's commitments makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

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
    run_rate   what the bill multiplies it by for a whole month: what began or ended within the window, is late, or is charged
               by months
    spot       an action has made it spot capacity
    lapsed     id of the commitment that covered it on the bill and has ended
    moved      a commitment covers it that an action has freed elsewhere: on the bill it is charged on demand
    category   the bill's, `Correction` where a line takes back what was charged, `Unused` of a commitment's rest
    steady     the share of its cost that goes on in as many hours as it did: actions take hours away
    payer      the billing account that is charged; empty: the bill does not say
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
    moved: bool = False
    lapsed: str = ""
    steady: Decimal = Decimal(1)
    payer: str = ""

    @property
    def at_run_rate(self) -> Line:
        """The line of a whole month, to the millionth."""
        return self._times(self.run_rate)

    def more(self, times: Decimal) -> Line:
        """So many times of it, in whole months too."""
        return replace(self._times(times), run_rate=self.run_rate * times)

    def _times(self, rate: Decimal) -> Line:
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
class Span:
    """What a commitment of the window is today: ended, or in force for a part of the 30 days, which `month` makes all of."""

    month: Decimal = Decimal(1)
    ended: bool = False


def standing(lines: Sequence[Line], spans: Mapping[str, Span] | None) -> list[Line]:
    """The lines of a resource as they are in a month that has today's commitments from its first day to its last.

    A commitment that began within the window is brought to a whole month: it is paid for in all of it. What it covers more of a
    meter comes out of what those that have ended had covered, then out of what nothing covers, as far as there is any. What is
    left of those that ended is charged on demand.
    """
    if not spans or not any(line.commitment in spans for line in lines):
        return list(lines)
    meters: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        meters.setdefault((line.meter, line.unit), []).append(line)
    left = {meter: _left(mine, spans) for meter, mine in meters.items()}
    return [_stands(line, spans.get(line.commitment), *left[line.meter, line.unit]) for line in lines]


def _left(lines: Sequence[Line], spans: Mapping[str, Span]) -> tuple[Decimal, Decimal]:
    """What share of the usage of one meter the growth of new commitments leaves: of what had been covered by others that have
    ended, and of what nothing covers."""
    used = [line for line in lines if line.category == "Usage"]
    held = [(line, spans[line.commitment]) for line in used if line.commitment in spans]
    wanted = sum((line.quantity * (span.month - 1) for line, span in held if not span.ended), ZERO)
    ended = sum((line.quantity for line, span in held if span.ended), ZERO)
    loose = sum((line.quantity for line in used if line.usable), ZERO)
    first = min(wanted, ended)
    return (
        1 - first / ended if ended > 0 else Decimal(1),
        1 - min(wanted - first, loose) / loose if loose > 0 else Decimal(1),
    )


def _stands(line: Line, span: Span | None, ended: Decimal, loose: Decimal) -> Line:
    if span is None:
        return line.more(loose) if line.usable and loose != 1 else line
    if not span.ended:
        return line.more(span.month)
    if line.category != "Usage":
        return line.more(ZERO)
    billed = line.cost / line.run_rate
    left = replace(line.more(ended), commitment="", lapsed=line.commitment)
    return replace(left, cost=left.on_demand, run_rate=left.on_demand / billed if billed > 0 else line.run_rate)


def on_demand(lines: list[Line]) -> list[Line]:
    """Covered usage at the price that the same meter of the resource has uncovered, where the bill shows one.

    Exports state list prices beside a commitment, whatever the account has negotiated.
    """
    shown = {line.meter: line.cost / line.quantity for line in lines if line.usable and line.quantity > 0}
    return [
        replace(line, on_demand=micro(line.quantity * shown[line.meter])) if line.commitment and line.meter in shown else line
        for line in lines
    ]


def worth_of(line: Line) -> Decimal:
    """What a discount is a discount on: the list price, or the price on demand where the bill states none."""
    return line.listed if line.listed > 0 else line.on_demand or line.cost
