"""The ledger through the command line: two months of a small company, a plan on record after each."""

from __future__ import annotations

import csv
import json
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finops.cli import app
from tests.conftest import Ran, copy_of
from tests.intake.delivery import text
from tests.shared import once

Call = Callable[..., Ran]
FIRST, LAST = date(2026, 8, 1), date(2026, 10, 31)
DELETED = date(2026, 10, 11)
"""From this day on vol-deleted is not billed."""


def month(path: Path, start: date, end: date) -> Path:
    """Three volumes at 300 a month; nothing uses them until vol-taken is attached in October."""
    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    cost = f"{Decimal(300) / monthrange(start.year, start.month)[1]:.10f}"
    lines = [
        {"ResourceId": f"vol-{name}", "SkuMeter": "volume", "PricingUnit": "GB-Months", "PricingQuantity": cost}
        | dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), cost)
        | {"ChargePeriodStart": f"{day}T00:00:00Z", "ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z"}
        | {"BillingPeriodStart": f"{day:%Y-%m}-01T00:00:00Z", "ServiceName": "Disks", "RegionId": "r1", "SubAccountId": "a1"}
        for day in days
        for name in ("deleted", "taken", "left")
        if name != "deleted" or day < DELETED
    ]
    path.write_text(text(*lines))
    return path


def inventory(path: Path, day: date, **attached: str) -> Path:
    names = (
        "observed_at",
        "resource_id",
        "provider",
        "resource_type",
        "sku",
        "state",
        "created_at",
        "attached_to",
        "account_id",
    )
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*names, "region", "properties"))
        for name in ("deleted", "taken", "left"):
            if name == "deleted" and day >= DELETED:
                continue
            to = attached.get(name, "")
            row = (f"{day}T00:00:00Z", f"vol-{name}", "Cloud", "AWS::EC2::Volume", "gp3", "in-use" if to else "available")
            writer.writerow((*row, "2025-01-01T00:00:00Z", to, "a1", "r1", json.dumps({"size_gib": 100})))
    return path


