"""What shows use, by kind of resource: the metrics that work moves, which of them must be there, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from finops.activity.streaks import Grade, Signal

# Compute Optimizer and Cost Explorer call ≤ 5 % at peak idle (2023). A backup computes for up to two hours a night, at most at
# 30 %; patches and virus scans take three hours on few days.
CPU = Signal("cpu_utilization", 5.0, "%", "level", far=30.0, quiet_hours=2, upkeep_hours=3)
# Idle machines, by a provider: rx < 2000 B/s, tx < 1000 B/s (2024). Backups send; an hour of receiving is a patch or a visit.
RECEIVED = Signal("network_in_bytes", 2000.0, "B/s", "rate", upkeep_hours=1, upkeep=Grade.TOUCH)
SENT = Signal("network_out_bytes", 1000.0, "B/s", "rate", quiet_hours=2, upkeep_hours=3)
SM = Signal("gpu_sm_active", 5.0, "%", "level")  # below 5 % a GPU waits (DCGM guidance); held memory is not work
GPU = Signal("gpu_utilization", 5.0, "%", "level")
DUTY = Signal("tpu_duty_cycle", 1.0, "%", "level")
UNITS = Signal("ptu_utilization", 0.0, "% of its units", "highest")  # of provisioned throughput; any use is a request
REQUESTS = Signal("requests", 0.0, "requests a day")
KERNELS = Signal("kernels_active", 0.0, "kernels", "highest")
JOBS = Signal("jobs_running", 0.0, "jobs", "highest")
QUERIES = Signal("queries", 0.0, "queries a day")
CONNECTIONS = Signal("connections", 3.0, "connections", "steady")  # a monitor keeps one to three open, always
FLOWS = Signal("connections", 0.0, "connections", "highest")
READS = Signal("disk_read_ops", 0.0, "operations a day")
WRITES = Signal("disk_write_ops", 0.0, "operations a day")
BYTES_IN = Signal("network_in_bytes", 0.0, "bytes a day")
BYTES_OUT = Signal("network_out_bytes", 0.0, "bytes a day")
WATCHED = Signal("connections", 6.0, "connections", "steady")  # ElastiCache watches a node over four to six of its own (2024)


@dataclass(frozen=True, slots=True)
class ByUse:
    """Idle by what its metrics show: of each group of `needs` one must be there; all present, `also` too, must be idle."""

    needs: tuple[tuple[Signal, ...], ...]
    action: Literal["Delete", "Stop"]
    also: tuple[Signal, ...] = ()

    @property
    def signals(self) -> list[Signal]:
        return [signal for group in (*self.needs, self.also) for signal in group]


VM = ByUse(((CPU,), (RECEIVED,), (SENT,)), "Stop", (CONNECTIONS, REQUESTS))
GPU_VM = ByUse(((SM, GPU), (CPU,), (RECEIVED, SENT)), "Stop", (JOBS, KERNELS, REQUESTS))
ENDPOINT = ByUse(((REQUESTS,),), "Delete")
THROUGHPUT = ByUse(((REQUESTS, UNITS),), "Delete")
NOTEBOOK = ByUse(((KERNELS, JOBS, SM, GPU, CPU),), "Stop")
TPU = ByUse(((DUTY,),), "Delete", (JOBS,))
DATABASE = ByUse(((CONNECTIONS,), (CPU,)), "Delete", (RECEIVED, QUERIES))
WAREHOUSE = ByUse(((QUERIES, CONNECTIONS),), "Delete")
GATEWAY = ByUse(((BYTES_OUT,), (BYTES_IN,)), "Delete", (FLOWS,))
CACHE = ByUse(((FLOWS,), (CPU,)), "Delete", (RECEIVED, REQUESTS, QUERIES))
WATCHED_CACHE = ByUse(((REQUESTS,), (WATCHED,), (CPU,)), "Delete", (RECEIVED, QUERIES))
BROKER = ByUse(((FLOWS,), (RECEIVED, REQUESTS)), "Delete")
SEARCH = ByUse(((QUERIES,), (REQUESTS, CPU)), "Delete", (RECEIVED,))

USES: Mapping[str, ByUse] = {
    "machine": VM,
    "endpoint": ENDPOINT,
    "throughput": THROUGHPUT,
    "model_deployment": THROUGHPUT,
    "tpu": TPU,
    "ml_compute": NOTEBOOK,
    "notebook": NOTEBOOK,
    "notebook_machine": NOTEBOOK,
    "database": DATABASE,
    "database_always_on": DATABASE,
    "memory_database": CACHE,
    "cache": CACHE,
    "broker": BROKER,
    "search": SEARCH,
    "warehouse": WAREHOUSE,
    "nat_gateway": GATEWAY,
}
"""By kind."""
