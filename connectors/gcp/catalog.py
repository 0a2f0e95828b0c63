"""List prices by the Cloud Billing Catalog: parts on demand, spot and committed, and the machines that they make up.

Google sells cores, memory and accelerators, and lists these; a machine's price is their sum, where the list has all of them.
What `data/skus.csv` does not name by a SKU's description is left out, and so is a key at two different prices: never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from connectors.gcp.machines import accelerator, size, sold, table
from connectors.gcp.resources import PROVIDER
from connectors.gcp.rpc import Method, pages
from connectors.gcp.session import Connection
from finops.connect import Part, Rows, Stream, compact
from finops.errors import SourceError
from finops.window import Window

PUBLIC = "Cloud Billing Catalog (no permission)"
SERVICES = Method("cloudbilling", "google.cloud.billing_v1", "CloudCatalogClient", "list_services", PUBLIC)
SKUS = Method("cloudbilling", "google.cloud.billing_v1", "CloudCatalogClient", "list_skus", PUBLIC)
PAGE_SKUS = 5000

COLUMNS = (
    "provider", "region", "product", "sku", "operating_system", "deployment", "tier_start", "term", "payment", "instrument",
    "unit", "price", "upfront", "currency", "effective_from", "specs",
)  # fmt: skip
TERMS = {
    "OnDemand": ("on_demand", "", ""),
    "Preemptible": ("spot", "", ""),
    "Commit1Yr": ("1y", "none", "cud_resource"),
    "Commit3Yr": ("3y", "none", "cud_resource"),
}
"""Category.usage_type (cloud_catalog.proto) → term, payment, instrument."""

SPEND = re.compile(r"^Commitment - dollar based v1: GCE for (\d) years?$", re.IGNORECASE)
CENT = Decimal("0.01")
"""What a unit of that SKU covers, at list price: its own price over this is the share that is paid."""

WORDS = {
    "compute optimized": "c2", "postgresql": "postgres", "mysql": "mysql", "sql server": "sqlserver", "a100 80gb": "a100-80gb",
    "h100 80gb": "h100-80gb", "tesla a100 80gb": "a100-80gb", "v5e": "v5e", "v5litepod": "v5e",
}  # fmt: skip
MIN_DAYS = {"NEARLINE": 30, "COLDLINE": 90, "ARCHIVE": 365}
"""Days that an object is charged for at least (Cloud Storage, "Storage classes", as known 2026-11)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One price of one region."""

    region: str
    product: str
    sku: str
    deployment: str
    tier_start: float
    term: str
    payment: str
    instrument: str
    unit: str
    price: Decimal
    currency: str
    since: datetime

    @property
    def key(self) -> tuple[object, ...]:
        return (
            self.region, self.product, self.sku, self.deployment, self.tier_start, self.term, self.payment, self.instrument,
            self.currency,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of `data/skus.csv`: what a SKU's description makes it. `per`: units of ours that one of Google's is priced for."""

    pattern: re.Pattern[str]
    product: str
    sku: str
    unit: str
    per: Decimal


@cache
def rules() -> Mapping[str, tuple[Rule, ...]]:
    found: dict[str, list[Rule]] = {}
    for row in table("skus"):
        rule = Rule(re.compile(row["description"]), row["product"], row["sku"], row["unit"], Decimal(row["per"]))
        found.setdefault(row["service"], []).append(rule)
    return {service: tuple(several) for service, several in found.items()}


def plan(_: Connection, __: Window) -> Sequence[Part]:
    """One list holds all regions."""
    return (Part("catalog"),)


def fetch(connection: Connection, _: Part, __: Window) -> Iterator[Rows]:
    names = {each.display_name: each.name for page in pages(connection, SERVICES, {}, "catalog") for each in page.services}
    found: list[Listed] = []
    spend: dict[str, tuple[Decimal, datetime]] = {}
    for service in rules():
        if service not in names:
            continue
        request = {"parent": names[service], "currency_code": connection.settings.currency, "page_size": PAGE_SKUS}
        for page in pages(connection, SKUS, request, service):
            for sku in page.skus:
                found += _listed(service, sku, connection.settings.regions)
                spend |= _spend(sku)
    parts = list(_unambiguous(found))
    parts += _flexible(parts, spend)
    machines = list(_machines(parts))
    yield Rows(COLUMNS, [_row(each) for each in (*parts, *machines)])


def _listed(service: str, sku: Any, wanted: Sequence[str]) -> Iterator[Listed]:
    term = TERMS.get(sku.category.usage_type)
    if term is None or not sku.pricing_info:
        return
    regions = [region for region in sku.service_regions if not wanted or region in wanted]
    info = sku.pricing_info[-1]
    since = datetime.fromtimestamp(info.effective_time.seconds, UTC)
    for rule in rules()[service]:
        match = rule.pattern.search(sku.description)
        if match is None:
            continue
        said = {name: _word(name, text) for name, text in match.groupdict().items()}
        name = rule.sku.format(**said)
        for rate in info.pricing_expression.tiered_rates:
            price = (_money(rate.unit_price) * rule.per).quantize(Decimal("1e-12"))
            tier, currency = float(rate.start_usage_amount), rate.unit_price.currency_code
            for region in regions:
                yield Listed(
                    region, rule.product, name, said.get("deployment") or "", tier, *term, rule.unit, price, currency, since
                )


