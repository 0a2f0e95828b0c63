"""Microsoft's published examples of reservations and savings plans: sizes, parts of an hour, scopes and terms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from finops.bill.rating import PricedMeter
from finops.commitment.levels import Commitment
from tests.kernel.published import Bought, covered, rated

AZURE, MACHINES = "Microsoft Azure", "Virtual Machines"

USUAL, RESERVED = 0.10, 0.06
"""Prices of a unit (of a size, a core, a request unit) an hour; the pages have none."""


def meter(name: str, size: float = 1.0, account: str = "A", service: str = MACHINES, region: str = "eastus") -> PricedMeter:
    return PricedMeter(AZURE, account, region, service, name, "", USUAL * size)


def reservation(amount: float, ratio: float = RESERVED / USUAL, **scope: Any) -> Bought:
    """Of so many units; bought by a subscription whose usage is not the one to be covered."""
    name = scope.pop("name", "reservation")
    held = Commitment(name, AZURE, "billing", "reservation", {"size_flexible": True, **scope})
    return Bought(held, USUAL * ratio * amount, lambda meter: meter.price * ratio)


class TestSizes:
    """Microsoft Learn, "Virtual machine size flexibility with Reserved VM Instances" (azure-compute-docs 04a0dcd)."""

    RATIOS = {f"Standard_DS{size}_v2": 2.0 ** (size - 1) for size in range(1, 6)}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("bought", "running", "on_demand"),
        [
            (1, {1: 8.0}, 0.0),
            (1, {2: 2.0, 3: 1.0}, 0.0),
            (1, {5: 1.0}, 8.0),
            (2, {5: 1.0}, 0.0),
        ],
        ids=["scenario 1", "scenario 2", "scenario 3: half of it", "scenario 4: two reservations together"],
    )
    def test_ds4_v2(self, bought: int, running: dict[int, float], on_demand: float) -> None:
        names = {f"Standard_DS{size}_v2": count for size, count in running.items()}
        used = {meter(name, self.RATIOS[name]): [count] for name, count in names.items()}
        reservations = [reservation(8, sku="Standard_DS4_v2", name=f"reservation {index}") for index in range(bought)]
        bill = rated(used, reservations)
        assert bill.on_demand.sum() == pytest.approx(on_demand * USUAL)
        assert bill.unused.sum() == pytest.approx(0.0)

    @pytest.mark.parametrize(
        ("bought", "used", "covers"),
        [
            ("Standard_DS3_v2", "Standard_DS1_v2", True),
            ("Standard_DS3_v2", "Standard_DS4_v2", True),
            ("Standard_DS3_v2", "Standard_DS11_v2", False),
            ("Standard_DS3_v2", "Standard_DS12_v2", False),
            ("Standard_D1", "Standard_DS1", False),
            ("Standard_DS11_v2", "Standard_DS13-2_v2", True),
            ("Standard_E2s_v3", "Standard_E16-4s_v3", True),
            ("Standard_M8ms", "Standard_M32-16ms", True),
            ("Standard_M8ms", "Standard_M64ms", False),
            ("Standard_M16s", "Standard_M64s", False),
            ("Standard_B2ats_v2", "Standard_B16as_v2", True),
            ("Standard_B2ats_v2", "Standard_B16s_v2", False),
            ("Standard_E2ads_v5", "Standard_E112iads_v5", True),
            ("Standard_E2ds_v5", "Standard_E104ids_v5", False),
            ("Standard_M416s_8_v2", "Standard_M208ms_v2", True),
            ("Standard_M64bds_v3", "Standard_M176-88bds_4_v3", True),
        ],
    )
    def test_groups(self, bought: str, used: str, *, covers: bool) -> None:
        """That page, "How the Azure reservation discount is applied to virtual machines" (D1 and DS1), and aka.ms/isf
        (microsoft/finops-toolkit 38607e3, src/open-data/InstanceSizeFlexibility.csv; its older tables azure-docs 0317ec9)."""
        assert bool(covered(rated({meter(used): [1.0]}, [reservation(1, sku=bought)]))) == covers

    def test_without_flexibility_the_very_size(self) -> None:
        fixed = reservation(1, sku="Standard_DS3_v2", size_flexible=False)
        assert covered(rated({meter("Standard_DS2_v2"): [1.0], meter("Standard_DS3_v2"): [1.0]}, [fixed])) == {(0, 1): 1.0}


class TestHours:
    """What a reservation covers hour by hour: used or lost."""

    def test_two_machines_and_one_reservation(self) -> None:
        """Microsoft Learn, "How the Azure reservation discount is applied to virtual machines" (azure-docs 0300cb4): the
        graph of four hours."""
        first, second = meter("Standard_D2s_v3"), meter("Standard_D4s_v3", 1.0)
        bill = rated({first: [0.75, 1.0, 1.0, 0.5], second: [0.5, 1.0, 1.0, 1.0]}, [reservation(1, sku="Standard_D2s_v3")])
        assert bill.left.sum(axis=1).tolist() == pytest.approx([0.25, 1.0, 1.0, 0.5])
        assert bill.unused.sum() == pytest.approx(0.0)

    @pytest.mark.parametrize(
        ("cores", "running", "on_demand"),
        [(8, [16.0], 8.0), (16, [8.0, 8.0], 0.0), (16, [16 * 0.5, 16 * 0.5], 0.0), (16, [16 * 0.75, 16 * 0.5], 4.0)],
        ids=["scenario 1", "scenario 2", "scenario 3: one after the other", "scenario 4: 15 minutes overlap"],
    )
    def test_sql_databases(self, cores: int, running: list[float], on_demand: float) -> None:
        """Microsoft Learn, "How a reservation discount is applied to Azure SQL Databases" (azure-docs 0987eba): cores for an
        hour."""
        used = {meter("vCore", service="Azure SQL Database", account=str(index)): [n] for index, n in enumerate(running)}
        bill = rated(used, [reservation(cores, sku="vCore")])
        assert bill.left.sum() == pytest.approx(on_demand)

    @pytest.mark.parametrize(
        ("regions", "covers", "left"),
        [
            ({"US North Central": 1.0, "US West": 1.0}, [50_000, 50_000], [0, 0]),
            ({"AU Central 2": 1.5, "FR South": 1.625}, [50_000, 15_384], [0, 34_616]),
        ],
        ids=["scenario 1", "scenario 2"],
    )
    def test_request_units_by_region(self, regions: dict[str, float], covers: list[float], left: list[float]) -> None:
        """Microsoft Learn, "How the reservation discount is applied to Azure Cosmos DB" (azure-docs 03adcc3): 100,000 RU/s,
        each region at its ratio. The page cuts 15,384.6 and rounds 34,615.4 up."""
        used = {meter("100 RU/s", ratio, region=name, service="Azure Cosmos DB"): [50_000.0] for name, ratio in regions.items()}
        bill = rated(used, [reservation(100_000, sku="100 RU/s", size_flexible=False)])
        assert [part.quantity for part in bill.covered] == pytest.approx(covers, abs=1)
        assert bill.left[0].tolist() == pytest.approx(left, abs=1)

    @pytest.mark.parametrize(
        ("reserved", "deployed", "on_demand", "unused"),
        [(100, [100.0], 0, 0), (300, [100.0], 0, 200), (200, [600.0], 400, 0), (200, [100.0, 100.0], 0, 0), (25, [25.0], 0, 0)],
        ids=["example 1", "example 2", "example 3", "example 4", "100 units for 15 minutes are 25"],
    )
    def test_provisioned_throughput(self, reserved: int, deployed: list[float], on_demand: float, unused: float) -> None:
        """Microsoft Learn, "Save costs with Microsoft Azure OpenAI Service Provisioned Reservations" (azure-docs 04fdaea)."""
        used = {meter("ptu:DataZone", account=str(index), service="Azure OpenAI"): [n] for index, n in enumerate(deployed)}
        bill = rated(used, [reservation(reserved, sku="ptu", deployment_type="DataZone", size_flexible=False)])
        assert (bill.left.sum(), bill.unused.sum()) == pytest.approx((on_demand, unused * RESERVED))

    def test_deployments_are_not_interchangeable(self) -> None:
        """That page: 100 regional and 50 global units need a reservation each."""
        used = {meter("ptu:Regional"): [100.0], meter("ptu:Global"): [50.0]}
        kinds = {"Regional": 100, "Global": 50}
        held = [reservation(n, sku="ptu", deployment_type=kind, size_flexible=False, name=kind) for kind, n in kinds.items()]
        assert covered(rated(used, held)) == pytest.approx({(0, 0): 100.0, (1, 1): 50.0})
        assert covered(rated(used, held[:1])) == pytest.approx({(0, 0): 100.0})


def plan(hourly: float, paid: Callable[[PricedMeter], float], years: int = 1, name: str = "plan", **scope: Any) -> Bought:
    since = date(2026, 1, 1)
    held = Commitment(name, AZURE, "billing", "savings_plan_compute", scope, since.replace(year=2026 + years), since)
    return Bought(held, hourly, lambda meter: meter.price * paid(meter))


class TestOrder:
    """Microsoft Learn, "Benefit application order for reservations and pre-purchase plans" (azure-docs 338e47e, 2026-07)."""

    def test_example_1_the_reservation_covers_the_whole_machine(self) -> None:
        """Example 1 has a pre-purchase plan beside it; here a savings plan stays intact."""
        bill = rated({meter("Standard_D4s_v3", 4): [1.0]}, [plan(1.0, lambda _: 0.5), reservation(4, sku="Standard_D4s_v3")])
        assert covered(bill) == pytest.approx({(1, 0): 1.0})
        assert bill.unused.tolist() == pytest.approx([1.0, 0.0])

    def test_example_2_the_other_half_goes_to_a_savings_plan_then_on_demand(self) -> None:
        used = {meter("Standard_D8s_v3", 8): [1.0]}
        bill = rated(used, [plan(0.10, lambda _: 0.5), reservation(4, sku="Standard_D4s_v3")])
        assert covered(bill) == pytest.approx({(1, 0): 0.5, (0, 0): 0.25})
        assert bill.on_demand.sum() == pytest.approx(0.25 * 0.8)

    def test_a_d4_covers_two_d2(self) -> None:
        bill = rated({meter("Standard_D2s_v3", 2): [2.0]}, [reservation(4, sku="Standard_D4s_v3")])
        assert covered(bill) == pytest.approx({(0, 0): 2.0})

    def test_the_narrowest_scope_first_whatever_it_costs(self) -> None:
        scopes: dict[str, dict[str, Any]] = {
            "shared": {"shared": True},
            "management group": {"accounts": ["A", "B"], "shared": False},
            "subscription": {"accounts": ["A"], "shared": False},
            "resource group": {"accounts": ["A"], "resource_group": "/subscriptions/A/resourceGroups/web", "shared": False},
        }
        held = [
            reservation(1, 0.5 + index / 10, sku="Standard_D2s_v3", name=name, **scope)
            for index, (name, scope) in enumerate(scopes.items())
        ]
        bill = rated({meter("Standard_D2s_v3"): [3.5]}, held)
        assert [(held[part.holding].commitment.id, part.quantity) for part in bill.covered] == [
            ("resource group", pytest.approx(1.0)),
            ("subscription", pytest.approx(1.0)),
            ("management group", pytest.approx(1.0)),
            ("shared", pytest.approx(0.5)),
        ]


class TestSavingsPlans:
    """Microsoft Learn, "How an Azure saving plan discount is applied" (azure-docs 0203f46, 2025-01).

    Of Microsoft's example in numbers (Azure blog, "How the benefit is applied": three B20ms, five A8m v2, four DC32as v5) the
    rates of the plan were not found.
    """

    X, Y = meter("X", 10), meter("Y", 10)
    PAID = {"X": 0.5, "Y": 0.8}  # noqa: RUF012

    def test_the_greatest_discount_first(self) -> None:
        bill = rated({self.Y: [1.0], self.X: [1.0]}, [plan(0.5, lambda meter: self.PAID[meter.instance_type])])
        assert covered(bill) == pytest.approx({(0, 1): 1.0})
        assert bill.on_demand.tolist() == pytest.approx([1.0, 0.0])

    def test_a_reservation_of_x_before_the_plan_whose_greatest_discount_is_x(self) -> None:
        held = [plan(0.4, lambda meter: self.PAID[meter.instance_type]), reservation(10, 0.6, sku="X")]
        bill = rated({self.X: [1.0], self.Y: [1.0]}, held)
        assert covered(bill) == pytest.approx({(1, 0): 1.0, (0, 1): 0.5})

    def test_the_lower_of_the_plan_s_rate_and_the_negotiated_one(self) -> None:
        """The negotiated rate is applied, and the result is taken off the hourly commitment."""
        bill = rated({self.X: [1.0]}, [plan(1.5, lambda _: 1.2)])
        assert (bill.total, bill.unused.sum()) == pytest.approx((1.5, 0.5))
        assert bill.covered[0].cost == pytest.approx(1.0)

    def test_three_years_before_one(self) -> None:
        """Whatever the discounts: the one-year plan has the greater one here."""
        held = [plan(0.5, lambda _: 0.5, years=1, name="1"), plan(0.6, lambda _: 0.6, years=3, name="3")]
        assert covered(rated({self.X: [1.0]}, held)) == pytest.approx({(1, 0): 1.0})

    def test_the_more_restrictive_scope_before_the_longer_term(self) -> None:
        narrow = plan(0.5, lambda _: 0.5, years=1, name="narrow", accounts=["A"], shared=False)
        held = [plan(0.4, lambda _: 0.4, years=3), narrow]
        assert covered(rated({self.X: [1.0]}, held)) == pytest.approx({(1, 0): 1.0})
