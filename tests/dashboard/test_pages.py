"""Every page on the sample company and on an empty warehouse: it runs, and shows what the command line says."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Element

from finops.config import load_config
from finops.dashboard import panel
from finops.demo import sample_company
from finops.intake.load import load
from finops.money import cents
from finops.render import amount
from finops.warehouse.warehouse import Warehouse
from tests.conftest import Ran
from tests.intake.delivery import text

PAGES = ("overview", "costs", "plan", "teams", "ml", "health")


def shown(page: str, warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page as Streamlit's own runner sees it."""
    monkeypatch.setenv("FINOPS_WAREHOUSE", str(warehouse))
    script = f"from finops.dashboard import {page}\n{page}.page()\n"
    return AppTest.from_string(script, default_timeout=120).run()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_and_says_how_far_to_trust_it(company: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    app = shown(page, company, monkeypatch)
    assert not app.exception
    assert not app.error
    assert app.header
    assert "Trust" in app.markdown[0].value
    assert any(code.value.startswith("finops ") for code in app.code)


def test_the_app_shows_nothing_unless_it_is_said_to_whom(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit alone would listen on every network; `finops dashboard` names the address."""
    monkeypatch.setenv("FINOPS_WAREHOUSE", str(company))
    app = AppTest.from_file(str(Path(__file__).parents[2] / "app.py"), default_timeout=120).run()
    assert "who may see this bill" in app.error[0].value
    assert not app.metric


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_warehouse_says_how_to_fill_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    app = shown(page, tmp_path / "empty", monkeypatch)
    assert not app.exception
    assert "No bill is loaded" in app.info[0].value
    assert "finops demo" in app.code[0].value


def test_the_month_to_date_is_the_command_s(
    company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran], plans: list[dict[str, Any]]
) -> None:
    rows = json.loads(finops("forecast", "--warehouse", company, "--format", "json").out)["rows"]
    app = shown("overview", company, monkeypatch)
    metrics = {metric.label: metric.value for metric in app.metric}
    expected = {f"{r['month']} to date, {r['currency']}": amount(Decimal(r["actual"])) for r in rows}
    expected |= {f"can be saved a month, {d['currency']}": amount(Decimal(d["shown"]["of_saving"])) for d in plans}
    assert metrics == expected


def test_a_recommendation_opens_from_its_address(
    company: Path, monkeypatch: pytest.MonkeyPatch, plans: list[dict[str, Any]]
) -> None:
    wanted = next(d["recommendations"][0] for d in plans if d["currency"] == "USD")
    monkeypatch.setenv("FINOPS_WAREHOUSE", str(company))
    app = AppTest.from_string("from finops.dashboard import plan\nplan.page()\n", default_timeout=120)
    app.query_params["id"] = wanted["id"]
    app.run()
    assert not app.exception
    assert f"{wanted['kind']} {wanted['id']}" in [header.value for header in app.subheader]
    assert {metric.label: metric.value for metric in app.metric}["Expected"] == amount(Decimal(wanted["saving"]["expected"]))
    assert wanted["evidence"]["sql"] in [code.value for code in app.code]


def opened(page: str, warehouse: Path, monkeypatch: pytest.MonkeyPatch, **address: str | list[str]) -> AppTest:
    monkeypatch.setenv("FINOPS_WAREHOUSE", str(warehouse))
    app = AppTest.from_string(f"from finops.dashboard import {page}\n{page}.page()\n", default_timeout=120)
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


class _Tables(HTMLParser):
    """The tables of a page's HTML, as rows by column."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.is_in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
            self.is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.is_in_cell = self.is_in_cell and tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        if self.is_in_cell:
            self.tables[-1][-1][-1] += data


def short_table(app: AppTest, column: str) -> list[dict[str, str]]:
    """The first table with such a column of those that are drawn whole."""
    parser = _Tables()
    for element in app.html:
        parser.feed(element.value)
    head, *rows = next(table for table in parser.tables if column in table[0])
    return [dict(zip(head, row, strict=True)) for row in rows]


def frame(app: AppTest, column: str) -> Any:
    """The first scrolling table with such a column."""
    return next(table.value for table in app.dataframe if column in table.value.columns)


SHOWN = ("metric", "dataframe", "vega_lite_chart", "html")
"""What a panel shows."""


def panels(app: AppTest) -> list[tuple[str, list[Any]]]:
    """The page's panels: what stands below a heading that shows numbers, up to the command that ends it."""
    found, title, parts = [], "", list[Any]()
    for element in (part for part in app.main if isinstance(part, Element)):
        kind = element.type
        if kind in ("header", "subheader"):
            title = element.value
        elif kind in SHOWN and not (kind == "html" and "<style>" in element.value):
            parts.append(element)
        elif kind == "code" and element.value.startswith("finops "):
            if parts:
                found.append((title, [*parts, element]))
            parts = []
        elif kind == "download_button":
            found[-1][1].append(element)
    assert parts == [], f"{title}: shows numbers without the command that gives them"
    return found


MOST_PANELS = {"overview": 6, "costs": 4, "plan": 7, "teams": 1, "ml": 8, "health": 2}
"""The sample company's panels with numbers: none of a page may be lost from this test."""


NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")


@pytest.mark.parametrize("page", PAGES)
def test_every_panel_has_its_command_its_download_and_its_age(
    company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran], page: str
) -> None:
    """And every amount of every file is among the numbers of the command, to the cent, which runs as it is shown."""
    files: dict[str, list[dict[str, Any]]] = {}
    ends = panel.source

    def source(command: str, rows: panel.Rows, key: str) -> None:
        files.setdefault(command, []).extend(dict(row) for row in rows)
        ends(command, rows, key)

    monkeypatch.setattr(panel, "source", source)
    found = panels(opened(page, company, monkeypatch, **({"id": first_id(company, finops)} if page == "plan" else {})))
    assert len(found) >= MOST_PANELS[page], [title for title, _ in found]
    for title, parts in found:
        (command,) = (part.value for part in parts if part.type == "code")
        assert re.search(r"  # data up to 2026-10-31, snapshot \d+$", command), title
        assert [part.type for part in parts].count("download_button") == 1, title
    for command, rows in files.items():
        ran = finops(*shlex.split(command)[1:], "--warehouse", company, "--format", "json")
        assert ran.code == 0, (command, ran.err)
        said = {abs(cents(Decimal(n.replace(",", "")))) for n in NUMBER.findall(ran.out)}
        amounts = {abs(cents(value)) for row in rows for value in row.values() if isinstance(value, Decimal)}
        assert rows
        assert amounts <= said, (command, sorted(amounts - said)[:5])


def first_id(company: Path, finops: Callable[..., Ran]) -> str:
    documents = json.loads(finops("recommend", "idle", "--warehouse", company, "--format", "json").out)
    return next(str(r["id"]) for d in documents for r in d["recommendations"] if r["resource"].startswith("i-"))


def test_the_overview_names_what_is_new(company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]) -> None:
    found = json.loads(finops("savings", "--warehouse", company, "--format", "json").out)
    new = [row["id"] for row in found["rows"] if row["status"] == "new"]
    app = shown("overview", company, monkeypatch)
    listed = [row["id"] for row in short_table(app, "promised a month")]
    assert listed
    assert set(listed) <= set(new)
    identified = {row["currency"]: amount(Decimal(row["identified"])) for row in found["totals"]}
    stages = short_table(app, "stage")
    assert {row["currency"]: row["a month"] for row in stages if row["stage"] == "identified"} == identified


