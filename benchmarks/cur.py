"""CUR 2.0 Parquet of realistic width (the 125 columns of a full export, four of them maps) at any number of lines."""

from __future__ import annotations

from pathlib import Path

import duckdb

STRINGS = """
bill_bill_type bill_billing_entity bill_invoice_id bill_invoicing_entity bill_payer_account_id bill_payer_account_name
identity_line_item_id identity_time_interval line_item_availability_zone line_item_blended_rate line_item_currency_code
line_item_legal_entity line_item_line_item_description line_item_line_item_type line_item_net_unblended_rate
line_item_operation line_item_product_code line_item_resource_id line_item_tax_type line_item_unblended_rate
line_item_usage_account_id line_item_usage_account_name line_item_usage_type pricing_currency
pricing_lease_contract_length pricing_offering_class pricing_public_on_demand_rate pricing_purchase_option
pricing_rate_code pricing_rate_id pricing_term pricing_unit product_comment product_fee_code product_fee_description
product_from_location product_from_location_type product_from_region_code product_instance_family product_instance_type
product_instancesku product_location product_location_type product_operation product_pricing_unit product_product_family
product_region_code product_servicecode product_sku product_to_location product_to_location_type product_to_region_code
product_usagetype reservation_availability_zone reservation_end_time reservation_modification_status
reservation_normalized_units_per_reservation reservation_number_of_reservations reservation_reservation_a_r_n
reservation_start_time reservation_subscription_id reservation_total_reserved_normalized_units
reservation_total_reserved_units reservation_units_per_reservation savings_plan_end_time
savings_plan_instance_type_family savings_plan_offering_type savings_plan_payment_option savings_plan_purchase_term
savings_plan_region savings_plan_savings_plan_a_r_n savings_plan_start_time split_line_item_parent_resource_id
capacity_reservation_capacity_reservation_arn capacity_reservation_capacity_reservation_status
capacity_reservation_capacity_reservation_type
""".split()

DOUBLES = """
discount_bundled_discount discount_total_discount line_item_blended_cost line_item_net_unblended_cost
line_item_normalization_factor line_item_normalized_usage_amount line_item_unblended_cost line_item_usage_amount
pricing_public_on_demand_cost reservation_amortized_upfront_cost_for_usage
reservation_amortized_upfront_fee_for_billing_period reservation_effective_cost
reservation_net_amortized_upfront_cost_for_usage reservation_net_amortized_upfront_fee_for_billing_period
reservation_net_effective_cost reservation_net_recurring_fee_for_usage
reservation_net_unused_amortized_upfront_fee_for_billing_period reservation_net_unused_recurring_fee
reservation_net_upfront_value reservation_recurring_fee_for_usage
reservation_unused_amortized_upfront_fee_for_billing_period reservation_unused_normalized_unit_quantity
reservation_unused_quantity reservation_unused_recurring_fee reservation_upfront_value
savings_plan_amortized_upfront_commitment_for_billing_period
savings_plan_net_amortized_upfront_commitment_for_billing_period
savings_plan_net_recurring_commitment_for_billing_period savings_plan_net_savings_plan_effective_cost
savings_plan_recurring_commitment_for_billing_period savings_plan_savings_plan_effective_cost
savings_plan_savings_plan_rate savings_plan_total_commitment_to_date savings_plan_used_commitment
split_line_item_actual_usage split_line_item_net_split_cost split_line_item_net_unused_cost
split_line_item_public_on_demand_split_cost split_line_item_public_on_demand_unused_cost
split_line_item_reserved_usage split_line_item_split_cost split_line_item_split_usage
split_line_item_split_usage_ratio split_line_item_unused_cost
""".split()

TYPES = ("m5.large", "m5.xlarge", "c6i.2xlarge", "r6g.xlarge", "g5.xlarge", "p4d.24xlarge", "t3.medium", "m7g.2xlarge")
PRICES = (0.096, 0.192, 0.34, 0.2016, 1.006, 32.7726, 0.0416, 0.3264)  # USD an hour, us-east-1, Linux, price list 2026-09

