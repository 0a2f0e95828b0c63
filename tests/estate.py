"""A small estate made by hand: core tables in memory, the product's own marts over them, a reader for the runner."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from finops.models import models
from finops.tables import CORE
from finops.warehouse.reader import create_macro, kept

AS_OF = date(2026, 10, 31)
MODELS = {model.name: model for model in models()}
WORD = re.compile(r"\w+")
REGION = "us-east-1"


class Estate:
    """Add what exists, then read the marts. Days count back from AS_OF: day 0 is the last complete one."""

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._made: set[str] = set()

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """Opened when something is read first: many estates are made while tests are collected."""
        opened = duckdb.connect()
        opened.execute("set TimeZone = 'UTC'")
        return opened

    def add(self, table: str, **values: Any) -> Estate:
        self._rows.setdefault(table, []).append(values)
        return self

    @property
    def charges(self) -> list[dict[str, Any]]:
        """What was charged, in the order in which it was added."""
        return self._rows.get("charges", [])

    def charge(self, resource: str, daily: float, *, days: int = 30, quantity: float = 24.0, **columns: Any) -> Estate:
        """`daily` is the effective cost of each of the last `days` days."""
        for back in range(days):
            start = _day(back)
            self.add(
                "charges",
                **(
                    {
                        "x_source": "s",
                        "x_billing_period": start.strftime("%Y-%m"),
                        "BillingAccountId": "payer",
                        "SubAccountId": "a1",
                        "ProviderName": "AWS",
                        "RegionId": REGION,
                        "ServiceName": "compute",
                        "ResourceId": resource,
                        "BillingCurrency": "USD",
                        "ChargeCategory": "Usage",
                        "PricingCategory": "Standard",
                        "PricingUnit": "Hours",
                        "SkuMeter": "machine",
                        "BillingPeriodStart": start.replace(day=1),
                        "ChargePeriodStart": start,
                        "ChargePeriodEnd": start + timedelta(days=1),
                        "PricingQuantity": quantity,
                        "ConsumedQuantity": quantity,
                        "BilledCost": daily,
                        "EffectiveCost": daily,
                        "ListCost": daily,
                        "ContractedCost": daily,
                    }
                    | columns
                ),
            )
        return self

    def resource(
        self, resource: str, resource_type: str, *, tags: Mapping[str, str] | None = None, age: int = 400, **more: Any
    ) -> Estate:
        """What is no column of `resources` becomes a property."""
        columns = ("sku", "state", "attached_to", "provider", "region", "account_id")
        values = {name: more.pop(name) for name in columns if name in more}
        return self.add(
            "resources",
            x_source="s",
            observed_at=_day(0),
            resource_id=resource,
            resource_type=resource_type,
            created_at=_day(age),
            tags=json.dumps(dict(tags or {})),
            properties=json.dumps(more),
            **({"provider": "AWS", "account_id": "a1", "region": REGION} | values),
        )

    def metric(
        self, resource: str, metric: str, *values: float, statistic: str = "avg", days: int = 90, **dimensions: str
    ) -> Estate:
        """One hourly-period sample a day; the values, newest first, then the last of them on all older days."""
        for back in range(days):
            self.add(
                "metrics",
                x_source="s",
                resource_id=resource,
                timestamp=_day(back) + timedelta(hours=12),
                period_s=3600,
                metric=metric,
                dimensions=json.dumps(dimensions) if dimensions else None,
                statistic=statistic,
                value=values[min(back, len(values) - 1)],
            )
        return self

    def price(self, product: str, sku: str, price: float, unit: str = "Hours", **more: Any) -> Estate:
        specs = {k: more.pop(k) for k in list(more) if k not in dict(_columns("prices"))}
        return self.add(
            "prices",
            x_source="p",
            product=product,
            sku=sku,
            price=price,
            unit=unit,
            specs=json.dumps(specs),
            effective_from=datetime(2026, 1, 1, tzinfo=UTC),
            **({"provider": "AWS", "region": REGION, "term": "on_demand", "currency": "USD"} | more),
        )

    def reversed(self) -> Estate:
        """The same estate, every table in reverse order."""
        other = Estate()
        other._rows = {table: list(reversed(rows)) for table, rows in self._rows.items()}
        return other

    def repriced(self, **change: object) -> Estate:
        """The same estate with every price changed so; without prices where nothing is to be changed."""
        other = Estate()
        prices = [row | change for row in self._rows.get("prices", [])] if change else []
        other._rows = self._rows | {"prices": prices}
        return other

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        bound = dict(params or {})
        self._prepare(sql)
        statement = kept(sql, bound, self.connection, self._made, self._prepare)
        used = {name: value for name, value in bound.items() if f"${name}" in statement}
        found: list[dict[str, Any]] = self.connection.sql(statement, params=used or None).to_arrow_table().to_pylist()
        return found

    def _prepare(self, sql: str) -> None:
        """Create the tables and macros that a statement names, as the reader of a warehouse does."""
        if not self._made:
            self._made |= {table.name for table in CORE}
            for table in CORE:
                self._create(table.name)
        for name in sorted(set(WORD.findall(sql)) & MODELS.keys()):
            if name in self._made:  # by one that reads it
                continue
            self._made.add(name)
            model = MODELS[name]
            self._prepare(" ".join(model.reads))
            if model.is_macro:
                create_macro(self.connection, model)
            else:
                self.connection.execute(f"create table {name} as {model.sql}")

    def _create(self, table: str) -> None:
        body = ", ".join(f'"{name}" {kind}' for name, kind in _columns(table))
        self.connection.execute(f"create table {table} ({body})")
        for group in _alike(self._rows.get(table, [])):
            listed = ", ".join(f'"{name}"' for name in group[0])
            self.connection.register("alike", pa.Table.from_pylist(group))  # a statement a row takes fifty times as long
            self.connection.execute(f"insert into {table} ({listed}) select {listed} from alike")


def _columns(name: str) -> list[tuple[str, str]]:
    columns = next(table.columns for table in CORE if table.name == name)
    return [*columns, *(() if "x_source" in dict(columns) else (("x_source", "VARCHAR"),))]


def _alike(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows with the same columns, and values of the same types in them, in the order in which they were added."""
    groups: dict[tuple[tuple[str, type], ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(sorted(((name, type(value)) for name, value in row.items()), key=str)), []).append(row)
    return list(groups.values())


def _day(back: int) -> datetime:
    return datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC) - timedelta(days=back)
