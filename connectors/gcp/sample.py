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
SUSTAINED = (
    (Decimal("0.25"), Decimal(0)),
    (Decimal("0.5"), Decimal("0.2")),
    (Decimal("0.75"), Decimal("0.4")),
    (Decimal(1), Decimal("0.6")),
)
"""N1's sustained use: up to this share of the month, this much off (https://cloud.google.com/compute/docs/sustained-use-discounts)."""
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
        rows = [self._line(period, line, start) for line in lines for start in line.starts]
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

    def _line(self, period: date, line: Line, start: datetime) -> Row:
        kind = self.estate.meters[line.meter.kind]
        cost = line.list_cost.quantize(MICRO)
        row = self._row(period, line.resource.account, start, start + line.length, cost)
        description = str(kind["description"]).replace("{part}", str(line.meter.native.get("part", "")))
        row |= {
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
                "list_price": float(line.price),
                "effective_price": float(line.price),
                "effective_price_default": float(line.price),
                "tier_start_amount": 0.0,
                "unit": kind["pricing_unit"],
                "pricing_unit_quantity": 1.0,
            },
            "credits": list(self._credits(period, line, start, cost)),
        }
        return row

    def _credits(self, period: date, line: Line, start: datetime, cost: Decimal) -> Iterator[Row]:
        kind, c, promotion = self.estate.meters[line.meter.kind], line.commitment, self.facts["promotion"]
        if c is not None:
            name = "Committed usage discount - dollar based: GCE for 1 year"
            yield _credit(name, c.id, "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE", -cost)
        elif kind.get("sustained_use"):
            share = Decimal(1) / month_days(period)
            first = share * (start.day - 1)
            off = (cost * _sustained(first, first + share) / share).quantize(MICRO)
            if off:
                yield _credit("Sustained Usage Discount", "Sustained Usage Discount", "SUSTAINED_USAGE_DISCOUNT", -off)
        if kind["service"] == promotion["service"]:
            amount = (cost * Decimal(promotion["share"])).quantize(MICRO)
            yield _credit(promotion["name"], "startup-programme-2026", "PROMOTION", -amount)

    def _fee(self, period: date, use: Use, start: datetime) -> Row:
        c = use.commitment
        cost = use.committed.quantize(MICRO)
        row = self._row(period, c.account, start, start + use.length, cost)
        hours = float(use.length / timedelta(hours=1))
        return row | {
            "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
            "sku": {"id": c.native["sku_id"], "description": c.native["name"]},
            "location": {"location": "global", "country": None, "region": None, "zone": None},
            "resource": {"name": None, "global_name": None},
            "usage": {"amount": hours * 3600, "unit": "seconds", "amount_in_pricing_units": hours, "pricing_unit": "hour"},
            "price": {
                "list_price": float(c.hourly),
                "effective_price": float(c.hourly),
                "effective_price_default": float(c.hourly),
                "tier_start_amount": 0.0,
                "unit": "hour",
                "pricing_unit_quantity": 1.0,
            },
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
