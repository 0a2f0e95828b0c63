"""The command that hands a recommendation's change over to whoever makes it, or puts it where it is a lifecycle rule."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finops.cli.root import AsOfOption, WarehouseOption, app, day, opened, progress, reading, say, settings
from finops.errors import ConfigError, FinopsError

if TYPE_CHECKING:
    from finops.config import Config
    from finops.live.lifecycle import Done
    from finops.model import Finding


@app.command()
def apply(
    context: typer.Context,
    recommendation: Annotated[str, typer.Argument(help="Id of a recommendation, or its first characters.", metavar="ID")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write it into this folder, a file a form, for a pull request.", metavar="DIR"),
    ] = None,
    form: Annotated[
        str,
        typer.Option("--form", help="What is printed: commands (sh), Terraform (tf), the document (json) or manifest (yaml)."),
    ] = "sh",
    yes: Annotated[
        bool, typer.Option("--yes", help="Put it: lifecycle rules of object storage only, among those that are there.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take out what --yes put, and put back what it replaced.")] = False,
    source: Annotated[
        str | None, typer.Option("--source", help="Source of finops.toml whose credentials put it.", metavar="NAME")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who says so (default: the system's user).", metavar="NAME")] = None,
    as_of: AsOfOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Print a recommendation's patch, write it as a file for a pull request, or (--yes) put the lifecycle rules that it is."""
    config = settings(context, warehouse)
    if undo:
        if yes or out or as_of:
            raise ConfigError("--undo goes without --yes, --out and --as-of", hint="finops apply ID --undo")
        return _taken_back(config, recommendation, by)
    if yes and (out or as_of):
        raise ConfigError(
            "--yes puts what the plan of today says: it goes without --out and --as-of", hint="finops apply ID --yes"
        )
    finding = _found(config, recommendation, as_of, of_use=yes)
    if yes:
        return _put(config, finding, source, by)
    return _shown(finding, out, form)


def _shown(finding: Finding, out: Path | None, form: str) -> None:
    from finops.patches import forms_of

    forms = forms_of(finding)
    if not forms:
        hint = f"finops explain {finding.id} says what to change"
        raise ConfigError("no patch is written for this action on this type of resource", where=finding.id, hint=hint)
    if out is None:
        if form not in forms:
            raise ConfigError(f"this patch has no form `{form}`", where="--form", hint=f"one of {', '.join(forms)}")
        typer.echo(forms[form])
        others = [name for name in forms if name != form]
        return say(f"also as {', '.join(others)}: --form, or all as files: --out DIR") if others else None
    paths = {name: out / f"{finding.id}.{name}" for name in forms}
    if there := [path for path in paths.values() if path.exists()]:
        raise ConfigError("the file is there already", where=str(there[0]), hint="remove it, or give another folder")
    out.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        path.write_text(f"#!/bin/sh\nset -eu\n{forms[name]}\n" if name == "sh" else f"{forms[name]}\n", "utf-8")
    return say(f"{', '.join(map(str, paths.values()))} written; read before you run or apply.")


def _found(config: Config, recommendation: str, as_of: str | None, *, of_use: bool) -> Finding:
    """Raises ConfigError: no such finding; of use: it was set aside, or its bill is red."""
    from finops.plans import explained

    with reading(config) as reader, progress() as tell:
        tell("making the plan")
        view, found = explained(reader, config, recommendation, as_of=day(as_of))
    if of_use and found.status == "dismissed":
        hint = f"finops dismiss {found.finding.id} --reopen, then again"
        raise ConfigError(f"is dismissed: {found.standing}", where=found.finding.id, hint=hint)
    if of_use and view.trust.status == "red":
        raise ConfigError("its bill does not reconcile: nothing is put on it", where=found.finding.id, hint="finops status")
    return found.finding


def _put(config: Config, finding: Finding, source: str | None, by: str | None) -> None:
    from finops.live.lifecycle import put, target

    to = target(finding, config.sources, source)
    with progress() as tell:
        tell(f"reading and putting the rules of {to.bucket.name}")
        done = put(finding, to, opened(config).storage, datetime.now(UTC))
    if not done.record:
        say(f"{done.bucket} has {_rules(done.ours)} already; nothing was put.")
    else:
        say(f"{done.bucket}: {_rules(done.ours)} put, {_rules(done.others)} of others as they were.")
        say(f"what was there is in {done.record} of the warehouse; finops apply {finding.id} --undo takes it back.")
    for note in [line for line in finding.patch.splitlines()[:1] if line.startswith("# tag ")]:
        say(f"it does nothing until you {note[2:]}")
    _decided(config, finding.id, "applied", by, done, "put")


def _taken_back(config: Config, recommendation: str, by: str | None) -> None:
    from finops.live.lifecycle import standing, undo

    storage = opened(config).storage
    record = standing(storage, recommendation)
    if record is None:
        raise ConfigError("nothing that was put is on record", where=recommendation, hint="finops apply ID --yes puts it")
    with progress() as tell:
        tell("taking the rules out")
        done = undo(record, config.sources, storage)
    say(f"{done.bucket}: {_rules(done.ours)} taken out, {_rules(done.others)} of others as they were.")
    _decided(config, record.finding, "reopened", by, done, "taken out")


def _decided(config: Config, finding: str, verb: str, by: str | None, done: Done, what: str) -> None:
    """Into the ledger. Raises FinopsError: what was done at the provider stands, and is said to."""
    from finops.ledger.record import decide

    try:
        with progress() as tell:
            tell("recording")
            decide(opened(config), config, finding, verb, by=by, why=f"lifecycle of {done.bucket} {what}")  # type: ignore[arg-type]
    except FinopsError as error:
        say(f"the rules are {what}; the ledger does not know: run the same again")
        raise error from None


def _rules(count: int) -> str:
    return f"{count} rule{'' if count == 1 else 's'}"
