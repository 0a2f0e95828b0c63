"""Google's published examples of committed and sustained use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from finops.bill.rating import PricedMeter
from finops.commitment.levels import Commitment
from tests.kernel.published import Bought, covered, rated

GOOGLE, COMPUTE = "Google Cloud", "Compute Engine"


def meter(name: str, price: float = 1.0, service: str = COMPUTE, region: str = "us-central1") -> PricedMeter:
    return PricedMeter(GOOGLE, "A", region, service, name, "", price)


def spend(instrument: str, hourly: float, paid: float, services: Sequence[str] = (COMPUTE,)) -> Bought:
    """A commitment of this discounted amount an hour, for which this share of prices is paid."""
    held = Commitment(instrument, GOOGLE, "billing", instrument)
    return Bought(held, hourly, lambda meter: meter.price * paid if meter.service in services else None)


def cores(count: float, family: str = "n1", paid: float = 0.63) -> Bought:
    held = Commitment(f"{family} cores", GOOGLE, "A", "cud_resource", {"family": family, "region": "us-central1"})
    return Bought(held, count * paid, lambda meter: meter.price * paid)


@pytest.mark.parametrize(
    ("committed", "used", "total", "unused"),
    [(36.0, 50.0, 36.0, 0.0), (28.80, 50.0, 38.80, 0.0), (43.20, 50.0, 43.20, 43.20 - 36.0)],
    ids=["usage equals it", "more: 10 at the price on demand", "less: the last 10 of 60 are lost"],
)
def test_flexible_commitments(committed: float, used: float, total: float, unused: float) -> None:
    """Cloud Billing, "Calculate savings with Compute flexible commitments" (cud-analysis-flexible, 2026-04): one year, 28 %
    off, in the model of discounts; over three services."""
    services = (COMPUTE, "Kubernetes Engine", "Cloud Run")
    usage = {meter("x", service=name): [used / 3] for name in services}
    bill = rated(usage, [spend("cud_flexible", committed, 0.72, services)])
    assert (bill.total, bill.unused.sum()) == pytest.approx((total, unused))


@pytest.mark.parametrize(
    ("used", "credit", "total"),
    [(50.0, 50.0, 37.50), (70.0, 50.0, 57.50), (25.0, 25.0, 37.50)],
    ids=["usage equals it", "20 over it", "half of it"],
)
def test_both_models_of_a_spend_commitment(used: float, credit: float, total: float) -> None:
    """Cloud Billing, "Analyze the effectiveness of your spend-based CUDs" (cud-analysis-spend-based): 50 an hour of Cloud SQL
    on demand at 25 % off, in the model of credits: fee + usage − credit.

    In the model of discounts ("Spend-based CUDs", cuds-multiprice: for all accounts from 2026-01-21) the amount committed is
    the discounted one, 37.50 ("Choose the correct amount of CUD to buy": 100 at 30 % off is 70), and the bill is the same.
    """
    bill = rated({meter("db", service="Cloud SQL"): [used]}, [spend("cud_spend", 50 * 0.75, 0.75, ("Cloud SQL",))])
    assert bill.total == pytest.approx(total)
    assert 37.50 + used - credit == pytest.approx(total)


def test_a_commitment_for_8_of_24_cores() -> None:
    """Compute Engine, "Committed use discounts" (signing-up-committed-use-discounts): the other 16 at the usual rate."""
    bill = rated({meter("e2-standard-8", 1.0): [24.0]}, [cores(8, "e2")])
    assert covered(bill) == pytest.approx({(0, 0): 8.0})
    assert bill.on_demand.sum() == pytest.approx(16.0)


def test_a_commitment_is_for_one_series_in_one_region() -> None:
    """Same page: resources of a particular machine series and region."""
    used = {meter("n2-standard-8"): [8.0], meter("n1-standard-8", region="europe-west1"): [8.0], meter("n1-standard-8"): [8.0]}
    assert covered(rated(used, [cores(8, "n1")])) == pytest.approx({(0, 2): 8.0})


def test_resource_then_flexible_then_sustained_use() -> None:
    """Compute Engine, "Sustained use discounts" (sustained-use-discounts): for resources that receive no other discount.

    A month of 24 N1 cores, of which 8 are committed as resources and 8 by a flexible commitment; N1 all month is charged 70 %.
    """
    month = np.full(720, 24.0).tolist()
    bill = rated({meter("n1-standard-8"): month}, [spend("cud_flexible", 8 * 0.72, 0.72), cores(8)])
    assert covered(bill) == pytest.approx({(1, 0): 8 * 720, (0, 0): 8 * 720})
    assert bill.on_demand.sum() == pytest.approx(8 * 720 * 0.70)


@pytest.mark.parametrize(
    ("machine", "share", "discount"),
    [
        *(("n1-standard-4", share, discount) for share, discount in ((0.25, 0.0), (0.5, 0.10), (0.75, 0.20), (1.0, 0.30))),
        *((f"{series}-standard-4", 1.0, discount) for series, discount in (("n2", 0.20), ("c2", 0.20), ("e2", 0.0))),
    ],
)
def test_sustained_use(machine: str, share: float, discount: float) -> None:
    """Same page: at most 30 % for N1, 20 % for N2 and C2, none for E2."""
    month = np.zeros(720)
    month[: int(720 * share)] = 4.0
    bill = rated({meter(machine): month.tolist()}, [])
    assert bill.total == pytest.approx(month.sum() * (1 - discount), rel=1e-3)
