"""What is known of each finding on a day: when it was first seen, for how long, what was decided, what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias

from finops.model import Change, Effect

State: TypeAlias = Literal["open", "applied", "gone"]
Verb: TypeAlias = Literal["dismissed", "reopened", "approved", "applied"]
Status: TypeAlias = Literal["new", "open", "dismissed", "applied", "gone"]

CLAIM_DAYS = 14
"""For how long a person's word that something is applied stands without the bill showing it: a provider restates the last days,
and a change that is rolled out on a Monday is on every daily line within two weeks."""

MONTH_DAYS = Decimal(365) / 12
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PlanRun:
    """One recorded plan of one currency. `failed` kinds were not judged; `rules` identifies thresholds and calculation."""

    as_of: date
    currency: str
    rules: str
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding in one recorded plan: what it promised that day, or what became of it by then.

    low … high  promised a month, in the plan; `alone` as the only action
    effect      what it does to the lines of `billed_as`, for the bill after it
    applied_on  the first day on which the bill shows it; of a purchase, `commitment` is what was bought
    """

    as_of: date
    finding_id: str
    currency: str
    state: State
    reason: str
    recommender: str
    kind: str
    provider: str
    account_id: str
    region: str
    service: str
    resource_id: str
    billed_as: str
    owner: str
    action: str
    action_from: str
    action_to: str
    low: Decimal
    expected: Decimal
    high: Decimal
    alone: Decimal
    cash_12m: Decimal
    effect: Effect
    instrument: str = ""
    commitment: str = ""
    applied_on: date | None = None

    @property
    def words(self) -> str:
        return f"{self.action} → {self.action_to}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said of a finding. `as_of` is the day that the loaded bill reached then, `decided_at` the wall clock."""

    finding_id: str
    as_of: date
    decided_at: datetime
    verb: Verb
    by: str
    why: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One finding on one day.

    streak   recorded plans in a row that hold it, up to the last
    waiting  what it has cost to leave it open since it was first seen
    decision the word that stands, if any does
    """

    entry: Entry
    status: Status
    reason: str
    first_seen: date
    streak: int
    waiting: Decimal
    decision: Decision | None = None

    @property
    def approved(self) -> bool:
        """Decided to be done, or said to be done; the bill does not show it yet."""
        return self.decision is not None and self.decision.verb in ("approved", "applied") and self.status != "gone"


class History:
    """Everything recorded up to `day`; nothing after it is known."""

    def __init__(self, day: date, runs: Sequence[PlanRun], entries: Sequence[Entry], decisions: Sequence[Decision]) -> None:
        self.day = day
        self._runs: dict[str, list[PlanRun]] = {}
        for run in sorted((r for r in runs if r.as_of <= day), key=lambda r: r.as_of):
            self._runs.setdefault(run.currency, []).append(run)
        self._entries: dict[str, list[Entry]] = {}
        for entry in sorted((e for e in entries if e.as_of <= day), key=lambda e: e.as_of):
            self._entries.setdefault(entry.finding_id, []).append(entry)
        self._decisions: dict[str, list[Decision]] = {}
        for decision in sorted((d for d in decisions if d.as_of <= day), key=lambda d: d.decided_at):
            self._decisions.setdefault(decision.finding_id, []).append(decision)

    def __contains__(self, finding_id: str) -> bool:
        return finding_id in self._entries

    @property
    def plan_days(self) -> list[date]:
        """The days of the recorded plans, those without a finding too."""
        return sorted({run.as_of for runs in self._runs.values() for run in runs})

    def find(self, prefix: str) -> list[str]:
        """The ids that begin so."""
        return sorted(finding_id for finding_id in self._entries if finding_id.startswith(prefix))

    def last_run(self, currency: str) -> PlanRun | None:
        runs = self._runs.get(currency, [])
        return runs[-1] if runs else None

    def entries(self, finding_id: str) -> Sequence[Entry]:
        return self._entries.get(finding_id, [])

    def standings(self) -> list[Standing]:
        """Every finding ever recorded, largest first."""
        found = [self.standing(finding_id) for finding_id in self._entries]
        return sorted(found, key=lambda s: (s.entry.currency, -s.entry.expected, s.entry.finding_id))

    def standing(self, finding_id: str) -> Standing:
        """Raises KeyError for an id that was never recorded."""
        entries = self._entries[finding_id]
        last = entries[-1]
        judged = self._judging(last)
        status, reason, decision = self._status(last, judged)
        held = {entry.as_of for entry in entries if entry.state == "open"}
        streak = 0
        for run in reversed(judged):
            if run.as_of not in held:
                break
            streak += 1
        first = min(held, default=last.as_of)
        return Standing(last, status, reason, first, streak, self._waiting(entries, judged), decision)

    def _judging(self, entry: Entry) -> list[PlanRun]:
        """The runs that looked for such findings."""
        return [run for run in self._runs.get(entry.currency, []) if entry.kind not in run.failed]

    def _status(self, last: Entry, judged: Sequence[PlanRun]) -> tuple[Status, str, Decision | None]:
        said = self._decisions.get(last.finding_id, [])
        decision = said[-1] if said and said[-1].verb != "reopened" else None
        if last.state != "open":
            return last.state, last.reason, decision
        if judged and last.as_of < judged[-1].as_of:
            return "gone", f"the plan of {judged[-1].as_of} no longer holds it", decision
        seen = min(entry.as_of for entry in self._entries[last.finding_id] if entry.state == "open")
        status: Status = "new" if seen >= self.day else "open"
        if decision is None:
            return status, "", None
        return self._decided(status, decision)

    def _decided(self, status: Status, decision: Decision) -> tuple[Status, str, Decision | None]:
        """What a person's word makes of a finding that is in the plan."""
        if decision.verb == "dismissed" and decision.until is not None:
            if self.day < decision.until:
                return "dismissed", f"until {decision.until} by {decision.by}: {decision.why}", decision
            return "open", f"its dismissal by {decision.by} ended on {decision.until}", None
        if decision.verb == "applied":
            if self.day <= decision.as_of + timedelta(days=CLAIM_DAYS):
                return "applied", f"{decision.by} applied it; the bill does not show it yet", decision
            return "open", f"{decision.by} said on {decision.as_of} that it is applied, and the bill does not show it", None
        return ("open" if status == "open" else status), f"approved by {decision.by}", decision

    def _waiting(self, entries: Sequence[Entry], judged: Sequence[PlanRun]) -> Decimal:
        """Each plan's promise a day, for the days until the next plan; not while somebody had decided to leave it."""
        promised = {entry.as_of: entry.expected for entry in entries if entry.state == "open"}
        total = ZERO
        for run, end in zip(judged, [*(later.as_of for later in judged[1:]), self.day], strict=True):
            if run.as_of in promised:
                days = (end - run.as_of).days - self._dismissed_days(entries[0].finding_id, run.as_of, end)
                total += promised[run.as_of] * days / MONTH_DAYS
        return total

    def _dismissed_days(self, finding_id: str, start: date, end: date) -> int:
        said = self._decisions.get(finding_id, [])
        days = 0
        for index, decision in enumerate(said):
            if decision.verb == "dismissed" and decision.until is not None:
                over = min(decision.until, said[index + 1].as_of) if index + 1 < len(said) else decision.until
                days += max(0, (min(end, over) - max(start, decision.as_of)).days)
        return days


def effect_document(effect: Effect) -> dict[str, object]:
    """An effect as plain values, for keeping."""
    changes = [
        {"factor": str(c.factor), "unit": c.unit, "meter": c.meter, "sku": c.sku, "covered": c.covered, "spot": c.spot}
        | ({} if c.steady is None else {"steady": str(c.steady)})
        for c in effect.changes
    ]
    return {"changes": changes, "adds": str(effect.adds), "cut": str(effect.cut)}


def effect_of(document: Mapping[str, object]) -> Effect:
    """The effect that was kept. Raises KeyError, TypeError for another document."""
    kept = document["changes"]
    if not isinstance(kept, list):
        raise TypeError("changes must be a list")
    changes = tuple(
        Change(**{**change, **{name: Decimal(change[name]) for name in ("factor", "steady") if name in change}})
        for change in kept
    )
    return Effect(changes, Decimal(str(document["adds"])), Decimal(str(document["cut"])))
