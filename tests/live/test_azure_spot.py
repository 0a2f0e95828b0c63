"""Eviction rates of Azure's spot machines: of the sizes and regions that there are, as bands that judges read."""

from __future__ import annotations

from finops.spot.interruptions import band_hours, band_share
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_company import fetched, rows
from tests.live.azure_company import source
from tests.live.azure_contract import Azure
from tests.live.azure_estate import put_rate, put_sample, sample_rows

COMPUTES = "Microsoft.MachineLearningServices/workspaces/computes"


def test_bands_of_the_sizes_that_there_are(azure: Azure, warehouse: Warehouse) -> None:
    put_sample(azure)
    (compute,) = {(row["region"], row["sku"]) for row in sample_rows() if row["resource_type"] == COMPUTES}
    alone = [row for row in sample_rows() if "/Microsoft.Compute/virtualMachines/" in row["resource_id"]]
    first, second, third, *_ = sorted({(row["region"], row["sku"]) for row in alone} - {compute})
    put_rate(azure, first[0], first[1].lower(), "5-10")  # the list has names in lower case, the inventory as they are
    put_rate(azure, *second, "20+")
    put_rate(azure, *compute, "0-5")
    put_rate(azure, *third, "unknown")
    put_rate(azure, first[0], "Standard_Nobody_Has", "15-20")
    put_rate(azure, "nowhere", first[1], "15-20")
    azure.plane.page = 2
    given = source(azure, "bands", management_endpoint=azure.url)
    assert fetched(warehouse, given).failures == ()
    found = rows(warehouse, "select region, sku, interruption_band, price from spot_market order by all")
    assert [tuple(row.values()) for row in found] == sorted(
        [(*first, "5-10%/h", None), (*second, ">20%/h", None), (*compute, "0-5%/h", None)]
    )
    assert [band_share(row["interruption_band"]) for row in found if row["sku"] == second[1]] == [0.25]
    assert {band_hours(row["interruption_band"]) for row in found} == {1.0}
    regions = {region for region, _ in (first, second, third, compute)}
    queries = [request["body"].decode() for name, request in azure.requests if "spotresources" in request["body"].decode()]
    assert all(any(f"'{region}'" in each for each in queries) for region in regions)
    assert not any("nowhere" in each for each in queries)