def test_the_plan_is_filtered_by_status_and_scope_from_its_address(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened("plan", company, monkeypatch, status="new", provider="AWS")
    assert not app.exception
    table = frame(app, "effort")
    assert set(table["status"]) == {"new"}
    whole = frame(shown("plan", company, monkeypatch), "effort")
    assert 0 < len(table) < len(whole)
    assert app.sidebar.multiselect[0].value == ["AWS"]
    assert any("--where provider=AWS" in code.value for code in opened("ml", company, monkeypatch, provider="AWS").code)


def test_a_recommendation_is_dismissed_and_opened_again(
    copied: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]
) -> None:
    documents = json.loads(finops("recommend", "--warehouse", copied, "--format", "json").out)
    wanted = documents[0]["recommendations"][0]["id"]

    def status() -> tuple[str, str]:
        found = json.loads(finops("savings", "--warehouse", copied, "--format", "json").out)
        row = next(row for row in found["rows"] if row["id"] == wanted)
        return row["status"], row["why"]

    app = opened("plan", copied, monkeypatch, id=wanted)
    app.text_input(key="dismiss-by").set_value("ana")
    submit = next(button for button in app.button if button.label == "Dismiss")
    submit.click().run()
    assert "says why" in app.error[0].value
    assert status()[0] != "dismissed"

    app.text_input(key="dismiss-why").set_value("needed for the audit")
    next(button for button in app.button if button.label == "Dismiss").click().run()
    assert not app.exception
    assert not app.error
    assert status() == ("dismissed", "until 2027-01-29 by ana: needed for the audit")
    assert dict(zip(frame(app, "effort")["id"], frame(app, "effort")["status"], strict=True))[wanted] == "dismissed"

    app.button(key=f"reopen-{wanted}").click().run()
    assert status()[0] in ("new", "open")


