"""FOCUS as data: the counts of the published versions, and one category a subcategory."""

from __future__ import annotations

import pytest

from finops import focus
from finops.tables import CHARGES


@pytest.mark.parametrize(("version", "count"), [("1.0", 43), ("1.1", 50), ("1.2", 57), ("1.3", 65), ("1.4", 65)])
def test_each_version_has_its_columns(version: str, count: int) -> None:
    assert len(focus.columns_of(version)) == count


def test_later_columns_and_removed_ones() -> None:
    names = {version: {c.name for c in focus.columns_of(version)} for version in focus.VERSIONS}
    assert "ProviderName" in names["1.3"]
    assert "ProviderName" not in names["1.4"]
    assert names["1.4"] - names["1.3"] == {"CommitmentProgramEligibilityDetails", "InvoiceDetailId"}


def test_subcategories_have_one_category() -> None:
    assert len(focus.subcategories()) == 82
    assert focus.subcategories()["Generative AI"] == "AI and Machine Learning"


def test_charges_carry_every_focus_column_but_the_tags() -> None:
    assert {c.name for c in focus.columns()} - set(CHARGES.types) == {"Tags"}
    assert CHARGES.types["EffectiveCost"] == "DECIMAL(38,12)"
    assert CHARGES.types["ChargePeriodStart"] == "TIMESTAMPTZ"
