"""Spend by any column: every cut has the same total, and currencies meet only at a dated rate."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import Ran

Call = Callable[..., Ran]


def total(finops: Call, company: Path, *arguments: str) -> dict[str, Decimal]:
    ran = finops("costs", *arguments, "--format", "json", "--warehouse", company)
    assert ran.code == 0, ran.err
    return {currency: Decimal(amount) for currency, amount in json.loads(ran.out)["totals"].items()}


@pytest.mark.parametrize(
    "by", ["provider", "service,month", "tag:team", "InvoiceId", "SkuPriceId,day", "x_charge_type", "account"]
)
@pytest.mark.parametrize("metric", ["effective", "billed", "list", "contracted"])
def test_every_cut_has_the_same_total(finops: Call, company: Path, by: str, metric: str) -> None:
    assert total(finops, company, "--by", by, "--metric", metric) == total(finops, company, "--by", "", "--metric", metric)


def test_a_condition_and_its_negation_make_the_whole(finops: Call, company: Path) -> None:
    whole = total(finops, company, "--by", "", "--where", "provider=AWS")
    part = total(finops, company, "--by", "", "--where", "provider=AWS", "--where", "tag:team=vision|nlp")
    rest = total(finops, company, "--by", "", "--where", "provider=AWS", "--where", "tag:team!=vision|nlp")
    assert part["USD"] + rest["USD"] == whole["USD"]
    assert part["USD"] > 0 < rest["USD"]


def test_days_are_inclusive_and_add_up_to_months(finops: Call, company: Path) -> None:
    first = total(finops, company, "--by", "", "--from", "2026-10-01", "--to", "2026-10-15")
    second = total(finops, company, "--by", "", "--from", "2026-10-16", "--to", "2026-10-31")
    rows = json.loads(finops("costs", "--by", "month", "--format", "json", "--warehouse", company).out)["rows"]
    october = {row["currency"]: Decimal(row["effective_cost"]) for row in rows if row["month"] == "2026-10"}
    assert {currency: first[currency] + second[currency] for currency in october} == october


def test_currencies_are_converted_day_by_day_at_the_rate_in_force(finops: Call, company: Path) -> None:
    one_day = ("--by", "", "--from", "2026-10-07", "--to", "2026-10-07")
    apart = total(finops, company, *one_day)
    together = total(finops, company, *one_day, "--currency", "EUR")
    assert set(together) == {"EUR"}
    assert abs(together["EUR"] - (apart["EUR"] + apart["USD"] * Decimal("0.8547"))) < Decimal("0.000001")
    back = total(finops, company, *one_day, "--currency", "USD")
    assert abs(back["USD"] - (apart["USD"] + apart["EUR"] / Decimal("0.8547"))) < Decimal("0.0001")


def test_a_currency_without_a_rate_is_refused(finops: Call, company: Path) -> None:
    ran = finops("costs", "--currency", "CHF", "--warehouse", company)
    assert ran.code == 2
    assert "no rate to CHF for EUR on 2025-05-01, USD on 2025-05-01" in ran.err


@pytest.mark.parametrize("value", ["x' or '1'='1", '"; drop table charges; --', "<script>", "=1+1", "%", 'a"b\\c'])
def test_a_value_is_only_a_value(finops: Call, company: Path, value: str) -> None:
    assert total(finops, company, "--by", "", "--where", f"service={value}") == {}
    assert finops("costs", "--by", f"tag:{value}", "--warehouse", company).code == 0


def test_a_tag_condition_takes_the_key_as_it_is(finops: Call, company: Path) -> None:
    assert total(finops, company, "--by", "", "--where", "tag:x' or '1'='1=y") == {}
    ran = finops("costs", "--where", "tag:=1", "--warehouse", company)
    assert ran.code == 2
    assert "unknown column `tag:`" in ran.err


def test_late_lines_are_no_drop(finops: Call, company: Path) -> None:
    scope = ("--metric", "list", "--where", "provider=Google Cloud", "--warehouse", company, "--format", "json")
    compared = json.loads(finops("costs", "--by", "service", "--compare", *scope).out)["rows"]
    (month,) = json.loads(finops("forecast", *scope).out)["rows"]
    assert [row["after"] for row in compared if row["service"] == "(not billed yet)"] == [month["nowcast"]]
    for row in compared:
        parts = sum(Decimal(row[name]) for name in ("usage", "mix", "price", "exchange", "fees", "tax"))
        assert Decimal(row["before"]) + parts == Decimal(row["after"])


def test_days_that_are_not_loaded_are_not_compared(finops: Call, company: Path) -> None:
    compare = ("costs", "--by", "service", "--compare", "--warehouse", company)
    ran = finops(*compare, "--from", "2026-10-20", "--to", "2026-11-30")
    assert ran.out.startswith("2026-10-08 to 2026-10-19, then 2026-10-20 to 2026-10-31")
    assert "the bill is loaded up to 2026-10-31" in ran.err
    assert finops(*compare, "--from", "2026-11-01", "--to", "2026-11-30").code == 2


def test_a_bill_that_begins_later_than_what_it_is_compared_with_says_so(finops: Call, company: Path) -> None:
    (began,) = json.loads(
        finops(
            "sql",
            "select min(charge_date) as day from resource_daily where currency = 'USD'",
            "--warehouse",
            company,
            "--format",
            "json",
        ).out
    )
    ran = finops("costs", "--compare", "--from", began["day"], "--to", "2026-10-31", "--warehouse", company)
    assert f"the bill in USD begins on {began['day']}: what " in ran.err
    assert "begins on" not in finops("costs", "--compare", "--from", "2026-10-01", "--warehouse", company).err


@pytest.mark.parametrize("command", ["forecast", "allocate", "anomalies", "ml"])
def test_a_column_that_daily_spend_does_not_keep_is_named(finops: Call, company: Path, command: str) -> None:
    ran = finops(command, "--where", "InvoiceId=1", "--warehouse", company)
    assert (ran.code, ran.out) == (2, "")
    assert "`InvoiceId` is not among the columns of daily spend" in ran.err


def test_commitments_of_a_scope_end(finops: Call, company: Path) -> None:
    """What ends holds so much off the bill of the scope: the parts are the whole, and a scope without it has none."""

    def ahead(*where: str) -> dict[str, Decimal]:
        flags = [word for condition in where for word in ("--where", condition)]
        found = json.loads(finops("forecast", *flags, "--warehouse", company, "--format", "json").out)["ahead"]
        return {row["name"]: Decimal(row["monthly"]) for row in found}

    whole = ahead()
    assert ahead("provider=AWS") == {name: monthly for name, monthly in whole.items() if name.startswith("arn:aws:")}
    assert set(ahead("provider=Google Cloud")) == {"startup-programme-2026"}
    assert ahead("region=mars") == {}


def test_what_was_paid_ahead_rolls_forward(finops: Call, company: Path) -> None:
    ran = finops("prepaid", "--from", "2026-09-01", "--to", "2026-09-30", "--format", "json", "--warehouse", company)
    (row,) = [row for row in json.loads(ran.out)["rows"] if ":ri:ri-2026-09-01-" in row["commitment"]]
    assert [row[name] for name in ("opening", "bought", "amortised", "closing")] == ["0.00", "4623.528", "380.016", "4243.512"]
    shown = finops("prepaid", "--warehouse", company).out
    assert "opening + bought − amortised = closing" in shown
    assert "bought before the bill that is loaded begins" in shown
    assert finops("prepaid", "--from", "2025-05-01", "--to", "2025-05-31", "--warehouse", company).code == 0