VALUES = {
    "bill_bill_type": "'Anniversary'",
    "bill_billing_entity": "'AWS'",
    "bill_invoicing_entity": "'Amazon Web Services, Inc.'",
    "bill_payer_account_id": "'100000000001'",
    "bill_payer_account_name": "'payer'",
    "identity_line_item_id": "md5(i::varchar)",
    "identity_time_interval": "strftime(start, '%Y-%m-%dT%H:00Z/') || strftime(start + interval 1 hour, '%Y-%m-%dT%H:00Z')",
    "line_item_availability_zone": "case when k < 6 then 'us-east-1' || substr('abcdef', k + 1, 1) end",
    "line_item_currency_code": "'USD'",
    "line_item_legal_entity": "'Amazon Web Services, Inc.'",
    "line_item_line_item_description": "'$' || price || ' per On Demand Linux ' || machine || ' Instance Hour'",
    "line_item_line_item_type": "case when k = 5 then 'SavingsPlanCoveredUsage'"
    " when k = 6 and second then 'SavingsPlanNegation' else 'Usage' end",
    "line_item_operation": "'RunInstances'",
    "line_item_product_code": "case when k < 6 then 'AmazonEC2' else 'AmazonS3' end",
    "line_item_resource_id": "case when k < 6 then 'i-' || lpad(to_hex(resource), 17, '0') else 'bucket-' || resource end",
    "line_item_unblended_rate": "price::varchar",
    "line_item_usage_account_id": "'2000000000' || lpad((resource % 40)::varchar, 2, '0')",
    "line_item_usage_account_name": "'account-' || (resource % 40)",
    "line_item_usage_type": "case when k < 6 then 'BoxUsage:' || machine else 'Requests-Tier1' end",
    "pricing_currency": "'USD'",
    "pricing_public_on_demand_rate": "price::varchar",
    "pricing_rate_code": "sku || '.JRTCKXETXF.6YS6EN2CT7'",
    "pricing_rate_id": "sku",
    "pricing_term": "'OnDemand'",
    "pricing_unit": "case when k < 6 then 'Hrs' else 'Requests' end",
    "product_instance_family": "'General purpose'",
    "product_instance_type": "case when k < 6 then machine end",
    "product_location": "'US East (N. Virginia)'",
    "product_location_type": "'AWS Region'",
    "product_operation": "'RunInstances'",
    "product_product_family": "case when k < 6 then 'Compute Instance' else 'API Request' end",
    "product_region_code": "'us-east-1'",
    "product_servicecode": "case when k < 6 then 'AmazonEC2' else 'AmazonS3' end",
    "product_sku": "sku",
    "product_usagetype": "case when k < 6 then 'BoxUsage:' || machine else 'Requests-Tier1' end",
    "savings_plan_savings_plan_a_r_n": "case when k = 5 or (k = 6 and second) then"
    " 'arn:aws:savingsplans::100000000001:savingsplan/1' end",
    "line_item_unblended_cost": "case when k = 6 and second then -price else price end",
    "line_item_blended_cost": "price",
    "line_item_usage_amount": "1.0",
    "pricing_public_on_demand_cost": "price",
    "savings_plan_savings_plan_effective_cost": "case when k = 5 then price * 0.7 end",
    "savings_plan_savings_plan_rate": "case when k = 5 then price * 0.7 end",
}

MAPS = {
    "product": (
        "map {'product_name': 'Amazon Elastic Compute Cloud', 'vcpu': '8', 'memory': '32 GiB', 'operating_system': 'Linux',"
        " 'tenancy': 'Shared', 'region': 'us-east-1', 'instance_type': machine, 'sku': sku, 'capacitystatus': 'Used'}"
    ),
    "resource_tags": (
        "case when resource % 9 = 0 then map {}::map(varchar, varchar) else map {"
        "'user_team': 'team-' || resource % 12, 'user_environment': case when resource % 3 = 0 then 'dev' else 'prod' end,"
        " 'user_name': 'node-' || resource % 5000} end"
    ),
    "cost_category": "map {'unit': 'unit-' || resource % 5}",
    "discount": "map {}::map(varchar, double)",
}

TIMES = (
    "bill_billing_period_start_date",
    "bill_billing_period_end_date",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
)


def write(path: Path, lines: int, seed: int = 7) -> int:
    """Write `lines` lines of September 2026 (savings-plan usage and its negation net to zero); returns the columns' number."""
    machine = "list_value(" + ", ".join(f"'{name}'" for name in TYPES) + ")"
    price = "list_value(" + ", ".join(str(amount) for amount in PRICES) + ")"
    columns = [f"({VALUES[n]})::varchar as {n}" if n in VALUES else f"null::varchar as {n}" for n in STRINGS]
    columns += [f"({VALUES[n]})::double as {n}" if n in VALUES else f"null::double as {n}" for n in DOUBLES]
    columns += [f"{value} as {name}" for name, value in MAPS.items()]
    columns += [
        "timestamp '2026-09-01' as bill_billing_period_start_date",
        "timestamp '2026-10-01' as bill_billing_period_end_date",
        "start as line_item_usage_start_date",
        "start + interval 1 hour as line_item_usage_end_date",
    ]
    connection = duckdb.connect()
    connection.execute("set preserve_insertion_order = false")
    connection.execute("set enable_progress_bar = false")
    # A resource has a line in each of the month's 720 hours. Every covered line (k = 5) has its negation (k = 6, second) of
    # the same machine, price and hour.
    connection.execute(f"""
        copy (
            with lines as (
                select i, i // 8 as g, (i % 8)::integer as k from range({lines}) r(i)
            ),
            keyed as (
                select
                    i,
                    case when k = 7 then 6 else k end as k,
                    k = 7 as second,
                    (g // 720) * 8 + (k * 3 + {seed}) % 8 as resource,
                    timestamp '2026-09-01' + interval 1 hour * (g % 720)::integer as start,
                    {machine}[(g // 720 % 8 + 1)::integer] as machine,
                    {price}[(g // 720 % 8 + 1)::integer] as price
                from lines
            ),
            coded as (select *, 'SKU' || upper(substr(md5(machine || (k < 6)::varchar), 1, 13)) as sku from keyed)
            select {", ".join(columns)} from coded
        ) to '{path}' (format parquet, compression snappy, row_group_size 200000)
    """)
    return len(STRINGS) + len(DOUBLES) + len(MAPS) + len(TIMES)
