"""What the sample company's AWS bill has beside usage: commitments' fees, discounts, support, a seller, refunds, tax."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from connectors.aws.sample_columns import Row, Rows
from finops.sample.estate import Commitment, Estate, midnight, next_month
from finops.sample.usage import PLACES, Use, identity

CENT = Decimal("0.01")
NO_COST = Decimal(0)
PLANS = {
    "EC2InstanceSavingsPlans": ("EC2InstanceSP", "1 year No Upfront EC2 Instance Savings Plan"),
    "ComputeSavingsPlans": ("ComputeSP", "1 year No Upfront Compute Savings Plan"),
}


class Payer(Protocol):
    """What the fees need of the bill."""

    estate: Estate
    accounts: Mapping[str, Mapping[str, str]]
    facts: Mapping[str, Any]

    def base(self, period: date, kind: str, account: str, cost: Decimal, net: Decimal) -> Row: ...

    def invoice(self, period: date, entity: str) -> str: ...

    def after(self, cost: Decimal) -> Decimal: ...


def _of_seller(seller: Mapping[str, str]) -> Row:
    return {
        "bill_billing_entity": "AWS Marketplace",
        "bill_invoicing_entity": seller["seller"],
        "line_item_legal_entity": seller["seller"],
    }


class Fees:
    """Lines that no resource caused."""

    def __init__(self, bill: Payer) -> None:
        self.bill = bill

    def of(self, period: date, uses: Iterable[Use]) -> list[Rows]:
        """Recurring fees of plans by hour, of reservations by month, and what was paid at once."""
        reserved: dict[str, list[Use]] = defaultdict(list)
        rows = []
        for use in uses:
            if use.commitment.kind == "spend":
                rows.append(Rows(self._plan_fee(period, use), use.starts, use.length))
            else:
                reserved[use.commitment.key].append(use)
        for of_one in reserved.values():
            rows.append(self._reservation_fee(period, of_one))
            rows += self._upfront(period, of_one[0].commitment)
        return rows

    def _plan_fee(self, period: date, use: Use) -> Row:
        c, net = use.commitment, self.bill.after(use.committed)
        name, title = PLANS[c.native["offering"]]
        row = self.bill.base(period, "SavingsPlanRecurringFee", c.account, use.committed, net)
        return row | {
            "identity_line_item_id": identity(c.id),
            "line_item_resource_id": c.id,
            "line_item_usage_type": f"{name}:{c.scope['family'] + '.' if 'family' in c.scope else ''}1yrNoUpfront",
            "line_item_operation": "",
            "line_item_product_code": "ComputeSavingsPlans",
            "line_item_line_item_description": title,
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

    def _reservation_fee(self, period: date, uses: list[Use]) -> Rows:
        """One RIFee row a reservation and month: the recurring fee, and what of it and of the upfront fee went unused."""
        c = uses[0].commitment
        sku = next(iter(c.rates))
        unit, after = c.rates[sku] / c.weights[sku], self.bill.after
        hours = sum(len(u.starts) for u in uses)
        left = sum(((u.committed - u.used) * len(u.starts) for u in uses), NO_COST)
        fee = (sum((u.committed * len(u.starts) for u in uses), NO_COST) * unit).quantize(PLACES)
        unused = (left * unit).quantize(PLACES)
        share = Decimal(c.native["upfront_share"])
        upfront, unused_upfront = (fee * share).quantize(PLACES), (unused * share).quantize(PLACES)
        recurring, unused_recurring = fee - upfront, unused - unused_upfront
        row = self.bill.base(period, "RIFee", c.account, recurring, after(recurring))
        row |= self._reservation(period, c) | {
            "line_item_line_item_description": f"USD {recurring / hours:.6f} hourly fee per {c.native['usage']}",
            "line_item_usage_amount": float(hours),
            "reservation_amortized_upfront_fee_for_billing_period": float(upfront),
            "reservation_net_amortized_upfront_fee_for_billing_period": float(after(upfront)),
            "reservation_unused_amortized_upfront_fee_for_billing_period": float(unused_upfront),
            "reservation_net_unused_amortized_upfront_fee_for_billing_period": float(after(unused_upfront)),
            "reservation_unused_recurring_fee": float(unused_recurring),
            "reservation_net_unused_recurring_fee": float(after(unused_recurring)),
            "reservation_unused_quantity": float(left),
        }
        return self._whole(period, row, timedelta(seconds=1))

    def _upfront(self, period: date, c: Commitment) -> list[Rows]:
        """What an all-upfront or partly prepaid reservation costs in the month in which it is bought."""
        if not c.upfront or c.start.replace(day=1) != period:
            return []
        row = self.bill.base(period, "Fee", c.account, c.upfront, self.bill.after(c.upfront))
        row |= self._reservation(period, c) | {
            "identity_line_item_id": identity(c.id, "upfront"),
            "line_item_line_item_description": f"Sign up charge for subscription: {identity(c.id)}",
            "line_item_usage_amount": 1.0,
            "reservation_upfront_value": float(c.upfront),
        }
        start = midnight(c.start)
        return [Rows(row, (start,), midnight(next_month(period)) - start)]

    def _reservation(self, period: date, c: Commitment) -> Row:
        return {
            "identity_line_item_id": identity(c.id, period),
            "line_item_resource_id": "",
            "line_item_usage_type": c.native["usage"],
            "line_item_operation": "RunInstances:0002" if c.native["code"] == "AmazonEC2" else "CreateDBInstance:0014",
            "line_item_product_code": c.native["code"],
            "pricing_unit": "Hrs",
            "pricing_term": "Reserved",
            "product": {"product_name": c.native["name"]},
            "product_servicecode": c.native["code"],
            "product_region_code": c.region,
            "reservation_reservation_a_r_n": c.id,
            "reservation_subscription_id": identity(c.id),
            "reservation_start_time": f"{c.start}T00:00:00.000Z",
            "reservation_end_time": f"{c.end}T00:00:00.000Z",
        }

    def discounts(self, period: date, rows: Iterable[Rows]) -> list[Rows]:
        """What the agreement takes off, one row an account and service: the net columns say the same, line by line."""
        off: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for r in rows:
            key = r.row["line_item_usage_account_id"], r.row["line_item_product_code"], r.row["product"]["product_name"]
            off[key] += r.times("line_item_net_unblended_cost") - r.times("line_item_unblended_cost")
        names = {a["id"]: key for key, a in self.bill.accounts.items()}
        return [
            self._month_row(period, "EdpDiscount", names[account], amount, NO_COST, (code, name, "Enterprise Program Discount"))
            for (account, code, name), amount in sorted(off.items())
            if amount
        ]

    def others(self, period: date, rows: Iterable[Rows]) -> Iterator[Rows]:
        """Support, marketplace, credit, refund, and one tax row an invoice."""
        facts, month = self.bill.facts, f"{period:%Y-%m}"
        payer, support, credit = facts["billing_account"], Decimal(facts["support"]), Decimal(facts["credits"].get(month, "0"))
        net: dict[str, Decimal] = defaultdict(Decimal)
        for r in rows:
            net[r.row["bill_invoicing_entity"]] += r.times("line_item_net_unblended_cost")
        refunds = [self._refund(period, refund) for refund in facts["refunds"].get(month, ())]
        for refund in refunds:
            net[refund.row["bill_invoicing_entity"]] += refund.times("line_item_net_unblended_cost")
        yield from refunds
        net[facts["entity"]] += support + credit
        name = "AWS Support (Business)"
        yield self._month_row(period, "Fee", payer, support, support, ("AWSSupportBusiness", name, name))
        if credit:
            yield self._month_row(
                period, "Credit", "serve", credit, credit, ("AmazonSageMaker", "Amazon SageMaker", "AWS Activate credit")
            )
        taxed = {facts["entities"].get(key, facts["entity"]): key for key in (payer, *facts["entities"])}
        for entity, account in taxed.items():
            yield self._tax(period, account, self._vat(net[entity]), {})
        yield from self._sellers(period, net)

    def _refund(self, period: date, refund: Mapping[str, Any]) -> Rows:
        """Money back for an earlier month: it stands in this invoice, and in the period whose usage it corrects."""
        amount = Decimal(refund["amount"])
        named = (refund["code"], refund["name"], refund["why"])
        row = self._month_row(period, "Refund", refund["account"], amount, amount, named).row
        of = refund["of"]
        return Rows(row, (midnight(of),), midnight(next_month(of)) - midnight(of))

    def sold_by(self, period: date, key: str) -> Row:
        """The columns by which a line is a seller's, on the seller's own invoice."""
        seller = self.bill.facts["sellers"][key]
        return _of_seller(seller) | {
            "bill_invoice_id": self.bill.invoice(period, seller["seller"]),
            "line_item_product_code": seller["code"],
            "product_servicecode": seller["code"],
        }

    def _sellers(self, period: date, net: Mapping[str, Decimal]) -> Iterator[Rows]:
        """A subscription through the marketplace, and the tax of every seller's invoice."""
        market, payer = self.bill.facts["marketplace"], self.bill.facts["billing_account"]
        own = _of_seller(market) | {"bill_invoice_id": self.bill.invoice(period, market["seller"])}
        monthly = Decimal(market["monthly"])
        fee = self._month_row(
            period, "Fee", "train", monthly, monthly, (market["code"], market["product"], "Team plan, monthly")
        )
        yield Rows(fee.row | own, fee.starts, fee.length)
        yield self._tax(period, payer, self._vat(monthly), own, (market["code"], market["product"]))
        for key, seller in self.bill.facts["sellers"].items():
            if net[seller["seller"]]:
                named = (seller["code"], seller["name"])
                yield self._tax(period, payer, self._vat(net[seller["seller"]]), self.sold_by(period, key), named)

    def _tax(
        self,
        period: date,
        account: str,
        amount: Decimal,
        seller: Row,
        named: tuple[str, str] = ("AmazonEC2", "Amazon Elastic Compute Cloud"),
    ) -> Rows:
        tax = self._month_row(period, "Tax", account, amount, amount, (*named, "VAT 19 %"))
        return Rows(tax.row | seller | {"line_item_tax_type": "VAT"}, tax.starts, tax.length)

    def _month_row(
        self, period: date, kind: str, account: str, cost: Decimal, net: Decimal, named: tuple[str, str, str]
    ) -> Rows:
        code, name, description = named
        row = self.bill.base(period, kind, account, cost, net) | {
            "identity_line_item_id": identity(kind, account, period, code, cost),
            "line_item_usage_amount": 1.0,
            "line_item_usage_type": "",
            "line_item_operation": "",
            "line_item_product_code": code,
            "product": {"product_name": name},
            "line_item_line_item_description": description,
        }
        return self._whole(period, row, timedelta(0))

    def _whole(self, period: date, row: Row, less: timedelta) -> Rows:
        end = midnight(min(next_month(period), self.bill.estate.as_of + timedelta(days=1))) - less
        start: datetime = midnight(period)
        return Rows(row, (start,), end - start)

    def _vat(self, amount: Decimal) -> Decimal:
        return (amount * Decimal(self.bill.facts["tax_rate"])).quantize(CENT)
