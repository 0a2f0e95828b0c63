"""Checks of delivered files in DuckDB: landing text, types, profiles, repeated rows, and what staging made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import duckdb

from finops.connect import Column, Format, Sniff
from finops.errors import InputError
from finops.tables import Table
from finops.warehouse.names import identifier, literal
from finops.warehouse.raw import SQL_TYPES, RawFile, canonical_headers, cell, create_raw, header_of, scan

NULLS = ("", "NULL", "null")
"""Cells that stand for no value; FOCUS forbids the words, its own sample data and Athena write them."""

MAX_LINE = 16 * 1000 * 1000
SAMPLED_HASHES = 50_000
REPEATED_SHARE = 0.5
"""Parts of one export that share half of the smaller one's lines are snapshots of one month, not parts."""

EXPECTED = {
    "decimal": "a number (12.34; no currency sign, no thousands separator)",
    "double": "a finite number",
    "bigint": "a whole number",
    "bool": "true or false",
    "timestamp": "a time as ISO 8601 (2026-01-31T00:00:00Z)",
    "date": "a date as ISO 8601 (2026-01-31)",
}


Connection: TypeAlias = duckdb.DuckDBPyConnection


class Unreadable(Exception):
    """The engine's parser stopped; the message is its first line."""


@contextmanager
def reading(shown: str) -> Iterator[None]:
    """Turns the engine's refusal of a file's content into an InputError."""
    try:
        yield
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"the content cannot be read ({first})", where=shown, hint="download or export the file again; it may be damaged"
        ) from None


def land_csv(connection: Connection, path: Path, delimiter: str, width: int, target: Path, *, header: bool = True) -> None:
    """Parse once: all cells as text, columns c0, c1, … Raises Unreadable where a record is not as wide as the header."""
    columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(width))
    nulls = ", ".join(literal(word) for word in NULLS)
    _land(
        connection,
        f"copy (select * from read_csv({literal(str(path))}, auto_detect = false, header = {header},"
        f" delim = {literal(delimiter)}, quote = '\"', escape = '\"',"
        f" columns = {{{columns}}}, nullstr = [{nulls}], max_line_size = {MAX_LINE}))"
        f" to {literal(str(target))} (format parquet, compression lz4_raw)",
    )


def land_json(connection: Connection, path: Path, fmt: Format, sniff: Sniff, target: Path) -> None:
    """Parse once: one JSON column for each top-level key that the sample shows or the format declares."""
    declared = {name.split(".")[0] for column in fmt.columns for name in (column.name, *column.aliases)}
    shown = {parts[0] for parts in sniff.paths.values()}
    tops = sorted({top.lower(): top for top in (*sorted(declared), *shown)}.values())  # the engine's names have no case
    columns = ", ".join(f"{literal(top)}: 'JSON'" for top in tops)
    _land(
        connection,
        f"copy (select * from read_json({literal(str(path))}, format = 'newline_delimited', columns = {{{columns}}},"
        f" maximum_object_size = {MAX_LINE})) to {literal(str(target))} (format parquet, compression lz4_raw)",
    )


def _land(connection: Connection, statement: str) -> None:
    try:
        connection.execute(statement)
    except duckdb.Error as error:
        raise Unreadable(str(error).splitlines()[0]) from None


@dataclass(frozen=True, slots=True)
class BadValue:
    """A value that is not of its column's type."""

    column: str
    header: str
    value: str
    expected: str


