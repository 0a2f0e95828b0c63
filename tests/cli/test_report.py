"""The weekly report: the same bytes for the same snapshot, the commands' numbers, and nothing of a bill is markup in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from finops import queries, render
from finops.config import Config
from finops.intake.reconcile import Trust
from finops.model import Finding, Recommendation
from finops.plans import PlanView
from finops.portfolio import Failure
from finops.report import Weekly, weekly
from finops.summary.report import document, json_document
from finops.summary.report_html import report_html
from finops.summary.report_markdown import report_markdown
from finops.unknowns import Missing
from finops.warehouse.warehouse import Warehouse
from tests.conftest import Ran
from tests.shared import once

GOLDEN = Path(__file__).parents[1] / "golden" / "report-weekly.md.txt"
Call = Callable[..., Ran]

ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "main", "section", "footer", "h1", "h2", "h3", "p", "ul", "li", "code"),
    *("div", "table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption"),
    *("svg", "g", "text", "rect", "line", "polyline"),
}
ATTRIBUTES = {
    *(
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "role",
        "viewbox",
        "aria-label",
        "x",
        "y",
        "width",
        "height",
    ),
    *("x1", "x2", "y1", "y2", "points"),
}
INLINE = {"text", "text_special", "softbreak", "strong_open", "strong_close"}

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></table><iframe>",
    "</title></style><svg/onload=alert(1)>",
    "=cmd|'/C calc'!A0",
    " =1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "| a | b |",
    "[x](javascript:alert(1))",
    "![x](https://example.com/p.png)",
    "https://example.com",
    "WWW.example.com",
    "<https://example.com>",
    "`code`",
    "**b** __u__ ~~s~~",
    "# h",
    "- l",
    "1. l",
    "===",
    "&lt;b&gt;",
    "a\nb\n\n# c",
    "a\r\n| b",
    "\\|",
    "\x1b[31m",
    "\u202eabc",
    "-->",
    "]]>",
]


@pytest.fixture(scope="module")
def folder(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the sample company in each format, written by the command in a process of its own."""
    return once(tmp_path_factory, "report", lambda out: written(company, out, "0"))


def written(company: Path, out: Path, seed: str) -> None:
    files = [option for suffix in ("html", "md", "json") for option in ("--out", str(out / f"weekly.{suffix}"))]
    call = "from finops.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", call, "report", "weekly", "--warehouse", str(company), *files],
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == ""


@pytest.fixture(scope="module")
def made(company: Path) -> Weekly:
    with reader_of(company) as reader:
        return weekly(reader, Config(warehouse=str(company)))


@contextmanager
def reader_of(company: Path) -> Iterator[Any]:
    with Warehouse.open(str(company)).reader() as reader:
        yield reader


