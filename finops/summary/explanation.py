"""Everything behind one recommendation, and the thresholds of a kind."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic.fields import FieldInfo

from finops import plugins, render
from finops.document import recommendation_document
from finops.errors import ConfigError
from finops.model import Recommendation
from finops.render import amount, printable
from finops.summary.plan import recommendation_row

if TYPE_CHECKING:
    from finops.plans import PlanView


def explanation_text(view: PlanView, recommendation: Recommendation, fmt: render.Format) -> str:
    """Facts → estimator → action → range → assumptions → rejected alternatives → the SQL → the patch."""
    document = recommendation_document(recommendation, view.opinions)
    if fmt == "json":
        return render.document({"schema": 1, "as_of": view.plan.as_of, "currency": view.plan.currency} | document)
    if fmt == "csv":
        return render.rows([recommendation_row(recommendation, view.plan.currency, full=True)], fmt)
    return "\n\n".join(part for part in _chapters(view, document, fmt) if part)


def _chapters(view: PlanView, document: dict[str, Any], fmt: render.Format) -> list[str]:
    saving, currency = document["saving"], view.plan.currency
    what = document["resource"] or " ".join(part for part in (document["provider"], document["service"]) if part)
    head = f"{document['id']}  {document['kind']}  {printable(what)}"
    action = document["action"]
    facts = [
        {"fact": f["name"], "value": readable(f["value"], f["unit"]), "unit": f["unit"], "source": f["source"]}
        for f in document["evidence"]["facts"]
    ]
    m = {
        name: amount(Decimal(saving[name])) for name in ("expected", "low", "high", "alone", "stranded", "cash_12m", "one_off")
    }
    money = (
        f"Saving: {m['expected']} {currency} a month in the plan (range {m['low']} to {m['high']}), "
        f"{m['alone']} alone, stranded {m['stranded']}, in twelve months {m['cash_12m']} cash, "
        f"one-off {m['one_off']}; basis {saving['basis']}, confidence {document['confidence']:.2f}"
    )
    return [
        f"{head}\n{document['why']}",
        render.rows(facts, fmt, title="Facts") if facts else "",
        _listed("How it was estimated", document["explanation"]),
        f"Do: {action['type']} {action['from']} → {action['to']}".replace("  ", " "),
        _whose(document),
        "\n".join([money, *_cash(view, saving, document["provider"])]),
        _listed("Assumes", saving["assumes"]),
        _listed("Rejected", document["rejected"]),
        _second(document["second_opinion"]),
        "SQL (finops sql runs it and gives the saving alone):\n" + document["evidence"]["sql"],
        f"Patch:\n{document['patch']}" if document["patch"] else "",
    ]


def _whose(document: dict[str, Any]) -> str:
    """Whose it is, what it takes, and whether it can be undone."""
    owner, environment = (printable(document[name]) or "nobody named" for name in ("owner", "environment"))
    undone = "can be undone" if document["reversible"] else "cannot be undone"
    return f"Owner {owner}, environment {environment}; effort {document['effort']}, {undone}"


def _cash(view: PlanView, saving: dict[str, Any], provider: str) -> Iterator[str]:
    """Why less leaves the bank than twelve months save, and what stays to be paid; nothing where neither is so."""
    year, cash, stranded = 12 * Decimal(saving["expected"]), Decimal(saving["cash_12m"]), Decimal(saving["stranded"])
    if stranded < 0:
        yield f"  stranded: {amount(-stranded)} a month of a commitment that covered it goes on being paid and covers nothing"
    if year - cash - Decimal(saving["one_off"]) <= 1:
        return
    floors = [floor for floor in view.plan.floors if floor.provider == provider and floor.shortfall > 0]
    why = [
        f"an agreement of {amount(floor.floor)} a year with {printable(provider)} ({printable(floor.contract)}) lets"
        f" {amount(floor.shortfall)} of what the whole plan saves be paid all the same"
        for floor in floors
    ]
    rest = "; ".join(why) or "what is paid once or in advance, and promotional credits that paid a part of it, are taken off"
    yield f"  cash: of {amount(year)} saved in twelve months {amount(cash)} leaves the bank less: {rest}"


def readable(value: object, unit: str) -> object:
    """Bytes by their powers of thousand, other large numbers with separators: nobody reads 1.539e+14."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if unit.startswith("bytes") and abs(value) >= 1000:
        power = min(5, int(math.log10(abs(value)) // 3))
        return f"{value / 1000**power:,.2f} {('', 'k', 'M', 'G', 'T', 'P')[power]}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else value


def _second(opinion: dict[str, Any] | None) -> str:
    """What the provider's own advisor says of it."""
    if opinion is None:
        return ""
    worth = f", {opinion['saving']} a month" if opinion["saving"] is not None else ""
    answer = "agrees" if opinion["agrees"] else "says otherwise"
    what = printable(f"{opinion['action']} → {opinion['to']}" if opinion["to"] else opinion["action"])
    return f"Second opinion (never added): {printable(opinion['vendor'])} {answer}: {what}{worth}"


def _listed(title: str, lines: list[str]) -> str:
    return "\n".join([f"{title}:", *(f"  - {printable(line)}" for line in lines)]) if lines else ""


def thresholds_text(kinds: list[str]) -> str:
    """The thresholds of some kinds: setting, default, what it means."""
    parts = []
    for kind, recommender in plugins.recommenders().items():
        if kind not in kinds:
            continue
        title = (sys.modules[recommender.__module__].__doc__ or "").splitlines()[0]
        hints = get_type_hints(recommender, include_extras=True)
        rows: list[dict[str, object]] = [
            {
                "setting": f"recommenders.{kind}.{field.name}",
                "default": field.default,
                "meaning": next(m.description for m in hints[field.name].__metadata__ if isinstance(m, FieldInfo)),
            }
            for field in fields(recommender)
        ]
        parts.append(f"{kind}: {title}\n\n{render.rows(rows, 'table')}")
    unknown = sorted(set(kinds) - set(plugins.recommenders()))
    if unknown:
        raise ConfigError(f"there is no recommender `{unknown[0]}`", hint=", ".join(plugins.recommenders()))
    return "\n\n".join(parts)
