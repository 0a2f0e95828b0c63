"""Slices of accelerators: the smallest that holds a workload, and devices for many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.sizing.slices import COMPUTE, MEMORY, PROFILES, Slice, devices_for, slice_for, together


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
    assert devices_for([Slice(3, 4), Slice(2, 2), Slice(2, 2)]) == 1
    assert devices_for([Slice(4, 4), Slice(4, 4)]) == 2
    assert devices_for([]) == 0


@given(st.lists(st.sampled_from(PROFILES), max_size=40))
def test_devices_are_enough_and_at_most_what_each_alone_would_take(slices: list[Slice]) -> None:
    devices = devices_for(slices)
    assert devices <= len(slices)
    assert devices * COMPUTE >= sum(s.sevenths for s in slices)
    assert devices * MEMORY >= sum(s.eighths for s in slices)
