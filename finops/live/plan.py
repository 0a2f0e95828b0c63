"""What a load will fetch: for each stream of each source the missing windows, their parts, and what the calls cost."""

from __future__ import annotations

import difflib
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finops import plugins
from finops.config import Source, connector_settings
from finops.connect import Connector, ConnectorSettings, Part, Stream
from finops.errors import ConfigError, FinopsError, SourceError
from finops.live.cache import Shelf, tags
from finops.live.meter import Meter, added, cost
from finops.live.windows import missing
from finops.window import Window

if TYPE_CHECKING:
    from finops.queries import Reads

log = logging.getLogger("finops.live")


@dataclass(frozen=True, slots=True)
class Opened:
    """A source with its connection; nothing was called yet."""

    source: Source
    connector: Connector
    settings: ConnectorSettings
    connection: Any
    meter: Meter

    def stored_as(self, stream: Stream, place: str = "") -> str:
        """`x_source` of a stream's rows: charges bear the source's name, other tables the stream's and the place's too.

        Streams of one source may fill one table, and a unit is replaced by (source, unit).
        """
        return self.source.name if stream.table == "charges" else "/".join(filter(None, (self.source.name, stream.name, place)))


@dataclass(frozen=True, slots=True)
class Job:
    """One stream of one source, or what of it is in one place: windows with their parts.

    connection  the source's, narrowed to the place
    held        whether the warehouse has anything of it
    """

    opened: Opened
    stream: Stream
    shelf: Shelf
    windows: tuple[tuple[Window, tuple[Part, ...]], ...]
    connection: Any
    place: str = ""
    held: bool = False

    @property
    def stored_as(self) -> str:
        return self.opened.stored_as(self.stream, self.place)

    @property
    def name(self) -> str:
        """What a failure calls it."""
        return f"{self.stream.name} {self.place}".rstrip()

    @property
    def cost(self) -> dict[str, Decimal]:
        """What the parts that are not there yet will cost at list price."""
        missing_parts = [
            part for window, several in self.windows for part in several if not self.shelf.rows(window, part.key).exists()
        ]
        charged = [calls for part in missing_parts for calls in (part.calls, *self._blobs(part))]
        return added(cost(self.opened.connector, dict(calls)) for calls in charged)

    def _blobs(self, part: Part) -> list[tuple[tuple[str, int], ...]]:
        """The calls of the blobs that are not held in the version that is there now."""
        held = tags(self.shelf.export(part.key)) if part.blobs else set()
        return [calls for path, tag, calls in part.blobs if (path, tag) not in held]


@dataclass(frozen=True, slots=True)
class Failure:
    """A stream (or a whole source, where `stream` is '') that brought nothing."""

    source: str
    stream: str
    error: str


@dataclass(slots=True)
class Plan:
    """Jobs, and what failed before anything was fetched."""

    opened: list[Opened] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def cost(self) -> dict[str, Decimal]:
        return added(job.cost for job in self.jobs)


def open_source(source: Source) -> Opened:
    """Raises ConfigError: no such connector or setting, or its SDK is not installed."""
    connector = plugins.connectors().get(source.connector)
    settings = connector_settings(source)
    if connector is None:
        raise ConfigError(f"`{source.connector}` is no connector", where=source.name)
    meter = Meter()
    try:
        connection = connector.open(settings, meter)
    except ImportError as error:
        what = f"the connector `{connector.name}` needs the package {error.name}"
        raise ConfigError(what, where=source.name, hint=f"pip install 'finops[{connector.name}]'") from None
    return Opened(source, connector, settings, connection, meter)


def chosen(opened: Opened) -> tuple[Stream, ...]:
    """The streams that the settings name, without a choice all that they have something for. Raises ConfigError."""
    known = {stream.name: stream for stream in opened.connector.streams}
    for name in opened.settings.streams:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f" (did you mean `{close[0]}`?)" if close else ""
            hint = f"one of {', '.join(known)}"
            raise ConfigError(f"no stream is named `{name}`{meant}", where=opened.source.name, hint=hint)
    named = tuple(known[name] for name in opened.settings.streams)
    if lacking := [stream.name for stream in named if not stream.wanted(opened.settings)]:
        what = f"the settings name nothing that the stream `{lacking[0]}` could read"
        raise ConfigError(what, where=opened.source.name, hint="finops init --print shows every setting")
    return named or tuple(stream for stream in known.values() if stream.wanted(opened.settings))


def plan(sources: Iterable[Source], reads: Reads, root: Path, now: datetime, tell: Callable[[str], object]) -> Plan:
    """Open every source and ask what there is. One that fails is a failure of its own; the others go on."""
    made = Plan()
    for source in sources:
        try:
            opened = open_source(source)
            streams = chosen(opened)
        except FinopsError as error:
            made.failures.append(Failure(source.name, "", str(error)))
            continue
        made.opened.append(opened)
        for stream in streams:
            tell(f"{source.name}: what there is of {stream.title}")
            _planned(made, opened, stream, reads, root, now)
    return made


def _planned(made: Plan, opened: Opened, stream: Stream, reads: Reads, root: Path, now: datetime) -> None:
    """The jobs of a stream, one a place; a place that fails is a failure of its own."""
    try:
        places: Mapping[str, Any] = stream.places(opened.connection) if stream.places else {"": opened.connection}
    except Exception as error:
        made.failures.append(Failure(opened.source.name, stream.name, said(error)))
        return
    for place, connection in places.items():
        try:
            made.jobs.append(_job(opened, stream, connection, place, reads, root, now))
        except Exception as error:
            made.failures.append(Failure(opened.source.name, f"{stream.name} {place}".rstrip(), said(error)))


def said(error: Exception) -> str:
    """An error of ours in its words. Of any other only the kind and the place: its text may hold what must not be printed."""
    if isinstance(error, FinopsError):
        return str(error)
    log.debug("unforeseen %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    return str(SourceError(f"{type(error).__name__}: this is a defect of finops", hint="finops --debug load"))


def _job(opened: Opened, stream: Stream, connection: Any, place: str, reads: Reads, root: Path, now: datetime) -> Job:
    shelf = Shelf.of(root, opened.source.name, stream.name, place)
    covered = covered_units(reads, opened.stored_as(stream, place), stream.table)
    held = bool(covered)
    if place:  # days that were fetched before places were told apart hold all of them
        whole = covered_units(reads, opened.stored_as(stream), stream.table)
        covered |= dict.fromkeys(whole, datetime.max.replace(tzinfo=now.tzinfo))
    windows = missing(stream, covered, now, opened.settings.history_days, shelf.begun())
    if stream.divided != "export":
        shelf.forget(windows)
    planned = tuple((w, _parts(opened, stream, connection, w)) for w in windows)
    return Job(opened, stream, shelf, planned, connection, place, held)


def _parts(opened: Opened, stream: Stream, connection: Any, window: Window) -> tuple[Part, ...]:
    parts = tuple(stream.plan(connection, window))
    keys: Sequence[str] = [part.key for part in parts]
    if len(set(keys)) < len(keys):
        raise SourceError(f"two parts of {stream.name} have one key", where=opened.source.name)
    return parts


def covered_units(reads: Reads, stored_as: str, table: str) -> dict[str, datetime]:
    """Unit → when it was fetched last."""
    rows = reads.rows(
        "select unit, max(fetched_at) as at from coverage where x_source = $source and stream = $table group by unit",
        {"source": stored_as, "table": table},
    )
    return {row["unit"]: row["at"] for row in rows if row["at"] is not None}
