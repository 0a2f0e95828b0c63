"""What spot capacity costs beyond its price: how often it is taken away, and what checkpoints and restarts then cost.

Interruptions are a Poisson process whose rate has a Gamma prior. Checkpoints follow Young, "A first order approximation to the
optimum checkpoint interval", CACM 1974, and Daly, "A higher order estimate of the optimum checkpoint interval for restart
dumps", FGCS 2006. Times are hours, rates events an hour.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.special import gammaincinv

HOURS = 730.0
"""Hours a month: advisors state the share of instances that were interrupted within one."""

PRIOR_EVENTS = 2.0
"""How much a published band weighs: as two interruptions that were seen oneself."""

OPEN_BAND_WIDTH = 0.1
"""How far a band without an upper end (`>20 %`) is taken to reach beyond its lower one; advisors go in steps of 5 points."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_AN_HOUR = re.compile(r"(/ ?h(our)?|(per|an) hour)$", re.IGNORECASE)


def band_share(band: str) -> float | None:
    """The middle of an advisor's band as a share of `band_hours`: `5-10%`, `<5%`, `>20%/h`, `20+`. None where it is none."""
    numbers = [float(text) / 100 for text in _NUMBER.findall(band)]
    if not numbers or len(numbers) > 2 or any(not 0 <= share <= 1 for share in numbers):
        return None
    if len(numbers) == 2:
        return sum(numbers) / 2 if numbers[0] <= numbers[1] else None
    if "<" in band or "≤" in band:
        return numbers[0] / 2
    if ">" in band or "≥" in band or "+" in band:
        return min(1.0, numbers[0] + OPEN_BAND_WIDTH / 2)
    return numbers[0]


def band_hours(band: str) -> float:
    """Over which time a band counts: an hour where it says so (`5-10%/h`), else a month."""
    return 1.0 if _AN_HOUR.search(band.strip()) else HOURS


def band_words(band: str) -> str:
    """`5-10% a month`, `5-10% an hour`."""
    return f"{_AN_HOUR.sub('', band.strip()).strip()} {'a month' if band_hours(band) > 1 else 'an hour'}"


@dataclass(frozen=True, slots=True)
class Rate:
    """A Gamma belief about a rate: `events` seen in `hours`, those of the prior among them."""

    events: float
    hours: float

    @property
    def mean(self) -> float:
        return self.events / self.hours

    def quantile(self, q: float) -> float:
        """The rate that is not exceeded with probability q."""
        return float(gammaincinv(self.events, q)) / self.hours

    def seen(self, events: float, hours: float) -> Rate:
        """The belief after `events` more in `hours` more: Gamma and Poisson are conjugate."""
        if events < 0 or hours < 0:
            raise ValueError(f"{events} events in {hours} hours")
        return Rate(self.events + events, self.hours + hours)


def rate_of_share(share: float, hours: float = HOURS) -> Rate:
    """The prior of an advisor's share of instances interrupted within so many hours: 1 − e^(−λ · hours) = share.

    Raises ValueError: no share between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"{share} is no share")
    rate = -math.log1p(-min(max(share, 0.001), 0.999)) / hours
    return Rate(PRIOR_EVENTS, PRIOR_EVENTS / rate)


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """How a job saves its state. Hours.

    write      δ, what writing one costs the job
    restart    R, from the loss of a node until the job works again
    interval   τ between two today; None: not known
    """

    write: float
    restart: float
    interval: float | None = None


def young(write: float, rate: float) -> float:
    """τ* = √(2δ/λ): the interval of least overhead to first order (Young 1974)."""
    if write <= 0 or rate <= 0:
        raise ValueError("a checkpoint takes time, and a rate is above zero")
    return math.sqrt(2 * write / rate)


def daly(write: float, rate: float) -> float:
    """The interval to higher order (Daly 2006, eq. 37), M = 1/λ: √(2δM) · (1 + ⅓√(δ/2M) + ⅑·δ/2M) − δ, M where δ ≥ 2M."""
    mean = 1 / rate
    if write >= 2 * mean:
        return mean
    x = write / (2 * mean)
    return math.sqrt(2 * write * mean) * (1 + math.sqrt(x) / 3 + x / 9) - write


def overhead(interval: float, checkpoints: Checkpoints, rate: float) -> float:
    """h(τ) = δ/τ + λ(τ/2 + R): extra time as a share of useful time, to first order; valid while it is well below 1."""
    if interval <= 0:
        raise ValueError("an interval is above zero")
    return checkpoints.write / interval + rate * (interval / 2 + checkpoints.restart)


def without_checkpoints(length: float, rate: float, restart: float = 0.0) -> float:
    """Expected hours per useful hour of a job that begins anew after each interruption: (1/λ + R)(e^(λL) − 1)/L.

    E[time] = (1/λ + R)(e^(λL) − 1) (Ross, Introduction to Probability Models; Daly 2006 eq. 13 with one segment); infinite
    where λL is beyond what a float holds.
    """
    if length <= 0:
        raise ValueError("a job has a length")
    exponent = rate * length
    if exponent < 1e-12:
        return 1.0
    return (1 / rate + restart) * math.expm1(exponent) / length if exponent < 700 else math.inf


def gang_rate(rate: float, nodes: float) -> float:
    """The rate at which a job of `nodes` loses one and thereby stops: n·λ, the worst case of independent nodes."""
    return rate * max(1.0, nodes)


@dataclass(frozen=True, slots=True)
class Bursts:
    """Periodic bursts of writing: `interval` hours between two, each `length` hours long, `count` of them."""

    interval: float
    length: float
    count: int


BURST = 3.0
"""A burst is at least so many times the median of what is written between."""

REGULAR = 0.25
"""Spacings of a periodic writer differ from their median by at most this share in at least three of four cases."""

MIN_BURSTS = 5
"""Fewer bursts are no period."""


def bursts(samples: Iterable[tuple[float, float]], period: float) -> Bursts | None:
    """The periodic bursts in (time, amount written) samples, each over `period` hours; None where there is no period.

    What cannot be told apart is not claimed: samples coarser than half the interval show a flat line, not bursts.
    """
    ordered = sorted(samples)
    if len(ordered) < 2 * MIN_BURSTS:
        return None
    amounts = sorted(amount for _, amount in ordered)
    quiet, top = amounts[len(amounts) // 2], amounts[int(0.99 * (len(amounts) - 1))]
    limit = max(BURST * quiet, top / 2)
    if limit <= 0 or top <= 0:
        return None
    begun: list[float] = []
    lengths: list[int] = []
    last = -math.inf
    for at, amount in ordered:
        if amount < limit:
            continue
        if at - last > 1.5 * period:
            begun.append(at)
            lengths.append(0)
        lengths[-1] += 1
        last = at
    return _regular(begun, lengths, period)


def _regular(begun: list[float], lengths: list[int], period: float) -> Bursts | None:
    gaps = sorted(b - a for a, b in itertools.pairwise(begun))
    if len(begun) < MIN_BURSTS:
        return None
    interval = gaps[len(gaps) // 2]
    near = [gap for gap in gaps if abs(gap - interval) <= max(REGULAR * interval, 1.01 * period)]
    if interval < 2 * period - 1e-9 or len(near) < 0.75 * len(gaps):
        return None
    return Bursts(interval, sorted(lengths)[len(lengths) // 2] * period, len(begun))


def best_interval(write: float, rate: float) -> float:
    """Young's interval while it is short against the time between interruptions, Daly's where it is not; hours."""
    return young(write, rate) if write < 0.5 / rate else daly(write, rate)
