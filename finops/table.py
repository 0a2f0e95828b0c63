"""What a core table is."""

from __future__ import annotations

from dataclasses import dataclass

MONEY = "DECIMAL(38,12)"


@dataclass(frozen=True, slots=True)
class Table:
    """One core table.

    unit       SQL over the table's own columns: a later delivery of a source replaces the units it contains
    partition  SQL over the table's own columns: the folder of the unit (several units may share one)
    required   columns that a file must have, and whose values are never null
    open       whether columns that nobody declared are kept, as `x_<name>` text
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    unit: str
    partition: str
    required: tuple[str, ...]
    open: bool = False

    @property
    def by_day(self) -> bool:
        """Whether a unit is a day."""
        return self.unit.startswith("strftime(") and self.unit.endswith("'%Y-%m-%d')")

    @property
    def types(self) -> dict[str, str]:
        return dict(self.columns)
