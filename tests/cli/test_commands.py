"""Every command in every format on the sample company, against its golden output (`pytest --update` rewrites them)."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops import __version__
from tests.conftest import Ran
from tests.intake.delivery import text

GOLDEN = Path(__file__).parents[1] / "golden"
Call = Callable[..., Ran]

COMMANDS = {
    "status": ["status"],
    "costs": ["costs", "--by", "service,month", "--where", "provider=AWS"],
    "costs-by-tag": ["costs", "--by", "tag:team", "--metric", "billed"],
    "anomalies": ["anomalies", "--by", "service", "--as-of", "2026-08-20"],
    "costs-compare": ["costs", "--by", "provider", "--compare"],
    "allocate": ["allocate"],
    "forecast": ["forecast", "--as-of", "2026-10-20"],
    "ml": ["ml"],
    "recommend": ["recommend", "--min-saving", "3000"],
    "recommend-idle": ["recommend", "idle", "--min-saving", "1000"],
    "savings": ["savings"],
    "sql": ["sql", "select ProviderName, count(*) as lines, sum(BilledCost) as billed from charges group by all order by all"],
}


@pytest.mark.parametrize("fmt", ["table", "json", "csv", "md"])
@pytest.mark.parametrize("name", COMMANDS)
def test_output_is_as_before(finops: Call, company: Path, request: pytest.FixtureRequest, name: str, fmt: str) -> None:
    ran = finops(*COMMANDS[name], "--warehouse", company, "--format", fmt)
    assert ran.code == 0, ran.err
    assert ran.err == ""
    golden = GOLDEN / f"{name}.{fmt}.txt"
    if request.config.getoption("--update"):
        golden.write_text(ran.out, "utf-8")
    assert ran.out == golden.read_text("utf-8")


def test_the_plan_adds_up(plans: list[dict[str, Any]]) -> None:
    for document in plans:
        steps = document["waterfall"]
        current, after = Decimal(steps[0]["monthly"]), Decimal(steps[-1]["monthly"])
        savings = {step["step"]: Decimal(step["saving"]) for step in steps[1:-1]}
        assert current - sum(savings.values()) == after
        assert after >= 0
        recommended = sum(Decimal(r["saving"]["expected"]) for r in document["recommendations"])
        assert recommended == sum(savings.values()) - savings["run_rate"]
        assert document["verdicts"]["act"] == len(document["recommendations"])
        assert document["failed"] == []


def alike(recommendations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first three of every kind, type of action and target: what was judged alike has alike evidence."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for r in recommendations:
        groups.setdefault((r["kind"], r["action"]["type"], r["action"]["to"]), []).append(r)
    return [r for group in groups.values() for r in group[:3]]


def test_the_sql_of_every_recommendation_gives_its_number(finops: Call, company: Path, plans: list[dict[str, Any]]) -> None:
    checked = 0
    for document in plans:
        for recommendation in alike(document["recommendations"]):
            statement = recommendation["evidence"]["sql"]
            assert statement.lstrip().lower().startswith(("with", "select"))
            rows = json.loads(finops("sql", statement, "--warehouse", company, "--format", "json").out)
            (value,) = rows[0].values()
            assert abs(Decimal(value) - Decimal(recommendation["saving"]["alone"])) <= Decimal("0.01"), recommendation["id"]
            checked += 1
    assert checked >= 20


def test_explain_shows_the_whole_chain(finops: Call, company: Path, plans: list[dict[str, Any]]) -> None:
    first = plans[0]["recommendations"][0]
    ran = finops("explain", first["id"][:6], "--warehouse", company)
    assert ran.code == 0, ran.err
    for part in (first["id"], "Facts", "Do: ", "Saving: ", "SQL", f"{Decimal(first['saving']['alone']):,} alone", "Patch:"):
        assert part in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["costs", "--by", "servce"], 2, ["unknown column `servce`", "`service`"]),
        (["costs", "--from", "yesterday"], 2, ["`yesterday` is no date"]),
        (["costs", "--where", "nothing"], 2, ["no condition"]),
        (["recommend", "idel"], 2, ["idel"]),
        (["explain", "zzzz"], 2, ["no recommendation `zzzz`"]),
        (["sql", "drop table charges"], 2, ["SELECT"]),
        (["sql", "select 1; select 2"], 2, ["exactly one"]),
        (["sql", "select * from read_csv('/etc/passwd')"], 2, ["disabled"]),
        (["recommend", "--as-of", "2020-01-01"], 2, ["no bill is loaded", "2020-01-01"]),
    ],
)
def test_a_wrong_call_says_what_and_what_to_try(
    finops: Call, company: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    ran = finops(*arguments, "--warehouse", company)
    assert ran.code == code
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err


def test_fail_on_exits_with_three(finops: Call, company: Path) -> None:
    assert finops("recommend", "--fail-on", "1000", "--warehouse", company).code == 3
    assert finops("recommend", "--fail-on", "1e12", "--warehouse", company).code == 0


FILTERS = (
    (["--status", "new", "--provider", "aws"], lambda r: r["status"] == "new" and r["provider"] == "AWS"),
    (["--new", "--owner", "vision"], lambda r: r["status"] == "new" and r["owner"] == "vision"),
    (["--owner", "nlp", "--owner", ""], lambda r: r["owner"] in ("nlp", "")),
    (["--kind", "idle", "--min-saving", "100"], lambda r: r["kind"] == "idle" and Decimal(r["saving"]["expected"]) >= 100),
    (["--account", "210987654322"], lambda r: r["account"] in ("210987654322", "")),
    (["--status", "dismissed"], lambda r: False),
)


@pytest.mark.parametrize(("options", "wanted"), FILTERS, ids=[" ".join(options) for options, _ in FILTERS])
def test_what_is_shown_of_the_plan_is_said(
    finops: Call, company: Path, plans: list[dict[str, Any]], options: list[str], wanted: Any
) -> None:
    found = json.loads(finops("recommend", *options, "--warehouse", company, "--format", "json").out)
    for every, some in zip(plans, found, strict=True):
        assert every["shown"]["filters"] == {}
        assert some["recommendations"] == [r for r in every["recommendations"] if wanted(r)]
        assert (some["waterfall"], some["verdicts"]) == (every["waterfall"], every["verdicts"])
        saved = [sum((Decimal(r["saving"]["expected"]) for r in d["recommendations"]), Decimal(0)) for d in (some, every)]
        assert [Decimal(some["shown"][name]) for name in ("saving", "of_saving")] == saved
        counts = (len(some["recommendations"]), len(every["recommendations"]))
        assert (some["shown"]["recommendations"], some["shown"]["of"]) == counts
        assert any(f"shown: {counts[0]} of {counts[1]} recommendations (" in note for note in some["trust"]["notes"])


def test_a_kind_that_there_is_not_is_refused(finops: Call, company: Path) -> None:
    ran = finops("recommend", "--kind", "idel", "--warehouse", company)
    assert (ran.code, ran.out) == (2, "")
    assert "no recommender `idel`" in ran.err


def test_the_gate_holds_what_is_shown(finops: Call, company: Path) -> None:
    assert finops("recommend", "--owner", "data", "--fail-on", "20000", "--warehouse", company).code == 0
    assert finops("recommend", "--owner", "nlp", "--fail-on", "20000", "--warehouse", company).code == 3


def test_a_scope_is_allocated_to_the_cent(finops: Call, company: Path) -> None:
    month = (
        "--from",
        "2026-10-01",
        "--to",
        "2026-10-31",
        "--where",
        "provider=AWS",
        "--warehouse",
        company,
        "--format",
        "json",
    )
    parts = json.loads(finops("allocate", *month).out)
    bill = json.loads(finops("costs", "--by", "provider", *month).out)
    assert {c: Decimal(t) for c, t in parts["totals"].items()} == {c: Decimal(t) for c, t in bill["totals"].items()}
    (nobody,) = parts["unowned"]
    untagged = next(row for row in parts["rows"] if row["team"] == "(untagged)")
    assert Decimal(nobody["amount"]) == Decimal(untagged["total"])
    assert 0 < nobody["share"] < 1
    assert finops("allocate", "--pods", "--where", "provider=AWS", "--warehouse", company).code == 2


def test_an_empty_warehouse_teaches(finops: Call, tmp_path: Path) -> None:
    for command in (["status"], ["costs"], ["recommend"], ["sql", "select 1"]):
        ran = finops(*command, "--warehouse", tmp_path / "none")
        assert ran.code == 2
        assert "finops load" in ran.err
    assert not (tmp_path / "none").exists()


def test_thresholds_are_listed_by_help(finops: Call) -> None:
    ran = finops("recommend", "--help", "idle")
    assert "recommenders.idle." in ran.out
    assert "Usage:" in finops("recommend", "--help").out


def test_export_writes_every_provider_and_period(finops: Call, company: Path, tmp_path: Path) -> None:
    ran = finops("export", "focus", "--out", tmp_path, "--focus-version", "1.2", "--warehouse", company, "--format", "json")
    assert ran.code == 0, ran.err
    written = {(file["provider"], file["period"]) for file in json.loads(ran.out)}
    assert written >= {("AWS", "2026-10"), ("Google Cloud", "2026-08")}
    assert len(list(tmp_path.glob("*.parquet"))) == len(json.loads(ran.out))


def test_init_writes_settings_once(finops: Call, tmp_path: Path) -> None:
    path = tmp_path / "finops.toml"
    assert finops("init", path).code == 0
    assert finops("--config", path, "status", "--warehouse", tmp_path / "w").code == 2
    assert "there already" in finops("init", path).err


def test_without_budgets_the_months_are_shown(finops: Call, company: Path) -> None:
    ran = finops("budgets", "--warehouse", company)
    assert ran.code == 0
    assert "no budgets are set" in ran.err
    assert "USD" in ran.out


def test_a_budget_of_the_settings(finops: Call, company: Path, tmp_path: Path) -> None:
    settings = tmp_path / "finops.toml"
    settings.write_text(
        f'warehouse = "{company}"\n[[budgets]]\nname = "cloud"\namount = 1000\ncurrency = "USD"\nwhere = ["provider=AWS"]\n'
    )
    (row,) = json.loads(finops("--config", settings, "budgets", "--as-of", "2026-10-20", "--format", "json").out)["rows"]
    assert (row["name"], row["budget"], row["exceeds"]) == ("cloud", "1000.00", 1.0)


def test_the_version_needs_no_command(finops: Callable[..., Ran]) -> None:
    ran = finops("--version")
    assert (ran.code, ran.out) == (0, f"finops {__version__}\n")


def test_after_the_demo_its_commands_need_no_flag(
    finops: Call, company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `finops demo` made is read while there is no warehouse yet; what is loaded goes to one of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FINOPS_WAREHOUSE", raising=False)
    assert finops("savings").code == 2
    (tmp_path / "demo").symlink_to(company)
    for command in (["savings"], ["allocate"], ["budgets"], ["forecast"]):
        ran = finops(*command)
        assert (ran.code, bool(ran.out)) == (0, True), command
        assert "the sample company of ./demo: nothing is loaded into ./warehouse yet" in ran.err
    assert finops("status", "--warehouse", "./other").code == 2
    (tmp_path / "bill.csv").write_text(text())
    assert finops("load", "bill.csv").code == 0
    ran = finops("status", "--format", "json")
    assert [source["source"] for source in json.loads(ran.out)["sources"]] == ["focus:acc-1"]
    assert ran.err == ""
