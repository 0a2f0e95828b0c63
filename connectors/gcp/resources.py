"""What there is, by Cloud Asset, as the open format `resources`: two listings a scope, whatever number of kinds.

The first holds what others only refer to (projects, groups of machines, templates, autoscalers) and is kept; the second is
read page by page. A thing is named as Cloud Asset names it, but for what the bill names otherwise: buckets, zonal clusters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.gcp.rpc import LIST_ASSETS, pages
from connectors.gcp.series import STORED_BYTES, Aggregation, series
from connectors.gcp.session import Connection
from finops.connect import Part, Rows, Stream, compact
from finops.window import Window

PROVIDER = "Google Cloud"
PAGE_ASSETS = 1000
"""The most that ListAssets answers with (asset_service.proto, ListAssetsRequest.page_size)."""

COLUMNS = (
    "observed_at", "resource_id", "provider", "account_id", "region", "resource_type", "sku", "state", "created_at",
    "attached_to", "tags", "properties",
)  # fmt: skip
PROJECT = "cloudresourcemanager.googleapis.com/Project"
GROUP = "compute.googleapis.com/InstanceGroupManager"
TEMPLATE = "compute.googleapis.com/InstanceTemplate"
AUTOSCALER = "compute.googleapis.com/Autoscaler"
BUCKET = "storage.googleapis.com/Bucket"
KEPT = (PROJECT, GROUP, TEMPLATE, AUTOSCALER)
BYTES = {
    "noncurrent-object": "noncurrent_bytes",
    "soft-deleted-object": "soft_deleted_bytes",
    "multipart-upload": "incomplete_multipart_bytes",
}
"""What a bucket holds that a listing of its objects does not show: Cloud Monitoring's `type` → our property."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset. `data` is what the service's own REST API says of it."""

    name: str
    type: str
    location: str
    project_number: str
    data: Mapping[str, Any]

    @property
    def region(self) -> str:
        """`us-central1-a` → `us-central1`."""
        return re.sub(r"^(\w+-\w+\d+)-[a-z]$", r"\1", self.location.lower())

    def at(self, *path: str) -> Any:
        """A nested value; None where it is absent."""
        value: Any = self.data
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing. What is unknown is left out."""

    type: str
    id: str = ""  # '': the asset's own name
    sku: str | None = None
    state: str | None = None
    created_at: datetime | None = None
    attached_to: str | None = None
    tags: Mapping[str, str] | None = None
    properties: Mapping[str, object] | None = None


@dataclass(slots=True)
class Known:
    """What other things refer to, by the asset's name. `projects`: number → id."""

    projects: dict[str, str] = field(default_factory=dict)
    groups: dict[str, Asset] = field(default_factory=dict)
    templates: dict[str, Asset] = field(default_factory=dict)
    autoscalers: dict[str, Asset] = field(default_factory=dict)  # by the group that they scale

    def add(self, asset: Asset) -> None:
        if asset.type == PROJECT:
            self.projects[str(asset.at("projectNumber") or asset.project_number)] = str(asset.at("projectId"))
        elif asset.type == GROUP:
            self.groups[asset.name] = asset
        elif asset.type == TEMPLATE:
            self.templates[asset.name] = asset
        else:
            self.autoscalers[named(asset.at("target")) or ""] = asset

    def project(self, asset: Asset) -> str:
        """The id of its project: bills and metrics have it, names of some services have the number."""
        told = re.search(r"/projects/([^/_][^/]*)", asset.name)
        return self.projects.get(asset.project_number) or (told[1] if told else asset.project_number)


@dataclass(frozen=True, slots=True)
class Kind:
    """An asset type, and what becomes of one: None where it is nothing that costs."""

    type: str
    read: Callable[[Asset, Known], Resource | None]


def named(url: object) -> str | None:
    """`https://www.googleapis.com/compute/v1/projects/…` → the asset's name."""
    found = re.search(r"/compute/\w+/(projects/.+)$", str(url or ""))
    return f"//compute.googleapis.com/{found[1]}" if found else None


def by_id(name: str, number: str, project: str) -> str:
    """A name with the project's id, as the bill's staging has it; Vertex AI's keep the number everywhere."""
    own = name.startswith("//aiplatform.googleapis.com/") or not number
    return name if own else name.replace(f"/projects/{number}/", f"/projects/{project}/")


