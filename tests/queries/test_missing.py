"""Days that the bill lacks of an account, told from accounts that have ended."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from finops.intake.reconcile import trust
from finops.queries import Condition, month_ends
from finops.queries.missing import missing, missing_notes
from tests.estate import AS_OF, Estate

ACCOUNTS = ("a1", "a2", "a3")


def estate(account: str = "a2", lacks: range = range(0)) -> Estate:
    """Three accounts of 10 USD a day; so many days ago one has no line."""
    made = Estate()
    for name in ACCOUNTS:
        made.charge(f"i-{name}", 10.0, days=120, SubAccountId=name)
    gone = {AS_OF - timedelta(days=back) for back in lacks}
    made.charges[:] = [c for c in made.charges if c["SubAccountId"] != account or c["ChargePeriodStart"].date() not in gone]
    return made


def listed(made: Estate, back: int, **columns: str) -> Estate:
    """The accounts' machines as an inventory of so many days ago has them."""
    for name in ACCOUNTS:
        state = columns.get(name, "running")
        if state != "absent":
            made.resource(f"i-{name}", "AWS::EC2::Instance", account_id=name, state=state)
    for row in made._rows["resources"]:
        row["observed_at"] = datetime.combine(AS_OF - timedelta(days=back), datetime.min.time(), UTC)
    return made


CASES = {
    "whole": (estate(), []),
    "a day between others": (estate(lacks=range(10, 11)), ["gap"]),
    "a day that may be late": (estate(lacks=range(2, 3)), []),
    "late as usual": (estate(lacks=range(3)), []),
    "ends six days before": (estate(lacks=range(6)), ["end"]),
    "ends three weeks before": (estate(lacks=range(21)), ["unclear"]),
    "ends three weeks before, and runs": (listed(estate(lacks=range(21)), 1), ["end"]),
    "was listed before it ended": (listed(estate(lacks=range(6)), 9), ["end"]),
    "is stopped": (listed(estate(lacks=range(6)), 1, a2="stopped"), []),
    "ended months ago": (estate(lacks=range(70)), []),
    "came back after longer than it ran": (estate(lacks=range(10, 55)), []),
}


@pytest.mark.parametrize("case", CASES)
def test_days_are_missing_of_what_was_used_on_every_day_before(case: str) -> None:
    made, kinds = CASES[case]
    assert [each.kind for each in missing(made, AS_OF)] == kinds


def test_an_account_that_newer_listings_lack_has_ended() -> None:
    made = listed(estate(lacks=range(6)), 9)
    made.resource("i-a1", "AWS::EC2::Instance", account_id="a1", state="running")
    assert missing(made, AS_OF) == []


def test_what_lacks_and_since_when_is_said() -> None:
    one = estate(lacks=range(6))
    assert missing_notes(missing(one, AS_OF)) == [
        "s: no usage of a2 since 2026-10-26, with others' up to 2026-10-31: days of the bill are missing"
    ]
    assert missing_notes(missing(one, AS_OF), ["t"]) == []
    every = Estate()
    for name in ACCOUNTS:
        every.charge(f"i-{name}", 10.0, days=120, SubAccountId=name)
    every.charges[:] = [c for c in every.charges if c["ChargePeriodStart"].date() != date(2026, 10, 21)]
    said = "s: no usage of any account on 2026-10-21, with usage on every day around: days of the bill are missing"
    assert missing_notes(missing(every, AS_OF)) == [said]


def test_trust_says_it_of_what_no_invoice_ties() -> None:
    made = estate(lacks=range(10, 11))
    made.add("reconciliation", x_source="s", x_billing_period="2026-10", currency="USD", level="complete", status="amber",
             billing_account_id="payer", total_loaded=930.0, residual=0.0, against="the files")  # fmt: skip
    made.add("coverage", x_source="s", stream="charges", unit="2026-10")
    assert any("days of the bill are missing" in note for note in trust(made, AS_OF).notes)
    made.add("reconciliation", x_source="s", x_billing_period="2026-10", currency="USD", level="invoice", status="green",
             billing_account_id="payer", total_loaded=930.0, residual=0.0, against="invoice 1")  # fmt: skip
    assert not any("days of the bill are missing" in note for note in trust(made.reversed(), AS_OF).notes)


@pytest.mark.parametrize("lacks", [range(20, 21), range(11, 16)])
def test_missing_days_are_no_drop_of_the_month(lacks: range) -> None:
    """As of 20 October: a day between others, and an account that ends on the 15th."""
    (found,) = month_ends(estate(lacks=lacks), date(2026, 10, 20), where=(Condition("account", ACCOUNTS),))
    absent = 10 * (len(lacks))
    assert (found.actual, found.nowcast) == (Decimal(600 - absent), Decimal(absent))
    assert found.expected == Decimal("930.00")
