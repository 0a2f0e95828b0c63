"""Recording: the plan of a day with what left it and why, and what people decide. The only place that writes the ledger."""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from finops import CALCULATION_VERSION, queries
from finops.config import Config
from finops.errors import ConfigError, DataError, FinopsError
from finops.ledger import kept
from finops.ledger.bill import Usage, lines_of, seen_on_bill
from finops.ledger.entries import Entry, History, PlanRun, Verb
from finops.ledger.gone import why_gone
from finops.ledger.purchases import Bought, matched
from finops.ledger.tables import DECISIONS, PLAN_FINDINGS, PLAN_RUNS
from finops.model import Act, Commit, Recommendation, action_name
from finops.plans import PlanView, make_plans
from finops.runner import recommenders
from finops.table import Table
from finops.warehouse.records import record_select
from finops.window import PROVISIONAL_DAYS

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader, Warehouse

RECOGNISED_DAYS = 45
"""For how long after a finding left the plan its action may still show on the bill: a billing month and its late lines."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a recording found in the plan, of it new, and what left it; `changed` is False where all of it stood already."""

    as_of: date
    findings: int
    new: int
    applied: int
    gone: int
    changed: bool


def record(
    warehouse: Warehouse, config: Config, *, day: date | None = None, views: Sequence[PlanView] | None = None
) -> Recorded:
    """Record the plan as of a day (default: the last complete loaded day); the same plan twice changes nothing.

    views  the whole plans of that day, where they are at hand
    Raises ConfigError, DataError as `make_plans` does: no bill, or none that a plan can stand on; DataError, too, where a
    bill is left out of the plan: what it would have recommended is not gone.
    """
    with warehouse.reader() as reader:
        made = views if views is not None else make_plans(reader, config, as_of=day)
        _whole(made)
        asked = made[0].plan.as_of
        known = kept.history(reader, asked)
        entries = [entry for view in made for entry in _entries(reader, view, known)]
        runs = [_run(view, config) for view in made]
    held = [e for s in known.standings() for e in known.entries(s.entry.finding_id) if e.as_of == asked]
    changed = _sorted(held) != _sorted(entries) or any(run != known.last_run(run.currency) for run in runs)
    if changed:
        _write(warehouse, asked, made, runs, entries)
    opened = [entry for entry in entries if entry.state == "open"]
    new = [entry for entry in opened if not any(e.as_of < asked for e in known.entries(entry.finding_id))]
    of_state = {state: sum(1 for entry in entries if entry.state == state) for state in ("applied", "gone")}
    return Recorded(asked, len(opened), len(new), of_state["applied"], of_state["gone"], changed)


def _whole(views: Sequence[PlanView]) -> None:
    out = sorted({source for view in views for source in view.left_out})
    if out:
        raise DataError(f"{', '.join(out)} left out of it", hint="finops status names what is red")


def recorded(warehouse: Warehouse, config: Config, views: Sequence[PlanView]) -> str:
    """The whole plans of the last day on record, in one sentence; also where they cannot be, '' where they were."""
    try:
        done = record(warehouse, config, views=views)
    except FinopsError as error:
        return f"the plan is not on record: {error.what}"
    except OSError as error:
        return f"the plan is not on record: the warehouse cannot be written ({error.strerror or type(error).__name__})"
    if not done.changed:
        return ""
    parts = [f"{done.new} new"] + [f"{n} {word}" for n, word in ((done.applied, "applied"), (done.gone, "gone")) if n]
    return f"plan as of {done.as_of} on record: {done.findings} recommendations, {', '.join(parts)} (finops savings)"


def _sorted(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.finding_id)


def _run(view: PlanView, config: Config) -> PlanRun:
    thresholds = {kind: asdict(r) for kind, r in recommenders(config.recommenders).items()}  # type: ignore[call-overload]
    rules = json.dumps([CALCULATION_VERSION, thresholds], sort_keys=True, default=str)
    failed = tuple(sorted({failure.kind for failure in view.plan.failed}))
    return PlanRun(view.plan.as_of, view.plan.currency, hashlib.sha256(rules.encode()).hexdigest()[:12], failed)


