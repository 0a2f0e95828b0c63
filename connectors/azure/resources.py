"""What there is in each subscription, as the open format `resources`: one part a kind of thing, one query a type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.azure import arm
from connectors.azure.session import Connection
from finops.connect import Part, Rows, Stream, compact
from finops.window import Window

COLUMNS = (
    "observed_at", "resource_id", "provider", "account_id", "region", "resource_type", "sku", "state", "created_at",
    "attached_to", "tags", "properties",
)  # fmt: skip
PAGE = 10_000

Document = Mapping[str, Any]
"""A resource as the resource manager describes it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing. What is unknown is left out; account, region and tags are its document's unless they are given."""

    document: Document
    type: str
    id: str = ""
    sku: str | None = None
    state: str | None = None
    created_at: str | None = None
    attached_to: str | None = None
    region: str | None = None
    tags: Mapping[str, str] | None = None
    properties: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing: the types that are read for it, as permissions, and what their documents become."""

    name: str
    permissions: tuple[str, ...]
    read: Callable[[Connection], Iterable[Resource]]


def of(document: Document, *path: str) -> Any:
    """A value deep in a document; None where it is not there. Resource Graph keeps each provider's own spelling."""
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def same(first: object, second: object) -> bool:
    """Azure compares ids without regard to case, and writes them in several."""
    return str(first or "").lower() == str(second or "").lower()


def group_of(resource_id: str) -> str:
    """`/subscriptions/S/resourceGroups/G/…` → `/subscriptions/s/resourcegroups/g`."""
    return "/".join(resource_id.lower().split("/")[:5])


def zones(document: Document) -> int | None:
    return len(document.get("zones") or ()) or None


def inventory(kinds: Sequence[Kind]) -> Stream:
    """The stream of these kinds."""
    by_name = {kind.name: kind for kind in kinds}

    def plan(_: Connection, __: Window) -> Sequence[Part]:
        return [Part(kind.name) for kind in kinds]

    def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
        page: list[tuple[object, ...]] = []
        for resource in by_name[part.key].read(connection):
            page.append(_row(resource, window.end))
            if len(page) == PAGE:
                yield Rows(COLUMNS, page)
                page = []
        yield Rows(COLUMNS, page)

    return Stream(
        name="inventory",
        title="resources",
        table="resources",
        divided="snapshot",
        permissions=(arm.GRAPH, *dict.fromkeys(p for kind in kinds for p in kind.permissions)),
        plan=plan,
        fetch=fetch,
    )


def _row(resource: Resource, observed_at: datetime) -> tuple[object, ...]:
    document = resource.document
    name = resource.id or document["id"]
    region = resource.region if resource.region is not None else document.get("location")
    tags = resource.tags if resource.tags is not None else document.get("tags")
    return (
        observed_at,
        name,
        "Microsoft Azure",
        str(document.get("subscriptionId") or name.split("/")[2]).lower(),
        str(region or "").replace(" ", "").lower() or None,
        resource.type,
        resource.sku,
        resource.state,
        datetime.fromisoformat(resource.created_at) if resource.created_at else None,
        resource.attached_to or None,
        compact(tags or {}),
        compact(resource.properties or {}),
    )
