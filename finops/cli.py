"""The command line: parse, ask, print. stdout is data, stderr is conversation."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from finops import __version__
from finops.errors import ConfigError, FinopsError

if TYPE_CHECKING:  # a command imports what it runs, so that --help starts at once
    from finops.config import Config
    from finops.queries import CostMetric
    from finops.warehouse.warehouse import Reader, Warehouse

app = typer.Typer(
    name="finops",
    help="What three clouds cost, which part of it is waste, and the proof.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

WarehouseOption = Annotated[str | None, typer.Option("--warehouse", help="Folder or object-store URL.", metavar="PATH")]
FormatOption = Annotated[Literal["table", "json", "csv", "md"], typer.Option("--format", help="How to print.")]
AsOfOption = Annotated[str | None, typer.Option("--as-of", help="Replay: know only what was there that day.", metavar="DATE")]

log = logging.getLogger("finops")


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", help="Settings file (default: ./finops.toml).")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log more, and show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """What three clouds cost, which part of it is waste, and the proof."""
    if version:
        typer.echo(f"finops {__version__}")
        raise typer.Exit
    run = f"{os.getpid():x}"
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format=f"%(levelname)s run={run} %(name)s: %(message)s",
        stream=sys.stderr,
    )
    context.obj = {"config": config, "debug": debug}
    if not debug:
        sys.excepthook = report_bug


def settings(context: typer.Context, warehouse: str | None = None, memory_limit: str | None = None) -> Config:
    from finops.config import load_config

    return load_config(context.obj["config"], flags={"warehouse": warehouse, "memory_limit": memory_limit})


def opened(config: Config) -> Warehouse:
    from finops.warehouse.warehouse import Warehouse

    return Warehouse.open(config.warehouse, memory_limit=config.memory_limit)


@contextmanager
def reading(config: Config) -> Iterator[Reader]:
    """A consistent snapshot; an empty warehouse is an error that says how to fill it."""
    with opened(config).reader() as reader:
        if reader.published.number == 0:
            raise ConfigError(
                "the warehouse is empty", where=config.warehouse, hint="finops load PATH… or finops demo, then again"
            )
        yield reader


def say(text: str) -> None:
    """Conversation: to stderr."""
    typer.echo(text, err=True)


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
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Load files or folders; without a path, every source in finops.toml."""
    from finops.ingest import load_sources
    from finops.summary import load_text

    config = settings(context, warehouse, memory_limit)
    with progress() as tell:
        report = load_sources(
            opened(config), config, paths or [], source=source, invoice=invoice, replace_source=replace_source, progress=tell
        )
    typer.echo(load_text(report, fmt))


