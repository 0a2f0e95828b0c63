"""The record of every kind, as text or as rows in any format."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from finops import render
from finops.backtest.summary import LEAST_DECISIONS, Decision, Record, Summary
from finops.money import cents
from finops.render import amount, printable


def backtest_text(summaries: Sequence[Summary], fmt: render.Format) -> str:
    """JSON: one object, or a list of them where there are several kinds or currencies."""
    if fmt == "json":
        documents = [summary_document(summary) for summary in summaries]
        return render.document(documents[0] if len(documents) == 1 else documents)
    rows = [_row(summary) for summary in summaries]
    if fmt == "csv":
        return render.rows(rows, fmt)
    parts = [
        "Decisions of the past, made with what was known then and charged with what came after",
        render.rows(rows, fmt),
        *(text for summary in summaries if (text := _words(summary))),
    ]
    return "\n\n".join(parts)


def summary_document(summary: Summary) -> dict[str, Any]:
    """The JSON object of one kind and currency. Shares are of 1; a loss is negative."""
    interval = summary.interval
    return {
        "schema": 1,
        "kind": summary.kind,
        "currency": summary.currency,
        "decisions": summary.decisions,
        "baseline_cost": _money(summary.baseline_cost),
        "recommended_cost": _money(summary.recommended.cost),
        "hindsight_cost": _money(summary.hindsight_cost),
        "captured": _share(summary.recommended.captured),
        "win_rate": _share(summary.win_rate),
        "worst_decision": _money(summary.worst.saved) if summary.worst is not None else None,
        "worst": _decision(summary.worst) if summary.worst is not None else None,
        "interval": {"level": interval.level, "low": _money(interval.low), "high": _money(interval.high)} if interval else None,
        "proven": summary.proven,
        "vendors": {name: _vendor(record) for name, record in summary.vendors.items()},
        "unmatured": summary.unmatured,
        "horizon_days": summary.horizon_days,
        "first": summary.first.isoformat() if summary.first else None,
        "last": summary.last.isoformat() if summary.last else None,
        "notes": list(summary.notes),
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "decided": decision.decided.isoformat(),
        "ends": decision.ends.isoformat(),
        "account": decision.account,
        "resource": decision.subject,
        "action": decision.action,
        "baseline_cost": _money(decision.baseline),
        "recommended_cost": _money(decision.recommended),
    }


def _vendor(record: Record) -> dict[str, Any]:
    return {"cost": _money(record.cost), "captured": _share(record.captured)}


def _money(value: Decimal) -> str:
    return f"{cents(value):f}"


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _row(summary: Summary) -> dict[str, object]:
    some = summary.decisions > 0
    best = max(summary.vendors.items(), key=lambda item: -item[1].cost, default=None)
    return {
        "kind": summary.kind,
        "currency": summary.currency,
        "decisions": summary.decisions,
        "do nothing": cents(summary.baseline_cost) if some else None,
        "as advised": cents(summary.recommended.cost) if some else None,
        "hindsight": cents(summary.hindsight_cost) if some else None,
        "captured": _percent(summary.recommended.captured) if some else "",
        "won": _percent(summary.win_rate),
        "worst decision": cents(summary.worst.saved) if summary.worst is not None else None,
        "best vendor-style rule": f"{best[0]} {_percent(best[1].captured)}".strip() if best and some else "",
        "unmatured": summary.unmatured,
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _words(summary: Summary) -> str:
    """What the row means, in words; empty where there is nothing to add."""
    lines = []
    what = f"{summary.kind} in {summary.currency}"
    interval = summary.interval
    if interval is not None:
        low, high = amount(interval.low), amount(interval.high)
        lines.append(
            f"{summary.decisions} decisions from {summary.first} to {summary.last}, {summary.horizon_days} days each, saved "
            f"{amount(summary.saved)}; worst case in 20: {low}, best case in 20: {high}"
        )
    if summary.worst is not None and summary.worst.saved < 0:
        worst = summary.worst
        lines.append(f"worst decision: {worst.decided} {worst.action} on {printable(worst.subject)}: {amount(worst.saved)}")
    if summary.decisions and summary.proven is None:
        lines.append(f"no proof either way: fewer than {LEAST_DECISIONS} decisions, or all of one day")
    if summary.proven is False:
        lines.append("not proven: in the worst case in 20 these decisions save nothing")
    lines += [printable(note) for note in summary.notes]
    return "\n".join([f"{what}:", *(f"  {line}" for line in lines)]) if lines else ""
