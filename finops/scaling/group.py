"""A scaled group replayed on its own traffic: what capacity is there when, what it costs, what goes unserved, and hindsight.

Time is in steps (a minute, say), load and capacity in units (replicas, nodes). Units are taken last in, first out, so that
the k-th unit is wanted exactly while at least k are wanted, and a replay is a moving minimum and a moving maximum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """How a scaled group reacts, in steps.

    boot     from the order until a unit serves; it is billed meanwhile
    drain    from the order to leave until a unit is no longer billed; it serves nothing new meanwhile
    lag      age of the newest metric at a decision: with 1, the decision of step t knows the load up to step t - 1
    minimum  and `maximum` bound the units wanted; 0 as minimum is scale-to-zero
    """

    boot: int
    drain: int = 1
    lag: int = 1
    minimum: int = 1
    maximum: int | None = None

    def __post_init__(self) -> None:
        if min(self.boot, self.drain, self.minimum) < 0 or self.lag < 1:
            raise ValueError(f"{self} is no group: steps are not negative, and a metric is at least one step old")
        if self.maximum is not None and self.maximum < self.minimum:
            raise ValueError(f"at most {self.maximum} and at least {self.minimum} units exclude each other")

    def bounded(self, wanted: NDArray[np.generic]) -> Integers:
        bounded: Integers = np.clip(wanted, self.minimum, self.maximum).astype(np.int64)
        return bounded


@dataclass(frozen=True, slots=True)
class Capacity:
    """Units by step: `ready` serve; `billed` also boot or drain."""

    ready: Integers
    billed: Integers


@dataclass(frozen=True, slots=True)
class Score:
    """What a replay comes to.

    cost           Σ billed units / Σ ⌈load⌉ (at least one a step): 1 is a group that follows its load without any delay
    ready_cost     the same of the units that serve or drain, booting left out
    unserved       Σ (load − ready)⁺ / Σ load
    short_steps    share of steps in which something goes unserved
    unit_steps     Σ billed units
    """

    cost: float
    ready_cost: float
    unserved: float
    short_steps: float
    unit_steps: float


def replayed(wanted: NDArray[np.generic], group: Group) -> Capacity:
    """What the units wanted at each step become; the last axis is time. Those of the first step are there from before."""
    return Capacity(_moving(wanted, group.boot, np.min), _moving(wanted, group.drain, np.max))


def _moving(wanted: NDArray[np.generic], steps: int, extreme: object) -> Integers:
    if steps == 0:
        return wanted.astype(np.int64)
    padded = np.concatenate([np.repeat(wanted[..., :1], steps, axis=-1), wanted], axis=-1)
    window = sliding_window_view(padded, steps + 1, axis=-1)
    result: Integers = (window.min(-1) if extreme is np.min else window.max(-1)).astype(np.int64)
    return result


def scored(wanted: NDArray[np.generic], load: Floats, group: Group) -> Score:
    """The replay of `wanted` against `load`, both by step."""
    capacity = replayed(wanted, group)
    short = np.maximum(load - capacity.ready, 0.0)
    needed = float(np.maximum(np.ceil(load), 1.0).sum())
    draining = np.maximum(_moving(capacity.ready, group.drain, np.max), capacity.ready)
    total = float(load.sum())
    return Score(
        cost=float(capacity.billed.sum()) / needed,
        ready_cost=float(draining.sum()) / needed,
        unserved=float(short.sum()) / total if total > 0 else 0.0,
        short_steps=float((short > 0).mean()),
        unit_steps=float(capacity.billed.sum()),
    )


# ---- what vendors' scalers want


@dataclass(frozen=True, slots=True)
class TargetTracking:
    """Keep load per unit at `target`; after any change wait `cooldown` steps before a scale-in.

    300 s is the default that application scalers ship with (their user guide, 2026-11); `out_cooldown` is what one waits after
    a scale-out before the next one, and only a larger want may break it.
    """

    target: float
    cooldown: int
    out_cooldown: int = 0

    def wanted(self, load: Floats, group: Group) -> Integers:
        asked = group.bounded(np.ceil(np.maximum(lagged(load, group.lag), 0.0) / self.target - 1e-9))
        return _with_cooldowns(asked, self.cooldown, self.out_cooldown)


@dataclass(frozen=True, slots=True)
class StepThresholds:
    """Scale out by `step` units where use of the units wanted is above `high`, in by `step` where it is below `low`.

    Use is the mean of the last `window` steps; nothing changes for `cooldown` steps after a change.
    """

    high: float
    low: float
    cooldown: int
    step: int = 1
    window: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ValueError(f"scale-in at {self.low} is not below scale-out at {self.high}: the group would flap")

    @property
    def target(self) -> float:
        return self.high

    def wanted(self, load: Floats, group: Group) -> Integers:
        seen = lagged(load, group.lag)
        seen = sliding_window_view(np.concatenate([np.full(self.window - 1, seen[0]), seen]), self.window).mean(-1)
        most = 2**62 if group.maximum is None else group.maximum
        current, changed = int(group.bounded(np.ceil(seen[:1] / self.high))[0]), -(10**9)
        result = np.empty(len(load), dtype=np.int64)
        for t, now in enumerate(seen.tolist()):
            if t - changed >= self.cooldown:
                use = now / max(current, 1)
                new = current + self.step if use > self.high else current - self.step if use < self.low else current
                # anti-flap: no scale-in that the next reading would undo
                if new < current and now / max(new, 1) > self.high:
                    new = current
                new = min(max(new, group.minimum), most)
                current, changed = new, (t if new != current else changed)
            result[t] = current
        return result


@dataclass(frozen=True, slots=True)
class HorizontalPodAutoscaler:
    """Kubernetes' rule: ⌈current × metric / target⌉ outside a tolerance of 10 %, scale-in to the highest of the
    stabilization window (300 s by default), scale-out at most to the larger of double and four more a step
    (kubernetes.io, "Horizontal Pod Autoscaling", defaults of autoscaling/v2)."""

    target: float
    stabilization: int
    tolerance: float = 0.1

    @property
    def cooldown(self) -> int:
        return self.stabilization

    def wanted(self, load: Floats, group: Group) -> Integers:
        seen = lagged(load, group.lag)
        most = 2**62 if group.maximum is None else group.maximum
        current = int(group.bounded(np.ceil(seen[:1] / self.target))[0])
        asked: list[int] = []
        result = np.empty(len(load), dtype=np.int64)
        for t, now in enumerate(seen.tolist()):
            ratio = now / max(current, 1) / self.target
            raw = current if abs(ratio - 1.0) <= self.tolerance else math.ceil(now / self.target - 1e-9)
            raw = min(raw, max(2 * current, current + 4))
            asked.append(raw)
            recent = max(asked[-(self.stabilization + 1) :])
            current = min(max(raw if raw > current else min(current, recent), group.minimum), most)
            result[t] = current
        return result


Rule = TargetTracking | StepThresholds | HorizontalPodAutoscaler


@dataclass(frozen=True, slots=True)
class Scheduled:
    """At least `minimum[p]` units at position p of a period that repeats, whatever `inner` wants."""

    inner: Rule
    minimum: tuple[int, ...]
    start: int = 0

    def wanted(self, load: Floats, group: Group) -> Integers:
        floor = np.array(self.minimum)[(self.start + np.arange(len(load))) % len(self.minimum)]
        return group.bounded(np.maximum(self.inner.wanted(load, group), floor))


def _with_cooldowns(asked: Integers, cooldown: int, out_cooldown: int) -> Integers:
    result = np.empty_like(asked)
    current, changed, grown = int(asked[0]), -(10**9), -(10**9)
    for t, want in enumerate(asked.tolist()):
        if want > current and t - grown >= out_cooldown:
            current, changed, grown = want, t, t
        elif want < current and t - changed >= cooldown:
            current, changed = want, t
        result[t] = current
    return result


def lagged(load: Floats, steps: int) -> Floats:
    """The load as it is known `steps` later; before the first step, the first value."""
    return np.concatenate([np.full(min(steps, len(load)), load[0]), load[: max(0, len(load) - steps)]])


# ---- hindsight


def clairvoyant(load: Floats, group: Group, worth: float) -> Integers:
    """The units that a group should have wanted, knowing the load: it minimises Σ billed + worth × Σ unserved, exactly.

    Units are independent of each other: the k-th is worth what it alone would serve, (load − k + 1) within 0 … 1. For each, a
    two-state dynamic program over time chooses when it serves; a run of service is billed for `boot` steps before and `drain`
    after it. What a higher unit would serve a lower one serves too, so that the best runs are nested. O(steps × units).
    """
    units = max(math.ceil(float(load.max())), group.minimum)
    if group.maximum is not None:
        units = min(units, group.maximum)
    served = np.clip(load[:, None] - np.arange(units)[None, :], 0.0, 1.0)
    gain = 1.0 - worth * served  # cost of a step in service, below zero where it pays
    on, off = np.full(units, float(group.drain)), np.zeros(units)
    stay = np.empty((len(load), units), dtype=bool)
    enter = np.empty((len(load), units), dtype=bool)
    for t in range(len(load) - 1, -1, -1):
        # `on`, `off`: cost from t + 1 on, of a unit that served at t or not; `on` holds the drain of a run that ends
        serve = gain[t] + on
        stay[t] = serve <= off + group.drain
        enter[t] = serve + group.boot < off
        on, off = np.where(stay[t], serve, off + group.drain), np.where(enter[t], serve + group.boot, off)
    return _ordered(_serving(stay, enter, group), group)


def _serving(stay: NDArray[np.bool_], enter: NDArray[np.bool_], group: Group) -> NDArray[np.bool_]:
    serving = np.empty_like(stay)
    state = np.zeros(stay.shape[1], dtype=bool)
    for t in range(len(stay)):
        state = np.where(state, stay[t], enter[t])
        serving[t] = state
    serving[:, : group.minimum] = True
    return serving


def _ordered(serving: NDArray[np.bool_], group: Group) -> Integers:
    """The units to want so that these serve: each is ordered `boot` steps ahead."""
    ahead = np.concatenate([serving, np.zeros((group.boot, serving.shape[1]), dtype=bool)])
    wanted = sliding_window_view(ahead, group.boot + 1, axis=0).max(-1)
    ordered: Integers = wanted.sum(1).astype(np.int64)
    return ordered


def clairvoyant_within(load: Floats, group: Group, budget: float) -> Integers:
    """The cheapest of the clairvoyant's plans whose unserved share is at most `budget`; exact on the convex hull of plans."""
    low, high = 0.0, 12.0  # log of what a unit of load served is worth
    for _ in range(14):
        middle = (low + high) / 2
        over = scored(clairvoyant(load, group, math.exp(middle)), load, group).unserved > budget
        low, high = (middle, high) if over else (low, middle)
    return clairvoyant(load, group, math.exp(high))
