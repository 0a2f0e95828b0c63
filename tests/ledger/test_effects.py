"""An effect comes back from its document as it was: a plan that did not change is no new record."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal

import pytest

from finops.ledger.entries import effect_document, effect_of
from finops.model import Change, Effect

WHOLE = Change(Decimal("0.25"), "Hours", "machine", "m7g.large", covered=False, spot=True, steady=Decimal("0.1"))


@pytest.mark.parametrize(
    "effect",
    [
        Effect(),
        Effect((Change(Decimal(0)),), Decimal(3), Decimal("1.5")),
        Effect((WHOLE, Change(Decimal("0.5"), steady=Decimal(0)))),
    ],
)
def test_what_is_kept_is_what_was(effect: Effect) -> None:
    assert effect_of(json.loads(json.dumps(effect_document(effect)))) == effect


def test_every_field_of_a_change_is_kept() -> None:
    changes = effect_document(Effect((WHOLE,)))["changes"]
    assert isinstance(changes, list)
    (kept,) = changes
    assert set(kept) == {field.name for field in fields(Change)}
