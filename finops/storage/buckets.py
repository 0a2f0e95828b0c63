"""A bucket or container as the bill, the inventory and the price list know it: its prices, its factor, its hidden bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from finops.bill.lines import Line
from finops.model import Act, Action, Effect, Estimate, Evidence, Fact, Finding, Saving, Scope, Unknown, Verdict
from finops.money import cents
from finops.pricing import PriceKey, json_object, number
from finops.recommend import Context, Row
from finops.storage.checkpoints import WORD, Folder
from finops.storage.declared import Declared
from finops.storage.tiering import GIB, ClassRule, bands_of, known_reads, unmeasured, with_at_most

HIDDEN = {"noncurrent_bytes": "noncurrent_days", "incomplete_multipart_bytes": "abort_days"}
"""Bytes that a listing does not show → the rule that lets them go."""

SOFT_DELETED = "soft_deleted_bytes"

PER_THOUSAND = {
    "Requests": 1000.0,
    "Objects": 1000.0,
    "1000 Requests": 1.0,
    "1K Requests": 1.0,
    "10000 Requests": 0.1,
    "10K Requests": 0.1,
}
"""Unit of a request price → how many such units make a thousand."""

PART_NAMES = {"get": ("get", "read", "reads", "class_b"), "transition": ("transition", "put", "write", "writes", "class_a")}


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket or container with what it costs. `current` are the rows of `objects` whose objects a listing shows, if any lie
    there."""

    scope: Scope
    resource_type: str
    currency: str
    monthly_cost: Decimal
    properties: Mapping[str, object]
    tags: Mapping[str, str]
    key: str
    current: tuple[Row, ...]
    hidden: Mapping[str, float]
    listed_noncurrent: bool

    @classmethod
    def of(cls, row: Row, context: Context) -> Bucket:
        """Of one candidate: a row of resource_profile with its `bands`."""
        key = row["resource_id"].lower()
        account, region, service = (row.get(name) or "" for name in ("account_id", "region", "service"))
        properties = json_object(row.get("properties"))
        hidden = {name: number(properties.get(name)) or 0.0 for name in (*HIDDEN, SOFT_DELETED)}
        listed = row.get("bands") or ()
        noncurrent = sum(float(r["bytes"] or 0) for r in listed if (r.get("state") or "current") == "noncurrent")
        from_list = not hidden["noncurrent_bytes"] and noncurrent > 0
        if from_list:
            hidden["noncurrent_bytes"] = noncurrent
        return cls(
            Scope(row["provider"], account, region, service, row["resource_id"]),
            row.get("resource_type") or "",
            row["currency"],
            context.bill.cost(key),
            properties,
            {str(k): str(v) for k, v in json_object(row.get("tags")).items()},
            key,
            tuple(r for r in listed if (r.get("state") or "current") == "current" and r["object_count"]),
            hidden,
            from_list,
        )

    @property
    def declared(self) -> Declared:
        """Its own lifecycle rules."""
        return Declared.of(self.properties)

    @property
    def name(self) -> str:
        """The last part of the id: what commands call it."""
        return self.scope.resource.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]

    @property
    def held_bytes(self) -> float:
        return sum(self.hidden.values()) + sum(float(row["bytes"] or 0) for row in self.current)

    def price(self, name: str, context: Context) -> float | None:
        """A GB and month of the class, blended over the list's tiers for what the bucket holds."""
        return context.prices.blended(self._key(name), context.at, self.held_bytes / GIB)

    def rule(self, known: ClassRule, name: str, context: Context) -> ClassRule:
        """The minimum time, size and overhead that the price list states, else the known ones."""
        listed = context.prices.price(self._key(name), context.at)
        if listed is None:
            return known
        words = ("min_days", "min_object_kib", "overhead_kib", "overhead_standard_kib")
        days, kib, overhead, index = (listed.spec(word) for word in words)
        return replace(
            known,
            min_days=known.min_days if days is None else int(days),
            min_kib=known.min_kib if kib is None else kib,
            overhead_kib=known.overhead_kib if overhead is None else overhead,
            index_kib=known.index_kib if index is None else index,
        )

    def part(self, name: str, part: str, context: Context) -> float | None:
        """A fee of a class: retrieval per GB, requests and transitions per thousand."""
        for spelling in PART_NAMES.get(part, (part,)):
            price = context.prices.price(self._key(f"{name}:{spelling}"), context.at)
            if price is not None:
                return float(price.amount) * (1.0 if part == "retrieval" else PER_THOUSAND.get(price.unit, 1.0))
        return None

    def _key(self, sku: str) -> PriceKey:
        """Where the list has a price for each redundancy, it is that of the bucket's own."""
        own = str(self.properties.get("redundancy") or "") or None
        return PriceKey(self.scope.provider, self.scope.region, "object_storage", sku, deployment=own)

    def missing_price(self, name: str, context: Context) -> str:
        return f"price of {name} in {self.scope.region} in {context.currency}"

    def scale(self, dearest: float, context: Context) -> float:
        """The bill's effective price of storage over the list's price of the dearest class there: discounts and tiers.

        1 where the bill shows no price a GB-month.
        """
        shown = [line.cost / line.quantity for line in self._stored(context) if line.quantity > 0]
        return float(max(shown)) / dearest if shown and dearest > 0 else 1.0

    def bytes_per_gb(self, context: Context) -> float:
        """2^30, or 10^9 where the billed quantity says that this provider's GB is decimal."""
        billed = float(sum((line.quantity for line in self._stored(context)), Decimal(0)))
        held = self.held_bytes / GIB
        return 1e9 if held > 0 and abs(billed / held - GIB / 1e9) < 0.03 else GIB

    def own_rate(self, context: Context) -> float | Unknown:
        """What a GB and month of the class that holds most of it costs on the bill."""
        sizes: dict[str, float] = {}
        for row in self.current:
            sizes[row["storage_class"]] = sizes.get(row["storage_class"], 0.0) + float(row["bytes"] or 0)
        likely = (*sorted(sizes, key=lambda name: -sizes[name]), "STANDARD", "hot")
        default = next((name for name in likely if self.price(name, context) is not None), "STANDARD")
        price = self.price(default, context)
        return Unknown((self.missing_price(default, context),)) if price is None else price * self.scale(price, context)

    def requests(self, context: Context) -> float | None:
        """Requests of any kind that the bill shows for the bucket in a month; None where it shows none of its requests."""
        lines = [line for line in context.bill.lines(self.key) if line.unit in PER_THOUSAND and line.unit != "Objects"]
        shown = sum(float(line.quantity) / PER_THOUSAND[line.unit] * 1000 for line in lines if line.cost > 0)
        return shown or None

    def with_reads(self, rows: Sequence[Row], context: Context) -> list[Row] | None:
        """The rows with their reads, from the bill at most where nobody measured them; None where that is not known."""
        most = self.requests(context)
        if most is None and any(unmeasured(row) for row in rows):
            return None
        return [known_reads(row) for row in (with_at_most(rows, most) if most is not None else rows)]

    def folder(self, prefix: str, rows: Sequence[Row], unread_share: float, context: Context) -> Folder | None:
        """The prefix with its reads; None where nobody knows them."""
        filled = self.with_reads(rows, context)
        return None if filled is None else Folder.of(prefix, bands_of(filled, self.bytes_per_gb(context)), unread_share)

    def calls_checkpoints(self, prefix: str) -> bool:
        """Whether the prefix, the bucket or a tag says that saved steps lie there."""
        return any(WORD.search(text) for text in (prefix, self.name, *self.tags.values()))

    def _stored(self, context: Context) -> list[Line]:
        return [
            line for line in context.bill.lines(self.key) if line.unit.lower().startswith(("gb-mo", "gigabyte-mo", "gib-mo"))
        ]

    def act(self, action: Action, saved: tuple[float, float, float], once: float, why: str, assumes: tuple[str, ...]) -> Act:
        """`saved` is low, expected, high a month; none can exceed what the bucket costs."""
        low, expected, high = (min(cents(Decimal(repr(amount))), cents(self.monthly_cost)) for amount in saved)
        saving = Saving(
            Estimate(min(low, expected), expected, max(high, expected)),
            expected * 12,
            cents(Decimal(repr(once))),
            self.currency,
            assumes=assumes,
        )
        return Act(action, saving, 0.85, why, Effect(cut=expected))

    def finding(
        self,
        verdict: Verdict,
        context: Context,
        prefix: str = "",
        *,
        sql: str = "",
        facts: tuple[Fact, ...] = (),
        explanation: tuple[str, ...] = (),
        patch: str = "",
        reversible: bool = True,
        lifecycle: str = "",
    ) -> Finding:
        s = self.scope
        resource = f"{s.resource}/{prefix}" if prefix else s.resource
        return Finding(
            recommender="storage_tiering",
            kind="storage_tiering",
            scope=Scope(s.provider, s.account, s.region, s.service, resource),
            verdict=verdict,
            evidence=Evidence(facts, context.window, 1.0 if facts else 0.0, sql),
            as_of=context.as_of,
            monthly_cost=cents(self.monthly_cost),
            currency=self.currency,
            tags=self.tags,
            patch=patch,
            reversible=reversible,
            resource_type=self.resource_type,
            billed_as=s.resource,
            explanation=explanation,
            lifecycle=lifecycle,
        )
