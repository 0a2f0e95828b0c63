"""The log of single decisions on small traces: what was known lies before each, and what comes after changes none."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from benchmarks.traces import autoscaling, spot, storage_tiering
from benchmarks.traces.__main__ import kinds, main
from benchmarks.traces.stored_objects import ReadLaw, prefix
from finops.storage.lifecycle import Batches

Log = list[dict[str, Any]]
Floats = NDArray[np.float64]
Later = Callable[[Floats, int], Floats]
"""What a series is from a place on."""

Since = Mapping[str, int | str]
"""Dataset → where its traces begin to differ."""

SEED = 7


def commitments(folder: Path, later: Later) -> Since:
    """Two decisions a year apart by hours, thirteen by days."""
    g = np.random.default_rng(SEED)
    hours = pd.date_range("2024-01-01", periods=2880 + 365 + 8760, freq="h")
    table = later(g.poisson(20, (len(hours), 2)).astype(float), 3000)
    parts = [pd.DataFrame({"hour": hours, "region": 1, "vm_type": name, "vms": table[:, j]}) for j, name in enumerate("AB")]
    _write(pd.concat(parts), folder / "demand/snowflake_vm_demand_hourly.parquet")
    days = later(g.poisson(9, (120 + 365 + 180, 2)).astype(float), 200)
    fleet = pd.DataFrame({"day_idx": np.arange(len(days)), "m5.large": days[:, 0], "c5.large": days[:, 1]})
    _write(fleet, folder / "demand/ufcg_aws_daily_instances_2y.parquet")
    prices = pd.DataFrame({"cloud": "aws", "sku": ["m5.large", "c5.large"], "od_usd_h": [0.096, 0.085]})
    (folder / "prices").mkdir()
    prices.to_csv(folder / "prices/instance_prices.csv.gz", index=False)
    return {"snowflake": 3000, "ufcg": 200}


def availability(folder: Path, later: Later) -> Since:
    g = np.random.default_rng(SEED)
    blocks = np.repeat(g.random(90) < 0.6, 7).astype(float)
    row = {"campaign": "c", "resource": "gpu", "zone": "a", "nodes": 1, "gap_seconds": 600}
    _write(pd.DataFrame([row | {"data": later(blocks, 500)}]), folder / "spot/nsdi24_spot_traces.parquet")
    return {"nsdi24_spot_traces": 500}


def requests(folder: Path, later: Later) -> Since:
    """By the minute as moments, and by counted steps of the serving trace."""
    g, start = np.random.default_rng(SEED), pd.Timestamp("2026-03-01")
    load = (40 + 30 * np.sin(np.arange(480) / 40)).round()
    counts = np.append(later(g.poisson(load).astype(float), 330), 1).astype(int)
    moments = start + pd.to_timedelta(np.repeat(np.arange(len(counts)), np.maximum(counts, 1)), unit="min")
    _write(pd.DataFrame({"TIMESTAMP": moments}), folder / "llm/azure_llm_2026_chat.parquet")
    served = later(g.gamma(4.0, 5.0, 400), 300)
    frame = pd.DataFrame({"timestamp_anon": 57.0 * np.arange(len(served)), "value": served})
    _write(frame, folder / "requests/alibaba_genai26_qps.parquet")
    return {"azure_llm_2026_chat": str(start + pd.Timedelta(minutes=330)), "alibaba_genai26_qps": 300}


def machines(folder: Path, later: Later) -> Since:
    g, steps = np.random.default_rng(SEED), 28 * 288
    start, fit = pd.Timestamp("2026-03-01"), 14 * 288
    loads = [later(np.clip(g.gamma(2.0, 10.0, steps), 0, 100), fit) for _ in range(2)]
    stamps = pd.date_range(start, periods=steps, freq="5min")
    parts = [pd.DataFrame({"vm": f"vm-{i}", "ts": stamps, "cpu_pct_x100": load * 100}) for i, load in enumerate(loads)]
    _write(pd.concat(parts), folder / "azurevm/azure_160vm_avgcpu_5min.parquet")
    short = [later(load[: 24 * 12], 192) for load in loads]
    _write(pd.DataFrame({"vm": ["a", "b"], "cpu_pct": short}), folder / "planetlab/planetlab_20260301.parquet")
    half = str(start + pd.Timedelta(days=14))
    return {"azurevm, days 15-21": half, "azurevm, days 22-28": half, "planetlab_20260301": 192}


def accelerators(folder: Path, later: Later) -> Since:
    g, steps = np.random.default_rng(SEED), 301
    for what, scale in (("gpu_duty_cycle", 40.0), ("gpu_memory_used_bytes", 6 * 1024.0**3), ("memory_util", 0.4)):
        values = later(scale * g.uniform(0.5, 1.5, steps), 200)
        frame = pd.DataFrame({"container_ip": "10.0.0.1", "timestamp_anon": 300 * np.arange(steps), "value": values})
        _write(frame, folder / f"gpu/alibaba_genai26_pod_{what}_anon.parquet")
    return {"alibaba_genai26": 60_000}


def objects(folder: Path, _: Later) -> Since:
    """Of the file the law of reads alone is read; what comes later is generated, and has a test of its own."""
    (folder / "storage").mkdir()
    counts = pd.DataFrame({"reads": [1, 2, 5, 20], "readfrom": [60, 25, 10, 5]})
    counts.to_csv(folder / "storage/cern_eos_readmany.csv.gz", index=False)
    return {}


TRACES = {
    "commitments": commitments,
    "spot": availability,
    "autoscaling": requests,
    "rightsizing": machines,
    "gpu": accelerators,
    "storage_tiering": objects,
}


def _write(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path)


def as_it_came(values: Floats, _: int) -> Floats:
    return values


def otherwise(values: Floats, since: int) -> Floats:
    """The same amounts in another order from there on: traces are scaled by their own quantiles."""
    return np.concatenate([values[:since], np.random.default_rng(SEED).permutation(values[since:])])


def before(one: object, other: object) -> bool:
    """Counted steps, or moments."""
    if isinstance(one, int) and isinstance(other, int):
        return one < other
    return bool(pd.Timestamp(str(one)) < pd.Timestamp(str(other)))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer jobs, boots and prefixes than the bars have."""
    monkeypatch.setenv("FINOPS_SEED", "5")
    monkeypatch.setattr(spot, "SLACKS", (1.25,))
    monkeypatch.setattr(spot, "STARTS", 1)
    monkeypatch.setattr(autoscaling, "OTHER_BOOTS", ())
    monkeypatch.setattr(storage_tiering, "PREFIXES", 1)
    monkeypatch.setattr(storage_tiering, "LARGE", (20, 60))
    monkeypatch.setattr(storage_tiering, "REPORTED", 1)


