"""Which recommended purchase a commitment is: one commitment is one purchase, of the instrument that was recommended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from finops.ledger.entries import Entry


@dataclass(frozen=True, slots=True)
class Bought:
    """A commitment that began; `instrument` is empty where its provider has no inventory that could tell, `payers` (the billing
    accounts that are charged for it) where no bill does."""

    commitment: str
    provider: str
    instrument: str
    since: date
    payers: frozenset[str] = frozenset()

    def is_for(self, entry: Entry) -> bool:
        """Whether it is on the billing account of a recommended purchase; a renewal, which saves nothing, has its owner's."""
        return entry.expected == 0 or not entry.account_id or not self.payers or entry.account_id in self.payers


def matched(wanted: Sequence[tuple[Entry, date]], bought: Sequence[Bought], held: Mapping[str, str]) -> dict[str, Bought]:
    """The commitment that was bought for each finding, by its id; oldest recommendation first, then the one worth most.

    wanted  recommended purchases and the day on which each was first seen: what began by then was bought for other reasons
    held    the commitment of every finding that is on record as done, whatever it became: no other may claim it
    """
    found: dict[str, Bought] = {}
    free = list(bought)
    for entry, first_seen in sorted(wanted, key=lambda pair: (pair[1], -pair[0].alone, pair[0].finding_id)):
        others = {commitment for finding_id, commitment in held.items() if finding_id != entry.finding_id}
        fits = (
            row
            for row in free
            if row.provider == entry.provider
            and row.since > first_seen
            and row.instrument in ("", entry.instrument)
            and row.commitment not in others
            and row.is_for(entry)
        )
        one = next(fits, None)
        if one is not None:
            free.remove(one)
            found[entry.finding_id] = one
    return found
