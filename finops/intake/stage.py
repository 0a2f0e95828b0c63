"""From checked files to the warehouse: each group of files is staged, compared with its own totals, and replaces its units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from finops.errors import InputError, Refused
from finops.intake.landing import missing_value
from finops.intake.reconcile import Billed, InvoiceLine, Unit
from finops.intake.units import EITHER, Delivered, Group
from finops.money import CENT
from finops.tables import TAG_SETS, Table, table
from finops.warehouse.checks import (
    Connection,
    Written,
    lost_text,
    reading,
    staged_duplicates,
    staged_invoices,
    staged_nulls,
    staged_units,
    written_charges,
)
from finops.warehouse.raw import canonical_headers, create_raw, header_of, vocabulary_of
from finops.warehouse.staging import (
    TAG_SETS_SELECT,
    Netted,
    beyond,
    charges_select,
    create_staged,
    create_tag_ids,
    netted,
    remarks,
    rows_select,
)

if TYPE_CHECKING:
    from finops.warehouse.writer import Landing, Writer


Others: TypeAlias = Mapping[tuple[str, str], set[str]]
"""(account, period) → other sources whose unit gives way to this delivery's."""


@dataclass(frozen=True, slots=True)
class Staged:
    """One unit as it was written: what coverage, reconciliation and the report say of it."""

    group: Group
    unit: Unit
    rows: int
    lines: dict[str, tuple[int, int]] = field(default_factory=dict)  # currency → delivered, accounted for
    totals: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)  # currency → expected, loaded
    first: str = ""
    last: str = ""
    notes: tuple[str, ...] = ()  # what limits how far the unit can be trusted
    remarks: tuple[str, ...] = ()  # how the mapping came to its rows

    def is_complete(self, currency: str) -> bool:
        """Every delivered line is accounted for, and what was billed is the delivered total."""
        delivered, accounted = self.lines[currency]
        expected, loaded = self.totals[currency]
        return delivered == accounted and abs(expected - loaded) < CENT