def logged(kind: str, folder: Path, later: Later) -> tuple[Log, Since]:
    """The rows that `python -m benchmarks.traces KIND --decisions FILE` writes, and where the traces begin to differ."""
    folder.mkdir()
    since, log = TRACES[kind](folder, later), folder / "decisions.jsonl"
    sys.argv = ["benchmarks.traces", kind, "--data", str(folder), "--decisions", str(log)]
    with pytest.raises(SystemExit):
        main()
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()], since


def known(rows: Log, since: Since) -> Log:
    """What was decided without any input of where the traces differ."""
    names = ("dataset", "series", "time", "choice")
    mine = [row for row in rows if row["dataset"] in since and before(row["last_input"], since[row["dataset"]])]
    return [{name: row[name] for name in names} for row in mine]


def test_every_kind_with_traces_is_here() -> None:
    assert set(TRACES) == set(kinds()) - {"idle"}


@pytest.mark.parametrize("kind", TRACES)
def test_the_last_input_lies_before_the_decision_and_what_comes_later_changes_nothing(
    kind: str, tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [])
    rows, since = logged(kind, tmp_path / "one", as_it_came)
    assert {row["kind"] for row in rows} == {kind}
    assert all(row["series"] is not None and row["choice"] is not None for row in rows)
    assert all(before(row["last_input"], row["time"]) for row in rows)
    if since:
        again, _ = logged(kind, tmp_path / "other", otherwise)
        assert {row["dataset"] for row in known(rows, since)} == set(since)
        assert known(rows, since) == known(again, since)


def test_a_schedule_follows_from_what_was_written_read_and_deleted_before_it() -> None:
    law = ReadLaw(np.array([1, 2, 5, 20]), np.array([0.6, 0.25, 0.1, 0.05]))
    one = prefix(np.random.default_rng(SEED), law, "p", (20, 60))

    def ended(batches: Batches) -> Batches:
        """Nothing is read any more, and what is there is deleted in another order."""
        seen, there = batches.read_day < 0, batches.dies > 0
        dies = batches.dies.copy()
        dies[there] = np.random.default_rng(SEED).permutation(dies[there])
        return Batches(
            batches.born, dies, batches.weights, batches.read_of[seen], batches.read_day[seen], batches.reads[:, seen]
        )

    changed = type(one)(one.name, ended(one.small), ended(one.large))
    steps = [{provider: chosen for provider, (chosen, _) in storage_tiering.judged(p).items()} for p in (one, changed)]
    assert steps[0] == steps[1]
