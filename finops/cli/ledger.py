"""Commands of the ledger: what came of the plan, and what people decide."""

from __future__ import annotations

from typing import Annotated

import typer

from finops.cli.root import AsOfOption, FormatOption, WarehouseOption, app, day, opened, progress, reading, say, settings
from finops.errors import ConfigError

ByOption = Annotated[str | None, typer.Option("--by", help="Who says so (default: the system's user).", metavar="NAME")]


@app.command()
def savings(
    context: typer.Context,
    record: Annotated[
        bool,
        typer.Option("--record", help="First put that day's plan on record (finops recommend does so for the last day)."),
    ] = False,
    as_of: AsOfOption = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Identified, approved, applied, realised on the bill, cash; what is gone and why; what waiting costs."""
    from finops import queries
    from finops.ledger.record import record as put_on_record
    from finops.summary.savings import savings_text

    config, asked = settings(context, warehouse), day(as_of)
    if record:
        with progress() as tell:
            tell("making the plan")
            done = put_on_record(opened(config), config, day=asked)
        say(f"plan as of {done.as_of} on record: {done.findings} recommendations, {done.new} of them new")
    with reading(config) as reader:
        typer.echo(savings_text(reader, queries.savings(reader, asked), fmt))


@app.command()
def dismiss(
    context: typer.Context,
    recommendation: Annotated[str, typer.Argument(help="Id of a recommendation, or its first characters.", metavar="ID")],
    until: Annotated[str | None, typer.Option("--until", help="The day on which it is open again.", metavar="DATE")] = None,
    why: Annotated[str, typer.Option("--why", help="Why it is not done.", metavar="TEXT")] = "",
    by: ByOption = None,
    reopen: Annotated[bool, typer.Option("--reopen", help="Take the last word on it back instead.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Set a recommendation aside until a day, with the reason; it keeps its place in the ledger."""
    from finops.ledger.record import decide

    config = settings(context, warehouse)
    if reopen and (until or why):
        raise ConfigError("--reopen takes neither --until nor --why", hint="finops dismiss ID --reopen")
    with progress() as tell:
        tell("writing")
        verb = "reopened" if reopen else "dismissed"
        entry = decide(opened(config), config, recommendation, verb, by=by, why=why, until=day(until))  # type: ignore[arg-type]
    ends = "" if reopen else f" until {day(until)}"
    say(f"{entry.finding_id} ({entry.kind} {entry.resource_id}: {entry.words}) is {verb}{ends}")
