"""Endpoints, databases, notebooks, pools, warehouses, accelerators: what each kind does by the hour, and the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.noisy.loads import ZONES, Array, Maker, clock
from benchmarks.noisy.machines import ALL, DEV, NONE, Made, environment
from benchmarks.noisy.rows import DAYS, HOURS

Kinds = tuple[tuple[float, Callable[[Maker], Made]], ...]


def _requests(maker: Maker, level: Array) -> dict[str, Array]:
    return {"requests": maker.rng.poisson(level).astype(float), "cpu_utilization": maker.around(4, 0.4)}


def endpoint_busy(maker: Maker) -> Made:
    wave = maker.service(str(maker.rng.choice(ZONES)), 30, float(np.exp(maker.between(0, 9))), maker.between(0.05, 0.6))
    return Made("an endpoint", _requests(maker, wave["network_in_bytes"]), state="InService")


def endpoint_left(maker: Maker) -> Made:
    """The other colour of a deployment, or a demo: nothing since a while."""
    wave = maker.service("UTC", 30, maker.between(5, 500), 0.3)["network_in_bytes"] * maker.until(maker.days(20, 75))
    level = wave if maker.chance(0.7) else NONE * 1.0
    return Made("a leftover endpoint", _requests(maker, level), {"idle": "Delete"}, environment(maker, production=0.6))


def endpoint_rare(maker: Maker) -> Made:
    """Some days a month, or at the month's end."""
    if maker.chance(0.5):
        used = np.repeat(maker.rng.random(DAYS) < maker.between(0.1, 0.3), 24)
    else:
        used = clock("UTC")[2] == maker.days(1, 28)
    return Made("a rare endpoint", _requests(maker, used * maker.between(1, 20)))


def endpoint_low(maker: Maker) -> Made:
    """0.2 requests a second or less, two replicas declared."""
    return Made("a quiet endpoint", _requests(maker, ALL * maker.between(20, 700)), properties={"min_replicas": 2})


def endpoint_probed(maker: Maker) -> Made:
    """Nobody but a probe calls, every five minutes."""
    return Made("a probed endpoint", {"requests": ALL * 12.0, "cpu_utilization": maker.around(2, 0.3)}, {"idle": "Delete"})


ENDPOINTS: Kinds = ((50, endpoint_busy), (24, endpoint_left), (12, endpoint_rare), (12, endpoint_low), (2, endpoint_probed))


def _database(connections: Array, cpu: Array, rate: Array) -> dict[str, Array]:
    return {
        "connections": np.round(connections),
        "cpu_utilization": np.minimum(cpu, 100),
        "network_in_bytes": rate,
    }


def database_busy(maker: Maker) -> Made:
    wave = maker.service(str(maker.rng.choice(ZONES)), maker.between(8, 60), 1e5, 0.4)
    pool = maker.between(10, 200) * (0.8 + 0.4 * maker.rng.random(HOURS))
    loads = _database(pool, wave["cpu_utilization"], wave["network_in_bytes"])
    return Made("a database", loads, environment="production", state="available")


def database_left(maker: Maker) -> Made:
    """A monitor keeps a connection or two; a backup each night."""
    noise = maker.machine_noise()
    used = (np.repeat(maker.rng.random(DAYS) < 0.8, 24) & maker.until(maker.days(25, 70))) if maker.chance(0.6) else NONE
    pool = ALL * maker.days(0, 2) + used * maker.between(3, 30)
    loads = _database(pool, noise["cpu_utilization"] + used * 20, noise["network_in_bytes"] + used * 1e5)
    return Made("a leftover database", loads, {"idle": "Delete"}, environment(maker, production=0.3), state="available")


def database_replica(maker: Maker) -> Made:
    """Nobody reads it; what its primary writes arrives. Half of them say what they are."""
    noise = maker.machine_noise()
    loads = _database(ALL * 1.0, noise["cpu_utilization"], maker.around(maker.between(1e4, 2e5), 0.2))
    said = {"read_replica": True} if maker.chance(0.5) else {}
    return Made("a replica", loads, environment="production", state="available", properties=said)


def database_rare(maker: Maker) -> Made:
    """Somebody looks something up, some hours a week."""
    used = maker.bursts(0.4, 1, 3)
    noise = maker.machine_noise()
    loads = _database(used * 1.0, noise["cpu_utilization"], noise["network_in_bytes"] + used * 5e3)
    return Made("a rare database", loads, environment="production", state="available")


def database_office(maker: Maker) -> Made:
    zone = str(maker.rng.choice(ZONES))
    used = maker.office(zone, 8, 18)
    noise = maker.machine_noise()
    pool = ALL * maker.days(0, 2) + used * maker.days(4, 20)
    cpu = noise["cpu_utilization"] + used * maker.around(15, 0.4)
    loads = _database(pool, cpu, noise["network_in_bytes"] + used * 5e4)
    env, properties = str(maker.rng.choice(DEV)), {"timezone": zone}
    return Made("a development database", loads, {"schedule": "Schedule"}, env, properties=properties, state="available")


DATABASES: Kinds = ((50, database_busy), (14, database_left), (12, database_replica), (8, database_rare), (16, database_office))


def _kernels(maker: Maker, used: Array) -> dict[str, Array]:
    return {
        "kernels_active": used * 1.0,
        "cpu_utilization": np.minimum(maker.around(1, 0.3) + used * maker.around(20, 0.5), 100),
    }


