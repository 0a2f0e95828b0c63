"""The command that answers what ML leads ask."""

from __future__ import annotations

import typer

from finops.cli.costs import WhereOption, conditions, loaded
from finops.cli.root import AsOfOption, FormatOption, WarehouseOption, app, day, reading, settings


@app.command()
def ml(
    context: typer.Context,
    where: WhereOption = None,
    as_of: AsOfOption = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """ML spend of 30 days by platform, accelerator, team, model; idle GPUs, runs, endpoints, tokens; what to measure first."""
    from finops import queries
    from finops.plans import instrument_first, make_plans
    from finops.queries import configured
    from finops.summary.ml import ml_text

    config = settings(context, warehouse)
    with reading(config) as reader:
        upto = day(as_of) or loaded(reader)
        views = make_plans(reader, config, as_of=upto, force=True)
        report = queries.ml(reader, upto, configured.allocation(config), conditions(where))
        typer.echo(ml_text(reader, report, instrument_first(views, report), fmt))
