"""Retail prices: terms, pages, and what is left out."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.azure import tokens
from connectors.azure.prices import PUBLIC
from finops.demo import sample_company
from finops.live.doctor import examine
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.azure_company import source
from tests.live.azure_contract import Azure
from tests.live.azure_estate import REGION, put_sample
from tests.live.azure_retail import ITEMS, RESERVED, item, listed, other, sample_items, sample_prices
from tests.live.conftest import NOW
from tests.live.faults import Fault, Reset

EUROS = {"regions": ["westeurope"], "currency": "EUR", "exports": []}


def priced(warehouse: Warehouse, azure: Azure, items: list[dict[str, Any]], chosen: str, columns: str) -> list[tuple[Any, ...]]:
    """Columns of the prices that the items become, where a condition holds."""
    azure.answer("prices:List", listed(items))
    assert fetched(warehouse, source(azure, "prices", prices_endpoint=azure.url, **EUROS)).failures == ()
    return [tuple(row.values()) for row in rows(warehouse, f"select {columns} from prices where {chosen} order by all")]


def test_every_term_of_a_machine_and_nothing_that_is_ambiguous(azure: Azure, warehouse: Warehouse) -> None:
    azure.answer("prices:List", listed(ITEMS, size=4))
    azure.fail("prices:List", Fault(429, "TooManyRequests"), Reset())
    assert fetched(warehouse, source(azure, "prices", prices_endpoint=azure.url, **EUROS)).failures == ()
    assert {request["parameters"]["currencyCode"] for _, request in azure.requests} == {"'EUR'"}
    found = rows(warehouse, "select operating_system as s, term, payment, instrument, price, upfront from prices order by all")
    assert [tuple(row.values()) for row in found] == [
        ("Linux", "1y", "all", "reservation", Decimal(0), Decimal("1051.2")),
        ("Linux", "1y", "none", "reservation", Decimal("0.12"), Decimal(0)),
        ("Linux", "1y", "none", "savings_plan_compute", Decimal("0.15"), Decimal(0)),
        ("Linux", "3y", "none", "savings_plan_compute", Decimal("0.1"), Decimal(0)),
        ("Linux", "on_demand", None, None, Decimal("0.2"), Decimal(0)),
        ("Linux", "spot", None, None, Decimal("0.03"), Decimal(0)),
        ("Windows", "on_demand", None, None, Decimal("0.4"), Decimal(0)),
    ]
    assert azure.tokens == {}  # nobody signed in


YEAR = {"type": "Reservation", "reservationTerm": "1 Year"}
DISKS = [
    other("Storage", "Premium SSD Managed Disks", "P10 LRS", "P10 LRS Disk", "1/Month", 19.71),
    other("Storage", "Premium SSD Managed Disks", "P10 LRS", "P10 LRS Disk Mount", "1/Month", 1.18),
    other("Storage", "Premium SSD Managed Disks", "P30 LRS", "P30 LRS Disk", "1/Month", 1200.0, **YEAR),
    other("Storage", "Standard SSD Managed Disks", "E10 ZRS", "E10 ZRS Disks", "1/Month", 14.4),
    other("Storage", "Standard SSD Managed Disks", "E10 LRS", "E10 LRS Disk Operations", "10K", 0.002),
    other("Storage", "Ultra Disks", "Ultra LRS", "Ultra LRS Provisioned Capacity", "1 GiB/Hour", 0.0001),
]  # fmt: skip


def test_disks_by_tier_and_redundancy(azure: Azure, warehouse: Warehouse) -> None:
    found = priced(warehouse, azure, DISKS, "product = 'disk'", "sku, term, payment, unit, price, upfront, specs")
    assert found == [
        ("Premium_LRS_P10", "on_demand", None, "Months", Decimal("19.71"), Decimal(0), '{"size_gib":128}'),
        ("Premium_LRS_P30", "1y", "all", "Months", Decimal(0), Decimal(1200), '{"size_gib":1024}'),
        ("Premium_LRS_P30", "1y", "none", "Months", Decimal(100), Decimal(0), '{"size_gib":1024}'),
        ("StandardSSD_ZRS_E10", "on_demand", None, "Months", Decimal("14.4"), Decimal(0), '{"size_gib":128}'),
    ]


BLOBS = [
    other("Storage", product, f"{tier} {kind}", f"{tier} {kind} Data Stored", "1 GB/Month", price, tierMinimumUnits=begin)
    for product in ("Blob Storage", "General Block Blob v2")  # one meter under two names
    for tier, kind, price, begin in (("Hot", "LRS", 0.02, 0.0), ("Hot", "LRS", 0.0192, 51200.0), ("Cool", "RA-GRS", 0.025, 0.0))
] + [
    other("Storage", "Blob Storage", "Cool LRS", "Cool LRS Write Operations", "10K", 0.1),
    other("Storage", "Blob Storage", "Archive LRS", "Archive Read Operations", "10K", 6.0),
    other("Storage", "Blob Storage", "Archive LRS", "Archive Data Retrieval", "1 GB", 0.022),
    other("Storage", "Blob Storage", "Archive LRS", "Archive LRS Priority Data Retrieval", "1 GB", 0.1),
    other("Storage", "Blob Storage", "Hot LRS", "Hot LRS Index Tags", "10K", 0.04),
    other("Storage", "Blob Storage", "Cold LRS", "Cold LRS Data Stored", "1 GB/Month", 0.004),
    other("Storage", "General Block Blob v2", "Cold LRS", "Cold LRS Data Stored", "1 GB/Month", 0.005),  # so it is unknown
]


def test_blobs_by_class_and_redundancy(azure: Azure, warehouse: Warehouse) -> None:
    found = priced(warehouse, azure, BLOBS, "product = 'object_storage'", "sku, deployment, tier_start, unit, price, specs")
    assert found == [
        ("archive:get", "LRS", 0.0, "10000 Requests", Decimal(6), None),
        ("archive:retrieval", "LRS", 0.0, "GB", Decimal("0.022"), None),
        ("cool", "RAGRS", 0.0, "GB-Months", Decimal("0.025"), '{"min_days":30}'),
        ("cool:put", "LRS", 0.0, "10000 Requests", Decimal("0.1"), None),
        ("hot", "LRS", 0.0, "GB-Months", Decimal("0.02"), None),
        ("hot", "LRS", 51200.0, "GB-Months", Decimal("0.0192"), None),
    ]


UNITS = [
    *(
        other("Foundry Models", "Azure OpenAI", name, f"{name} Unit", "1/Hour", price)
        for name, price in (("Provisioned Managed Global", 1.0), ("Provisioned Managed Data Zone", 1.1))
    ),
    other("Foundry Models", "Azure OpenAI", "gpt 4o Inp glbl", "gpt 4o Inp glbl Tokens", "1K", 0.0025),
    *(
        other(
            "Foundry Models", RESERVED, "Provisioned Managed Global", "Provisioned Managed Global Unit", "1/Hour", price,
            type="Reservation", reservationTerm=term,
        )
        for term, price in (("1 Month", 260.0), ("1 Year", 2652.0))
    ),
]  # fmt: skip


def test_provisioned_throughput_by_deployment_and_its_reservations(azure: Azure, warehouse: Warehouse) -> None:
    found = priced(warehouse, azure, UNITS, "product = 'ptu'", "deployment, term, payment, unit, round(price, 4), upfront")
    hours = "Hours"
    assert found == [
        ("DataZoneProvisionedManaged", "on_demand", None, hours, Decimal("1.1"), Decimal(0)),
        ("GlobalProvisionedManaged", "1m", "all", hours, Decimal(0), Decimal(260)),
        ("GlobalProvisionedManaged", "1m", "none", hours, Decimal("0.3562"), Decimal(0)),
        ("GlobalProvisionedManaged", "1y", "all", hours, Decimal(0), Decimal(2652)),
        ("GlobalProvisionedManaged", "1y", "none", hours, Decimal("0.3027"), Decimal(0)),
        ("GlobalProvisionedManaged", "on_demand", None, hours, Decimal(1), Decimal(0)),
    ]


MODELS = "Foundry Models"
TOKENS = [
    other(MODELS, "Azure OpenAI", "gpt-4o-0806-Inp-glbl", "gpt-4o-0806-Inp-glbl Tokens", "1K", 0.0025),
    other(MODELS, "Azure OpenAI", "gpt-4o-0806-Inp-regnl", "gpt-4o-0806-Inp-regnl Tokens", "1K", 0.00275),
    other(MODELS, "Azure OpenAI", "gpt 4o 0806 Batch Inp", "gpt 4o 0806 Batch Inp Data Zone Tokens", "1K", 0.001375),
    other(MODELS, "Azure OpenAI GPT5", "GPT 5 Mini outpt Glbl", "GPT 5 Mini outpt Glbl 1M Tokens", "1M", 2.0),
    other(MODELS, "Azure OpenAI GPT5", "5.4 inp Gl", "5.4 inp Gl 1M Tokens", "1M", 2.5),  # it depends on the prompt's length
    other(MODELS, "Azure OpenAI", "gpt 4.1 Inp glbl", "gpt 4.1 Inp glbl Tokens", "1K", 0.002),
    other(MODELS, "Azure OpenAI", "gpt 4.1 Inp glbl", "gpt 4.1 Inp glbl Tokens", "1K", 0.003),  # so it is unknown
    other(MODELS, "Azure Phi Models", "Phi-4-Input", "Phi-4-Input Tokens", "1K", 0.000125),
]


def test_tokens_by_model_and_where_they_are_processed(azure: Azure, warehouse: Warehouse) -> None:
    found = priced(warehouse, azure, TOKENS, "product = 'tokens'", "sku, deployment, term, unit, price")
    assert found == [
        ("gpt-4o-2024-08-06:input", "Global", "on_demand", "1K Tokens", Decimal("0.0025")),
        ("gpt-4o-2024-08-06:input", None, "on_demand", "1K Tokens", Decimal("0.00275")),
        ("gpt-4o-2024-08-06:input:batch", "DataZone", "on_demand", "1K Tokens", Decimal("0.001375")),
        ("gpt-5-mini:output", "Global", "on_demand", "1M Tokens", Decimal(2)),
    ]
    asked = [request["parameters"]["$filter"] for name, request in azure.requests if name == "prices:List"]
    assert any("'Azure OpenAI GPT5'" in each for each in asked)


def test_no_two_meters_of_tokens_are_one() -> None:
    names = [line[meter].lower() for line in tokens.lines() for meter in tokens.METERS if line[meter]]
    assert len(names) == len(set(names)) == len(tokens.named()) > 150
    assert {line["deployment"] for line in tokens.lines()} == {"Global", "DataZone", ""}


GP, BC = (f"SQL Database Single/Elastic Pool {tier}" for tier in ("General Purpose", "Business Critical"))
WORLD = {"armRegionName": "Global", "location": "Global"}
BASES = [
    other("SQL Database", f"{GP} - Compute Gen5", "4 vCore", "vCore", "1 Hour", 0.6, armSkuName="SQLDB_GP_Compute_Gen5_4",
          savingsPlan=[{"retailPrice": 0.48, "term": "1 Year"}]),
    other("SQL Database", f"{GP} - Compute Gen5", "vCore", "vCore", "1 Hour", 876.0, armSkuName="SQLDB_GP_Compute_Gen5",
          **YEAR),
    other("SQL Database", f"{GP} - Compute Gen5", "4 vCore Zone Redundancy", "vCore", "1 Hour", 0.36),
    other("SQL Database", f"{GP} - SQL License", "vCore", "vCore", "1 Hour", 0.1, **WORLD),
    other("SQL Database", f"{BC} - Compute Gen5", "2 vCore", "vCore", "1 Hour", 0.7, armSkuName="SQLDB_BC_Compute_Gen5_2"),
    other("SQL Database", f"{GP} - Serverless - Compute Gen5", "1 vCore", "vCore", "1 Hour", 0.5, armSkuName="1 vCore"),
]  # fmt: skip


def test_databases_are_the_sum_of_their_parts(azure: Azure, warehouse: Warehouse) -> None:
    found = priced(
        warehouse, azure, BASES, "product = 'database'", "sku, license, deployment, term, instrument, payment, price"
    )
    plan, reserved, none = "savings_plan_database", "reservation", Decimal(0)
    four = [
        # compute; with the second zone; each with four licences
        (license, zone, term, instrument, payment, Decimal(price) if price else none)
        for license, more in (("BasePrice", Decimal(0)), ("LicenseIncluded", Decimal("0.4")))
        for zone, extra in (("Multi-AZ", Decimal("0.36")), ("Single-AZ", Decimal(0)))
        for term, instrument, payment, price in (
            ("1y", reserved, "all", extra + more),
            ("1y", reserved, "none", Decimal("0.4") + extra + more),
            ("1y", plan, "none", Decimal("0.48") + extra + more),
            ("on_demand", None, None, Decimal("0.6") + extra + more),
        )
    ]
    two = ("BC_Gen5_2", "BasePrice", None, "on_demand", None, None, Decimal("0.7"))
    assert found == [two, *(("GP_Gen5_4", *row) for row in four)]


def test_whoever_wants_prices_alone_needs_no_credentials(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.answer("prices:List", listed(ITEMS))
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "another-secret-value")
    given = {"prices_endpoint": azure.url, "management_endpoint": azure.url, "regions": ["westeurope"]}
    assert {check.status for check in examine([source(azure, "prices", exports=[], **given)], lambda _: None)} == {"ok"}
    checks = examine([source(azure, "prices", **given)], lambda _: None)
    assert [check.permission for check in checks if check.status == "ok"] == [PUBLIC]


def test_sizes_say_what_a_machine_holds(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)
    machine = "Standard_NC24ads_A100_v4"
    found = [
        item(3.2, armSkuName=machine, armRegionName=REGION),
        item(1.0, armSkuName="Standard_Unknown", armRegionName=REGION),
    ]
    azure.answer("prices:List", listed(found))
    given = {"prices_endpoint": azure.url, "management_endpoint": azure.url, "regions": [REGION]}
    assert fetched(warehouse, source(azure, "prices", **given)).failures == ()
    known = {row["sku"]: row["specs"] for row in rows(warehouse, "select sku, specs from prices")}
    assert known == {machine: sample_specs(machine), "Standard_Unknown": None}
    azure.fail("compute:Skus", *[Fault(403, "AuthorizationFailed")] * 9)
    (failure,) = fetched(warehouse, source(azure, "prices", **given), now=NOW + timedelta(days=8)).failures
    assert "`Microsoft.Compute/skus/read`" in failure


def sample_specs(size: str) -> str:
    """As the sample company's price list has them."""
    with (sample_company() / "open" / "prices.csv").open() as file:
        return next(row["specs"] for row in csv.DictReader(file) if row["sku"] == size)


