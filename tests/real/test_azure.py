"""Azure's real and third-party cost details: every dialect loads, and the files' own totals come out."""

from __future__ import annotations

import os
from decimal import Decimal as D
from pathlib import Path

import pytest

from connectors.azure import COST_DETAILS
from tests.staging import stage

FOLDER = Path(os.environ["FINOPS_SHARED"]) / "data/billing/azure"
TOTALS = "select sum(BilledCost) as billed, sum(EffectiveCost) as effective, count(*) as lines from staged"


@pytest.mark.parametrize(
    ("name", "billed", "lines"),
    [
        ("EA_ActualCost_Small.csv", "8.545007786742", 11),
        ("koku-azure_camelCased.csv", "0.00011016", 3),
        ("koku-azure_version_2.csv", "19.998413754", 5),
        ("nise-azure-2026-09.csv", "36.587878559076", 240),
        ("opencost-Enterprise.csv", "0", 1),
        ("opencost-EnterpriseCamel.csv", "0.012", 1),
        ("opencost-PayAsYouGo.csv", "0.075", 1),
        ("spruce-native-us-dates.csv", "2.258747", 2),
    ],
)
def test_every_dialect(name: str, billed: str, lines: int) -> None:
    (row,) = stage(COST_DETAILS, FOLDER / name, query=TOTALS)
    assert (row["billed"], row["lines"]) == (D(billed), lines)


def test_the_pair_has_the_amortized_total() -> None:
    # the two samples are cut from different lines: their ordinary lines differ, so only the amortized total can be met;
    # billed is the amortized file's ordinary lines, 15.797780136169, and the one reservation purchase of 3.25
    (row,) = stage(COST_DETAILS, FOLDER / "EA_ActualCost_Small.csv", FOLDER / "EA_AmortizedCost_Small.csv", query=TOTALS)
    assert (row["billed"], row["effective"], row["lines"]) == (D("19.047780136169"), D("16.296932136637"), 29)
