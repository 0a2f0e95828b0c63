"""Whether a kind has proved itself on this bill: what replays found, and what follows for the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finops.model import WATCH
from finops.money import cents


@dataclass(frozen=True, slots=True)
class Proof:
    """What a replay found of one kind in one currency, at the thresholds that `rules` is the hash of.

    low     lower end of the 90 % interval of what its decisions saved; None where there was none
    proven  whether that is above zero; None where too few decisions have matured to tell
    """

    kind: str
    currency: str
    as_of: date
    rules: str
    decisions: int
    saved: Decimal
    low: Decimal | None
    proven: bool | None


def in_force(proofs: Iterable[Proof], rules: Mapping[str, str], currency: str) -> dict[str, Proof]:
    """The newest replay of each kind in a currency; one at other thresholds says nothing of these."""
    found: dict[str, Proof] = {}
    for proof in proofs:
        if proof.currency == currency and rules.get(proof.kind) == proof.rules:
            newest = found.get(proof.kind)
            if newest is None or newest.as_of < proof.as_of:
                found[proof.kind] = proof
    return found


def watched(proofs: Mapping[str, Proof]) -> dict[str, str]:
    """Why the actions of a kind are watched, not taken: in the worst case in 20 its decisions of the past saved nothing."""
    return {
        kind: (
            f"{WATCH}: {kind} is not proven on this bill: of {proof.decisions} decisions of the past, replayed as of"
            f" {proof.as_of}, the worst case in 20 saves {cents(proof.low or Decimal(0)):,} (finops backtest {kind})"
        )
        for kind, proof in proofs.items()
        if proof.proven is False
    }


def proof_note(proofs: Mapping[str, Proof], kinds: Sequence[str]) -> str:
    """What replays say of a plan of these kinds, in one line."""
    if not any(kind in proofs for kind in kinds):
        return "no backtest on record: each recommendation stands on its own range (finops backtest)"
    parts = []
    for word, verdict in (("proven", True), ("not proven, so watched", False), ("too few decisions to tell", None)):
        mine = [kind for kind in kinds if kind in proofs and proofs[kind].proven is verdict]
        parts += [f"{word}: {', '.join(mine)}"] if mine else []
    missing = [kind for kind in kinds if kind not in proofs]
    parts += [f"not replayed: {', '.join(missing)}"] if missing else []
    oldest = min(proofs[kind].as_of for kind in kinds if kind in proofs)
    return f"replayed on this bill as of {oldest}: {'; '.join(parts)}"
