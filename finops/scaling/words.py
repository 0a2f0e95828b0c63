"""A policy that was found, as an action with the numbers of a provider's scaler, and in words."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np

from finops.model import Fact, Scale
from finops.scaling.foresight import must_hold
from finops.scaling.group import Floats, HorizontalPodAutoscaler, Scheduled, StepThresholds, scored
from finops.scaling.search import WINDOW, Found
from finops.scaling.traffic import peak_hours, spans


def action_of(found: Found, now: str, most: int, boot: float, served: float | None) -> Scale:
    """At most `most` units, each of which starts in `boot` minutes and serves so many requests a second where that is known."""
    rule = found.rule
    return Scale(
        now,
        f"min {found.group.minimum}, max {most}, target {rule.target:.0%}",
        scale_in=math.floor(100 * found.scale_in + 1e-9),
        cooldown=60 * rule.cooldown,
        step=rule.step if isinstance(rule, StepThresholds) else 1,
        boot=round(60 * boot),
        per_minute=round(60 * served * rule.target) if served else 0,
        hours=spans(found.policy.minimum) if isinstance(found.policy, Scheduled) else (),
    )


def policy_text(found: Found, action: Scale, load: Floats, start: datetime) -> tuple[str, ...]:
    """The policy in the words that scalers of all providers know; `load` is by the minute from `start` on."""
    rule, minutes = found.rule, action.cooldown // 60
    at_once = f", {action.step} at once" if action.step > 1 else ""
    over = f" over {WINDOW} minutes" if isinstance(rule, StepThresholds) else ""
    text = [
        f"scale out above {rule.target:.0%} of what a replica holds{over}, scale in below {action.scale_in}%{at_once}",
        _pauses(found, minutes, action.boot / 60),
    ]
    if action.per_minute:
        text.append(f"target of requests per replica and minute: {action.per_minute}")
    if action.hours:
        said = ", ".join(f"{first:02d}–{until:02d}: {least}" for first, until, least in action.hours)
        text.append("scheduled minimum by hour (UTC): " + said)
    text.append(peak_hours(load, start))
    return tuple(text)


def _pauses(found: Found, minutes: int, boot: float) -> str:
    why = f"({boot:g} to start a replica and one to see it)"
    if isinstance(found.rule, StepThresholds):
        return f"cooldowns: {minutes} minutes after a scale-out and after a scale-in {why}"
    if isinstance(found.rule, HorizontalPodAutoscaler):
        return f"scale-in to the highest number that was wanted within {minutes} minutes {why}, none before a scale-out"
    return f"cooldowns: none before a scale-out, {minutes} minutes before a scale-in {why}"


def replay_facts(load: Floats, found: Found, count: float) -> tuple[Fact, ...]:
    """What the replay came to beside `count` units today and beside hindsight."""
    last = load[len(load) // 2 :]
    held = scored(found.policy.wanted(last, found.group), last, found.group)
    best = scored(found.group.bounded(np.ceil(must_hold(load, found.group.boot))), load, found.group)
    return (
        Fact("replicas", round(count, 2), "mean of 30 days", "metric_samples"),
        Fact(
            "replicas needed",
            round(found.fit.unit_steps / len(load), 3),
            "mean of the replay, starting ones included",
            "replay",
        ),
        Fact("load", round(float(load.mean()), 3), "replicas, mean", "metric_samples"),
        Fact("load", round(float(load.max()), 3), "replicas, highest", "metric_samples"),
        Fact("unserved in the later half", round(100 * held.unserved, 4), "%", "replay"),
        Fact("cost over hindsight's", round(found.fit.unit_steps / best.unit_steps, 3), "", "replay"),
    )
