"""A bill of 10⁸ lines sums exactly: the marts' own expression, on amounts that binary fractions cannot hold."""

from __future__ import annotations

from decimal import Decimal

import duckdb

LINES = 100_000_000


def test_a_hundred_million_lines_sum_to_the_cent() -> None:
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    kind, amount, binary = connection.execute(
        f"""
        with charges as (select 0.01::decimal(38, 12) as BilledCost from range({LINES}))
        select typeof(cast(sum(BilledCost) as decimal(38, 12))), cast(sum(BilledCost) as decimal(38, 12)),
            sum(BilledCost::double)
        from charges
        """
    ).fetchone() or (None, None, None)
    assert kind == "DECIMAL(38,12)"
    assert amount == Decimal(LINES) / 100
    assert binary != float(amount), "the same sum in binary fractions is off, so this test can fail"
