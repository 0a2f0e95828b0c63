"""Loading a delivery: all of it or nothing, unit by unit, and the record of how far it is tied."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from finops import plugins
from finops.errors import ConfigError, InputError, Refused
from finops.intake.mapping import mapping
from finops.intake.provider import provider_rows
from finops.intake.reconcile import Billed, InvoiceLine, Row, Tie, Unit, ties, unmatched
from finops.intake.report import LoadReport, SourceLine, summed
from finops.intake.stage import Naming, Others, Outcome, Ready, Staged, accept, prepare
from finops.intake.strays import strays
from finops.intake.take import Taken, Tell, take
from finops.intake.units import Delivered, Group, groups
from finops.money import CENT, Money
from finops.queries.missing import missing, missing_notes
from finops.queries.reads import as_of as last_complete
from finops.tables import COVERAGE, METRICS, PROVIDER_TOTALS, RECONCILIATION, table
from finops.warehouse.checks import BILLED_BY_INVOICE, Connection
from finops.warehouse.lanes import in_order
from finops.warehouse.records import empty_select, record_select

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader, Warehouse, Writer


@dataclass(frozen=True, slots=True)
class Held:
    """What the warehouse held before: (stream, source, account, unit), every invoice line, and how far it was complete."""

    units: Mapping[tuple[str, str, str, str], str]  # with the checksum of the files that it came from
    invoices: tuple[InvoiceLine, ...]
    complete: tuple[Row, ...]

    def others(self, account: str, period: str, source: str) -> set[str]:
        """Other sources that hold this account's month."""
        return {s for stream, s, a, u in self.units if stream == "charges" and (a, u) == (account, period) and s != source}


@dataclass(frozen=True, slots=True)
class Asked:
    """Units of a table that a live stream asked for: one that held nothing is covered too, and what it held before is gone."""

    table: str
    units: tuple[str, ...]
    at: datetime


def load(
    warehouse: Warehouse,
    paths: Sequence[str | Path],
    *,
    source: str | None = None,
    invoice: str | Path | None = None,
    replace_source: bool = False,
    asked: Asked | None = None,
    progress: Tell | None = None,
) -> LoadReport:
    """Load files, folders or globs as one delivery. Raises Refused with every reason; then nothing has changed.

    source          name of the delivery (default: the format and the billing account)
    invoice         a file with invoice lines, which belongs to the delivery and ties the bill
    replace_source  take over months that another source holds, instead of refusing them
    asked           units that the delivery covers, whatever it holds of them; with a source
    """
    if source is not None and (not source.strip() or not source.isprintable()):
        raise ConfigError("a source's name is one line of text", where="--source", hint="--source production-bill")
    tell = progress or _silent
    with warehouse.writer() as writer:
        inputs = [*paths, *([invoice] if invoice is not None else [])]
        taken = take(writer.connection, inputs, plugins.formats(), plugins.manifests(), writer.scratch, tell)
        with warehouse.reader() as reader:
            held = _held(reader)
        others = _others(taken.files, held, source, replace_source)
        outcome = _staged(writer, taken, source, others, tell)
        bills = _bills(warehouse, outcome, held)
        compared = _compared(outcome, held, others)
        provider = provider_rows(writer, compared)
        rows = _reconciliation(outcome, held, others, [*provider, *(row for bill in bills for row in bill.rows)], compared)
        _write_coverage(writer, outcome, others, _emptied(writer, outcome, source, asked))
        _write_reconciliation(writer, rows, others)
        absent = unmatched(bills) if outcome.invoices else []
        notes = (*_other_accounts(outcome, held, source), *absent)
        changed = any(held.units.get(_key(staged)) != _checksum(staged) for staged in outcome.staged)
        tell("building the marts")
        writer.build()
        writer.publish(list(notes))
    return _report(taken, outcome, rows, (*notes, *_strays(warehouse, outcome, asked), *_missing(warehouse, outcome)), changed)


WEEK = timedelta(days=7)

ALONE_ROWS = 250_000
"""Rows from which a group is staged alone: it keeps every core busy by itself, and two of them would hold twice the memory."""


