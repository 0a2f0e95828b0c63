"""Run a connector's staging SQL over `raw` and bring its result to the target table's columns and types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib import resources
from typing import TypeAlias

import duckdb

from finops.connect import Format
from finops.tables import Table, table
from finops.warehouse.names import identifier, literal
from finops.warehouse.texts import Statement
from finops.warehouse.vocabulary import FEW_CAST, NO_TEXTS, Vocabulary, as_stored, narrow_table, narrowed


def register_references(connection: duckdb.DuckDBPyConnection, package: str) -> None:
    """Each `data/<stem>.csv` of a connector package becomes the temporary table `<cloud>_<stem>`, all text."""
    cloud = package.rsplit(".", 1)[-1]
    with resources.as_file(resources.files(package)) as folder:
        for path in sorted((folder / "data").glob("*.csv")):
            name = identifier(f"{cloud}_{path.stem}")
            connection.execute(
                f"create temp table if not exists {name} as select * from"
                f" read_csv({literal(str(path))}, all_varchar = true, header = true)"
            )


def staging_sql(fmt: Format) -> str:
    """The text of the format's `stg_*.sql`."""
    return _text(fmt, fmt.sql)


def _listing() -> str:
    text = resources.files("finops").joinpath("sql", "listing", "objects.sql").read_text("utf-8")
    return text.replace("max_prefixes()", str(MAX_PREFIXES))


def create_lookups(connection: duckdb.DuckDBPyConnection, fmt: Format) -> None:
    """Each lookup of the format becomes a temporary table: small, so that joins with it are planned as what they are."""
    for name in _lookups(fmt):
        connection.execute(f"create or replace temp table {identifier(name)} as {_text(fmt, name + '.sql')}")


def _lookups(fmt: Format) -> list[str]:
    return [name.removesuffix(".sql") for name in fmt.lookups]


def _text(fmt: Format, name: str) -> str:
    return resources.files(fmt.package).joinpath(name).read_text("utf-8")


FEW_ROWS = 50_000
"""Rows up to which what the staging SQL makes is kept: to plan it for each question anew takes longer than to run it."""


def create_staged(
    connection: duckdb.DuckDBPyConnection, fmt: Format, vocabulary: Vocabulary = NO_TEXTS, *, rows: int | None = None
) -> None:
    """Create the temporary view `staged` over `raw`: the target's columns in order and type, then `x_…` extensions.

    `Tags` is MAP(VARCHAR, VARCHAR) here. Columns that the staging SQL leaves out are null. Where `raw` was created with a
    vocabulary, texts that can be but few are ENUMs here, too. `rows`: how many `raw` has, where that is known.
    """
    register_references(connection, fmt.package)
    for macro in (*TAG_MACROS, *LISTING_MACROS):
        connection.execute(f"create or replace temp macro {macro}")
    create_lookups(connection, fmt)
    lookups = {name: narrow_table(connection, name) for name in _lookups(fmt)} if vocabulary else {}
    if fmt.listing:  # a hundred million objects are a few thousand rows: reduced once
        connection.execute(f"create or replace temp view listed as {staging_sql(fmt)}")
        connection.execute(f"create or replace temp table listing as {_listing()}")
    native = "select * from listing" if fmt.listing else staging_sql(fmt)
    if rows is not None and rows <= FEW_ROWS and not vocabulary:
        connection.execute(f"create or replace temp table staged_rows as {native}")
        native = "select * from staged_rows"
    connection.execute(f"create or replace temp view staged_native as {native}")
    given = {row[0]: row[1] for row in connection.execute("describe staged_native").fetchall()}
    columns = _columns(table(fmt.table), given)
    if vocabulary:
        raw = {row[0]: vocabulary.get(row[0]) for row in connection.execute("describe raw").fetchall()}
        statement = Statement(native, {"raw": raw, **lookups})
        columns |= _narrow(connection, statement, [name for name in columns if given.get(name) == "VARCHAR"])
    listed = ",\n  ".join(f"{value} as {identifier(name)}" for name, value in columns.items())
    connection.execute(f"create or replace temp view staged as select {listed} from staged_native")


def _narrow(connection: duckdb.DuckDBPyConnection, statement: Statement, columns: Sequence[str]) -> dict[str, str]:
    """Those of the columns that the staging SQL makes of few texts, as ENUMs of these."""
    found = {name: statement.column(name) for name in columns}
    return {
        name: narrowed(connection, identifier(name), texts)
        for name, texts in found.items()
        if texts is not None and len(texts) <= FEW_CAST
    }


TAG_MACROS = (
    "tags_json(tags) as to_json(map_from_entries(list_sort(map_entries(tags))))::varchar",
    "tags_id(tags) as left(md5(tags_json(tags)), 16)",
)
"""Canonical JSON with sorted keys, and 64 bits of its hash: the same set has the same id in every source and run."""

AGE_EDGES = (0, 7, 14, 30, 60, 90, 120, 180, 270, 365, 545, 730, 1095)
"""Days. Among them every minimum storage duration of the three large providers: 30, 90, 180, 365."""

SIZE_EDGES_KIB = (0, 128, 1024, 16 * 1024)
"""128 KiB is the least size that cooler classes charge; the others keep means meaningful."""

VARYING = "=|^[0-9._:-]+$|[0-9]{4}|^[0-9a-fA-F-]{16,}$"
"""A folder that is one of a series (a date, a number, a hash, `key=value`): rules are written for what is above it."""

MAX_PREFIXES = 100
"""Of one bucket: more are folded into the level above. It is the fewest lifecycle rules that one of the large providers takes
for a bucket or account (decision 26)."""

