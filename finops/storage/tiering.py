"""Storage classes over the ages of objects: tariffs, and the exact cheapest path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from finops.money import HOURS_PER_MONTH

GIB = 1024.0**3
KIB = 1024.0
DAYS_PER_MONTH = float(HOURS_PER_MONTH) / 24
"""A GB-month in days: 730 hours."""


@dataclass(frozen=True, slots=True)
class ClassRule:
    """What a storage class demands. Sources: the providers' storage pages, read 2026-10-03.

    min_days       early deletion is charged up to here
    min_kib        smaller objects are charged as this size
    at_once        objects are readable without a restore of hours
    earliest_days  a rule may not move younger objects here
    skips_small    a rule leaves objects below `min_kib` where they are
    overhead_kib   of each object, charged beside it in this class
    index_kib      of each object, charged beside it at the price of the first class
    """

    min_days: int = 0
    min_kib: float = 0.0
    at_once: bool = True
    earliest_days: int = 0
    skips_small: bool = False
    overhead_kib: float = 0.0
    index_kib: float = 0.0


@dataclass(frozen=True, slots=True)
class Band:
    """The objects of one prefix between two ages, as they lie today. Reads are a month's.

    origin, share  of a part of a band that was cut: where the whole begins, and which part this is
    assumed        reads were not measured: they are what the bill allows at most
    """

    day_from: int
    day_to: int | None
    objects: float
    gigabytes: float
    reads: float
    read_gigabytes: float
    storage_class: str
    origin: int | None = None
    share: float = 1.0
    assumed: bool = False

    @property
    def mean_kib(self) -> float:
        return self.gigabytes * GIB / KIB / self.objects if self.objects else 0.0

    @property
    def read_share(self) -> float:
        """How often a month it is read whole, by its objects or by its bytes: the counter that says more counts."""
        counters = ((self.reads, self.objects), (self.read_gigabytes, self.gigabytes))
        return max((read / held for read, held in counters if held), default=0.0)


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a class costs: a GB and month, a thousand reads, a GB read, a thousand objects moved in, a thousand watched.

    index_storage  a GB and month of the first class, where the index of archived objects lies
    idle           of a class that moves objects itself: (days without a read, price of a GB and month), longest last
    """

    name: str
    rule: ClassRule
    storage: float
    reads: float
    retrieval: float
    transition: float
    monitoring: float
    index_storage: float = 0.0
    idle: tuple[tuple[int, float], ...] = ()

    @property
    def overhead_gb(self) -> float:
        """GB at this class's price that an object is charged for beside itself."""
        at_first = self.rule.index_kib * (self.index_storage / self.storage) if self.storage else 0.0
        return (self.rule.overhead_kib + at_first) * KIB / GIB

    def monthly(self, band: Band) -> float:
        """What a month of the band costs in this class once it is there."""
        cost = band.gigabytes * self.gb_month(band) + band.objects / 1000 * self.object_month
        return cost + band.reads / 1000 * self.reads + band.read_gigabytes * self.retrieval

    @property
    def object_month(self) -> float:
        """What a thousand objects cost a month apart from their bytes."""
        return self.monitoring + 1000 * self.overhead_gb * self.storage

    def gb_month(self, band: Band) -> float:
        """A GB of the band for a month: small objects are charged for more than their size, unread ones may sink."""
        padding = max(1.0, self.rule.min_kib / band.mean_kib) if band.mean_kib else 1.0
        return padding * (_idle_price(band, self.idle) if self.idle else self.storage)

    def settling(self, band: Band) -> float:
        """What it costs once that objects begin at the top of a class that moves them itself."""
        if not self.idle:
            return 0.0
        ends = [*(days for days, _ in self.idle[1:]), 0]
        settled = self.gb_month(band)
        spans = zip(self.idle, ends, strict=True)
        extra = sum(max(0.0, price - settled) * max(0, end - start) for (start, price), end in spans)
        return band.gigabytes * extra / DAYS_PER_MONTH


def _idle_price(band: Band, idle: Sequence[tuple[int, float]]) -> float:
    """The price of a GB and month where reads of each object come at even intervals.

    For a given number of reads that is the least time without one, so it saves least: a data set that is read as a whole
    behaves so, and everything else is cheaper. Objects that nobody reads are idle since they were written.
    """
    last = float(band.day_to if band.day_to is not None else band.day_from + 365)
    gap = DAYS_PER_MONTH / band.read_share if band.read_share > 0 else float("inf")
    start, end = (float(band.day_from), last) if gap >= last else (0.0, gap)
    ends = [*(float(days) for days, _ in idle[1:]), float("inf")]
    spans = [max(0.0, min(end, b) - max(start, a)) * price for (a, price), b in zip(idle, ends, strict=True)]
    return sum(spans) / (end - start) if end > start else idle[0][1]


