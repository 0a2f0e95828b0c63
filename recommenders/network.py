"""Network: bytes that pay for a way that costs nothing, or that are moved again although they have not changed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import Field

from finops.bill.lines import Line
from finops.bill.simulate import Bill
from finops.model import WATCH, Change, Effect, Fact, Finding, Keep, Reconfigure, Unknown
from finops.money import cents
from finops.profile import Profile, profile_of_row
from finops.recommend import Context, Row
from finops.sizing.machines import ratio
from finops.verdicts import Judged, act, finding_of

GIGABYTES = (1e9, 1024.0**3)
"""What a provider may mean by a GB on its bill."""

GATEWAYS: Mapping[str, str] = {
    "AWS::EC2::NatGateway": "gateway endpoint",
    "Microsoft.Network/natGateways": "service endpoint",
    "compute.googleapis.com/Router": "private access",
}
"""Network address translators and the free way to object storage of the same region (VPC and VNet guides, read 2026-10-03)."""

OBJECT_STORAGE = re.compile(r"s3|blob|gcs|object.?stor|storage\.googleapis|storageaccount", re.IGNORECASE)
PROCESSED = re.compile(r"nat|process", re.IGNORECASE)
LEAVING = re.compile(r"out|egress|inter.?region", re.IGNORECASE)
BETWEEN_ZONES = re.compile(r"regional-bytes|inter.?(?:zone|az)|zone.?to.?zone", re.IGNORECASE)
CHANGED = ("changed_share", "daily_changed_share", "changed_share_per_day", "daily_change_share")
NIGHTS = 730 / 24
NEW_EACH_TIME = 0.9
"""Share of its bytes that a day changes from which a bucket is written anew as a whole."""
RHYTHMS = (NIGHTS, 2 * NIGHTS, 4 * NIGHTS, NIGHTS / 2)
"""Copies a month of what is copied each night, twice or four times a day, every other night."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two buckets that hold as many objects and bytes: `changed` is the share of the first that changes a day."""

    source: str
    copy: str
    bytes: float
    changed: float | None

    @property
    def youth(self) -> float:
        """What is copied anew is all young: of two equal buckets the one with the older objects is the source. Unknown ages
        may be older than those of a bucket that is new each time."""
        return NEW_EACH_TIME if self.changed is None else self.changed


