"""Machines: what each kind does by the hour, and the truth about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.noisy.loads import ZONES, Array, Maker, clock
from benchmarks.noisy.rows import DAYS, HOURS, Truth

DEV = ("dev", "test", "staging", "qa", "sandbox")
ALL = np.ones(HOURS, bool)
NONE = np.zeros(HOURS, bool)


@dataclass(slots=True)
class Made:
    """One resource before it is written down: loads by metric, tags, properties, truth; `sparse` are billed days of traffic."""

    what: str
    loads: dict[str, Array]
    acts: dict[str, str] = field(default_factory=dict)
    environment: str = ""
    age: int = 400
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    state: str = "running"
    sparse: tuple[int, ...] = ()
    stays: bool = True
    may: tuple[str, ...] = ()

    @property
    def truth(self) -> Truth:
        return Truth(self.what, self.acts, self.may)


def environment(maker: Maker, *, production: float) -> str:
    """Production with this chance; a fifth of all is untagged."""
    name = "production" if maker.chance(production) else str(maker.rng.choice(DEV))
    return "" if maker.chance(0.2) else name


def service(maker: Maker) -> Made:
    zone = str(maker.rng.choice(ZONES))
    loads = maker.service(zone, maker.between(12, 55), float(np.exp(maker.between(10, 15))), maker.between(0.2, 0.8))
    return Made("a service", loads, environment=environment(maker, production=0.8))


def small_service(maker: Maker) -> Made:
    """Little processor, little traffic, and somebody needs it at night too."""
    loads = maker.service(
        str(maker.rng.choice(ZONES)), maker.between(1.5, 5), maker.between(1.5e4, 9e4), maker.between(0.3, 0.7)
    )
    return Made("a small service", loads, environment=environment(maker, production=0.6))


def abandoned(maker: Maker) -> Made:
    """Used until some day, or never within the window."""
    noise = maker.machine_noise()
    env = environment(maker, production=0.3)
    if maker.chance(0.4):
        return Made("never used", noise, {"idle": "Stop"}, env, age=maker.days(100, 900), stays=False)
    ended = maker.until(maker.days(22, 70))
    zone = str(maker.rng.choice(ZONES))
    used = maker.office(zone, 9, 17) if maker.chance(0.5) else ~maker.skip(0.05) & (maker.rng.random(HOURS) < 0.8)
    return Made("abandoned", maker.with_work(noise, used & ended), {"idle": "Stop"}, env, stays=False)


def office(maker: Maker) -> Made:
    zone = str(maker.rng.choice(ZONES))
    used = maker.office(zone, maker.days(7, 9), maker.days(16, 19))
    tags = environment(maker, production=0.0)
    loads = maker.with_work(maker.machine_noise(), used)
    properties = {"timezone": zone} if maker.chance(0.6) else {}
    return Made("office hours", loads, {"schedule": "Schedule"}, tags, properties=properties)


def on_vacation(maker: Maker) -> Made:
    """Its user is away since a week or two, and comes back; perhaps right after the company was closed."""
    zone = str(maker.rng.choice(ZONES))
    used = maker.office(zone, 8, 17) & maker.until(maker.days(8, 12))
    return Made(
        "vacation", maker.with_work(maker.machine_noise(), used), {"schedule": "Schedule"}, environment(maker, production=0)
    )


def production_office(maker: Maker) -> Made:
    """Customers come in office hours, and must find it at any time."""
    used = maker.office(str(maker.rng.choice(ZONES)), 7, 19)
    return Made("production in office hours", maker.with_work(maker.machine_noise(), used), environment="production")


def month_end(maker: Maker) -> Made:
    used = (clock("UTC")[2] >= 29) | (clock("UTC")[2] <= 2)
    loads = maker.with_work(maker.machine_noise(), used & (maker.rng.random(HOURS) < 0.9), 60, 1e6)
    return Made("month end", loads, environment=environment(maker, production=0.6))


def quarterly(maker: Maker) -> Made:
    """A few days each quarter; the bill's traffic shows the earlier ones."""
    last, length = maker.days(0, 91), maker.days(2, 5)
    used = np.zeros(HOURS, bool)
    for back in (last, last + 91):
        if back < DAYS:
            end = HOURS - 24 * back
            used[max(0, end - 24 * length) : end] = True
    days = tuple(last + 91 * n + d for n in range(6) for d in range(length))
    loads = maker.with_work(maker.machine_noise(), used, 60, 1e6)
    return Made("once a quarter", loads, environment=environment(maker, production=0.5), sparse=days, age=700)


