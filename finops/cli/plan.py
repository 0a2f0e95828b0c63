"""Commands that say what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from finops.cli.root import AsOfOption, FormatOption, WarehouseOption, app, day, opened, progress, reading, say, settings


@app.command(add_help_option=False)
def recommend(
    context: typer.Context,
    kinds: Annotated[list[str] | None, typer.Argument(help="Kinds (default: all).", metavar="[KIND]...")] = None,
    as_of: AsOfOption = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only this owner's resources.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Only what no recorded plan held before.")] = False,
    min_saving: Annotated[float, typer.Option("--min-saving", help="Least saving a month to show.")] = 0.0,
    fail_on: Annotated[
        float | None,
        typer.Option("--fail-on", help="Exit with 3 when what is new or open saves at least this a month.", metavar="AMOUNT"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Recommend although the bill is not reconciled (red).")] = False,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
    help_wanted: Annotated[bool, typer.Option("--help", help="This text; with a KIND, its thresholds.")] = False,
) -> None:
    """The plan: what to do, in which order, and what it saves; one for each currency."""
    from finops.ledger.record import recorded
    from finops.plans import Selection, make_plans, narrowed
    from finops.summary.explanation import thresholds_text
    from finops.summary.plan import plans_text

    if help_wanted:
        typer.echo(thresholds_text(kinds) if kinds else context.get_help())
        return
    config = settings(context, warehouse)
    selection = Selection(tuple(kinds or ()), owner, new, min_saving)
    with reading(config) as reader, progress() as tell:
        tell("making the plan")
        plans = make_plans(reader, config, Selection(selection.kinds), as_of=day(as_of), force=force)
    typer.echo(plans_text(narrowed(plans, selection), fmt))
    if not kinds and as_of is None and not force and (note := recorded(opened(config), config, plans)):
        say(note)
    if fail_on is not None and any(float(plan.to_do) >= fail_on for plan in plans):
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
    from finops.summary.explanation import explanation_text

    config = settings(context, warehouse)
    with reading(config) as reader, progress() as tell:
        tell("making the plan")
        view, found = explained(reader, config, recommendation, as_of=day(as_of))
    typer.echo(explanation_text(view, found, fmt))
