"""The sample company's AWS bill: a Data Exports folder of CUR 2.0 Parquet files and their manifests, and an archive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from connectors.aws.sample_columns import SCHEMA, Row, Rows, write_rows
from connectors.aws.sample_fees import Fees
from connectors.aws.sample_product import LOCATIONS, product
from connectors.aws.sample_split import split_rows
from finops.sample.estate import Commitment, Estate, midnight, next_month
from finops.sample.files import write_json
from finops.sample.truth import Bridge, Truth
from finops.sample.usage import PLACES, Line, bill, identity

PROVIDER = "aws"
KEPT_BY_NEGATION = (
    "line_item_usage_type",
    "line_item_operation",
    "line_item_product_code",
    "product_servicecode",
    "product_region_code",
)


def write(estate: Estate, folder: Path) -> list[Truth]:
    """One Parquet file and one manifest a detailed billing period, one file of all older ones."""
    bill_of = Bill(estate)
    export = str(bill_of.facts["export"])
    base = folder / "export" / "aws" / export
    truths: list[Truth] = []
    older: list[Rows] = []
    for period in estate.periods():
        rows = bill_of.month(period)
        truths.append(bill_of.truth(period, rows))
        if period < estate.detailed_from:
            older += rows
            continue
        month = f"BILLING_PERIOD={period:%Y-%m}"
        data = f"data/{month}/{export}-00001.parquet"
        write_rows(base / data, rows)
        write_json(base / f"metadata/{month}/{export}-Manifest.json", _manifest(export, period, data))
    if older:
        name = f"{export}-archive-{estate.start:%Y%m}-to-{estate.detailed_from - timedelta(days=1):%Y%m}.parquet"
        write_rows(folder / "export" / "aws" / "archive" / name, older)
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
        self.fees = Fees(self)

    def month(self, period: date) -> list[Rows]:
        lines, uses = bill(self.estate, PROVIDER, period)
        rows = [row for line in lines for row in self._line(period, line)]
        rows += self.fees.of(period, uses)
        rows += self.fees.discounts(period, rows)
        rows += self.fees.others(period, rows)
        rows += split_rows(self.estate, period, rows)
        if f"{period:%Y-%m}" in self.facts["gross_periods"]:
            return [Rows({name: r.row[name] for name in r.row if "net_" not in name}, r.starts, r.length) for r in rows]
        return rows

    def truth(self, period: date, rows: list[Rows]) -> Truth:
        billed: dict[str, Decimal] = defaultdict(Decimal)
        bridges: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for r in rows:
            invoice, cost = r.row["bill_invoice_id"] or "", r.times("line_item_unblended_cost")
            billed[invoice] += cost
            bridges[invoice, str(r.row["bill_invoicing_entity"]), r.row["line_item_line_item_type"]] += cost
        effective = sum((_effective(r.row) * len(r.starts) for r in rows), Decimal(0))
        return Truth(
            PROVIDER,
            self.payer["id"],
            period,
            "USD",
            sum(len(r.starts) for r in rows),
            sum(billed.values(), Decimal(0)),
            effective,
            dict(billed),
            [Bridge(*key, amount) for key, amount in bridges.items() if key[0]],
        )

    def base(self, period: date, kind: str, account: str, cost: Decimal, net: Decimal) -> Row:
        """The columns that every line has."""
        owner = self.accounts[account]
        entity = self.facts["entities"].get(account, self.facts["entity"])
        return {
            "bill_bill_type": "Anniversary",
            "bill_billing_entity": "AWS",
            "bill_billing_period_start_date": midnight(period),
            "bill_billing_period_end_date": midnight(next_month(period)),
            "bill_invoice_id": self.invoice(period, entity),
            "bill_invoicing_entity": entity,
            "bill_payer_account_id": self.payer["id"],
            "bill_payer_account_name": self.payer["name"],
            "line_item_currency_code": "USD",
            "line_item_legal_entity": entity,
            "line_item_line_item_type": kind,
            "line_item_usage_account_id": owner["id"],
            "line_item_usage_account_name": owner["name"],
            "line_item_unblended_cost": float(cost),
            "line_item_blended_cost": float(cost),
            "line_item_net_unblended_cost": float(net),
            "resource_tags": {},
            "cost_category": {},
            "discount": {},
            "product": {},
        }

    def invoice(self, period: date, entity: str) -> str:
        """The number of one issuer's invoice of a month; none before the month is closed."""
        closed = next_month(period) <= self.estate.as_of
        return str(2_000_000_000 + int(identity("invoice", entity, period), 16) % 1_000_000_000) if closed else ""

    def after(self, cost: Decimal) -> Decimal:
        """Net of the negotiated discount."""
        return (cost * self.net).quantize(PLACES)

    def _line(self, period: date, line: Line) -> Iterator[Rows]:
        c = line.commitment
        kind = "Usage" if c is None else "SavingsPlanCoveredUsage" if c.kind == "spend" else "DiscountedUsage"
        cost = Decimal(0) if kind == "DiscountedUsage" else line.list_cost
        row = self.base(period, kind, line.resource.account, cost, self.after(cost))
        row |= product(self.estate, line) | {
            "identity_line_item_id": identity(line.resource.id, line.meter.kind, line.meter.tier_start, kind),
            "line_item_resource_id": line.resource.id,
            "line_item_usage_amount": float(line.quantity),
            "resource_tags": _tags(line),
            "pricing_public_on_demand_cost": float(line.list_cost),
            "pricing_public_on_demand_rate": str(line.price),
            "pricing_currency": "USD",
            "line_item_unblended_rate": str(line.price if cost else 0),
            "line_item_net_unblended_rate": str((line.price * self.net).normalize() if cost else 0),
        }
        seller = self.estate.meters[line.meter.kind].get("seller")
        if seller:
            yield Rows(
                row | {"line_item_net_unblended_cost": float(cost)} | self.fees.sold_by(period, seller),
                line.starts,
                line.length,
            )
            return
        if c is None:
            off = float(self.after(cost) - cost)
            row |= {"discount": {"edp_discount": off}, "discount_total_discount": off}
        elif c.kind == "usage":
            row |= self._reserved(line, c)
        else:
            row |= self._planned(line, c)
            yield Rows(self._negation(period, line, c, row), line.starts, line.length)
        yield Rows(row, line.starts, line.length)

    def _reserved(self, line: Line, c: Commitment) -> Row:
        upfront = (line.committed_cost * Decimal(c.native["upfront_share"])).quantize(PLACES)
        weight = c.weights[line.meter.sku]
        return {
            "reservation_reservation_a_r_n": c.id,
            "reservation_effective_cost": float(line.committed_cost),
            "reservation_net_effective_cost": float(self.after(line.committed_cost)),
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
            "savings_plan_net_savings_plan_effective_cost": float(self.after(line.committed_cost)),
            "savings_plan_offering_type": c.native["offering"],
            "savings_plan_payment_option": "No Upfront",
            "savings_plan_purchase_term": "1yr",
            "savings_plan_region": LOCATIONS[line.resource.region],
            "savings_plan_instance_type_family": c.scope.get("family", ""),
            "savings_plan_start_time": f"{c.start}T00:00:00.000Z",
            "savings_plan_end_time": f"{c.end}T00:00:00.000Z",
            "pricing_term": "",
        }

    def _negation(self, period: date, line: Line, c: Commitment, covered: Row) -> Row:
        cost = -line.list_cost
        row = self.base(period, "SavingsPlanNegation", line.resource.account, cost, self.after(cost))
        row |= {name: covered[name] for name in KEPT_BY_NEGATION}
        return row | {
            "identity_line_item_id": identity(covered["identity_line_item_id"], "negation"),
            "line_item_line_item_description": "SavingsPlanNegation used by AccountId : "
            f"{covered['line_item_usage_account_id']} and UsageSku : {covered['product_sku']}",
            "line_item_usage_amount": float(line.quantity),
            "product": {"product_name": covered["product"]["product_name"]},
            "savings_plan_savings_plan_a_r_n": c.id,
        }


