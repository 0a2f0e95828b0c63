"""Slices of accelerators: the smallest that holds a workload, and how many share a device."""

from __future__ import annotations

import pytest

from finops.sizing.slices import PROFILES, slice_for, together


@pytest.mark.parametrize(
    ("model", "busy", "held", "device", "name"),
    [
        ("A100", 0.10, 9.0, 80, "1g.10gb"),
        ("NVIDIA-A100-SXM4-40GB", 0.10, 5.5, 40, "1g.10gb"),
        ("H100", 0.25, 18.0, 80, "2g.20gb"),
        ("H100", 0.10, 39.0, 80, "3g.40gb"),
        ("H200", 0.5, 60.0, 141, "4g.71gb"),
        ("H100", 0.60, 5.0, 80, None),
        ("A100", 0.05, 41.0, 80, None),
        ("A10G", 0.05, 1.0, 24, None),
    ],
)
def test_the_smallest_slice_that_holds_both(model: str, busy: float, held: float, device: float, name: str | None) -> None:
    found = slice_for(model, busy, held, device)
    assert (found.named(device) if found else None) == name


def test_how_many_share_a_device() -> None:
    assert [together(p) for p in PROFILES] == [7, 4, 3, 2, 1]  # the vendor's table of instances
