"""Storage tiering: schedules from six months of history, judged on the next six against the clairvoyant's, three tariffs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.traces.bar import Bar, Decisions, present
from benchmarks.traces.stored_objects import FEW, FIT, JUDGED, LARGE, Prefix, ReadLaw, prefixes
from finops.storage.lifecycle import Batches, Steps, cheapest_schedule, observed, schedule_cost
from finops.storage.survival import Doubt, History, choose
from finops.storage.tiering import ClassRule, Tariff

SEEDS = (1, 2, 3)
PREFIXES = 40
REPORTED = 20
MIN_KIB = 128.0
FAR = 10**6
"""A day of deletion that nobody knows yet."""
AGES = (*range(0, 8), 10, 14, 21, 30, 37, 45, 60, 75, 90, 105, 120, 150, 180, 210, 240, 270, 300, 365, 450, 540, 630)
"""Ages in days at which rules may act: ours and the clairvoyant's alike."""


def _s3(name: str, storage: float, get: float, move: float, retrieval: float, days: int, earliest: int = 0) -> Tariff:
    kib = MIN_KIB if days else 0.0
    return Tariff(name, ClassRule(days, kib, earliest_days=earliest, skips_small=True), storage, get, retrieval, move, 0.0)


# us-east-1, AWS Price List of 2026-09-28; lifecycle moves to Standard-IA from day 30 on (S3 User Guide).
S3 = (
    _s3("STANDARD", 0.023, 0.0004, 0.0, 0.0, 0),
    _s3("STANDARD_IA", 0.0125, 0.001, 0.01, 0.01, 30, earliest=30),
    _s3("GLACIER_IR", 0.004, 0.01, 0.02, 0.03, 90),
)
# East US 2, LRS: algorithms of 2026; per 10,000 operations there, per 1,000 here. A move is a write at the target.
BLOB = (
    Tariff("hot", ClassRule(), 0.0184, 0.00044, 0.0, 0.0, 0.0),
    Tariff("cool", ClassRule(30, MIN_KIB), 0.01, 0.001, 0.01, 0.01, 0.0),
    Tariff("cold", ClassRule(90, MIN_KIB), 0.0036, 0.01, 0.03, 0.018, 0.0),
)
# us-central1, 2022 to 2026; class B of Nearline and Archive, class A of Coldline.
GCS = (
    Tariff("STANDARD", ClassRule(), 0.020, 0.0004, 0.0, 0.0, 0.0),
    Tariff("NEARLINE", ClassRule(30), 0.010, 0.001, 0.01, 0.01, 0.0),
    Tariff("COLDLINE", ClassRule(90), 0.004, 0.005, 0.02, 0.01, 0.0),
    Tariff("ARCHIVE", ClassRule(365), 0.0012, 0.05, 0.05, 0.05, 0.0),
)
TARIFFS = {"s3": S3, "blob": BLOB, "gcs": GCS}

VENDORS: dict[str, dict[str, Steps]] = {
    "s3": {
        "IA 30 d": ((0, "STANDARD"), (30, "STANDARD_IA")),
        "IA 30 d, IR 90 d": ((0, "STANDARD"), (30, "STANDARD_IA"), (90, "GLACIER_IR")),
    },
    "blob": {
        "cool 30 d": ((0, "hot"), (30, "cool")),
        "cool 30 d, cold 90 d": ((0, "hot"), (30, "cool"), (90, "cold")),
    },
    "gcs": {
        "nearline 30 d": ((0, "STANDARD"), (30, "NEARLINE")),
        "nearline 30 d, coldline 90 d, archive 365 d": (
            (0, "STANDARD"),
            (30, "NEARLINE"),
            (90, "COLDLINE"),
            (365, "ARCHIVE"),
        ),
    },
}
"""The schedules of the providers' own documentation, for every prefix alike."""


@dataclass(slots=True)
class Scores:
    """Sums over prefixes, by policy, and what the worst prefix pays above doing nothing (a share)."""

    totals: dict[str, float] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)

    def add(self, costs: dict[str, float]) -> None:
        for policy, cost in costs.items():
            self.totals[policy] = self.totals.get(policy, 0.0) + cost
            excess = cost / costs["nothing"] - 1
            self.worst[policy] = max(self.worst.get(policy, -1.0), excess)

    def above(self) -> dict[str, float]:
        """What the others pay above the clairvoyant's total (a share)."""
        best = self.totals["clairvoyant"]
        return {policy: cost / best - 1 for policy, cost in self.totals.items() if policy not in ("ours", "clairvoyant")}