def _tags(line: Line) -> dict[str, str]:
    tags = {f"user_{key}": value for key, value in line.tags.items()}
    return tags | {"user_Name": line.resource.name} if tags else tags


def _effective(row: Row) -> Decimal:
    """What the row adds to effective cost, commitments amortised and their unused part included."""

    def amount(name: str) -> Decimal:
        gross = row.get(name.replace("net_", ""), 0.0)
        return Decimal(repr(row.get(name, gross) or 0.0))

    kind = row["line_item_line_item_type"]
    if kind in ("SavingsPlanNegation", "SavingsPlanCoveredUsage"):
        return amount("savings_plan_net_savings_plan_effective_cost")
    if kind == "DiscountedUsage":
        return amount("reservation_net_effective_cost")
    if kind == "RIFee":
        return amount("reservation_net_unused_amortized_upfront_fee_for_billing_period") + amount(
            "reservation_net_unused_recurring_fee"
        )
    cost = amount("line_item_net_unblended_cost")
    if kind == "SavingsPlanRecurringFee":
        used = Decimal(repr(row["savings_plan_used_commitment"])) / Decimal(repr(row["savings_plan_total_commitment_to_date"]))
        return (cost * (1 - used)).quantize(PLACES)
    if kind == "EdpDiscount" and "line_item_net_unblended_cost" in row:
        return Decimal(0)
    return Decimal(0) if kind == "Fee" and row.get("reservation_reservation_a_r_n") else cost
