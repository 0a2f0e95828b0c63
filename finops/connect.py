"""The connector contract: formats that files are recognised by, manifests that say which files belong together, live streams.

A connector package (`connectors/<cloud>/`) exposes `FORMATS`, a tuple of `Format`, and may expose `MANIFESTS`, a tuple of
functions that turn a parsed JSON document into a `Manifest`, and `CONNECTOR`, how its provider's API is read (`finops.live`
runs it). It describes; the engine reads. Its `stg_*.sql` selects from
`raw` (the declared columns of the format, canonical names, declared types, absent ones null) and from its own
`data/*.csv`, registered as `<cloud>_<stem>`, and yields columns of the target table by name. What it leaves out is null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from finops.table import Table
from finops.window import Window

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
    remarks: str = ""  # SQL over `raw` and the lookups: BillingAccountId, x_billing_period, remark (a note), limits (of trust)
    # SQL over the same: BillingAccountId, x_billing_period, BillingCurrency, lines (that are no charge), amount (to be added to
    # the lines' own total for what was billed)
    netted: str = ""
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


class ConnectorSettings(BaseModel):
    """How a source reaches its provider: the table `[sources.settings]` of `finops.toml`.

    Every field carries a description, from which the reference, `finops init` and errors derive. None holds a secret: the
    provider's own SDK finds credentials where its documentation says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    streams: Annotated[tuple[str, ...], Field(description="Streams to fetch. Default: all.")] = ()
    history_days: Annotated[
        int | None,
        Field(gt=0, description="Days back that the first load goes. Default: what each stream says.", examples=[365]),
    ] = None
    metric_period_s: Annotated[
        int, Field(ge=60, le=86_400, multiple_of=60, description="Seconds of one measurement of utilization.")
    ] = 3600
    concurrency: Annotated[int, Field(ge=1, le=64, description="Most parts of a stream that are fetched at once.")] = 8


@dataclass(frozen=True, slots=True)
class Part:
    """An independent piece of a stream's window (an account and region, an export's month): fetched whole or not at all.

    key     stable across runs: what was fetched whole under it before a kill is not fetched again
    calls   operation → units that fetching it will be charged for, as far as can be said before
    handle  what planning found out and `Stream.fetch` needs
    blobs   of an export: (path, tag, calls) of each blob that is charged for only where it is not held yet
    """

    key: str
    calls: tuple[tuple[str, int], ...] = ()
    handle: Any = None
    blobs: tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of an export where it lies.

    path  below the export's own folder, as its manifest names it
    tag   differs where the content does (an ETag)
    size  bytes; None where they are not known before (then `read` raises where something is missing, and what has no content is
          no file: a month without charges)
    read  the content from this byte on, of exactly this version
    """

    path: str
    tag: str
    size: int | None
    read: Callable[[int], Iterator[bytes]]


def compact(values: Mapping[str, object]) -> str:
    """A mapping as the open formats have it (tags, properties, scopes, dimensions): keys in order, what is None left out."""
    known = {name: value for name, value in values.items() if value is not None}
    return json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of rows of the stream's table in its open format (`finops.tables`); columns that it lacks are null."""

    columns: tuple[str, ...]
    values: Sequence[tuple[object, ...]]


Divided: TypeAlias = Literal["export", "snapshot", "day", "month"]


@dataclass(frozen=True, slots=True)
class Stream:
    """What one kind of data a connector fetches, and how it is divided in time.

    table        the core table that it fills; its natural key is `finops.tables.table(table).key`
    divided      export: parts are the export's months, and yield blobs
                 snapshot: what there is now
                 day, month: whole days or months, as long as they are missing
    reach_days   how far back the first load goes
    restates_days  days after its end for which the provider still changes a day or month: it is fetched again until then;
                 of a snapshot: the days for which it is good enough
    units        the units of the table that a snapshot replaces, where they are not its day
    permissions  what it needs, in the provider's own names; `Connector.probe` tries each
    plan         (connection, window) → the parts of the window, with what they will cost
    fetch        (connection, part, window) → pages, or the blobs of an export's month
    kept         (seconds, days): finer measurements than so many seconds (0: all) are gone after so many days
    shape        of rows in a provider's own form: their columns, by which a `Format` recognises the file that they become
    places       connection → place → the connection narrowed to it, where places fail apart (regions): each has windows,
                 coverage and rows of its own, so that one that is denied neither stops the others nor lands in part
    wanted       settings → whether they name what it reads: a stream that nobody named is passed over where they do not
    """

    name: str
    title: str
    table: str
    divided: Divided
    permissions: tuple[str, ...]
    plan: Callable[[Any, Window], Sequence[Part]]
    fetch: Callable[[Any, Part, Window], Iterator[Rows] | Iterator[Blob]]
    reach_days: int = 0
    restates_days: int = 0
    units: tuple[str, ...] = ()
    kept: tuple[tuple[int, int], ...] = ()
    wanted: Callable[[Any], bool] = lambda _: True
    shape: Table | None = None
    places: Callable[[Any], Mapping[str, Any]] | None = None


class Counts(Protocol):
    """Where a connector reports each call that it sends: the operation's own name, and the units that it is charged by."""

    def __call__(self, operation: str, units: int = 1) -> None: ...


@dataclass(frozen=True, slots=True)
class Bucket:
    """An object store that has lifecycle rules (a bucket, a storage account), as the bill knows it; '' is unknown."""

    resource_id: str
    account: str = ""
    region: str = ""

    @property
    def name(self) -> str:
        """The last part of the id: what the provider's API calls it."""
        return self.resource_id.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The lifecycle configuration of a bucket.

    rules  in the provider's own form, as JSON has them
    rest   what else is sent back with them, so that it stays as it is
    tag    names this version where the provider has such a thing: a write that carries it fails where another came first
    """

    rules: tuple[Mapping[str, Any], ...] = ()
    rest: Mapping[str, Any] = field(default_factory=dict)
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How a connector reads and writes lifecycle rules: all that `finops apply --yes` ever writes at a provider.

    resource_types  of the findings that it can carry out
    reads, writes   the permissions of both. Streams need none of `writes`, and the shipped reading policy names none;
                    `package`/permissions_apply.* does
    list_of         a document of `Finding.lifecycle` → its rules
    identity        what makes two rules one and the same: the id that they bear, or all of a rule that bears none
    read, write     (connection, bucket) → its rules; (connection, bucket, rules) puts exactly these, none where there are none
    """

    resource_types: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    list_of: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
    identity: Callable[[Mapping[str, Any]], str]
    read: Callable[[Any, Bucket], RuleSet]
    write: Callable[[Any, Bucket, RuleSet], None]


@dataclass(frozen=True, slots=True)
class Connector:
    """How a provider's API is read.

    open     (settings, counts) → the connection that streams get; imports the SDK, calls nothing
    probe    (connection, permission) → calls what needs it once, read-only. Raises AccessError where it is missing. A sentence
             says why it was not called: no stream needs it here
    package  holds `data/api_prices.csv` (operation, unit, per, price, currency, source, date), `permissions.json` (the least
             privilege) and `setup.md` (how the export is made)
    lifecycle  how lifecycle rules are put, where it can
    signs    where its SDK finds credentials: environment variables, and files (with a slash). `finops init --check` looks
             whether one is there, at nothing in it
    """

    name: str
    title: str
    package: str
    settings: type[ConnectorSettings]
    open: Callable[[Any, Counts], Any]
    streams: tuple[Stream, ...]
    probe: Callable[[Any, str], str | None]
    lifecycle: Lifecycle | None = None
    signs: tuple[str, ...] = ()
