"""Slices of an accelerator: which partition holds a workload, and how many accelerators a set of slices takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

COMPUTE, MEMORY = 7, 8
"""Parts of a device: a slice has whole sevenths of its multiprocessors and whole eighths of its memory."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A profile: `sevenths` of the multiprocessors, `eighths` of the memory."""

    sevenths: int
    eighths: int

    def named(self, device_gib: float) -> str:
        """`2g.20gb` of a device of 80 GiB."""
        return f"{self.sevenths}g.{max(1, int(device_gib * self.eighths / MEMORY + 0.5))}gb"


PROFILES = (Slice(1, 1), Slice(1, 2), Slice(2, 2), Slice(3, 4), Slice(4, 4))
"""Smallest first. The vendor's MIG user guide, "Supported MIG Profiles" (release 580, 2025): the same for A100, H100 and H200
of any memory; the whole device is no slice."""

PARTITIONED = ("A100", "H100", "H200")
"""Devices with these profiles."""


def slice_for(model: str, busy: float, held_gib: float, device_gib: float) -> Slice | None:
    """The smallest slice with these shares: `busy` of the device's multiprocessors (0 … 1), `held_gib` of its memory.

    None where the device has no such profiles or only the whole holds it.
    """
    if not any(name in model.upper().replace("-", " ").split() for name in PARTITIONED):
        return None
    fits = (p for p in PROFILES if busy * COMPUTE <= p.sevenths and held_gib <= device_gib * p.eighths / MEMORY)
    return next(fits, None)


def devices_for(slices: Iterable[Slice]) -> int:
    """How many devices hold the slices: first fit, largest memory first.

    Eighths are powers of two, so that in this order no hole is left that a later slice cannot use.
    """
    left: list[tuple[int, int]] = []
    for one in sorted(slices, key=lambda s: (s.eighths, s.sevenths), reverse=True):
        place = next((n for n, (c, m) in enumerate(left) if c >= one.sevenths and m >= one.eighths), None)
        if place is None:
            left.append((COMPUTE, MEMORY))
            place = len(left) - 1
        c, m = left[place]
        left[place] = (c - one.sevenths, m - one.eighths)
    return len(left)


def together(one: Slice) -> int:
    """How many such slices one device holds."""
    return min(COMPUTE // one.sevenths, MEMORY // one.eighths)
