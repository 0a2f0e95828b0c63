"""Cost details that Azure generates on demand, for bills without an export: actual and amortized, a month each.

A report is asked for only where its month is not held as of today, or for good: `read` makes it. Azure answers 202 with a
Location, is asked there again after the seconds that it names, and at last names files that anyone may read who has their
signed address (Microsoft Learn, "Get small cost datasets on demand", as of 2026-11). It goes back thirteen months.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from connectors.azure import arm, blob
from connectors.azure.patience import polling
from connectors.azure.session import Connection
from connectors.azure.totals import SETTLED, account
from finops.connect import Blob, Part
from finops.errors import RetriableError, SourceError
from finops.window import Window, midnight, next_month

GENERATE = "Microsoft.CostManagement/generateCostDetailsReport/action"
"""It makes a file of Microsoft's own and changes nothing of the tenant's."""

OPERATION = "costmanagement:GenerateCostDetailsReport"
KINDS = ("ActualCost", "AmortizedCost")
MOST_MONTHS = 13
LONGEST_S = 3600
"""After an hour without a report the month fails; reports take minutes."""


@dataclass(frozen=True, slots=True)
class Report:
    """One report, and what Azure said of it when it was made."""

    scope: str
    kind: str
    first: date
    last: date


def plan(connection: Connection, window: Window) -> Sequence[Part]:
    """One part a bill and month, the open one included."""
    months, day = [], window.start.date().replace(day=1)
    while midnight(day) < window.end:
        months.append(day)
        day = next_month(day)
    scopes = [scope.strip("/") for scope in dict.fromkeys(connection.settings.scopes)]
    calls = ((OPERATION, len(KINDS)),)
    return [Part(f"{scope} {month:%Y-%m} report", calls, (scope, month)) for scope in scopes for month in months[-MOST_MONTHS:]]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Blob]:
    """The month's two reports; their tag is the day, and once the month is settled the same for good."""
    scope, first = part.handle
    ends = midnight(next_month(first))
    last = (min(ends, window.end) - timedelta(microseconds=1)).date()
    tag = "settled" if window.end >= ends + SETTLED else f"{window.end:%Y-%m-%d}"
    for kind in KINDS:
        report = Report(scope, kind, first, last)
        yield Blob(f"{account(scope)}/{first:%Y-%m}/{kind}.csv", tag, None, partial(_read, connection, report))


def begin(connection: Connection, report: Report, **how: Any) -> Any:
    """Ask for a report. Raises AccessError, RetriableError, SourceError."""
    from azure.mgmt.costmanagement import models

    client = arm.costs(connection).generate_cost_details_report
    period = models.CostDetailsTimePeriod(start=f"{report.first:%Y-%m-%d}", end=f"{report.last:%Y-%m-%d}")
    asked = models.GenerateCostDetailsReportRequestDefinition(metric=report.kind, time_period=period)
    where = f"{connection.settings.management_endpoint}/{report.scope}"
    return connection.called(OPERATION, GENERATE, where, lambda: client.begin_create_operation(report.scope, asked, **how))


def _read(connection: Connection, report: Report, start: int) -> Iterator[bytes]:
    """All files of the report as one: the header stands in the first alone. Nothing where the month has no costs. Bytes before
    `start` are passed over."""
    passed = 0
    for chunk in _content(connection, _made(connection, report), report):
        skip = min(len(chunk), max(0, start - passed))
        passed += len(chunk)
        if chunk[skip:]:
            yield chunk[skip:]


def _made(connection: Connection, report: Report) -> Sequence[tuple[str, int | None]]:
    """Addresses and sizes of the report's files. It is made once, also where a download has to be taken up again."""
    return connection.once(report, lambda: _waited(connection, report))


def _waited(connection: Connection, report: Report) -> Sequence[tuple[str, int | None]]:
    where = f"{connection.settings.management_endpoint}/{report.scope}"
    poller = begin(connection, report, polling=polling(connection.settings.management_endpoint))
    connection.called("costmanagement:ReportStatus", GENERATE, where, lambda: poller.wait(LONGEST_S))
    if not poller.done():
        raise RetriableError(f"{GENERATE}: no report in {LONGEST_S} s", where=where, hint="run the load again later")
    made = poller.result()
    if made.status == "NoDataFound":
        return ()
    if made.status != "Completed" or made.manifest is None:
        said = f" ({made.error.message})" if made.error and made.error.message else ""
        raise RetriableError(f"{GENERATE}: the report failed{said}", where=where, hint="run the load again later")
    return [(str(each.blob_link), each.byte_count) for each in made.manifest.blobs or ()]


def _content(connection: Connection, files: Sequence[tuple[str, int | None]], report: Report) -> Iterator[bytes]:
    """Raises SourceError for an address that is not TLS, RetriableError where a file is shorter than Azure says."""
    for number, (url, size) in enumerate(files):
        if not url.startswith("https://"):
            raise SourceError("a report lies at an address without TLS", where=report.scope)
        came, head = 0, number > 0
        for given in blob.signed(connection, "blob:GetReport", GENERATE, url):
            came += len(given)
            _, newline, rest = given.partition(b"\n") if head else (b"", b"\n", given)
            head = not newline
            if rest:
                yield rest
        if size is not None and came != size:
            where = url.partition("?")[0]
            raise RetriableError(f"a report has {size:,} bytes, {came:,} came", where=where, hint="run the load again")
