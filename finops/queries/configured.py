"""What the settings ask: budgets and the allocation to teams, as questions know them."""

from __future__ import annotations

from finops.config import Config
from finops.money import cents
from finops.queries.costs import Condition
from finops.queries.month_end import Budget
from finops.queries.teams import Allocation, TeamRule


def allocation(config: Config) -> Allocation:
    """How spend finds its team. Raises ConfigError: a condition that is none."""
    rules = tuple(TeamRule(rule.team, _conditions(rule.where)) for rule in config.allocation.rules)
    return Allocation(rules, tuple(config.tags.owner), config.allocation.spread)


def budgets(config: Config) -> list[Budget]:
    """The budgets. Raises ConfigError: a condition that is none."""
    return [Budget(b.name, cents(b.amount), b.currency, _conditions(b.where), b.metric) for b in config.budgets]


def _conditions(texts: list[str]) -> tuple[Condition, ...]:
    return tuple(Condition.parse(text) for text in texts)