def _staged(writer: Writer, taken: Taken, source: str | None, others: Others, tell: Tell) -> Outcome:
    """Every group written, or every reason why one cannot be. Small groups are staged side by side and before large ones: what
    they are refused for is said before minutes have gone into those."""
    outcome, naming, refused = Outcome(), Naming(source, others), list[InputError]()
    desks = writer.beside()

    def staged(group: Group, desk: Connection) -> Ready:
        tell(f"staging {len(group.files)} file(s) of {group.fmt.title}")
        return prepare(writer, naming, group, desk)

    for together in _together(groups(taken.files)):
        if refused:
            break
        for ready in in_order(desks, [partial(staged, group) for group in together]):
            try:
                accept(writer, naming, ready.result(), outcome)
            except Refused as error:
                refused.extend(error.reasons)
            except InputError as error:
                refused.append(error)
    if refused:
        raise Refused(refused)
    return outcome


def _together(every: Iterable[Group]) -> Iterator[list[Group]]:
    """The small groups together, then each large one alone; both in their order."""
    batch, alone = list[Group](), list[Group]()
    for group in every:
        (alone if sum(file.rows for file in group.files) >= ALONE_ROWS else batch).append(group)
    yield from [batch] if batch else []
    yield from ([group] for group in alone)


def _strays(warehouse: Warehouse, outcome: Outcome, asked: Asked | None) -> tuple[str, ...]:
    """Of files: a live source measures what the bill need not have."""
    sources = {staged.unit.source for staged in outcome.staged if staged.group.fmt.table == METRICS.name}
    if not sources or asked is not None:
        return ()
    with warehouse.reader() as reader:
        return strays(reader, sources)


def _missing(warehouse: Warehouse, outcome: Outcome) -> list[str]:
    """Days that the bill lacks of a source that brought more than days of it."""
    charged = [staged for staged in outcome.staged if staged.group.fmt.table == "charges" and staged.first]
    lasting = {s.unit.source for s in charged if date.fromisoformat(s.last[:10]) - date.fromisoformat(s.first[:10]) >= WEEK}
    if not lasting:
        return []
    with warehouse.reader() as reader:
        day = last_complete(reader)
        return missing_notes(missing(reader, day), sorted(lasting)) if day else []


def _silent(_: str) -> None:
    """Progress goes nowhere."""


def _held(reader: Reader) -> Held:
    units = reader.rows("select stream, x_source, coalesce(billing_account_id, '') as account, unit, checksum from coverage")
    invoices = reader.rows(
        "select invoice_id, issuer, coalesce(billing_account_id, '') as account, period, category, currency, amount"
        " from invoices"
    )
    complete = reader.rows(
        "select x_source, billing_account_id, x_billing_period, currency, level, against, rows_expected, rows_loaded,"
        " total_expected, total_loaded, residual, status, note from reconciliation where level <> 'invoice'"
    )
    return Held(
        {(row["stream"], row["x_source"], row["account"], row["unit"]): row["checksum"] for row in units},
        tuple(InvoiceLine(*row.values()) for row in invoices),
        tuple(Row(Unit(*list(row.values())[:3]), *list(row.values())[3:]) for row in complete),
    )


def _billed(reader: Reader) -> list[Billed]:
    """Every published charge's invoice: a pass over the whole table."""
    rows = reader.rows(
        f"select x_source, coalesce(BillingAccountId, '') as account, x_billing_period, {BILLED_BY_INVOICE}"
        " from charges group by all"
    )
    return [Billed(Unit(*list(row.values())[:3]), *list(row.values())[3:]) for row in rows]


def _others(
    files: Sequence[Delivered], held: Held, source: str | None, replace_source: bool
) -> dict[tuple[str, str], set[str]]:
    """Months that other sources hold. Raises Refused unless they are to give way."""
    found: dict[tuple[str, str], set[str]] = {}
    refused: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for file in files:
        for account, period in sorted(file.units) if file.fmt.table == "charges" else ():
            names = held.others(account, period, source or f"{file.fmt.name}:{account}")
            if names:
                found[(account, period)] = names
                refused[file.shown].append((account, period, ", ".join(sorted(names))))
    if refused and not replace_source:
        raise Refused(
            [
                InputError(
                    f"{period} of {account or 'this account'} is loaded already, as source {names}: it would count twice",
                    where=shown,
                    hint="--replace-source to take it over, or --source with that name to restate it",
                )
                for shown, units in refused.items()
                for account, period, names in units
            ]
        )
    return found