LISTING_MACROS = (
    f"age_edge(days) as list_max(list_filter({list(AGE_EDGES)}, lambda edge: edge <= greatest(days, 0)))",
    f"next_age_edge(days) as list_min(list_filter({list(AGE_EDGES)}, lambda edge: edge > greatest(days, 0)))",
    f"size_edge(bytes) as list_max(list_filter({list(SIZE_EDGES_KIB)}, lambda edge: edge * 1024 <= bytes))",
    f"fixed_folders(key) as list_slice(string_split(key, '/'), 1, coalesce(nullif(list_position(list_transform("
    f"string_split(key, '/'), lambda part: regexp_matches(part, '{VARYING}')), true), 0), 1000) - 1)",
    "key_prefix(key, depth) as array_to_string(list_append(list_slice(list_slice(fixed_folders(key), 1, "
    "len(string_split(key, '/')) - 1), 1, depth), ''), '/')",
)
"""How listed objects become rows of `objects`: bands of age and size, and the prefix that a lifecycle rule can name."""

PERIOD = "coalesce(x_billing_period, strftime(utc(BillingPeriodStart), '%Y-%m'))"


def create_tag_ids(connection: duckdb.DuckDBPyConnection, source: str | None, fmt: Format) -> None:
    """Hash each distinct map once: temporary tables `staged_tags` (of each unit) and `tag_ids` (map → id, canonical JSON)."""
    sets, period = (identifier(fmt.tag_sets), "x_billing_period") if fmt.tag_sets else ("staged", PERIOD)
    connection.execute(
        f"create or replace temp table staged_tags as select distinct {_source(source, fmt.name)} as x_source,"
        f" {period} as x_billing_period, Tags from {sets} where cardinality(Tags) > 0"
    )
    connection.execute(
        "create or replace temp table tag_ids as select Tags as tag_map, tags_id(Tags) as tags_id, tags_json(Tags) as tags_json"
        " from (select distinct Tags from staged_tags)"
    )


def charges_select(source: str | None, fmt: Format) -> str:
    """The rows of `staged` as `charges` stores them. Without a source's name it is the format's and the account."""
    target = table("charges")
    computed = {"x_source": _source(source, fmt.name), "x_billing_period": PERIOD}
    if not fmt.tag_sets:
        computed["x_tags_id"] = "tag_ids.tags_id"
    lines = [f"{computed.get(name, identifier(name))} as {identifier(name)}" for name, _ in target.columns]
    exclude = ", ".join(identifier(name) for name in (*target.types, "Tags"))
    joined = "" if fmt.tag_sets else " left join tag_ids on staged.Tags = tag_ids.tag_map"
    return f"select {', '.join(lines)}, staged.* exclude ({exclude}) from staged{joined}"


TAG_SETS_SELECT = """
    select distinct staged_tags.x_source, staged_tags.x_billing_period, tag_ids.tags_id as x_tags_id, tag_ids.tags_json as Tags
    from staged_tags inner join tag_ids on staged_tags.Tags = tag_ids.tag_map
"""
"""The distinct tag sets of each unit, as canonical JSON with sorted keys."""


def remarks(connection: duckdb.DuckDBPyConnection, fmt: Format) -> list[tuple[str, str, str, bool]]:
    """(account, period, sentence, whether it limits trust): what the format's own SQL finds to say of the staged units."""
    return connection.execute(f"{_text(fmt, fmt.remarks)} order by all").fetchall() if fmt.remarks else []


PERCENTAGES = (
    "cpu_utilization",
    "memory_utilization",
    "gpu_utilization",
    "gpu_memory_utilization",
    "gpu_sm_active",
    "gpu_dram_active",
)
"""Metrics in per cent. What bursts, or is summed over cores, may be above 100: it is told, and kept."""

ROUNDED = 1
"""By how much a meter may round above 100."""


def beyond(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int, float, float, int]]:
    """Of rows of `metrics` outside 0 to 100 per cent, by file and metric: how many, least, most, and the first one's row."""
    listed = ", ".join(literal(name) for name in PERCENTAGES)
    return connection.execute(
        f"""
        select x_file, metric::varchar, count(*), min(value), max(value), min(x_row) + 1 from raw
        where metric in ({listed}) and (value < 0 or value > {100 + ROUNDED}) group by all order by all
        """
    ).fetchall()


Netted: TypeAlias = Mapping[tuple[str, str, str], tuple[int, Decimal]]
"""(account, period, currency) → delivered lines that are no charge, and what the bill has beside the total of all lines."""


def netted(connection: duckdb.DuckDBPyConnection, fmt: Format) -> Netted:
    if not fmt.netted:
        return {}
    return {(a, p, c): (n, amount) for a, p, c, n, amount in connection.execute(_text(fmt, fmt.netted)).fetchall()}


def rows_select(source: str, target: Table) -> str:
    """The rows of `staged` as a table other than `charges` stores them."""
    names = [identifier(name) for name, _ in target.columns if name != "x_source"]
    return f"select {literal(source)} as x_source, {', '.join(names)} from staged"


def _source(source: str | None, format_name: str) -> str:
    return literal(source) if source else f"{literal(format_name + ':')} || coalesce(BillingAccountId, '')"


def _columns(target: Table, given: Mapping[str, str]) -> dict[str, str]:
    """Column → SQL of it over `staged_native`."""
    kinds = dict(target.columns)
    if target.name == "charges":
        kinds["Tags"] = "MAP(VARCHAR, VARCHAR)"
    if target.open:
        kinds |= {name: "VARCHAR" for name in sorted(given.keys() - kinds.keys()) if name.startswith("x_")}
    return {
        name: as_stored(identifier(name), given[name], kind) if name in given else f"null::{kind}"
        for name, kind in kinds.items()
    }
