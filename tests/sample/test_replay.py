"""The sample company's bills are such as its providers would write: the rater reproduces each."""

from __future__ import annotations

from pathlib import Path

from finops import queries
from finops.plans import replayed_bills
from finops.warehouse.warehouse import Warehouse


def test_every_bill_is_reproduced(company: Path) -> None:
    with Warehouse.open(str(company)).reader() as reader:
        day = queries.as_of(reader)
        assert day is not None
        replayed = replayed_bills(reader, day)
    assert len(replayed) == 3
    assert all(replay.commitments for replay in replayed)
    assert {replay.source: round(replay.error, 4) for replay in replayed} == dict.fromkeys((r.source for r in replayed), 0.0)
