"""Second opinions: whose resource, agreement, and what a vendor says that the plan does not do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from finops.model import (
    Act,
    Action,
    Commit,
    Delete,
    Effect,
    Estimate,
    Evidence,
    Finding,
    Keep,
    Resize,
    Saving,
    Scope,
    Stop,
    Unknown,
    Verdict,
)
from finops.opinions import Opinion, in_force, opinions_of_rows, second_opinion, unshared
from finops.window import Window

AS_OF = date(2026, 10, 31)
ARN = "arn:aws:ec2:us-east-1:a1:instance/i-1"


def act(action: Action) -> Act:
    saving = Saving(Estimate.exactly(Decimal(10)), Decimal(120), Decimal(0), "USD")
    return Act(action, saving, 0.9, "why", Effect())


def finding(verdict: Verdict, resource: str = "i-1", kind: str = "rightsizing", provider: str = "AWS") -> Finding:
    window = Window.of_days(date(2026, 10, 2), AS_OF)
    scope = Scope(provider, "a1", "us-east-1", "compute", resource)
    return Finding(kind, kind, scope, verdict, Evidence((), window, 1.0, ""), AS_OF, Decimal(100), "USD")


def opinion(action: str = "Resize", target: str = "m5.large", resource: str = ARN, **more: Any) -> Opinion:
    made = Opinion("Advisor", "AWS", "a1", resource, "rightsizing", action, "m5.xlarge", target, Decimal("12.5"), "USD")
    return replace(made, **more)


@pytest.mark.parametrize(
    ("action", "says", "agrees"),
    [
        (Resize("m5.xlarge", "m5.large"), opinion(), True),
        (Resize("m5.xlarge", "m5.medium"), opinion(), False),
        (Stop(), opinion("Delete", ""), True),
        (Delete(), opinion(), False),
        (Resize("m5.xlarge", "m5.large"), opinion("Stop", ""), False),
    ],
)
def test_agreement_is_the_same_action_on_the_same_thing(action: Action, says: Opinion, agrees: bool) -> None:
    found = second_opinion(finding(act(action)), [says])
    assert found == {"vendor": "Advisor", "action": says.action, "to": says.target, "saving": "12.50", "agrees": agrees}


@pytest.mark.parametrize(
    ("resource", "account", "same"),
    [(ARN, "a1", True), ("i-1", "", True), ("I-1", "a1", True), ("i-2", "a1", False), (ARN, "a2", False)],
)
def test_a_short_id_counts_in_its_own_account_alone(resource: str, account: str, same: bool) -> None:
    assert opinion(resource=resource, account=account).is_about(finding(Keep("x"))) is same
    assert not opinion(resource=resource, provider="Other").is_about(finding(Keep("x")))


def test_a_purchase_is_about_commitments_of_its_provider() -> None:
    bought = finding(act(Commit("plan", "1y", "none", Decimal(1), "USD/h", "plan 1y")), "", "commitments")
    says = opinion("Commit", "2 × m5.large", "", kind="commitments")
    found = second_opinion(bought, [says])
    assert found is not None
    assert found["agrees"] is True
    assert second_opinion(finding(act(Delete())), [says]) is None


def test_one_that_agrees_goes_before_a_larger_saving() -> None:
    larger = replace(opinion(target="m5.nano"), saving=Decimal(99))
    found = second_opinion(finding(act(Resize("m5.xlarge", "m5.large"))), [larger, opinion()])
    assert found is not None
    assert (found["to"], found["agrees"]) == ("m5.large", True)


def test_what_we_do_not_do_has_our_reason() -> None:
    kept, open_one = finding(Keep("in use"), "i-2"), finding(Unknown(("memory_utilization",)), "i-3")
    said = [opinion(), opinion(resource="i-2"), opinion(resource="i-3"), opinion(resource="i-4")]
    rest = unshared(said, [finding(act(Resize("a", "b")))], [(kept, "in use")], [open_one])
    assert [(o.opinion.resource, o.verdict, o.why.split(",")[0]) for o in rest] == [
        ("i-2", "keep", "in use"),
        ("i-3", "unknown", "missing: memory_utilization"),
        ("i-4", "not judged", "no such resource is loaded"),
    ]


def test_rows_of_later_days_and_of_other_currencies_are_left_out() -> None:
    row = {"vendor": "Advisor", "provider": "AWS", "action": "Stop", "currency": "USD", "saving_monthly": Decimal(1)}
    later = row | {"observed_at": datetime(2026, 11, 4, tzinfo=UTC)}
    dated = row | {"observed_at": datetime(2026, 10, 31, 9, tzinfo=UTC), "saving_monthly": Decimal(5)}
    found = opinions_of_rows([row, later, dated, row | {"currency": "EUR"}], AS_OF, "USD")
    assert [o.saving for o in found] == [5, 1]


def test_of_one_sources_streams_the_one_that_was_read_last_counts() -> None:
    def row(stored_as: str, vendor: str = "Optimizer") -> dict[str, str]:
        return {"x_source": stored_as, "vendor": vendor}

    def day(month: int, number: int) -> datetime:
        return datetime(2026, month, number, 6, tzinfo=UTC)

    hub, regions = row("aws/advice"), [row("aws/optimizer/us-east-1"), row("aws/optimizer/eu-west-1")]
    others = [row("aws/advice", "Explorer"), row("second/advice"), row("advisor.csv"), row("a/file")]
    read_at = {("aws/advice", "Optimizer"): day(10, 20), ("second/advice", "Optimizer"): day(10, 8)}
    assert in_force([hub, *others], read_at, AS_OF) == ([hub, *others], ())
    read_at |= {(each["x_source"], "Optimizer"): day(10, 25) for each in regions}
    assert in_force([hub, *regions, *others], read_at, AS_OF) == ([*regions, *others], ())
    read_at |= {("aws/advice", "Optimizer"): day(11, 1)}  # the hub is asked again
    assert in_force([hub, *regions], read_at, AS_OF) == ([hub], ())


def test_what_nobody_reads_any_more_is_no_opinion_and_is_said() -> None:
    old, file = {"x_source": "aws/advice", "vendor": "Optimizer"}, {"x_source": "advisor.csv", "vendor": "Optimizer"}
    read_at = {(row["x_source"], row["vendor"]): datetime(2026, 10, 3, 23, tzinfo=UTC) for row in (old, file)}
    assert in_force([old, file], read_at, AS_OF) == ([file], (
        "Optimizer was last read of aws on 2026-10-03: too long ago for a second opinion",
    ))  # fmt: skip
    later = read_at | {("aws/advice", "Optimizer"): datetime(2026, 10, 4, tzinfo=UTC)}
    assert in_force([old, file], later, AS_OF) == ([old, file], ())