def test_the_plan_shows_what_the_command_below_it_shows(
    company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]
) -> None:
    app = opened(
        "plan", company, monkeypatch, kind=["idle", "network"], owner="platform", provider="AWS", account="210987654322"
    )
    command = next(code.value for code in app.code if code.value.startswith("finops recommend --"))
    options = shlex.split(command, comments=True)[1:]
    documents = json.loads(finops(*options, "--warehouse", company, "--format", "json").out)
    listed = list(frame(app, "effort")["id"])
    assert listed
    assert listed == [r["id"] for d in documents for r in d["recommendations"]]
    said = [caption.value for caption in app.caption]
    for document in documents:
        shown = document["shown"]
        amounts = f"{amount(Decimal(shown['saving']))} of {amount(Decimal(shown['of_saving']))} a month"
        assert any(
            text.startswith(f"{document['currency']}: {shown['recommendations']} of") and text.endswith(amounts)
            for text in said
        )


def test_teams_of_a_scope_are_the_command_s(company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]) -> None:
    app = opened("teams", company, monkeypatch, provider="AWS")
    command = next(code.value for code in app.code)
    rows = json.loads(finops(*shlex.split(command, comments=True)[1:], "--warehouse", company, "--format", "json").out)["rows"]
    assert [row["total"] for row in short_table(app, "direct")] == [amount(Decimal(row["total"])) for row in rows]
    assert {row["currency"] for row in rows} == {"USD"}


@pytest.mark.parametrize("by", ["accelerator", "team", "model"])
def test_ml_spend_by_each_dimension(
    company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran], by: str
) -> None:
    app = opened("ml", company, monkeypatch, by=by)
    found = json.loads(finops("ml", "--warehouse", company, "--format", "json").out)[f"{by}s"]
    assert [row["cost"] for row in short_table(app, by)] == [amount(Decimal(row["cost"])) for row in found]


@pytest.mark.parametrize("page", PAGES)
def test_a_small_bill_without_a_plan_on_record_teaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text(text())
    load(Warehouse.open(str(tmp_path / "w")), [bill])
    app = shown(page, tmp_path / "w", monkeypatch)
    assert not app.exception
    assert not app.error
    captions = " ".join(caption.value for caption in app.caption)
    taught = {
        "overview": ["less than two weeks of history", "no plan is on record yet", "No budget is set"],
        "plan": ["Nothing is seen on the bill to be done yet"],
        "teams": ["Without an owner: 0.00 USD (0.0%)"],
        "ml": ["No line of the bill is machine learning's"],
    }
    told = captions + " ".join(info.value for info in app.info)
    for words in taught.get(page, []):
        assert words in told


def test_a_red_bill_is_left_out_of_the_plan(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (sample_company() / "open" / "invoices.csv").read_text().splitlines()
    number = next(n for n, line in enumerate(lines) if ",2026-09,usage," in line and line.endswith(",USD"))
    cells = lines[number].split(",")
    lines[number] = ",".join([*cells[:-2], str(Decimal(cells[-2]) + 500), cells[-1]])
    (tmp_path / "invoices.csv").write_text("\n".join(lines) + "\n")
    load(Warehouse.open(str(copied)), [], invoice=tmp_path / "invoices.csv")
    for page in ("overview", "plan"):
        app = shown(page, copied, monkeypatch)
        assert not app.exception
        assert any(w.value.startswith("Left out of the plan in USD, their bills are red: aws-cur2") for w in app.warning)
        saved = [metric.label for metric in app.metric if "can be saved" in metric.label]
        assert saved == ["can be saved a month, EUR", "can be saved a month, USD"]
    assert not any(str(resource).startswith("arn:aws:") for resource in frame(app, "effort")["resource"])


def test_a_bill_that_is_red_alone_has_no_plan_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text(text())
    invoice = tmp_path / "invoices.csv"
    invoice.write_text("invoice_id,issuer,period,category,amount,currency\nINV-1,Cloud Inc.,2026-09,usage,12.00,USD\n")
    load(Warehouse.open(str(tmp_path / "w")), [bill], invoice=invoice)
    for page in ("overview", "plan"):
        app = shown(page, tmp_path / "w", monkeypatch)
        assert not app.exception
        assert app.error[0].value.startswith("No recommendation in USD can stand on this bill")
        assert not [metric.label for metric in app.metric if "can be saved" in metric.label]
    assert any("Trust (USD): red" in words.value for words in app.markdown)


def test_a_group_opens_to_what_it_is_made_of(
    company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]
) -> None:
    app = opened("costs", company, monkeypatch, provider="AWS")
    app.selectbox(key="costs-open").select("Amazon SageMaker").run()
    app.selectbox(key="costs-open").select(app.selectbox(key="costs-open").options[0]).run()
    assert not app.exception
    assert app.selectbox(key="costs-by").value == "SkuMeter"
    command = next(code.value for code in app.code if "--by SkuMeter" in code.value)
    assert "--where 'service=Amazon SageMaker'" in command
    rows = json.loads(finops(*shlex.split(command, comments=True)[1:], "--warehouse", company, "--format", "json").out)["rows"]
    assert [r["effective cost"] for r in short_table(app, "charges")] == [amount(Decimal(r["effective_cost"])) for r in rows]
    app.button(key="costs-close-0").click().run()
    assert (app.selectbox(key="costs-by").value, app.query_params.get("in", [])) == ("service", [])
    assert sum(Decimal(r["effective cost"].replace(",", "")) for r in short_table(app, "charges")) > 200_000


