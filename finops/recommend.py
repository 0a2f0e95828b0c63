"""The recommender contract: two protocols, one for a resource at a time and one for the whole portfolio.

A recommender is one module of `recommenders/` with one public frozen dataclass whose fields are its thresholds
(`Annotated[type, Field(ge=…, description=…)]`) and whose docstring's first line is its title. Its `candidates` query reads
marts only, through `$as_of`; each row becomes one candidate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Protocol, runtime_checkable

from finops.bill.simulate import Bill
from finops.model import Finding
from finops.pricing import PriceBook
from finops.window import Window, last_known


@dataclass(frozen=True, slots=True)
class Context:
    """What a judge may know beside its candidate. No clock: time is `as_of`, the last complete day.

    bill    one currency's simulated bill: of today, or, for portfolio-wide judges, what the others' actions leave, with what
            is only watched taken as well
    before  the bill of today
    prices  those in the bill's currency, or converted as the bill converts; amounts in another are no price of it
    """

    as_of: date
    prices: PriceBook
    bill: Bill
    before: Bill
    currency: str

    @property
    def at(self) -> datetime:
        """Whose prices are asked."""
        return last_known(self.as_of)

    @property
    def window(self) -> Window:
        """The last 30 complete days: what `current` is made of."""
        return Window.of_days(self.as_of - timedelta(days=29), self.as_of)


Row = Mapping[str, Any]
"""One row of a candidates query, by column name; money as Decimal, times aware."""


@runtime_checkable
class Recommender(Protocol):
    """Judges one candidate at a time."""

    kind: ClassVar[str]
    candidates: ClassVar[str]

    def judge(self, candidate: Row, context: Context, /) -> Iterable[Finding]: ...


@runtime_checkable
class PortfolioRecommender(Protocol):
    """Judges all candidates at once, after the others, on the usage that they leave."""

    kind: ClassVar[str]
    candidates: ClassVar[str]

    def judge_all(self, candidates: Sequence[Row], context: Context, /) -> Iterable[Finding]: ...
