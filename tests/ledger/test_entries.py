"""What is known of a finding on a day: status, streak, waiting, and what a person's word makes of it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from finops.ledger.entries import CLAIM_DAYS, Decision, Entry, History, PlanRun, effect_document, effect_of
from finops.model import Change, Effect
from tests.ledger.entries import DAY, entry, run, said


def history(
    days: int, entries: list[Entry], decisions: list[Decision] | None = None, runs: list[PlanRun] | None = None
) -> History:
    made = runs if runs is not None else [run((e.as_of - DAY).days) for e in entries]
    return History(DAY + timedelta(days=days), made, entries, decisions or [])


def test_what_the_first_plan_holds_is_new_on_its_day_and_open_after() -> None:
    assert history(0, [entry()]).standing("f1").status == "new"
    assert history(1, [entry()]).standing("f1").status == "open"
    assert history(7, [entry(), entry(7)]).standing("f1").status == "open"


def test_nothing_after_the_day_is_known() -> None:
    known = history(0, [entry(), entry(7, state="applied", applied_on=DAY)], [said(3, "dismissed", until=90)])
    standing = known.standing("f1")
    assert (standing.status, standing.streak, standing.decision) == ("new", 1, None)
    assert "f2" not in history(0, [entry(), entry(7, finding_id="f2")])


def test_a_streak_is_of_plans_in_a_row() -> None:
    runs = [run(0), run(7), run(14), run(21)]
    standing = history(21, [entry(), entry(14), entry(21)], runs=runs).standing("f1")
    assert (standing.first_seen, standing.streak) == (DAY, 2)


def test_a_plan_that_did_not_judge_the_kind_says_nothing() -> None:
    runs = [run(0), run(7, failed=("idle",)), run(14)]
    standing = history(14, [entry(), entry(14)], runs=runs).standing("f1")
    assert (standing.status, standing.streak) == ("open", 2)
    assert history(7, [entry()], runs=runs[:2]).standing("f1").status == "open"


def test_what_a_later_plan_does_not_hold_is_gone() -> None:
    standing = history(7, [entry()], runs=[run(0), run(7)]).standing("f1")
    assert (standing.status, standing.streak) == ("gone", 0)
    other = history(7, [entry()], runs=[run(0), run(7, currency="EUR")]).standing("f1")
    assert other.status == "open"


@pytest.mark.parametrize(("day", "status"), [(2, "open"), (3, "dismissed"), (89, "dismissed"), (90, "open"), (120, "open")])
def test_a_dismissal_begins_when_it_is_said_and_ends_on_its_day(day: int, status: str) -> None:
    standing = history(day, [entry()], [said(3, "dismissed", until=90)]).standing("f1")
    assert standing.status == status
    assert ("ana" in standing.reason) == (day >= 3)


def test_the_last_word_stands() -> None:
    words = [said(3, "dismissed", until=90), said(3, "reopened", hour=13)]
    assert history(4, [entry()], words).standing("f1").status == "open"
    words.append(said(4, "approved"))
    standing = history(4, [entry()], words).standing("f1")
    assert (standing.status, standing.approved) == ("open", True)


def test_a_claim_stands_until_the_bill_should_show_it() -> None:
    claim = [said(3, "applied")]
    assert history(3 + CLAIM_DAYS, [entry()], claim).standing("f1").status == "applied"
    late = history(4 + CLAIM_DAYS, [entry()], claim).standing("f1")
    assert late.status == "open"
    assert "the bill does not show it" in late.reason


def test_waiting_costs_what_each_plan_promised_for_the_days_to_the_next() -> None:
    entries = [entry(expected=Decimal(365)), entry(10, expected=Decimal(730))]  # 12 a day, then 24
    assert history(15, entries).standing("f1").waiting == Decimal(240)
    assert history(10, entries).standing("f1").waiting == Decimal(120)


def test_while_it_is_dismissed_nothing_waits() -> None:
    entries = [entry(expected=Decimal(365)), entry(10, expected=Decimal(365))]
    words = [said(4, "dismissed", until=8)]
    assert history(15, entries, words).standing("f1").waiting == Decimal(12 * 11)
    words.append(said(5, "reopened"))
    assert history(15, entries, words).standing("f1").waiting == Decimal(12 * 14)


def test_an_effect_is_kept_whole() -> None:
    effect = Effect((Change(Decimal("0.25"), "Hours", "m5", "m7g.large", covered=False), Change(Decimal(0))), Decimal("3.10"))
    assert effect_of(effect_document(effect)) == effect
