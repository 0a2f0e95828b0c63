"""The command that says what credentials can do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from finops.cli.root import FormatOption, app, given, progress, say
from finops.errors import ConfigError


@app.command()
def doctor(
    context: typer.Context,
    policy: Annotated[
        str | None, typer.Option("--policy", help="Print a connector's least-privilege policy.", metavar="CONNECTOR")
    ] = None,
    setup: Annotated[
        str | None, typer.Option("--setup", help="Print how a connector's exports are set up.", metavar="CONNECTOR")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="With --policy: what `finops apply --yes` needs beside.")] = False,
    fmt: FormatOption = "table",
) -> None:
    """What each source's credentials can and cannot do: every permission is tried once, read-only."""
    from finops import render
    from finops.live.doctor import APPLY, POLICY, SETUP, examine, of_apply, shipped

    if apply and not policy:
        raise ConfigError("--apply says which policy of --policy", hint="finops doctor --policy CONNECTOR --apply")
    if policy or setup:
        asked = ((policy, APPLY if apply else POLICY), (setup, SETUP))
        typer.echo("\n\n".join(shipped(name, what) for name, what in asked if name))
        return
    sources = [source for source in given(context).sources if source.connector]
    if not sources:
        raise ConfigError("finops.toml names no source with a connector", hint="finops init writes a commented one")
    with progress() as tell:
        checks = examine(sources, tell)
    typer.echo(render.rows([asdict(check) for check in (*checks, *of_apply(sources))], fmt))
    bad = {check.source for check in checks if check.status != "ok"}
    for name in sorted({source.connector for source in sources if source.name in bad}):
        say(f"finops doctor --policy {name} prints what to allow, finops doctor --setup {name} how the export is made")
    if bad:
        raise typer.Exit(1)