def test_a_page_elsewhere_is_not_followed(azure: Azure, warehouse: Warehouse) -> None:
    azure.answer("prices:List", lambda _: {"Items": [], "NextPageLink": "https://elsewhere.example/api/retail/prices?"})
    report = fetched(warehouse, source(azure, "prices", prices_endpoint=azure.url, regions=["westeurope"], exports=[]))
    assert "a page elsewhere" in report.failures[0]


def test_the_company_is_as_in_its_file(azure: Azure, warehouse: Warehouse) -> None:
    file = sample_prices()
    put_sample(azure)
    azure.answer("prices:List", listed(sample_items(), size=7))
    given = {"prices_endpoint": azure.url, "management_endpoint": azure.url, "regions": [REGION], "currency": "EUR"}
    assert fetched(warehouse, source(azure, "prices", **given)).failures == ()
    # A reservation is one price that is paid in two ways; the file has the monthly one.
    query = "from prices where payment is distinct from 'all' order by all"
    live = {key(row): row for row in rows(warehouse, query)}
    assert live.keys() == {key(row) for row in file}
    for row in file:
        found = live[key(row)]
        assert abs(found["price"] - Decimal(row["price"])) < Decimal("1e-9"), row
        assert (found["upfront"], found["currency"]) == (Decimal(0), "EUR")
        if row["product"] in ("database", "object_storage") or (row["product"] == "vm" and found["specs"]):
            assert (found["specs"] or "") == row["specs"]


def key(row: dict[str, Any]) -> tuple[object, ...]:
    """What names a price, but for redundancy and zones, of which the file says nothing."""
    deployment = row["deployment"] if row["product"] == "ptu" else None
    names = ("region", "product", "sku", "operating_system", "license", "term", "payment", "instrument", "unit")
    return (*(row[name] or "" for name in names), deployment, float(row["tier_start"] or 0))
