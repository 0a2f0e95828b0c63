"""Spot of the sizes that there are: how often Azure takes machines back, as Resource Graph has it by size and region.

Microsoft Learn, "Use Azure Spot Virtual Machines" (as of 2026-11): eviction rates are quoted per hour (10 per cent is the
chance to be evicted within the next hour), of the last 28 days, in the table `spotresources` as bands: `0-5` … `15-20`, `20+`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from connectors.azure import arm
from connectors.azure.resources import of
from connectors.azure.resources_compute import SCALE_SETS, VM, reads
from connectors.azure.resources_ml import COMPUTES, WORKSPACES, computes
from connectors.azure.session import Connection
from finops.connect import Part, Rows, Stream
from finops.window import Window

COLUMNS = ("provider", "region", "sku", "timestamp", "interruption_band")
RATES = "microsoft.compute/skuspotevictionrate/location"
REGION = re.compile(r"[a-z0-9]+")
BAND = re.compile(r"\d+-\d+|\d+\+")


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a region with machines: (its name, their sizes by their name in lower case)."""
    found: dict[str, dict[str, set[str]]] = {}
    for region, size in _sizes(connection):
        where = region.replace(" ", "").lower()
        if REGION.fullmatch(where) and size:
            found.setdefault(where, {}).setdefault(size.lower(), set()).add(size)
    return [Part(f"{region} eviction rates", handle=(region, sizes)) for region, sizes in sorted(found.items())]


def _sizes(connection: Connection) -> Iterator[tuple[str, str]]:
    """Region and size of machines, scale sets, and computes of Azure Machine Learning, as the inventory spells them."""
    for machine in arm.of_type(connection, VM):
        yield str(machine.get("location") or ""), str(of(machine, "properties", "hardwareProfile", "vmSize") or "")
    for scale in arm.of_type(connection, SCALE_SETS):
        yield str(scale.get("location") or ""), str(of(scale, "sku", "name") or "")
    for compute in computes(connection):
        yield str(compute.region or ""), str(compute.sku or "")


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    """Words that are no band, and sizes with two bands, are left out: the band is then unknown."""
    region, sizes = part.handle
    query = (
        f"spotresources | where type =~ '{RATES}' | where location =~ '{region}'"
        " | project id, sku, properties | order by id asc"
    )
    rates: dict[str, set[str]] = {}
    for found in arm.found(connection, query):
        size, rate = (str(of(found, *path) or "") for path in (("sku", "name"), ("properties", "evictionRate")))
        if BAND.fullmatch(rate):
            rates.setdefault(size.lower(), set()).add(f">{rate[:-1]}%/h" if rate.endswith("+") else f"{rate}%/h")
    known = {size: bands.pop() for size, bands in rates.items() if len(bands) == 1}
    spelt = sorted((name, band) for size, band in known.items() for name in sizes.get(size, ()))
    yield Rows(COLUMNS, [("Microsoft Azure", region, name, window.end, band) for name, band in spelt])


SPOT_BANDS = Stream(
    name="bands",
    title="eviction rates of spot",
    table="spot_market",
    divided="snapshot",
    permissions=(arm.GRAPH, *reads(VM, SCALE_SETS, WORKSPACES, COMPUTES)),
    plan=plan,
    fetch=fetch,
    restates_days=7,  # of the 28 days before
)
