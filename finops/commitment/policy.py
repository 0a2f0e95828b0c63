"""How much to commit to for a term, from the demand seen so far: a forecast of the term's levels and the newsvendor's quantile.

A commitment of level c at discount d pays for its next unit while demand reaches it in more than 1 − d of the term's hours,
so that the best level is the d-quantile of what the term will bring. The forecast is made of scenarios: today's level as
several lookbacks see it, each with the say that its precision gives it, carried on along a shrunken drift, with noise as
large as the series' own (and its siblings') months have shown. Nothing here knows a provider, a unit or a length of series;
all is relative to the series' own level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]

BLOCK_DAYS = 30
"""Changes are measured from month to month: shorter blocks count noise within the month as change."""

YEAR_BLOCKS = 365 / BLOCK_DAYS

FLOOR = 0.02
"""Added to relative levels before logarithms are taken, so that a series that starts or ends has a finite change."""

LEAST_PERSISTENCE = 0.25
"""The long-run variance of monthly changes is at least this share of their variance, however much they undo each other."""

MOST_FOLLOW = 0.9
"""Days that follow one another more closely than this still count as a twentieth of independent ones."""

LEAVING_YEARS = 20.0
"""How many family-years of own history the policy's rate of leaving is worth."""

MONTHLY_CHANGES = 12
"""How many changes seen among a user's families the policy's volatility of a month is worth: a year of one family."""

STEP_DAYS, STEP_GAP = 14, 3
"""A step: two weeks of which the lowest day is above the highest of the two before it, with a few days to start in."""

ENDED = 0.2
"""A step has ended where no more than a fifth of it is left for two weeks."""

ENDING_YEARS = 1.0
"""How many step-years of own history the policy's rate of ending is worth: steps are short, so they soon tell."""


@dataclass(frozen=True, slots=True)
class LevelPolicy:
    """What the forecast takes for granted. How each was chosen: docs/decisions/0012 and 0182.

    lookbacks     days whose demand counts as "now"; each gives one forecast
    caution       quantile of the lookbacks' levels that is bought, weighed by how well each is known: 0 the lowest
    drift         standard deviation of a year's drift before anything is seen (logarithm)
    monthly       standard deviation of a month's change before anything is seen (logarithm)
    prior_months  how many months of own history that is worth
    leaving       rate a year at which the whole usage leaves its scope
    mature        years from which on that rate grows with the square of the usage's age
    ending        rate a year at which what came in one step ends as it came: a project, not a habit. 0: steps do not count
    turns         days over which a decline in progress is looked for; it is taken to go on. Empty: none
    turn_drift    the prior of such a decline's yearly rate
    """

    lookbacks: tuple[int, ...]
    caution: float
    drift: float
    monthly: float
    prior_months: float
    leaving: float
    ending: float = 0.0
    turns: tuple[int, ...] = ()
    turn_drift: float = 1.0
    mature: float = np.inf


BROAD = LevelPolicy((7, 14, 28, 56, 84, 112), caution=0.25, drift=0.3, monthly=0.1, prior_months=2, leaving=0.05)
"""For instruments that follow usage across machines: only a company's whole demand can leave them."""

NARROW = LevelPolicy(
    (7, 14, 28, 56, 112),
    caution=0.5,
    drift=0.3,
    monthly=0.1,
    prior_months=4,
    leaving=0.15,
    ending=0.3,
    turns=(14, 28, 56, 112),
    turn_drift=1.0,
    mature=0.75,
)
"""For locks on one family or machine, which a new generation empties within months."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Scenarios of the term, one array a lookback: steps of the term × scenarios × hours of the day and week, levels ≥ 0.

    stays    the probability, at each step, that the usage has not left
    weights  how much each lookback has to say; they sum to 1
    """

    scenarios: tuple[Floats, ...]
    stays: Floats
    caution: float
    weights: Floats

    def level(self, discount: float) -> float:
        """The level that costs least in expectation at a discount 0 … 1: 0 where nothing pays."""
        gone = float(1 - self.stays.mean())
        if not self.scenarios or gone >= discount:
            return 0.0
        return _between([_quantile(s, self.stays, gone, discount) for s in self.scenarios], self.weights, self.caution)

    def savings(self, level: float, discount: float) -> tuple[Floats, Floats]:
        """Saving per hour of the term of a level bought at a discount, by scenario, and each scenario's probability.

        A scenario that leaves does so at the middle of a step; before that it is what it would have been.
        """
        used = [np.minimum(scenario, level).mean(axis=2) for scenario in self.scenarios]
        steps = len(self.stays)
        ends = np.concatenate([-np.diff(np.concatenate([[1.0], self.stays])), self.stays[-1:]])
        amounts, weights = [], []
        for by_step, say in zip(used, self.weights, strict=True):
            until = np.vstack([np.zeros(by_step.shape[1]), np.cumsum(by_step, axis=0)]) / steps
            amounts.append(until - (1 - discount) * level)
            weights.append(np.broadcast_to(ends[:, None] * say / until.shape[1], until.shape))
        return np.concatenate([a.ravel() for a in amounts]), np.concatenate([w.ravel() for w in weights])


