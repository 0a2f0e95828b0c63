"""Commands that fill and keep a warehouse."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from finops.cli.root import FormatOption, WarehouseOption, amount, app, day, given, opened, progress, reading, say, settings
from finops.errors import ConfigError


@app.command()
def load(
    context: typer.Context,
    paths: Annotated[list[str] | None, typer.Argument(help="Files, folders or globs.", metavar="[PATH]...")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Name of the source (default: format and account).")] = None,
    invoice: Annotated[Path | None, typer.Option("--invoice", help="Invoice file to tie the bill to.")] = None,
    replace_source: Annotated[
        bool, typer.Option("--replace-source", help="Take over periods that another source holds.")
    ] = False,
    memory_limit: Annotated[str | None, typer.Option("--memory-limit", help="Most memory to take.", metavar="SIZE")] = None,
    max_api_cost: Annotated[
        str | None, typer.Option("--max-api-cost", help="Refuse if providers' calls would cost more.", metavar="USD")
    ] = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Load files or folders; without a path, every source in finops.toml."""
    from finops.ingest import load_sources
    from finops.summary.loading import load_text

    config = given(context, warehouse, memory_limit)
    with progress() as tell:
        report = load_sources(
            opened(config),
            config,
            paths or [],
            source=source,
            invoice=invoice,
            replace_source=replace_source,
            max_api_cost=amount(max_api_cost, "--max-api-cost"),
            progress=tell,
        )
    typer.echo(load_text(report, fmt))
    for failure in report.failures:
        say(f"error: {failure}")
    if report.failures:
        raise typer.Exit(1)


@app.command()
def status(
    context: typer.Context,
    diff: Annotated[str | None, typer.Option("--diff", help="What changed in the bill since that day.", metavar="DATE")] = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Sources, coverage, freshness, provisional days, reconciliation."""
    from finops.plans import changes_since
    from finops.summary.status import diff_text, status_text

    config = settings(context, warehouse)
    since = day(diff)
    if since is not None:
        typer.echo(diff_text(changes_since(opened(config), since), str(since), fmt))
        return
    with reading(config) as reader:
        typer.echo(status_text(reader, fmt))


@app.command()
def maintain(context: typer.Context, warehouse: WarehouseOption = None, fmt: FormatOption = "table") -> None:
    """Compact small files, rebuild marts of another version, and vacuum what no published state of seven days needs."""
    from finops import render
    from finops.warehouse.maintain import maintain as run

    typer.echo(render.rows([asdict(row) for row in run(opened(settings(context, warehouse)))], fmt))


@app.command()
def init(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="File to write, or to check.")] = Path("finops.toml"),
    show: Annotated[bool, typer.Option("--print", help="Print it instead.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check the file that is there against what it names, without a call.")
    ] = False,
    fmt: FormatOption = "table",
) -> None:
    """Write a commented finops.toml; check one."""
    from finops.config import commented

    if show:
        typer.echo(commented())
    elif check:
        _checked(context.obj["config"] or path, fmt)
    elif path.exists():
        hint = f"finops init {path} --check checks it, finops init --print shows what a new one would hold"
        raise ConfigError("the file is there already", where=str(path), hint=hint)
    else:
        path.write_text(commented(), "utf-8")
        say(f"{path} written: every setting, commented out. finops init {path} --check, once you have set some.")


def _checked(path: Path, fmt: FormatOption) -> None:
    """Raises ConfigError where the file is none; exit code 2 where something in it is wrong."""
    from finops import render
    from finops.config import load_config
    from finops.live.check import OK, UNKNOWN, WRONG, checked

    found = checked(load_config(path))
    typer.echo(render.rows([asdict(finding) for finding in found], fmt))
    counts = {status: sum(1 for finding in found if finding.status == status) for status in (OK, WRONG, UNKNOWN)}
    say(f"{path}: {', '.join(f'{count} {status}' for status, count in counts.items() if count)}")
    if counts[WRONG]:
        raise typer.Exit(2)


@app.command()
def demo(
    context: typer.Context,
    folder: Annotated[
        str | None, typer.Argument(help="Folder that becomes the warehouse (default: ./demo).", metavar="[DIR]")
    ] = None,
    fmt: FormatOption = "table",
) -> None:
    """The sample company, end to end, without credentials: load, reconcile, recommend."""
    from finops.config import SAMPLE
    from finops.demo import run_demo
    from finops.summary.plan import demo_text

    config = given(context, folder or SAMPLE)
    with progress() as tell:
        report = run_demo(opened(config), config, progress=tell)
    typer.echo(demo_text(report, folder or SAMPLE, fmt))