@dataclass(slots=True)
class Outcome:
    """Everything that a delivery wrote."""

    staged: list[Staged] = field(default_factory=list)
    billed: list[Billed] = field(default_factory=list)
    invoices: list[InvoiceLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ready:
    """A group as it stands on a connection of its own: mapped, its rows landed as files, nothing replaced yet."""

    connection: Connection
    group: Group
    landing: Landing
    remarks: tuple[tuple[str, str, str, bool], ...] = ()  # (account, period, sentence, whether it limits trust)
    netted: Netted = field(default_factory=dict)
    lost: tuple[str, ...] = ()  # values that are missing, or cannot be what they are called
    units: tuple[tuple[str, int], ...] = ()  # of a table other than charges, with their rows
    invoices: tuple[InvoiceLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Naming:
    """Whose rows they become, and whom they replace."""

    source: str | None
    others: Others

    def unit(self, group: Group, key: tuple[str, str]) -> Unit:
        return Unit(self.source or f"{group.fmt.name}:{key[0]}", *key)

    def replaced(self, group: Group) -> list[tuple[str, str, str]]:
        """(source, account, period) of everything that gives way to a group of charges."""
        return [
            (held, *key) for key in group.units for held in (self.unit(group, key).source, *sorted(self.others.get(key, ())))
        ]


def prepare(writer: Writer, naming: Naming, group: Group, connection: Connection) -> Ready:
    """Stage one group on a connection; others may be staged beside it. Raises InputError or Refused."""
    with reading(group.files[0].shown):
        files = [replace(file.raw, role=file.role) for file in group.files]
        vocabulary = vocabulary_of(connection, group.fmt, files)
        create_raw(connection, group.fmt, files, vocabulary)
        create_staged(connection, group.fmt, vocabulary, rows=sum(file.rows for file in group.files))
    make = _charges_ready if group.fmt.table == "charges" else _rows_ready
    return make(writer, naming, group, connection)


def accept(writer: Writer, naming: Naming, ready: Ready, into: Outcome) -> None:
    """Put a staged group into the tables, one after the other. Raises InputError or Refused."""
    if ready.group.fmt.table == "charges":
        _charges(writer, naming, ready, into)
        return
    with reading(ready.group.files[0].shown):
        writer.take(ready.landing)
    into.invoices += ready.invoices
    source = naming.source or ready.group.fmt.name
    into.staged += [Staged(ready.group, Unit(source, "", unit), rows, remarks=ready.lost) for unit, rows in ready.units]


def _lacking(group: Group, name: str) -> InputError:
    """The file and line that has no value in a column that every row needs."""
    for file in group.files:
        column = group.fmt.column(name)
        header = header_of(canonical_headers(group.fmt, file.seen.sniff), column) if column else None
        found = missing_value(file.seen, header or "", name)
        if found.what.startswith("line") or file is group.files[-1]:
            return found
    return missing_value(group.files[0].seen, "", name)


def _charges_ready(writer: Writer, naming: Naming, group: Group, connection: Connection) -> Ready:
    target, source = table("charges"), naming.source
    with reading(group.files[0].shown):
        create_tag_ids(connection, source, group.fmt)
        landing = writer.land(connection, target, naming.replaced(group), charges_select(source, group.fmt))
        said = remarks(connection, group.fmt)
        gone = netted(connection, group.fmt)
        lost = _lost(connection, group)
    return Ready(connection, group, landing, tuple(said), gone, tuple(lost))


def _charges(writer: Writer, naming: Naming, ready: Ready, into: Outcome) -> None:
    """Compare what stands in the table's files with the delivered files' own totals."""
    group, target, replaced = ready.group, table("charges"), naming.replaced(ready.group)
    with reading(group.files[0].shown):
        writer.take(ready.landing)
        writer.take(writer.land(ready.connection, TAG_SETS, replaced, TAG_SETS_SELECT))
        written = written_charges(ready.connection, writer.written(target, replaced), target, group.fmt.derived)
    lacking = [column for i, column in enumerate(target.required) if any(part.nulls[i] for part in written)]
    if lacking:
        raise Refused([_lacking(group, column) for column in lacking])
    _equal_or_refused(group, written, ready.netted)
    for key in group.units:
        unit = naming.unit(group, key)
        parts = [part for part in written if (part.account, part.period) == key]
        into.billed += [Billed(unit, p.invoice, p.issuer, p.entity, p.currency, p.category, p.amount) for p in parts]
        mine = [(sentence, limits) for account, period, sentence, limits in ready.remarks if (account, period) == key]
        own = [sentence for sentence, limits in mine if not limits]
        derived = sum(part.derived for part in parts)
        own += [f"{derived:,} rows are derived (unused or covered commitment, residual)"] if derived else []
        lines = _lines(group, unit, parts, ready.netted)
        staged = _staged(group, unit, parts, lines, (*own, *ready.lost), ready.netted)
        into.staged.append(replace(staged, notes=(*staged.notes, *(sentence for sentence, limits in mine if limits))))


def _lost(connection: Connection, group: Group) -> list[str]:
    """Amounts that a file has as text, which count as missing."""
    cells: dict[str, int] = defaultdict(int)
    for file in group.files:
        for header, count in lost_text(connection, group.fmt, file.raw).items():
            cells[header] += count
    return [f"column `{header}`: {count:,} cells are no amounts and count as missing" for header, count in cells.items()]


def _staged(
    group: Group,
    unit: Unit,
    parts: Sequence[Written],
    lines: dict[str, tuple[int, int]],
    said: Sequence[str],
    gone: Netted,
) -> Staged:
    loaded: dict[str, Decimal] = defaultdict(Decimal)
    for part in parts:
        loaded[part.currency] += part.amount
    expected = _bill(group, unit.account, unit.period)
    expected = {c: amount + _beside(gone, unit.account, unit.period, c) for c, amount in expected.items()}
    return Staged(
        group=group,
        unit=unit,
        rows=sum(part.rows for part in parts),
        lines=lines,
        totals={c: (expected.get(c, Decimal(0)), loaded[c]) for c in sorted(expected.keys() | loaded.keys())},
        first=min((part.first for part in parts if part.first), default=""),
        last=max((part.last for part in parts), default=""),
        notes=(*_notes(group, len(loaded)), *_pair_notes(group, unit.account, unit.period), *_line_notes(lines)),
        remarks=tuple(said),
    )


def _line_notes(lines: Mapping[str, tuple[int, int]]) -> list[str]:
    return [
        f"{accounted:,} of {delivered:,} lines in {currency} are accounted for"
        for currency, (delivered, accounted) in lines.items()
        if delivered != accounted
    ]


def _expected(group: Group, account: str, period: str) -> dict[str, Decimal]:
    """What staging must make of one unit. Of a pair, the first file (what was billed) gives the lines that the second lacks."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for file in group.files:
        for control in file.controls:
            if (control.account, control.period) == (account, period):
                sums[control.currency] += control.paired if file.role == _first_role(group) else control.billed
    return dict(sums)


def _first_role(group: Group) -> str | None:
    """The role of which only the paired lines count; None where the group is no pair."""
    if len(group.roles) < 2:
        return None
    first = group.fmt.roles[0]
    return first if first in group.roles else EITHER


def _lines(group: Group, unit: Unit, parts: Sequence[Written], gone: Netted) -> dict[str, tuple[int, int]]:
    """Currency → the files' lines, and how many of them are accounted for: charges that are lines, and lines that are netted.

    Of a pair, the lines of the first file that stand in the second too are accounted for there.
    """
    delivered: dict[str, int] = defaultdict(int)
    accounted: dict[str, int] = defaultdict(int)
    for file in group.files:
        for control in file.controls:
            if (control.account, control.period) == (unit.account, unit.period):
                delivered[control.currency] += control.rows
                accounted[control.currency] += control.rows - control.paired_rows if file.role == _first_role(group) else 0
    for part in parts:
        accounted[part.currency] += part.rows - part.derived
    for (account, period, currency), (lines, _) in gone.items():
        accounted[currency] += lines if (account, period) == (unit.account, unit.period) else 0
    return {currency: (delivered[currency], accounted[currency]) for currency in sorted(delivered.keys() | accounted.keys())}


def _bill(group: Group, account: str, period: str) -> dict[str, Decimal]:
    """What was billed for one unit. Of a pair it is the total of the first file, which the pair must come to."""
    first = _first_role(group)
    if first is None:
        return _expected(group, account, period)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for file in group.files:
        for control in file.controls:
            if file.role == first and (control.account, control.period) == (account, period):
                sums[control.currency] += control.billed
    return dict(sums)


def _pair_notes(group: Group, account: str, period: str) -> list[str]:
    """Where the two files of a pair do not add up to the bill: which of them has lines that the other lacks."""
    first = _first_role(group)
    if first is None:
        return []
    bill, pair = _bill(group, account, period), _expected(group, account, period)
    second = next((role for role in group.fmt.roles if role != first and role in group.roles), EITHER)
    notes = []
    for currency in sorted(bill.keys() | pair.keys()):
        billed, made = bill.get(currency, Decimal(0)), pair.get(currency, Decimal(0))
        if abs(made - billed) >= CENT:
            more, less = (second, first) if made > billed else (first, second)
            notes.append(
                f"the pair is not complementary: the {more} file has ordinary usage that the {less} file lacks"
                f" ({first} alone is {billed:,.2f} {currency}, the pair {made:,.2f})"
            )
    return notes


def _beside(gone: Netted, account: str, period: str, currency: str) -> Decimal:
    """What the lines' own total lacks of what was billed."""
    return gone.get((account, period, currency), (0, Decimal(0)))[1]


def _equal_or_refused(group: Group, written: Sequence[Written], gone: Netted) -> None:
    """Σ BilledCost of what was staged is the files' own, unit by unit and currency by currency."""
    staged: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for part in written:
        staged[(part.account, part.period, part.currency)] += part.amount
    wanted = {
        (account, period, currency): amount + _beside(gone, account, period, currency)
        for account, period in group.units
        for currency, amount in _expected(group, account, period).items()
    }
    wrong = [
        InputError(
            f"{period} of {account or 'one account'}: the file's BilledCost is {wanted.get(key, Decimal(0)):,.2f} {currency},"
            f" staging makes {staged.get(key, Decimal(0)):,.2f}",
            where=group.files[0].shown,
            hint="the file breaks a rule of its format; report it with `finops load --debug`",
        )
        for key in sorted(staged.keys() | wanted.keys())
        for account, period, currency in [key]
        if abs(staged.get(key, Decimal(0)) - wanted.get(key, Decimal(0))) >= CENT
    ]
    if wrong:
        raise Refused(wrong)


def _notes(group: Group, currencies: int) -> list[str]:
    notes = [group.fmt.note] if group.fmt.note else []
    if group.fmt.roles and EITHER not in group.roles and len(group.roles) == 1:
        (role,) = group.roles
        absent = ", ".join(r for r in group.fmt.roles if r != role)
        effect = "EffectiveCost is the billed cost" if role == group.fmt.roles[0] else "commitment purchases are missing"
        notes.append(f"{role} export only, no {absent}: {effect}")
    for names in dict.fromkeys(_unwritten(file) for file in group.files):
        notes += [f"no line has the last columns of the header: {', '.join(names)}"] if names else []
    if currencies > 1:
        notes.append(f"{currencies} currencies, never added")
    return notes


def _unwritten(file: Delivered) -> tuple[str, ...]:
    """Last columns of a CSV header that no record has (in the first record: all are equally wide)."""
    sniff = file.seen.sniff
    return sniff.columns[len(sniff.rows[0]) :] if sniff.container == "csv" and sniff.rows else ()


def _once(target: Table) -> str:
    """How to mend keys that occur twice: what the key leaves out tells no two rows apart."""
    left_out = [name for name, _ in target.columns if name not in (*target.key, "x_source")]
    apart = f"; {', '.join(left_out)} tell no two rows apart" if left_out else ""
    return f"load each row once; of overlapping files the latest{apart}"


def _rows_ready(writer: Writer, naming: Naming, group: Group, connection: Connection) -> Ready:
    """A table other than charges: its natural key is unique, and its units (days, providers, …) are replaced."""
    target, source = table(group.fmt.table), naming.source or group.fmt.name
    with reading(group.files[0].shown):
        lacking = staged_nulls(connection, target)
    if lacking:
        raise Refused([_lacking(group, name) for name in lacking])
    with reading(group.files[0].shown):
        count, first = staged_duplicates(connection, target)
    if count:
        key = ", ".join(f"{name} {value}" for name, value in first.items())
        names = ", ".join(file.shown for file in group.files[:4])
        raise InputError(
            f"{count:,} keys of `{target.name}` occur more than once, the first is {key}",
            where=names,
            hint=_once(target),
        )
    with reading(group.files[0].shown):
        invoices = [InvoiceLine(*row) for row in staged_invoices(connection)] if target.name == "invoices" else []
        units = staged_units(connection, target)
        landing = writer.land(connection, target, [(source, "", unit) for unit, _ in units], rows_select(source, target))
        odd = _odd(connection, group) if target.name == "metrics" else []
    return Ready(connection, group, landing, lost=tuple(odd), units=tuple(units), invoices=tuple(invoices))


def _odd(connection: Connection, group: Group) -> list[str]:
    """Percentages that are none."""
    names = {file.raw.scan: file.shown for file in group.files}
    return [
        f"{names[scan]}: {metric} is outside 0 to 100 % in {rows:,} row(s) ({least:,g} to {most:,g}), first row {first:,}"
        for scan, metric, rows, least, most, first in beyond(connection)
    ]