def _word(kind: str, text: str | None) -> str:
    """`N2D` → n2d, `Tesla T4` → nvidia-tesla-t4; a commitment without a family is N1's."""
    if text is None:
        return "n1" if kind == "family" else ""
    if kind == "deployment":
        return text
    if kind == "storage":
        return text.upper()
    plain = WORDS.get(text.lower(), text.lower().replace(" ", "-"))
    return f"nvidia-{plain}" if kind == "gpu" else plain


def _money(amount: Any) -> Decimal:
    return Decimal(amount.units) + Decimal(amount.nanos) / 10**9


def _spend(sku: Any) -> dict[str, tuple[Decimal, datetime]]:
    """Term → the share of the list price that a flexible commitment costs."""
    match = SPEND.search(sku.description)
    if match is None or not sku.pricing_info:
        return {}
    info = sku.pricing_info[-1]
    rates = info.pricing_expression.tiered_rates
    if not rates or rates[0].unit_price.currency_code != "USD":
        return {}
    return {f"{match[1]}y": (_money(rates[0].unit_price) / CENT, datetime.fromtimestamp(info.effective_time.seconds, UTC))}


def _unambiguous(found: Iterable[Listed]) -> Iterator[Listed]:
    first: dict[tuple[object, ...], Listed] = {}
    twice: set[tuple[object, ...]] = set()
    for each in found:
        if each.key in first and first[each.key].price != each.price:
            twice.add(each.key)
        first.setdefault(each.key, each)
    yield from (each for key, each in first.items() if key not in twice)


def _flexible(parts: Sequence[Listed], spend: Mapping[str, tuple[Decimal, datetime]]) -> list[Listed]:
    """What cores and memory of the families that it covers cost under a flexible commitment."""
    families = {row["prefix"].partition("-")[0] for row in table("machine_families") if row["flexible"]}
    return [
        Listed(
            each.region, each.product, each.sku, "", each.tier_start, term, "none", "cud_flexible", each.unit,
            (each.price * share).quantize(Decimal("1e-12")), each.currency, max(each.since, since),
        )
        for each in parts
        for term, (share, since) in spend.items()
        if each.product == "vm" and each.term == "on_demand" and each.sku.rpartition("-")[0] in families
    ]  # fmt: skip


def _machines(parts: Sequence[Listed]) -> Iterator[Listed]:
    """Every machine type of which the list has all parts, under each term."""
    by_place: dict[tuple[str, ...], dict[str, Listed]] = {}
    for each in parts:
        if each.product in ("vm", "endpoint") and not each.tier_start:
            place = (each.region, each.product, each.term, each.payment, each.instrument, each.currency)
            by_place.setdefault(place, {})[each.sku] = each
    for held in by_place.values():
        for machine in sold():
            needed = {name: held.get(name) for name, _ in machine.parts}
            if not all(needed.values()):
                continue
            some = [each for each in needed.values() if each is not None]
            price = sum((needed[name].price * amount for name, amount in machine.parts), Decimal(0))  # type: ignore[union-attr]
            one = some[0]
            since = max(each.since for each in some)
            yield Listed(
                one.region, one.product, machine.name, "", 0.0, one.term, one.payment, one.instrument, "Hours",
                price.quantize(Decimal("1e-12")), one.currency, since,
            )  # fmt: skip


def _row(each: Listed) -> tuple[object, ...]:
    known: dict[str, object] = (size(each.sku) or accelerator(each.sku)) if each.product in ("vm", "endpoint") else {}
    if each.product == "object_storage" and each.sku in MIN_DAYS:
        known = {"min_days": MIN_DAYS[each.sku]}
    specs = compact(known) if known else None
    system = "Linux" if each.product == "vm" else None
    return (
        PROVIDER, each.region, each.product, each.sku, system, each.deployment or None, each.tier_start, each.term,
        each.payment or None, each.instrument or None, each.unit, each.price, Decimal(0), each.currency, each.since, specs,
    )  # fmt: skip


def probe(connection: Connection) -> None:
    """Raises SourceError where the catalog does not answer."""
    for page in pages(connection, SERVICES, {"page_size": 1}, "catalog"):
        if not page.services:
            raise SourceError("the catalog lists no service", where="catalog")
        return


PRICES = Stream(
    name="prices",
    title="list prices",
    table="prices",
    divided="snapshot",
    permissions=(PUBLIC,),
    plan=plan,
    fetch=fetch,
    restates_days=7,  # a week-old price list is good enough
    units=(PROVIDER,),
)
