"""What there is in each account and region, as the open format `resources`: one part a kind of thing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.aws.session import Account, Connection, by_region_and_global
from finops.connect import Part, Rows, Stream
from finops.window import Window

COLUMNS = (
    "observed_at", "resource_id", "provider", "account_id", "region", "resource_type", "sku", "state", "created_at",
    "attached_to", "tags", "properties",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """An account and region that is read."""

    connection: Connection
    account: Account
    region: str

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        return self.connection.call(service, operation, region=self.region, role=self.account.role, **parameters)

    def each(
        self, service: str, operation: str, field: str, token: tuple[str, str] = ("NextToken", "NextToken"), **parameters: Any
    ) -> Iterator[Any]:
        """The elements of a list that comes in pages."""
        where: dict[str, Any] = {"region": self.region, "role": self.account.role}
        for page in self.connection.pages(service, operation, token=token, **where, **parameters):
            yield from page.get(field, ())

    def arn(self, service: str, name: str, *, of_account: bool = True) -> str:
        account = self.account.id if of_account else ""
        return f"arn:{self.connection.partition}:{service}:{self.region}:{account}:{name}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing. What is unknown is left out."""

    id: str
    type: str
    sku: str | None = None
    state: str | None = None
    created_at: datetime | None = None
    attached_to: str | None = None
    tags: Mapping[str, str] | None = None
    properties: Mapping[str, object] | None = None
    region: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing: which calls it takes, and what they become. `everywhere`: one list holds all regions."""

    name: str
    permissions: tuple[str, ...]
    read: Callable[[Place], Iterable[Resource]]
    everywhere: bool = False


def tags(entries: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """`[{Key, Value}]` as a map."""
    return {str(entry["Key"]): str(entry.get("Value", "")) for entry in entries or ()}


def sizes(place: Place, types: Iterable[str]) -> dict[str, dict[str, object]]:
    """Machine type (of EC2, `db.…`, `ml.…`, `cache.…`) → vcpu, memory, architecture, accelerators; without unknown ones."""
    wanted = {name: name.removeprefix("db.").removeprefix("ml.").removeprefix("cache.") for name in types if name}
    names = sorted(set(wanted.values()))
    found: dict[str, dict[str, object]] = {}
    for start in range(0, len(names), 100):  # a filter takes 200 values
        filters = [{"Name": "instance-type", "Values": names[start : start + 100]}]
        for entry in place.each("ec2", "DescribeInstanceTypes", "InstanceTypes", Filters=filters):
            found[entry["InstanceType"]] = _size(entry)
    return {name: found[plain] for name, plain in wanted.items() if plain in found}


def _size(entry: Mapping[str, Any]) -> dict[str, object]:
    gpus = entry.get("GpuInfo", {}).get("Gpus", [])
    known: dict[str, object] = {
        "vcpu": entry.get("VCpuInfo", {}).get("DefaultVCpus"),
        "memory_gib": entry.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024 or None,
        "architecture": next(iter(entry.get("ProcessorInfo", {}).get("SupportedArchitectures", ())), None),
    }
    if gpus:
        known |= {
            "gpu_model": gpus[0].get("Name"),
            "gpu_count": sum(gpu.get("Count", 0) for gpu in gpus),
            "gpu_memory_gib": gpus[0].get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024 or None,
        }
    return {name: value for name, value in known.items() if value is not None}


def inventory(kinds: Sequence[Kind]) -> Stream:
    """The stream of these kinds."""
    by_name = {kind.name: kind for kind in kinds}

    def plan(connection: Connection, _: Window) -> Sequence[Part]:
        home = connection.settings.home_region
        places = connection.places()
        parts = [(a, r, kind) for a, r in places for kind in kinds if not kind.everywhere]
        for account in connection.accounts() if connection.is_global else ():
            parts += [(account, home, kind) for kind in kinds if kind.everywhere]
        return [Part(f"{a.id} {r} {kind.name}", handle=(a, r, kind.name)) for a, r, kind in parts]

    def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
        account, region, name = part.handle
        place = Place(connection, account, region)
        page: list[tuple[object, ...]] = []
        for resource in by_name[name].read(place):
            page.append(_row(resource, place, window.end))
            if len(page) == 10_000:
                yield Rows(COLUMNS, page)
                page = []
        yield Rows(COLUMNS, page)

    permissions = dict.fromkeys(p for kind in kinds for p in kind.permissions)
    return Stream(
        name="inventory",
        title="resources",
        table="resources",
        divided="snapshot",
        permissions=("ec2:DescribeRegions", *permissions),
        plan=plan,
        fetch=fetch,
        places=by_region_and_global,
    )


def _row(resource: Resource, place: Place, observed_at: datetime) -> tuple[object, ...]:
    return (
        observed_at,
        resource.id,
        "AWS",
        place.account.id,
        resource.region or place.region,
        resource.type,
        resource.sku,
        resource.state,
        resource.created_at,
        resource.attached_to,
        _json(resource.tags or {}),
        _json({name: value for name, value in (resource.properties or {}).items() if value is not None}),
    )


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
