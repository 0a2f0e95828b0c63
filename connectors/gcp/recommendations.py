"""Second opinions: what Google's Recommender says about cost, asked where there is something to say it of.

A recommender answers one project and one zone or region a call. Cloud Asset says which of them hold what it speaks about. A row
is what `stg_recommender.sql` makes of the same recommendation in the export to BigQuery.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from connectors.gcp.machines import table
from connectors.gcp.resources import PROJECT, PROVIDER, Asset, Known, assets
from connectors.gcp.rpc import LIST_ASSETS, Method, pages
from connectors.gcp.session import Connection
from finops.connect import Part, Rows, Stream
from finops.window import Window

COLUMNS = (
    "observed_at", "vendor", "recommendation_id", "provider", "account_id", "region", "resource_id", "kind", "action",
    "current_setting", "target_setting", "saving_monthly", "currency", "raw",
)  # fmt: skip
VENDOR = "Google Recommender"
LIST = Method("recommender", "google.cloud.recommender_v1", "RecommenderClient", "list_recommendations", "")
PAGE_ROWS = 1000
KINDS = {"Commit": "commitments", "Resize": "rightsizing", "Delete": "idle", "Stop": "idle"}
COST = 1
"""Impact.Category.COST (recommendation.proto)."""


@dataclass(frozen=True, slots=True)
class Recommender:
    """A line of `data/recommenders.csv`. `level`: `location` of the thing itself, or the `region` that it lies in."""

    name: str
    asset: str
    level: str
    permission: str


@dataclass(frozen=True, slots=True)
class Place:
    """A project and what a recommender is asked there."""

    project: str
    number: str
    recommender: Recommender
    locations: tuple[str, ...]


@cache
def recommenders() -> tuple[Recommender, ...]:
    return tuple(Recommender(r["recommender"], r["asset"], r["level"], r["permission"]) for r in table("recommenders"))


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    types = sorted({each.asset for each in recommenders()})
    places: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
    known = Known()
    for scope in connection.scopes():
        for page in assets(connection, scope, (PROJECT, *types)):
            for asset in page:
                if asset.type == PROJECT:
                    known.add(asset)
                else:
                    _add(places, asset, known)
    parts = []
    for each in recommenders():
        for (project, number, kind), held in sorted(places.items()):
            if kind == each.asset:
                locations = tuple(sorted({location if each.level == "location" else region for location, region in held}))
                name = known.projects.get(number, project)
                parts.append(Part(f"{number or project} {each.name}", handle=Place(name, number, each, locations)))
    return parts


def _add(places: dict[tuple[str, str, str], set[tuple[str, str]]], asset: Asset, known: Known) -> None:
    project = "" if asset.project_number else known.project(asset)
    places.setdefault((project, asset.project_number, asset.type), set()).add((asset.location.lower(), asset.region))


def fetch(connection: Connection, part: Part, _: Window) -> Iterator[Rows]:
    place: Place = part.handle
    for location in place.locations:
        parent = f"projects/{place.project}/locations/{location}/recommenders/{place.recommender.name}"
        request = {"parent": parent, "filter": "stateInfo.state = ACTIVE", "page_size": PAGE_ROWS}
        where, permission = f"{place.project} {location}", place.recommender.permission
        for page in pages(connection, LIST, request, where, permission=permission):
            yield Rows(COLUMNS, [_row(each, place, location) for each in page.recommendations if _of_cost(each)])


def _of_cost(message: Any) -> bool:
    return bool(message.primary_impact.category in (0, COST))


def _row(message: Any, place: Place, location: str) -> tuple[object, ...]:
    action = _action(place.recommender.name, message.recommender_subtype)
    cost = message.primary_impact.cost_projection.cost
    saving = -(Decimal(cost.units) + Decimal(cost.nanos) / 10**9)
    target = next(iter(message.target_resources), None)
    if target and place.number:
        target = target.replace(f"/projects/{place.number}/", f"/projects/{place.project}/")
    smaller = re.search(r" to ([a-z0-9-]+)\.?$", message.description)
    refreshed = message.last_refresh_time
    raw = {"recommender": place.recommender.name, "description": message.description}
    return (
        datetime.fromtimestamp(refreshed.seconds, UTC) if refreshed.seconds else None,
        VENDOR,
        message.name,
        PROVIDER,
        place.project,
        location,
        target if action != "Commit" else None,
        KINDS.get(action),
        action,
        message.recommender_subtype,
        smaller[1] if smaller else message.description,
        saving.quantize(Decimal("1e-12")),
        cost.currency_code or None,
        json.dumps(raw, separators=(",", ":"), ensure_ascii=False),
    )


def _action(recommender: str, subtype: str) -> str:
    word = subtype.upper()
    if "commitment" in recommender.lower():
        return "Commit"
    if word.startswith("STOP"):
        return "Stop"
    if "DELETE" in word or "idle" in recommender.lower():
        return "Delete"
    return "Resize" if "CHANGE_MACHINE_TYPE" in word or "OVERPROVISIONED" in word else subtype


def probe(connection: Connection, permission: str) -> None:
    """Each recommender, in the first region that Google had."""
    name = next(each.name for each in recommenders() if each.permission == permission)
    parent = f"projects/{connection.project}/locations/us-central1/recommenders/{name}"
    for _ in pages(connection, LIST, {"parent": parent, "page_size": 1}, connection.project, permission=permission):
        return


ADVICE = Stream(
    name="advice",
    title="Google's recommendations",
    table="vendor_recommendations",
    divided="snapshot",
    permissions=(LIST_ASSETS.permission, *(each.permission for each in recommenders())),
    plan=plan,
    fetch=fetch,
    units=(VENDOR,),
)
