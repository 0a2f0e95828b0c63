"""List prices: keys as the price book joins them, reservations and plans beside on demand, ambiguous ones left out."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from connectors.aws.price_list import readings
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import client, fetched, rows, source
from tests.live.aws_contract import Aws
from tests.live.aws_list import product, sample_list, sample_prices, serve
from tests.live.conftest import NOW

RESERVED = {
    "effectiveDate": "2026-09-01T00:00:00Z",
    "termAttributes": {"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "Partial Upfront"},
    "priceDimensions": {
        "a": {"unit": "Quantity", "pricePerUnit": {"USD": "501"}},
        "b": {"unit": "Hrs", "pricePerUnit": {"USD": "0.057"}},
    },
}
SHARED = {"tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used", "licenseModel": "No License required"}


def machine(name: str, price: str, system: str = "Linux", reserved: dict[str, Any] | None = None) -> dict[str, Any]:
    said = {"instanceType": name, "operatingSystem": system, **SHARED}
    return product("AmazonEC2", "Compute Instance", "us-east-1", price, reserved=reserved, **said)


def database(sku: str, price: str, engine: str, deployment: str = "Single-AZ", **said: Any) -> dict[str, Any]:
    usage = f"{'Multi-AZ' if deployment == 'Multi-AZ' else 'Instance'}Usage:{sku}"
    named = {"instanceType": sku, "databaseEngine": engine, "deploymentOption": deployment, "usagetype": usage}
    named |= {"licenseModel": "No license required", "vcpu": "4", "memory": "32 GiB"}
    return product("AmazonRDS", "Database Instance", "us-east-1", price, **{**named, **said})


def rate(machine: str, usage: str, amount: str, plan: str, kind: str = "EC2", system: str = "Linux/UNIX") -> dict[str, Any]:
    said = {"region": "us-east-1", "instanceType": machine, "tenancy": "shared", "productDescription": system}
    return {
        "savingsPlanOffering": {
            "offeringId": "o",
            "paymentOption": "No Upfront",
            "planType": plan,
            "durationSeconds": 31_536_000,
            "currency": "USD",
        },
        "rate": amount,
        "unit": "Hrs",
        "productType": kind,
        "serviceCode": "AmazonEC2" if kind == "EC2" else "AmazonSageMaker",
        "usageType": usage,
        "operation": "RunInstances",
        "properties": [{"name": name, "value": value} for name, value in said.items()],
    }


def test_prices_by_their_keys(cloud: Aws, warehouse: Warehouse) -> None:
    volume: dict[str, Any] = {"volumeApiName": "gp3"}
    iops: dict[str, Any] = {**volume, "group": "EBS IOPS", "usagetype": "EBS:VolumeP-IOPS.gp3"}
    serve(
        cloud,
        [
            machine("m5.xlarge", "0.1920000000", reserved=RESERVED),
            machine("m5.xlarge", "0.376", "Windows"),
            machine("m5.large", "0.096"),
            machine("m5.large", "0.097"),
            product("AmazonEC2", "Storage", "us-east-1", "0.08", **volume),
            product("AmazonEC2", "Storage", "eu-west-1", "0.09", **volume),
            product("AmazonEC2", "System Operation", "us-east-1", "0.005", **iops),
            product("AmazonEC2", "Provisioned Throughput", "us-east-1", "40.96", **volume),
            product("AmazonSageMaker", "ML Instance", "us-east-1", "1.408", instanceName="ml.g5.xlarge", component="Hosting"),
        ],
    )  # fmt: skip
    cloud.answer(
        "savingsplans:DescribeSavingsPlansOfferingRates",
        {
            "searchResults": [
                rate("m5.xlarge", "BoxUsage:m5.xlarge", "0.14", "Compute"),
                rate("m5.xlarge", "BoxUsage:m5.xlarge", "0.121", "EC2Instance"),
                rate("ml.g5.xlarge", "USE1-Host:ml.g5.xlarge", "1.07", "SageMaker", "SageMaker"),
                rate("m5.xlarge", "BoxUsage:m5.xlarge", "9", "Compute", system="SUSE Linux"),
            ]
        },
    )
    assert fetched(warehouse, source(cloud.url, streams=["prices"])).failures == ()
    names = "product, sku, operating_system as os, term, payment as paid, instrument as by, unit, price, upfront"
    found = {tuple(row.values()) for row in rows(warehouse, f"select {names} from prices")}
    assert found == {
        ("vm", "m5.xlarge", "Linux", "on_demand", None, None, "Hours", Decimal("0.192"), Decimal(0)),
        ("vm", "m5.xlarge", "Linux", "1y", "partial", "reservation", "Hours", Decimal("0.057"), Decimal(501)),
        ("vm", "m5.xlarge", "Linux", "1y", "none", "savings_plan_compute", "Hours", Decimal("0.14"), Decimal(0)),
        ("vm", "m5.xlarge", "Linux", "1y", "none", "savings_plan_family", "Hours", Decimal("0.121"), Decimal(0)),
        ("vm", "m5.xlarge", "Windows", "on_demand", None, None, "Hours", Decimal("0.376"), Decimal(0)),
        ("disk", "gp3", None, "on_demand", None, None, "GB-Months", Decimal("0.08"), Decimal(0)),
        ("disk", "gp3:iops", None, "on_demand", None, None, "IOPS-Months", Decimal("0.005"), Decimal(0)),
        ("disk", "gp3:throughput", None, "on_demand", None, None, "MiBps-Months", Decimal("0.04"), Decimal(0)),
        ("endpoint", "ml.g5.xlarge", None, "on_demand", None, None, "Hours", Decimal("1.408"), Decimal(0)),
        ("endpoint", "ml.g5.xlarge", None, "1y", "none", "savings_plan_sagemaker", "Hours", Decimal("1.07"), Decimal(0)),
    }
    (specs,) = rows(warehouse, "select distinct specs from prices where sku = 'm5.xlarge'")
    assert json.loads(specs["specs"])["vcpu"] == 4
    asked = [parameters["Filters"] for permission, parameters in cloud.requests if permission == "pricing:GetProducts"]
    assert all({"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-east-1"} in filters for filters in asked)


def test_databases_are_priced_by_their_engine(cloud: Aws, warehouse: Warehouse) -> None:
    """Only of engines that run there, under the licence that the inventory gives them."""
    for name, engine, licence in (("a", "postgres", "postgresql-license"), ("b", "oracle-se2", "license-included")):
        client(cloud.url, "rds").create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.r5.xlarge", Engine=engine, AllocatedStorage=100,
            MasterUsername="root", MasterUserPassword="not-a-secret-1", LicenseModel=licence,
        )  # fmt: skip
    serve(
        cloud,
        [
            database("db.r5.xlarge", "0.5", "PostgreSQL", reserved=RESERVED),
            database("db.r5.xlarge", "1.0", "PostgreSQL", "Multi-AZ"),
            database("db.r5.xlarge", "0.48", "MySQL"),
            database("db.r5.xlarge", "1.1", "Oracle", licenseModel="License included", databaseEdition="Standard Two"),
            database("db.r5.xlarge", "9", "Oracle", licenseModel="License included", deploymentModel="Custom"),
            database("db.r6g.xlarge", "0.7", "PostgreSQL", usagetype="InstanceUsageIOOptimized:db.r6g.xlarge"),
            product(
                "AmazonElastiCache", "Cache Instance", "us-east-1", "0.411", instanceType="cache.r6g.xlarge",
                cacheEngine="Redis", usagetype="NodeUsage:cache.r6g.xlarge", vcpu="4", memory="26.32 GiB",
            ),
        ],
    )  # fmt: skip
    assert fetched(warehouse, source(cloud.url, streams=["prices", "inventory"])).failures == ()
    key = "sku, license, deployment, term, price, upfront"
    assert [tuple(row.values()) for row in rows(warehouse, f"select {key} from prices order by all")] == [
        ("cache.r6g.xlarge", "Redis", None, "on_demand", Decimal("0.411"), Decimal(0)),
        ("db.r5.xlarge", "Oracle: License included Standard Two", "Single-AZ", "on_demand", Decimal("1.1"), Decimal(0)),
        ("db.r5.xlarge", "PostgreSQL: No license required", "Multi-AZ", "on_demand", Decimal("1.0"), Decimal(0)),
        ("db.r5.xlarge", "PostgreSQL: No license required", "Single-AZ", "1y", Decimal("0.057"), Decimal(501)),
        ("db.r5.xlarge", "PostgreSQL: No license required", "Single-AZ", "on_demand", Decimal("0.5"), Decimal(0)),
    ]
    (cache,) = rows(warehouse, "select specs from prices where sku = 'cache.r6g.xlarge'")
    assert json.loads(cache["specs"]) == {"architecture": "arm64", "memory_gib": 26.32, "vcpu": 4.0}
    licences = "select properties ->> 'license' as named from resources where resource_type = 'AWS::RDS::DBInstance' order by 1"
    assert [row["named"] for row in rows(warehouse, licences)] == [
        "Oracle: License included Standard Two",
        "PostgreSQL: No license required",
    ]


def test_the_sample_companys_list_is_the_files(cloud: Aws, warehouse: Warehouse) -> None:
    """Served as the Price List API has it, every price on demand that it sells is the file's: same key, same amount."""
    client(cloud.url, "rds").create_db_instance(
        DBInstanceIdentifier="catalog", DBInstanceClass="db.r5.xlarge", Engine="postgres", AllocatedStorage=100,
        MasterUsername="root", MasterUserPassword="not-a-secret-1",
    )  # fmt: skip
    serve(cloud, sample_list())
    assert fetched(warehouse, source(cloud.url, streams=["prices"])).failures == ()
    key = "region, product, sku, coalesce(operating_system, ''), coalesce(deployment, ''), tier_start::int, unit, price"
    live = {tuple(row.values()) for row in rows(warehouse, f"select {key} from prices")}
    names = ("region", "product", "sku", "operating_system", "deployment")
    of_the_file = {
        (*(row[name] for name in names), int(row["tier_start"]), row["unit"], Decimal(row["price"]).quantize(Decimal("1e-12")))
        for row in sample_prices()
        if row["term"] == "on_demand" and row["region"] == "us-east-1"
    }
    sold = {reading.names[0] for several in readings().values() for reading in several}
    absent = {row[2] for row in of_the_file - live if row[1] in sold}
    assert live <= of_the_file
    assert absent == {"STANDARD:retrieval", "ra3:storage", "rds-gp3", "rds-gp3-multi-az", "space:gp3", "t3:credits"}
    assert {row[1] for row in of_the_file - live} - sold == {"model_unit", "network", "serverless", "tokens"}


def test_a_price_list_is_good_for_a_week(cloud: Aws, warehouse: Warehouse) -> None:
    serve(cloud, [machine("m5.xlarge", "0.192")])
    every = len(readings()) - 1  # no database runs there, whose engine would be asked for
    for days, calls in ((0, every), (6, every), (7, 2 * every)):
        assert fetched(warehouse, source(cloud.url, streams=["prices"]), now=NOW + timedelta(days=days)).failures == ()
        assert cloud.asked["pricing:GetProducts"] == calls
