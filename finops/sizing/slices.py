"""Slices of an accelerator: which partition holds a workload, and how many such slices one accelerator holds."""

from __future__ import annotations

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
"""Smallest first: 1g.10gb, 1g.20gb, 2g.20gb, 3g.40gb, 4g.40gb of a device of 80 GiB, in the same parts on A100, H100 and H200
of any memory; the whole device is no slice.
docs.nvidia.com/datacenter/tesla/mig-user-guide/supported-mig-profiles.html (2026-11)."""

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


def together(one: Slice) -> int:
    """How many such slices one device holds."""
    return min(COMPUTE // one.sevenths, MEMORY // one.eighths)
