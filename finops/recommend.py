"""The recommender contract: two protocols, one for a resource at a time and one for the whole portfolio.

A recommender is one module of `recommenders/` with one public frozen dataclass whose fields are its thresholds
(`Annotated[type, Field(ge=…, description=…)]`) and whose docstring's first line is its title. Its `candidates` query reads
marts only, through `$as_of`; each row becomes one `Candidate` (a NamedTuple named in the module).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Protocol, runtime_checkable

from finops.model import Finding
from finops.pricing import PriceBook


@dataclass(frozen=True, slots=True)
class Context:
    """What a judge may know beside its candidate. No clock: time is `as_of`."""

    as_of: date
    prices: PriceBook


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
