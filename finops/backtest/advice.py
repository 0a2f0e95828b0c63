"""The providers' own rules of advice, read from `connectors/<cloud>/data/advice.csv`: what backtests compare with."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from finops.backtest.commitments import LevelRule
from finops.backtest.verdicts import Rule
from finops.precedence import rows_of


@cache
def resource_rules() -> tuple[Rule, ...]:
    """Rules that judge one resource at a time, of every cloud: each is tried on all."""
    return tuple(
        Rule(
            name=row["name"],
            kind=row["kind"],
            quantile=float(row["quantile"]),
            most=float(row["most"]),
            network_mib=float(row["network_mib"]) if row["network_mib"] else None,
            days=int(row["days"]),
            left=Decimal(row["left"]),
        )
        for row in rows_of("advice.csv")
        if not row["statistic"]
    )


@cache
def level_rules() -> tuple[LevelRule, ...]:
    """Rules that size a commitment."""
    return tuple(
        LevelRule(
            row["name"],
            "always_on" if row["statistic"] == "always_on" else "best",
            tuple(int(days) for days in row["days"].split("|")),
        )
        for row in rows_of("advice.csv")
        if row["statistic"]
    )
