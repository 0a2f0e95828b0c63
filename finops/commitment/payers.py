"""Who pays: what is bought on one billing account covers no usage of another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from finops.bill.lines import Line
from finops.commitment.estate import Estate, paid_of_list
from finops.commitment.lapses import Lapse
from finops.commitment.levels import Meter
from finops.recommend import Row

UNKNOWN = "unknown"
"""The billing account of lines that name none, beside others that do."""


@dataclass(frozen=True, slots=True)
class Payers:
    """The billing account of each account, where a provider has several.

    homes    (provider, account) → its billing account today: an account that has moved brings its history along
    several  the providers that charge more than one today
    """

    homes: Mapping[tuple[str, str], str]
    several: frozenset[str]

    def of(self, provider: str, account: str) -> str:
        """Empty where the provider has one only: it is everyone's."""
        if provider not in self.several:
            return ""
        return self.homes.get((provider, account)) or UNKNOWN

    def pays(self, payer: str, meter: Meter) -> bool:
        return self.of(meter.provider, meter.account) == payer

    def estates(self, provider: str, rows: Sequence[Row], estate: Estate) -> Iterable[Estate]:
        """A provider's part of the estate as each of its billing accounts has it.

        rows  the last 30 days' rows of what nothing covers
        """
        names = {self.of(meter.provider, meter.account) for meter in estate.demand if meter.provider == provider}
        for payer in sorted(names):
            if not payer:
                yield estate
                continue
            mine = [row for row in rows if row["provider"] == provider and self.of(provider, row["account_id"]) == payer]
            kept = frozenset(meter for meter in (*estate.demand, *estate.history.whole) if self.pays(payer, meter))
            yield estate.part(kept, payer, {**estate.paid, provider: paid_of_list(mine)})

    def lapses(self, payer: str, lapses: Iterable[Lapse]) -> list[Lapse]:
        """What becomes free on this billing account."""
        found = []
        for lapse in lapses:
            freed = {meter: cost for meter, cost in lapse.freed.items() if self.pays(payer, meter)}
            if freed:
                found.append(replace(lapse, freed=freed))
        return found


def payers_of(rows: Iterable[Row], lines: Iterable[Line]) -> Payers:
    """From the meters' rows of today and of before, and the lines of today's bill."""
    homes = {(row["provider"], row["account_id"]): row["payer"] for row in rows if row["resources"] is None}
    charged: dict[str, set[str]] = {}
    for line in lines:
        if line.payer or line.usable:
            charged.setdefault(line.provider, set()).add(line.payer)
    several = frozenset(provider for provider, payers in charged.items() if len(payers) > 1)
    return Payers(homes, several)
