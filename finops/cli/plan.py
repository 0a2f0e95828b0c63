"""Commands that say what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from finops.cli.root import AsOfOption, FormatOption, WarehouseOption, app, day, opened, progress, reading, say, settings
from finops.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finops.plans import Selection


class Status(StrEnum):
    """What the ledger says of a recommendation that the plan holds."""

    new = "new"
    open = "open"
    dismissed = "dismissed"
    applied = "applied"


KindOption = Annotated[list[str] | None, typer.Option("--kind", help="Show this kind of the whole plan; repeatable.")]
OwnerOption = Annotated[
    list[str] | None, typer.Option("--owner", help="Show this owner's resources; '' is nobody's; repeatable.")
]
StatusOption = Annotated[
    list[Status] | None, typer.Option("--status", help="Show new, open, dismissed or applied; repeatable.")
]
ProviderOption = Annotated[list[str] | None, typer.Option("--provider", help="Show this provider; repeatable.")]
AccountOption = Annotated[list[str] | None, typer.Option("--account", help="Show this account; repeatable.")]
FailOption = Annotated[
    float | None,
    typer.Option(
        "--fail-on", help="Exit with 3 when what is shown and new or open saves at least this a month.", metavar="AMOUNT"
    ),
]


@app.command(add_help_option=False)
def recommend(
    context: typer.Context,
    kinds: Annotated[
        list[str] | None, typer.Argument(help="Plan these kinds alone (default: all).", metavar="[KIND]...")
    ] = None,
    as_of: AsOfOption = None,
    kind: KindOption = None,
    owner: OwnerOption = None,
    status: StatusOption = None,
    new: Annotated[bool, typer.Option("--new", help="Only what no recorded plan held before: --status new.")] = False,
    provider: ProviderOption = None,
    account: AccountOption = None,
    min_saving: Annotated[float, typer.Option("--min-saving", help="Least saving a month to show.")] = 0.0,
    fail_on: FailOption = None,
    force: Annotated[bool, typer.Option("--force", help="Recommend although the bill is not reconciled (red).")] = False,
    warehouse: WarehouseOption = None,
    fmt: FormatOption = "table",
    help_wanted: Annotated[bool, typer.Option("--help", help="This text; with a KIND, its thresholds.")] = False,
) -> None:
    """The plan: what to do, in which order, what it saves, what is unknown (`--format json` says of which resources)."""
    from finops.ledger.record import recorded
    from finops.plans import make_plans, narrowed
    from finops.summary.explanation import thresholds_text
    from finops.summary.plan import plans_text

    if help_wanted:
        typer.echo(thresholds_text(kinds) if kinds else context.get_help())
        return
    config = settings(context, warehouse)
    chosen = selection(kind, owner, [*map(str, status or []), *(["new"] if new else [])], provider, account, min_saving)
    with reading(config) as reader, progress() as tell:
        tell("making the plan")
        plans = make_plans(reader, config, kinds=tuple(kinds or ()), as_of=day(as_of), force=force)
    shown = narrowed(plans, chosen)
    typer.echo(plans_text(shown, fmt))
    if not kinds and as_of is None and not force and (note := recorded(opened(config), config, plans)):
        say(note)
    if fail_on is not None and any(float(view.to_do) >= fail_on for view in shown):
        raise typer.Exit(3)


def selection(
    kinds: Sequence[str] | None,
    owners: Sequence[str] | None,
    statuses: Sequence[str],
    providers: Sequence[str] | None,
    accounts: Sequence[str] | None,
    min_saving: float,
) -> Selection:
    """The options as a choice. Raises ConfigError for a kind that there is not: nothing would be shown of it, ever."""
    from finops.plans import Selection
    from finops.plugins import recommenders

    known = recommenders() if kinds else {}
    for name in kinds or []:
        if name not in known:
            raise ConfigError(f"there is no recommender `{name}`", hint=", ".join(known))
    return Selection(
        kinds=tuple(kinds or ()),
        owners=tuple(owners or ()),
        statuses=tuple(dict.fromkeys(statuses)),
        providers=tuple(providers or ()),
        accounts=tuple(accounts or ()),
        min_saving=min_saving,
    )


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
