"""Idle: what is paid for and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from finops.activity.histories import activity_query
from finops.activity.returns import Left, Recurring, awaited, recurring_of_rows
from finops.activity.streaks import (
    Grade,
    Measured,
    Signal,
    grades,
    measured_of_rows,
    proof_days,
    quiet_period,
    since_use,
)
from finops.activity.uses import CACHE, CPU, GPU_VM, READS, REQUESTS, USES, VM, WATCHED_CACHE, WRITES, ByUse
from finops.kinds import kind_of
from finops.model import Act, Change, Delete, Effect, Estimate, Evidence, Fact, Finding, Keep, Saving, Stop, Unknown, Verdict
from finops.money import cents
from finops.pricing import PriceKey
from finops.profile import IN_PERCENT, Profile, profile_of_row, standby
from finops.recommend import Context, Row
from finops.sizing.estimate import range_share
from finops.sizing.machines import hourly, hourly_lines


@dataclass(frozen=True, slots=True)
class ByState:
    """Idle by what the inventory says; metrics, where there are some, must agree."""

    orphan: Callable[[Candidate], str | Unknown | None]
    min_days: Literal["orphan_days", "at_once"]
    contradicted_by: tuple[Signal, ...] = ()
    snapshot: bool = False


LOOSE = ("available", "unattached", "unassociated", "reserved", "detached")
HELD = ("in-use", "in_use", "attached", "associated", "attaching", "detaching", "activesas", "activeupload")
"""States that tell whether something holds a disk or an address. Any other (`Succeeded`, `READY`) is of its provisioning."""


def _unattached(one: Candidate) -> str | Unknown | None:
    profile, state = one.profile, one.profile.state.lower()
    if profile.attached_to or state in HELD:
        return None
    if not state and not one.attachments_told:
        return Unknown(("state",))
    claimed = profile.properties.get("pvc") or profile.property("statefulset_replicas") is not None
    if claimed and str(profile.properties.get("pvc_phase") or "Bound").lower() == "bound":
        return None
    if state not in LOOSE and not one.attachments_told:
        return Unknown(("attached_to",))
    return f"attached to nothing (state {profile.state})" if state else "attached to nothing, where others of its account are"


def _image_gone(one: Candidate) -> str | Unknown | None:
    properties = one.profile.properties
    if not properties.get("image_id") and "image_state" not in properties:
        return None
    state = str(properties.get("image_state", "")).lower()
    if not state:
        return Unknown(("properties image_state",))
    return f"its image is {state}" if state in ("deregistered", "deleted", "obsolete") else None


def _no_targets(one: Candidate) -> str | Unknown | None:
    targets, healthy = one.profile.property("target_count"), one.measured.get("healthy_targets", ())
    if targets is None and not healthy:
        return Unknown(("properties target_count",))
    none_before = all(day.highest == 0 for day in healthy[-14:])
    return "it has no targets" if targets in (None, 0.0) and none_before else None


VOLUME = ByState(_unattached, "orphan_days", (READS, WRITES), snapshot=True)
SNAPSHOT = ByState(_image_gone, "orphan_days")
ADDRESS = ByState(_unattached, "at_once")
BALANCER = ByState(_no_targets, "at_once", (REQUESTS,))

RULES: dict[str, ByUse | ByState] = {
    **USES,
    "volume": VOLUME,
    "snapshot": SNAPSHOT,
    "address": ADDRESS,
    "load_balancer": BALANCER,
}

SIGNALS = tuple(
    signal
    for rule in (*RULES.values(), GPU_VM, WATCHED_CACHE)
    for signal in (rule.signals if isinstance(rule, ByUse) else rule.contradicted_by)
)
OFF = ("stopped", "terminated", "deallocated", "deleted", "deleting", "completed", "failed", "succeeded")
LAG_DAYS = 3  # metrics come late: a series that ends so long before the window's end is complete
WHOLE_MONTH = 32  # days without which nobody has seen whether an older machine works at the month's end
COVERAGE = 0.75  # share of the idle days that must have data: a gap may hide work

SHARED_BLOCKS = "blocks that other snapshots of its disk need too go on being paid with these: a bill counts each block once"

Judged = tuple[Verdict, list[Fact]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource with what a judge of idleness asks beyond its profile: days by metric, history of inventory and bill."""

    profile: Profile
    measured: Mapping[str, Sequence[Measured]]
    changed: bool
    changed_after: date | None
    attachments: Sequence[str]
    attachments_told: bool
    last_machine: Mapping[str, Any] | None
    loose_days: Sequence[date]
    held_days: Sequence[date]
    billed_use: Sequence[date]
    closings: Sequence[date]
    recurring: Sequence[Recurring]
    recurring_tags: Sequence[Recurring]

    def grades(self, signals: Sequence[Signal]) -> dict[date, Grade]:
        return grades(self.measured, signals, CPU.metric)

    def connected(self, within: int, as_of: date) -> bool:
        """Whether anything, a monitor included, held a connection in the last days."""
        return any(day.highest > 0 for day in self.measured.get("connections", ()) if (as_of - day.day).days < within)


