"""The sample company's Google Cloud bill: the detailed billing export as JSON lines, credits nested in each line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from finops.sample.estate import Estate, month_days, next_month
from finops.sample.files import write_json_lines
from finops.sample.truth import Bridge, Truth
from finops.sample.usage import Line, Use, bill, identity

PROVIDER = "gcp"
MICRO = Decimal("0.000001")
NUMERIC = Decimal("0.000000001")
"""The scale of BigQuery's NUMERIC, which the export has its prices in."""

SUSTAINED = (
    (Decimal("0.25"), Decimal(0)),
    (Decimal("0.5"), Decimal("0.2")),
    (Decimal("0.75"), Decimal("0.4")),
    (Decimal(1), Decimal("0.6")),
)
"""N1's sustained use: up to this share of the month, this much off (https://cloud.google.com/compute/docs/sustained-use-discounts)."""
DEFAULT_MODEL = {"id": "7754-699E-0EBF", "description": "Default"}
Row = dict[str, Any]


def write(estate: Estate, folder: Path) -> list[Truth]:
    """One compressed JSON lines file a detailed invoice month, and one of all older months."""
    of = Bill(estate)
    truths: list[Truth] = []
    files: dict[str, list[Row]] = {}
    last = estate.detailed_from - timedelta(days=1)
    for period in estate.periods():
        rows = of.month(period)
        older = period < estate.detailed_from
        files.setdefault(f"{estate.start:%Y%m}_{last:%Y%m}" if older else f"{period:%Y%m}", []).extend(rows)
        truths.append(of.truth(period, rows))
    for name, rows in files.items():
        write_json_lines(folder / "export" / "gcp" / f"gcp_billing_export_resource_v1_{name}.json.gz", rows)
    return truths


