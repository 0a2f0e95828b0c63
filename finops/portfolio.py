"""One sequenced plan on one simulated bill: conflicts, order, what each step saves on the state left, ranks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from finops.agreements import Agreements, Floor, Place, Yearly
from finops.bill.lines import ZERO, keys_of
from finops.bill.simulate import Bill, Outcome
from finops.conflicts import ORDER, Proposed, Taken, choose, deletes, turn
from finops.evidence import saving_sql
from finops.model import (
    WATCH,
    Act,
    Commit,
    Estimate,
    Finding,
    Keep,
    Recommendation,
    Saving,
    Unknown,
)
from finops.money import cents
from finops.unknowns import Missing, missing_facts

RUN_RATE = "run_rate"
"""The step from what was billed to the month ahead: what began within the window costs more (negative), what ended less."""


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of the waterfall: an amount a month (`current`, `after`), or a signed saving."""

    name: str
    amount: Decimal
    is_level: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """One resource that stays as it is, and why."""

    finding: Finding
    why: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A recommender that crashed; the others went on."""

    kind: str
    error: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that `finops recommend` says in one currency. The steps sum exactly: current − savings = after."""

    as_of: date
    currency: str
    steps: tuple[Step, ...]
    recommendations: tuple[Recommendation, ...]
    keeps: tuple[Kept, ...]
    unknowns: tuple[Missing, ...]
    unknown_verdicts: int
    failed: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = field(default=())
    undecided: tuple[Finding, ...] = ()
    floors: tuple[Floor, ...] = ()

    @property
    def current(self) -> Decimal:
        return self.steps[0].amount

    @property
    def after(self) -> Decimal:
        return self.steps[-1].amount

    @property
    def saving(self) -> Decimal:
        """What all recommendations together save of a month at run rate."""
        return self.current - self.after - sum((step.amount for step in self.steps if step.name == RUN_RATE), ZERO)

    def find(self, prefix: str) -> list[Recommendation]:
        """The recommendations whose id starts so."""
        return [r for r in self.recommendations if r.finding.id.startswith(prefix)]


def waterfall_bars(plan: Plan) -> list[dict[str, object]]:
    """The steps as bars between two levels, in the order of the plan; steps that save nothing are left out."""
    bars: list[dict[str, object]] = []
    level = ZERO
    for step in plan.steps:
        if step.is_level:
            bars.append(
                {"step": step.name, "start": 0.0, "end": float(step.amount), "kind": "level", "amount": float(step.amount)}
            )
            level = step.amount
        elif step.amount:
            kind = "saving" if step.amount > 0 else "cost"
            bars.append(
                {"step": step.name, "start": float(level), "end": float(level - step.amount), "kind": kind}
                | {"amount": float(step.amount)}
            )
            level -= step.amount
    return bars