def notebook_used(maker: Maker) -> Made:
    used = maker.bursts(maker.between(0.3, 0.8), 1, 6)
    used[-24 * 9 : -24 * 9 + 3] = True
    return Made("a notebook", _kernels(maker, used), {"schedule": "Schedule"}, state="InService")


def notebook_left(maker: Maker) -> Made:
    used = maker.bursts(0.6, 1, 6) & maker.until(maker.days(22, 70))
    return Made("a leftover notebook", _kernels(maker, used), {"idle": "Stop"}, state="InService")


def notebook_busy(maker: Maker) -> Made:
    return Made("a busy notebook", _kernels(maker, maker.rng.random(HOURS) < maker.between(0.75, 1.0)), state="InService")


NOTEBOOKS: Kinds = ((55, notebook_used), (25, notebook_left), (20, notebook_busy))


def pool_office(maker: Maker) -> Made:
    zone = str(maker.rng.choice(ZONES))
    loads = {"pods_running": maker.office(zone, maker.days(7, 9), maker.days(17, 20)) * np.round(maker.around(20, 0.3) + 1)}
    return Made(
        "a development pool", loads, {"schedule": "Schedule"}, str(maker.rng.choice(DEV)), properties={"timezone": zone}
    )


def pool_busy(maker: Maker) -> Made:
    pods = np.round(maker.service(str(maker.rng.choice(ZONES)), 60, 100, 0.3)["cpu_utilization"]) + 1
    return Made("a pool", {"pods_running": pods}, environment=environment(maker, production=0.8))


POOLS: Kinds = ((45, pool_office), (55, pool_busy))


def warehouse_office(maker: Maker) -> Made:
    zone = str(maker.rng.choice(ZONES))
    queries = maker.office(zone, 8, 19) * (1 + maker.rng.poisson(30, HOURS))
    properties = {"timezone": zone} if maker.chance(0.5) else {}
    return Made(
        "a warehouse", {"queries": queries * 1.0}, {"schedule": "Schedule"}, str(maker.rng.choice(DEV)), properties=properties
    )


def warehouse_busy(maker: Maker) -> Made:
    used = maker.office("UTC", 8, 19) | maker.nightly(4) | (maker.rng.random(HOURS) < 0.5)
    return Made("a warehouse around the clock", {"queries": used * 40.0}, environment=environment(maker, production=0.5))


def warehouse_left(maker: Maker) -> Made:
    queries = maker.office("UTC", 8, 19) * 20.0 * maker.until(maker.days(25, 70))
    return Made("a leftover warehouse", {"queries": queries}, {"idle": "Delete"}, "dev")


WAREHOUSES: Kinds = ((45, warehouse_office), (40, warehouse_busy), (15, warehouse_left))


def tpu_busy(maker: Maker) -> Made:
    used = np.repeat(maker.rng.random(DAYS) < 0.8, 24)
    used[-30:] = True
    return Made("a TPU", {"tpu_duty_cycle": used * np.minimum(maker.around(60, 0.3), 100)}, state="READY")


def tpu_left(maker: Maker) -> Made:
    age = maker.days(20, 80)
    made = np.arange(HOURS) >= HOURS - 24 * age
    return Made("a TPU unused", {"tpu_duty_cycle": np.where(made, 0.0, np.nan)}, {"idle": "Delete"}, age=age, state="READY")


TPUS: Kinds = ((60, tpu_busy), (40, tpu_left))


def gateway_busy(maker: Maker) -> Made:
    """From terabytes down to three gigabytes a month: some network's only way out."""
    rate = maker.around(float(np.exp(maker.between(7, 16))), 0.5)
    return Made("a gateway", {"network_out_bytes": rate, "network_in_bytes": rate * 3}, state="available")


def gateway_left(maker: Maker) -> Made:
    used = maker.until(maker.days(25, 89)) * maker.around(1e4, 0.5)
    loads = {"network_out_bytes": used, "network_in_bytes": used}
    return Made("a gateway unused", loads, {"idle": "Delete"}, properties={"only_egress_of_vpc": False}, state="available")


def gateway_kept(_: Maker) -> Made:
    loads = {"network_out_bytes": NONE * 1.0, "network_in_bytes": NONE * 1.0}
    return Made("the only way out", loads, environment="production", properties={"only_egress_of_vpc": True}, state="available")


GATEWAYS: Kinds = ((65, gateway_busy), (25, gateway_left), (10, gateway_kept))


def balancer_busy(maker: Maker) -> Made:
    loads = {"requests": maker.rng.poisson(500, HOURS) * 1.0, "healthy_targets": ALL * 3.0}
    return Made("a balancer", loads, properties={"target_count": 3}, state="active")


def balancer_left(maker: Maker) -> Made:
    used = maker.until(maker.days(25, 80))
    loads = {"requests": maker.rng.poisson(50, HOURS) * used * 1.0, "healthy_targets": used * 2.0}
    return Made("a balancer unused", loads, {"idle": "Delete"}, properties={"target_count": 0}, state="active")


def balancer_switching(maker: Maker) -> Made:
    """Between two deployments: no targets this week."""
    used = maker.until(maker.days(1, 6))
    loads = {"requests": maker.rng.poisson(50, HOURS) * used * 1.0, "healthy_targets": used * 2.0}
    return Made("a balancer between deployments", loads, properties={"target_count": 0}, state="active")


BALANCERS: Kinds = ((60, balancer_busy), (30, balancer_left), (10, balancer_switching))
