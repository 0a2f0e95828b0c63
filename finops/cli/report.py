"""The command that writes a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finops.cli.root import WarehouseOption, app, progress, reading, say, settings
from finops.errors import ConfigError

if TYPE_CHECKING:
    from finops.report import Weekly

FORMATS = (".html", ".md", ".json")

report_app = typer.Typer(help="A report to send or to keep.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(report_app, name="report")


@report_app.command("weekly")
def weekly(
    context: typer.Context,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", help="File to write (.html, .md, .json); repeatable; none: Markdown to stdout.", metavar="FILE"),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", "--where", help="Spend and month end of a part alone: COL=VALUE or COL!=VALUE; repeatable."),
    ] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """The weekly report: trust, spend and why it changed, month end, plan, teams, commitments that expire, data health."""
    from finops.report import weekly as make

    for path in out or []:
        if path.suffix not in FORMATS:
            raise ConfigError(f"a report ends in {', '.join(FORMATS)}", where=str(path), hint="--out report.html")
    config = settings(context, warehouse)
    with reading(config) as reader, progress() as tell:
        tell("making the report")
        report = make(reader, config, scope or [])
    for path in out or []:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((_text(report, path.suffix) + "\n").encode("utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot be written: {error.strerror}", where=str(path), hint="--out names a file") from None
        say(f"{path} written")
    if not out:
        typer.echo(_text(report, ".md"))


def _text(report: Weekly, suffix: str) -> str:
    from finops import render
    from finops.summary.report import document, json_document
    from finops.summary.report_html import report_html
    from finops.summary.report_markdown import report_markdown

    if suffix == ".json":
        return render.document(json_document(report))
    return report_html(document(report)) if suffix == ".html" else report_markdown(document(report))
