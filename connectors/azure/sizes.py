"""What a machine's size holds: cores, memory, accelerators, architecture.

The Resource SKUs API (2021-07-01; Microsoft Learn, "Resource Skus - List", as of 2026-11) gives all but the accelerator's
model and memory, which the size's name stands for (`data/accelerators.csv`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from connectors.azure import arm
from connectors.azure.session import Connection

SKUS = "Microsoft.Compute/skus/read"
VERSION = "2021-07-01"
ARCHITECTURES = {"x64": "x86_64", "arm64": "arm64"}

Specs = Mapping[str, object]


def sizes(connection: Connection, region: str) -> Mapping[str, Specs]:
    """Size in lower case → its specs, in a region; empty where no subscription may be read."""
    subscriptions = arm.subscriptions(connection)
    if not region or not subscriptions:
        return {}
    return connection.once(("sizes", region), lambda: _sizes(connection, subscriptions[0], region))


def specs(connection: Connection, region: object, size: object) -> dict[str, object]:
    """The specs of one size; empty where they are not known."""
    if not size:
        return {}
    return dict(sizes(connection, str(region or "").replace(" ", "").lower()).get(str(size).lower(), {}))


def _sizes(connection: Connection, subscription: str, region: str) -> Mapping[str, Specs]:
    path = f"subscriptions/{subscription}/providers/Microsoft.Compute/skus"
    chosen = {"$filter": f"location eq '{region}'"}
    listed = arm.listed(connection, "compute:Skus", SKUS, path, VERSION, **chosen)
    return {str(sku["name"]).lower(): _specs(sku) for sku in listed if sku.get("resourceType") == "virtualMachines"}


def _specs(sku: Mapping[str, Any]) -> Specs:
    has = {str(entry["name"]): str(entry["value"]) for entry in sku.get("capabilities", ())}
    gpus = int(float(has.get("GPUs", 0)))
    known: dict[str, object] = {
        "vcpu": int(has["vCPUs"]) if "vCPUs" in has else None,
        "memory_gib": _number(has.get("MemoryGB")),
        "architecture": ARCHITECTURES.get(has.get("CpuArchitectureType", "").lower()),
    }
    if gpus:
        known |= {"gpu_count": gpus, **accelerator(str(sku["name"]))}
    return {name: value for name, value in known.items() if value is not None}


def accelerator(size: str) -> dict[str, object]:
    """Model and memory of one accelerator (or the part of one) of a size; empty where its name is not known."""
    for pattern, model, memory in _accelerators():
        if pattern.fullmatch(size):
            return {"gpu_model": model, "gpu_memory_gib": memory}
    return {}


@cache
def _accelerators() -> tuple[tuple[re.Pattern[str], str, int | float], ...]:
    text = resources.files("connectors.azure").joinpath("data", "accelerators.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple((re.compile(row["size"]), row["gpu_model"], _number(row["gpu_memory_gib"]) or 0) for row in rows)


def _number(text: str | None) -> int | float | None:
    """Whole numbers as such: the open format's numbers are compared as text in places."""
    if text is None:
        return None
    value = float(text)
    return int(value) if value.is_integer() else value