@dataclass(frozen=True, slots=True)
class Path:
    """The classes of the bands, youngest first, and what they cost a month.

    fees   a month's transitions of each band, by objects that grow to the age of a step; where nothing younger is there to
           grow, what lies there now, spread over the months in which it must pay
    once   what moving today's objects costs
    """

    classes: tuple[str, ...]
    cost: float
    fees: tuple[float, ...] = ()
    once: float = 0.0


@dataclass(frozen=True, slots=True)
class _State:
    """A way to some band: classes so far, what they cost a month, and beside it what the decision must bear."""

    classes: tuple[str, ...] = ()
    fees: tuple[float, ...] = ()
    cost: float = 0.0
    once: float = 0.0
    borne: float = 0.0


def cheapest_path(bands: Sequence[Band], tariffs: Sequence[Tariff], months_to_repay: float) -> Path:
    """The exact shortest path over (age band, class). `tariffs` are in order of falling storage price, self-moving ones last.

    Objects only move down the list, never leave a class, or die, before its minimum days, and enter one only when they are
    as old as its minimum: what has lived so long may be expected to live as long again, and what dies young pays no early
    deletion (docs/decisions/0008). What lies in a cooler class already stays there. The path must pay for moving today's
    objects within `months_to_repay`.
    """
    rank_of = {tariff.name: rank for rank, tariff in enumerate(tariffs)}
    life = bands[-1].day_to
    best: dict[tuple[int, int], _State] = {}
    for index, band in enumerate(bands):
        reached: dict[tuple[int, int], _State] = {}
        for rank, tariff in enumerate(tariffs):
            moving = rank > rank_of[band.storage_class]
            young = band.day_from < max(tariff.rule.min_days, tariff.rule.earliest_days)
            dying = life is not None and life - band.day_from < tariff.rule.min_days
            barred = moving and (young or dying)
            there = tariffs[max(rank, rank_of[band.storage_class])]
            for entered, state in _before(best, rank, band, tariffs, index, barred=barred):
                added = _with(state, bands, index, there, entered, months_to_repay)
                key = (rank, entered)
                if key not in reached or added.borne < reached[key].borne:
                    reached[key] = added
        best = reached
    found = min(best.values(), key=lambda state: state.borne, default=None)
    return Path(found.classes, found.cost, found.fees, found.once) if found else Path((), float("inf"))


def _with(state: _State, bands: Sequence[Band], index: int, tariff: Tariff, entered: int, months_to_repay: float) -> _State:
    band = bands[index]
    fee = once = 0.0
    if band.storage_class != tariff.name:
        once = band.objects / 1000 * tariff.transition + tariff.settling(band)
        growing = any(other.day_from < band.day_from for other in bands)
        fee = flow(bands, index) / 1000 * tariff.transition if growing and entered == band.day_from else 0.0
        fee = fee if growing else once / months_to_repay
    cost = tariff.monthly(band) + fee
    bears = cost + (once / months_to_repay if fee != once / months_to_repay else 0.0)
    return _State((*state.classes, tariff.name), (*state.fees, fee), state.cost + cost, state.once + once, state.borne + bears)


def flow(bands: Sequence[Band], index: int) -> float:
    """Objects that grow to the band's age in a month: as dense as they lie in it, or before it where it has no end."""
    band = bands[index]
    if band.day_to is not None:
        return band.objects / (band.day_to - band.day_from) * DAYS_PER_MONTH
    before = max((b.day_from for b in bands if b.day_from < band.day_from), default=band.day_from)
    dense = sum(b.objects / (b.day_to - b.day_from) for b in bands if b.day_from == before and b.day_to is not None)
    return dense * DAYS_PER_MONTH


def _before(
    best: Mapping[tuple[int, int], _State], rank: int, band: Band, tariffs: Sequence[Tariff], index: int, *, barred: bool
) -> Iterator[tuple[int, _State]]:
    """(age at which the class was entered, path so far) of every way to be in class `rank` in this band.

    barred: the class may not be entered here, only gone on with.
    """
    if index == 0 and not barred:
        yield band.day_from, _State()
    for (before, entered), path in best.items():
        if before == rank:
            yield entered, path
        elif (
            before < rank and not barred and not (tariffs[rank].idle and before > 0) and _stayed(tariffs[before], band, entered)
        ):
            yield band.day_from, path


