"""Fractions of a GPU: what duty cycle, GPU memory and host memory of inference containers would have fitted into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.traces.bar import Bar, Decisions, present
from finops.sizing.curve import FloatArray, load_curve, peak_bound

FILES = (
    "alibaba_genai26_pod_gpu_duty_cycle_anon.parquet",
    "alibaba_genai26_pod_gpu_memory_used_bytes_anon.parquet",
    "alibaba_genai26_pod_memory_util_anon.parquet",
)
DATASET = "alibaba_genai26"
EIGHTHS = np.arange(1, 9) / 8
GIB = 1024.0**3
DEVICES_GIB = (16, 24, 32, 40, 48, 64, 80, 96, 141, 192)
"""Memory of accelerators on the market: the trace does not name its own, which is the smallest that held all it shows."""

RISK = 0.01
"""Share of duty that may go unserved, protocols.md."""


@dataclass(frozen=True, slots=True)
class Container:
    """Samples before and after the cut: age in days at the cut, duty percent, memory GiB, host memory share of its limit."""

    name: str
    age: FloatArray
    duty: FloatArray
    memory: FloatArray
    host: FloatArray
    judged_duty: FloatArray
    judged_memory: FloatArray
    judged_host: FloatArray


def bars(folder: Path, decisions: Decisions) -> Iterator[Bar]:
    """Unserved duty, containers out of memory, and cost, beside whole GPUs and a rule that looks at duty alone."""
    paths = list(present(folder / "gpu", *FILES))
    if len(paths) < len(FILES):
        return
    containers, device, cut, last = _read(paths)
    ours = []
    for container in containers:
        memory = peak_bound(container.age, container.memory)
        host = 1.0 if np.isnan(container.host).all() else peak_bound(container.age, container.host)
        share = _fraction(container, max(memory / device, host))
        ours.append(share)
        choice = {"fraction": share, "memory_gib": round(memory, 3), "host_memory_share": round(min(1.0, host), 4)}
        decisions.log("gpu", DATASET, container.name, cut, last, choice, device_gib=device)
    duty_alone = [_up(min(1.0, float(np.quantile(c.duty, 0.95)) * 1.15 / 100)) for c in containers]
    yield from _results(containers, device, np.array(ours), np.array(duty_alone))


def _fraction(container: Container, memory_share: float) -> float:
    """The least eighths that hold the memory, of the GPU and, as containers share the machine, of the host, and the duty."""
    duty = load_curve(container.age, container.duty)
    place = duty.choice(RISK, list(100 * EIGHTHS))
    return max(_up(min(1.0, memory_share)), float(EIGHTHS[place]))


def _up(share: float) -> float:
    return float(EIGHTHS[np.searchsorted(EIGHTHS, share - 1e-9)])


def _read(paths: Sequence[Path]) -> tuple[list[Container], float, int, int]:
    """Containers with samples on both sides of two thirds of the trace, the device's GiB, the cut, the last input's time."""
    tables = [pq.read_table(path).to_pandas() for path in paths]
    keys = ["container_ip", "timestamp_anon"]
    duty, memory, host = (t.rename(columns={"value": n}) for t, n in zip(tables, ("duty", "memory", "host"), strict=True))
    samples = duty.merge(memory, on=keys).merge(host, on=keys, how="left").sort_values(keys)
    times = samples["timestamp_anon"]
    cut = int(times.min() + (times.max() - times.min()) * 2 / 3)
    device = next(gib for gib in DEVICES_GIB if gib * GIB >= memory["memory"].max())
    found = [_container(str(name), rows, cut) for name, rows in samples.groupby("container_ip")]
    return [c for c in found if c is not None], float(device), cut, int(times[times < cut].max())


def _container(name: str, rows: pd.DataFrame, cut: int) -> Container | None:
    seen, judged = rows[rows["timestamp_anon"] < cut], rows[rows["timestamp_anon"] >= cut]
    if seen.empty or judged.empty:
        return None

    def column(part: pd.DataFrame, what: str, unit: float = 1.0) -> FloatArray:
        return np.asarray(part[what], np.float64) / unit

    age = (cut - seen["timestamp_anon"].to_numpy(dtype=np.float64)) / 86_400
    return Container(
        name,
        age,
        column(seen, "duty"),
        column(seen, "memory", GIB),
        column(seen, "host"),
        column(judged, "duty"),
        column(judged, "memory", GIB),
        column(judged, "host"),
    )


def _results(containers: Sequence[Container], device: float, ours: FloatArray, duty_alone: FloatArray) -> Iterator[Bar]:
    work = sum(float(c.judged_duty.sum()) for c in containers)

    def unserved(shares: FloatArray) -> float:
        above = (np.maximum(c.judged_duty - 100 * s, 0.0).sum() for c, s in zip(containers, shares, strict=True))
        return 100 * float(sum(above)) / work

    def broken(shares: FloatArray) -> float:
        return float(sum(c.judged_memory.max() > s * device for c, s in zip(containers, shares, strict=True)))

    vendors = {"whole GPUs": 1.0, "p95 x 1.15 of duty alone": float(duty_alone.mean())}
    out = {"p95 x 1.15 of duty alone": broken(duty_alone)}
    named = f"{DATASET}, {len(containers)} containers on {device:g} GiB"
    least = unserved(duty_alone)
    yield Bar(
        "gpu: unserved duty %", named, unserved(ours), 1.0, bool(unserved(ours) <= 1.0), {"p95 x 1.15 of duty alone": least}
    )
    yield Bar("gpu: containers out of GPU memory", named, broken(ours), 0.0, broken(ours) == 0, out)
    cost = float(ours.mean())
    yield Bar("gpu: mean fraction of a GPU", named, cost, 1.0, cost < 1.0, vendors)
    perfect = [max(_up(c.judged_memory.max() / device), _up(c.judged_duty.max() / 100)) for c in containers]
    yield Bar("gpu: mean fraction, knowing the judged hours", named, float(np.mean(perfect)), None, None, vendors)
    yield Bar("gpu: containers that duty alone puts out of memory", named, broken(duty_alone), None, None)
    failed = sum(bool(np.nanmax(np.append(c.judged_host, 0.0)) > s) for c, s in zip(containers, ours, strict=True))
    yield Bar("gpu: containers out of host memory", named, float(failed), 0.0, failed == 0)
