"""Commitments: what one may cover, and the exact level of spend to commit to for a given demand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from finops.pricing import json_object

Floats = NDArray[np.float64]


class Usage(Protocol):
    """What a commitment's scope is compared with."""

    @property
    def provider(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def instance_type(self) -> str: ...
    @property
    def operating_system(self) -> str: ...


def family(sku: str) -> str:
    """The family of a machine name: `m5` of `m5.xlarge`, `db.r5` of `db.r5.large`, `n2` of `n2-standard-8`, `Standard_E*s_v3`
    of `Standard_E16s_v3` and of `Standard_E16-4s_v3`, which is the same machine with fewer cores."""
    if "." in sku:
        return sku.rsplit(".", 1)[0]
    if "_" in sku:
        return re.sub(r"(?<=[A-Za-z])\d+(-\d+)?(?=[a-z]*(_|$))", "*", sku, count=1)
    return sku.split("-", 1)[0]


@dataclass(frozen=True, slots=True)
class Meter:
    """Usage of one machine at one place by one account: what price lists and scopes tell apart."""

    provider: str
    account: str
    region: str
    service: str
    instance_type: str
    operating_system: str

    @property
    def family(self) -> str:
        return family(self.instance_type)


@dataclass(frozen=True, slots=True)
class Commitment:
    """One commitment in force. An empty scope field restricts nothing; it covers only what its instrument allows."""

    id: str
    provider: str
    account: str
    instrument: str
    scope: Mapping[str, Any] = field(default_factory=dict)
    term_end: date | None = None
    term_start: date | None = None
    quantity: float | None = None
    payment: str = ""

    @property
    def sku(self) -> str:
        return str(self.scope.get("sku") or self.scope.get("family") or "")

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts whose usage it covers: those of its scope, else its own where it is not shared; empty: any."""
        named = tuple(str(account) for account in self.scope.get("accounts") or ())
        own = (self.account,) if self.account and not self.scope.get("shared", True) else ()
        return named or own

    def covers(self, usage: Usage, group: Callable[[str], str] = family) -> bool:
        """Whether its scope admits this usage (the services that it covers are known from the bill).

        group  of a machine name: the sizes over which the provider stretches what was bought of one of them
        """
        scope, accounts = self.scope, self.accounts
        return (
            self.provider == usage.provider
            and (not accounts or usage.account in accounts)
            and _admits(scope.get("region"), usage.region)
            and _admits(scope.get("operating_system"), usage.operating_system)
            and self._covers_machine(usage.instance_type, group)
        )

    def _covers_machine(self, machine: str, group: Callable[[str], str]) -> bool:
        named, flexible = str(self.scope.get("sku") or ""), bool(self.scope.get("size_flexible"))
        own = str(self.scope.get("family") or "") or (group(named) if named else "")
        if named and not flexible:
            return machine in (named, f"{named}:{self.scope.get('deployment_type') or self.scope.get('deployment')}")
        if own and (flexible or any(word in self.instrument for word in ("family", "reservation", "resource"))):
            return group(machine) == own or group(machine).rsplit(".", 1)[-1] == own
        return "reservation" not in self.instrument


def _admits(wanted: object, actual: str) -> bool:
    return not wanted or str(wanted).lower() in ("all", "global", "any") or str(wanted) == actual


def commitment_of_row(row: Mapping[str, Any]) -> Commitment:
    """One row of the `commitments` table."""
    start, end = row.get("term_start"), row.get("term_end")
    return Commitment(
        id=row["commitment_id"],
        provider=row["provider"],
        account=row.get("account_id") or "",
        instrument=row.get("instrument") or "",
        scope=json_object(row.get("scope")),
        term_end=end.date() if end is not None else None,
        term_start=start.date() if start is not None else None,
        quantity=float(row["quantity"]) if row.get("quantity") is not None else None,
        payment=row.get("payment") or "",
    )


@dataclass(frozen=True, slots=True)
class Level:
    """An hourly commitment and what it does to the hours that it was computed on (all per hour, on average)."""

    commitment: float
    saving: float
    used: float


def best_level(demand: Floats, discounts: Floats) -> float:
    """The spend per hour that costs least over the hours given: exact.

    demand     hours × meters, on-demand cost of usage that nothing covers (≥ 0)
    discounts  meters; 0 ≤ d < 1, the plan's discount on each

    In every hour the plan covers meters in order of discount, so that the cost of an hour is convex and piecewise linear in the
    commitment: slope 1 − 1/(1 − d) while usage with discount d remains, else 1. All breakpoints are sorted once and swept
    until the total slope is no longer negative: O(TK log TK), where vendors simulate hundreds of levels.
    """
    hours = demand.shape[0]
    if demand.size == 0 or hours == 0:
        return 0.0
    order = np.argsort(-discounts, kind="stable")
    rates = 1.0 - discounts[order]
    ends = np.cumsum(demand[:, order] * rates, axis=1)
    inner = 1.0 - 1.0 / rates
    following = np.append(inner[1:], 1.0)
    steps = np.broadcast_to(following - inner, ends.shape).ravel()
    points = ends.ravel()
    sort = np.argsort(points, kind="stable")
    slope = hours * float(inner[0]) + np.cumsum(steps[sort])
    reached = np.flatnonzero(slope >= -1e-9 * hours)
    if float(inner[0]) >= 0 or reached.size == 0:
        return 0.0
    return float(points[sort][reached[0]])


def covered(demand: Floats, discounts: Floats, commitment: float) -> Floats:
    """What of the demand (hours × meters, on-demand cost) a commitment takes: largest discount first, until it is used up."""
    order = np.argsort(-discounts, kind="stable")
    rates = 1.0 - discounts[order]
    cost = demand[:, order] * rates
    before = np.concatenate([np.zeros((cost.shape[0], 1)), np.cumsum(cost, axis=1)[:, :-1]], axis=1)
    taken = np.empty_like(cost)
    taken[:, order] = np.clip(commitment - before, 0.0, cost) / rates
    return taken


def evaluate(demand: Floats, discounts: Floats, commitment: float) -> Level:
    """The average saving per hour of a commitment over the hours given, and its use (0 … 1)."""
    taken = covered(demand, discounts, commitment)
    hours = max(1, demand.shape[0])
    displaced, used = float(taken.sum()) / hours, float((taken @ (1.0 - discounts)).sum()) / hours
    return Level(commitment, displaced - commitment, used / commitment if commitment else 0.0)


def ladder(total: Decimal, slices: int, step: Decimal) -> tuple[Decimal, ...]:
    """Split a commitment into `slices` purchases, multiples of `step`, that sum to `total`; larger ones first."""
    units = int(total / step)
    base, extra = divmod(units, slices)
    return tuple(step * (base + (1 if index < extra else 0)) for index in range(slices))


def break_even_month(level: Level, term_months: float) -> float:
    """After how many months of today's use the whole commitment has paid for itself, even if all use ended then."""
    displaced = level.saving + level.commitment
    return float("inf") if displaced <= 0 else term_months * level.commitment / displaced
