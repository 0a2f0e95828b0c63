"""The vocabulary: scopes, facts, actions, savings, verdicts, findings, recommendations."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from finops.window import Window

Kind: TypeAlias = Literal[
    "idle",
    "schedule",
    "rightsizing",
    "modernize",
    "storage_tiering",
    "spot",
    "autoscaling",
    "commitments",
    "network",
    "ml_efficiency",
    "ai_usage",
]
Basis: TypeAlias = Literal["effective", "contracted", "list"]
Effort: TypeAlias = Literal["low", "medium", "high"]
Status: TypeAlias = Literal["new", "open", "dismissed", "applied"]

KINDS: tuple[str, ...] = get_args(Kind)

WATCH = "watch"
"""The first word of a `Keep.why` for what is not yet proven: short streak, lower bound not above zero, unmatured backtest."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An amount a month with its range."""

    low: Decimal
    expected: Decimal
    high: Decimal

    def __post_init__(self) -> None:
        if not self.low <= self.expected <= self.high:
            raise ValueError(f"{self.low} ≤ {self.expected} ≤ {self.high} does not hold")

    @classmethod
    def exactly(cls, amount: Decimal) -> Estimate:
        return cls(amount, amount, amount)

    def __add__(self, other: Estimate) -> Estimate:
        """Ends added to ends: conservative, as if all errors had one cause."""
        return Estimate(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def scaled(self, factor: Decimal) -> Estimate:
        if factor < 0:
            raise ValueError("a negative factor would turn the range over")
        return Estimate(self.low * factor, self.expected * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Scope:
    """What something is about, from broad to narrow; an empty field stands for all."""

    provider: str
    account: str = ""
    region: str = ""
    service: str = ""
    resource: str = ""

    def contains(self, other: Scope) -> bool:
        mine = (self.provider, self.account, self.region, self.service, self.resource)
        theirs = (other.provider, other.account, other.region, other.service, other.resource)
        return all(not a or a == b for a, b in zip(mine, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Fact:
    """One observed number: `source` names table and window, so that a reader can ask again."""

    name: str
    value: Decimal | float | int | str | None
    unit: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that reproduces a claim. `sql` is one statement with its literals bound; it returns the number claimed."""

    facts: tuple[Fact, ...]
    window: Window
    coverage: float
    sql: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Saving:
    """What the payer's bill falls by. All amounts in `currency`, ex tax.

    effective_monthly  accrual, gross of promotional credits
    cash_12m           what leaves the bank less in twelve months, after stranded commitments and upfront payments
    one_off            what acting costs once (snapshots, transitions, early deletion); positive is a cost
    """

    effective_monthly: Estimate
    cash_12m: Decimal
    one_off: Decimal
    currency: str
    basis: Basis = "effective"
    assumes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """The resource goes away; `keeps` names what must be copied first (a snapshot, say)."""

    target: str = "deleted"


@dataclass(frozen=True, slots=True)
class Stop:
    """Compute stops being billed, attached storage stays."""

    target: str = "stopped"


@dataclass(frozen=True, slots=True)
class Schedule:
    """On only in the hours that `target` describes."""

    target: str
    on_hours_per_month: Decimal


@dataclass(frozen=True, slots=True)
class Resize:
    """Another size or machine; `current` and `target` are the price list's own names."""

    current: str
    target: str


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """One setting changes."""

    current: str
    target: str


@dataclass(frozen=True, slots=True)
class Move:
    """Another storage class, tier or place."""

    current: str
    target: str


@dataclass(frozen=True, slots=True)
class UseSpot:
    """Spot instead of on-demand capacity."""

    current: str
    target: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Other bounds or targets of an automatic scaler; what its policy says beyond them, 0 where it says nothing.

    scale_in    percent of use below which units go, `cooldown` seconds after the last change at the earliest
    step        units that come or go at once
    boot        seconds until a new unit serves
    per_minute  requests a minute of each unit at the target
    hours       (first hour, hour after the last, least units), all of a day in UTC from 0 to 24; empty: the minimum alone
    """

    current: str
    target: str
    scale_in: int = 0
    cooldown: int = 0
    step: int = 1
    boot: int = 0
    per_minute: int = 0
    hours: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """Buy a commitment. `hourly` is in the plan's currency per hour (spend) or in `unit` (usage); `first` of it at once.

    covers  region, machine and operating system of what a lock holds for; empty: all that the instrument has a price for
    holds   of what is sold by parts, how many of each `first` is
    payer   the billing account that it is bought on and holds for, where the provider charges several
    """

    instrument: str
    term: str
    payment: str
    hourly: Decimal
    unit: str
    target: str
    first: Decimal = Decimal(0)
    covers: tuple[tuple[str, str, str], ...] = ()
    holds: tuple[tuple[str, int], ...] = ()
    payer: str = ""


Action: TypeAlias = Delete | Stop | Schedule | Resize | Reconfigure | Move | UseSpot | Scale | Commit


@dataclass(frozen=True, slots=True)
class Change:
    """What an action does to the lines of a resource that `unit` and `meter` select (empty: any).

    factor       what is left of their cost, 0 … 1 at the same usage pattern (a price ratio for a resize)
    sku          the machine that replaces them; a commitment follows only where it covers that one
    covered      False leaves covered lines alone (reserved units that are not a saving)
    spot         what becomes of the lines is spot capacity, which no commitment covers, now or later
    steady       the share of their cost that goes on in every hour, where hours are taken away; None: all that is left
    """

    factor: Decimal
    unit: str = ""
    meter: str = ""
    sku: str = ""
    covered: bool = True
    spot: bool = False
    steady: Decimal | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.factor <= 1:
            raise ValueError(f"{self.factor} is no share of a cost")
        if self.steady is not None and not 0 <= self.steady <= 1:
            raise ValueError(f"{self.steady} is no share of a cost")


@dataclass(frozen=True, slots=True)
class Effect:
    """What an action does to the bill of its resource.

    changes  the first that selects a line applies to it; other lines stay
    adds     new monthly cost (a snapshot that replaces a volume); negative where a commitment's fee displaces more than itself
    cut      an absolute monthly amount off the resource's lines, at most what they cost (tiering, commitments)
    """

    changes: tuple[Change, ...] = ()
    adds: Decimal = Decimal(0)
    cut: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Act:
    """Do it: the saving is priced, its evidence is complete, and `effect` says what the simulated bill loses."""

    action: Action
    saving: Saving
    confidence: float
    why: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class Keep:
    """Leave it, for this reason. A reason that begins with `watch` may turn into an act."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No verdict: these facts are missing (`memory_utilization`, `price of m7g.large`, …)."""

    missing: tuple[str, ...]


Verdict: TypeAlias = Act | Keep | Unknown


@dataclass(frozen=True, slots=True)
class Finding:
    """One recommender's verdict on one scope at one date."""

    recommender: str
    kind: str
    scope: Scope
    verdict: Verdict
    evidence: Evidence
    as_of: date
    monthly_cost: Decimal
    currency: str
    tags: Mapping[str, str] = field(default_factory=dict)
    patch: str = ""
    effort: Effort = "low"
    reversible: bool = True
    resource_type: str = ""
    billed_as: str = ""  # the bill's key of the resource, where the scope is narrower (a prefix) or the bill names another
    explanation: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    lifecycle: str = ""  # the rules of an object store that carry it out, as JSON in the store's own form

    @property
    def bill_key(self) -> str:
        """The resource as the simulated bill knows it."""
        return (self.billed_as or self.scope.resource).lower()

    @property
    def id(self) -> str:
        """Stable across runs: it depends on the recommender, the scope and the kind of action, not on amounts."""
        action = type(self.verdict.action).__name__ if isinstance(self.verdict, Act) else ""
        s = self.scope
        text = "\x1f".join((self.recommender, s.provider, s.account, s.region, s.service, s.resource, action))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A finding that acts, with its place in the plan. Cents; `saving` is net of `stranded`, which is positive.

    saving    Bill(before) − Bill(after) on the state that the actions before it left
    alone     the same on today's bill, as if it were the only action
    stranded  what commitments that covered the resource go on costing unused
    standing  why the status is what it is, in the ledger's words
    """

    finding: Finding
    rank: int
    saving: Saving
    alone: Decimal
    stranded: Decimal
    status: Status
    first_seen: date
    rejected: tuple[str, ...] = ()
    owner: str = ""
    environment: str = ""
    standing: str = ""

    @property
    def is_to_do(self) -> bool:
        return self.status in ("new", "open")


def action_name(action: Action) -> str:
    """`Delete`, `Resize`, …: the word that JSON and the waterfall use."""
    return type(action).__name__