def test_the_same_snapshot_gives_the_same_bytes(company: Path, folder: Path, tmp_path: Path) -> None:
    written(company, tmp_path, "1")
    for path in sorted(folder.iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_markdown_is_as_before(finops: Call, company: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    text = (folder / "weekly.md").read_text("utf-8")
    if request.config.getoption("--update"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")
    assert "**Trust: " in text.splitlines()[2]


def test_its_numbers_are_those_of_the_questions(company: Path, folder: Path) -> None:
    report = json.loads((folder / "weekly.json").read_text("utf-8"))
    as_of = date.fromisoformat(report["as_of"])
    (before, after) = ([date.fromisoformat(day) for day in days] for days in report["periods"].values())
    assert after[1] == as_of - timedelta(days=3)  # the provisional days would look like a drop
    assert (after[1] - after[0], before[1] - before[0]) == (timedelta(days=6), timedelta(days=6))
    assert before[1] + timedelta(days=1) == after[0]
    with reader_of(company) as reader:
        for name, days in (("before", before), ("after", after)):
            spent = queries.totals(queries.costs(reader, queries.CostQuery((), first=days[0], last=days[1])))
            assert {row["currency"]: Decimal(row[name]) for row in report["spend"]} == spent
        month = queries.totals(queries.costs(reader, queries.CostQuery((), first=as_of.replace(day=1), last=as_of)))
    teams: dict[str, Decimal] = {}
    for row in report["teams"]:
        teams[row["currency"]] = teams.get(row["currency"], Decimal(0)) + Decimal(row["total"])
    assert teams == month
    for row in report["spend"]:
        parts = sum((Decimal(row[part]) for part in ("usage", "mix", "price", "exchange", "fees", "tax")), Decimal(0))
        assert Decimal(row["before"]) + parts == Decimal(row["after"])


def test_the_plan_adds_up_and_is_explained(folder: Path) -> None:
    for plan in json.loads((folder / "weekly.json").read_text("utf-8"))["plans"]:
        levels = [Decimal(step["monthly"]) for step in plan["waterfall"] if "monthly" in step]
        savings = sum((Decimal(step["saving"]) for step in plan["waterfall"] if "saving" in step), Decimal(0))
        assert levels[0] - savings == levels[-1]
        assert plan["verdicts"]["act"] == len(plan["recommendations"])


def test_a_scope_narrows_the_spend(company: Path, made: Weekly) -> None:
    with reader_of(company) as reader:
        scoped = weekly(reader, Config(warehouse=str(company)), ["provider=AWS"])
    assert 0 < sum(row.amount for row in scoped.daily) < sum(row.amount for row in made.daily)
    assert "provider=AWS" in document(scoped).title
    commands = re.findall(r"<code>(finops (?:costs|forecast|anomalies|allocate|ml)[^<]*)", report_html(document(scoped)))
    assert [command.endswith(" --where provider=AWS") for command in commands] == [True] * 5 + [False]
    assert commands[-1] == "finops forecast"  # what ends is of the whole bill
    assert {row.currency for row in scoped.teams} == {"USD"}
    assert scoped.ml.totals["USD"] < made.ml.totals["USD"]


def test_the_scope_of_the_command_is_the_report_s(finops: Call, company: Path) -> None:
    scope = ("--scope", "region=eu-west-1|eu-central-1", "--scope", "tag:team!=data")
    ran = finops("report", "weekly", *scope, "--warehouse", company)
    assert ran.code == 0
    assert "Spend, unusual days, month end, teams and ML are of the scope; " in ran.out
    flags = "--where 'region=eu-west-1|eu-central-1' --where 'tag:team!=data'"
    assert f"finops forecast {flags}" in ran.out.replace("\\", "")


@pytest.mark.parametrize("name", ["report.pdf", "report"])
def test_another_ending_is_refused(finops: Call, company: Path, tmp_path: Path, name: str) -> None:
    ran = finops("report", "weekly", "--warehouse", company, "--out", tmp_path / name)
    assert ran.code == 2
    assert ".html, .md, .json" in ran.err


def test_an_empty_warehouse_teaches(finops: Call, tmp_path: Path) -> None:
    ran = finops("report", "weekly", "--warehouse", tmp_path / "none")
    assert ran.code == 2
    assert "finops load" in ran.err


class Page(HTMLParser):
    """The elements and attributes of a page, and the text of its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[tuple[str, tuple[str, ...]]] = []
        self.cells: list[str] = []
        self.odd: list[str] = []
        self._numeric = False
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append((tag, tuple(name for name, _ in attrs)))
        self._inside, self._numeric = tag, ("class", "n") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in ("td", "th") and not self._numeric:
            self.cells.append(data)

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)


def check_html(text: str) -> Page:
    page = Page(text)
    assert {tag for tag, _ in page.opened} <= ELEMENTS
    assert {name for _, names in page.opened for name in names} <= ATTRIBUTES
    assert page.odd == []
    assert not [cell for cell in page.cells if cell.lstrip().startswith(render.FORMULA_STARTS)]
    return page


def blocks(text: str) -> list[str]:
    """The block structure of Markdown; what stands inline must be text."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inline = {child.type for token in tokens for child in token.children or []}
    assert inline <= INLINE, inline - INLINE
    return [token.type for token in tokens]


def test_the_page_holds_only_what_the_template_writes(folder: Path) -> None:
    text = (folder / "weekly.html").read_text("utf-8")
    check_html(text)
    blocks((folder / "weekly.md").read_text("utf-8"))
    assert "<script" not in text
    assert "http://" not in text.replace("http-equiv", "")
    assert "https://" not in text
    assert text.count("<svg") >= 4


def test_the_samples_formula_is_text(folder: Path) -> None:
    formula = "=cmd|"
    assert formula in (folder / "weekly.json").read_text("utf-8")
    page = (folder / "weekly.html").read_text("utf-8")
    assert not re.search(rf"<td[^>]*>{re.escape(formula)}", page)
    assert re.search(r"<td[^>]*>&#x27;=cmd\|", page)


def poisoned(made: Weekly, name: str) -> Weekly:
    """A small report in which everything that a bill, a rule or an error may say is `name`."""
    view = next(view for view in made.plans if view.plan.recommendations)
    return replace(
        made,
        scope=(name,),
        trust=Trust("amber", Decimal(0), (name,)),
        totals=made.totals[:1],
        daily=tuple(row for row in made.daily if row.currency == made.totals[0].currency),
        changes=tuple(replace(change, keys=(name,), after=change.before + 1) for change in made.changes[:2]),
        months=tuple(replace(month, name=name) for month in made.months[:1]),
        budgets=tuple(replace(month, name=name, budget=Decimal(1), exceeds=0.9) for month in made.months[:1]),
        plans=(_poisoned_plan(view, name),),
        anomalies=(_unusual(made, name),),
        savings=_poisoned_savings(made, name),
        ml=replace(
            made.ml,
            platforms=tuple(replace(row, name=name) for row in made.ml.platforms[:1]),
            teams=tuple(replace(row, name=name) for row in made.ml.teams[:1]),
        ),
        instruments=tuple(replace(one, missing=name, how=name) for one in made.instruments[:1]),
        teams=tuple(replace(team, team=name) for team in made.teams[:2]),
        expiring=(queries.Expiring(name, name, name, name, made.as_of, 1, None, None, name),),
        ahead=(queries.Ending(queries.CREDITS, name.lower(), name, name, made.as_of, Decimal(1)),),
        sources=tuple(replace(source, source=name, format=name, first_unit=name) for source in made.sources[:1]),
        reconciliation=tuple(replace(row, billing_account=name, against=name, note=name) for row in made.reconciliation[-1:]),
    )


def _unusual(made: Weekly, name: str) -> queries.Anomaly:
    day, one = made.last, Decimal(1)
    return queries.Anomaly((name, name), name, day, day, 1, True, one, one, one, one, one, name, name, one)


def _poisoned_savings(made: Weekly, name: str) -> queries.SavingsReport:
    """A finding of each kind of standing, all of whose words are `name`."""
    words: dict[str, Any] = dict.fromkeys(("kind", "provider", "account", "resource", "owner", "do", "measured", "why"), name)
    row = replace(made.savings.rows[0], **words)
    rows = (
        replace(row, status="new", first_seen=made.as_of),
        replace(row, status="open", waiting=Decimal(5)),
        replace(row, status="applied", applied=made.last, realised=Decimal(1), saved=Decimal(1)),
        replace(row, status="open", approved=True),
        replace(row, status="dismissed"),
        replace(row, status="gone", stands_since=made.as_of),
    )
    return replace(made.savings, rows=rows, notes=(name,))


def _poisoned_plan(view: PlanView, name: str) -> PlanView:
    first = view.plan.recommendations[0]
    scope = replace(first.finding.scope, resource=name, account=name, service=name)
    finding: Finding = replace(first.finding, scope=scope)
    recommendation: Recommendation = replace(first, finding=finding, owner=name, environment=name)
    plan = replace(
        view.plan,
        recommendations=(recommendation,),
        unknowns=(Missing(name, 1, Decimal(1), name),),
        failed=(Failure(name, name),),
        notes=(name,),
    )
    return replace(view, plan=plan, trust=Trust("amber", Decimal(0), (name,)))


names = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=12), min_size=1, max_size=3).map("".join).filter(str.strip)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=names)
def test_a_hostile_name_is_only_text(made: Weekly, name: str) -> None:
    hostile, harmless = document(poisoned(made, name)), document(poisoned(made, "x" * len(name)))
    assert check_html(report_html(hostile)).opened == check_html(report_html(harmless)).opened
    text = report_markdown(hostile)
    assert blocks(text) == blocks(report_markdown(harmless))
    assert "://" not in text
    assert "www." not in text.lower()
    assert json.loads(render.document(json_document(poisoned(made, name))))["teams"][0]["team"] == name


