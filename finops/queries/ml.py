"""What machine learning costs: by platform, accelerator, team and model; idle accelerators, runs, endpoints and tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from finops.queries.accelerators import (
    AcceleratorRow,
    IdleMachine,
    OwnerRow,
    accelerator_use,
    accelerators,
    idle_by_owner,
    idle_now,
)
from finops.queries.costs import Condition
from finops.queries.ml_estate import DAYS, Gap, MlEstate, MlLine, ml_estate
from finops.queries.ml_tokens import TokenRow, tokens
from finops.queries.ml_units import EndpointRow, RunRow, endpoints, runs
from finops.queries.reads import Reads
from finops.queries.teams import Allocation


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One part of a currency's ML spend, exactly: `amount` before promotional credits, `credits` (≤ 0), `share` 0 … 1."""

    name: str
    currency: str
    amount: Decimal
    credits: Decimal
    share: float


@dataclass(frozen=True, slots=True)
class MlReport:
    """Every ML answer of the 30 days up to `as_of`. Each of the four spends sums to `totals` and `credits` exactly.

    totals  ML spend before promotional credits; with `credits` (≤ 0) it is the effective cost of the bill
    keys  resources with ML spend, in lower case: what a plan's unknowns are chosen by
    gaps  facts that these answers lack, a resource at a time
    """

    as_of: date
    totals: dict[str, Decimal]
    credits: dict[str, Decimal]
    platforms: tuple[SpendRow, ...]
    accelerators: tuple[SpendRow, ...]
    teams: tuple[SpendRow, ...]
    models: tuple[SpendRow, ...]
    gpu_hours: tuple[AcceleratorRow, ...]
    owners: tuple[OwnerRow, ...]
    idle: tuple[IdleMachine, ...]
    runs: tuple[RunRow, ...]
    endpoints: tuple[EndpointRow, ...]
    tokens: tuple[TokenRow, ...]
    keys: frozenset[str]
    gaps: tuple[Gap, ...]

    @property
    def first(self) -> date:
        return self.as_of - timedelta(days=DAYS - 1)


def ml(reads: Reads, as_of: date, allocation: Allocation, where: Sequence[Condition] = ()) -> MlReport:
    """The report of what is in scope. Raises ConfigError (an unknown column of a rule or a condition)."""
    estate = ml_estate(reads, as_of, allocation, where)
    use = accelerator_use(reads, estate)
    totals = _summed(estate.ml_lines, lambda _: "")
    return MlReport(
        as_of=as_of,
        totals={currency: amount for (currency, _), (amount, _) in sorted(totals.items())},
        credits={currency: credit for (currency, _), (_, credit) in sorted(totals.items())},
        platforms=_spend(estate, lambda line: line.service or "(no service)"),
        accelerators=_spend(estate, estate.accelerator),
        teams=_spend(estate, lambda line: line.team),
        models=_spend(estate, estate.model),
        gpu_hours=tuple(accelerators(estate, use)),
        owners=tuple(idle_by_owner(estate, use)),
        idle=tuple(idle_now(estate, use)),
        runs=tuple(runs(reads, estate)),
        endpoints=tuple(endpoints(reads, estate)),
        tokens=tuple(tokens(reads, estate)),
        keys=estate.keys,
        gaps=tuple(estate.gaps),
    )


def _spend(estate: MlEstate, name: Callable[[MlLine], str]) -> tuple[SpendRow, ...]:
    wholes = {currency: amount for (currency, _), (amount, _) in _summed(estate.ml_lines, lambda _: "").items()}
    rows = [
        SpendRow(of, currency, amount, credit, float(amount / wholes[currency]) if wholes[currency] else 0.0)
        for (currency, of), (amount, credit) in _summed(estate.ml_lines, name).items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.currency, -row.amount, row.name)))


def _summed(lines: Iterable[MlLine], name: Callable[[MlLine], str]) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    sums: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    for line in lines:
        key = (line.currency, name(line))
        amount, credit = sums.get(key, (Decimal(0), Decimal(0)))
        sums[key] = (amount + line.cost, credit + line.credits)
    return sums