def when(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


def whole(value: object) -> int | None:
    """An int64, which JSON has as text."""
    return None if value in (None, "") else int(float(str(value)))


def last(url: object) -> str | None:
    return str(url).rpartition("/")[2] if url else None


def labels(value: object) -> dict[str, str]:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, Mapping) else {}


def assets(connection: Connection, scope: str, types: Sequence[str]) -> Iterator[list[Asset]]:
    """Every asset of these types, page by page."""
    request = {"parent": scope, "asset_types": list(types), "content_type": "RESOURCE", "page_size": PAGE_ASSETS}
    for page in pages(connection, LIST_ASSETS, request, scope):
        yield [_asset(each) for each in page.assets]


def _asset(message: Any) -> Asset:
    from google.protobuf.json_format import MessageToDict

    ancestors = [each for each in message.ancestors if each.startswith("projects/")]
    return Asset(
        # its documentation has groups in the singular, what refers to them has the plural of the API
        name=message.name.replace("/instanceGroupManager/", "/instanceGroupManagers/"),
        type=message.asset_type,
        location=message.resource.location,
        project_number=ancestors[0].removeprefix("projects/") if ancestors else "",
        data=MessageToDict(message.resource.data),
    )


def inventory(kinds: Sequence[Kind]) -> Stream:
    """The stream of these kinds."""
    by_type = {kind.type: kind for kind in kinds}

    def plan(connection: Connection, _: Window) -> Sequence[Part]:
        return [Part(scope) for scope in connection.scopes()]

    def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
        known = Known()
        for page in assets(connection, part.key, KEPT):
            for asset in page:
                known.add(asset)
        found = [each for each in known.groups.values() if GROUP in by_type]
        yield Rows(COLUMNS, list(_rows(found, by_type, known, window.end)))
        buckets: list[Asset] = []
        for page in assets(connection, part.key, [name for name in by_type if name not in KEPT]):
            buckets += [each for each in page if each.type == BUCKET]
            others = [each for each in page if each.type != BUCKET]
            yield Rows(COLUMNS, list(_rows(others, by_type, known, window.end)))
        stored = _stored(connection, {known.project(each) for each in buckets}, window.end)
        yield Rows(COLUMNS, list(_rows(buckets, by_type, known, window.end, stored)))

    return Stream(
        name="inventory",
        title="resources",
        table="resources",
        divided="snapshot",
        permissions=(LIST_ASSETS.permission, "monitoring.timeSeries.list"),
        plan=plan,
        fetch=fetch,
    )


def _rows(
    found: Sequence[Asset],
    kinds: Mapping[str, Kind],
    known: Known,
    at: datetime,
    more: Mapping[str, Mapping[str, object]] | None = None,
) -> Iterator[tuple[object, ...]]:
    for asset in found:
        resource = kinds[asset.type].read(asset, known) if asset.type in kinds else None
        if resource is None:
            continue
        added = (more or {}).get(asset.name.rpartition("/")[2], {})
        if added:
            resource = replace(resource, properties={**(resource.properties or {}), **added})
        project = known.project(asset)
        yield (
            at,
            resource.id or by_id(asset.name, asset.project_number, project),
            PROVIDER,
            project,
            asset.region,
            resource.type,
            resource.sku,
            resource.state,
            resource.created_at,
            resource.attached_to,
            compact(resource.tags or {}),
            compact(resource.properties or {}),
        )


def _stored(connection: Connection, projects: set[str], at: datetime) -> dict[str, dict[str, object]]:
    """Bucket → bytes that no listing shows, as they were over the last day. A kind that nobody measured is none of it."""
    found: dict[str, dict[str, object]] = {}
    day = Aggregation("ALIGN_MEAN", 86_400, "REDUCE_SUM", ("resource.label.bucket_name", "metric.label.type"))
    for project in sorted(projects):
        for one in series(connection, project, STORED_BYTES, day, Window(at - timedelta(days=1), at)):
            measured = found.setdefault(one.labels["resource.bucket_name"], dict.fromkeys(BYTES.values(), 0))
            name = BYTES.get(one.labels["metric.type"])
            if name and one.points:
                measured[name] = round(one.points[-1][1])
    return found
