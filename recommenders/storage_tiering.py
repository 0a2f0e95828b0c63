"""Storage tiering: the cheapest class for each age of an object, fees and minimum times included; what nobody needs goes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Annotated, ClassVar

from pydantic import Field

from finops.kinds import listed
from finops.model import Fact, Finding, Keep, Move, Reconfigure, Unknown
from finops.recommend import Context, Row
from finops.storage.buckets import HIDDEN, SOFT_DELETED, Bucket
from finops.storage.checkpoints import Steps, superseded
from finops.storage.declared import seen_to_end
from finops.storage.rules import Rule, Shape, document
from finops.storage.tiering import (
    DAYS_PER_MONTH,
    KIB,
    Band,
    Basis,
    ClassRule,
    Path,
    Tariff,
    bands_of,
    cheapest_path,
    cut,
    steps_of,
    target_of,
)
from finops.storage.tiering_sql import bytes_sql, tiering_sql, unread_sql

CLASSES: Mapping[str, ClassRule] = {
    "STANDARD": ClassRule(),
    "STANDARD_IA": ClassRule(30, 128, skips_small=True),
    "ONEZONE_IA": ClassRule(30, 128, skips_small=True),
    "GLACIER_IR": ClassRule(90, 128, skips_small=True),
    "GLACIER": ClassRule(90, at_once=False, skips_small=True, overhead_kib=32, index_kib=8),
    "DEEP_ARCHIVE": ClassRule(180, at_once=False, skips_small=True, overhead_kib=32, index_kib=8),
    "hot": ClassRule(),
    "cool": ClassRule(30),
    "cold": ClassRule(90),
    "archive": ClassRule(180, at_once=False),
    "NEARLINE": ClassRule(30),
    "COLDLINE": ClassRule(90),
    "ARCHIVE": ClassRule(365),
}
"""By the provider's word. Amazon S3, Azure Blob and Google Cloud Storage pages on storage classes, read 2026-10-03."""

SELF_MOVING: Mapping[str, tuple[tuple[int, str], ...]] = {
    "INTELLIGENT_TIERING": ((0, "STANDARD"), (30, "STANDARD_IA"), (90, "GLACIER_IR")),
    "AUTOCLASS": ((0, "STANDARD"), (30, "NEARLINE"), (90, "COLDLINE"), (365, "ARCHIVE")),
    "smart": ((0, "hot"), (30, "cool"), (90, "cold")),
}
"""Classes that move unread objects themselves: after so many days at that class's price, without retrieval or minimum time."""

SHAPES: Mapping[str, Shape] = {"s3": "transitions", "storageaccounts": "tiers", "storage.googleapis": "conditions"}
"""A word of the resource type → the shape of its store's rules."""

UNDECLARED = "objects go on being deleted after {} days as now, which no rule of the bucket says: nor does this one"

OWNERS_CHOICE = ("ONEZONE_IA",)
"""Never a target: one zone fewer is the owner's choice, as is waiting hours for a restore (`restore_hours`)."""


