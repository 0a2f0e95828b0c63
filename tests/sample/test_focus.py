"""The sample company's three native exports become charges that break no rule of FOCUS."""

from __future__ import annotations

import pytest

from finops.sample import EXPORT, folder
from finops.warehouse.focus_rules import violations
from tests.sample.test_sample import FORMATS
from tests.staging import staged


@pytest.mark.parametrize("source", FORMATS)
def test_no_rule_is_broken(source: str) -> None:
    files = sorted(path for path in (folder() / EXPORT / source).rglob("*") if path.suffix in (".parquet", ".csv", ".gz"))
    with staged(FORMATS[source], *files) as connection:
        assert connection.sql("select count(distinct BillingPeriodStart) from staged").fetchall() == [(18,)]
        assert violations(connection) == []
