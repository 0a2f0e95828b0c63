"""The sample company's Azure bill: cost details of a Microsoft Customer Agreement, actual and amortized, billed in euro."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from finops.sample.estate import Commitment, Estate, month_days, next_month
from finops.sample.files import compact, write_csv
from finops.sample.truth import Bridge, Truth
from finops.sample.usage import PLACES, Line, Use, bill, identity

PROVIDER = "azure"
NAMES = """
invoiceId previousInvoiceId billingAccountId billingAccountName billingProfileId billingProfileName invoiceSectionId
invoiceSectionName resellerName resellerMpnId costCenter billingPeriodEndDate billingPeriodStartDate
servicePeriodEndDate servicePeriodStartDate date serviceFamily productOrderId productOrderName consumedService
meterId meterName meterCategory meterSubCategory meterRegion ProductId ProductName SubscriptionId subscriptionName
publisherType publisherId publisherName resourceGroupName ResourceId resourceLocation location effectivePrice
quantity unitOfMeasure chargeType billingCurrency pricingCurrency costInBillingCurrency costInPricingCurrency
costInUsd paygCostInBillingCurrency paygCostInUsd exchangeRatePricingToBilling exchangeRateDate
isAzureCreditEligible serviceInfo1 serviceInfo2 additionalInfo tags PayGPrice frequency term reservationId
reservationName pricingModel unitPrice costAllocationRuleName benefitId benefitName provider
"""
COLUMNS = NAMES.split()
DATES = ("servicePeriodStartDate", "servicePeriodEndDate", "date")
MODELS = {"usage": "Reservation", "spend": "SavingsPlan"}
Row = dict[str, Any]


def write(estate: Estate, folder: Path) -> list[Truth]:
    """Two CSV files a detailed month, as the portal downloads them, and two of all older months."""
    of = Bill(estate)
    truths: list[Truth] = []
    months: dict[str, dict[str, list[Row]]] = {}
    last = estate.detailed_from - timedelta(days=1)
    for period in estate.periods():
        lines, uses = bill(estate, PROVIDER, period)
        actual, amortized = of.actual(period, lines, uses), of.amortized(period, lines, uses)
        older = period < estate.detailed_from
        name = f"{estate.start:%Y%m}-to-{last:%Y%m}" if older else f"{period:%Y-%m}"
        files = months.setdefault(name, {"actual": [], "amortized": []})
        files["actual"] += actual
        files["amortized"] += amortized
        truths.append(of.truth(period, actual, amortized))
    for month, files in months.items():
        for name, rows in files.items():
            path = folder / "export" / "azure" / f"nordlicht-{name}-{month}.csv.gz"
            write_csv(path, COLUMNS, [[row.get(column) for column in COLUMNS] for row in rows], bom=True)
    return truths


class Bill:
    """One billing profile's month. Prices are in pricing currency, costs also in billing currency at the month's rate."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.accounts = estate.accounts
        self.facts = estate.providers[PROVIDER]

    def actual(self, period: date, lines: list[Line], uses: list[Use]) -> list[Row]:
        """Usage with what was paid for it on the day: covered usage 0, and the purchases."""
        rows = [row for line in lines for row in self._line(period, line, Decimal(0) if line.commitment else line.list_cost)]
        return rows + self._purchases(period, uses)

    def amortized(self, period: date, lines: list[Line], uses: list[Use]) -> list[Row]:
        """Usage with its share of each commitment, and what of the commitments went unused."""
        paid = ((line, line.committed_cost if line.commitment else line.list_cost) for line in lines)
        rows = [row for line, cost in paid for row in self._line(period, line, cost)]
        return rows + [self._unused(period, use, start) for use in uses if use.committed > use.used for start in use.starts]

    def truth(self, period: date, actual: list[Row], amortized: list[Row]) -> Truth:
        billed = sum((Decimal(row["costInBillingCurrency"]) for row in actual), Decimal(0))
        effective = sum((Decimal(row["costInBillingCurrency"]) for row in amortized), Decimal(0))
        invoice = self.invoice(period)
        bridges: list[Bridge] = []
        if invoice:
            support, credit = Decimal(self.facts["support"]), Decimal(self.facts["credit"])
            tax = ((billed + support + credit) * Decimal(self.facts["tax_rate"])).quantize(Decimal("0.01"))
            issuer = "Microsoft Ireland Operations Limited"
            beside = (("Support", support), ("Credit", credit), ("Tax", tax))
            bridges = [Bridge(invoice, issuer, "Usage", billed)]
            bridges += [Bridge(invoice, issuer, kind, amount, in_file=False) for kind, amount in beside]
        profile = self.facts["profile"]
        return Truth(PROVIDER, profile, period, "EUR", len(actual), billed, effective, {invoice: billed}, bridges)

    def invoice(self, period: date) -> str:
        """The number of a month's invoice; none before the month is closed."""
        closed = next_month(period) <= self.estate.as_of
        return f"G{70_000_000 + int(identity('invoice', PROVIDER, period), 16) % 10_000_000:09d}" if closed else ""

    def _row(self, period: date, day: date, account: str, cost: Decimal) -> Row:
        facts, owner, rate = self.facts, self.accounts[account], self.estate.rate(PROVIDER, period)
        last = next_month(period) - timedelta(days=1)
        return {
            "invoiceId": self.invoice(period),
            "billingAccountId": facts["billing_account"],
            "billingAccountName": facts["billing_account_name"],
            "billingProfileId": facts["profile"],
            "billingProfileName": facts["profile_name"],
            "invoiceSectionId": facts["section"],
            "invoiceSectionName": facts["billing_account_name"],
            "billingPeriodStartDate": _us(period),
            "billingPeriodEndDate": _us(last),
            "servicePeriodStartDate": _us(day),
            "servicePeriodEndDate": _us(day),
            "date": _us(day),
            "SubscriptionId": owner["id"],
            "subscriptionName": owner["name"],
            "publisherType": "Microsoft",
            "publisherName": "Microsoft",
            "billingCurrency": facts["currency"],
            "pricingCurrency": facts["pricing_currency"],
            "costInBillingCurrency": f"{(cost * rate).quantize(PLACES):f}",
            "costInPricingCurrency": f"{cost:f}",
            "costInUsd": f"{cost:f}",
            "exchangeRatePricingToBilling": f"{rate:f}",
            "exchangeRateDate": _us(period),
            "isAzureCreditEligible": "True",
            "provider": "Azure",
            "productOrderName": "Azure plan",
        }

    def _line(self, period: date, line: Line, cost: Decimal) -> Iterator[Row]:
        """One row a day."""
        rate = self.estate.rate(PROVIDER, period)
        c = line.commitment
        group = line.resource.id.split("/resourceGroups/")[1].split("/")[0]
        row = self._row(period, line.starts[0].date(), line.resource.account, cost) | self._meter(
            line.meter.kind, line.meter.sku
        )
        row |= {
            "resourceGroupName": group,
            "ResourceId": line.resource.id,
            "resourceLocation": line.resource.region,
            "location": "US East 2",
            "meterRegion": "US East 2",
            "quantity": f"{line.quantity:f}",
            "effectivePrice": f"{(cost / line.quantity).quantize(PLACES) if line.quantity else 0:f}",
            "unitPrice": f"{line.price:f}",
            "PayGPrice": f"{line.price:f}",
            "paygCostInBillingCurrency": f"{(line.list_cost * rate).quantize(PLACES):f}",
            "paygCostInUsd": f"{line.list_cost:f}",
            "chargeType": "Usage",
            "frequency": "UsageBased",
            "pricingModel": MODELS[c.kind] if c else "OnDemand",
            "tags": compact(dict(line.tags)) if line.tags else "",
            "additionalInfo": self._details(line),
        }
        row |= self._benefit(c) if c else {}
        for start in line.starts:
            yield row | dict.fromkeys(DATES, _us(start.date()))

    def _details(self, line: Line) -> str:
        if not line.meter.kind.startswith("azure_vm"):
            return ""
        facts: Row = {"ServiceType": line.meter.sku, "VCPUs": line.resource.properties["vcpu"], "UsageType": "ComputeHR"}
        if line.commitment and line.commitment.kind == "usage":
            facts |= {"ReservationOrderId": line.commitment.native["order"], "RINormalizationRatio": "1"}
        return compact(facts)

    def _meter(self, kind_name: str, sku: str) -> Row:
        kind = self.estate.meters[kind_name]
        text = {name: str(value).replace("{sku}", sku) for name, value in kind.items()}
        seed = identity(kind_name, sku)
        return {
            "serviceFamily": text["family"],
            "consumedService": text["service"],
            "meterId": f"{seed[:8]}-{seed[8:12]}-5{seed[1:4]}-9{seed[4:7]}-{seed[:12]}",
            "meterName": text["meter"],
            "meterCategory": text["category"],
            "meterSubCategory": text["subcategory"],
            "ProductId": f"DZH318Z0{seed[:4].upper()}",
            "ProductName": text["product_name"],
            "unitOfMeasure": text["unit"],
        }

    def _benefit(self, c: Commitment) -> Row:
        reserved = c.kind == "usage"
        return {
            "benefitId": c.id,
            "benefitName": c.native["name"],
            "reservationId": c.id.rsplit("/", 1)[1] if reserved else "",
            "reservationName": c.native["name"] if reserved else "",
            "productOrderId": c.native["order"],
            "productOrderName": c.native["name"],
            "term": {"P1M": "1", "P1Y": "12"}[c.native["term"]],
            "pricingModel": MODELS[c.kind],
        }

    def _commitment_row(self, period: date, day: date, c: Commitment, cost: Decimal, quantity: Decimal) -> Row:
        sku = next(iter(c.rates))
        row = self._row(period, day, c.account, cost) | self._meter(c.native["kind"], sku) | self._benefit(c)
        unit = (cost / quantity).quantize(PLACES) if quantity else Decimal(0)
        return row | {"quantity": f"{quantity:f}", "unitPrice": f"{unit:f}", "effectivePrice": f"{unit:f}"}

    def _unused(self, period: date, use: Use, start: datetime) -> Row:
        c, left = use.commitment, use.committed - use.used
        price = next(iter(c.rates.values())) if c.kind == "usage" else Decimal(1)
        row = self._commitment_row(period, start.date(), c, (left * price).quantize(PLACES), left)
        kind = "UnusedReservation" if c.kind == "usage" else "UnusedSavingsPlan"
        return row | {"chargeType": kind, "frequency": "UsageBased", "ResourceId": c.id, "resourceLocation": c.region}

    def _purchases(self, period: date, uses: list[Use]) -> list[Row]:
        """Monthly instalments on the first day, and what was bought at once on the day it was bought."""
        by_commitment: dict[str, list[Use]] = defaultdict(list)
        for use in uses:
            by_commitment[use.commitment.key].append(use)
        rows = []
        for of_one in by_commitment.values():
            c = of_one[0].commitment
            if c.native.get("monthly"):
                price = next(iter(c.rates.values())) if c.kind == "usage" else Decimal(1)
                cost = (sum((u.committed * len(u.starts) for u in of_one), Decimal(0)) * price).quantize(PLACES)
                rows.append(self._purchase(period, min(u.starts[0] for u in of_one), c, cost, "Recurring"))
            elif c.start >= period:
                rows.append(self._purchase(period, min(u.starts[0] for u in of_one), c, c.upfront, "OneTime"))
        return rows

    def _purchase(self, period: date, start: datetime, c: Commitment, cost: Decimal, frequency: str) -> Row:
        quantity = c.hourly if c.kind == "usage" else Decimal(1)
        row = self._commitment_row(period, start.date(), c, cost, quantity)
        days = month_days(period) if frequency == "Recurring" else (c.end - c.start).days
        last = start.date() + timedelta(days=days - 1)
        return row | {
            "chargeType": "Purchase",
            "frequency": frequency,
            "ResourceId": c.id,
            "resourceLocation": c.region,
            "servicePeriodEndDate": _us(last),
            "unitOfMeasure": "1",
        }


def _us(day: date) -> str:
    return f"{day:%m/%d/%Y}"