def standby(maker: Maker) -> Made:
    tag = [("dr", "warm"), ("role", "standby"), ("failover", "true"), ("Role", "pilot-light")][maker.days(0, 3)]
    return Made("standby", maker.machine_noise(), environment="production", tags=dict([tag]), stays=False)


def bastion(maker: Maker) -> Made:
    """A door: seconds of processor, somebody passes on many days for an hour or more."""
    used = maker.bursts(maker.between(0.35, 0.9), 1, 3)
    loads = maker.with_work(maker.machine_noise(), used, maker.between(0.5, 8), maker.between(8e3, 6e4), least=0.0)
    return Made("a bastion", loads, environment="production" if maker.chance(0.7) else "")


def nightly(maker: Maker) -> Made:
    """Some hours of work each night at the same time."""
    prod = maker.chance(0.5)
    used = maker.nightly(maker.days(2, 5))
    loads = maker.with_work(maker.machine_noise(), used, 70, 2e6)
    return Made(
        "a nightly job", loads, {} if prod else {"schedule": "Schedule"}, "prod" if prod else str(maker.rng.choice(DEV))
    )


def runner(maker: Maker) -> Made:
    """Jobs at any hour of any day."""
    used = maker.rng.random(HOURS) < maker.between(0.15, 0.5)
    return Made(
        "a runner", maker.with_work(maker.machine_noise(), used, 60, 1e6), environment=environment(maker, production=0.1)
    )


def young(maker: Maker) -> Made:
    return Made(
        "new", maker.machine_noise(), environment=environment(maker, production=0.3), age=maker.days(1, 10), stays=False
    )


MACHINES: tuple[tuple[float, Callable[[Maker], Made]], ...] = (
    (28, service), (10, small_service), (9, abandoned), (12, office), (2, on_vacation), (4, production_office), (5, month_end),
    (4, quarterly), (5, standby), (4, bastion), (4, nightly), (5, runner), (4, young),
)  # fmt: skip
"""Shares and kinds of ordinary machines."""


def _accelerated(loads: dict[str, Array], maker: Maker, active: Array) -> dict[str, Array]:
    return loads | {
        "gpu_sm_active": np.minimum(np.where(active, maker.around(65, 0.3), maker.around(0.2, 0.5)), 100),
        "gpu_memory_utilization": np.full(HOURS, maker.between(5, 95)),
    }


def gpu_busy(maker: Maker) -> Made:
    used = np.repeat(maker.rng.random(DAYS) < 0.7, 24) | maker.skip(0.1)
    used[-48:] = True
    return Made("GPU training", _accelerated(maker.with_work(maker.machine_noise(), used), maker, used))


def gpu_held(maker: Maker) -> Made:
    """The run has ended, its memory is still held."""
    used = np.repeat(maker.rng.random(DAYS) < 0.85, 24) & maker.until(maker.days(20, 60))
    loads = _accelerated(maker.with_work(maker.machine_noise(), used), maker, used)
    return Made("GPU held", loads, {"idle": "Stop"}, environment(maker, production=0.2))


def gpu_desk(maker: Maker) -> Made:
    zone = str(maker.rng.choice(ZONES))
    used = maker.office(zone, 9, 17)
    loads = _accelerated(maker.with_work(maker.machine_noise(), used), maker, used)
    return Made("GPU desk", loads, {"schedule": "Schedule"}, str(maker.rng.choice(DEV)), properties={"timezone": zone})


def gpu_new(maker: Maker) -> Made:
    return Made("GPU new", _accelerated(maker.machine_noise(), maker, NONE), age=maker.days(1, 10))


def gpu_quarterly(maker: Maker) -> Made:
    made = quarterly(maker)
    return Made(made.what, _accelerated(made.loads, maker, made.loads["cpu_utilization"] > 20), sparse=made.sparse, age=700)


GPUS: tuple[tuple[float, Callable[[Maker], Made]], ...] = (
    (45, gpu_busy), (20, gpu_held), (15, gpu_desk), (10, gpu_new), (10, gpu_quarterly),
)  # fmt: skip


def choose(kinds: tuple[tuple[float, Callable[[Maker], Made]], ...], maker: Maker) -> Made:
    """One of the kinds, by their shares."""
    weights = np.array([weight for weight, _ in kinds])
    return kinds[int(maker.rng.choice(len(kinds), p=weights / weights.sum()))][1](maker)