@dataclass(frozen=True, slots=True)
class StorageTiering:
    """Storage tiering: the cheapest class for each age of an object."""

    months_to_repay: Annotated[float, Field(ge=1, le=60, description="Months in which moving must pay for itself.")] = 12.0
    min_saving: Annotated[float, Field(ge=0, description="Least saving a month that is worth a rule.")] = 1.0
    expire_days: Annotated[int, Field(ge=1, le=365, description="Days after which noncurrent versions expire.")] = 14
    abort_days: Annotated[int, Field(ge=1, le=365, description="Days after which incomplete uploads are aborted.")] = 7
    restore_hours: Annotated[bool, Field(description="Allow classes whose objects take hours to restore.")] = False
    keep_last: Annotated[int, Field(ge=1, le=100, description="Checkpoints of a run that stay.")] = 3
    unread_share: Annotated[
        float, Field(ge=0, le=1, description="Times read whole a month up to which checkpoints of an age count as unread.")
    ] = 0.05
    read_doubt: Annotated[
        float, Field(ge=1, le=10, description="Times as many reads as seen, for which the low end of a saving stands.")
    ] = 2.0
    least_reads: Annotated[
        float, Field(ge=0, le=1, description="Full reads a month that the low end allows for where none was seen.")
    ] = 0.02
    soft_deleted_share: Annotated[
        float, Field(ge=0, le=1, description="Share of a bucket's bytes from which soft-deleted ones are waste.")
    ] = 0.2

    kind: ClassVar[str] = "storage_tiering"
    candidates: ClassVar[str] = """
        with profiles as (

            select
                *,
                regexp_replace(resource_id, '^.*[:/]', '') as bucket_name
            from resource_profile($as_of)
            where service_category = 'Storage' or lower(resource_type) in (<buckets>)

        ),

        bands as (

            select
                lower(bucket) as bucket,
                list(listing order by prefix, age_days_from, storage_class) as bands
            from object_listing($as_of) as listing
            group by lower(bucket)

        ),

        final as (

            select
                profiles.* exclude (metrics, bucket_name),
                bands.bands
            from profiles
            left join bands
                on bands.bucket in (lower(profiles.resource_id), lower(profiles.bucket_name))

        )

        select * from final
        where not regexp_matches(lower(coalesce(resource_type, '')), 'volume|disk|snapshot|instance')
        order by resource_id
    """.replace("<buckets>", listed("bucket"))

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        bucket = Bucket.of(candidate, context)
        if bucket.monthly_cost <= 0:
            return
        if bucket.properties.get("object_lock"):
            yield bucket.finding(Keep("locked: its objects cannot be deleted before their term"), context)
            return
        yield from self._hidden(bucket, context)
        yield from self._soft_deleted(bucket, context)
        if not bucket.current:
            yield bucket.finding(Unknown(("objects",)), context)
        rows = sorted(bucket.current, key=lambda r: (r["prefix"] or "", r["age_days_from"] or 0))
        prefixes = [(prefix, list(group)) for prefix, group in groupby(rows, key=lambda r: r["prefix"] or "")]
        folders = {prefix: bucket.folder(prefix, group, self.unread_share, context) for prefix, group in prefixes}
        gone: set[str] = set()
        for steps in superseded((f for f in folders.values() if f), bucket.calls_checkpoints):
            gone |= {folder.prefix for folder in steps.folders}
            yield self._expire(bucket, steps, not steps.holds(folders), rows, context)
        if bucket.properties.get("autoclass"):
            yield bucket.finding(Keep("autoclass: the provider moves its objects by use, and takes no rule that does"), context)
            return
        for prefix, group in prefixes:
            if prefix not in gone:
                yield self._judge_prefix(bucket, prefix, len(prefixes) > 1, group, context)

    def _hidden(self, bucket: Bucket, context: Context) -> Iterator[Finding]:
        """Bytes that a listing does not show: noncurrent versions and parts of uploads that nobody finished."""
        held = {name: bucket.hidden[name] for name in HIDDEN if bucket.hidden[name]}
        if not held:
            return
        rate = bucket.own_rate(context)
        if isinstance(rate, Unknown):
            yield bucket.finding(rate, context)
            return
        facts = tuple(Fact(name, value, "bytes", "resources.properties") for name, value in held.items())
        days = {"noncurrent_bytes": self.expire_days, "incomplete_multipart_bytes": self.abort_days}
        shares = {name: bucket.declared.beyond(HIDDEN[name], days[name]) for name in held}
        going = {name: share for name, share in shares.items() if share > 0}
        if not going or rate <= 0:
            why = "its rules let these bytes go as soon already" if not going else "the bill charges nothing for what it stores"
            yield bucket.finding(Keep(why), context, facts=facts)
            return
        per_unit = bucket.bytes_per_gb(context) / rate
        saved = sum(held[name] * share for name, share in going.items()) / per_unit
        steps = {
            "noncurrent_bytes": f"expire noncurrent versions after {self.expire_days} days",
            "incomplete_multipart_bytes": f"abort multipart uploads after {self.abort_days} days",
        }
        action = Reconfigure("kept for ever", ", ".join(steps[name] for name in going))
        # The newest days' worth stays; how much that is, nobody says.
        low, why = 0.8 * saved, "no listing shows these bytes, and they are billed"
        act = bucket.act(action, (low, saved, saved), 0.0, why, ("they go on growing as slowly",))
        rule = Rule(
            noncurrent_days=self.expire_days if "noncurrent_bytes" in going else None,
            abort_days=self.abort_days if "incomplete_multipart_bytes" in going else None,
        )
        sql = bytes_sql(bucket, going, per_unit, context.as_of)
        yield bucket.finding(act, context, sql=sql, facts=facts, lifecycle=_lifecycle(bucket, rule), reversible=False)

    def _soft_deleted(self, bucket: Bucket, context: Context) -> Iterator[Finding]:
        """Deleted and overwritten objects that are still billed because they could be recovered."""
        soft, days = bucket.hidden[SOFT_DELETED], bucket.properties.get("soft_delete_days")
        if not soft or not days:
            return
        rate = bucket.own_rate(context)
        if isinstance(rate, Unknown):
            yield bucket.finding(rate, context)
            return
        saved = soft / bucket.bytes_per_gb(context) * rate
        share = soft / bucket.held_bytes
        facts = (Fact(SOFT_DELETED, soft, "bytes", "resources.properties"), Fact("soft_delete_days", str(days), "days"))
        if share < self.soft_deleted_share or saved < self.min_saving:
            why = f"soft-deleted objects are {share:.0%} of its bytes: the price of undoing a deletion"
            yield bucket.finding(Keep(why), context, facts=facts)
            return
        why = f"{share:.0%} of its bytes are objects that were overwritten or deleted, kept for {days} days more"
        action = Reconfigure(f"soft delete {days} days", "soft delete off")
        act = bucket.act(action, (0.8 * saved, saved, saved), 0.0, why, ("as much is overwritten as now",))
        # Where they are all that is billed, the bill's own lines say what goes: a month of 31 days has more than 730 hours.
        whole = saved >= float(context.bill.cost(bucket.key))
        sql = "" if whole else bytes_sql(bucket, {SOFT_DELETED: 1.0}, bucket.bytes_per_gb(context) / rate, context.as_of)
        yield bucket.finding(act, context, sql=sql, facts=facts)

    def _judge_prefix(self, bucket: Bucket, prefix: str, several: bool, rows: Sequence[Row], context: Context) -> Finding:
        """One prefix whose objects stay: the cheapest classes."""
        shown = prefix if several else ""
        filled = bucket.with_reads(rows, context)
        if filled is None:
            return bucket.finding(Unknown(("reads_per_month",)), context, shown)
        bands = bands_of(filled, bucket.bytes_per_gb(context))
        tariffs = self._tariffs(bucket, {band.storage_class for band in bands}, several, context)
        if isinstance(tariffs, Unknown):
            return bucket.finding(tariffs, context, shown)
        return self._tier(bucket, shown, rows[0], bands, tariffs, context)

    def _expire(self, bucket: Bucket, steps: Steps, several: bool, rows: Sequence[Row], context: Context) -> Finding:
        """Delete beats tiering: of saved steps only the last are ever read again."""
        shown = steps.prefix if several else ""
        priced = self._tariffs(bucket, {band.storage_class for _, band in steps.stale}, several, context)
        if isinstance(priced, Unknown):
            return bucket.finding(priced, context, shown)
        tariffs = {t.name: t for t in priced}
        stale = [band for _, band in steps.stale]
        dearest = max(tariffs[band.storage_class].storage for band in stale)
        scale, per_gb = bucket.scale(dearest, context), bucket.bytes_per_gb(context)
        saved = sum((b.gigabytes - b.read_gigabytes) * tariffs[b.storage_class].gb_month(b) for b in stale) * scale
        read = sum(b.read_gigabytes for b in stale)
        facts = (
            Fact("unread bytes", sum(b.gigabytes for b in stale) * per_gb, "bytes", "objects"),
            Fact("read a month", round(read, 3), "GB", "objects"),
            *steps.facts,
        )
        if saved < self.min_saving:
            return bucket.finding(Keep("its unread checkpoints cost less than a rule is worth"), context, shown, facts=facts)
        action = Reconfigure("every step kept", f"expire (keep last {self.keep_last})")
        assumes = ("the last steps of each run and the best stay",)
        act = bucket.act(action, (0.8 * saved, saved, saved), 0.0, steps.why, assumes)
        rule = Rule(prefix=steps.prefix, superseded_days=1)
        note = (
            f"# tag superseded=true (or set a custom time on) all but the last {self.keep_last} steps of each run and the best"
        )
        sql = unread_sql(rows[0], steps.stale, tariffs, per_gb, scale, context.as_of)
        rules = _lifecycle(bucket, rule)
        return bucket.finding(act, context, shown, sql=sql, facts=facts, patch=note, lifecycle=rules, reversible=False)

    def _tier(
        self, bucket: Bucket, prefix: str, row: Row, bands: list[Band], tariffs: list[Tariff], context: Context
    ) -> Finding:
        skips = any(t.rule.skips_small for t in tariffs)
        least = max((t.rule.min_kib for t in tariffs), default=0.0) if skips else 0.0
        movable = cut([band for band in bands if band.mean_kib >= least], {t.rule.min_days for t in tariffs})
        facts = (
            Fact("bytes", sum(b.gigabytes for b in bands) * bucket.bytes_per_gb(context), "bytes", "objects"),
            Fact("objects", sum(b.objects for b in bands), "", "objects"),
            Fact("read a month", round(sum(b.read_gigabytes for b in bands), 3), "GB", "objects"),
        )
        if not movable:
            mean = sum(b.gigabytes for b in bands) * bucket.bytes_per_gb(context) / sum(b.objects for b in bands) / KIB
            why = (
                f"its objects have {mean:,.0f} KiB: cooler classes charge {least:.0f} each, and rules leave them where they are"
            )
            return bucket.finding(Keep(why), context, prefix, facts=facts)
        by_name = {tariff.name: tariff for tariff in tariffs}
        dearest = max(by_name[band.storage_class].storage for band in movable)
        basis = Basis(bucket.bytes_per_gb(context), bucket.scale(dearest, context), self.months_to_repay, least)
        return self._move(bucket, prefix, row, movable, tariffs, basis, facts, context)

    def _move(
        self,
        bucket: Bucket,
        prefix: str,
        row: Row,
        movable: list[Band],
        tariffs: list[Tariff],
        basis: Basis,
        facts: tuple[Fact, ...],
        context: Context,
    ) -> Finding:
        """The cheapest path of the objects that a rule moves, if it pays even when more is read than now."""
        by_name = {tariff.name: tariff for tariff in tariffs}
        path = cheapest_path(movable, tariffs, self.months_to_repay)
        today = sum(by_name[band.storage_class].monthly(band) for band in movable)
        saved = (today - path.cost) * basis.scale
        if not path.classes or saved < self.min_saving:
            why = "no class is cheaper once reads, fees and minimum times are paid"
            return bucket.finding(Keep(why), context, prefix, facts=facts)
        low, high = self._range(movable, path, by_name, saved, basis.scale)
        if low <= 0:
            why = f"watch: saves {saved:,.2f} a month as read now, nothing if read {self.read_doubt:g} times as often"
            return bucket.finding(Keep(why), context, prefix, facts=facts)
        own = row["prefix"] or ""
        steps = tuple(step for step in steps_of(movable, path.classes) if step[1] not in ("AUTOCLASS", "smart"))
        if bucket.declared.moves(own, steps):
            return bucket.finding(Keep("its rules move them so already"), context, prefix, facts=facts)
        told = bucket.declared.days("expire_days", own)
        life = seen_to_end(movable) if told is None else told
        action = Move(", ".join(dict.fromkeys(b.storage_class for b in movable)), target_of(movable, path.classes, life))
        once = path.once * basis.scale
        why = _payback(once, saved + _spread(path, basis), context)
        lives = "objects live as long as now" if told or life is None else UNDECLARED.format(life)
        act = bucket.act(action, (low, saved, high), once, why, (_reads(movable), lives))
        # what deletes is the owner's word alone: the oldest object that a listing shows is no end of life
        rule = Rule(prefix=own, steps=steps, delete_days=told)
        explanation = (f"shortest path over ages: {' → '.join(path.classes)}, {path.cost:,.2f} a month",)
        sql = tiering_sql(movable, path, by_name, row, basis, context.as_of)
        lifecycle = _lifecycle(bucket, rule) if steps else ""
        return bucket.finding(act, context, prefix, sql=sql, facts=facts, explanation=explanation, lifecycle=lifecycle)

    def _range(
        self, bands: Sequence[Band], path: Path, tariffs: Mapping[str, Tariff], saved: float, scale: float
    ) -> tuple[float, float]:
        """The saving if reads are `read_doubt` times as many, and at least `least_reads`; and if nothing more is read."""
        reads = doubt = 0.0
        for band, name in zip(bands, path.classes, strict=True):
            old, new = tariffs[band.storage_class], tariffs[name]
            one, gb = (new.reads - old.reads) / 1000, new.retrieval - old.retrieval
            seen = band.reads * one + band.read_gigabytes * gb
            floor = self.least_reads * (band.objects * one + band.gigabytes * gb)
            reads += seen
            doubt += max((self.read_doubt - 1) * seen, floor - seen, 0.0)
        return saved - doubt * scale, saved + max(reads, 0.0) * scale

    def _tariffs(self, bucket: Bucket, present: set[str], several: bool, context: Context) -> list[Tariff] | Unknown:
        """The classes that could hold the objects, dearest storage first, and those that move objects themselves last."""
        tariffs = []
        missing = []
        for name, known in CLASSES.items():
            rule = bucket.rule(known, name, context)
            allowed = (rule.at_once or self.restore_hours) and name not in OWNERS_CHOICE
            storage = bucket.price(name, context)
            if name in present and storage is None:
                missing.append(bucket.missing_price(name, context))
            if storage is None or not (allowed or name in present):
                continue
            parts = {part: bucket.part(name, part, context) for part in ("get", "retrieval", "transition", "monitoring")}
            needed = ("retrieval", "transition") if rule.min_days and name not in present else ()
            if all(parts[part] is not None for part in needed):
                get, retrieval, move, watch = (value or 0.0 for value in parts.values())
                index = bucket.price("STANDARD", context) or 0.0
                tariffs.append(Tariff(name, rule, storage, get, retrieval, move, watch, index))
        unknown = sorted(present - set(CLASSES) - set(SELF_MOVING))
        if missing or unknown:
            return Unknown((*missing, *(f"rules of storage class {name}" for name in unknown)))
        tariffs.sort(key=lambda t: (-t.storage, t.name))
        return tariffs + self._self_moving(bucket, tariffs, present, several, context)

    def _self_moving(
        self, bucket: Bucket, tariffs: Sequence[Tariff], present: set[str], several: bool, context: Context
    ) -> list[Tariff]:
        """Those whose monitoring has a price. All but one are settings of a whole bucket."""
        prices = {tariff.name: tariff for tariff in tariffs}
        found = []
        for name, idle in SELF_MOVING.items():
            watching = bucket.part(name, "monitoring", context)
            whole = name != "INTELLIGENT_TIERING"
            if watching is None or any(c not in prices for _, c in idle) or (whole and several and name not in present):
                continue
            top = prices[idle[0][1]]
            tiers = tuple((days, prices[c].storage) for days, c in idle)
            move = bucket.part(name, "transition", context) or 0.0
            found.append(Tariff(name, ClassRule(), top.storage, top.reads, 0.0, move, watching, idle=tiers))
        return found


def _reads(bands: Sequence[Band]) -> str:
    assumed = any(band.assumed for band in bands)
    return "every request on the bill reads an object of this prefix" if assumed else "objects are read as often as now"


def _spread(path: Path, basis: Basis) -> float:
    """What of the saving is the cost of moving today's objects, spread over months: nothing where objects grow into a step."""
    spread = path.once * basis.scale / basis.months_to_repay
    return spread if math.isclose(sum(path.fees) * basis.scale, spread) else 0.0


def _payback(once: float, monthly: float, context: Context) -> str:
    months = once / monthly
    month = context.as_of + timedelta(days=round(months * DAYS_PER_MONTH))
    return f"moving costs {once:,.2f} once and is repaid after {months:.1f} months, by {month:%B %Y}"


def _lifecycle(bucket: Bucket, rule: Rule) -> str:
    """The rule as its store takes it; '' where the type of the resource does not say which store that is."""
    kind = bucket.resource_type.lower()
    shape = next((shape for word, shape in SHAPES.items() if word in kind), None)
    return document(shape, [rule]) if shape else ""
