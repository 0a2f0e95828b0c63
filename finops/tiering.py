"""Storage classes over the ages of objects: tariffs, and the exact cheapest path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from finops.evidence import quoted

GIB = 1024.0**3
KIB = 1024.0


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
    """The objects of one prefix between two ages, as they lie today."""

    day_from: int
    day_to: int | None
    objects: float
    gigabytes: float
    reads: float
    read_gigabytes: float
    storage_class: str

    @property
    def mean_kib(self) -> float:
        return self.gigabytes * GIB / KIB / self.objects if self.objects else 0.0


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a class costs: a GB and month, a thousand reads, a GB read, a thousand objects moved in, a thousand watched.

    index_storage  a GB and month of the first class, where the index of archived objects lies
    """

    name: str
    rule: ClassRule
    storage: float
    reads: float
    retrieval: float
    transition: float
    monitoring: float
    index_storage: float = 0.0

    @property
    def overhead_gb(self) -> float:
        """GB at this class's price that an object is charged for beside itself."""
        at_first = self.rule.index_kib * (self.index_storage / self.storage) if self.storage else 0.0
        return (self.rule.overhead_kib + at_first) * KIB / GIB

    def monthly(self, band: Band, months_to_repay: float) -> float:
        """What a month of the band costs in this class; moving it is spread over `months_to_repay`."""
        cost = band.gigabytes * self.padding(band) * self.storage + band.objects / 1000 * self.monitoring
        cost += band.reads / 1000 * self.reads + band.read_gigabytes * self.retrieval
        return cost + self.moving(band) / months_to_repay

    def padding(self, band: Band) -> float:
        """How much more than their size small objects are charged for."""
        return max(1.0, self.rule.min_kib / band.mean_kib) if band.mean_kib else 1.0

    def moving(self, band: Band) -> float:
        return 0.0 if band.storage_class == self.name else band.objects / 1000 * self.transition


@dataclass(frozen=True, slots=True)
class Path:
    """The classes of the bands, youngest first, and what they cost a month."""

    classes: tuple[str, ...]
    cost: float


def cheapest_path(bands: Sequence[Band], tariffs: Sequence[Tariff], months_to_repay: float) -> Path:
    """The exact shortest path over (age band, class). `tariffs` are in order of falling storage price.

    Objects only move to classes with cheaper storage, never leave a class, or die, before its minimum days, and enter one
    only when they are as old as its minimum: what has lived so long may be expected to live as long again, and what dies
    young pays no early deletion (docs/decisions/0008).
    """
    life = bands[-1].day_to
    best: dict[tuple[int, int], Path] = {}
    for index, band in enumerate(bands):
        reached: dict[tuple[int, int], Path] = {}
        for rank, tariff in enumerate(tariffs):
            young = band.day_from < tariff.rule.min_days
            dying = life is not None and life - band.day_from < tariff.rule.min_days
            if band.storage_class != tariff.name and (young or dying):
                stays = [e for (r, e) in best if r == rank]
                if not stays:
                    continue
            for entered, path in _before(best, rank, band, tariffs, index):
                cost = path.cost + tariff.monthly(band, months_to_repay)
                key = (rank, entered)
                if key not in reached or cost < reached[key].cost:
                    reached[key] = Path((*path.classes, tariff.name), cost)
        best = reached
    return min(best.values(), key=lambda p: p.cost) if best else Path((), float("inf"))


def _before(
    best: Mapping[tuple[int, int], Path], rank: int, band: Band, tariffs: Sequence[Tariff], index: int
) -> Iterator[tuple[int, Path]]:
    """(age at which the class was entered, path so far) of every way to be in class `rank` in this band."""
    if index == 0:
        yield band.day_from, Path((), 0.0)
    for (before, entered), path in best.items():
        if before == rank:
            yield entered, path
        elif before < rank and (band.day_from - entered >= tariffs[before].rule.min_days):
            yield band.day_from, path


@dataclass(frozen=True, slots=True)
class Basis:
    """How list prices become the bill's: bytes of a billed GB, the account's factor, months in which moving is repaid."""

    bytes_per_gb: float
    scale: float
    months_to_repay: float


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
            )
        )
    return bands


def target_of(bands: Sequence[Band], classes: Sequence[str]) -> str:
    """The class alone where all objects go to one, else each class with the age at which objects enter it."""
    moved = [(band, name) for band, name in zip(bands, classes, strict=True) if name != band.storage_class]
    entered = {name: band.day_from for band, name in reversed(moved)}
    if len(entered) == 1:
        return next(iter(entered))
    steps = [f"{name} {day} d" for name, day in sorted(entered.items(), key=lambda item: item[1])]
    life = bands[-1].day_to
    return ", ".join([*steps, f"delete {life} d"] if life is not None else steps)


def tiering_sql(
    bands: Sequence[Band], classes: Sequence[str], tariffs: Mapping[str, Tariff], row: Mapping[str, Any], basis: Basis
) -> str:
    """The saving from `objects`: each band's cost a month in today's class less that in its class of the path."""
    values = []
    for band, name in zip(bands, classes, strict=True):
        old, new = tariffs[band.storage_class], tariffs[name]
        moving = new.transition / basis.months_to_repay if name != band.storage_class else 0.0
        numbers = (
            old.storage * old.padding(band) - new.storage * new.padding(band),
            old.monitoring - new.monitoring - moving,
            old.reads - new.reads,
            old.retrieval - new.retrieval,
        )
        values.append(f"    ({band.day_from}, {quoted(band.storage_class)}, {', '.join(repr(n) for n in numbers)})")
    listed = ",\n".join(values)
    return f"""with differences (age_days_from, storage_class, a_gb, a_thousand_objects, a_thousand_reads, a_gb_read) as (
    values
{listed}
),
priced as (
    select
        objects.bytes / {basis.bytes_per_gb!r} * a_gb
        + object_count / 1000 * a_thousand_objects
        + coalesce(reads_per_month, 0) / 1000 * a_thousand_reads
        + coalesce(read_bytes_per_month, 0) / {basis.bytes_per_gb!r} * a_gb_read as saved
    from objects
    inner join differences
        on coalesce(objects.age_days_from, 0) = differences.age_days_from
        and objects.storage_class = differences.storage_class
    where bucket = {quoted(row["bucket"])} and coalesce(prefix, '') = {quoted(row["prefix"] or "")}
)
select cast(sum(saved) * {basis.scale!r} as decimal(38, 2)) as monthly_saving from priced"""