def bars(folder: Path, decisions: Decisions) -> Iterator[Bar]:
    """Per tariff: the total above the clairvoyant's, and the worst prefix. FINOPS_SEED replaces the seeds by one of yours."""
    for path in present(folder, "storage/cern_eos_readmany.csv.gz"):
        law = ReadLaw.of(path)
        seeds = [int(os.environ["FINOPS_SEED"])] if os.environ.get("FINOPS_SEED") else SEEDS
        for seed in seeds:
            for provider, score in scored(seed, law, LARGE, PREFIXES, decisions).items():
                yield from _bars(provider, seed, score)
        for provider, score in scored(seeds[0], law, FEW, REPORTED, decisions).items():
            above = score.totals["ours"] / score.totals["clairvoyant"] - 1
            dataset = f"{provider}, seed {seeds[0]}, prefixes of few objects"
            yield Bar("cost above clairvoyant", dataset, above, None, None, score.above())


def scored(seed: int, law: ReadLaw, each: tuple[int, int], number: int, decisions: Decisions) -> dict[str, Scores]:
    """Provider → scores over one seed's prefixes, with every choice logged."""
    scores = {provider: Scores() for provider in TARIFFS}
    for prefix in prefixes(seed, law, number, each):
        for provider, (steps, costs) in judged(prefix).items():
            scores[provider].add(costs)
            decisions.log(
                "storage_tiering",
                f"{provider}, seed {seed}, batches of {each[0]} to {each[1]}",
                prefix.name,
                0,
                -1,
                [list(step) for step in steps],
                costs={policy: round(cost, 6) for policy, cost in costs.items()},
            )
    return scores


def _bars(provider: str, seed: int, score: Scores) -> Iterable[Bar]:
    ours = score.totals["ours"] / score.totals["clairvoyant"] - 1
    yield Bar("cost above clairvoyant", f"{provider}, seed {seed}", ours, 0.05, ours <= 0.05, score.above())
    worst = score.worst["ours"]
    others = {policy: value for policy, value in score.worst.items() if policy not in ("ours", "clairvoyant", "nothing")}
    yield Bar("worst prefix above doing nothing", f"{provider}, seed {seed}", worst, 0.005, worst <= 0.005, others)


def judged(prefix: Prefix) -> dict[str, tuple[Steps, dict[str, float]]]:
    """Provider → the chosen schedule and what every policy pays in the judged months."""
    found = {}
    small = observed(prefix.small, 0, JUDGED)
    views = {True: prefix.large, False: prefix.whole}
    known = {skips: (history_of(batches), observed(batches, 0, JUDGED)) for skips, batches in views.items()}
    for provider, tariffs in TARIFFS.items():
        history, truth = known[tariffs[0].rule.skips_small]
        nothing = ((0, tariffs[0].name),)
        left = schedule_cost(small, tariffs, nothing) if tariffs[0].rule.skips_small else 0.0
        steps = choose(history, tariffs, AGES, JUDGED, Doubt()).steps
        schedules = {"ours": steps, "nothing": nothing, **VENDORS[provider]}
        costs = {policy: schedule_cost(truth, tariffs, chosen) + left for policy, chosen in schedules.items()}
        costs["clairvoyant"] = cheapest_schedule(truth, tariffs, AGES).cost + left
        found[provider] = (steps, costs)
    return found


def history_of(batches: Batches) -> History:
    """What the policy may know: everything that was written, deleted and read before day 0, by months."""
    born = batches.born < 0
    place = np.cumsum(born) - 1
    seen = (batches.read_day < 0) & born[batches.read_of]
    past = Batches(
        batches.born[born],
        np.where(batches.dies <= 0, batches.dies, FAR)[born],
        batches.weights[:, born],
        place[batches.read_of[seen]],
        batches.read_day[seen],
        batches.reads[:, seen],
    )
    edges = [-FIT, -150, -120, -90, -60, -30, 0]
    here = past.dies > 0
    stock = np.stack([np.bincount(-past.born[here], weights=row[here], minlength=1) for row in past.weights])
    months = tuple(observed(past, first, last - first) for first, last in pairwise(edges))
    return History(months, tuple(last - first for first, last in pairwise(edges)), stock.astype(np.float64))