def _stayed(tariff: Tariff, band: Band, entered: int) -> bool:
    return band.day_from - entered >= tariff.rule.min_days


@dataclass(frozen=True, slots=True)
class Basis:
    """How list prices become the bill's: bytes of a billed GB, the account's factor, months in which moving is repaid.

    least_kib  the mean size from which rows are meant; smaller objects stay where they are
    """

    bytes_per_gb: float
    scale: float
    months_to_repay: float
    least_kib: float = 0.0


AMOUNTS = ("object_count", "bytes", "reads_per_month", "read_bytes_per_month")


def bands_of(rows: Sequence[Mapping[str, Any]], bytes_per_gb: float) -> list[Band]:
    """Size bands of one age and class are one band here, youngest first."""
    bands: list[Band] = []
    ordered = sorted(rows, key=lambda r: (r["age_days_from"] or 0, r["storage_class"]))
    for (start, name), group in groupby(ordered, key=lambda r: (r["age_days_from"] or 0, r["storage_class"])):
        mine = list(group)
        ends = [r["age_days_to"] for r in mine]
        total = {name: sum(float(r[name] or 0) for r in mine) for name in AMOUNTS}
        bands.append(
            Band(
                start,
                None if any(end is None for end in ends) else max(ends),
                total["object_count"],
                total["bytes"] / bytes_per_gb,
                total["reads_per_month"],
                total["read_bytes_per_month"] / bytes_per_gb,
                name,
                assumed=any(r.get("assumed") for r in mine),
            )
        )
    return bands


def unmeasured(row: Mapping[str, Any]) -> bool:
    """Nobody says how often these objects are read."""
    return row["reads_per_month"] is None and row["read_bytes_per_month"] is None


def with_at_most(rows: Sequence[Mapping[str, Any]], requests: float) -> list[Mapping[str, Any]]:
    """Rows without reads with the most that `requests` a month allow: all of them are reads of whole objects of these rows."""
    objects = sum(float(row["object_count"]) for row in rows if unmeasured(row))
    return [
        {**row, "reads_per_month": requests * row["object_count"] / objects, "assumed": True} if unmeasured(row) else row
        for row in rows
    ]


def known_reads(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Reads and bytes read, one from the other by the mean size where one is missing."""
    reads, read_bytes, size = row["reads_per_month"], row["read_bytes_per_month"], float(row["bytes"] or 0)
    mean = size / row["object_count"] if row["object_count"] else 0.0
    if reads is None:
        reads = read_bytes / mean if mean else 0.0
    if read_bytes is None:
        read_bytes = reads * mean
    return {**row, "reads_per_month": reads, "read_bytes_per_month": read_bytes}


def cut(bands: Sequence[Band], ages: Iterable[int]) -> list[Band]:
    """The bands cut at `ages`: within a band that has an end, objects are taken to be spread evenly over its days."""
    found = []
    for band in bands:
        if band.day_to is None:
            found.append(band)
            continue
        edges = sorted({band.day_from, band.day_to, *(age for age in ages if band.day_from < age < band.day_to)})
        for start, end in pairwise(edges):
            share = (end - start) / (band.day_to - band.day_from)
            amounts = (band.objects, band.gigabytes, band.reads, band.read_gigabytes)
            objects, gigabytes, reads, read = (amount * share for amount in amounts)
            found.append(
                Band(start, end, objects, gigabytes, reads, read, band.storage_class, band.day_from, share, band.assumed)
            )
    return sorted(found, key=lambda band: (band.day_from, band.storage_class))


def steps_of(bands: Sequence[Band], classes: Sequence[str]) -> list[tuple[int, str]]:
    """(age, class) of every step: the youngest age at which objects enter a class that they are not in."""
    moved = [(band, name) for band, name in zip(bands, classes, strict=True) if name != band.storage_class]
    entered = {name: band.day_from for band, name in reversed(moved)}
    return sorted((day, name) for name, day in entered.items())


def target_of(bands: Sequence[Band], classes: Sequence[str], life: int | None) -> str:
    """The class alone where all objects go to one, else each class with the age at which objects enter it, and the age at which
    they are deleted, where that is known."""
    entered = steps_of(bands, classes)
    if len(entered) == 1:
        return entered[0][1]
    steps = [f"{name} {day} d" for day, name in entered]
    return ", ".join([*steps, f"delete {life} d"] if life is not None else steps)
