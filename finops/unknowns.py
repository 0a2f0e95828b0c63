"""Unknowns: which facts are missing, what waits for each, and how to supply it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from finops.bill.lines import ZERO
from finops.model import Finding, Unknown
from finops.money import cents

NAMED = 50
"""Resources named for one fact; `resources` counts all of them."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One missing fact: how many resources wait for it, what they cost a month, how to supply it, and the dearest of them."""

    missing: str
    resources: int
    spend_at_stake: Decimal
    how: str
    ids: tuple[str, ...] = ()

    @property
    def row(self) -> dict[str, object]:
        """As a table shows it, without the names."""
        return {
            "missing": self.missing,
            "resources": self.resources,
            "spend_at_stake": self.spend_at_stake,
            "how": self.how,
        }


def missing_facts(findings: Iterable[Finding], how: Mapping[str, str]) -> tuple[Missing, ...]:
    """What is missing, by the spend that waits for it; a resource counts once a fact, whoever asks."""
    waiting: dict[str, dict[tuple[str, str], Finding]] = {}
    for finding in findings:
        for fact in finding.verdict.missing if isinstance(finding.verdict, Unknown) else ():
            waiting.setdefault(fact, {})[(finding.scope.provider, finding.bill_key)] = finding
    rows = [_missing(fact, list(of_fact.values()), how) for fact, of_fact in waiting.items()]
    return tuple(sorted(rows, key=lambda m: (-m.spend_at_stake, m.missing)))


def _missing(fact: str, findings: list[Finding], how: Mapping[str, str]) -> Missing:
    dearest = sorted(findings, key=lambda finding: (-finding.monthly_cost, finding.scope.resource))
    ids = tuple(finding.scope.resource for finding in dearest[:NAMED])
    stake = cents(sum((finding.monthly_cost for finding in findings), ZERO))
    return Missing(fact, len(findings), stake, how_to_supply(fact, how), ids)


def how_to_supply(fact: str, how: Mapping[str, str]) -> str:
    """The remedy of a missing fact; that of the longest name that begins it, else of any metric."""
    names = [name for name in how if fact == name or fact.startswith(f"{name} ")]
    if names:
        begins = max(names, key=len)
        return how[begins].replace("{fact}", fact.removeprefix(begins).strip())
    return how.get("", "").replace("{fact}", fact)