@dataclass(frozen=True, slots=True)
class Siblings:
    """What the user's own families have done: the volatility of a month (None: unknown), how often a year one was left, and
    how often a year what came in one step ended."""

    monthly: float | None
    leaving: float | None
    ending: float | None = None


ALONE = Siblings(None, None)


@dataclass(frozen=True, slots=True)
class Step:
    """The largest sustained rise of a series of days: its size, the day from which it stands, and the one on which it ended."""

    size: float
    begun: int
    ended: int | None


def outlook(
    demand: Floats,
    per_day: int,
    policy: LevelPolicy,
    siblings: Siblings = ALONE,
    years: float = 1.0,
    smaller: float = 1.0,
) -> Outlook:
    """The scenarios of a term of `years` that begins where the demand ends.

    demand    level of each period so far, ≥ 0, the last period last
    per_day   periods a day (24 for hours, 1 for days)
    siblings  what the user's other series of this kind have shown
    smaller   how many times smaller than them it is (`times_smaller`): so many times sooner it leaves or ends
    """
    steps, shares = 8, (np.arange(12) + 0.5) / 12
    count = len(demand) // per_day
    days = demand[len(demand) - count * per_day :].reshape(count, per_day)
    means = days.mean(axis=1)
    stays = _stays((np.arange(steps) + 0.5) * years / steps, means, policy, siblings, smaller)
    if count < 2 * BLOCK_DAYS or means[-7:].max() <= 0:
        return Outlook((), stays, policy.caution, np.zeros(0))
    prior = max(policy.monthly, siblings.monthly or 0.0)
    found, doubts = [], []
    for lookback in policy.lookbacks:
        level = float(means[-lookback:].mean())
        if lookback <= count and level > 0:
            ahead = (np.arange(steps) + 0.5) * years * YEAR_BLOCKS / steps + lookback / 2 / BLOCK_DAYS
            paths = _paths(means, level, ahead, policy, prior, shares)
            hours = np.quantile(days[-lookback:].ravel(), (np.arange(10) + 0.5) / 10)
            found.append(np.multiply.outer(paths, hours))
            doubts.append(prior**2 + _doubt(means[-lookback:]) ** 2)
    says = 1 / np.array(doubts)
    return Outlook(tuple(found), stays, policy.caution, says / says.sum())


def siblings(families: Sequence[Floats], policy: LevelPolicy) -> Siblings:
    """What a user's own families show, from their daily levels; families of less than half a percent of the whole are left out.

    A family counts from its first month to the one in which it fell below a fifth of its peak: then it was left. The rate is
    that of a Gamma prior of `policy.leaving` worth LEAVING_YEARS, and never below it: families are left together, when a new
    generation comes, so that many of them in a year without one say no more than one. Volatility is robust against single
    jumps: the median square, as of a normal, beside MONTHLY_CHANGES of the policy's.
    """
    total = sum(float(f.mean()) for f in families if len(f))
    changes: list[float] = []
    exits, years = 0, 0.0
    for family in families:
        blocks = _blocks(family)
        peak = float(blocks.max(initial=0.0))
        if peak <= 0 or peak < 0.005 * total:
            continue
        alive = blocks[int(np.argmax(blocks > 0.05 * peak)) :]
        fallen = np.flatnonzero(alive < 0.2 * np.maximum.accumulate(alive))
        exits += len(fallen) > 0
        alive = alive[: fallen[0]] if len(fallen) else alive
        years += float(_exposure(np.array(len(alive) / YEAR_BLOCKS), policy))
        changes += np.diff(np.log(alive / peak + FLOOR))[1:].tolist()
    seen = len(changes) * float(np.median(np.square(changes))) / 0.455 if changes else 0.0
    monthly = float(np.sqrt((MONTHLY_CHANGES * policy.monthly**2 + seen) / (MONTHLY_CHANGES + len(changes))))
    leaving = max(policy.leaving, (exits + policy.leaving * LEAVING_YEARS) / (years + LEAVING_YEARS))
    return Siblings(monthly, leaving, _ending(families, policy))


