"""What a machine type holds, by its name: no API that the connector reads lists machine types.

A type that neither a family's rule nor the table knows has unknown size, never a guessed one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources

CUSTOM = re.compile(r"(?:db-)?(?:(?P<family>[a-z]\w*)-)?custom-(?P<vcpu>\d+)-(?P<mib>\d+)(?:-ext)?")
NUMBERED = re.compile(r"(?P<prefix>[A-Za-z0-9-]+)-(?P<vcpu>\d+)(?:-\w+)?")
ARM = ("t2a", "c4a", "n4a")


def table(name: str) -> list[dict[str, str]]:
    """The lines of `data/<name>.csv`."""
    text = resources.files("connectors.gcp").joinpath("data", f"{name}.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _families() -> dict[str, tuple[float, str]]:
    return {row["prefix"]: (float(row["gib_per_vcpu"]), row["architecture"]) for row in table("machine_families")}


@cache
def _types() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for row in table("machine_types"):
        size: dict[str, object] = {
            "vcpu": int(row["vcpu"]),
            "memory_gib": _whole(float(row["memory_gib"])),
            "architecture": "x86_64",
        }
        if row["gpu_model"]:
            size |= {
                "gpu_model": row["gpu_model"],
                "gpu_count": int(row["gpu_count"]),
                "gpu_memory_gib": int(row["gpu_memory_gib"]),
            }
        found[row["name"]] = size
    return found


@cache
def _accelerators() -> dict[str, tuple[str, int]]:
    return {row["name"]: (row["gpu_model"], int(row["gpu_memory_gib"])) for row in table("accelerators")}


def size(machine: str) -> dict[str, object]:
    """`vcpu memory_gib architecture` and what accelerators belong to the type; {} where it is not known."""
    if machine in _types():
        return dict(_types()[machine])
    if custom := CUSTOM.fullmatch(machine):
        family = custom["family"] or "n1"
        return {
            "vcpu": int(custom["vcpu"]),
            "memory_gib": _whole(int(custom["mib"]) / 1024),
            "architecture": "arm64" if family in ARM else "x86_64",
        }
    numbered = NUMBERED.fullmatch(machine)
    rule = _families().get(numbered["prefix"]) if numbered else None
    if numbered is None or rule is None:
        return {}
    vcpu = int(numbered["vcpu"])
    return {"vcpu": vcpu, "memory_gib": _whole(vcpu * rule[0]), "architecture": rule[1]}


def accelerators(kind: str, count: float) -> dict[str, object]:
    """Of accelerators that are attached to a machine: `nvidia-tesla-t4`, or Vertex AI's `NVIDIA_TESLA_T4`."""
    name = kind.rpartition("/")[2].lower().replace("_", "-")
    if not count or not name or name == "accelerator-type-unspecified":
        return {}
    model, memory = _accelerators().get(name, (name.removeprefix("nvidia-").removeprefix("tesla-").upper(), 0))
    return {"gpu_model": model, "gpu_count": int(count), **({"gpu_memory_gib": memory} if memory else {})}


def accelerator(name: str) -> dict[str, object]:
    """One accelerator by the name that its price has (`nvidia-l4`); {} for what is none."""
    return accelerators(name, 1) if name in _accelerators() else {}


def machine(kind: str, attached: Mapping[str, float] | None = None) -> dict[str, object]:
    """A machine type and what is attached to it (type → number)."""
    found = size(kind)
    for name, count in (attached or {}).items():
        found |= accelerators(name, count)
    return found


@dataclass(frozen=True, slots=True)
class Sold:
    """A machine type and the parts that it is billed as: `n2-core`, `n2-ram` (a GiB), `nvidia-l4`."""

    name: str
    parts: tuple[tuple[str, Decimal], ...]


@cache
def sold() -> tuple[Sold, ...]:
    """Every machine type of Compute Engine whose size is known and that is billed by its parts."""
    names = [f"{row['prefix']}-{count}" for row in table("machine_families") for count in row["sizes"].split()]
    rows = {row["name"]: row for row in table("machine_types")}
    names += [name for name, row in rows.items() if row["billed_vcpu"] or row["gpu_model"]]
    found = []
    for name in names:
        known, row = size(name), rows.get(name, {})
        family = name.partition("-")[0]
        cores = Decimal(row.get("billed_vcpu") or str(known["vcpu"]))
        parts = [(f"{family}-core", cores), (f"{family}-ram", Decimal(str(known["memory_gib"])))]
        if known.get("gpu_model"):
            parts.append(
                (_sold_as(str(known["gpu_model"]), float(str(known["gpu_memory_gib"]))), Decimal(str(known["gpu_count"])))
            )
        found.append(Sold(name, tuple(parts)))
    return tuple(found)


def _sold_as(model: str, memory: float) -> str:
    return next(name for name, held in _accelerators().items() if held == (model, memory))


def _whole(value: float) -> float | int:
    """60.0 → 60: JSON of both is compared as text."""
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded
