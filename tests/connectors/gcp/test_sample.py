"""The sample company's Google Cloud bill: every month is what its generator says, and breaks no rule of FOCUS."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

from connectors.gcp.billing import BILLING_EXPORT
from tests.connectors.gcp.bills import UNPRICED, charges

FOLDER = Path(__file__).parents[3] / "sample_data"

MONTHS = """
    select strftime(BillingPeriodStart, '%Y-%m') as period, sum(BilledCost) as billed, sum(EffectiveCost) as effective,
        count(*) filter (not coalesce(regexp_matches(x_line_id, ':(covered|unused)$'), false)) as lines
    from staged group by all order by all"""


def test_each_month_is_what_the_generator_says() -> None:
    truth = [row for row in csv.DictReader((FOLDER / "totals.csv").read_text("utf-8").splitlines()) if row["source"] == "gcp"]
    # the unused part of a fee that is offset in part has no amount in pricing units
    rows = charges(BILLING_EXPORT, *sorted((FOLDER / "export" / "gcp").glob("*.json.gz")), query=MONTHS, besides=UNPRICED)
    assert [tuple(row.values()) for row in rows] == [
        (row["period"], Decimal(row["billed_cost"]), Decimal(row["effective_cost"]), int(row["rows"])) for row in truth
    ]
    assert len(truth) == 18
