"""The providers' order of application and use discounts, read from `connectors/<cloud>/data`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from importlib import resources

from finops.bill.rating import PRECEDENCES, Rule, Tiers


@cache
def rules() -> tuple[Rule, ...]:
    """Every row of every `commitment_rules.csv`, with its provider's `size_groups.csv`."""
    groups: dict[str, tuple[tuple[str, str], ...]] = {}
    for row in rows_of("size_groups.csv"):
        groups[row["provider"]] = (*groups.get(row["provider"], ()), (row["pattern"], row["group"]))
    return tuple(
        Rule(
            provider=row["provider"],
            instrument=row["instrument"],
            when=row["when"],
            stage=int(row["stage"]),
            services=_set(row["services"]),
            order="smallest" if row["order"] == "smallest" else "discount",
            excludes=_set(row["excludes"]),
            types=frozenset(word.lower() for word in _set(row["types"])),
            rigid=frozenset(word.lower() for word in _set(row["rigid"])),
            before=tuple(name for part in row["before"].split("|") for name in PRECEDENCES if name == part),
            groups=groups.get(row["provider"], ()),
            lower=row["lower"] == "yes",
        )
        for row in rows_of("commitment_rules.csv")
    )


@cache
def tiers() -> tuple[Tiers, ...]:
    """The discounts for sustained use: rows of one name are the steps of one discount, in order."""
    steps: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for row in rows_of("use_discounts.csv"):
        key = (row["name"], row["services"], row["families"])
        steps.setdefault(key, []).append((float(row["up_to_share"]), float(row["paid_share"])))
    return tuple(Tiers(_set(services), _set(families), tuple(found)) for (_, services, families), found in steps.items())


def _set(text: str) -> frozenset[str]:
    return frozenset(part for part in text.split("|") if part)


def rows_of(name: str) -> Iterator[dict[str, str]]:
    """The rows of a data file of that name in every connector."""
    for package in sorted(resources.files("connectors").iterdir(), key=lambda entry: entry.name):
        file = package.joinpath("data", name)
        if file.is_file():
            yield from csv.DictReader(file.read_text("utf-8").splitlines())
