"""The application: global options, settings, errors, and what commands share."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from finops import __version__
from finops.errors import ConfigError, FinopsError

if TYPE_CHECKING:  # a command imports what it runs, so that --help starts at once
    from finops.config import Config
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


def print_version(wanted: bool) -> None:
    """Before a command is asked for."""
    if wanted:
        typer.echo(f"finops {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", help="Settings file (default: ./finops.toml).")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log more, and show tracebacks.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """What three clouds cost, which part of it is waste, and the proof."""
    run = f"{os.getpid():x}"
    # Debugging is ours alone: the SDKs log request headers, and those hold credentials.
    for package in ("finops", "connectors", "recommenders"):
        logging.getLogger(package).setLevel(logging.DEBUG if debug else logging.WARNING)
    logging.basicConfig(
        level=logging.WARNING,
        format=f"%(levelname)s run={run} %(name)s: %(message)s",
        stream=sys.stderr,
    )
    context.obj = {"config": config, "debug": debug}
    if not debug:
        sys.excepthook = report_bug


def settings(context: typer.Context, warehouse: str | None = None) -> Config:
    """The settings of a command on a bill that is loaded: the sample company's where there is no other, which is said."""
    from finops.config import or_sample

    config = given(context, warehouse)
    found = or_sample(config)
    if found is not config:
        say(f"the sample company of {found.warehouse}: nothing is loaded into {config.warehouse} yet")
    return found


def given(context: typer.Context, warehouse: str | None = None, memory_limit: str | None = None) -> Config:
    """The settings as they are given, of a command that fills a warehouse."""
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


def amount(text: str | None, option: str) -> Decimal | None:
    """An amount of money, 0 or more. Raises ConfigError."""
    if text is None:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise ConfigError(f"`{text}` is no amount", where=option, hint="write it as 2.50")
    return value


def report_bug(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    """What nobody foresaw: one line, and how to see more."""
    say(f"error: {kind.__name__}: {error}\n  this is a defect of finops; the same call with `finops --debug …` shows where")


COLLECTED = (50_000, 50, 1_000)
"""When Python looks for cycles of objects: a command makes few, and what it reads lives to its end. Python's own thresholds go
through all of that again and again, for an eighth of `finops recommend`."""


def main() -> None:
    """Entry point. Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 --fail-on reached."""
    gc.set_threshold(*COLLECTED)
    try:
        app()
    except FinopsError as error:
        say(f"error: {error}")
        raise SystemExit(error.exit_code) from None
