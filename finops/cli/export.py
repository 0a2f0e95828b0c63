"""Commands that hand the data on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from finops.cli.root import FormatOption, WarehouseOption, app, progress, reading, settings


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="One SELECT statement.")],
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Read-only SQL on the warehouse; JSON is an array of objects."""
    from finops import render

    with reading(settings(context, warehouse)) as reader:
        typer.echo(render.rows(reader.user_sql(query), fmt))


export_app = typer.Typer(help="Write the bill in an open format.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(export_app, name="export")


@export_app.command("focus")
def export_focus(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.", metavar="DIR")],
    focus_version: Annotated[Literal["1.2", "1.3"], typer.Option("--focus-version", help="FOCUS version.")] = "1.2",
    container: Annotated[Literal["parquet", "csv"], typer.Option("--container", help="File format.")] = "parquet",
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """FOCUS files that pass the official validator: one a provider and billing period."""
    from finops import render
    from finops.export import export_focus as write

    with reading(settings(context, warehouse)) as reader, progress() as tell:
        tell("exporting")
        files = write(reader, out, focus_version, container)
    typer.echo(render.rows([asdict(file) for file in files], fmt))
