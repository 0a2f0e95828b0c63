"""Everything behind one recommendation, and the thresholds of a kind."""

from __future__ import annotations

import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic.fields import FieldInfo

from finops import plugins, render
from finops.document import recommendation_document
from finops.errors import ConfigError
from finops.model import Recommendation
from finops.render import printable
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
    return "\n\n".join(part for part in _chapters(view.plan.currency, document, fmt) if part)


def _chapters(currency: str, document: dict[str, Any], fmt: render.Format) -> list[str]:
    saving = document["saving"]
    head = f"{document['id']}  {document['kind']}  {printable(document['resource'])}"
    action = document["action"]
    facts = [{"fact": f["name"]} | {k: f[k] for k in ("value", "unit", "source")} for f in document["evidence"]["facts"]]
    money = (
        f"Saving: {saving['expected']} {currency} a month in the plan (range {saving['low']} to {saving['high']}), "
        f"{saving['alone']} alone, stranded {saving['stranded']}, in twelve months {saving['cash_12m']} cash, "
        f"one-off {saving['one_off']}; basis {saving['basis']}, confidence {document['confidence']:.2f}"
    )
    return [
        f"{head}\n{document['why']}",
        render.rows(facts, fmt, title="Facts") if facts else "",
        _listed("How it was estimated", document["explanation"]),
        f"Do: {action['type']} {action['from']} → {action['to']}".replace("  ", " "),
        money,
        _listed("Assumes", saving["assumes"]),
        _listed("Rejected", document["rejected"]),
        _second(document["second_opinion"]),
        "SQL (finops sql runs it and gives the saving alone):\n" + document["evidence"]["sql"],
        f"Patch:\n{document['patch']}" if document["patch"] else "",
    ]


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