class Bill:
    """One billing account's invoice month. Costs are before credits, as Google writes them."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.accounts = estate.accounts
        self.facts = estate.providers[PROVIDER]

    def month(self, period: date) -> list[Row]:
        lines, uses = bill(self.estate, PROVIDER, period)
        rows = [
            self._line(period, line, number, start)
            for line in lines
            for number, start in enumerate(line.starts)
            if not self._late(line, start)
        ]
        rows += [self._fee(period, use, start) for use in uses for start in use.starts]
        return rows + list(self._tax(period, rows))

    def truth(self, period: date, rows: list[Row]) -> Truth:
        billed = sum((_billed(row) for row in rows), Decimal(0))
        invoice = self.invoice(period)
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            sums["Tax" if row["cost_type"] == "tax" else "Usage"] += _billed(row)
        bridges = (
            [Bridge(invoice, "Google Cloud EMEA Limited", kind, amount) for kind, amount in sums.items()] if invoice else []
        )
        account = self.facts["billing_account"]
        # Fees fall into the month that uses them, so that effective cost is billed cost, otherwise spread over the rows.
        return Truth(PROVIDER, account, period, "USD", len(rows), billed, billed, {invoice: billed}, bridges)

    def invoice(self, period: date) -> str:
        """The number of a month's invoice; none before the month is closed."""
        closed = next_month(period) <= self.estate.as_of
        return str(5_000_000_000 + int(identity("invoice", PROVIDER, period), 16) % 200_000_000) if closed else ""

    def _row(self, period: date, account: str, start: datetime, end: datetime, cost: Decimal) -> Row:
        project = self.accounts[account]
        return {
            "billing_account_id": self.facts["billing_account"],
            "invoice": {"month": f"{period:%Y%m}", "publisher_type": "GOOGLE"},
            "cost_type": "regular",
            "usage_start_time": _time(start),
            "usage_end_time": _time(end),
            "export_time": _time(end),
            "project": {
                "id": project["id"],
                "number": project["number"],
                "name": project["name"],
                "labels": [],
                "ancestry_numbers": "/70312458812/",
                "ancestors": [{"resource_name": f"projects/{project['number']}", "display_name": project["name"]}],
            },
            "labels": [],
            "system_labels": [],
            "tags": [],
            "cost": float(cost),
            "cost_at_list": float(cost),
            "currency": self.facts["currency"],
            "currency_conversion_rate": 1.0,
            "credits": [],
            "adjustment_info": None,
            "transaction_type": "GOOGLE",
            "seller_name": None,
            "subscription": {"instance_id": None},
        }

    def _late(self, line: Line, start: datetime) -> bool:
        """Whether the row came after the export was taken."""
        late = self.facts["late"]
        return self.estate.meters[line.meter.kind]["service"] in late["services"] and start.date() >= late["from"]

    def _line(self, period: date, line: Line, number: int, start: datetime) -> Row:
        """The row of the line's period `number` of the month."""
        kind, c = self.estate.meters[line.meter.kind], line.commitment
        modelled = c is not None and period >= self.facts["consumption_from"]
        listed = line.list_cost.quantize(MICRO)
        cost = line.committed_cost.quantize(MICRO) if modelled else listed
        row = self._row(period, line.resource.account, start, start + line.length, cost)
        description = str(kind["description"]).replace("{part}", str(line.meter.native.get("part", "")))
        return row | {
            "cost_at_list": float(listed),
            "service": {"id": kind["service_id"], "description": kind["service"]},
            "sku": {"id": _sku(kind["sku_id"], line), "description": description},
            "labels": [{"key": key, "value": value} for key, value in line.tags.items()],
            "system_labels": _system_labels(line),
            "location": _location(line),
            "resource": {"name": line.resource.name, "global_name": line.resource.id},
            "usage": {
                "amount": float(line.quantity * Decimal(kind["factor"])),
                "unit": kind["unit"],
                "amount_in_pricing_units": float(line.quantity),
                "pricing_unit": kind["pricing_unit"],
            },
            "price": {
                "list_price": float(line.price.quantize(NUMERIC)),
                "effective_price": float((line.rate if modelled else line.price).quantize(NUMERIC)),
                "effective_price_default": float(line.price.quantize(NUMERIC)),
                "tier_start_amount": 0.0,
                "unit": kind["pricing_unit"],
                "pricing_unit_quantity": 1.0,
            },
            "consumption_model": dict(c.native["model"]) if modelled and c else dict(DEFAULT_MODEL),
            "credits": list(self._credits(period, line, number, start, cost, modelled)),
        }

    def _credits(self, period: date, line: Line, number: int, start: datetime, cost: Decimal, modelled: bool) -> Iterator[Row]:
        kind, c, left = self.estate.meters[line.meter.kind], line.commitment, cost
        if c is not None and not modelled:
            name = "Committed usage discount - dollar based: GCE for 1 year"
            yield _credit(name, c.id, "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", -cost)
            left = Decimal(0)
        elif kind.get("sustained_use"):
            hours = line.quantity / line.meter.amount(start.date())
            share = hours / (24 * month_days(period))
            off = (cost * _sustained(share * number, share * (number + 1)) / share).quantize(MICRO)
            if off:
                yield _credit("Sustained Usage Discount", "Sustained Usage Discount", "SUSTAINED_USAGE_DISCOUNT", -off)
                left -= off
        for promotion in self.facts["promotions"]:
            amount = (left * Decimal(promotion["share"])).quantize(MICRO)
            if promotion["from"] <= start.date() < promotion["until"] and amount:
                yield _credit(promotion["name"], promotion["id"], "PROMOTION", -amount)

    def _fee(self, period: date, use: Use, start: datetime) -> Row:
        c = use.commitment
        cost = use.committed.quantize(MICRO)
        row = self._row(period, c.account, start, start + use.length, cost)
        # A dollar-based commitment is sold by the cent of on-demand usage that it covers.
        left = 1 - Decimal(c.native["discount"])
        cents = float(use.committed / left * 100)
        used = use.used.quantize(MICRO)
        offset = _credit("Committed use discount fee offset", c.id, "FEE_UTILIZATION_OFFSET", -used)
        return row | {
            "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
            "sku": {"id": c.native["sku_id"], "description": c.native["name"]},
            "location": {"location": "global", "country": None, "region": None, "zone": None},
            "resource": {"name": None, "global_name": None},
            "usage": {"amount": cents, "unit": "requests", "amount_in_pricing_units": cents, "pricing_unit": "count"},
            "price": {
                "list_price": float((left / 100).quantize(NUMERIC)),
                "effective_price": float((left / 100).quantize(NUMERIC)),
                "effective_price_default": float((left / 100).quantize(NUMERIC)),
                "tier_start_amount": 0.0,
                "unit": "count",
                "pricing_unit_quantity": 1.0,
            },
            "consumption_model": dict(DEFAULT_MODEL),
            "credits": [offset] if period >= self.facts["consumption_from"] else [],
            "subscription": {"instance_id": c.id},
        }

    def _tax(self, period: date, rows: list[Row]) -> Iterator[Row]:
        """One tax row an invoice month, once the month is invoiced."""
        if not self.invoice(period):
            return
        amount = (sum((_billed(r) for r in rows), Decimal(0)) * Decimal(self.facts["tax_rate"])).quantize(Decimal("0.01"))
        start = datetime.fromisoformat(rows[-1]["usage_start_time"])
        row = self._row(period, "gcp_data", start, datetime.fromisoformat(rows[-1]["usage_end_time"]), amount)
        row |= {"cost_type": "tax", "cost_at_list": None, "project": {"id": None, "number": None, "name": None, "labels": []}}
        yield row | {
            "service": {"id": "", "description": "Invoice"},
            "sku": {"id": "", "description": "Tax"},
            "location": {"location": None, "country": None, "region": None, "zone": None},
            "resource": {"name": None, "global_name": None},
            "usage": {"amount": 0.0, "unit": None, "amount_in_pricing_units": 0.0, "pricing_unit": None},
            "price": None,
        }


def _sustained(first: Decimal, last: Decimal) -> Decimal:
    """The discount of usage between two shares of the month, as a share of the month at full price."""
    off, floor = Decimal(0), Decimal(0)
    for ceiling, discount in SUSTAINED:
        off += max(min(last, ceiling) - max(first, floor), Decimal(0)) * discount
        floor = ceiling
    return off


def _credit(name: str, identifier: str, kind: str, amount: Decimal) -> Row:
    return {"name": name, "amount": float(amount), "full_name": name, "id": identifier, "type": kind}


def _billed(row: Row) -> Decimal:
    return Decimal(repr(row["cost"])) + sum((Decimal(repr(c["amount"])) for c in row["credits"]), Decimal(0))


def _sku(base: str, line: Line) -> str:
    """Core and memory are two SKUs of one machine family."""
    return base[:-4] + "4E14" if line.meter.native.get("part") == "Ram" else base


def _location(line: Line) -> Row:
    region = line.resource.region
    zone = line.resource.id.split("/zones/")[1].split("/")[0] if "/zones/" in line.resource.id else None
    return {"location": zone or region, "country": "US", "region": region, "zone": zone}


def _system_labels(line: Line) -> list[Row]:
    if not line.meter.native.get("part"):
        return []
    specs = line.resource.properties
    values = {"machine_spec": line.resource.sku, "cores": specs["vcpu"], "memory": specs["memory_gib"] * 1024}
    return [{"key": f"compute.googleapis.com/{key}", "value": str(value)} for key, value in values.items()]


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")