@dataclass(frozen=True, slots=True)
class Network:
    """Network: transfer that a free way or an incremental copy makes cheaper."""

    tolerance: Annotated[
        float, Field(ge=0, le=0.2, description="How far the two halves of a transfer may differ in bytes and still be one.")
    ] = 0.05
    min_saving: Annotated[float, Field(ge=0, description="Least cost a month of a transfer that is worth a question.")] = 10.0

    kind: ClassVar[str] = "network"
    candidates: ClassVar[str] = """
        with movers as (

            select distinct resource_id as key
            from bill_month($as_of)
            where
                regexp_matches(lower(pricing_unit), '^(gb|gib|gigabytes?|gibibytes?)$')
                and charge_category = 'Usage' and cost > 0 and resource_id != ''

        ),

        buckets as (

            select
                bucket,
                sum(object_count) as object_count,
                sum(bytes) as bytes,
                coalesce(sum(bytes) filter (where age_days_from = 0 and age_days_to is not null), 0) as young,
                max(age_days_to) filter (where age_days_from = 0) as young_days,
                bool_or(age_days_from = 0 and age_days_to is null) as ageless,
                count(age_days_from) > 0 as has_ages
            from object_listing($as_of)
            group by bucket

        ),

        pairs as (

            select list(
                {
                    source: one.bucket,
                    copy: other.bucket,
                    bytes: one.bytes,
                    young: one.young,
                    young_days: one.young_days,
                    ageless: one.ageless,
                    has_ages: one.has_ages
                } order by one.bucket, other.bucket
            ) as pairs
            from buckets as one
            inner join buckets as other
                on
                    one.bucket != other.bucket
                    and one.bytes > 0
                    and abs(one.bytes - other.bytes) <= 0.01 * one.bytes
                    and abs(one.object_count - other.object_count) <= 0.01 * one.object_count

        ),

        final as (

            select
                profiles.*,
                pairs.pairs,
                own.bytes as held_bytes
            from resource_profile($as_of) as profiles
            inner join movers on lower(coalesce(nullif(profiles.billed_as, ''), profiles.resource_id)) = movers.key
            cross join pairs
            left join buckets as own
                on lower(own.bucket) in (
                    lower(profiles.resource_id), lower(regexp_replace(profiles.resource_id, '^.*[:/]', ''))
                )

        )

        select * from final
        order by provider, account_id, resource_id
    """

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        profile = profile_of_row(candidate)
        lines = [line for line in context.bill.lines(profile.bill_key) if _moves(line)]
        if _cost(lines) < self.min_saving:
            if profile.resource_type in GATEWAYS:
                yield finding_of(profile, Judged(Keep("few bytes go through it")), self.kind, context)
            return
        if profile.resource_type in GATEWAYS:
            judged: Judged | None = self._gateway(profile, lines, context)
        else:
            judged = self._repeated(profile, candidate, lines, context)
            if judged is None:
                judged = self._between_zones(profile, lines, context)
        if judged is not None:
            yield finding_of(profile, judged, self.kind, context)

    def _gateway(self, profile: Profile, lines: Sequence[Line], context: Context) -> Judged:
        """Bytes of object storage in the same region need no translation; the gateway's hours stay for the rest."""
        processed = [line for line in lines if PROCESSED.search(line.meter)] or list(lines)
        shares = _object_storage_share(profile, processed, self.tolerance)
        if shares is None:
            return Judged(Unknown(("network_in_bytes by source",)))
        matched, share = shares
        facts = (
            Fact("bytes of object storage in the region", round(matched), "of 30 days", "metric_daily"),
            Fact("share of the bytes processed", round(share, 4), "of 1", "metric_daily"),
        )
        left = ratio(Decimal(repr(1 - share)), Decimal(1))
        meters = sorted({line.meter for line in processed})
        effect = Effect(
            tuple(Change(left, unit=line.unit, meter=meter) for meter in meters for line in _first(processed, meter))
        )
        net = context.bill.value(profile.bill_key, effect).net
        if net < Decimal(repr(self.min_saving)):
            return Judged(Keep("hardly any of its bytes are object storage of the same region"), facts)
        verdict = act(
            Reconfigure("object storage through the gateway", GATEWAYS[profile.resource_type]),
            effect, (net * Decimal("0.9"), net, net), profile, confidence=0.9,
            why=f"{share:.0%} of what it processes is object storage of its own region, which has a free way",
            assumes=("the gateway itself stays for the rest and goes on being paid by the hour",),
        )  # fmt: skip
        return Judged(verdict, facts)

    def _repeated(self, profile: Profile, row: Row, lines: Sequence[Line], context: Context) -> Judged | None:
        """The same bytes leave again and again: full copies of something that has its equal elsewhere."""
        leaving = [line for line in lines if LEAVING.search(line.meter) and not BETWEEN_ZONES.search(line.meter)]
        if _cost(leaving) < self.min_saving:
            return None
        moved = float(sum((line.quantity for line in leaving), Decimal(0)))
        pairs = [_pair(item) for item in row.get("pairs") or ()]
        own = {profile.resource.lower(), re.split(r"[:/]", profile.resource.lower())[-1]}
        mine = [pair for pair in pairs if pair.source.lower() in own]
        held = row.get("held_bytes")
        found = [(pair, times) for pair in mine or ([] if held else pairs) if (times := self._times(moved, pair.bytes))]
        if not found:
            alone = held and not mine and self._times(moved, float(held))
            return Judged(Unknown(("objects of the copy",))) if alone else None
        pair, times = min(found, key=lambda each: (abs(each[1] - NIGHTS), each[0].youth, each[0].source, each[0].copy))
        return self._incremental(profile, pair, times, leaving, context)

    def _times(self, gigabytes: float, held: float) -> float | None:
        """How often a month all that is held was moved, where that is a rhythm of whole or half days."""
        for unit in GIGABYTES:
            times = gigabytes * unit / held
            for rhythm in RHYTHMS:
                if abs(times / rhythm - 1) <= self.tolerance:
                    return rhythm
        return None

    def _incremental(self, profile: Profile, pair: Pair, times: float, leaving: Sequence[Line], context: Context) -> Judged:
        own = next((profile.property(name) for name in CHANGED if profile.property(name) is not None), None)
        changed = own if own is not None else pair.changed
        facts = (
            Fact("held", round(pair.bytes), "bytes", "objects"),
            Fact("full copies", round(times, 1), "a month", "bill_month"),
            Fact("its equal", pair.copy, "", "objects"),
        )
        if changed is None:
            return Judged(Unknown(("share of objects that change a day",)), facts)
        share = min(1.0, changed * NIGHTS / times)
        effect = Effect(
            tuple(
                Change(ratio(Decimal(repr(share)), Decimal(1)), unit=line.unit, meter=meter)
                for meter in sorted({line.meter for line in leaving})
                for line in _first(leaving, meter)
            )
        )
        net = context.bill.value(profile.bill_key, effect).net
        if net < Decimal(repr(self.min_saving)):
            return Judged(Keep(f"{share:.0%} of it has changed each time that it is copied"), facts)
        less = Decimal(repr(max(0.0, 1 - 2 * share) / max(1e-9, 1 - share)))
        verdict = act(
            Reconfigure("full copy each time", "incremental"), effect, (net * less, net, net), profile, confidence=0.8,
            why=f"{pair.bytes / 1e12:,.1f} TB go to {pair.copy} {times:.0f} times a month, of which {changed:.1%} change a day",
            assumes=("equal objects and bytes are the same data: compare checksums first",),
        )  # fmt: skip
        storage = f"{pair.copy} is stored a second time; that is another line of the bill and no part of this saving"
        return Judged(verdict, (*facts, Fact("changed", changed, "of 1, a day", "objects")), (storage,), effort="medium")

    def _between_zones(self, profile: Profile, lines: Sequence[Line], context: Context) -> Judged | None:
        """Traffic between zones is paid by both ends; the other end is whoever moved as many bytes."""
        mine = [line for line in lines if BETWEEN_ZONES.search(line.meter)]
        if _cost(mine) < self.min_saving:
            return None
        moved = sum((line.quantity for line in mine), Decimal(0))
        most = Decimal(repr(self.tolerance)) * moved
        halves = _halves(context.before)
        others = [name for name, moves in halves if name != profile.bill_key and abs(moves - moved) <= most]
        other = (
            f"its other half is {min(others)}" if len(others) == 1 else "which resource is its other half is not told by bytes"
        )
        cost = cents(Decimal(repr(_cost(mine))))
        why = f"{WATCH}: traffic between zones costs {cost} a month here and as much at its other end; {other}"
        return Judged(Keep(why), (Fact("between zones", float(moved), "GB a month", "bill_month"),))


