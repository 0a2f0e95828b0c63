"""Classes by age bands: the path equals brute force; self-moving classes, cuts and rules."""

from __future__ import annotations

import json
from itertools import combinations_with_replacement, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.storage.rules import Rule, document
from finops.storage.tiering import DAYS_PER_MONTH, Band, ClassRule, Tariff, cheapest_path, cut

AGES = (0, 10, 30, 60, 90, 200)


@st.composite
def bands(draw: st.DrawFn) -> list[Band]:
    first, number = draw(st.integers(0, 3)), draw(st.integers(1, 3))
    edges = AGES[first : first + number + 1]
    amount = st.floats(0.1, 1000.0)
    return [Band(a, b, draw(amount) * 1000, draw(amount), draw(amount), draw(amount), "c0") for a, b in pairwise(edges)]


@st.composite
def tariffs(draw: st.DrawFn) -> list[Tariff]:
    storage = sorted((draw(st.floats(0.001, 1.0)) for _ in range(3)), reverse=True)
    fee = st.floats(0.0, 0.05)
    rules = [ClassRule(), *(ClassRule(draw(st.sampled_from([0, 20, 30, 90]))) for _ in range(2))]
    return [Tariff(f"c{i}", r, storage[i], draw(fee), draw(fee), draw(fee) * 10, draw(fee)) for i, r in enumerate(rules)]


def borne(lie: list[Band], ranks: tuple[int, ...], of: list[Tariff], months: float) -> float | None:
    """What a decision bears a month, by the rules in words; None where it breaks one."""
    life = lie[-1].day_to
    assert life is not None
    total, entered = 0.0, lie[0].day_from
    for index, (band, rank) in enumerate(zip(lie, ranks, strict=True)):
        before = ranks[index - 1] if index else None
        steps = rank != before
        if steps and before is not None and band.day_from - entered < of[before].rule.min_days:
            return None
        if steps and rank > 0 and (band.day_from < of[rank].rule.min_days or life - band.day_from < of[rank].rule.min_days):
            return None
        entered = band.day_from if steps else entered
        total += band.gigabytes * of[rank].storage + band.objects / 1000 * of[rank].monitoring
        total += band.reads / 1000 * of[rank].reads + band.read_gigabytes * of[rank].retrieval
        if rank > 0:
            total += band.objects / 1000 * of[rank].transition / months
            if steps and index > 0:
                assert band.day_to is not None
                total += band.objects / (band.day_to - band.day_from) * DAYS_PER_MONTH / 1000 * of[rank].transition
    return total


@settings(max_examples=200, deadline=None)
@given(bands(), tariffs())
def test_the_path_over_bands_is_the_best_of_all(lie: list[Band], of: list[Tariff]) -> None:
    costs = {ranks: borne(lie, ranks, of, 12) for ranks in combinations_with_replacement(range(3), len(lie))}
    allowed = {ranks: cost for ranks, cost in costs.items() if cost is not None}
    path = cheapest_path(lie, of, 12)
    chosen = tuple(int(name[1]) for name in path.classes)
    assert allowed[chosen] == pytest.approx(min(allowed.values()), rel=1e-9)


def test_what_lies_in_a_cooler_class_stays_there() -> None:
    of = [Tariff("c0", ClassRule(), 0.02, 0, 0, 0, 0), Tariff("c1", ClassRule(30), 0.01, 0, 1.0, 0.01, 0)]
    lie = [Band(40, 60, 1000, 10, 1000, 10, "c1"), Band(60, None, 1000, 10, 1000, 10, "c0")]
    assert cheapest_path(lie, of, 12).classes == ("c1", "c0")


@pytest.mark.parametrize(
    ("reads", "price"),
    [
        (0.0, 1.0),  # older than all thresholds, never read: at the bottom
        (12.0, 3.0),  # each object every 25 days: always at the top
        (5.0, (30 * 3 + (2 * DAYS_PER_MONTH - 30) * 2) / (2 * DAYS_PER_MONTH)),  # every two months
    ],
)
def test_a_self_moving_class_at_even_reads(reads: float, price: float) -> None:
    tariff = Tariff("auto", ClassRule(), 3.0, 0, 0, 0, 0, idle=((0, 3.0), (30, 2.0), (90, 1.0)))
    assert tariff.gb_month(Band(100, 200, 10, 10, reads, reads, "c0")) == pytest.approx(price)


def test_a_self_moving_class_begins_at_the_top() -> None:
    """10 GB that sink to 1.0: 30 days at 3.0 and 60 at 2.0 first."""
    tariff = Tariff("auto", ClassRule(), 3.0, 0, 0, 0, 0, idle=((0, 3.0), (30, 2.0), (90, 1.0)))
    assert tariff.settling(Band(100, 200, 10, 10, 0, 0, "c0")) == pytest.approx(10 * (30 * 2 + 60 * 1) / DAYS_PER_MONTH)


def test_bands_are_cut_evenly_and_lose_nothing() -> None:
    whole = [Band(10, 100, 900, 90, 9, 0.9, "c0"), Band(100, None, 5, 5, 0, 0, "c0")]
    parts = cut(whole, {30, 90, 0, 400})
    assert [(b.day_from, b.day_to, b.objects) for b in parts] == [
        (10, 30, 200),
        (30, 90, pytest.approx(600)),
        (90, 100, pytest.approx(100)),
        (100, None, 5),
    ]
    assert sum(b.read_gigabytes for b in parts) == pytest.approx(0.9)


RULES = [Rule("logs/", ((30, "cool"), (90, "cold")), delete_days=400), Rule(noncurrent_days=14, abort_days=7)]


def test_rules_as_transitions() -> None:
    logs, hidden = json.loads(document("transitions", RULES))["Rules"]
    assert logs["Transitions"] == [{"Days": 30, "StorageClass": "cool"}, {"Days": 90, "StorageClass": "cold"}]
    assert (logs["ID"], logs["Filter"], logs["Expiration"]) == ("finops-logs", {"Prefix": "logs/"}, {"Days": 400})
    assert hidden["NoncurrentVersionExpiration"] == {"NoncurrentDays": 14}
    assert hidden["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_rules_as_tiers() -> None:
    logs, hidden = json.loads(document("tiers", RULES))["rules"]
    assert logs["definition"]["filters"]["prefixMatch"] == ["logs/"]
    assert logs["definition"]["actions"]["baseBlob"] == {
        "tierToCool": {"daysAfterModificationGreaterThan": 30},
        "tierToCold": {"daysAfterModificationGreaterThan": 90},
        "delete": {"daysAfterModificationGreaterThan": 400},
    }
    assert hidden["definition"]["actions"]["version"] == {"delete": {"daysAfterCreationGreaterThan": 14}}


def test_rules_as_conditions() -> None:
    found = json.loads(document("conditions", RULES))["lifecycle"]["rule"]
    assert found[0] == {
        "action": {"type": "SetStorageClass", "storageClass": "cool"},
        "condition": {"age": 30, "matchesPrefix": ["logs/"]},
    }
    assert {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 14}} in found