def times_smaller(own: Floats, families: Sequence[Floats]) -> float:
    """How many times smaller a family is now than the one on which an average unit of the whole usage runs; at least 1."""
    levels = np.array([f[-BLOCK_DAYS:].mean() for f in families if len(f)])
    level = float(own[-BLOCK_DAYS:].mean()) if len(own) else 0.0
    return max(1.0, float(levels @ levels) / float(levels.sum()) / level) if level > 0 and levels.any() else 1.0


def largest_step(means: Floats) -> Step | None:
    """The largest step of a series of days; None where no fortnight stands above the one before it."""
    if len(means) < 2 * STEP_DAYS + STEP_GAP:
        return None
    fortnights = sliding_window_view(means, STEP_DAYS)
    lowest, highest = fortnights.min(axis=1), fortnights.max(axis=1)
    rises = lowest[STEP_DAYS + STEP_GAP :] - highest[: -STEP_DAYS - STEP_GAP]
    place = int(np.argmax(rises))
    size, begun = float(rises[place]), place + STEP_DAYS + STEP_GAP
    if size <= 0:
        return None
    fallen = np.flatnonzero(highest[begun:] < highest[place] + ENDED * size)
    return Step(size, begun, begun + int(fallen[0]) if len(fallen) else None)


def _ending(families: Sequence[Floats], policy: LevelPolicy) -> float:
    """How often a year a step ended, steps weighing by their size: Gamma prior of `policy.ending`, worth ENDING_YEARS."""
    steps = [(step, len(family)) for family in families if (step := largest_step(family))]
    sizes = np.array([step.size for step, _ in steps])
    weights = sizes * sizes.sum() / np.square(sizes).sum() if len(sizes) else sizes  # sum to the effective number of steps
    ended = sum(w for w, (step, _) in zip(weights, steps, strict=True) if step.ended is not None)
    years = sum(w * ((step.ended or days) - step.begun) / 365 for w, (step, days) in zip(weights, steps, strict=True))
    return float((ended + policy.ending * ENDING_YEARS) / (years + ENDING_YEARS))


def _stays(years: Floats, means: Floats, policy: LevelPolicy, siblings: Siblings, smaller: float) -> Floats:
    """The probability that usage has not left after so many years: at the policy's rate or the siblings', at its age and size,
    and for the share of today's level that came in one step also at the rate at which such steps end."""
    leaving = policy.leaving if siblings.leaving is None else siblings.leaving
    age = (len(means) - int(np.argmax(means > 0.05 * means.max()))) / 365 if means.any() else 0.0
    stays = np.exp(-smaller * leaving * (_exposure(age + years, policy) - _exposure(np.array(age), policy)))
    ending = policy.ending if siblings.ending is None else siblings.ending
    step = largest_step(means) if policy.ending else None
    level = float(means[-BLOCK_DAYS:].mean()) if len(means) else 0.0
    if step is None or level <= 0:
        return np.asarray(stays)
    share = min(1.0, step.size / level)
    return np.asarray(stays * (1 - share + share * np.exp(-smaller * ending * years)))


def _exposure(age: Floats, policy: LevelPolicy) -> Floats:
    """The years at the rate of leaving of one that is not mature that a life up to an age is worth."""
    late = np.maximum(age - policy.mature, 0)
    return np.asarray(age + late**2 / policy.mature + late**3 / 3 / policy.mature**2)


