"""The noisy estate: a seed gives one estate, and a small one goes the whole way through marts and recommenders."""

from __future__ import annotations

from benchmarks.estate import KINDS, bars_of, made, measure


def test_a_seed_gives_one_estate_and_another_gives_another() -> None:
    first, again, other = made(5, 40), made(5, 40), made(6, 40)
    assert first.charges == again.charges
    assert first.truth == again.truth
    assert all((a[4] == b[4]).all() for a, b in zip(first.series, again.series, strict=True))
    assert first.truth != other.truth


def test_a_small_estate_goes_through_the_product() -> None:
    rows, plan, measured = measure(5, 40)
    assert len(rows.truth) == 40
    assert plan.failed == ()
    assert sum(score.right for score in measured.values()) > 0
    bars = list(bars_of(5, 40, measured))
    assert [bar.bar for bar in bars] == [f"{kind} {what}" for kind in KINDS for what in ("precision", "recall")]
    assert all(bar.passes for bar in bars if bar.bar.endswith("precision"))