@pytest.fixture
def warehouse(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """Loaded as of the end of September, with its plan on record; a test's own."""
    return copy_of(once(tmp_path_factory, "september", _september) / "warehouse", tmp_path / "warehouse")


def _september(folder: Path) -> None:
    bills = [
        month(folder / "aug.csv", FIRST, date(2026, 8, 31)),
        month(folder / "sep.csv", date(2026, 9, 1), date(2026, 9, 30)),
    ]
    seen = [inventory(folder / f"seen-{day}.csv", day) for day in (FIRST, date(2026, 9, 30))]
    prices = folder / "prices.csv"
    prices.write_text(
        "provider,region,product,sku,term,unit,price,currency,effective_from\n"
        "Cloud,r1,snapshot,snapshot,on_demand,GB-Months,0.05,USD,2026-01-01T00:00:00Z\n"
    )
    for words in (["load", *map(str, (*bills, *seen, prices))], ["recommend"]):
        ran = CliRunner().invoke(app, [*words, "--warehouse", str(folder / "warehouse")])
        assert ran.exit_code == 0, ran.output
    assert "plan as of 2026-09-30 on record: 3 recommendations, 3 new" in ran.stderr


def october(finops: Call, tmp_path: Path, path: Path) -> None:
    bill = month(tmp_path / "oct.csv", date(2026, 10, 1), LAST)
    ran = finops("load", bill, inventory(tmp_path / "seen-oct.csv", LAST, taken="vm-1"), "--warehouse", path)
    assert ran.code == 0, ran.err
    ran = finops("recommend", "--warehouse", path)
    assert "1 applied, 1 gone" in ran.err


def document(finops: Call, path: Path, *more: str) -> dict[str, Any]:
    ran = finops("savings", *more, "--warehouse", path, "--format", "json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def row(found: dict[str, Any], resource: str) -> dict[str, Any]:
    return next(r for r in found["rows"] if r["resource"] == resource)


def statuses(finops: Call, path: Path, *more: str) -> dict[str, str]:
    plan = json.loads(finops("recommend", *more, "--warehouse", path, "--format", "json").out)
    return {r["resource"]: r["status"] for r in plan["recommendations"]}


def test_a_plan_is_new_then_open_and_what_left_it_has_its_reason(finops: Call, tmp_path: Path, warehouse: Path) -> None:
    assert set(statuses(finops, warehouse).values()) == {"new"}
    october(finops, tmp_path, warehouse)
    # what left bill and listing is no question any more, though its cost is still in the plan's 30 days
    assert statuses(finops, warehouse) == {"vol-left": "open"}
    assert statuses(finops, warehouse, "--new") == {}
    found = document(finops, warehouse)
    left, deleted, taken = (row(found, f"vol-{name}") for name in ("left", "deleted", "taken"))
    assert (left["status"], left["streak"], left["first_seen"]) == ("open", 2, "2026-09-30")
    assert (deleted["status"], deleted["applied"]) == ("applied", str(DELETED))
    assert taken["status"] == "gone"
    assert taken["why"].startswith("kept: ")
    plan = json.loads(finops("recommend", "--warehouse", warehouse, "--format", "json").out)
    assert plan["recommendations"][0]["first_seen"] == "2026-09-30"


def test_realised_is_what_the_bill_shows_up_to_its_last_settled_day(finops: Call, tmp_path: Path, warehouse: Path) -> None:
    october(finops, tmp_path, warehouse)
    found = document(finops, warehouse)
    deleted = row(found, "vol-deleted")
    assert found["settled"] == "2026-10-28"
    assert deleted["promised"] == deleted["realised"] == "295.00"  # 300 a month, less the snapshot
    assert Decimal(deleted["saved"]) == Decimal("171.23")  # 11 to 28 October: 18/31 of 300, 18 days of 5 a month
    (total,) = found["totals"]
    assert Decimal(total["identified"]) == Decimal(row(found, "vol-left")["promised"])
    assert total["applied"] == deleted["promised"]
    assert total["cash"] == total["realised"] == "295.00"
    # 31 days of a month of 30.42 since the first plan
    assert abs(Decimal(row(found, "vol-left")["waiting"]) - 31 * Decimal(deleted["promised"]) * 12 / 365) <= Decimal("0.01")


def test_the_past_stays_what_was_known_then(finops: Call, tmp_path: Path, warehouse: Path) -> None:
    before = document(finops, warehouse)
    october(finops, tmp_path, warehouse)
    after = document(finops, warehouse, "--as-of", "2026-09-30")
    assert {name: after[name] for name in ("rows", "totals", "plans")} == {
        name: before[name] for name in ("rows", "totals", "plans")
    }
    assert set(statuses(finops, warehouse, "--as-of", "2026-09-30").values()) == {"new"}
    assert document(finops, warehouse, "--as-of", "2026-09-29")["rows"] == []


def test_reading_writes_nothing_and_recording_twice_neither(finops: Call, tmp_path: Path, warehouse: Path) -> None:
    def states() -> list[str]:
        return sorted(path.name for path in (warehouse / "_published").iterdir())

    before, printed = states(), finops("savings", "--warehouse", warehouse).out
    assert finops("recommend", "--warehouse", warehouse).code == 0
    assert finops("savings", "--warehouse", warehouse).out == printed
    assert "0 of them new" not in finops("savings", "--record", "--warehouse", warehouse).err
    assert states() == before
    assert finops("savings", "--warehouse", warehouse).out == printed


def test_a_dismissal_holds_until_its_day(finops: Call, tmp_path: Path, warehouse: Path) -> None:
    one = row(document(finops, warehouse), "vol-left")["id"]
    ran = finops("dismiss", one[:8], "--until", "2026-10-15", "--why", "audit", "--by", "ana", "--warehouse", warehouse)
    assert ran.code == 0, ran.err
    assert statuses(finops, warehouse)["vol-left"] == "dismissed"
    found = document(finops, warehouse)
    assert row(found, "vol-left")["why"] == "until 2026-10-15 by ana: audit"
    assert found["totals"][0]["dismissed"] == row(found, "vol-left")["promised"]
    # two of three are left to do: 590 a month
    assert finops("recommend", "--fail-on", "700", "--warehouse", warehouse).code == 0
    assert finops("recommend", "--fail-on", "589", "--warehouse", warehouse).code == 3
    october(finops, tmp_path, warehouse)
    assert statuses(finops, warehouse)["vol-left"] == "open"


def test_a_dismissal_can_be_taken_back(finops: Call, warehouse: Path) -> None:
    one = row(document(finops, warehouse), "vol-left")["id"]
    finops("dismiss", one, "--until", "2027-01-01", "--why", "audit", "--warehouse", warehouse)
    assert finops("dismiss", one, "--reopen", "--warehouse", warehouse).code == 0
    assert statuses(finops, warehouse)["vol-left"] == "new"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["zzzz", "--until", "2027-01-01", "--why", "x"], "no recommendation `zzzz`"),
        (["", "--until", "2027-01-01", "--why", "x"], "no recommendation"),
        (["ID", "--until", "2026-09-30", "--why", "x"], "not after 2026-09-30"),
        (["ID", "--until", "2027-01-01"], "says why"),
        (["ID", "--why", "x"], "says why"),
        (["ID", "--until", "2027-01-01", "--why", "a\nb"], "one line"),
        (["ID", "--until", "2027-01-01", "--why", "x", "--by", " "], "one line"),
        (["ID", "--reopen", "--why", "x"], "takes neither"),
    ],
)
def test_a_wrong_dismissal_says_what_is_wrong(finops: Call, warehouse: Path, arguments: list[str], words: str) -> None:
    one = row(document(finops, warehouse), "vol-left")["id"]
    ran = finops("dismiss", *(one if word == "ID" else word for word in arguments), "--warehouse", warehouse)
    assert ran.code == 2
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert statuses(finops, warehouse)["vol-left"] == "new"