def _other_accounts(outcome: Outcome, held: Held, source: str | None) -> list[str]:
    """A named source that now holds several accounts: intended for an organisation, a slip for an export of another's month."""
    mine = {s.unit.account for s in outcome.staged if s.group.fmt.table == "charges"}
    before = {account for stream, name, account, _ in held.units if stream == "charges" and name == source}
    if not source or not before or not mine - before:
        return []
    return [f"source {source} held account {', '.join(sorted(before))}; this delivery adds {', '.join(sorted(mine - before))}"]


def _bills(warehouse: Warehouse, outcome: Outcome, held: Held) -> list[Tie]:
    """All invoices with their charges as they stand after this delivery; without an invoice no charge is read."""
    months = {line.period for line in outcome.invoices}
    invoices = [*(line for line in held.invoices if line.period not in months), *outcome.invoices]
    if not invoices:
        return []
    charges = {(s.unit.account, s.unit.period) for s in outcome.staged if s.group.fmt.table == "charges"}
    with warehouse.reader() as reader:
        kept = [b for b in _billed(reader) if (b.unit.account, b.unit.period) not in charges]
    return ties([*kept, *outcome.billed], invoices)


def _compared(outcome: Outcome, held: Held, others: Others) -> set[Unit]:
    """Units of charges that this delivery changes, or of whose month it brings the provider's own totals."""
    fresh = {staged.unit for staged in outcome.staged if staged.group.fmt.table == "charges"}
    months = {staged.unit.period for staged in outcome.staged if staged.group.fmt.table == PROVIDER_TOTALS.name}
    known = {Unit(source, account, period) for stream, source, account, period in held.units if stream == "charges"}
    return fresh | {unit for unit in known if unit.period in months and (unit.account, unit.period) not in others}


def _reconciliation(outcome: Outcome, held: Held, others: Others, tied: Sequence[Row], compared: set[Unit]) -> list[Row]:
    """All rows of the units whose charges, invoices or provider's totals this delivery changes.

    `tied` are the rows of invoices and provider's totals as they are now; the latter of the units that are `compared`.
    """
    fresh = [row for staged in outcome.staged for row in _complete(staged)]
    changed = {row.unit for row in fresh} | {row.unit for row in tied} | compared
    known = {row.unit for row in fresh}
    kept = [row for row in held.complete if row.unit in changed - known and (row.unit.account, row.unit.period) not in others]
    return [*(row for row in kept if row.level == "complete" or row.unit not in compared), *fresh, *tied]


def _complete(staged: Staged) -> list[Row]:
    if staged.group.fmt.table != "charges":
        return []
    against = (
        "the manifest, and the files' own rows and total" if staged.group.files[0].manifest else "the files' own rows and total"
    )
    return [
        Row(
            unit=staged.unit,
            currency=currency,
            level="complete",
            against=against,
            rows_expected=staged.lines[currency][0],
            rows_loaded=staged.lines[currency][1],
            total_expected=expected,
            total_loaded=loaded,
            residual=expected - loaded,
            status="amber" if staged.is_complete(currency) else "red",
            note="; ".join(staged.notes),
        )
        for currency, (expected, loaded) in sorted(staged.totals.items())
    ]


def _emptied(writer: Writer, outcome: Outcome, source: str | None, asked: Asked | None) -> list[dict[str, object]]:
    """Coverage of the units that were asked for and held no row; what they held before is removed."""
    if asked is None or not source:
        return []
    held = {staged.unit.period for staged in outcome.staged if staged.group.fmt.table == asked.table}
    empty = [unit for unit in asked.units if unit not in held]
    if empty:
        writer.replace(table(asked.table), [(source, "", unit) for unit in empty], empty_select(table(asked.table)))
    at = asked.at.isoformat()
    return [{"x_source": source, "stream": asked.table, "unit": unit, "rows": 0, "fetched_at": at} for unit in empty]


