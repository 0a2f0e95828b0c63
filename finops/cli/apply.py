"""The command that hands a recommendation's change over to whoever makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from finops.cli.root import AsOfOption, WarehouseOption, app, day, progress, reading, say, settings
from finops.errors import ConfigError


@app.command()
def apply(
    context: typer.Context,
    recommendation: Annotated[str, typer.Argument(help="Id of a recommendation, or its first characters.", metavar="ID")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the patch as a file into this folder.", metavar="DIR")
    ] = None,
    as_of: AsOfOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Print a recommendation's patch, or write it as a file for a pull request; nothing is changed at the provider."""
    from finops.plans import explained

    with reading(settings(context, warehouse)) as reader, progress() as tell:
        tell("making the plan")
        _, found = explained(reader, settings(context, warehouse), recommendation, as_of=day(as_of))
    finding = found.finding
    if not finding.patch:
        hint = f"finops explain {finding.id} says what to change"
        raise ConfigError("no patch is written for this action on this type of resource", where=finding.id, hint=hint)
    if out is None:
        typer.echo(finding.patch)
        return
    path = out / f"{finding.id}.sh"
    if path.exists():
        raise ConfigError("the file is there already", where=str(path), hint="remove it, or give another folder")
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nset -eu\n{finding.patch}\n", "utf-8")
    say(f"{path} written; read it before you run it.")