def _write(
    warehouse: Warehouse, day: date, views: Sequence[PlanView], runs: Sequence[PlanRun], entries: Sequence[Entry]
) -> None:
    now = datetime.now(UTC).isoformat()
    rows: list[dict[str, object]] = [
        {"as_of": run.as_of, "currency": run.currency, "recorded_at": now, "rules": run.rules}
        | {"current": view.plan.current, "saving": view.plan.saving, "failed": json.dumps(run.failed)}
        | {"x_source": kept.SOURCE}
        for run, view in zip(runs, views, strict=True)
    ]
    unit = (kept.SOURCE, "", day.isoformat())
    with warehouse.writer() as writer:
        writer.replace(PLAN_RUNS, [unit], _select(PLAN_RUNS, rows))
        found = [kept.record_of_entry(entry) for entry in entries]
        empty = f"{_select(PLAN_FINDINGS, [{}])} limit 0"
        writer.replace(PLAN_FINDINGS, [unit], _select(PLAN_FINDINGS, found) if found else empty)
        writer.publish([f"plan as of {day} recorded"])


def _select(table: Table, rows: Sequence[dict[str, object]]) -> str:
    return f"select '{kept.SOURCE}' as x_source, * from ({record_select(table, rows)})"


def _entries(reader: Reader, view: PlanView, known: History) -> list[Entry]:
    """The plan's findings as open, unless the bill shows them done; and what was open before and is not in it."""
    plan = view.plan
    day, settled = plan.as_of, plan.as_of - timedelta(days=PROVISIONAL_DAYS)
    planned = {r.finding.id: _entry(r, plan.currency, day) for r in plan.recommendations}
    watched = _watched(known, plan.currency, day)
    earlier = {e.finding_id: e for e in watched if any(x.as_of < day for x in known.entries(e.finding_id))}
    lines = kept.usage(reader, list(earlier.values()), *kept.window(_first_entries(known, earlier), settled))
    bought = _bought(reader, known, list(earlier.values()), day)
    rows = []
    for finding_id, entry in planned.items():
        before = earlier.get(finding_id)
        done = _applied(before, known, lines, bought, settled, is_planned=True) if before else None
        rows.append(_done(_promise(known, before, done), day, done) if before and done else entry)
    failed = {failure.kind for failure in plan.failed}
    for entry in watched:
        is_over = entry.state == "applied" and entry.as_of < day
        if entry.finding_id in planned or entry.kind in failed or is_over:
            continue
        done = _applied(entry, known, lines, bought, settled, is_planned=False) if entry.finding_id in earlier else None
        if done:
            rows.append(_done(_promise(known, entry, done), day, done))
        elif known.standing(entry.finding_id).status != "gone" or entry.as_of == day:
            rows.append(replace(entry, as_of=day, state="gone", reason=why_gone(entry, plan, lines_of(lines, entry), settled)))
    return rows


@dataclass(frozen=True, slots=True)
class Done:
    """An action that the bill shows: since when, how, and the commitment that was bought."""

    since: date
    how: str
    commitment: str = ""


def _promise(known: History, entry: Entry, done: Done) -> Entry:
    """The last recommendation before it was done: a plan after it sees what is left of the resource's month."""
    opened = [e for e in known.entries(entry.finding_id) if e.state == "open" and e.as_of < done.since]
    return opened[-1] if opened else entry


def _done(entry: Entry, day: date, done: Done) -> Entry:
    return replace(entry, as_of=day, state="applied", reason=done.how, applied_on=done.since, commitment=done.commitment)


def _watched(known: History, currency: str, day: date) -> list[Entry]:
    """What may have been done or have gone: in a plan before, and not gone for longer than the bill needs to tell."""
    found = []
    for standing in known.standings():
        entries = known.entries(standing.entry.finding_id)
        last = max((entry.as_of for entry in entries if entry.state != "gone"), default=day)
        if standing.entry.currency == currency and (day - last).days <= RECOGNISED_DAYS:
            found.append(entries[-1])
    return found


def _first_entries(known: History, entries: dict[str, Entry]) -> list[Entry]:
    return [known.entries(finding_id)[0] for finding_id in entries]


def _applied(
    entry: Entry,
    known: History,
    lines: dict[str, list[Usage]],
    bought: dict[str, Bought],
    settled: date,
    *,
    is_planned: bool,
) -> Done | None:
    """Since when the bill shows it done, and how."""
    if entry.action == "Commit":
        found = bought.get(entry.finding_id)
        return Done(found.since, f"bought: {found.commitment} since {found.since}", found.commitment) if found else None
    opened = [e for e in known.entries(entry.finding_id) if e.state == "open"]
    first = known.standing(entry.finding_id).first_seen
    seen = seen_on_bill(lines_of(lines, entry), opened[-1] if opened else entry, first, settled, is_planned=is_planned)
    return Done(seen.since, seen.how) if seen else None


