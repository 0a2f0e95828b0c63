"""A machine's own meters: what counts its time, named or not, and nothing else on its bill."""

from __future__ import annotations

from decimal import Decimal

import pytest

from finops.bill.lines import Line
from finops.sizing.meters import at_share, machine_lines


def line(meter: str, machine: str = "", unit: str = "Hours", cost: str = "10", category: str = "Usage") -> Line:
    amount = Decimal(cost)
    return Line("vm", "P", "a", "r", "s", meter, unit, machine, "Linux", "", category, Decimal(720), amount, amount, amount)


CORE, MEMORY = line("N1 Core", "n1-standard-8"), line("N1 Ram", "n1-standard-8", "GiB-Hours")
GPU, BLANK = line("Nvidia Tesla T4 GPU running"), line("N1 Predefined Instance")
DISK, ADDRESS, CREDIT = line("PD Capacity", unit="GiB-Months"), line("External IP"), line("N1 Core", category="Credit")


@pytest.mark.parametrize(
    ("lines", "whole", "without"),
    [
        ([CORE, MEMORY, GPU, DISK, ADDRESS, CREDIT], [CORE, MEMORY, GPU], [CORE, MEMORY]),
        ([BLANK, GPU, DISK], [BLANK, GPU], [BLANK]),  # nothing names the machine: all that counts time
        ([GPU, DISK], [GPU], [GPU]),  # a machine that is called by its accelerator
        ([line("N1 Core", "n1-standard-8", cost="0"), DISK], [], []),
    ],
)
def test_the_meters_of_a_machine(lines: list[Line], whole: list[Line], without: list[Line]) -> None:
    assert machine_lines(lines) == whole
    assert machine_lines(lines, accelerators=False) == without


def test_a_part_that_names_no_machine_becomes_none() -> None:
    """No commitment to a machine may cover what is left of an accelerator."""
    changes = at_share([CORE, MEMORY, GPU], Decimal("0.5"), "n1-standard-4").changes
    assert {change.meter: change.sku for change in changes} == {
        CORE.meter: "n1-standard-4",
        MEMORY.meter: "n1-standard-4",
        GPU.meter: "",
    }
    assert [change.sku for change in at_share([BLANK], Decimal("0.5"), "n1-standard-4").changes] == ["n1-standard-4"]
