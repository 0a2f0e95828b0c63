"""Commands that say what was spent."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from finops.cli.root import AsOfOption, FormatOption, WarehouseOption, app, day, reading, say, settings
from finops.errors import ConfigError

if TYPE_CHECKING:
    from finops.queries import Condition, CostMetric
    from finops.warehouse.warehouse import Reader

MetricOption = Annotated[
    Literal["effective", "billed", "list", "contracted"], typer.Option("--metric", help="Which cost to add up.")
]
WhereOption = Annotated[list[str] | None, typer.Option("--where", help="COL=VALUE or COL!=VALUE; repeatable.")]


@app.command()
def costs(
    context: typer.Context,
    by: Annotated[str, typer.Option("--by", help="FOCUS columns, day, month or tag:KEY.", metavar="COL[,COL]")] = "service",
    metric: MetricOption = "effective",
    first: Annotated[str | None, typer.Option("--from", help="First day (charge period, UTC).", metavar="DATE")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, included.", metavar="DATE")] = None,
    where: WhereOption = None,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Against the period before: usage, mix, price, exchange rate, fees and tax."),
    ] = False,
    currency: Annotated[
        str | None, typer.Option("--currency", help="Convert each day at its loaded rate (default: separate totals).")
    ] = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Spend, by any FOCUS column or tag; currencies are never added."""
    from dataclasses import replace

    from finops.queries import CostQuery
    from finops.summary.costs import changes_text, costs_text

    cost: CostMetric = metric
    query = CostQuery(
        by=tuple(name.strip() for name in by.split(",") if name.strip()),
        metric=cost,
        first=day(first),
        last=day(last),
        where=conditions(where),
        currency=currency,
    )
    with reading(settings(context, warehouse)) as reader:
        if compare:
            start, end = compared(reader, query.first, query.last)
            typer.echo(changes_text(reader, replace(query, first=start, last=end), loaded(reader), fmt))
        else:
            typer.echo(costs_text(reader, query, fmt))