def test_nothing_in_a_persons_words_breaks_out(finops: Call, warehouse: Path) -> None:
    one = row(document(finops, warehouse), "vol-left")["id"]
    why = "it's ours'; drop table charges; -- <b>|x|"
    assert finops("dismiss", one, "--until", "2027-01-01", "--why", why, "--by", "o'brien", "--warehouse", warehouse).code == 0
    assert row(document(finops, warehouse), "vol-left")["why"] == f"until 2027-01-01 by o'brien: {why}"


def test_a_claim_is_doubted_where_the_bill_does_not_show_it(finops: Call, tmp_path: Path, warehouse: Path) -> None:
    from finops.config import load_config
    from finops.ledger.record import decide
    from finops.warehouse.warehouse import Warehouse

    one = row(document(finops, warehouse), "vol-left")["id"]
    config = load_config(flags={"warehouse": str(warehouse)})
    decide(Warehouse.open(str(warehouse)), config, one, "applied", by="ana")
    found = document(finops, warehouse)
    assert row(found, "vol-left")["status"] == "applied"
    assert (found["totals"][0]["approved"], found["totals"][0]["applied"]) == (row(found, "vol-left")["promised"], "0.00")
    october(finops, tmp_path, warehouse)
    later = row(document(finops, warehouse), "vol-left")
    assert later["status"] == "open"
    assert "the bill does not show it" in later["why"]


def test_a_past_plan_put_on_record_later_takes_its_place(finops: Call, tmp_path: Path, warehouse: Path) -> None:
    october(finops, tmp_path, warehouse)
    ran = finops("savings", "--record", "--as-of", "2026-09-15", "--warehouse", warehouse)
    assert ran.code == 0, ran.err
    assert "plan as of 2026-09-15 on record: 3 recommendations" in ran.err
    left = row(document(finops, warehouse), "vol-left")
    assert (left["first_seen"], left["streak"]) == ("2026-09-15", 3)


@pytest.mark.parametrize("floor", [100000, 9000])
def test_what_brings_spend_below_a_floor_leaves_no_cash(finops: Call, tmp_path: Path, warehouse: Path, floor: int) -> None:
    october(finops, tmp_path, warehouse)
    contract = tmp_path / "contracts.csv"
    contract.write_text(
        "contract_id,provider,period_start,period_end,floor,currency\n"
        f"edp-1,Cloud,2026-08-01T00:00:00Z,2029-08-01T00:00:00Z,{floor},USD\n"
    )
    assert finops("load", contract, "--warehouse", warehouse).code == 0
    found = document(finops, warehouse)
    (total,) = found["totals"]
    year = 12 * 600  # two volumes at 300 a month; the third, which nine of the last 30 days had, is over
    paid_all_the_same = min(floor - year, 12 * 295)
    assert total["realised"] == "295.00"
    assert float(total["cash"]) == pytest.approx(295 - paid_all_the_same / 12, abs=0.01)
    assert f"{floor - year:.2f} USD a year below the floor of contract edp-1" in found["notes"][0]


def test_an_empty_ledger_says_how_it_fills(finops: Call, tmp_path: Path) -> None:
    from finops.intake.load import load
    from finops.warehouse.warehouse import Warehouse

    load(Warehouse.open(str(tmp_path / "w")), [month(tmp_path / "aug.csv", FIRST, date(2026, 8, 31))])
    ran = finops("savings", "--warehouse", tmp_path / "w")
    assert ran.code == 0, ran.err
    assert "no plan is on record yet" in ran.out