def test_a_failed_recommender_is_shown_as_failed(made: Weekly) -> None:
    report = document(poisoned(made, "idle"))
    for text in (report_html(report), report_markdown(report)):
        assert "FAILED: idle: idle; its savings are missing." in text


def test_no_plan_stands_on_a_red_bill(made: Weekly) -> None:
    red = replace(made, plans=tuple(replace(view, trust=replace(view.trust, status="red")) for view in made.plans))
    text = report_markdown(document(red))
    assert "can be saved" not in text
    assert text.count("No recommendation can stand on this bill") == len(made.plans)
    assert all(plan["withheld"] and "recommendations" not in plan for plan in json_document(red)["plans"])


def test_lines_of_teams_that_are_not_listed_are_one_line(made: Weekly) -> None:
    many = replace(made, teams=tuple(queries.TeamRow(f"t{n}", "USD", Decimal(n), Decimal(1), 1) for n in range(50, 0, -1)))
    text = report_markdown(document(many))
    assert "\\(30 others\\) | USD | 465.00 | 30.00 | 495.00" in text


def test_weeks_that_cannot_be_compared_are_not(made: Weekly) -> None:
    short = replace(made, begins=dict.fromkeys(made.begins, made.first))
    text = report_markdown(document(short))
    assert "the weeks cannot be compared" in text
    assert "| before | after |" in report_markdown(document(made))
    assert "| before | after |" not in text
