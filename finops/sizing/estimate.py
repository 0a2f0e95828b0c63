"""How much of something is needed: percentile → margin → confidence → floor, each step explained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BUCKET_GROWTH = 1.05
"""Width of a histogram bucket: each is 5 % above the one before (as the Kubernetes VPA's buckets)."""

ZERO_BUCKET = -1000
"""Where values ≤ 0 are counted: 1.05^-1000 is 6e-22, below anything that is measured."""


def bucket_of(value: float) -> int:
    """The bucket that holds a value; marts compute the same in SQL."""
    return ZERO_BUCKET if value <= 0 else max(ZERO_BUCKET + 1, math.floor(math.log(value) / math.log(BUCKET_GROWTH)))


def upper_edge(bucket: int) -> float:
    return 0.0 if bucket <= ZERO_BUCKET else BUCKET_GROWTH ** (bucket + 1)


def quantile(counts: Mapping[int, int], q: float, highest: float) -> float:
    """The q-quantile of a histogram: the upper edge of its bucket (so never too low), at most the highest value seen.

    Raises ValueError on an empty histogram.
    """
    total = sum(counts.values())
    if total <= 0:
        raise ValueError("a quantile of nothing")
    reached = 0
    for bucket in sorted(counts):
        reached += counts[bucket]
        if reached >= q * total:
            return min(upper_edge(bucket), highest)
    return highest


def beyond(counts: Mapping[int, int], limit: float) -> float:
    """The share of the sum of a histogram that is above a limit: 0 … 1. Values are the middles of their buckets."""
    middles = {bucket: upper_edge(bucket) / math.sqrt(BUCKET_GROWTH) for bucket in counts}
    whole = sum(samples * middles[bucket] for bucket, samples in counts.items())
    return sum(samples * max(0.0, middles[bucket] - limit) for bucket, samples in counts.items()) / whole if whole else 0.0


def median_above(counts: Mapping[int, int], least: float, highest: float) -> float | None:
    """The median of what lies above `least`, as the middle of its bucket; None where nothing does."""
    above = {bucket: samples for bucket, samples in counts.items() if upper_edge(bucket) > least}
    total, reached = sum(above.values()), 0
    for bucket in sorted(above):
        reached += above[bucket]
        if 2 * reached >= total:
            return min(upper_edge(bucket) / math.sqrt(BUCKET_GROWTH), highest)
    return None


@dataclass(frozen=True, slots=True)
class Need:
    """An amount with the steps that led to it, in words."""

    amount: float
    unit: str
    steps: tuple[str, ...]

    def then(self, amount: float, step: str) -> Need:
        return Need(amount, self.unit, (*self.steps, step))

    def explain(self) -> str:
        return "; ".join(self.steps)


def observed(amount: float, unit: str, what: str) -> Need:
    return Need(amount, unit, (f"{what}: {_short(amount)} {unit}",))


@dataclass(frozen=True, slots=True)
class Margin:
    """Multiply by 1 + share, for growth and for what hourly samples hide."""

    share: float

    def apply(self, need: Need) -> Need:
        amount = need.amount * (1 + self.share)
        return need.then(amount, f"plus {self.share:.0%} margin: {_short(amount)} {need.unit}")


@dataclass(frozen=True, slots=True)
class Confidence:
    """Multiply by 1 + 1/days (the VPA's upper bound): one day of history doubles the need, ninety add 1 %."""

    days: float

    def apply(self, need: Need) -> Need:
        factor = 1 + 1 / max(self.days, 1e-9)
        amount = need.amount * factor
        return need.then(amount, f"× {factor:.3f} for {self.days:.0f} days of history: {_short(amount)} {need.unit}")


@dataclass(frozen=True, slots=True)
class Floor:
    """Never below `least`."""

    least: float

    def apply(self, need: Need) -> Need:
        if need.amount >= self.least:
            return need
        return need.then(self.least, f"at least {_short(self.least)} {need.unit}")


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next amount that can be bought: a multiple of `step`, from `minimum` on."""

    step: float
    minimum: float = 0.0

    def apply(self, need: Need) -> Need:
        amount = max(self.minimum, math.ceil(need.amount / self.step - 1e-9) * self.step)
        step = f"sold in steps of {_short(self.step)} from {_short(self.minimum)}: {_short(amount)} {need.unit}"
        return need.then(amount, step)


def estimate(need: Need, steps: Sequence[Margin | Confidence | Floor | NextStep]) -> Need:
    """Apply the steps in order."""
    for step in steps:
        need = step.apply(need)
    return need


def range_share(days: float) -> float:
    """Half-width of a saving's range as a share of it: 1/√days, between 3 % and 50 %. Less history, wider range."""
    return min(0.5, max(0.03, 1 / math.sqrt(max(days, 1.0)) / 3))


def _short(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
