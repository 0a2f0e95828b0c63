"""The sample company's plants and decoys against the plan: kind, resource, action, target and saving must agree."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finops.cli import app

SAMPLE = Path(__file__).parent.parent / "sample_data"

PENDING: dict[int, str] = {}
"""Plants that are not found, or not within their tolerance, by number, and why: exactly those, so that none is forgotten."""

WRONG: dict[tuple[str, str, str], str] = {}
"""Acts that are no answer, by kind, currency and the first word of the target, and why: exactly those."""


@pytest.fixture(scope="module")
def plans(company: Path) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["recommend", "--force", "--warehouse", str(company), "--format", "json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    return document if isinstance(document, list) else [document]


@pytest.fixture(scope="module")
def found(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r | {"currency": plan["currency"]} for plan in plans for r in plan["recommendations"]]


def answers(verdict: str | None = None) -> list[dict[str, str]]:
    with (SAMPLE / "answers.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if (row["verdict"] == "act") is (verdict == "act")]


def error(recommendation: Mapping[str, Any], answer: Mapping[str, str]) -> float:
    truth = float(answer["saving_monthly"])
    return abs(float(recommendation["saving"]["expected"]) - truth) / truth if truth else 0.0


def same(recommendation: Mapping[str, Any], answer: Mapping[str, str]) -> bool:
    """Whether a recommendation is the answer's: what is to be done to what."""
    action = recommendation["action"]
    return (
        recommendation["kind"] == answer["kind"]
        and recommendation["provider"] == answer["provider"]
        and (recommendation["resource"].lower() == answer["resource"].lower() or answer["action"] == "Commit")
        and recommendation["currency"] == answer["currency"]
        and action["type"] == answer["action"]
        and answer["target"] in ("", action["to"])
    )


def act_of(recommendation: Mapping[str, Any]) -> tuple[str, str, str]:
    """How an act that is no answer is named: a resource, or the instrument to buy."""
    name = recommendation["resource"] or recommendation["action"]["to"].split()[0]
    return recommendation["kind"], recommendation["currency"], name


def test_every_plant_is_acted_on_with_its_target_and_saving(
    found: list[dict[str, Any]], record_property: Callable[[str, object], None]
) -> None:
    plants = answers("act")
    hits = [(a, next((r for r in found if same(r, a)), None)) for a in plants]
    errors = {id(a): error(r, a) for a, r in hits if r is not None}
    right = [r for r in found if any(same(r, a) for a in plants)]
    record_property("scorecard", f"plants  {len(plants)} judged, {len(errors)} found: recall {len(errors) / len(plants):.1%}")
    record_property("scorecard", f"acts    {len(found)}, {len(right)} right: precision {len(right) / len(found):.1%}")
    mean, worst = sum(errors.values()) / len(errors), max(errors.values())
    record_property("scorecard", f"saving  error mean {mean:.2%}, worst {worst:.2%}")
    for number, why in PENDING.items():
        record_property("scorecard", f"pending {number}: {why}")
    off = [a for a in plants if id(a) in errors and errors[id(a)] > float(a["tolerance"])]
    lacking = [a for a in plants if id(a) not in errors]
    assert {int(a["number"]) for a in (*off, *lacking)} == set(PENDING)
    assert {act_of(r) for r in found if r not in right} == set(WRONG)


def test_what_lapses_says_what_it_keeps(found: list[dict[str, Any]]) -> None:
    """A renewal saves nothing of today's bill: its reason has the date and the amount."""
    (renewal,) = [r for r in found if r["action"]["to"] == "reservation 1m ptu 100"]
    assert renewal["why"].startswith("it lapses on 2026-11-21 and is used to the full: renewing it for ")
    assert "--renew true" in renewal["patch"]


def test_no_decoy_is_acted_on(found: list[dict[str, Any]]) -> None:
    acted = {r["resource"].lower() for r in found if r["resource"]}
    assert [a for a in answers() if a["resource"].lower() in acted] == []


def test_a_bill_is_never_saved_twice(plans: list[dict[str, Any]]) -> None:
    for plan in plans:
        steps = plan["waterfall"]
        cents = [round(float(step.get("monthly", step.get("saving"))) * 100) for step in steps]
        assert cents[0] - sum(cents[1:-1]) == cents[-1]
        assert cents[-1] >= 0
        assert plan["failed"] == []
