"""Disks, snapshots, addresses and control planes: what inventories of fourteen weeks say, what is billed, and the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.noisy.loads import Maker
from benchmarks.noisy.rows import DAYS, HOURS, Rows, Truth

WEEKS = tuple(range(0, DAYS + 4, 7))
SHORT = tuple(range(60))
DISKS = {"AWS": "AWS::EC2::Volume", "Microsoft Azure": "Microsoft.Compute/disks", "Google Cloud": "compute.googleapis.com/Disk"}
SNAPSHOTS = {
    "AWS": "AWS::EC2::Snapshot",
    "Microsoft Azure": "Microsoft.Compute/snapshots",
    "Google Cloud": "compute.googleapis.com/Snapshot",
}
ADDRESSES = {
    "AWS": "AWS::EC2::EIP",
    "Microsoft Azure": "Microsoft.Network/publicIPAddresses",
    "Google Cloud": "compute.googleapis.com/Address",
}
LOOSE = {"AWS": "available", "Microsoft Azure": "Unattached", "Google Cloud": "READY"}
CHEAPER = ("modernize",)  # where it stays, the newer type is a saving all the same
GPU_MACHINES = ("p4d.24xlarge", "Standard_ND96asr_v4", "a2-highgpu-8g")


def _history(
    rows: Rows, resource: Mapping[str, str], kind: str, age: int, left: int, states: tuple[str, str], **more: Any
) -> None:
    """Inventories week by week: attached until `left` days ago, loose since; -1: attached to this day."""
    for back in WEEKS:
        if back > age:
            continue
        loose = back < left
        state, owner = (states[1], None) if loose else (states[0], f"i-{resource['id'][-6:]}")
        rows.observe(resource, kind, age, back, state=state, attached_to=owner, **more)


def _gp2(maker: Maker, size: float, demanding: bool) -> tuple[float, float]:
    """(IOPS, MiB/s) at the 99th percentile, within what the volume can do."""
    if demanding:
        return maker.between(500, 2500), maker.between(236, 246)
    return maker.between(20, min(2600, max(900, 3 * size))), maker.between(1, 80)


def disk(rows: Rows, resource: dict[str, str], maker: Maker) -> None:
    """Attached, loose since long or short, claimed by a set at rest, left by a quarterly run; gp2 is worth a change of type."""
    provider, size = resource["provider"], float(maker.rng.choice([50, 100, 200, 500, 1000, 2000]))
    kind, draw = DISKS[provider], maker.rng.random()
    old = provider == "AWS" and maker.chance(0.4)
    sku = {"AWS": "gp2" if old else "gp3", "Microsoft Azure": "P10"}.get(provider, "pd-balanced")
    more = {"sku": sku, "size_gib": size, "used_gib": round(size * maker.between(0.02, 0.6), 1)}
    daily = size * (0.10 if old else 0.08) / 30.4
    rows.charge(resource, "GB-Months", sku, daily, size / 30.4, SHORT)
    states = ("in-use", LOOSE[provider])
    if draw < 0.55:
        truth = Truth("a disk", {"modernize": "Resize"} if old else {})
        demanding = old and size == 200 and maker.chance(0.5)
        if demanding:
            truth = Truth("a demanding gp2", {})
        _history(rows, resource, kind, maker.days(100, 900), -1, states, **more)
        iops, mibps = _gp2(maker, size, demanding)
        for name, level in (("ops", iops), ("bytes", mibps * 1024**2)):
            for direction in ("read", "write"):
                values = level / 2 * np.minimum(maker.around(0.6, 0.25), 1.0) * 3600
                if demanding:
                    values = np.full(HOURS, level / 2 * 3600)
                rows.metric(resource["id"], f"disk_{direction}_{name}", "sum", maker.kept(), values)
    elif draw < 0.75:
        truth = Truth("a loose disk", {"idle": "Delete"}, CHEAPER)
        _history(rows, resource, kind, maker.days(120, 900), maker.days(40, 89), states, **more)
    elif draw < 0.85:
        truth = Truth("a disk loose since short", {}, CHEAPER)
        _history(rows, resource, kind, maker.days(100, 900), maker.days(1, 20), states, **more)
    elif draw < 0.93:
        truth = Truth("a claimed disk", {}, CHEAPER)
        claim = {"pvc": "data-0", "pvc_phase": "Bound", "statefulset_replicas": 0}
        _history(rows, resource, kind, maker.days(100, 900), maker.days(20, 80), states, **more, **claim)
    else:
        truth = _left_by_run(rows, resource, maker, kind, states, more)
    rows.truth[resource["id"]] = truth


def _left_by_run(
    rows: Rows, resource: dict[str, str], maker: Maker, kind: str, states: tuple[str, str], more: dict[str, Any]
) -> Truth:
    """An account of its own runs a large machine for a week each quarter; its disks wait."""
    resource["account"] = f"{resource['account']}-{resource['id'][-5:]}"
    rows.charges[-len(SHORT) :] = [(row[0], resource["account"], *row[2:]) for row in rows.charges[-len(SHORT) :]]
    last, length = maker.days(40, 80), maker.days(4, 8)
    _history(rows, resource, kind, 900, last, states, tags={"purpose": "retrain"}, **more)
    machine = GPU_MACHINES[("AWS", "Microsoft Azure", "Google Cloud").index(resource["provider"])]
    for n in range(5):
        run = resource | {"id": f"{resource['id']}-run{n}"}
        days = tuple(last + 91 * n + d for d in range(length))
        rows.charge(run, "Hours", "machine", 700.0, 24, days, machine, "Linux")
    return Truth("a disk of a quarterly run", {}, CHEAPER)


def snapshot(rows: Rows, resource: dict[str, str], maker: Maker) -> None:
    gone, size = maker.chance(0.4), maker.between(20, 3000)
    rows.charge(resource, "GB-Months", "snapshot", size * 0.05 / 30.4, size / 30.4, SHORT)
    image: dict[str, Any] = {}
    if maker.chance(0.8) or gone:
        image = {"image_id": "ami-1", "image_state": "deregistered" if gone else "available"}
    kind = SNAPSHOTS[resource["provider"]]
    rows.observe(resource, kind, maker.days(60, 900), state="completed", stored_gib=size, **image)
    rows.truth[resource["id"]] = Truth("a snapshot", {"idle": "Delete"} if gone else {})


def address(rows: Rows, resource: dict[str, str], maker: Maker) -> None:
    rows.charge(resource, "Hours", "ipv4", 0.005 * 24, 24, SHORT)
    kind, draw = ADDRESSES[resource["provider"]], maker.rng.random()
    states = ("associated", "unassociated")
    if draw < 0.4:
        _history(rows, resource, kind, maker.days(100, 900), maker.days(20, 89), states)
        rows.truth[resource["id"]] = Truth("a loose address", {"idle": "Delete"})
    elif draw < 0.55:
        _history(rows, resource, kind, maker.days(100, 900), maker.days(1, 7), states)
        rows.truth[resource["id"]] = Truth("an address loose since short", {})
    else:
        _history(rows, resource, kind, maker.days(100, 900), -1, states)
        rows.truth[resource["id"]] = Truth("an address", {})


def cluster(rows: Rows, resource: dict[str, str], maker: Maker) -> None:
    """A control plane whose version is in extended support costs six times as much."""
    extended = maker.chance(0.4)
    support = "extended" if extended else "standard"
    rows.charge(resource, "Hours", "control plane", (0.6 if extended else 0.1) * 24, 24, SHORT)
    rows.observe(resource, "AWS::EKS::Cluster", 500, state="ACTIVE", sku=f"eks:{support}", support=support, version="1.29")
    rows.truth[resource["id"]] = Truth("a cluster", {"modernize": "Reconfigure"} if extended else {})


WRITTEN: tuple[tuple[float, str, str, Callable[[Rows, dict[str, str], Maker], None]], ...] = (
    (14, "disk", "", disk),
    (4, "snapshot", "", snapshot),
    (4, "address", "", address),
    (1.5, "cluster", "AWS", cluster),
)
"""Share, word, the only provider that has it, writer."""
