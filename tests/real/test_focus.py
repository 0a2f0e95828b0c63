"""FOCUS files of the shared data: totals to the cent, rules, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.files.focus import FOCUS
from finops.errors import InputError
from finops.intake.detect import detect
from finops.intake.sniff import look
from tests.staging import stage

FOLDER = Path(os.environ["FINOPS_SHARED"]) / "data" / "billing" / "focus"
BILLS = sorted(path.name for path in FOLDER.glob("*.csv") if "cost_and_usage" in path.name or "Sample" in path.name)


@pytest.mark.parametrize("name", BILLS)
def test_staging_changes_no_total(name: str) -> None:
    sums = 'select sum("BilledCost") as billed, sum("EffectiveCost") as effective, count(*) as n from '
    (raw,) = stage(FOCUS, FOLDER / name, query=sums + "raw")
    (staged,) = stage(FOCUS, FOLDER / name, query=sums + "staged")
    assert staged == raw
    assert staged["n"] >= 665


@pytest.mark.parametrize("path", sorted(FOLDER.glob("spec12__commitment*.csv")), ids=lambda path: path.stem[-40:])
def test_a_worked_example_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`BillingAccountId`"):
        detect(look(path, path.name, tmp_path), [FOCUS])