def candidate_of_row(row: Row) -> Candidate:
    return Candidate(
        profile_of_row(row),
        measured_of_rows(row.get("activity") or ()),
        bool(row.get("changed")),
        row.get("changed_after"),
        row.get("attachments") or (),
        bool(row.get("attachments_told")),
        row.get("last_machine"),
        row.get("loose_days") or (),
        row.get("held_days") or (),
        row.get("billed_use") or (),
        row.get("closings") or (),
        recurring_of_rows(row.get("recurring") or ()),
        recurring_of_rows(row.get("recurring_tags") or ()),
    )


@dataclass(frozen=True, slots=True)
class Idle:
    """Idle: what is paid for and does nothing."""

    idle_days: Annotated[int, Field(ge=7, le=365, description="Days in a row without use (Compute Optimizer: 14).")] = 14
    orphan_days: Annotated[
        int, Field(ge=7, le=365, description="Days that a disk or snapshot belongs to nothing (Compute Optimizer: 32).")
    ] = 32
    vacation_days: Annotated[
        int, Field(ge=7, le=365, description="Days without use of what worked on working days only: two weeks off last 16.")
    ] = 18

    kind: ClassVar[str] = "idle"
    candidates: ClassVar[str] = activity_query(SIGNALS, ("healthy_targets",))

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]:
        one = candidate_of_row(candidate)
        profile = one.profile
        kind = kind_of(profile.resource_type)
        rule = RULES.get(kind)
        if candidate.get("unnamed") and rule is not None and profile.state.lower() not in OFF:
            yield finding(one, Unknown(("resource ids",)), (), context)
        if profile.monthly_cost <= 0 or (rule is None and (profile.in_inventory or not profile.billed_machine)):
            return  # what the inventory knows and no rule names is another recommender's
        if kind == "model_deployment" and not hourly_lines(profile, context):
            return  # paid by tokens: without requests it costs nothing
        if rule is VM and (profile.properties.get("gpu_model") or profile.property("gpu_count")):
            rule = GPU_VM
        if rule is CACHE and one.connected(self.idle_days, context.as_of):
            rule = WATCHED_CACHE
        verdict, facts = self._verdict(one, rule, context)
        yield finding(one, verdict, tuple(facts), context)

    def _verdict(self, one: Candidate, rule: ByUse | ByState | None, context: Context) -> Judged:
        profile = one.profile
        if rule is None:
            return Unknown(("inventory of resources",)), []
        if profile.properties.get("object_lock"):
            return Keep("locked: it cannot be deleted"), []
        reason = standby(profile)
        if reason:
            return Keep(reason), []
        if isinstance(rule, ByState) and not profile.in_inventory:
            return Unknown(("inventory of resources",)), []
        if isinstance(rule, ByState):
            return self._by_state(one, rule, context)
        return self._by_use(one, rule, context)

    def _by_use(self, one: Candidate, rule: ByUse, context: Context) -> Judged:
        profile, as_of = one.profile, context.as_of
        signals = [s for s in rule.signals if one.measured.get(s.metric)]
        missing = tuple(g[0].metric for g in rule.needs if not any(s in signals for s in g))
        age = profile.age_days(as_of)
        if age is not None and age < self.idle_days:
            return Unknown(("history",)), [Fact("age", age, "days", "resources.created_at")]
        facts = [_fact(one, signal, as_of) for signal in signals]
        quiet = quiet_period(one.grades(signals))
        if quiet is not None and profile.in_fractions:
            return Unknown((IN_PERCENT,)), facts
        if quiet is not None and profile.is_stale(quiet.last):
            return Unknown(("recent metrics",)), facts
        if quiet is not None and quiet.days < self.idle_days and quiet.worked:
            return Keep("in use: " + _busiest(one, signals, as_of, self.idle_days)), facts
        if missing or quiet is None:
            return Unknown(missing), facts
        facts.append(Fact("idle", quiet.days, "days in a row", "metric_daily"))
        old = age is None or age > quiet.days + LAG_DAYS
        unseen = not quiet.worked and old and quiet.days < WHOLE_MONTH
        if (as_of - quiet.last).days > LAG_DAYS or quiet.coverage < COVERAGE or quiet.days < self.idle_days or unseen:
            return Unknown(("history",)), facts
        need, why = proof_days(quiet, self.idle_days, self.vacation_days, one.billed_use, one.closings)
        if quiet.days < need:
            return Keep(f"watch: idle for {quiet.days} days of {need}: {why}"), facts
        kept = _needed_by(profile, quiet.days)
        if kept:
            return Keep(kept), facts
        return self._act(profile, rule.action, f"no use for {quiet.days} days", quiet.days, context), facts

    def _by_state(self, one: Candidate, rule: ByState, context: Context) -> Judged:
        profile = one.profile
        orphan = rule.orphan(one)
        facts = [Fact("state", profile.state, "", "resources"), Fact("unchanged", profile.unchanged_days, "days", "resources")]
        if isinstance(orphan, Unknown):
            return orphan, facts
        signals = [s for s in rule.contradicted_by if one.measured.get(s.metric)]
        facts += [_fact(one, signal, context.as_of) for signal in signals]
        run = since_use(one.grades(signals), context.as_of)
        if orphan is None:
            return Keep(_held(profile, run, self.orphan_days)), facts
        wait = self.orphan_days if rule.min_days == "orphan_days" else self.idle_days
        age = profile.age_days(context.as_of)
        if signals and run < wait:
            return Keep(f"watch: {orphan}, in use {run} days ago"), facts
        if one.changed and profile.unchanged_days < wait:
            return Keep(f"watch: {orphan}, but only since {profile.unchanged_days} days"), facts
        if age is not None and age < wait:
            return Keep(f"watch: {orphan}, but created only {age} days ago"), facts
        proven = max(run, profile.unchanged_days)
        if proven < wait and (age is None or signals):
            return Unknown(("history",)), facts
        left = _left(one, run if signals else None, context.as_of)
        returns = awaited(left, one.recurring, one.recurring_tags, context.as_of)
        if returns:
            return Keep(returns), facts
        lain = f"for at least {profile.unchanged_days} days" if profile.unchanged_days >= wait else f"and unused for {run} days"
        why = f"{orphan}, {lain}" if proven >= wait else f"{orphan}, created {age} days ago"
        snapshot = self._snapshot(profile, context) if rule.snapshot else Decimal(0)
        if snapshot is None:
            return Unknown((f"price of snapshot in {profile.region} in {context.currency}",)), facts
        return self._act(profile, "Delete", why, max(proven, 1), context, snapshot), facts

    def _snapshot(self, profile: Profile, context: Context) -> Decimal | None:
        """What a month of the snapshot costs that must be taken first; of the whole size where the used part is unknown."""
        key = PriceKey(profile.provider, profile.region, "snapshot", "")
        listed = [p for p in context.prices.choices(key, context.at) if "archive" not in p.key.sku.lower()]
        prices = {p.amount for p in listed if p.currency == profile.currency}
        size = profile.property("used_gib") if profile.property("used_gib") is not None else profile.property("size_gib")
        if size is None or len(prices) != 1:
            return None
        return Decimal(str(size)) * prices.pop() * context.bill.discount(profile.bill_key)

    def _act(self, profile: Profile, action: str, why: str, days: int, context: Context, adds: Decimal = Decimal(0)) -> Verdict:
        units = sorted({line.unit for line in context.bill.lines(profile.bill_key) if hourly(line.unit)})
        every = (Change(Decimal(0)),)
        changes = tuple(Change(Decimal(0), unit=unit) for unit in units) if action == "Stop" else every
        effect = Effect(changes, adds=adds)
        net = cents(context.bill.value(profile.bill_key, effect).net)
        if net <= 0:
            return Keep("watch: nothing would be saved; what it costs is committed or would be paid for its snapshot")
        share = Decimal(str(round(range_share(days), 4)))
        assumes = ["the use of the last 30 days goes on"]
        assumes += ["a snapshot is kept, at the account's discount"] if adds else []
        assumes += [SHARED_BLOCKS] if kind_of(profile.resource_type) == "snapshot" else []
        saving = Saving(
            Estimate(cents(net * (1 - share)), net, net), net * 12, Decimal(0), profile.currency, assumes=tuple(assumes)
        )
        kept = "deleted after a snapshot" if adds else "deleted"
        what = Stop() if action == "Stop" else Delete(kept)
        return Act(what, saving, round(1 - float(share), 2), why, effect)