def test_costs_are_shown_by_a_tag_of_a_link(company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]) -> None:
    app = opened("costs", company, monkeypatch, by="tag:team", **{"in": ["service=Amazon SageMaker", "nonsense"]})
    assert not app.exception
    where = ("--where", "service=Amazon SageMaker", "--from", "2026-10-01", "--to", "2026-10-31")
    found = finops("costs", "--by", "tag:team", *where, "--warehouse", company, "--format", "json").out
    listed = {row["tag:team"]: row["effective cost"] for row in short_table(app, "charges")}
    assert listed == {r["tag:team"] or "(none)": amount(Decimal(r["effective_cost"])) for r in json.loads(found)["rows"]}


def test_what_ends_within_a_year_is_the_forecast_s(
    company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]
) -> None:
    app = opened("overview", company, monkeypatch, provider=["AWS", "Google Cloud"])
    where = ("--where", "provider=AWS|Google Cloud")
    ahead = json.loads(finops("forecast", *where, "--warehouse", company, "--format", "json").out)["ahead"]
    assert {row["provider"] for row in ahead} == {"AWS", "Google Cloud"}
    assert [row["a month"] for row in short_table(app, "last")] == [amount(Decimal(row["monthly"])) for row in ahead[:5]]


def test_a_budget_stands_with_how_likely_it_is_exceeded(company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "finops.toml").write_text('[[budgets]]\nname = "azure"\namount = 160000\ncurrency = "EUR"\n')
    monkeypatch.setenv("FINOPS_CONFIG", str(tmp_path / "finops.toml"))
    (row,) = short_table(shown("overview", company, monkeypatch), "exceeds")
    assert (row["name"], row["budget"], row["exceeds"]) == ("azure", "160,000.00", "100%")


def test_a_bill_without_tags_says_how_teams_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bill.csv").write_text(text({"Tags": "{}"}))
    load(Warehouse.open(str(tmp_path / "w")), [tmp_path / "bill.csv"])
    app = shown("teams", tmp_path / "w", monkeypatch)
    assert "[[allocation.rules]]" in app.info[0].value
    assert any("Without an owner: 10.00 USD (100.0%)" in said.value for said in app.caption)


def test_a_resource_s_days_are_beside_its_facts(
    company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]
) -> None:
    documents = json.loads(finops("recommend", "idle", "--warehouse", company, "--format", "json").out)
    wanted = next(r for d in documents for r in d["recommendations"] if r["resource"].startswith("i-"))
    app = opened("plan", company, monkeypatch, id=wanted["id"])
    assert any(f"--where resource={wanted['resource']}" in code.value for code in app.code)


def test_a_dismissal_makes_no_plan_anew(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finops.dashboard import state
    from finops.ledger.record import decide

    app = opened("plan", copied, monkeypatch)
    made: list[object] = []
    monkeypatch.setattr(state, "shown_plans", lambda *a, **k: made.append(a))
    wanted = frame(app, "effort")["id"][0]
    monkeypatch.setenv("FINOPS_WAREHOUSE", str(copied))
    decide(Warehouse.open(str(copied)), load_config(), wanted, "dismissed", by="ana", why="audit", until=date(2027, 3, 1))
    app.run()
    assert not app.exception
    assert made == []
    assert dict(zip(frame(app, "effort")["id"], frame(app, "effort")["status"], strict=True))[wanted] == "dismissed"


def test_the_scope_is_kept_in_the_address(company: Path, monkeypatch: pytest.MonkeyPatch, finops: Callable[..., Ran]) -> None:
    monkeypatch.setenv("FINOPS_WAREHOUSE", str(company))
    app = AppTest.from_string("from finops.dashboard import costs\ncosts.page()\n", default_timeout=120)
    app.query_params["provider"] = "Google Cloud"
    app.query_params["by"] = "region"
    app.run()
    assert not app.exception
    assert app.sidebar.multiselect[0].value == ["Google Cloud"]
    rows = json.loads(
        finops("costs", "--by", "region", "--where", "provider=Google Cloud", "--from", "2026-10-01", "--to", "2026-10-31",
               "--warehouse", company, "--format", "json").out
    )["rows"]  # fmt: skip
    assert [amount(Decimal(r["effective_cost"])) for r in rows] == [
        r["effective cost"] for r in short_table(app, "effective cost")
    ]
