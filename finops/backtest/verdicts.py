"""Verdicts at past dates, charged with what the bill and the metrics showed afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from finops.backtest.summary import Decision, charged_saving
from finops.bill.lines import ZERO
from finops.bill.simulate import Bill
from finops.model import Act, Change, Effect, Finding, Keep, Unknown, action_name
from finops.profile import Profile
from finops.storage.buckets import PER_THOUSAND

LAG_DAYS = 3
"""Days by which bills and metrics come late: who decides on a day knows what was complete so long before."""

HORIZON_DAYS = 30
"""What a decision is charged with: the 30 days after it, as many as the simulated bill has."""

STEP_DAYS = 11
"""Days between decision dates: a horizon and its lag are three steps, and no fortnight's use falls between two of them."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """One finding with the machine that it was made about.

    listed  for what a listing of objects says: its day (the first of all where it has none); None: it stands on no listing
    reads   of such an action, what reading all as often again as listed costs a month; None: reads do not change what it does
    """

    finding: Finding
    sku: str
    listed: date | None = None
    reads: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was known at the end of a day: verdicts by kind and thing, the simulated bill, and every resource's profile."""

    day: date
    bill: Bill
    verdicts: Mapping[str, Mapping[Key, Seen]]
    profiles: Mapping[str, Profile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """How a provider's own advisor decides on one resource at a time; from `connectors/<cloud>/data/advice.csv`.

    quantile     of the processor's use that it looks at
    most         what that may be at most, percent
    network_mib  and the mebibytes a day, in and out, at most; None: not asked
    days         days that must have been seen
    left         the share of the cost that its advice leaves: 0 deletes, 0.5 halves
    """

    name: str
    kind: str
    quantile: float
    most: float
    network_mib: float | None
    days: int
    left: Decimal

    def effect(self, profile: Profile) -> Effect | None:
        """What it would do to the resource; None where it leaves it alone."""
        cpu = profile.of("cpu_utilization", "max", "p99", "avg")
        if not cpu or profile.history_days(("cpu_utilization",)) < self.days:
            return None
        if max(series.quantile(self.quantile) for series in cpu) > self.most:
            return None
        if self.network_mib is not None:
            moved = [s for name in ("network_in_bytes", "network_out_bytes") for s in profile.of(name, "sum")]
            if not moved or max(day.total for s in moved for day in s.days[-self.days :]) > self.network_mib * 2**20:
                return None
        return Effect((Change(self.left),))


@dataclass(frozen=True, slots=True)
class Replayed:
    """Matured decisions of one kind, how many have not matured, and how many nobody can judge."""

    decisions: tuple[Decision, ...]
    unmatured: int
    unjudged: int


def decision_days(first: date, last: date, most: int) -> list[date]:
    """Days back from the last in steps, none before the first, in order."""
    count = min(most, (last - first).days // STEP_DAYS + 1) if last >= first else 0
    return [last - timedelta(days=STEP_DAYS * back) for back in reversed(range(count))]


def replay(kind: str, currency: str, snapshots: Sequence[Snapshot], rules: Sequence[Rule] = ()) -> Replayed:
    """Every decision of a kind at every snapshot's day, judged by the verdicts and charged on the bill that followed it."""
    matured: list[Decision] = []
    unmatured = unjudged = 0
    steps = (LAG_DAYS + HORIZON_DAYS) // STEP_DAYS
    for place, at in enumerate(snapshots):
        verdicts = at.verdicts.get(kind, {})
        acts = {key: seen for key, seen in verdicts.items() if isinstance(seen.finding.verdict, Act)}
        if place + steps >= len(snapshots):
            unmatured += len(acts)
            continue
        after = snapshots[place + 1 : place + steps + 1]
        for key, seen in verdicts.items():
            made = _decision(kind, currency, at, seen, after, [rule for rule in rules if rule.kind == kind])
            if made is not None:
                matured.append(made)
            elif key in acts:
                unjudged += 1
    return Replayed(tuple(matured), unmatured, unjudged)


def _decision(
    kind: str, currency: str, at: Snapshot, seen: Seen, after: Sequence[Snapshot], rules: Sequence[Rule]
) -> Decision | None:
    """None where nothing was advised by anyone, or where what followed does not tell who was right."""
    finding, bill = seen.finding, after[-1].bill
    key = finding.bill_key
    later = [s.verdicts.get(kind, {}).get((key, finding.scope.resource)) for s in after]
    if any(one is not None and one.sku != seen.sku for one in later):
        return None  # somebody has changed it meanwhile: what it needs now is no judgement of what it was
    baseline = bill.cost(key)
    net = _net(finding, bill)
    if seen.listed is not None and not any(one is not None and (one.listed or at.day) > at.day for one in later):
        net = allowed = _as_read(seen, net, at.bill, bill)
    else:
        allowed = _allowed([one.finding for one in later if one is not None], bill)
    if allowed is None or baseline <= 0:
        return None
    best = max(ZERO, allowed)
    profile = at.profiles.get(key)
    others = {rule.name: rule.effect(profile) if profile is not None else None for rule in rules}
    if net is None and best == 0 and not any(others.values()):
        return None
    verdict = finding.verdict
    return Decision(
        kind=kind,
        currency=currency,
        account=finding.scope.account,
        subject=finding.scope.resource,
        decided=at.day + timedelta(days=LAG_DAYS),
        ends=after[-1].day,
        action=f"{action_name(verdict.action)} → {verdict.action.target}" if isinstance(verdict, Act) else "",
        baseline=baseline,
        recommended=baseline - (charged_saving(net, best) if net is not None else ZERO),
        hindsight=baseline - best,
        vendors={
            name: baseline - (charged_saving(bill.value(key, effect).net, best) if effect is not None else ZERO)
            for name, effect in others.items()
        },
    )


def _as_read(seen: Seen, net: Decimal | None, before: Bill, after: Bill) -> Decimal | None:
    """What an action on objects saves with as many requests as the bill shows afterwards; None where it shows none.

    The listing that the action stands on is also the newest: asked again, it confirms itself. Storage is saved as decided;
    reads cost as much more as the bucket's requests have grown.
    """
    key = seen.finding.bill_key
    first, then = (requests_of(bill, key) for bill in (before, after))
    if net is None or seen.reads is None or first is None or then is None:
        return None
    growth = Decimal(repr(round(then / first, 6)))
    return net - (growth - 1) * seen.reads


def requests_of(bill: Bill, key: str) -> float | None:
    """Requests a month that a bill charges a bucket for; None where it charges for none."""
    lines = [line for line in bill.lines(key) if line.unit in PER_THOUSAND and line.unit != "Objects" and line.cost > 0]
    return sum(float(line.quantity) / PER_THOUSAND[line.unit] * 1000 for line in lines) or None


def _allowed(findings: Iterable[Finding], bill: Bill) -> Decimal | None:
    """The least saving that any verdict of the horizon allows: one that keeps allows none. None where none decides."""
    return min((_net(f, bill) or ZERO for f in findings if not isinstance(f.verdict, Unknown)), default=None)


def _net(finding: Finding, bill: Bill) -> Decimal | None:
    """What the finding's action does to a bill of 30 days, with what it costs once; None where it does not act."""
    match finding.verdict:
        case Act() as act:
            return bill.value(finding.bill_key, act.effect).net - act.saving.one_off
        case Keep() | Unknown():
            return None
