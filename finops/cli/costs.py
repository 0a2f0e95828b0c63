"""Commands that say what was spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from finops.cli.root import FormatOption, WarehouseOption, app, day, reading, settings

if TYPE_CHECKING:
    from finops.queries import CostMetric


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
    from finops.summary.costs import costs_text

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
