"""The sample company's open-format files: prices, metrics, resources, commitments, objects, invoices, rates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from finops.sample import market, runs
from finops.sample.answers import HEADER, answers
from finops.sample.book import ListPrice
from finops.sample.estate import Commitment, Estate, Resource, at, midnight, next_month
from finops.sample.files import compact, write_csv, write_parquet
from finops.sample.signals import samples

GIB = 2**30
CENT = Decimal("0.01")
METRICS = pa.schema(
    [
        ("resource_id", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("period_s", pa.int32()),
        ("metric", pa.string()),
        ("dimensions", pa.string()),
        ("statistic", pa.string()),
        ("value", pa.float64()),
    ]
)
PRICES_COLUMNS = (
    "provider region product sku operating_system license tenancy deployment tier_start term payment instrument unit price "
    "upfront currency effective_from specs"
)
RESOURCES_COLUMNS = (
    "observed_at resource_id provider account_id region resource_type sku state created_at attached_to tags properties"
)
COMMITMENTS_COLUMNS = (
    "observed_at commitment_id provider account_id instrument scope quantity hourly_commitment unit term_start term_end "
    "payment upfront recurring currency"
)
OBJECTS_COLUMNS = (
    "bucket prefix storage_class age_days_from age_days_to object_count bytes reads_per_month read_bytes_per_month observed_at"
)
CONTRACTS_COLUMNS = "contract_id provider period_start period_end floor eligible currency"


def write(estate: Estate, folder: Path) -> None:
    """Everything that is no bill, under `open/`, and the key beside it."""
    out = folder / "export" / "open"
    write_csv(out / "prices.csv", PRICES_COLUMNS.split(), _prices(estate))
    write_csv(out / "resources.csv.gz", RESOURCES_COLUMNS.split(), _resources(estate))
    write_csv(out / "commitments.csv", COMMITMENTS_COLUMNS.split(), _commitments(estate))
    write_csv(out / "objects.csv.gz", OBJECTS_COLUMNS.split(), _objects(estate))
    write_csv(out / "runs.csv.gz", runs.COLUMNS.split(), runs.rows(estate))
    write_csv(out / "spot_market.csv.gz", market.HEADER, market.spot_market(estate))
    write_csv(out / "contracts.csv", CONTRACTS_COLUMNS.split(), _contracts(estate))
    write_csv(out / "rates.csv", ("date", "from_currency", "to_currency", "rate"), _rates(estate))
    rows = [(s.resource_id, s.timestamp, s.period_s, s.metric, s.dimensions, s.statistic, s.value) for s in samples(estate)]
    write_parquet(out / "metrics.parquet", rows, METRICS)
    write_csv(folder / "answers.csv", HEADER, answers(estate))


def _prices(estate: Estate) -> Iterator[list[object]]:
    """List prices in the currency of the bill: converted at the month's rate where the provider bills another."""
    for p in estate.prices:
        currency = estate.providers[p.provider]["currency"]
        days = estate.periods() if "rates" in estate.providers[p.provider] else [p.known]
        for day in days:
            yield _price(estate, p, day, currency)


def _price(estate: Estate, p: ListPrice, day: date, currency: str) -> list[object]:
    price = (p.price * estate.rate(p.provider, day)).quantize(Decimal("1e-12")).normalize()
    return [
        estate.providers[p.provider]["name"],
        p.region,
        p.product,
        p.sku,
        p.operating_system,
        p.license,
        "",
        p.deployment,
        p.tier_start,
        p.term,
        p.payment,
        p.instrument,
        p.unit,
        f"{price:f}",
        "0",
        currency,
        _time(midnight(day)),
        compact(p.specs) if p.specs else "",
    ]


def _observed(estate: Estate) -> list[date]:
    """The days of the inventory: the last of each month, every Monday of the detailed months, and the last day."""
    days = [estate.start + timedelta(days=n) for n in range((estate.as_of - estate.start).days + 1)]
    weekly = [day for day in days if day >= estate.detailed_from and day.weekday() == 0]
    return sorted({*weekly, *(_last(period) for period in estate.periods())})


def _resources(estate: Estate) -> Iterator[list[object]]:
    for day in _observed(estate):
        for r in estate.resources:
            if r.listed and r.created <= day:
                yield _resource(estate, r, day)


def _resource(estate: Estate, r: Resource, day: date) -> list[object]:
    return [
        _time(midnight(day, 23)),
        r.id,
        estate.providers[r.provider]["name"],
        estate.accounts[r.account]["id"],
        r.region,
        r.type,
        r.sku,
        at(r.states, day, ""),
        _time(midnight(r.created)),
        at(r.attached_to, day, ""),
        compact(dict(r.tags) | ({"Name": r.name} if r.provider == "aws" else {})),
        compact(r.properties),
    ]


def _commitments(estate: Estate) -> Iterator[list[object]]:
    for day in (period_end for period in estate.periods() for period_end in [_last(period)]):
        for c in estate.commitments:
            if c.start <= day < c.end:
                yield _commitment(estate, c, day)


def _commitment(estate: Estate, c: Commitment, day: date) -> list[object]:
    provider = estate.providers[c.provider]
    spend = c.kind == "spend"
    hours = Decimal((c.end - c.start).days * 24)
    units = c.native.get("units", c.hourly)
    recurring = (c.hourly if spend else _per_hour(c)) - (c.upfront / hours).quantize(Decimal("1e-10"))
    return [
        _time(midnight(day, 23)),
        c.id,
        provider["name"],
        estate.accounts[c.account]["id"],
        c.instrument,
        compact(dict(c.scope)),
        "" if spend else units,
        c.hourly if spend else "",
        "" if spend else "Hours",
        _time(midnight(c.start)),
        _time(midnight(c.end)),
        c.payment,
        c.upfront,
        max(recurring.quantize(Decimal("1e-9")), Decimal(0)),
        provider.get("pricing_currency", provider["currency"]),
    ]


def _per_hour(c: Commitment) -> Decimal:
    """What a usage commitment costs an hour: its rate for a unit of weight, times the weight it holds."""
    sku = next(iter(c.rates))
    return c.rates[sku] * c.hourly / c.weights[sku]


def _objects(estate: Estate) -> Iterator[list[object]]:
    """A listing at the end of each detailed month: buckets hold as much as before, a little older and a little newer."""
    for day in (_last(period) for period in estate.periods() if period >= estate.detailed_from):
        for r in estate.resources:
            for o in r.objects if r.created <= day else ():
                size, read = Decimal(str(o["gib"])) * GIB, Decimal(str(o["read_gib"])) * GIB
                reads = (o["count"], f"{size:.0f}", o["reads"], f"{read:.0f}")
                yield [r.id, o["prefix"], o["class"], *o["age"], *reads, _time(midnight(day, 23))]


def _contracts(estate: Estate) -> Iterator[list[object]]:
    for c in estate.contracts:
        facts = estate.providers[c["provider"]]
        times = [_time(midnight(c[name])) for name in ("period_start", "period_end")]
        yield [c["contract_id"], facts["name"], *times, c["floor"], compact(c["eligible"]), facts["currency"]]


def _rates(estate: Estate) -> Iterator[list[object]]:
    for facts in estate.providers.values():
        for month, rate in facts.get("rates", {}).items():
            yield [f"{month}-01", facts["pricing_currency"], facts["currency"], rate]


def _last(period: date) -> date:
    return next_month(period) - timedelta(days=1)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