@app.command()
def status(
    context: typer.Context,
    diff: Annotated[str | None, typer.Option("--diff", help="What changed in the bill since that day.", metavar="DATE")] = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Sources, coverage, freshness, provisional days, reconciliation."""
    from finops.plans import changes_since
    from finops.summary import diff_text, status_text

    config = settings(context, warehouse)
    since = day(diff)
    if since is not None:
        typer.echo(diff_text(changes_since(opened(config), since), str(since), fmt))
        return
    with reading(config) as reader:
        typer.echo(status_text(reader, fmt))


@app.command()
def costs(
    context: typer.Context,
    by: Annotated[str, typer.Option("--by", help="FOCUS columns, day, month or tag:KEY.", metavar="COL[,COL]")] = "service",
    metric: Annotated[
        Literal["effective", "billed", "list", "contracted"], typer.Option("--metric", help="Which cost to add up.")
    ] = "effective",
    first: Annotated[str | None, typer.Option("--from", help="First day (charge period, UTC).", metavar="DATE")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, included.", metavar="DATE")] = None,
    where: Annotated[list[str] | None, typer.Option("--where", help="COL=VALUE or COL!=VALUE; repeatable.")] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", help="Convert each day at its loaded rate (default: separate totals).")
    ] = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Spend, by any FOCUS column or tag; currencies are never added."""
    from finops.queries import Condition, CostQuery
    from finops.summary import costs_text

    cost: CostMetric = metric
    query = CostQuery(
        by=tuple(name.strip() for name in by.split(",") if name.strip()),
        metric=cost,
        first=day(first),
        last=day(last),
        where=tuple(Condition.parse(text) for text in where or []),
        currency=currency,
    )
    with reading(settings(context, warehouse)) as reader:
        typer.echo(costs_text(reader, query, fmt))


@app.command(add_help_option=False)
def recommend(
    context: typer.Context,
    kinds: Annotated[list[str] | None, typer.Argument(help="Kinds (default: all).", metavar="[KIND]...")] = None,
    as_of: AsOfOption = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only this owner's resources.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Only what was not there before.")] = False,
    min_saving: Annotated[float, typer.Option("--min-saving", help="Least saving a month to show.")] = 0.0,
    fail_on: Annotated[
        float | None, typer.Option("--fail-on", help="Exit with 3 when the plan saves at least this a month.", metavar="AMOUNT")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Recommend although the bill is not reconciled (red).")] = False,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
    help_wanted: Annotated[bool, typer.Option("--help", help="This text; with a KIND, its thresholds.")] = False,
) -> None:
    """The plan: what to do, in which order, and what it saves; one for each currency."""
    from finops.plans import Selection, make_plans
    from finops.summary import plans_text, thresholds_text

    if help_wanted:
        typer.echo(thresholds_text(kinds) if kinds else context.get_help())
        return
    config = settings(context, warehouse)
    selection = Selection(tuple(kinds or ()), owner, new, min_saving)
    with reading(config) as reader, progress() as tell:
        tell("making the plan")
        plans = make_plans(reader, config, selection, as_of=day(as_of), force=force)
    typer.echo(plans_text(plans, fmt))
    if fail_on is not None and any(float(plan.plan.saving) >= fail_on for plan in plans):
        raise typer.Exit(3)


@app.command()
def explain(
    context: typer.Context,
    recommendation: Annotated[str, typer.Argument(help="Id of a recommendation, or its first characters.", metavar="ID")],
    as_of: AsOfOption = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Facts, estimator, action, range, assumptions, rejected alternatives, the SQL, the patch."""
    from finops.plans import explained
    from finops.summary import explanation_text

    config = settings(context, warehouse)
    with reading(config) as reader, progress() as tell:
        tell("making the plan")
        view, found = explained(reader, config, recommendation, as_of=day(as_of))
    typer.echo(explanation_text(view, found, fmt))


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


@app.command()
def maintain(context: typer.Context, warehouse: WarehouseOption = None, fmt: FormatOption = "table") -> None:
    """Compact small files and vacuum what no published state of the last seven days needs."""
    from finops import render
    from finops.warehouse.maintain import maintain as run

    typer.echo(render.rows([asdict(row) for row in run(opened(settings(context, warehouse)))], fmt))


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("finops.toml"),
    show: Annotated[bool, typer.Option("--print", help="Print it instead.")] = False,
) -> None:
    """Write a commented finops.toml."""
    from finops.config import commented

    if show:
        typer.echo(commented())
        return
    if path.exists():
        raise ConfigError("the file is there already", where=str(path), hint="finops init --print shows what it would hold")
    path.write_text(commented(), "utf-8")
    say(f"{path} written: every setting, commented out.")


@app.command()
def demo(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(help="Folder that becomes the warehouse.", metavar="[DIR]")] = "./demo",
    fmt: FormatOption = "table",
) -> None:
    """The sample company, end to end, without credentials: load, reconcile, recommend."""
    from finops.demo import run_demo
    from finops.summary import demo_text

    config = settings(context, folder)
    with progress() as tell:
        report = run_demo(opened(config), config, progress=tell)
    typer.echo(demo_text(report, folder, fmt))


@contextmanager
def progress() -> Iterator[Callable[[str], object]]:
    """A spinner with the step at hand, on a terminal only; yields `tell(step)`."""
    if not sys.stderr.isatty():
        yield log.info
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as spinner:
        yield spinner.update


def day(text: str | None) -> date | None:
    """An ISO date. Raises ConfigError."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"`{text}` is no date", hint="write it as 2026-10-31") from None


def report_bug(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    """What nobody foresaw: one line, and how to see more."""
    say(f"error: {kind.__name__}: {error}\n  this is a defect of finops; the same call with `finops --debug …` shows where")


def main() -> None:
    """Entry point. Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 --fail-on reached."""
    try:
        app()
    except FinopsError as error:
        say(f"error: {error}")
        raise SystemExit(error.exit_code) from None
