"""What machine learning costs, in tables, one document, or one long table of measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from finops import queries, render
from finops.intake.reconcile import trust
from finops.render import amount
from finops.summary.plan import short
from finops.summary.trust import trust_line

if TYPE_CHECKING:
    from finops.plans import Instrument
    from finops.warehouse.warehouse import Reader

Rows = Sequence[Mapping[str, Any]]

SPENDS = {
    "platforms": ("Spend by platform", "platform"),
    "accelerators": ("Spend by accelerator", "accelerator"),
    "teams": ("Spend by team", "team"),
    "models": ("Spend by model", "model"),
}
"""Part of the report → its title, and what its names are."""

TABLES = {
    "gpu_hours": (
        "GPU-hours (idle: at least so many, below 5 %)",
        "no machine with a known accelerator is billed; an inventory of resources tells which have one",
    ),
    "owners": (
        "GPU-hours of the last complete day, by owner",
        "no machine with a known accelerator was billed in three days; an inventory tells which have one",
    ),
    "idle": (
        "Idle right now, by owner",
        "no accelerator that is measured was idle on its last complete day; metrics gpu_* measure them",
    ),
    "runs": ("Cost per run, by team and model", "unknown: no runs are loaded (finops load, a file with the columns of `runs`)"),
    "endpoints": ("Endpoints", "no endpoint is billed"),
    "tokens": ("Tokens", "unknown: neither metrics tokens_* nor lines that are priced by the token are loaded"),
}
"""Part of the report → its title, and what is said where it has no rows."""

INSTRUMENT = ("Instrument these first, by the spend that waits for it", "nothing is missing")


def ml_text(reader: Reader, report: queries.MlReport, missing: Sequence[Instrument], fmt: render.Format) -> str:
    """JSON: one document. CSV: one row a measure. Tables else; an empty one says what it would need."""
    tables = ml_tables(report, missing, exact=fmt in ("json", "csv"))
    if fmt == "json":
        calculation = asdict(queries.calculation(reader, reader.published.content))
        period: dict[str, object] = {"as_of": report.as_of, "from": report.first, "to": report.as_of, "totals": report.totals}
        period |= {"promotional_credits": report.credits}
        return render.document({"schema": 1, "calculation": calculation} | period | tables)
    if fmt == "csv":
        return render.rows(_measures(tables), fmt)
    tied = trust(reader, report.as_of)
    parts = [
        trust_line(tied.status, tied.reconciled, tied.notes),
        f"ML spend from {report.first} to {report.as_of} (effective, before promotional credits): {spent(report)}",
    ]
    titles = SPENDS | TABLES | {"instrument_first": INSTRUMENT}
    parts += [_titled(titles[name][0], rows, "" if name in SPENDS else titles[name][1], fmt) for name, rows in tables.items()]
    return "\n\n".join(parts)


def spent(report: queries.MlReport) -> str:
    """What ML has cost, in each currency."""
    return "; ".join(_spent(t, report.credits[currency], currency) for currency, t in report.totals.items()) or "nothing"


def _spent(total: Decimal, credits: Decimal, currency: str) -> str:
    return f"{amount(total)} {currency}" + (f" (of which credits pay {amount(-credits)})" if credits else "")


UNIT_COSTS = ("per_thousand", "per_million")
"""Columns that cents would round away."""


def ml_tables(report: queries.MlReport, missing: Sequence[Instrument], *, exact: bool) -> dict[str, Rows]:
    """Every part of the report as rows, by name; unless `exact`, unit costs are floats, which show their significant digits."""
    tables: dict[str, Rows] = {}
    for name, (_, named) in SPENDS.items():
        rows: tuple[queries.SpendRow, ...] = getattr(report, name)
        tables[name] = [
            {named: r.name, "currency": r.currency, "cost": r.amount, "credits": r.credits}
            | {"share": round(r.share, 4) if exact else f"{r.share:.1%}"}
            for r in rows
        ]
    for name in TABLES:
        tables[name] = [_row(asdict(row), exact) for row in getattr(report, name)]
    if not exact:
        tables["runs"] = _without_zeros(tables["runs"], ("running", "unpriced", "shared"))
    tables["instrument_first"] = [asdict(row) for row in missing]
    return tables


def _without_zeros(rows: Rows, names: Sequence[str]) -> Rows:
    """The rows without those of these columns that are 0 in all of them: a line has room for so many."""
    empty = [name for name in names if not any(row[name] for row in rows)]
    return [{name: value for name, value in row.items() if name not in empty} for row in rows]


def _row(row: dict[str, Any], exact: bool) -> dict[str, Any]:
    return row if exact else {name: _told(name, value) for name, value in row.items()}


def _told(name: str, value: Any) -> Any:
    """A value for people: a unit cost with its significant digits, a share as one, the end of a long id."""
    if name in UNIT_COSTS and value is not None:
        return float(value)
    if name == "failed_share" and value is not None:
        return f"{value:.1%}"
    return short(value) if name in ("resource", "scope") else value


def _titled(title: str, rows: Rows, empty: str, fmt: render.Format) -> str:
    heading = f"**{title}**\n\n" if fmt == "md" else f"{title}\n"
    return heading + (render.rows(rows, fmt) if rows else f"{empty or 'no ML spend'}\n".rstrip())


def _measures(tables: Mapping[str, Rows]) -> list[dict[str, object]]:
    """Every number of every table: table, what it is of, measure, value; empty where it is unknown."""
    measures: list[dict[str, object]] = []
    for name, rows in tables.items():
        for row in rows:
            words = {k: v for k, v in row.items() if _names(k)}
            of = " | ".join(str(value) for k, value in words.items() if k != "currency")
            for measure, value in row.items():
                if measure not in words:
                    measures.append({"table": name, "of": of, "currency": row["currency"], "measure": measure, "value": value})
    return measures


WORDS = ("platform", "accelerator", "team", "model", "owner", "resource", "service", "scope", "tier", "meter", "missing", "day")


def _names(column: str) -> bool:
    """Whether a column says what a row is of."""
    return column in (*WORDS, "currency")