def _doubt(days: Floats) -> float:
    """The standard error of a lookback's mean, as a share of it: of what is around its trend, as far as days are apart."""
    count, mean = len(days), float(days.mean())
    times = np.arange(count) - (count - 1) / 2
    around = days - mean - times * (times @ days) / (times @ times)
    total = float(around @ around)
    if total <= 0:
        return 0.0
    follow = min(max(float(around[1:] @ around[:-1]) / total, 0.0), MOST_FOLLOW)
    return float(np.sqrt(total / (count - 2) / max(1.0, count * (1 - follow) / (1 + follow)))) / mean


def _between(levels: Sequence[float], weights: Floats, share: float) -> float:
    """The quantile of weighed levels, each standing in the middle of its weight."""
    order = np.argsort(levels, kind="stable")
    reached = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(share, reached, np.asarray(levels)[order]))


def _quantile(scenarios: Floats, stays: Floats, gone: float, discount: float) -> float:
    """The d-quantile of levels, those that left counting as 0."""
    weights = np.broadcast_to(stays[:, None, None], scenarios.shape).ravel()
    levels = scenarios.ravel()
    order = np.argsort(levels)
    reached = np.cumsum(weights[order])
    share = gone + reached / reached[-1] * (1 - gone)
    return float(levels[order][min(int(np.searchsorted(share, discount - 1e-9)), len(levels) - 1)])


def _blocks(means: Floats) -> Floats:
    """Means of the whole blocks that end with the series."""
    count = len(means) // BLOCK_DAYS
    return np.asarray(means[len(means) - count * BLOCK_DAYS :].reshape(count, BLOCK_DAYS).mean(axis=1))


def _paths(means: Floats, level: float, ahead: Floats, policy: LevelPolicy, prior: float, shares: Floats) -> Floats:
    """Levels at the given months ahead × scenarios: the lower of exponential and linear drift, times two-sided noise."""
    blocks = _blocks(means) / level
    changes = np.diff(np.log(blocks + FLOOR))
    months = policy.prior_months + len(changes)
    rate, doubt = _drift(changes, prior, policy)
    linear, _ = _drift(np.diff(blocks), prior, policy)
    trend = np.minimum(np.exp(np.clip(rate * ahead, -20, 3)), np.maximum(1 + linear * ahead, 0))
    around = changes - rate
    own = policy.prior_months * prior**2
    for turn in policy.turns:
        if turn <= len(means):
            decline = _decline(means, level, turn, (own + float(np.square(around).sum())) / months, policy)
            trend = np.minimum(trend, np.exp(np.clip(decline * ahead, -20, 0)))
    down, up = ((own + 2 * float(np.square(side).sum())) / months for side in (np.minimum(around, 0), np.maximum(around, 0)))
    student = stdtrit(months, shares)
    noise = student * np.sqrt(np.where(student < 0, down, up) * ahead[:, None] + doubt * np.square(ahead)[:, None])
    return np.asarray(trend[:, None] * np.exp(np.clip(noise, -20, 3)))


def _drift(changes: Floats, prior: float, policy: LevelPolicy) -> tuple[float, float]:
    """The drift a block and its variance, given the changes: normal around 0 before, their long-run variance as noise.

    Changes that undo each other (noise in the level) say more about the drift than their variance suggests, changes that
    follow each other less: the first autocovariance is added on both sides.
    """
    count = len(changes)
    around = changes - changes.mean()
    total = float(np.square(around).sum())
    if count >= 3:
        total = max(total + 2 * float((around[1:] * around[:-1]).sum()), LEAST_PERSISTENCE * total)
    variance = (policy.prior_months * prior**2 + total) / (policy.prior_months + count - 1)
    doubt = 1 / ((YEAR_BLOCKS / policy.drift) ** 2 + count / variance)
    return doubt * count / variance * float(changes.mean()), doubt


def _decline(means: Floats, level: float, turn: int, variance: float, policy: LevelPolicy) -> float:
    """The rate a block at which the later half of the last `turn` days is below the earlier, as far as noise allows; ≤ 0."""
    earlier, later = float(means[-turn : -(turn // 2)].mean()), float(means[-(turn // 2) :].mean())
    rate = float(np.log((later / level + FLOOR) / (earlier / level + FLOOR))) / (turn / 2 / BLOCK_DAYS)
    own = (policy.turn_drift / YEAR_BLOCKS) ** 2
    return min(0.0, own / (own + variance * 2 * BLOCK_DAYS / turn) * rate)