def settle(connection: Connection, fmt: Format, sniff: Sniff, path: str) -> tuple[RawFile, list[BadValue]]:
    """Check every text cell of a typed column and choose, per column, the one date order that fits all its values."""
    headers = canonical_headers(fmt, sniff)
    tests: list[tuple[Column, str, str]] = []
    selects = []
    for column in fmt.columns:
        header = header_of(headers, column)
        if column.type not in EXPECTED or column.lenient or (header is None and sniff.container != "jsonl"):
            continue
        if sniff.container == "parquet" and not sniff.types[header or ""].startswith("VARCHAR"):
            continue
        value = f"nullif({cell(sniff, header or column.name)}, '')"
        for pattern in ("", *column.formats):
            tests.append((column, header or column.name, pattern))
            selects.append(f"min({value}) filter (where {value} is not null and ({_unreadable(value, column, pattern)}))")
    if not selects:
        return RawFile(sniff, path), []
    found = connection.execute(f"select {', '.join(selects)} from {scan([path])}").fetchone() or ()
    patterns: dict[str, str] = {}
    bad: dict[str, BadValue] = {}
    done: set[str] = set()
    for (column, header, pattern), worst in zip(tests, found, strict=True):
        if column.name in done:
            continue
        if worst is None:
            done.add(column.name)
            bad.pop(column.name, None)
            patterns |= {column.name: pattern} if pattern else {}
        else:
            bad.setdefault(column.name, BadValue(column.name, header, worst, _expected(column)))
    return RawFile(sniff, path, patterns), list(bad.values())


def lost_text(connection: Connection, fmt: Format, file: RawFile) -> dict[str, int]:
    """Headers of columns whose missing amounts are told → cells that hold text where an amount should stand."""
    headers = canonical_headers(fmt, file.sniff)
    selects = {}
    for column in fmt.columns:
        header = header_of(headers, column)
        if not column.told or header is None:
            continue
        if file.sniff.container == "parquet" and not file.sniff.types[header].startswith("VARCHAR"):
            continue
        value = f"nullif({cell(file.sniff, header)}, '')"
        selects[header] = f"count(*) filter (where {value} is not null and {_unreadable(value, column, '')})"
    if not selects:
        return {}
    found = connection.execute(f"select {', '.join(selects.values())} from {scan([file.scan])}").fetchone() or ()
    return {header: cells for header, cells in zip(selects, found, strict=True) if cells}


def _unreadable(value: str, column: Column, pattern: str) -> str:
    if pattern:
        return f"try_strptime({value}, {literal(pattern)}) is null"
    if column.type == "double":
        return f"not coalesce(isfinite(try_cast({value} as double)), false)"
    if column.type in ("timestamp", "date"):  # DuckDB reads 5/1/25 as the year 5
        return f"not regexp_matches({value}, '^[0-9]{{4}}-') or try_cast({value} as {SQL_TYPES[column.type]}) is null"
    return f"try_cast({value} as {SQL_TYPES[column.type]}) is null"


def _expected(column: Column) -> str:
    also = ", or in the whole file as " + " or ".join(column.formats) if column.formats else ""
    return EXPECTED[column.type] + also


@dataclass(frozen=True, slots=True)
class Control:
    """What one file itself says of one unit: rows, and the sum of what is billed, in one currency.

    paired, paired_rows: the part of `billed` and `rows` that counts where the file's companion is there too (all where
    files have no roles).
    """

    scan: str
    account: str
    period: str
    currency: str
    rows: int
    billed: Decimal
    paired: Decimal
    paired_rows: int


def controls(connection: Connection, fmt: Format, files: Sequence[RawFile], *, exact: bool = True) -> list[Control]:
    """The files' own totals, computed apart from the staging SQL; without `exact` the units alone."""
    if fmt.profile is None:
        return []
    create_raw(connection, fmt, files)
    p = fmt.profile
    billed = f"coalesce(({p.billed})::decimal(38, 12), 0)" if exact else "0::decimal(38, 12)"
    rows = connection.execute(
        f"""
        select x_file, coalesce(({p.account})::varchar, ''), coalesce(({p.period})::varchar, ''),
            coalesce(({p.currency})::varchar, ''), count(*), sum({billed})::decimal(38, 12),
            coalesce(sum({billed}) filter (where {p.paired or "true"}), 0)::decimal(38, 12),
            count(*) filter (where {p.paired or "true"})
        from raw group by all order by all
        """
    ).fetchall()
    return [Control(*row) for row in rows]


