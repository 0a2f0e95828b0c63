"""The connector contract: formats that files are recognised by, and manifests that say which files belong together.

A connector package (`connectors/<cloud>/`) exposes `FORMATS`, a tuple of `Format`, and may expose `MANIFESTS`, a tuple of
functions that turn a parsed JSON document into a `Manifest`. It describes; the engine reads. Its `stg_*.sql` selects from
`raw` (the declared columns of the format, canonical names, declared types, absent ones null) and from its own
`data/*.csv`, registered as `<cloud>_<stem>`, and yields columns of the target table by name. What it leaves out is null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Container: TypeAlias = Literal["csv", "parquet", "jsonl"]
ColumnType: TypeAlias = Literal["text", "decimal", "double", "bigint", "bool", "timestamp", "date", "map", "json"]


@dataclass(frozen=True, slots=True)
class Sniff:
    """What a file shows before it is read: header as written, Parquet types, a few rows as text.

    Nested fields (Parquet structs, JSON objects) are columns with dotted names; `paths` gives their parts.
    Lists and maps are one column.
    """

    path: str
    container: Container
    columns: tuple[str, ...]
    types: Mapping[str, str]
    paths: Mapping[str, tuple[str, ...]]
    rows: tuple[Mapping[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column that the staging SQL reads.

    name      canonical; what `Format.canonical` makes of the header, or of one of `aliases`; `manifest_…` is read from the
              file's manifest (`Manifest.facts`)
    required  a file without it is refused by name
    lenient   text that is no number becomes null instead of an error
    told      and the unit's notes say in how many cells (an amount is missing, not a remark in a rate's column)
    formats   strptime patterns tried, per file, after ISO 8601; the first that parses every value is used
    """

    name: str
    type: ColumnType = "text"
    required: bool = False
    aliases: tuple[str, ...] = ()
    lenient: bool = False
    told: bool = False
    formats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gather:
    """All columns whose canonical name starts with `prefix` become one MAP(VARCHAR, VARCHAR) named `name`.

    The keys are `key(header)`; columns that are null or '' in a row are absent from its map.
    """

    name: str
    prefix: str
    key: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Profile:
    """SQL expressions over `raw`, one row at a time: which unit a line belongs to and what it adds to the file's total.

    account, period ('YYYY-MM'), currency: text. billed: a decimal. They are written apart from the staging SQL, so
    that the file's own total is a control on what staging makes of it.
    paired: of formats with roles, a boolean: the rows of the first role's file that count beside the second's file.
    role: an aggregate over one file's rows that tells deliveries of two files apart (`actual`, `amortized`, `either`).
    """

    account: str
    period: str
    currency: str
    billed: str
    role: str = ""
    paired: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """One layout in which a provider delivers one table."""

    name: str
    title: str
    table: str
    package: str
    sql: str
    columns: tuple[Column, ...]
    identifies: tuple[str, ...]
    canonical: Callable[[str], str]
    version: Callable[[Sniff], str]
    profile: Profile | None = None
    gathers: tuple[Gather, ...] = ()
    lookups: tuple[str, ...] = ()  # SQL over `raw`, run before `sql`, in order: each file's rows are the table of its stem
    remarks: str = ""  # SQL over `raw` and the lookups: BillingAccountId, x_billing_period, remark (a note of that unit)
    netted: str = ""  # SQL over the same: BillingAccountId, x_billing_period, BillingCurrency, lines (that are no charge)
    derived: str = ""  # a predicate over a charge: true where staging adds it to the lines; lines − netted = charges − derived
    tag_sets: str = ""  # the lookup that names each unit's tag sets: BillingAccountId, x_billing_period, x_tags_id, Tags
    extensions: bool = False  # undeclared columns named x_… pass through to the table
    listing: bool = False  # `sql` yields single objects, which `finops/sql/listing/objects.sql` makes bands
    closed: bool = False  # a file with undeclared columns is refused by name (a misspelt optional column would be lost)
    roles: tuple[str, ...] = ()  # the roles that together make one complete delivery
    note: str = ""  # what a reader must know of every load in this format ("coarse: daily totals", …)
    rank: int = 0  # between formats that both match, the higher wins

    def column(self, name: str) -> Column | None:
        return next((c for c in self.columns if c.name == name), None)


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A data file as its manifest names it, with the rows and bytes it promises (None where it does not)."""

    uri: str
    rows: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The provider's own list of the files of one export and period.

    export       identity of the export and its period: of several manifests of one export the highest `edition` counts
    edition      orders restatements (assembly id's folder time, run time, …)
    superseded   path fragments of earlier editions' folders, which are passed over
    header       the columns of CSV files that bear no header row themselves
    facts        what the manifest alone knows of every row (when it was taken, of what): text of columns that the format
                 declares as `manifest_…`
    """

    export: str
    edition: str
    files: tuple[ManifestFile, ...]
    rows: int | None = None
    superseded: tuple[str, ...] = ()
    columns: tuple[str, ...] = field(default=())
    header: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


ReadManifest: TypeAlias = Callable[[object, str], Manifest | None]
"""(parsed JSON, path) → the manifest, or None where the document is no manifest of this provider."""