class Sequencer:
    """Puts findings on the bill, kind by kind, and remembers what each did.

    Amounts are rounded to cents by telescoping: each step is the difference of two rounded running totals, so that what is
    printed sums exactly.
    """

    def __init__(self, bill: Bill, currency: str, as_of: date, unproven: Mapping[str, str] | None = None) -> None:
        """`unproven`: kinds that replays have not proved, and why their actions are watched."""
        self.before = bill.copy()
        self.bill = bill
        self.currency = currency
        self.as_of = as_of
        self._unproven = unproven or {}
        self._taken: list[Taken] = []
        self._watched: dict[str, Proposed] = {}
        self._kept: list[Kept] = []
        self._unknown: list[Finding] = []
        self._net = ZERO
        self._stranded = ZERO

    def take(self, findings: Iterable[Finding]) -> None:
        """Sequence these after all that came before. Findings in another currency are ignored."""
        acts: dict[str, Proposed] = {}
        for finding in findings:
            if finding.currency != self.currency:
                continue
            match finding.verdict:
                case Act() as act:
                    proposed = Proposed(finding, act, self.before.value(finding.bill_key, act.effect))
                    if why := self._why_watched(proposed):
                        self._kept.append(Kept(finding, why))
                        self._watched[finding.id] = proposed
                    else:
                        acts[finding.id] = proposed
                case Keep(why):
                    self._kept.append(Kept(finding, why))
                case Unknown():
                    self._unknown.append(finding)
        chosen, rejected = choose(list(acts.values()), self._taken)
        for proposed in chosen:
            self._apply(proposed, rejected.get(proposed.finding.id, ()))

    def _why_watched(self, proposed: Proposed) -> str:
        """Why an action is watched, not taken; empty where it is taken."""
        saving, kind = proposed.act.saving, proposed.finding.kind
        if saving.effective_monthly.low <= 0 < saving.effective_monthly.expected:
            return _unproven(saving)
        return "" if _renews(proposed.act) else self._unproven.get(kind, "")

    def committable(self) -> Bill:
        """The bill that there is to commit to: what the plan leaves, and would leave with what is watched taken as well.

        A commitment lasts a year, a watch does not. Of watched actions that exclude one another, or what the plan does, one
        counts as it would in a plan; one that deletes counts whatever the plan does meanwhile.
        """
        bill = self.bill.copy()
        watched = self._watched.values()
        deleting, _ = choose([each for each in watched if deletes(each.act)], ())
        changing, _ = choose([each for each in watched if not deletes(each.act)], (*self._taken, *deleting))
        for proposed in sorted((*deleting, *changing), key=turn):
            outcome = bill.apply(proposed.finding.bill_key, proposed.act.effect)
            if outcome.net <= 0:
                bill.undo(outcome)
        return bill

    def _apply(self, proposed: Proposed, rejected: tuple[str, ...]) -> None:
        finding = proposed.finding
        outcome = self.bill.apply(finding.bill_key, proposed.act.effect)
        net, stranded = self._net + outcome.net, self._stranded + outcome.stranded
        step = cents(net) - cents(self._net)
        if step <= 0 and not _renews(proposed.act):
            self.bill.undo(outcome)
            self._kept.append(Kept(finding, _nothing_left(outcome)))
            return
        left_over = cents(stranded) - cents(self._stranded)
        self._taken.append(Taken(finding, proposed.act, proposed.alone, step, left_over, rejected))
        self._net, self._stranded = net, stranded

    def plan(
        self,
        *,
        kinds: Sequence[str],
        failed: Sequence[Failure] = (),
        owners: tuple[Sequence[str], Sequence[str]] = (("owner", "team"), ("environment", "env")),
        how: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
        agreements: Agreements | None = None,
    ) -> Plan:
        """The plan so far. `owners` are the tag keys of owner and environment, `how` says how to supply what is missing."""
        ranked = sorted(self._taken, key=lambda t: (-_weight(t), t.finding.id))
        left = self._left()
        agreed = agreements or Agreements()
        yearly = [Yearly(self._charged(t), 12 * t.net, t.act.saving.cash_12m - 12 * _expected(t)) for t in ranked]
        cash = agreed.cash(yearly, self.currency, self.as_of)
        return Plan(
            as_of=self.as_of,
            currency=self.currency,
            steps=self._steps(kinds),
            recommendations=tuple(
                self._recommendation(t, rank, owners, left, cash[rank - 1]) for rank, t in enumerate(ranked, 1)
            ),
            floors=agreed.floors_of(yearly, self.currency, self.as_of),
            keeps=tuple(self._kept),
            unknowns=missing_facts(self._open_questions(), how or {}),
            unknown_verdicts=len(self._unknown),
            undecided=tuple(self._unknown),
            failed=tuple(failed),
            notes=(*notes, *agreed.notes(self.currency)),
        )

    def _charged(self, taken: Taken) -> Place:
        """Where the resource is charged, by a seller in a marketplace or the provider; what is bought covers any service."""
        lines, scope = self.before.lines(taken.finding.bill_key), taken.finding.scope
        if not lines:
            return Place(scope.provider, scope.account)
        most = max(lines, key=lambda line: line.cost)
        return Place(most.provider, most.account, most.service)

    def _open_questions(self) -> list[Finding]:
        """What is unknown of resources that stay."""
        gone = {key for t in self._taken if deletes(t.act) for key in keys_of(t.finding.bill_key)}
        return [finding for finding in self._unknown if not gone.issuperset(keys_of(finding.bill_key))]

    def _steps(self, kinds: Sequence[str]) -> tuple[Step, ...]:
        current = cents(self.before.billed)
        begun = current - cents(self.before.total)
        steps = [Step("current", current, is_level=True), Step(RUN_RATE, begun, is_level=False)]
        for kind in sorted({*kinds, *(t.finding.kind for t in self._taken)}, key=ORDER.index):
            of_kind = [t for t in self._taken if t.finding.kind == kind]
            steps.append(Step(kind, sum((t.net + t.stranded for t in of_kind), ZERO), is_level=False))
        steps.append(Step("stranded", -sum((t.stranded for t in self._taken), ZERO), is_level=False))
        after = current - sum((s.amount for s in steps[1:]), ZERO)
        return (*steps, Step("after", after, is_level=True))

    def _left(self) -> dict[str, list[Kept]]:
        """What other kinds leave as it is, and why, by resource."""
        left: dict[str, list[Kept]] = {}
        for kept in self._kept:
            left.setdefault(kept.finding.bill_key, []).append(kept)
        return left

    def _recommendation(
        self,
        taken: Taken,
        rank: int,
        owners: tuple[Sequence[str], Sequence[str]],
        left: Mapping[str, Sequence[Kept]],
        cash: Decimal,
    ) -> Recommendation:
        finding = taken.finding
        beside = [kept for kept in left.get(finding.bill_key, ()) if kept.finding.kind != finding.kind]
        others = dict.fromkeys(f"{kept.finding.kind}: {kept.why}" for kept in beside)
        evidence = finding.evidence
        if not evidence.sql:
            sql = saving_sql(self.before, finding.bill_key, taken.act.effect, taken.alone, finding)
            finding = replace(finding, evidence=replace(evidence, sql=sql))
        return Recommendation(
            finding=finding,
            rank=rank,
            saving=_in_plan(taken.act.saving, taken.net, cash),
            alone=cents(taken.alone.net),
            stranded=taken.stranded,
            status="new",
            first_seen=self.as_of,
            rejected=(*finding.rejected, *taken.rejected, *others),
            owner=_tag(finding.tags, owners[0]),
            environment=_tag(finding.tags, owners[1]),
        )