def finding(one: Candidate, verdict: Verdict, facts: tuple[Fact, ...], context: Context) -> Finding:
    profile = one.profile
    measured = len({day.day for series in one.measured.values() for day in series if (context.as_of - day.day).days < 30})
    by_state = isinstance(RULES.get(kind_of(profile.resource_type)), ByState)
    days = max(measured, min(30, profile.unchanged_days)) if by_state else measured
    return Finding(
        recommender="idle",
        kind="idle",
        scope=profile.scope,
        verdict=verdict,
        evidence=Evidence(facts, context.window, round(days / 30, 2), ""),
        as_of=context.as_of,
        monthly_cost=cents(profile.monthly_cost),
        currency=profile.currency,
        tags={str(k): str(v) for k, v in profile.tags.items()},
        resource_type=profile.resource_type,
        billed_as=profile.bill_key,
        reversible=isinstance(verdict, Act) and isinstance(verdict.action, Stop),
    )


def _held(profile: Profile, unused: int, long: int) -> str:
    """Why what something holds stays; `unused`: days without reads and writes, where they are measured."""
    if not profile.attached_to:
        return "in use: attached, or it serves something"
    holder = profile.attached_to.rsplit("/", 1)[-1]
    if unused < long:
        return f"in use: attached to {holder}"
    return f"attached to {holder}, with which it goes or stays; not used for {unused} days"


