"""Storage tiering: the cheapest class for each age of an object, fees and minimum times included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from typing import Annotated, ClassVar

from pydantic import Field

from finops.evidence import quoted
from finops.model import (
    Act,
    Action,
    Effect,
    Estimate,
    Evidence,
    Fact,
    Finding,
    Keep,
    Move,
    Reconfigure,
    Saving,
    Scope,
    Unknown,
    Verdict,
)
from finops.money import cents
from finops.pricing import PriceKey, json_object, number
from finops.recommend import Context, Row
from finops.simulate import Line
from finops.tiering import GIB, Basis, ClassRule, Path, Tariff, bands_of, cheapest_path, target_of, tiering_sql

CLASSES: Mapping[str, ClassRule] = {
    "STANDARD": ClassRule(),
    "STANDARD_IA": ClassRule(30, 128),
    "ONEZONE_IA": ClassRule(30, 128),
    "GLACIER_IR": ClassRule(90, 128),
    "GLACIER": ClassRule(90, 0, at_once=False),
    "DEEP_ARCHIVE": ClassRule(180, 0, at_once=False),
    "hot": ClassRule(),
    "cool": ClassRule(30),
    "cold": ClassRule(90),
    "archive": ClassRule(180, 0, at_once=False),
    "NEARLINE": ClassRule(30),
    "COLDLINE": ClassRule(90),
    "ARCHIVE": ClassRule(365),
}
"""By the provider's word. What is not here is never a target: one zone fewer or hours of waiting is the owner's choice."""

HIDDEN = ("noncurrent_bytes", "incomplete_multipart_bytes")

OWNERS_CHOICE = ("ONEZONE_IA",)


@dataclass(frozen=True, slots=True)
class StorageTiering:
    """Storage tiering: the cheapest class for each age of an object."""

    months_to_repay: Annotated[float, Field(ge=1, le=60, description="Months in which moving must pay for itself.")] = 12.0
    min_saving: Annotated[float, Field(ge=0, description="Least saving a month that is worth a rule.")] = 1.0
    expire_days: Annotated[int, Field(ge=1, le=365, description="Days after which noncurrent versions expire.")] = 14
    abort_days: Annotated[int, Field(ge=1, le=365, description="Days after which incomplete uploads are aborted.")] = 7
    restore_hours: Annotated[bool, Field(description="Allow classes whose objects take hours to restore.")] = False

    kind: ClassVar[str] = "storage_tiering"
    candidates: ClassVar[str] = """
        with profiles as (

            select
                *,
                regexp_replace(resource_id, '^.*[:/]', '') as bucket_name
            from resource_profile($as_of)
            where service_category = 'Storage' or resource_type in (
                'AWS::S3::Bucket', 'storage.googleapis.com/Bucket', 'Microsoft.Storage/storageAccounts'
            )

        ),

        bands as (

            select
                bucket,
                list(objects order by prefix, age_days_from, storage_class) as bands
            from objects
            group by bucket

        ),

        final as (

            select
                profiles.* exclude (metrics, bucket_name),
                bands.bands
            from profiles
            left join bands
                on lower(bands.bucket) = lower(profiles.resource_id) or lower(bands.bucket) = lower(profiles.bucket_name)

        )

        select * from final
        where not regexp_matches(lower(coalesce(resource_type, '')), 'volume|disk|snapshot|instance')
        order by resource_id
    """

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        bucket = Bucket.of(candidate, context)
        if bucket.monthly_cost <= 0:
            return
        if bucket.properties.get("object_lock"):
            yield bucket.finding(Keep("locked: its objects cannot be deleted before their term"), context)
            return
        yield from self._hidden(bucket, context)
        rows = sorted(candidate.get("bands") or (), key=lambda r: (r["prefix"] or "", r["age_days_from"] or 0))
        if not rows:
            yield bucket.finding(Unknown(("objects",)), context)
        prefixes = [(prefix, list(group)) for prefix, group in groupby(rows, key=lambda r: r["prefix"] or "")]
        for prefix, group in prefixes:
            yield self._tier(bucket, prefix if len(prefixes) > 1 else "", group, context)

    def _hidden(self, bucket: Bucket, context: Context) -> Iterator[Finding]:
        """Bytes that a listing does not show: noncurrent versions and parts of uploads that nobody finished."""
        hidden = {name: bucket.number(name) or 0.0 for name in HIDDEN}
        if not any(hidden.values()):
            return
        default = next((r for r in ("STANDARD", "hot") if bucket.price(r, context) is not None), "STANDARD")
        price = bucket.price(default, context)
        if price is None:
            yield bucket.finding(Unknown((f"price of {default} in {bucket.scope.region} in {context.currency}",)), context)
            return
        stored = sum(hidden.values()) / bucket.bytes_per_gb(context)
        rate = price * bucket.scale(price, context)
        target = ", ".join(
            text
            for name, text in (
                ("noncurrent_bytes", f"expire noncurrent versions after {self.expire_days} days"),
                ("incomplete_multipart_bytes", f"abort multipart uploads after {self.abort_days} days"),
            )
            if hidden[name]
        )
        sql = _hidden_sql(bucket.key, [name for name in HIDDEN if hidden[name]], bucket.bytes_per_gb(context) / rate)
        facts = tuple(Fact(name, value, "bytes", "resources.properties") for name, value in hidden.items() if value)
        action = Reconfigure("kept for ever", target)
        act = bucket.act(action, stored * rate, 0.0, "no listing shows these bytes, and they are billed")
        yield bucket.finding(act, context, sql=sql, facts=facts)

    def _tier(self, bucket: Bucket, prefix: str, rows: Sequence[Row], context: Context) -> Finding:
        bands = bands_of(rows, bucket.bytes_per_gb(context))
        tariffs = self._tariffs(bucket, {band.storage_class for band in bands}, context)
        if isinstance(tariffs, Unknown):
            return bucket.finding(tariffs, context, prefix)
        by_name = {tariff.name: tariff for tariff in tariffs}
        dearest = max(by_name[band.storage_class].storage for band in bands)
        basis = Basis(bucket.bytes_per_gb(context), bucket.scale(dearest, context), self.months_to_repay)
        today = sum(by_name[band.storage_class].monthly(band, self.months_to_repay) for band in bands)
        path = cheapest_path(bands, tariffs, self.months_to_repay)
        saved = (today - path.cost) * basis.scale
        facts = (
            Fact("bytes", sum(b.gigabytes for b in bands) * basis.bytes_per_gb, "bytes", "objects"),
            Fact("objects", sum(b.objects for b in bands), "", "objects"),
            Fact("read a month", round(sum(b.read_gigabytes for b in bands), 3), "GB", "objects"),
        )
        if saved < self.min_saving or not path.classes:
            why = "no class is cheaper once reads, fees and minimum times are paid"
            return bucket.finding(Keep(why), context, prefix, facts=facts)
        fee = sum(by_name[name].moving(band) for name, band in zip(path.classes, bands, strict=True)) * basis.scale
        repaid = fee / (saved + fee / self.months_to_repay)
        why = f"moving costs {fee:,.2f} once and is repaid after {repaid:.1f} months"
        action = Move(", ".join(dict.fromkeys(b.storage_class for b in bands)), target_of(bands, path.classes))
        sql = tiering_sql(bands, path.classes, by_name, rows[0], basis)
        return bucket.finding(bucket.act(action, saved, fee, why), context, prefix, sql=sql, facts=facts, path=path)

    def _tariffs(self, bucket: Bucket, present: set[str], context: Context) -> list[Tariff] | Unknown:
        """The classes that could hold the objects, dearest storage first."""
        tariffs = []
        missing = []
        for name in CLASSES:
            rule = bucket.rule(name, context)
            allowed = (rule.at_once or self.restore_hours) and name not in OWNERS_CHOICE
            storage = bucket.price(name, context)
            if name in present and storage is None:
                missing.append(f"price of {name} in {bucket.scope.region} in {context.currency}")
            if storage is None or not (allowed or name in present):
                continue
            parts = {part: bucket.part(name, part, context) for part in ("get", "retrieval", "transition", "monitoring")}
            needed = ("retrieval", "transition") if rule.min_days and name not in present else ()
            if all(parts[part] is not None for part in needed):
                fees = {part: value or 0.0 for part, value in parts.items()}
                tariffs.append(
                    Tariff(name, rule, storage, fees["get"], fees["retrieval"], fees["transition"], fees["monitoring"])
                )
        unknown = sorted(present - set(CLASSES))
        if missing or unknown:
            return Unknown((*missing, *(f"rules of storage class {name}" for name in unknown)))
        return sorted(tariffs, key=lambda t: (-t.storage, t.name))


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
    """A bucket or container with what it costs."""

    scope: Scope
    resource_type: str
    currency: str
    monthly_cost: Decimal
    properties: Mapping[str, object]
    tags: Mapping[str, str]
    key: str
    held_bytes: float

    @classmethod
    def of(cls, row: Row, context: Context) -> Bucket:
        key = row["resource_id"].lower()
        account, region, service = (row.get(name) or "" for name in ("account_id", "region", "service"))
        properties = json_object(row.get("properties"))
        hidden = (number(properties.get(name)) or 0.0 for name in HIDDEN)
        listed = (float(band["bytes"] or 0) for band in row.get("bands") or ())
        return cls(
            Scope(row["provider"], account, region, service, row["resource_id"]),
            row.get("resource_type") or "",
            row["currency"],
            context.bill.cost(key),
            properties,
            {str(k): str(v) for k, v in json_object(row.get("tags")).items()},
            key,
            sum(hidden) + sum(listed),
        )

    def number(self, name: str) -> float | None:
        return number(self.properties.get(name))

    def price(self, name: str, context: Context) -> float | None:
        """A GB and month of the class, blended over the list's tiers for what the bucket holds."""
        return context.prices.blended(self._key(name), context.at, self.held_bytes / GIB)

    def rule(self, name: str, context: Context) -> ClassRule:
        """The minimum time and size that the price list states, else those of the table."""
        listed, known = context.prices.price(self._key(name), context.at), CLASSES[name]
        days, kib = (listed.spec("min_days"), listed.spec("min_object_kib")) if listed else (None, None)
        return replace(
            known, min_days=known.min_days if days is None else int(days), min_kib=known.min_kib if kib is None else kib
        )

    def part(self, name: str, part: str, context: Context) -> float | None:
        """A fee of a class: retrieval per GB, requests and transitions per thousand."""
        for spelling in PART_NAMES.get(part, (part,)):
            price = context.prices.price(self._key(f"{name}:{spelling}"), context.at)
            if price is not None:
                return float(price.amount) * (1.0 if part == "retrieval" else PER_THOUSAND.get(price.unit, 1.0))
        return None

    def _key(self, sku: str) -> PriceKey:
        return PriceKey(self.scope.provider, self.scope.region, "object_storage", sku)

    def scale(self, dearest: float, context: Context) -> float:
        """The bill's effective price of storage over the list's price of the dearest class there: discounts and tiers.

        1 where the bill shows no price a GB-month.
        """
        shown = [line.cost / line.quantity for line in self._stored(context) if line.quantity > 0]
        return float(max(shown)) / dearest if shown and dearest > 0 else 1.0

    def bytes_per_gb(self, context: Context) -> float:
        """2^30, or 10^9 where the billed quantity says that this provider's GB is decimal."""
        billed = float(sum((line.quantity for line in self._stored(context)), Decimal(0)) / context.months)
        held = self.held_bytes / GIB
        return 1e9 if held > 0 and abs(billed / held - GIB / 1e9) < 0.03 else GIB

    def _stored(self, context: Context) -> list[Line]:
        return [line for line in context.bill.lines(self.key) if line.unit.lower().startswith(("gb-mo", "gigabyte-mo"))]

    def act(self, action: Action, saved: float, fee: float, why: str) -> Act:
        expected = min(cents(Decimal(repr(saved))), cents(self.monthly_cost))
        once = cents(Decimal(repr(fee)))
        most = max(expected, min(cents(expected * Decimal("1.1")), cents(self.monthly_cost)))
        saving = Saving(
            Estimate(cents(expected * Decimal("0.8")), expected, most),
            expected * 12,
            once,
            self.currency,
            assumes=("objects are read as often as now", "fees of moving are spread over the repayment time"),
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
        path: Path | None = None,
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
            resource_type=self.resource_type,
            billed_as=s.resource,
            explanation=(f"shortest path over ages: {' → '.join(path.classes)}, {path.cost:,.2f} a month",) if path else (),
        )


def _hidden_sql(key: str, names: Sequence[str], bytes_per_unit: float) -> str:
    """The hidden bytes of the last observation, times the effective price of a byte."""
    stored = " + ".join(f"cast(json_extract(properties, '$.{name}') as double)" for name in names)
    return f"""with latest as (
    select properties from resources
    where lower(resource_id) = {quoted(key)}
    order by observed_at desc
    limit 1
)
select cast(({stored}) / {bytes_per_unit!r} as decimal(38, 2)) as monthly_saving from latest"""
