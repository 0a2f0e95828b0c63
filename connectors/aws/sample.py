"""The sample company's AWS bill: a Data Exports folder of CUR 2.0 Parquet files and their manifests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.aws.sample_columns import NAMES, SCHEMA
from connectors.aws.sample_product import LOCATIONS, product
from finops.sample.estate import Commitment, Estate, midnight, next_month
from finops.sample.files import write_json, write_parquet
from finops.sample.truth import Bridge, Truth
from finops.sample.usage import PLACES, Line, Use, bill, identity

PROVIDER = "aws"
CENT = Decimal("0.01")
KEPT_BY_NEGATION = (
    "line_item_usage_type",
    "line_item_operation",
    "line_item_product_code",
    "product_servicecode",
    "product_region_code",
)
Row = dict[str, Any]


def write(estate: Estate, folder: Path) -> list[Truth]:
    """One Parquet file and one manifest a billing period."""
    bill_of = Bill(estate)
    export = str(bill_of.facts["export"])
    truths = []
    for period in estate.periods():
        rows = bill_of.month(period)
        month = f"BILLING_PERIOD={period:%Y-%m}"
        data, base = f"data/{month}/{export}-00001.parquet", folder / "export" / "aws" / export
        write_parquet(base / data, [[row.get(name) for name in NAMES] for row in rows], SCHEMA)
        write_json(base / f"metadata/{month}/{export}-Manifest.json", _manifest(export, period, data))
        truths.append(bill_of.truth(period, rows))
    return truths


def _manifest(export: str, period: date, data: str) -> Row:
    return {
        "dataFiles": [f"s3://nordlicht-billing/{export}/{data}"],
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:210987654321:export/{export}-4f8a2c1e",
        "executionId": f"{period:%Y%m}-{identity(export, period)}",
        "columns": [{"name": f.name, "type": str(f.type)} for f in SCHEMA],
    }


class Bill:
    """One payer's bill. Every cost has its list, its unblended (on the bill) and its net (after the agreement) value."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.accounts = estate.accounts
        self.facts = estate.providers[PROVIDER]
        self.payer = estate.accounts[self.facts["billing_account"]]
        self.net = estate.discount(PROVIDER)

    def month(self, period: date) -> list[Row]:
        lines, uses = bill(self.estate, PROVIDER, period)
        rows = [row for line in lines for row in self._line(period, line)]
        rows += [row for use in uses if use.commitment.kind == "spend" for row in [self._plan_fee(period, use)]]
        rows += self._reservation_fees(period, [use for use in uses if use.commitment.kind == "usage"])
        rows += self._discounts(period, rows)
        rows += self._others(period, rows)
        return rows

    def truth(self, period: date, rows: list[Row]) -> Truth:
        billed: dict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            billed[row["bill_invoice_id"] or ""] += Decimal(repr(row["line_item_unblended_cost"]))
        effective = sum((_effective(row) for row in rows), Decimal(0))
        bridges = [
            Bridge(invoice, str(row["bill_invoicing_entity"]), row["line_item_line_item_type"], row["line_item_unblended_cost"])
            for row in rows
            if (invoice := row["bill_invoice_id"])
        ]
        total = sum(billed.values(), Decimal(0))
        return Truth(PROVIDER, self.payer["id"], period, "USD", len(rows), total, effective, dict(billed), bridges)

    def _base(self, period: date, kind: str, start: datetime, end: datetime, account: str, cost: Decimal, net: Decimal) -> Row:
        invoice = self.facts["invoices"].get(f"{period:%Y-%m}", ["", ""])[0]
        owner = self.accounts[account]
        return {
            "bill_bill_type": "Anniversary",
            "bill_billing_entity": "AWS",
            "bill_billing_period_start_date": midnight(period),
            "bill_billing_period_end_date": midnight(next_month(period)),
            "bill_invoice_id": invoice,
            "bill_invoicing_entity": self.facts["entity"],
            "bill_payer_account_id": self.payer["id"],
            "bill_payer_account_name": self.payer["name"],
            "identity_time_interval": f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}",
            "line_item_currency_code": "USD",
            "line_item_legal_entity": self.facts["entity"],
            "line_item_line_item_type": kind,
            "line_item_usage_account_id": owner["id"],
            "line_item_usage_account_name": owner["name"],
            "line_item_usage_start_date": start,
            "line_item_usage_end_date": end,
            "line_item_unblended_cost": float(cost),
            "line_item_blended_cost": float(cost),
            "line_item_net_unblended_cost": float(net),
            "resource_tags": {},
            "cost_category": {},
            "discount": {},
            "product": {},
        }

    def _line(self, period: date, line: Line) -> Iterator[Row]:
        c = line.commitment
        kind = "Usage" if c is None else "SavingsPlanCoveredUsage" if c.kind == "spend" else "DiscountedUsage"
        cost = Decimal(0) if kind == "DiscountedUsage" else line.list_cost
        row = self._base(period, kind, line.start, line.end, line.resource.account, cost, self._net(cost))
        row |= product(self.estate, line) | {
            "identity_line_item_id": identity(line.resource.id, line.meter.kind, line.meter.tier_start, line.start, kind),
            "line_item_resource_id": line.resource.id,
            "line_item_usage_amount": float(line.quantity),
            "resource_tags": self._tags(line),
            "pricing_public_on_demand_cost": float(line.list_cost),
            "pricing_public_on_demand_rate": str(line.price),
            "pricing_currency": "USD",
            "line_item_unblended_rate": str(line.price if cost else 0),
            "line_item_net_unblended_rate": str((line.price * self.net).normalize() if cost else 0),
        }
        if c is None:
            off = float(self._net(cost) - cost)
            row |= {"discount": {"edp_discount": off}, "discount_total_discount": off}
            yield row
        elif c.kind == "usage":
            yield row | self._reserved(line, c)
        else:
            yield row | self._planned(line, c)
            yield self._negation(period, line, c, row)

    def _reserved(self, line: Line, c: Commitment) -> Row:
        upfront = (line.committed_cost * Decimal(c.native["upfront_share"])).quantize(PLACES)
        weight = c.weights[line.meter.sku]
        return {
            "reservation_reservation_a_r_n": c.id,
            "reservation_effective_cost": float(line.committed_cost),
            "reservation_net_effective_cost": float(self._net(line.committed_cost)),
            "reservation_amortized_upfront_cost_for_usage": float(upfront),
            "reservation_recurring_fee_for_usage": float(line.committed_cost - upfront),
            "reservation_subscription_id": identity(c.id),
            "line_item_normalized_usage_amount": float(line.quantity * weight),
            "line_item_normalization_factor": float(weight),
            "pricing_term": "Reserved",
        }

    def _planned(self, line: Line, c: Commitment) -> Row:
        return {
            "savings_plan_savings_plan_a_r_n": c.id,
            "savings_plan_savings_plan_rate": float(line.rate),
            "savings_plan_savings_plan_effective_cost": float(line.committed_cost),
            "savings_plan_net_savings_plan_effective_cost": float(self._net(line.committed_cost)),
            "savings_plan_offering_type": c.native["offering"],
            "savings_plan_payment_option": "No Upfront",
            "savings_plan_purchase_term": "1yr",
            "savings_plan_region": LOCATIONS[line.resource.region],
            "savings_plan_instance_type_family": c.scope["family"],
            "savings_plan_start_time": f"{c.start}T00:00:00.000Z",
            "savings_plan_end_time": f"{c.end}T00:00:00.000Z",
            "pricing_term": "",
        }

    def _negation(self, period: date, line: Line, c: Commitment, covered: Row) -> Row:
        cost = -line.list_cost
        row = self._base(period, "SavingsPlanNegation", line.start, line.end, line.resource.account, cost, self._net(cost))
        row |= {name: covered[name] for name in KEPT_BY_NEGATION}
        return row | {
            "identity_line_item_id": identity(covered["identity_line_item_id"], "negation"),
            "line_item_line_item_description": "SavingsPlanNegation used by AccountId : "
            f"{covered['line_item_usage_account_id']} and UsageSku : {covered['product_sku']}",
            "line_item_usage_amount": float(line.quantity),
            "product": {"product_name": covered["product"]["product_name"]},
            "savings_plan_savings_plan_a_r_n": c.id,
        }

    def _plan_fee(self, period: date, use: Use) -> Row:
        c, net = use.commitment, self._net(use.committed)
        row = self._base(period, "SavingsPlanRecurringFee", use.start, use.end, c.account, use.committed, net)
        return row | {
            "identity_line_item_id": identity(c.id, use.start),
            "line_item_resource_id": c.id,
            "line_item_usage_type": f"{c.native['offering'].removesuffix('SavingsPlans')}SP:{c.scope['family']}.1yrNoUpfront",
            "line_item_operation": "",
            "line_item_product_code": "ComputeSavingsPlans",
            "line_item_line_item_description": "1 year No Upfront EC2 Instance Savings Plan",
            "line_item_usage_amount": 1.0,
            "pricing_unit": "Hrs",
            "product": {"product_name": "Savings Plans for AWS Compute usage"},
            "product_servicecode": "ComputeSavingsPlans",
            "savings_plan_savings_plan_a_r_n": c.id,
            "savings_plan_total_commitment_to_date": float(use.committed),
            "savings_plan_used_commitment": float(use.used),
            "savings_plan_recurring_commitment_for_billing_period": float(use.committed),
            "savings_plan_amortized_upfront_commitment_for_billing_period": 0.0,
        }

    def _reservation_fees(self, period: date, uses: list[Use]) -> list[Row]:
        """One RIFee row a reservation and month: the recurring fee, and what of it and of the upfront fee went unused."""
        by_commitment: dict[str, list[Use]] = defaultdict(list)
        for use in uses:
            by_commitment[use.commitment.key].append(use)
        return [self._reservation_fee(period, of_one) for of_one in by_commitment.values()]

    def _reservation_fee(self, period: date, uses: list[Use]) -> Row:
        c = uses[0].commitment
        sku = next(iter(c.rates))
        unit = c.rates[sku] / c.weights[sku]
        fee = (sum((u.committed for u in uses), Decimal(0)) * unit).quantize(PLACES)
        unused = (sum((u.committed - u.used for u in uses), Decimal(0)) * unit).quantize(PLACES)
        share = Decimal(c.native["upfront_share"])
        upfront, unused_upfront = (fee * share).quantize(PLACES), (unused * share).quantize(PLACES)
        recurring, unused_recurring = fee - upfront, unused - unused_upfront
        end = midnight(min(next_month(period), self.estate.as_of + timedelta(days=1))) - timedelta(seconds=1)
        row = self._base(period, "RIFee", midnight(period), end, c.account, recurring, self._net(recurring))
        return row | {
            "identity_line_item_id": identity(c.id, period),
            "line_item_resource_id": "",
            "line_item_usage_type": c.native["usage"],
            "line_item_operation": "RunInstances:0002" if c.native["code"] == "AmazonEC2" else "CreateDBInstance:0014",
            "line_item_product_code": c.native["code"],
            "line_item_line_item_description": f"USD {recurring / len(uses):.6f} hourly fee per {c.native['usage']}",
            "line_item_usage_amount": float(len(uses)),
            "pricing_unit": "Hrs",
            "pricing_term": "Reserved",
            "product": {"product_name": c.native["name"]},
            "product_servicecode": c.native["code"],
            "product_region_code": c.region,
            "reservation_reservation_a_r_n": c.id,
            "reservation_amortized_upfront_fee_for_billing_period": float(upfront),
            "reservation_net_amortized_upfront_fee_for_billing_period": float(self._net(upfront)),
            "reservation_unused_amortized_upfront_fee_for_billing_period": float(unused_upfront),
            "reservation_net_unused_amortized_upfront_fee_for_billing_period": float(self._net(unused_upfront)),
            "reservation_unused_recurring_fee": float(unused_recurring),
            "reservation_net_unused_recurring_fee": float(self._net(unused_recurring)),
            "reservation_unused_quantity": float(sum((u.committed - u.used for u in uses), Decimal(0))),
            "reservation_start_time": f"{c.start}T00:00:00.000Z",
            "reservation_end_time": f"{c.end}T00:00:00.000Z",
        }

    def _discounts(self, period: date, rows: Iterable[Row]) -> list[Row]:
        """What the agreement takes off, one row an account and service: the net columns say the same, line by line."""
        off: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for row in rows:
            key = row["line_item_usage_account_id"], row["line_item_product_code"], row["product"]["product_name"]
            off[key] += Decimal(repr(row["line_item_net_unblended_cost"])) - Decimal(repr(row["line_item_unblended_cost"]))
        names = {a["id"]: key for key, a in self.accounts.items()}
        result = []
        for (account, code, name), amount in sorted(off.items()):
            if amount:
                row = self._month_row(period, "EdpDiscount", names[account], amount, Decimal(0))
                result.append(row | _named(code, name, "Enterprise Program Discount"))
        return result

    def _others(self, period: date, rows: list[Row]) -> Iterator[Row]:
        """Support, marketplace, credit, and one tax row an invoice."""
        support, market = Decimal(self.facts["support"]), self.facts["marketplace"]
        net = sum((Decimal(repr(r["line_item_net_unblended_cost"])) for r in rows), Decimal(0))
        payer = self.facts["billing_account"]
        fee = self._month_row(period, "Fee", payer, support, support)
        yield fee | _named("AWSSupportBusiness", "AWS Support (Business)", "AWS Support (Business)")
        credit = Decimal(self.facts["credits"].get(f"{period:%Y-%m}", "0"))
        if credit:
            row = self._month_row(period, "Credit", "serve", credit, credit)
            yield row | _named("AmazonSageMaker", "Amazon SageMaker", "AWS Activate credit")
        yield self._tax(period, self._net_tax(net + support + credit), {})
        invoice = self.facts["invoices"].get(f"{period:%Y-%m}", ["", ""])[1]
        seller = {
            "bill_billing_entity": "AWS Marketplace",
            "bill_invoicing_entity": market["seller"],
            "line_item_legal_entity": market["seller"],
            "bill_invoice_id": invoice,
        }
        monthly = Decimal(market["monthly"])
        row = self._month_row(period, "Fee", "train", monthly, monthly) | seller
        yield row | _named(market["code"], market["product"], "Team plan, monthly")
        yield self._tax(period, self._net_tax(monthly), seller)

    def _tax(self, period: date, amount: Decimal, seller: Row) -> Row:
        row = self._month_row(period, "Tax", self.facts["billing_account"], amount, amount) | seller
        code = self.facts["marketplace"]["code"] if seller else "AmazonEC2"
        name = self.facts["marketplace"]["product"] if seller else "Amazon Elastic Compute Cloud"
        return row | _named(code, name, "VAT 19 %") | {"line_item_tax_type": "VAT"}

    def _month_row(self, period: date, kind: str, account: str, cost: Decimal, net: Decimal) -> Row:
        end = midnight(min(next_month(period), self.estate.as_of + timedelta(days=1)))
        row = self._base(period, kind, midnight(period), end, account, cost, net)
        return row | {
            "identity_line_item_id": identity(kind, account, period, cost),
            "line_item_usage_amount": 1.0,
            "line_item_usage_type": "",
            "line_item_operation": "",
        }

    def _tags(self, line: Line) -> dict[str, str]:
        tags = {f"user_{key}": value for key, value in line.resource.tags.items()}
        return tags | {"user_Name": line.resource.name} if tags else tags

    def _net(self, cost: Decimal) -> Decimal:
        return (cost * self.net).quantize(PLACES)

    def _net_tax(self, amount: Decimal) -> Decimal:
        return (amount * Decimal(self.facts["tax_rate"])).quantize(CENT)


def _named(code: str, name: str, description: str) -> Row:
    return {
        "line_item_product_code": code,
        "product": {"product_name": name},
        "line_item_line_item_description": description,
    }


def _effective(row: Row) -> Decimal:
    """What the row adds to effective cost, commitments amortised and their unused part included."""
    kind = row["line_item_line_item_type"]
    if kind in ("SavingsPlanNegation", "SavingsPlanCoveredUsage"):
        return Decimal(repr(row.get("savings_plan_net_savings_plan_effective_cost", 0.0)))
    if kind == "DiscountedUsage":
        return Decimal(repr(row["reservation_net_effective_cost"]))
    if kind == "RIFee":
        names = ("reservation_net_unused_amortized_upfront_fee_for_billing_period", "reservation_net_unused_recurring_fee")
        return sum((Decimal(repr(row[name])) for name in names), Decimal(0))
    cost = Decimal(repr(row["line_item_net_unblended_cost"]))
    if kind == "SavingsPlanRecurringFee":
        used = Decimal(repr(row["savings_plan_used_commitment"])) / Decimal(repr(row["savings_plan_total_commitment_to_date"]))
        return (cost * (1 - used)).quantize(PLACES)
    return cost