@app.command()
def prepaid(
    context: typer.Context,
    first: Annotated[str | None, typer.Option("--from", help="First day (default: of the last month).", metavar="DATE")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day; its month is included.", metavar="DATE")] = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Paid ahead for commitments, by month: opening + bought − amortised = closing."""
    from finops.summary.costs import prepaid_text

    with reading(settings(context, warehouse)) as reader:
        typer.echo(prepaid_text(reader, period(reader, day(first), day(last)), fmt))


@app.command()
def allocate(
    context: typer.Context,
    metric: MetricOption = "effective",
    first: Annotated[str | None, typer.Option("--from", help="First day (default: of the last month).", metavar="DATE")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, included.", metavar="DATE")] = None,
    pods: Annotated[
        bool, typer.Option("--pods", help="Instead the pods of the nodes that the bill splits, and what no pod asked for.")
    ] = False,
    where: WhereOption = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Spend by team: rules and tags, the shared line, what nobody has tagged; it sums to the bill."""
    from finops import queries
    from finops.queries import configured
    from finops.summary.teams import allocation_text, pods_text

    config = settings(context, warehouse)
    with reading(config) as reader:
        start, end = period(reader, day(first), day(last))
        if pods:
            if where:
                raise ConfigError("--pods takes no --where", hint="finops allocate --where …, without --pods")
            typer.echo(pods_text(reader, queries.pods(reader, start, end), (start, end), fmt))
            return
        rows = queries.allocate(
            reader, configured.allocation(config), first=start, last=end, metric=metric, where=conditions(where)
        )
        typer.echo(allocation_text(reader, rows, (start, end), fmt))


@app.command()
def forecast(
    context: typer.Context,
    metric: MetricOption = "effective",
    where: WhereOption = None,
    as_of: AsOfOption = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """What the month ends at, with its range, and which credits and commitments end within a year."""
    from finops import queries
    from finops.summary.teams import month_end_text

    with reading(settings(context, warehouse)) as reader:
        upto = day(as_of) or loaded(reader)
        chosen = conditions(where)
        rows = queries.month_ends(reader, upto, metric=metric, where=chosen)
        typer.echo(month_end_text(reader, rows, fmt, queries.endings(reader, upto, where=chosen)))


@app.command()
def budgets(
    context: typer.Context, as_of: AsOfOption = None, warehouse: WarehouseOption = None, fmt: FormatOption = "table"
) -> None:
    """Each budget of finops.toml: what its month ends at, and how likely it is exceeded."""
    from finops import queries
    from finops.queries import configured
    from finops.summary.teams import month_end_text

    config = settings(context, warehouse)
    with reading(config) as reader:
        upto = day(as_of) or loaded(reader)
        wanted = configured.budgets(config)
        if not wanted:
            say("no budgets are set: [[budgets]] in finops.toml (finops init --print shows how); here is each currency's month")
        rows = queries.budgets(reader, upto, wanted) if wanted else queries.month_ends(reader, upto)
        typer.echo(month_end_text(reader, rows, fmt))


@app.command()
def anomalies(
    context: typer.Context,
    by: Annotated[
        str, typer.Option("--by", help="FOCUS columns or tag:KEY that are looked at together.", metavar="COL[,COL]")
    ] = "service,account",
    days: Annotated[int, typer.Option("--days", min=1, max=180, help="How many settled days to look at.")] = 30,
    least: Annotated[
        float | None,
        typer.Option(
            "--least", min=0, help="Smallest amount above to name (default: a thousandth of the spend).", metavar="AMOUNT"
        ),
    ] = None,
    metric: MetricOption = "effective",
    where: WhereOption = None,
    as_of: AsOfOption = None,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
) -> None:
    """Days that cost more than their past explains: since when, how much above, and whether by usage or by price."""
    from decimal import Decimal

    from finops import queries
    from finops.summary.costs import anomalies_text

    names = tuple(name.strip() for name in by.split(",") if name.strip())
    smallest = None if least is None else Decimal(repr(least))
    with reading(settings(context, warehouse)) as reader:
        upto = day(as_of) or loaded(reader)
        found = queries.anomalies(reader, upto, by=names, metric=metric, where=conditions(where), days=days, least=smallest)
        typer.echo(anomalies_text(reader, found, names, upto, fmt))


def conditions(texts: list[str] | None) -> tuple[Condition, ...]:
    """`--where` as conditions. Raises ConfigError."""
    from finops.queries import Condition

    return tuple(Condition.parse(text) for text in texts or [])


def loaded(reader: Reader) -> date:
    """The last complete loaded day. Raises ConfigError where no bill is loaded."""
    from finops import queries

    upto = queries.as_of(reader)
    if upto is None:
        raise ConfigError("no bill is loaded", hint="finops load PATH… or finops demo")
    return upto


def compared(reader: Reader, first: date | None, last: date | None) -> tuple[date, date]:
    """The days asked for, as far as they are loaded: the others would look like a drop. By default the last complete month.
    Says which bill begins later than what they are compared with. Raises ConfigError where none of them is loaded."""
    from finops import queries

    begin, end = _loaded_days(reader, first, last)
    before = queries.previous(begin, end)
    for currency, began in queries.first_days(reader).items():
        if before[0] < began <= end:
            say(f"the bill in {currency} begins on {began}: what {before[0]} to {before[1]} cost before it is not known")
    return begin, end


def _loaded_days(reader: Reader, first: date | None, last: date | None) -> tuple[date, date]:
    from datetime import timedelta

    end = loaded(reader)
    if first is not None or last is not None:
        begin, until = period(reader, first, last)
        if begin > end:
            raise ConfigError(f"nothing is loaded after {end}", where="--from", hint="finops costs --compare, without days")
        if until > end:
            say(f"the bill is loaded up to {end}: so many days are compared with as many before")
        return begin, min(until, end)
    if (end + timedelta(days=1)).day != 1:
        end = end.replace(day=1) - timedelta(days=1)
    return end.replace(day=1), end


def period(reader: Reader, first: date | None, last: date | None) -> tuple[date, date]:
    """The days asked for; by default the last loaded calendar month up to its last loaded day."""
    end = last or loaded(reader)
    return first or end.replace(day=1), end
