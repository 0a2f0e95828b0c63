"""One plan: conflicts, order, steps that sum, ranks; nothing counted twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.bill.lines import Line
from finops.bill.simulate import Bill
from finops.commitment.levels import Commitment
from finops.conflicts import ORDER
from finops.document import plan_document
from finops.intake.reconcile import Trust
from finops.model import (
    Act,
    Action,
    Change,
    Delete,
    Effect,
    Estimate,
    Evidence,
    Finding,
    Keep,
    Reconfigure,
    Resize,
    Saving,
    Scale,
    Schedule,
    Scope,
    Stop,
    Unknown,
)
from finops.portfolio import Plan, Sequencer
from finops.window import Window

AS_OF = date(2026, 10, 31)


def line(resource: str, cost: str, commitment: str = "", run_rate: str = "1") -> Line:
    amount, usage = Decimal(cost), (Decimal(730), Decimal(cost), Decimal(cost))
    return Line(
        resource, "P", "a", "r", "vm", "h", "Hours", "m5.large", "", commitment, "Usage", *usage, amount, Decimal(run_rate)
    )


def finding(kind: str, resource: str, verdict: Act | Keep | Unknown, *, cost: str = "100") -> Finding:
    evidence = Evidence((), Window.of_days(AS_OF, AS_OF), 1.0, "")
    scope = Scope("P", resource=resource)
    return Finding(kind, kind, scope, verdict, evidence, AS_OF, Decimal(cost), "USD", tags={"Team": "ml", "env": "dev"})


def act(action: Action, factor: str, *, saving: str = "1", confidence: float = 1.0) -> Act:
    amount = Decimal(saving)
    return Act(
        action,
        Saving(Estimate(amount / 2, amount, amount * 2), amount * 12, Decimal(0), "USD"),
        confidence,
        "why",
        Effect((Change(Decimal(factor)),)),
    )


def plan_of(bill: Bill, *findings: Finding) -> Plan:
    sequencer = Sequencer(bill, "USD", AS_OF)
    sequencer.take(findings)
    return sequencer.plan(kinds=["idle", "rightsizing"], how={"": "load {fact}"})


RESIZE, MODERN = Resize("big", "small"), Resize("big", "new")
OFF, FEWER = Schedule("office hours", Decimal(200)), Scale("3", "1")
COUNTED = Scale("min 6, max 6", "min 2, max 6, target 75%", scale_in=37, boot=480, per_minute=225)
SETTING = Reconfigure("a", "b")


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        (("idle", Delete(), "0"), ("rightsizing", RESIZE, "0.1"), ["idle"]),
        (("idle", Stop(), "0.9"), ("schedule", OFF, "0.1"), ["idle"]),
        (("rightsizing", RESIZE, "0.5"), ("modernize", MODERN, "0.4"), ["modernize"]),
        (("schedule", OFF, "0.3"), ("autoscaling", FEWER, "0.5"), ["schedule"]),
        (("rightsizing", RESIZE, "0.5"), ("schedule", OFF, "0.5"), ["rightsizing", "schedule"]),
        (("rightsizing", RESIZE, "0.7"), ("autoscaling", COUNTED, "0.5"), ["autoscaling"]),
        (("rightsizing", RESIZE, "0.5"), ("autoscaling", FEWER, "0.5"), ["autoscaling", "rightsizing"]),
        (("modernize", MODERN, "0.7"), ("autoscaling", COUNTED, "0.5"), ["autoscaling", "modernize"]),
        (("storage_tiering", SETTING, "0.5"), ("rightsizing", RESIZE, "0.5"), ["rightsizing", "storage_tiering"]),
    ],
)
def test_conflicts(first: tuple[str, Action, str], second: tuple[str, Action, str], kinds: list[str]) -> None:
    plan = plan_of(Bill([line("x", "100")]), *(finding(k, "x", act(a, f)) for k, a, f in (first, second)))
    assert sorted(r.finding.kind for r in plan.recommendations) == kinds
    assert sum(len(r.rejected) for r in plan.recommendations) == 2 - len(kinds)


def test_a_machine_shared_with_others_gets_no_size_of_its_own() -> None:
    shared = replace(act(SETTING, "0.3"), effect=Effect((Change(Decimal("0.3"), sku="shared"),)))
    both = [finding("rightsizing", "x", shared), finding("modernize", "x", act(MODERN, "0.9"))]
    plan = plan_of(Bill([line("x", "100")]), *both)
    assert [r.finding.kind for r in plan.recommendations] == ["rightsizing"]
    assert plan.recommendations[0].rejected == ("modernize: Resize → new would save 10.00 alone",)


def test_each_is_valued_on_what_the_ones_before_left() -> None:
    both = [finding("rightsizing", "x", act(RESIZE, "0.5")), finding("schedule", "x", act(OFF, "0.3"))]
    plan = plan_of(Bill([line("x", "100")]), *both)
    # alone 70 and 50; together 100 × (1 − 0.3 × 0.5) = 85: schedule 70 first, then half of the 30 left
    assert {r.finding.kind: (r.alone, r.saving.effective_monthly.expected) for r in plan.recommendations} == {
        "schedule": (70, 70),
        "rightsizing": (50, 15),
    }
    assert (plan.current, plan.after, plan.saving) == (100, 15, 85)


def test_stranded_is_a_negative_step() -> None:
    bill = Bill([line("x", "70", "sp"), line("y", "30")], [Commitment("sp", "P", "a", "savings_plan_compute")])
    plan = plan_of(bill, finding("idle", "x", act(Delete(), "0")))
    assert [(s.name, s.amount) for s in plan.steps] == [
        ("current", 100),
        ("run_rate", 0),
        ("idle", 70),
        ("rightsizing", 0),
        ("stranded", -40),
        ("after", 70),
    ]


def test_nothing_left_to_save_becomes_a_reason_to_keep() -> None:
    bill = Bill([line("x", "70", "sp")], [Commitment("sp", "P", "a", "reservation", {"sku": "m5.large"})])
    plan = plan_of(bill, finding("idle", "x", act(Delete(), "0")))
    assert plan.recommendations == ()
    assert plan.keeps[0].why.startswith("a commitment covers it")


def test_ranked_by_saving_times_confidence() -> None:
    plan = plan_of(
        Bill([line("x", "100"), line("y", "90")]),
        finding("idle", "x", act(Delete(), "0", confidence=0.5)),
        finding("idle", "y", act(Delete(), "0", confidence=0.9)),
    )
    assert [(r.finding.scope.resource, r.rank) for r in plan.recommendations] == [("y", 1), ("x", 2)]


def test_unknowns_count_a_resource_once_a_fact() -> None:
    plan = plan_of(
        Bill([line("x", "100")]),
        finding("idle", "x", Unknown(("cpu_utilization",)), cost="100"),
        finding("rightsizing", "x", Unknown(("cpu_utilization", "memory_utilization")), cost="100"),
        finding("idle", "y", Unknown(("memory_utilization",)), cost="7"),
    )
    assert [(m.missing, m.resources, m.spend_at_stake, m.how) for m in plan.unknowns] == [
        ("memory_utilization", 2, 107, "load memory_utilization"),
        ("cpu_utilization", 1, 100, "load cpu_utilization"),
    ]


def test_the_document_is_json_with_decimal_strings() -> None:
    bill = Bill([line("x", "100")])
    plan = plan_of(bill, finding("idle", "x", act(Delete(), "0", saving="100")), finding("idle", "y", Keep("in use")))
    document = json.loads(json.dumps(plan_document(plan, Trust("amber", Decimal(0)), {"version": "1", "price_book": AS_OF})))
    assert document["calculation"] == {"version": "1", "price_book": "2026-10-31"}
    assert document["waterfall"][0] == {"step": "current", "monthly": "100.00"}
    assert document["verdicts"] == {"act": 1, "keep": 1, "unknown": 0}
    (only,) = document["recommendations"]
    assert (only["owner"], only["environment"], only["saving"]["expected"]) == ("ml", "dev", "100.00")
    assert only["action"] == {"type": "Delete", "from": "", "to": "deleted"}


KINDS = st.sampled_from([kind for kind in ORDER if kind != "commitments"])
ACTIONS = st.sampled_from([Delete(), Stop(), RESIZE, OFF, FEWER, SETTING])
FACTORS = st.decimals("0", "1", places=4, allow_nan=False)
RATES = st.decimals("1", "4", places=12, allow_nan=False)
COSTS = st.decimals("0.0001", "9999", places=4, allow_nan=False)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), COSTS, st.sampled_from(["", "sp"]), RATES), min_size=1, max_size=8),
    st.lists(
        st.tuples(KINDS, st.sampled_from("abcd"), ACTIONS, FACTORS), max_size=10, unique_by=lambda t: (t[0], t[1], type(t[2]))
    ),
)
def test_the_waterfall_sums_exactly_and_saving_is_at_most_the_spend(
    lines: list[tuple[str, Decimal, str, Decimal]], actions: list[tuple[str, str, Action, Decimal]]
) -> None:
    billed = [line(r, str(c), k, str(rate)) for r, c, k, rate in lines]
    bill = Bill(billed, [Commitment("sp", "P", "a", "savings_plan_compute")])
    before = bill.total
    plan = plan_of(bill, *(finding(kind, r, act(a, str(f))) for kind, r, a, f in actions))
    monthly = [r.saving.effective_monthly.expected for r in plan.recommendations]
    assert plan.current - sum(s.amount for s in plan.steps[1:-1]) == plan.after
    assert abs(plan.after - bill.total) <= Decimal("0.015")  # three running totals, each rounded by at most half a cent
    assert abs(plan.current - sum(c for _, c, _, _ in lines)) <= Decimal("0.005")
    run_rate = plan.steps[1].amount
    assert plan.steps[1].name == "run_rate"
    assert run_rate <= 0
    assert abs(plan.current - run_rate - before) <= Decimal("0.005")
    assert 0 <= plan.saving <= plan.current - run_rate
    assert all(amount > 0 for amount in monthly)


@pytest.mark.parametrize(("low", "acts"), [("0.01", 1), ("0", 0), ("-3", 0)])
def test_a_saving_whose_range_reaches_zero_is_watched(low: str, acts: int) -> None:
    saving = Saving(Estimate(Decimal(low), Decimal(10), Decimal(12)), Decimal(120), Decimal(0), "USD")
    verdict = Act(Delete(), saving, 0.9, "why", Effect((Change(Decimal(0)),)))
    plan = plan_of(Bill([line("a", "10")]), finding("idle", "a", verdict))
    assert len(plan.recommendations) == acts
    assert [kept.why.startswith("watch: ") for kept in plan.keeps] == [True] * (1 - acts)
    assert plan.after == (0 if acts else 10)


@pytest.mark.parametrize(
    ("taken", "watched", "left"),
    [
        ((RESIZE, "0.5"), [(Stop(), "0")], 0),  # it may be stopped whatever it has become meanwhile
        ((OFF, "0.5"), [(MODERN, "0.4")], 20),
        ((RESIZE, "0.5"), [(MODERN, "0.4")], 50),  # of two sizes the plan's
        ((SETTING, "0.5"), [(RESIZE, "0.4"), (Delete(), "0.1")], 5),
        ((SETTING, "0.5"), [(Keep("watch: idle for 9 days"), "")], 50),  # not known to end
    ],
)
def test_what_is_watched_is_left_out_of_what_there_is_to_commit_to(
    taken: tuple[Action, str], watched: list[tuple[Action | Keep, str]], left: int
) -> None:
    sequencer = Sequencer(Bill([line("x", "100")]), "USD", AS_OF, {"idle": "watch: refuted", "modernize": "watch: refuted"})
    kinds = ("idle", "modernize")
    verdicts = [verdict if isinstance(verdict, Keep) else act(verdict, factor) for verdict, factor in watched]
    sequencer.take(finding(kind, "x", verdict) for kind, verdict in zip(kinds, verdicts, strict=False))
    sequencer.take([finding("rightsizing", "x", act(*taken))])
    before = sequencer.bill.total
    assert sequencer.committable().total == left
    assert sequencer.bill.total == before == 50


def test_a_watched_action_that_would_save_nothing_leaves_its_commitment_in_use() -> None:
    bill = Bill([line("x", "70", "sp")], [Commitment("sp", "P", "a", "reservation", {"sku": "m5.large"})])
    sequencer = Sequencer(bill, "USD", AS_OF, {"idle": "watch: refuted"})
    sequencer.take([finding("idle", "x", act(Delete(), "0"))])
    assert [each.commitment for each in sequencer.committable().lines("x")] == ["sp"]
