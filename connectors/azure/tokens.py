"""Tokens of models, by the exact names of their meters: these follow no rule (`data/tokens.csv`).

Names: two public lists that were made from Retail Prices in 2026 agree on them (read 2026-11-27). A model bears its version
where its meters do. Left out are models whose price depends on how long a prompt is (gpt-5.4 and later).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

SERVICE = "Foundry Models"
METERS = ("input", "output", "cache_read", "input:batch", "output:batch")
UNITS = {"1K": "1K Tokens", "1M": "1M Tokens"}
"""The list's unit → ours."""


@cache
def lines() -> tuple[dict[str, str], ...]:
    text = resources.files("connectors.azure").joinpath("data", "tokens.csv").read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def products() -> Iterator[str]:
    """The list's products that hold them."""
    yield from dict.fromkeys(line["product"] for line in lines())


@cache
def named() -> Mapping[str, tuple[str, str]]:
    """A meter's name, in lower case → `model:meter`, and where it is processed: `Global`, `DataZone`, '' in the region."""
    return {
        line[meter].lower(): (f"{line['model']}:{meter}", line["deployment"])
        for line in lines()
        for meter in METERS
        if line[meter]
    }
