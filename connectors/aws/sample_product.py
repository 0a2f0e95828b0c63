"""What the sample company bought of AWS, in the product and pricing columns of CUR 2.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finops.sample.estate import Estate
from finops.sample.usage import Line, identity

LOCATIONS = {"us-east-1": "US East (N. Virginia)", "us-west-2": "US West (Oregon)"}
Row = dict[str, Any]


def product(estate: Estate, line: Line) -> Row:
    """The columns that say what was bought."""
    kind = estate.meters[line.meter.kind]
    sku, region = line.meter.sku, line.resource.region
    usage = kind["usage"].replace("{sku}", sku)
    code = identity(kind["code"], kind["usage"], sku, region, line.meter.deployment)[:16].upper()
    machine = "." in sku and kind["unit"] == "Hrs"
    return {
        "line_item_product_code": kind["code"],
        "line_item_usage_type": usage,
        "line_item_operation": kind["operation"],
        "line_item_line_item_description": f"${line.price} per {kind['unit']} {usage} ({LOCATIONS[region]})",
        "pricing_unit": kind["unit"],
        "pricing_term": "OnDemand",
        "pricing_rate_code": f"{code}.JRTCKXETXF.6YS6EN2CT7",
        "pricing_rate_id": str(int(code[:8], 16)),
        "product": _attributes(kind, line, machine),
        "product_instance_type": sku if machine else "",
        "product_instance_family": sku.rsplit(".", 1)[0] if machine else "",
        "product_location": LOCATIONS[region],
        "product_location_type": "AWS Region",
        "product_product_family": kind["family"],
        "product_region_code": region,
        "product_servicecode": kind["code"],
        "product_sku": code,
        "product_usagetype": usage,
        "product_operation": kind["operation"],
    }


def _attributes(kind: Mapping[str, Any], line: Line, machine: bool) -> dict[str, str]:
    """What CUR 2.0 keeps in the `product` map."""
    specs = line.resource.properties if machine else {}
    facts = {
        "product_name": kind["name"],
        "operating_system": kind.get("os"),
        "vcpu": specs.get("vcpu"),
        "memory": f"{specs['memory_gib']} GiB" if "memory_gib" in specs else None,
        "gpu": specs.get("gpu_count"),
        "database_engine": "PostgreSQL" if kind["code"] == "AmazonRDS" else None,
        "deployment_option": line.meter.deployment or None,
        "license_model": line.resource.properties.get("license") if kind["code"] == "AmazonRDS" else None,
        "tenancy": "Shared" if kind["code"] == "AmazonEC2" and machine else None,
    }
    return {name: str(value) for name, value in facts.items() if value is not None}
