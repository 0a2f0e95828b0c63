"""Generated prefixes of an object store: sizes, arrivals, deletions, and reads by the law that CERN's EOS shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finops.storage.lifecycle import Batches, Floats, Ints

FIT = 182
JUDGED = 182
"""Days: six months of history that the policy sees, six months in which it is judged. Day 0 is the decision."""

MIN_GB = 128 / 2**20
"""Cooler classes charge smaller objects as this size; rules of S3 leave them where they are."""

OBJECTS_AT_ONCE = 500_000


@dataclass(frozen=True, slots=True)
class Prefix:
    """Batches of the objects below and from 128 KiB on; their reads go with them."""

    name: str
    small: Batches
    large: Batches

    @property
    def whole(self) -> Batches:
        return joined(self.small, self.large)


def joined(one: Batches, other: Batches) -> Batches:
    """Both, as batches of one prefix."""
    return Batches(
        np.concatenate([one.born, other.born]),
        np.concatenate([one.dies, other.dies]),
        np.concatenate([one.weights, other.weights], axis=1),
        np.concatenate([one.read_of, other.read_of + len(one.born)]),
        np.concatenate([one.read_day, other.read_day]),
        np.concatenate([one.reads, other.reads], axis=1),
    )


@dataclass(frozen=True, slots=True)
class ReadLaw:
    """How often a file is read in its life, given that it is read: the histogram of `cern_eos_readmany`."""

    counts: Ints
    shares: Floats

    @classmethod
    def of(cls, path: Path) -> ReadLaw:
        table = pd.read_csv(path)
        files = table["readfrom"].to_numpy(dtype=float)
        return cls(table["reads"].to_numpy(dtype=np.int64), files / files.sum())

    def draw(self, g: np.random.Generator, number: int) -> Ints:
        return g.choice(self.counts, size=number, p=self.shares)


LARGE = (500, 3000)
"""Objects of a batch: prefixes of a million objects or so, as data lakes have. Half of the bytes that EOS's law reads are read
from 0.4 % of the files, so that only many objects together are read as they were before."""

FEW = (20, 200)
"""Prefixes in which one object that everybody wants decides what a month costs."""


def prefixes(seed: int, law: ReadLaw, number: int, each: tuple[int, int]) -> Iterator[Prefix]:
    """Prefixes of every kind between scratch and archive: all parameters are drawn, none depends on a tariff."""
    for index in range(number):
        yield prefix(np.random.default_rng([seed, index]), law, f"prefix-{index:03d}", each)


def prefix(g: np.random.Generator, law: ReadLaw, name: str, of: tuple[int, int]) -> Prefix:
    """Batches (a job's output, a day's upload) of lognormal objects, written at a rate that may grow or fall."""
    older = int(g.uniform(0, 365))
    span = older + FIT + JUDGED
    number = int(np.exp(g.uniform(np.log(1), np.log(6))) * span)
    each = int(np.exp(g.uniform(*np.log(of))))
    growth = g.uniform(0.7, 1.4)  # arrivals on the last day over those on the first
    place = (np.sqrt(1 + g.uniform(size=number) * (growth**2 - 1)) - 1) / (growth - 1)
    born = np.sort(np.floor(place * span).astype(np.int64) - older - FIT)
    dies = born + np.clip(np.ceil(_lives(g, number)), 1, 100_000).astype(np.int64)
    median, spread = np.exp(g.uniform(np.log(1e-4), np.log(0.1))), g.uniform(0.3, 1.2)
    unread = g.uniform(0, 0.8)
    amounts = [_amounts(g, law, count, each, median, spread, unread) for count in _parts(number, each)]
    weights = np.concatenate([part for part, _ in amounts], axis=2)
    reads = np.concatenate([part for _, part in amounts], axis=2)
    ages = _read_ages(g, reads[:, 0].astype(np.int64), span)
    return Prefix(name, *(_batches(born, dies, weights[i], reads[i], ages[i]) for i in (0, 1)))


def _parts(number: int, each: int) -> list[int]:
    """Batches that are drawn together, so that memory stays bounded."""
    most = max(OBJECTS_AT_ONCE // each, 1)
    return [min(most, number - first) for first in range(0, number, most)]


def _amounts(
    g: np.random.Generator, law: ReadLaw, number: int, each: int, median: float, spread: float, unread: float
) -> tuple[Floats, Floats]:
    """(2, 3, b) objects, GB, padded GB and (2, 2, b) reads, GB read over the whole life, of small and of large objects."""
    gb = np.exp(g.normal(np.log(median), spread, (number, each)))
    count = np.where(g.uniform(size=(number, each)) < unread, 0, law.draw(g, number * each).reshape(number, each))
    weights, reads = [], []
    for chosen in (gb < MIN_GB, gb >= MIN_GB):
        padded = np.where(chosen, np.maximum(gb, MIN_GB), 0.0)
        weights.append([chosen.sum(axis=1), np.where(chosen, gb, 0.0).sum(axis=1), padded.sum(axis=1)])
        reads.append([np.where(chosen, count, 0).sum(axis=1), np.where(chosen, count * gb, 0.0).sum(axis=1)])
    return np.array(weights, dtype=float), np.array(reads, dtype=float)


def _lives(g: np.random.Generator, number: int) -> NDArray[np.float64]:
    """Days: kept for ever, deleted by a retention rule, at random, or with a heavy tail."""
    way = g.integers(4)
    if way == 0:
        return np.full(number, 1e5)
    if way == 1:
        return np.full(number, float(g.choice([7, 14, 30, 60, 90, 180, 365, 400])))
    if way == 2:
        return g.exponential(np.exp(g.uniform(np.log(5), np.log(600))), number)
    return g.lognormal(g.uniform(np.log(10), np.log(300)), g.uniform(0.5, 1.5), number)


def _read_ages(g: np.random.Generator, totals: Ints, span: int) -> list[Ints]:
    """Per size (b, age): the reads of a batch by age; popularity decays as a power (Lomax: a scale in days, a shape)."""
    scale, shape = np.exp(g.uniform(np.log(0.5), np.log(120))), g.uniform(0.8, 2.5)
    alive = (1 + np.arange(span + 1) / scale) ** -shape
    shares = np.append(-np.diff(alive), alive[-1])  # the last: later than anything that is simulated
    return [g.multinomial(total, shares)[:, :-1] for total in totals]


def _batches(born: Ints, dies: Ints, weights: Floats, reads: Floats, ages: Ints) -> Batches:
    """Reads after a batch's deletion, or after the judged months, do not happen."""
    of, age = np.nonzero(ages)
    day = born[of] + age
    happens = (day < dies[of]) & (day < JUDGED)
    of, day, count = of[happens], day[happens], ages[of, age][happens].astype(float)
    mean = reads[1][of] / reads[0][of]
    return Batches(born, dies, weights, of.astype(np.int64), day.astype(np.int64), np.stack([count, count * mean]))