def _renews(act: Act) -> bool:
    """Whether it keeps what today's bill has: it saves nothing of that bill, and has a date."""
    return isinstance(act.action, Commit) and act.saving.effective_monthly.expected == 0


def _unproven(saving: Saving) -> str:
    """Why a saving whose range reaches zero is watched, not acted on."""
    monthly = saving.effective_monthly
    return f"{WATCH}: its saving of {cents(monthly.expected)} a month is not proven, it may be {cents(monthly.low)}"


def _nothing_left(outcome: Outcome) -> str:
    if outcome.stranded > 0:
        return f"a commitment covers it, and nothing else could use it: {cents(outcome.stranded)} a month would be stranded"
    return "nothing left to save after the steps before it"


def _weight(taken: Taken) -> Decimal:
    return taken.net * Decimal(str(taken.act.confidence))


def _expected(taken: Taken) -> Decimal:
    return taken.act.saving.effective_monthly.expected


def _in_plan(alone: Saving, net: Decimal, cash: Decimal) -> Saving:
    """The saving of the finding with its range scaled to what is left of it in the plan, and what that leaves in the bank."""
    expected = alone.effective_monthly.expected
    scale = net / expected if expected else Decimal(1)
    low = min(net, cents(alone.effective_monthly.low * scale))
    high = max(net, cents(alone.effective_monthly.high * scale))
    return replace(alone, effective_monthly=Estimate(low, net, high), cash_12m=cash)


def _tag(tags: Mapping[str, str], keys: Sequence[str]) -> str:
    lowered = {key.lower(): value for key, value in tags.items()}
    return next((lowered[key.lower()] for key in keys if lowered.get(key.lower())), "")