def _bought(reader: Reader, known: History, entries: Sequence[Entry], day: date) -> dict[str, Bought]:
    """For each recommended purchase the commitment that was bought since; one commitment is one purchase."""
    seen = {e.finding_id: known.standing(e.finding_id).first_seen for e in entries if e.action == "Commit"}
    if not seen:
        return {}
    applied = [s.entry for s in known.standings() if s.entry.state == "applied" and s.entry.as_of < day]
    held = {entry.finding_id: entry.commitment for entry in applied if entry.commitment}
    wanted = [(entry, seen[entry.finding_id]) for entry in entries if entry.finding_id in seen]
    return matched(wanted, kept.bought(reader, min(seen.values()), day), held)


def _entry(recommendation: Recommendation, currency: str, day: date) -> Entry:
    finding, saving = recommendation.finding, recommendation.saving
    if not isinstance(finding.verdict, Act):
        raise TypeError("only findings that act are recorded")
    action, scope, monthly = finding.verdict.action, finding.scope, saving.effective_monthly
    return Entry(
        as_of=day,
        finding_id=finding.id,
        currency=currency,
        state="open",
        reason="",
        recommender=finding.recommender,
        kind=finding.kind,
        provider=scope.provider,
        account_id=scope.account,
        region=scope.region,
        service=scope.service,
        resource_id=scope.resource,
        billed_as=finding.bill_key,
        owner=recommendation.owner,
        action=action_name(action),
        action_from=str(getattr(action, "current", "")),
        action_to=action.target,
        low=monthly.low,
        expected=monthly.expected,
        high=monthly.high,
        alone=recommendation.alone,
        cash_12m=saving.cash_12m,
        effect=finding.verdict.effect,
        instrument=action.instrument if isinstance(action, Commit) else "",
    )


def decide(
    warehouse: Warehouse,
    config: Config,
    prefix: str,
    verb: Verb,
    *,
    by: str | None = None,
    why: str = "",
    until: date | None = None,
) -> Entry:
    """Record what a person says of a finding; the finding. `by` is the system's user unless given.

    dismissed  needs `until` (the day it is open again) and `why`
    approved   it will be done; applied: it is done, which the bill has yet to show
    reopened   takes the last word back
    Raises ConfigError: no such finding, or more than one; a dismissal that is over already, or has no reason.
    """
    by = (by or getpass.getuser()).strip()
    _said(by, "--by")
    if verb == "dismissed" and (not why.strip() or until is None):
        raise ConfigError("a dismissal says why, and until when", hint="--until 2027-03-31 --why 'needed for the audit'")
    if why:
        _said(why, "--why")
    finding_id, day, entry = _named(warehouse, config, prefix)
    if until is not None and until <= day:
        raise ConfigError(f"{until} is not after {day}, the last loaded day", where="--until", hint="name a later day")
    row = {"finding_id": finding_id, "as_of": day, "decided_at": datetime.now(UTC).isoformat(), "verb": verb}
    row |= {"until": until, "decided_by": by, "why": why.strip()}
    with warehouse.writer(wait_s=30) as writer:
        select = _select(DECISIONS, [row])
        units = writer.connection.execute(f"select {DECISIONS.unit} from ({select})").fetchall()
        writer.replace(DECISIONS, [(kept.SOURCE, "", units[0][0])], select)
        writer.publish([f"{finding_id} {verb}"])
    return entry


def _named(warehouse: Warehouse, config: Config, prefix: str) -> tuple[str, date, Entry]:
    """The finding whose id begins so, in the recorded plans; the plan is recorded first where it is not yet."""
    for attempt in (0, 1):
        with warehouse.reader() as reader:
            day = queries.as_of(reader)
            if day is None:
                raise ConfigError("no bill is loaded", where=config.warehouse, hint="finops load PATH… or finops demo")
            known = kept.history(reader, day)
        found = known.find(prefix) if prefix else []
        if len(found) == 1:
            return found[0], day, known.standing(found[0]).entry
        if found:
            raise ConfigError(
                f"`{prefix}` is the beginning of {len(found)} ids: {', '.join(found)}", hint="give more characters"
            )
        if attempt == 0:
            record(warehouse, config)
    raise ConfigError(f"no recommendation `{prefix}` on record", hint="finops recommend lists the ids")


def _said(text: str, where: str) -> None:
    if not text.strip() or not text.isprintable():
        raise ConfigError("must be one line of text", where=where, hint=f"{where} 'some words'")