def roles(connection: Connection, fmt: Format, files: Sequence[RawFile]) -> dict[str, str]:
    """Scan → the role that the file plays in its delivery ('' where the format knows none)."""
    if fmt.profile is None or not fmt.profile.role:
        return {}
    create_raw(connection, fmt, files)
    return dict(connection.execute(f"select x_file, ({fmt.profile.role})::varchar from raw group by x_file").fetchall())


def row_counts(connection: Connection, files: Sequence[RawFile]) -> dict[str, int]:
    listed = scan([file.scan for file in files])
    return dict(connection.execute(f"select filename, count(*) from {listed} group by filename").fetchall())


def repeated(connection: Connection, fmt: Format, files: Sequence[RawFile]) -> list[tuple[str, str, float]]:
    """Pairs of files of which the smaller repeats at least half of its lines in the other (sampled by content)."""
    if len(files) < 2:
        return []
    create_raw(connection, fmt, files)
    present = {name for file in files for name in canonical_headers(fmt, file.sniff)}
    columns = [c for c in fmt.columns if present & {c.name, *c.aliases} and c.type != "map"]
    keys = ", ".join(identifier(c.name) for c in columns)
    total = sum(row_counts(connection, files).values())
    modulus = max(total // SAMPLED_HASHES, 1)
    return connection.execute(
        f"""
        with sampled as (
            select distinct x_file, hash({keys}) as h from raw where hash({keys}) % {modulus} = 0
        ), counted as (
            select x_file, count(*) as n from sampled group by x_file
        ), pairs as (
            select a.x_file as a, b.x_file as b, count(*) as shared
            from sampled as a inner join sampled as b on a.h = b.h and a.x_file < b.x_file
            group by all
        )
        select pairs.a, pairs.b, shared / least(x.n, y.n) as share
        from pairs inner join counted as x on x.x_file = pairs.a inner join counted as y on y.x_file = pairs.b
        where shared / least(x.n, y.n) >= {REPEATED_SHARE} order by all
        """
    ).fetchall()


def staged_nulls(connection: Connection, target: Table) -> dict[str, int]:
    """Required columns of the target that have no value in some row → in how many."""
    counts = ", ".join(f"count(*) filter (where {identifier(name)} is null)" for name in target.required)
    found = connection.execute(f"select {counts} from staged").fetchone() or ()
    return {name: count for name, count in zip(target.required, found, strict=True) if count}


def staged_units(connection: Connection, target: Table) -> list[tuple[str, int]]:
    """(unit, rows) of every unit that the staged rows of a table other than charges hold."""
    return connection.execute(f"select ({target.unit})::varchar, count(*) from staged group by all order by all").fetchall()


def staged_duplicates(connection: Connection, target: Table) -> tuple[int, Mapping[str, str]]:
    """How many natural keys occur more than once, and the first of them."""
    if not target.key:
        return 0, {}
    keys = ", ".join(identifier(name) for name in target.key)
    if not _share_a_hash(connection, keys):
        return 0, {}
    connection.execute(
        f"create or replace temp table duplicate_keys as select {keys} from staged"
        f" where hash({keys}) in (select digest from shared_hashes) group by {keys} having count(*) > 1"
    )
    row = connection.execute("select count(*) from duplicate_keys").fetchone()
    if not row or not row[0]:
        return 0, {}
    texts = ", ".join(f"{identifier(name)}::varchar" for name in target.key)
    first = connection.execute(f"select {texts} from duplicate_keys order by all limit 1").fetchone() or ()
    return row[0], {name: value for name, value in zip(target.key, first, strict=True) if value}


def _share_a_hash(connection: Connection, keys: str) -> bool:
    """Whether rows of `staged` share a hash of their keys, which `shared_hashes` then holds. Memory does not grow with rows."""
    (rows,) = connection.execute("select count(*) from staged").fetchone() or (0,)
    slices = max(1, math.ceil(rows / HASHED_AT_ONCE))
    connection.execute("create or replace temp table shared_hashes (digest ubigint)")
    for number in range(slices):
        connection.execute(
            f"insert into shared_hashes select digest from (select hash({keys}) as digest from staged)"
            f" where digest % {slices} = {number} group by digest having count(*) > 1"
        )
    return bool(connection.execute("select digest from shared_hashes limit 1").fetchone())


HASHED_AT_ONCE = 2_000_000
"""Keys that are compared at once, by 64 bits each: some 90 MB (decision 145)."""

BILLED_BY_INVOICE = """
    coalesce("InvoiceId", '') as invoice,
    coalesce("InvoiceIssuerName", '') as issuer,
    coalesce(x_invoicing_entity, '') as entity,
    coalesce("BillingCurrency", '') as currency,
    case
        when "ChargeCategory" = 'Tax' then 'tax'
        when "ChargeCategory" = 'Credit' then 'credit'
        when "ServiceSubcategory" = 'Support' or "ServiceName" ilike '%support%' then 'support'
        else 'usage'
    end as category,
    cast(sum("BilledCost") as decimal(38, 12)) as amount
"""
"""What an invoice is compared with, by the categories of invoice lines."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written of one unit, by currency, invoice, issuer, legal entity and category.

    `derived` counts the rows that no single delivered line is: what staging adds to the provider's lines.
    `nulls` counts the rows without a value in each required column.
    """

    account: str
    period: str
    invoice: str
    issuer: str
    entity: str
    currency: str
    category: str
    amount: Decimal
    rows: int
    derived: int
    first: str
    last: str
    nulls: tuple[int, ...]


def written_charges(connection: Connection, relation: str, target: Table, derived: str) -> list[Written]:
    """Summed over the files themselves, so that nothing between staging and storage goes unseen."""
    nulls = ", ".join(f"count(*) filter (where {identifier(name)} is null)" for name in target.required)
    rows = connection.execute(
        f"""
        select coalesce("BillingAccountId", '') as account, x_billing_period as period, {BILLED_BY_INVOICE},
            count(*) as charges, count(*) filter (where {derived or "false"}),
            coalesce(min("ChargePeriodStart")::varchar, ''), coalesce(max("ChargePeriodEnd")::varchar, ''),
            {nulls}
        from ({relation}) group by all order by all
        """
    ).fetchall()
    return [Written(*(*row[:12], tuple(row[12:]))) for row in rows]


def staged_invoices(connection: Connection) -> list[tuple[str, str, str, str, str, str, Decimal]]:
    return connection.execute(
        """
        select invoice_id, issuer, coalesce(billing_account_id, ''), period, category, currency, amount
        from staged order by all
        """
    ).fetchall()


def own_totals(connection: Connection, relation: str) -> list[tuple[str, str, date, str, str, Decimal, bool]]:
    """Of `provider_totals`: provider, account, day, metric, currency, amount, and whether the provider calls it final."""
    return connection.execute(
        f"""
        select provider, billing_account_id, charge_date, metric, currency, sum(amount)::decimal(38, 12),
            bool_and(coalesce(final, false))
        from ({relation}) group by all order by all
        """
    ).fetchall()


def spent_by_day(connection: Connection, relation: str) -> list[tuple[str, str, str, date, str, Decimal, Decimal]]:
    """Of charges: source, account, period, day, currency, Σ BilledCost, Σ EffectiveCost."""
    return connection.execute(
        f"""
        select x_source, coalesce("BillingAccountId", ''), x_billing_period, "ChargePeriodStart"::date, "BillingCurrency",
            coalesce(sum("BilledCost"), 0)::decimal(38, 12), coalesce(sum("EffectiveCost"), 0)::decimal(38, 12)
        from ({relation}) group by all order by all
        """
    ).fetchall()