def _needed_by(profile: Profile, days: int) -> str | None:
    """Why what is idle cannot go yet."""
    commitment = str(profile.properties.get("commitment") or "").lower()
    if commitment not in ("", "none", "no", "no_commitment", "nocommitment"):
        return f"idle for {days} days, but bought for a term ({commitment}): it is paid until that ends"
    if kind_of(profile.resource_type) == "cache" and profile.attached_to:
        return f"idle for {days} days, but a node of {profile.attached_to}, which goes as a whole"
    if profile.properties.get("only_egress_of_vpc") in (True, "true", 1):
        return f"idle for {days} days, but the only way out of its network"
    return None


def _left(one: Candidate, used: int | None, as_of: date) -> Left:
    """What is known of who left it; `used`: days since its own metrics showed use."""
    profile = one.profile
    words = " ".join((profile.resource, profile.sku, *map(str, profile.tags.values()), *map(str, profile.properties.values())))
    known = one.last_machine
    return Left(
        words,
        one.attachments,
        known["machine"] if known else None,
        known["tags"] if known else "",
        one.changed_after,
        as_of - timedelta(days=profile.unchanged_days),
        None if used is None else as_of - timedelta(days=used),
        one.loose_days,
        one.held_days,
    )


def _fact(one: Candidate, signal: Signal, as_of: date) -> Fact:
    days = one.measured[signal.metric]
    recent = [day for day in days if (as_of - day.day).days < 30]
    when = "highest of 30 days" if recent else f"last measured on {days[-1].day}"
    return Fact(
        signal.metric, round(max(signal.shown(day) for day in recent or days[-1:]), 3), f"{signal.unit}, {when}", "metric_daily"
    )


def _busiest(one: Candidate, signals: Sequence[Signal], as_of: date, within: int) -> str:
    for signal in signals:
        days = [day for day in one.measured[signal.metric] if (as_of - day.day).days < within]
        busy = [day for day in days if signal.grade(day) > Grade.UPKEEP]
        if busy:
            return f"{signal.metric} up to {max(signal.shown(day) for day in busy):,.4g} {signal.unit}"
    return "its metrics show activity"