def _write_coverage(writer: Writer, outcome: Outcome, others: Others, records: list[dict[str, object]]) -> None:
    units = [(str(record["x_source"]), "", f"{record['stream']}/{record['unit']}") for record in records]
    for staged in outcome.staged:
        unit, files = staged.unit, staged.group.files
        record: dict[str, object] = {
            "x_source": unit.source,
            "stream": staged.group.fmt.table,
            "format": staged.group.fmt.name,
            "version": files[0].version,
            "billing_account_id": unit.account,
            "unit": unit.period,
            "window_start": staged.first or None,
            "window_end": staged.last or None,
            "rows": staged.rows,
            "checksum": _checksum(staged),
            "files": json.dumps(sorted(Path(file.shown).name for file in files)),
            "fetched_at": datetime.fromtimestamp(max(file.modified for file in files), UTC).isoformat(),
            "notes": json.dumps([*staged.notes, *staged.remarks], ensure_ascii=False),
            "mapping": mapping(staged.group.fmt),
        }
        give_way = others.get((unit.account, unit.period), set()) if staged.group.fmt.table == "charges" else set()
        key = f"{staged.group.fmt.table}/{unit.period}"
        units += [(name, unit.account, key) for name in (unit.source, *sorted(give_way))]
        records.append(record)
    if records:
        writer.replace(COVERAGE, units, record_select(COVERAGE, records))


def _key(staged: Staged) -> tuple[str, str, str, str]:
    return staged.group.fmt.table, staged.unit.source, staged.unit.account, staged.unit.period


def _checksum(staged: Staged) -> str:
    return " ".join(sorted(file.checksum for file in staged.group.files))


def _write_reconciliation(writer: Writer, rows: Sequence[Row], others: Others) -> None:
    if not rows:
        return
    units = []
    for unit in dict.fromkeys(row.unit for row in rows):
        give_way = others.get((unit.account, unit.period), set())
        units += [(name, unit.account, unit.period) for name in (unit.source, *sorted(give_way))]
    records = [
        {
            "x_source": row.unit.source,
            "billing_account_id": row.unit.account,
            "x_billing_period": row.unit.period,
            "currency": row.currency,
            "level": row.level,
            "against": row.against,
            "rows_expected": row.rows_expected,
            "rows_loaded": row.rows_loaded,
            "total_expected": row.total_expected,
            "total_loaded": row.total_loaded,
            "residual": row.residual,
            "status": row.status,
            "note": row.note or None,
        }
        for row in rows
    ]
    writer.replace(RECONCILIATION, units, record_select(RECONCILIATION, records))


def _report(taken: Taken, outcome: Outcome, rows: Sequence[Row], notes: Sequence[str], changed: bool) -> LoadReport:
    by_line: dict[tuple[str, str, str, str], list[Staged]] = defaultdict(list)
    for staged in outcome.staged:
        fmt = staged.group.fmt
        by_line[(staged.unit.source, fmt.table, fmt.title, staged.group.files[0].version)].append(staged)
    lines = [_line(*key, several, rows) for key, several in sorted(by_line.items())]
    return LoadReport(tuple(lines), taken.passed_over, tuple(notes), changed)


def _line(source: str, table: str, title: str, version: str, several: list[Staged], rows: Sequence[Row]) -> SourceLine:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for staged in several:
        for currency, (_, loaded) in staged.totals.items():
            sums[currency] += loaded
    units = {staged.unit for staged in several}
    mine = [row for row in rows if row.unit in units] if table == "charges" else []
    files = {file.shown for staged in several for file in staged.group.files}
    bridges = tuple(row.note for row in mine if row.level == "invoice" and row.note)
    return SourceLine(
        source=source,
        table=table,
        format=title,
        version=version,
        periods=tuple(sorted({staged.unit.period for staged in several})),
        files=len(files),
        rows=sum(staged.rows for staged in several),
        totals=tuple(Money(amount, currency) for currency, amount in sorted(sums.items())),
        reconciled="; ".join(dict.fromkeys(row.against for row in mine)),
        status=_status(mine),
        notes=tuple(summed(note for staged in several for note in (*staged.notes, *staged.remarks))) + bridges,
    )


def _status(rows: Sequence[Row]) -> str:
    """Of one line: red where an invoice differs, green where invoices account for every charge."""
    if not rows:
        return ""
    if any(row.status == "red" for row in rows):
        return "red"
    complete = sum((row.total_loaded for row in rows if row.level == "complete"), Decimal(0))
    tied = [row.total_loaded for row in rows if row.level == "invoice"]
    return "green" if tied and abs(complete - sum(tied)) <= CENT else "amber"
