"""The command that proves the advice by replay."""

from __future__ import annotations

from typing import Annotated

import typer

from finops.cli.root import FormatOption, WarehouseOption, app, opened, progress, reading, say, settings


@app.command()
def backtest(
    context: typer.Context,
    kinds: Annotated[list[str] | None, typer.Argument(help="Kinds (default: all).", metavar="[KIND]...")] = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Past decisions on this warehouse: what they saved, against hindsight and the vendors' own rules."""
    from finops import queries
    from finops.backtest.kept import recorded
    from finops.backtest.run import backtests
    from finops.summary.backtest import backtest_text

    config = settings(context, warehouse)
    with reading(config) as reader, progress() as tell:
        tell("replaying")
        found = backtests(reader, config, kinds or (), tell)
        day = queries.as_of(reader)
    typer.echo(backtest_text(found, fmt))
    if day is not None and (note := recorded(opened(config), day, found, config.recommenders)):
        say(note)
