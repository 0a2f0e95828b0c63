"""What of several actions on one resource is taken, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from finops.bill.lines import keys_of
from finops.bill.simulate import Outcome
from finops.model import Act, Delete, Finding, Resize, Scale, Schedule, Stop
from finops.money import cents

ORDER = (
    "idle",
    "schedule",
    "storage_tiering",
    "rightsizing",
    "modernize",
    "spot",
    "autoscaling",
    "network",
    "ml_efficiency",
    "ai_usage",
    "commitments",
)
"""Who is valued first: what deletes, then what changes, then what is bought for the rest."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A finding whose action is on the simulated bill, with exact amounts."""

    finding: Finding
    act: Act
    alone: Outcome
    net: Decimal
    stranded: Decimal
    rejected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A finding that acts, with what it does to today's bill alone."""

    finding: Finding
    act: Act
    alone: Outcome


def deletes(act: Act) -> bool:
    return isinstance(act.action, (Delete, Stop))


def choose(acts: Sequence[Proposed], taken: Sequence[Taken | Proposed]) -> tuple[list[Proposed], dict[str, tuple[str, ...]]]:
    """One of each group that excludes one another, in the order of their turns; the others become its rejected alternatives."""
    ranked = sorted(acts, key=lambda p: (deletes(p.act), p.alone.net, _holds(p.finding), p.finding.id), reverse=True)
    chosen: list[Proposed] = []
    rejected: dict[str, tuple[str, ...]] = {}
    for proposed in ranked:
        rivals: list[Taken | Proposed] = [*taken, *chosen]
        winner = next((rival for rival in rivals if _excludes(rival, proposed)), None)
        if winner is None:
            chosen.append(proposed)
            continue
        rejected[winner.finding.id] = (*rejected.get(winner.finding.id, ()), *_instead(winner, proposed))
    return sorted(chosen, key=turn), rejected


def turn(proposed: Proposed) -> tuple[int, Decimal, bool, str]:
    """Whose turn it is: by kind, then by saving; of equal ones those first that leave commitments where they are."""
    alone = proposed.alone
    return ORDER.index(proposed.finding.kind), -cents(alone.net), alone.gained != 0, proposed.finding.id


def _holds(finding: Finding) -> bool:
    """Whether the bill names another than what is acted on: of a provider's own machine its holder's command is the one."""
    return finding.bill_key != finding.scope.resource.lower()


def _instead(winner: Taken | Proposed, other: Proposed) -> tuple[str, ...]:
    """The other action in words; none where it is the same one on the same bill, which two things of the inventory share."""
    action, resource = other.act.action, other.finding.scope.resource
    if winner.act.action == action and winner.finding.bill_key == other.finding.bill_key:
        return ()
    of = "" if resource == winner.finding.scope.resource else f" of {resource}"
    return (f"{other.finding.kind}: {type(action).__name__} → {action.target}{of} would save {cents(other.alone.net)} alone",)


def _excludes(winner: Taken | Proposed, other: Proposed) -> bool:
    """Whether only one of two actions on one resource can be taken; a group's number of machines is of their present size."""
    mine, others = ({*keys_of(each.finding.bill_key)} for each in (winner, other))
    if not other.finding.bill_key or not mine & others:
        return False
    if deletes(winner.act) or deletes(other.act):
        return True
    if _other_machine(winner.act) and _other_machine(other.act):
        return True
    if _smaller_of_counted(winner, other) or _smaller_of_counted(other, winner):
        return True
    groups = ((Resize,), (Schedule, Scale)) if mine == others else ((Resize, Scale), (Schedule, Scale))
    return any(isinstance(winner.act.action, group) and isinstance(other.act.action, group) for group in groups)


def _other_machine(act: Act) -> bool:
    """Whether it runs on another machine afterwards, as its own or shared with others."""
    return isinstance(act.action, Resize) or any(change.sku for change in act.effect.changes)


def _smaller_of_counted(one: Taken | Proposed, other: Taken | Proposed) -> bool:
    """Whether one makes the machines smaller that the other counts by what those of the present size serve."""
    scale = other.act.action
    counted = isinstance(scale, Scale) and bool(scale.scale_in or scale.per_minute or scale.boot)
    return counted and one.finding.kind == "rightsizing" and _other_machine(one.act)
