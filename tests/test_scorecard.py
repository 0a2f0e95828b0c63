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

OPEN = {
    "reservation 1m ptu 100": "a renewal saves nothing of today's bill: the plan says it as a watched Keep",
}
"""Answers that are no step of the plan, by target, and why."""

PENDING = {
    40: "commitments looks back 30 days, not over the twelve months of a term",
}
"""Plants that are not found, or not within their tolerance, by number, and why: exactly those, so that none is forgotten."""

WRONG = {
    ("commitments", "USD", "savings_plan_compute"): "looks back 30 days: buys for machines that came 80 days ago",
    ("commitments", "USD", "savings_plan_sagemaker"): "looks back 30 days: buys for endpoints that came months ago",
    ("commitments", "EUR", "savings_plan_compute"): "buys for the hours in which the cluster of plant 6 works",
}
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
        and recommendation["resource"].lower() == answer["resource"].lower()
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
    judged = [a for a in plants if a["target"] not in OPEN]
    record_property("scorecard", f"plants  {len(judged)} judged, {len(errors)} found: recall {len(errors) / len(judged):.1%}")
    record_property("scorecard", f"acts    {len(found)}, {len(right)} right: precision {len(right) / len(found):.1%}")
    mean, worst = sum(errors.values()) / len(errors), max(errors.values())
    record_property("scorecard", f"saving  error mean {mean:.2%}, worst {worst:.2%}")
    for target, why in OPEN.items():
        record_property("scorecard", f"open    {target}: {why}")
    for number, why in PENDING.items():
        record_property("scorecard", f"pending {number}: {why}")
    off = [a for a in judged if id(a) in errors and errors[id(a)] > float(a["tolerance"])]
    lacking = [a for a in judged if id(a) not in errors]
    assert {int(a["number"]) for a in (*off, *lacking)} == set(PENDING)
    assert {act_of(r) for r in found if r not in right} == set(WRONG)


def test_what_is_open_is_said(plans: list[dict[str, Any]]) -> None:
    whys = [keep["why"] for plan in plans for keep in plan["keeps"] if keep["kind"] == "commitments"]
    assert [why for why in whys if why.startswith("watch: reservation 100 ptu lapses on 2026-11-21; renewing it for ")]


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
