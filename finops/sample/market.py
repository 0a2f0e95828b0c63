"""The spot market that the sample company sees: prices by zone and hour, drawn from a seed that is the series' name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from finops.sample.estate import Estate, midnight
from finops.sample.usage import identity

HEADER = ("provider", "region", "zone", "sku", "timestamp", "price", "available", "interruption_band")
STEP = timedelta(hours=1)
LAPSES = {"<5%": 0.0, "5-10%": 0.01, "10-15%": 0.02, "15-20%": 0.04, ">20%": 0.08}
"""Share of the samples at which a zone has no capacity, by the advisor's band of interruptions a month."""


def spot_market(estate: Estate) -> Iterator[list[object]]:
    """Rows of the open format's `spot_market`, by machine, zone and time."""
    for item in estate.spot:
        listed = estate.price(item["provider"], item["region"], "vm", item["sku"], operating_system="Linux", term="on_demand")
        for zone in item["zones"]:
            draw = random.Random(int(identity("spot", item["sku"], zone), 16))  # noqa: S311 - a reproducible series
            moment, end = midnight(estate.metrics_from), midnight(estate.as_of + timedelta(days=1))
            while moment < end:
                price = listed * Decimal(item["share"]) * Decimal(f"{1 + 0.02 * draw.uniform(-1, 1):.4f}")
                available = draw.random() >= LAPSES[item["band"]]
                yield [
                    estate.providers[item["provider"]]["name"],
                    item["region"],
                    zone,
                    item["sku"],
                    f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                    f"{price.quantize(Decimal('0.0001')):f}",
                    str(available).lower(),
                    item["band"],
                ]
                moment += STEP