@lru_cache(maxsize=2)
def _halves(bill: Bill) -> tuple[tuple[str, Decimal], ...]:
    """What each resource moves between zones, GB a month."""
    moved: dict[str, Decimal] = {}
    for line in bill.every_line():
        if _moves(line) and BETWEEN_ZONES.search(line.meter):
            moved[line.resource] = moved.get(line.resource, Decimal(0)) + line.quantity
    return tuple(sorted(moved.items()))


def _moves(line: Line) -> bool:
    unit = line.unit.lower().rstrip("s")
    return line.category == "Usage" and line.cost > 0 and unit in ("gb", "gib", "gigabyte", "gibibyte")


def _cost(lines: Iterable[Line]) -> float:
    return float(sum((line.cost for line in lines), Decimal(0)))


def _first(lines: Sequence[Line], meter: str) -> list[Line]:
    """One line of each unit of a meter."""
    return list({line.unit: line for line in lines if line.meter == meter}.values())


def _pair(item: Mapping[str, Any]) -> Pair:
    changed: float | None = None
    if item["has_ages"] and not item["ageless"]:
        days = item["young_days"]
        changed = float(item["young"]) / float(item["bytes"]) / max(1, days) if days is not None else 0.0
    return Pair(item["source"], item["copy"], float(item["bytes"]), changed)


def _object_storage_share(profile: Profile, processed: Sequence[Line], tolerance: float) -> tuple[float, float] | None:
    """(bytes, share of all processed) that came from or went to object storage of the same region; None: no source is told."""
    matched = total = untold = 0.0
    for metric in ("network_in_bytes", "network_out_bytes"):
        series = profile.of(metric, "sum")
        told = [s for s in series if s.dimensions.get("source")]
        if not told:
            untold += max((sum(day.total for day in s.days[-30:]) for s in series), default=0.0)
            continue
        sums = [(s, sum(day.total for day in s.days[-30:])) for s in series]
        matched += sum(moved for s, moved in sums if s in told and _same_region(s.dimensions, profile.region))
        whole = max((moved for s, moved in sums if s not in told), default=0.0)
        total += max(whole, sum(moved for s, moved in sums if s in told))
        if whole == 0.0 and len({str(s.dimensions["source"]) for s in told}) == 1:
            total = max(total, _billed(processed, total, tolerance))
    if total and untold and _misfit(processed, total + untold) < _misfit(processed, total):
        total += untold  # what goes the other way is processed too; where its source is not told it is no object storage's
    return (matched, matched / total) if total > 0 else None


def _same_region(dimensions: Mapping[str, Any], region: str) -> bool:
    return bool(OBJECT_STORAGE.search(str(dimensions["source"]))) and str(dimensions.get("region") or region) == region


def _billed(lines: Sequence[Line], measured: float, tolerance: float) -> float:
    """Bytes of 30 days on the bill; what was measured, where one reading of GB says the same."""
    return measured if _misfit(lines, measured) <= tolerance else _gigabytes(lines) * GIGABYTES[1]


def _misfit(lines: Sequence[Line], measured: float) -> float:
    """How far so many bytes are from those of the bill, as a share, in the better reading of GB."""
    return min((abs(_gigabytes(lines) * unit / measured - 1) for unit in GIGABYTES if measured > 0), default=math.inf)


def _gigabytes(lines: Sequence[Line]) -> float:
    return float(sum((line.quantity for line in lines), Decimal(0))) * 720 / 730
