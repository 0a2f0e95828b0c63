"""The columns of a CUR 2.0 export with resource ids and hourly lines, in the order and types that Data Exports writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from finops.sample.files import write_table

Row = dict[str, Any]

TEXT, NUMBER, TIME = pa.string(), pa.float64(), pa.timestamp("ms")
TEXTS, NUMBERS = pa.map_(TEXT, TEXT), pa.map_(TEXT, NUMBER)

_TYPES: tuple[tuple[pa.DataType, str], ...] = (
    (TEXT, "bill_bill_type bill_billing_entity"),
    (TIME, "bill_billing_period_end_date bill_billing_period_start_date"),
    (TEXT, "bill_invoice_id bill_invoicing_entity bill_payer_account_id bill_payer_account_name"),
    (TEXTS, "cost_category"),
    (NUMBERS, "discount"),
    (NUMBER, "discount_bundled_discount discount_total_discount"),
    (TEXT, "identity_line_item_id identity_time_interval line_item_availability_zone"),
    (NUMBER, "line_item_blended_cost"),
    (TEXT, "line_item_blended_rate line_item_currency_code line_item_legal_entity line_item_line_item_description"),
    (TEXT, "line_item_line_item_type"),
    (NUMBER, "line_item_net_unblended_cost"),
    (TEXT, "line_item_net_unblended_rate"),
    (NUMBER, "line_item_normalization_factor line_item_normalized_usage_amount"),
    (TEXT, "line_item_operation line_item_product_code line_item_resource_id line_item_tax_type"),
    (NUMBER, "line_item_unblended_cost"),
    (TEXT, "line_item_unblended_rate line_item_usage_account_id line_item_usage_account_name"),
    (NUMBER, "line_item_usage_amount"),
    (TIME, "line_item_usage_end_date line_item_usage_start_date"),
    (TEXT, "line_item_usage_type pricing_currency pricing_lease_contract_length pricing_offering_class"),
    (NUMBER, "pricing_public_on_demand_cost"),
    (TEXT, "pricing_public_on_demand_rate pricing_purchase_option pricing_rate_code pricing_rate_id pricing_term pricing_unit"),
    (TEXTS, "product"),
    (TEXT, "product_comment product_fee_code product_fee_description product_from_location product_from_location_type"),
    (TEXT, "product_from_region_code product_instance_family product_instance_type product_instancesku product_location"),
    (TEXT, "product_location_type product_operation product_pricing_unit product_product_family product_region_code"),
    (TEXT, "product_servicecode product_sku product_to_location product_to_location_type product_to_region_code"),
    (TEXT, "product_usagetype"),
    (NUMBER, "reservation_amortized_upfront_cost_for_usage reservation_amortized_upfront_fee_for_billing_period"),
    (TEXT, "reservation_availability_zone"),
    (NUMBER, "reservation_effective_cost"),
    (TEXT, "reservation_end_time reservation_modification_status"),
    (NUMBER, "reservation_net_amortized_upfront_cost_for_usage reservation_net_amortized_upfront_fee_for_billing_period"),
    (NUMBER, "reservation_net_effective_cost reservation_net_recurring_fee_for_usage"),
    (NUMBER, "reservation_net_unused_amortized_upfront_fee_for_billing_period reservation_net_unused_recurring_fee"),
    (TEXT, "reservation_number_of_reservations"),
    (NUMBER, "reservation_recurring_fee_for_usage"),
    (TEXT, "reservation_reservation_a_r_n reservation_start_time reservation_subscription_id"),
    (TEXT, "reservation_total_reserved_units"),
    (NUMBER, "reservation_unused_amortized_upfront_fee_for_billing_period reservation_unused_normalized_unit_quantity"),
    (NUMBER, "reservation_unused_quantity reservation_unused_recurring_fee reservation_upfront_value"),
    (TEXTS, "resource_tags"),
    (NUMBER, "savings_plan_amortized_upfront_commitment_for_billing_period"),
    (TEXT, "savings_plan_end_time savings_plan_instance_type_family"),
    (NUMBER, "savings_plan_net_amortized_upfront_commitment_for_billing_period"),
    (NUMBER, "savings_plan_net_recurring_commitment_for_billing_period savings_plan_net_savings_plan_effective_cost"),
    (TEXT, "savings_plan_offering_type savings_plan_payment_option savings_plan_purchase_term"),
    (NUMBER, "savings_plan_recurring_commitment_for_billing_period"),
    (TEXT, "savings_plan_region savings_plan_savings_plan_a_r_n"),
    (NUMBER, "savings_plan_savings_plan_effective_cost savings_plan_savings_plan_rate"),
    (TEXT, "savings_plan_start_time"),
    (NUMBER, "savings_plan_total_commitment_to_date savings_plan_used_commitment"),
    (TEXT, "split_line_item_parent_resource_id"),
    (NUMBER, "split_line_item_split_usage split_line_item_split_usage_ratio"),
    (NUMBER, "split_line_item_split_cost split_line_item_unused_cost"),
    (NUMBER, "split_line_item_net_split_cost split_line_item_net_unused_cost"),
)

SCHEMA = pa.schema([(name, kind) for kind, names in _TYPES for name in names.split()])
NAMES = tuple(SCHEMA.names)
VARYING = {
    "identity_line_item_id": "DELTA_BYTE_ARRAY",
    "identity_time_interval": "DELTA_BYTE_ARRAY",
    "line_item_usage_start_date": "DELTA_BINARY_PACKED",
    "line_item_usage_end_date": "DELTA_BINARY_PACKED",
}
"""The columns that differ between the rows of one line, and the encoding in which they take least room."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One row's columns, and the periods of one length in each of which it is written."""

    row: Row
    starts: tuple[datetime, ...]
    length: timedelta

    def times(self, column: str) -> Decimal:
        """The column's sum over the rows."""
        return Decimal(repr(self.row.get(column) or 0.0)) * len(self.starts)


def write_rows(path: Path, rows: Sequence[Rows]) -> None:
    """Each row once a period, in order."""
    templates = pa.table([pa.array([r.row.get(f.name) for r in rows], f.type) for f in SCHEMA], schema=SCHEMA)
    repeats = np.repeat(np.arange(len(rows)), [len(r.starts) for r in rows])
    table = templates.take(pa.array(repeats))
    for name, values in _periods(rows).items():
        field = SCHEMA.field(name)
        table = table.set_column(SCHEMA.get_field_index(name), field, pa.array(values, field.type))
    write_table(path, table.combine_chunks(), VARYING)


def _periods(rows: Sequence[Rows]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in VARYING}
    for r in rows:
        key = r.row["identity_line_item_id"][:10]
        for start in r.starts:
            end = start + r.length
            columns["identity_line_item_id"].append(f"{key}{int(start.timestamp()) // 3600:06x}")
            columns["identity_time_interval"].append(f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}")
            columns["line_item_usage_start_date"].append(start)
            columns["line_item_usage_end_date"].append(end)
    return columns
