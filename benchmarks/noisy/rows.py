"""The rows of a made estate, and the product's own marts over them in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from finops.models import models
from finops.tables import CORE

AS_OF = date(2026, 10, 31)
DAYS = 90
HOURS = DAYS * 24
END = datetime(2026, 11, 1, tzinfo=UTC)
STARTS = [END - timedelta(hours=HOURS - n) for n in range(HOURS)]
"""The hours of the metrics, oldest first."""


@dataclass(slots=True)
class Truth:
    """What is to be done to a resource: recommendation kind → action. What is not named must not be acted on.

    may  kinds that are right where they are found and no miss where they are not
    """

    what: str
    acts: dict[str, str] = field(default_factory=dict)
    may: tuple[str, ...] = ()


@dataclass(slots=True)
class Rows:
    """Charges and inventory as dictionaries, metrics as arrays, truth by resource."""

    charges: list[tuple[Any, ...]] = field(default_factory=list)
    resources: list[tuple[Any, ...]] = field(default_factory=list)
    prices: list[dict[str, Any]] = field(default_factory=list)
    series: list[tuple[str, str, str, np.ndarray, np.ndarray]] = field(default_factory=list)
    truth: dict[str, Truth] = field(default_factory=dict)

    def charge(
        self,
        resource: Mapping[str, str],
        unit: str,
        meter: str,
        daily: float,
        quantity: float,
        days: tuple[int, ...],
        instance_type: str | None = None,
        system: str | None = None,
    ) -> None:
        """The same line on each of the days, counted back from `as_of`."""
        for back in days:
            start = END - timedelta(days=back + 1)
            self.charges.append(
                (start.strftime("%Y-%m"), resource["account"], resource["provider"], resource["region"], resource["service"],
                 resource["id"], unit, meter, start, start + timedelta(days=1), quantity, daily, instance_type, system)
            )  # fmt: skip

    def observe(self, resource: Mapping[str, str], kind: str, age: int, back: int = 0, **more: Any) -> None:
        """One line of an inventory `back` days ago; what is no column is a property."""
        columns = {name: more.pop(name, None) for name in ("sku", "state", "attached_to", "tags")}
        self.resources.append(
            (END - timedelta(days=back + 1), resource["id"], resource["provider"], resource["account"], resource["region"],
             kind, columns["sku"], columns["state"], END - timedelta(days=age + 1), columns["attached_to"],
             json.dumps(columns["tags"] or {}), json.dumps(more))
        )  # fmt: skip

    def metric(self, resource: str, name: str, statistic: str, kept: np.ndarray, values: np.ndarray) -> None:
        """A value for each hour of the window, of which those that are kept arrive."""
        self.series.append((resource, name, statistic, np.flatnonzero(kept), np.round(values[kept], 3)))


CHARGE_COLUMNS = (
    "x_billing_period BillingAccountId ProviderName RegionId ServiceName ResourceId PricingUnit SkuMeter ChargePeriodStart "
    "ChargePeriodEnd PricingQuantity EffectiveCost x_instance_type x_operating_system"
).split()
RESOURCE_COLUMNS = (
    "observed_at resource_id provider account_id region resource_type sku state created_at attached_to tags properties"
).split()


class Warehouse:
    """Core tables and the product's models over them; what the runner reads from."""

    def __init__(self, rows: Rows) -> None:
        self._connection = duckdb.connect(config={"memory_limit": "6GB"})
        self._connection.execute("set TimeZone = 'UTC'")
        for table in CORE:
            names = [*table.columns, *(() if "x_source" in table.types else (("x_source", "VARCHAR"),))]
            self._connection.execute(f"create table {table.name} ({', '.join(f'{chr(34)}{n}{chr(34)} {t}' for n, t in names)})")
        self._insert("charges", _charges(rows))
        self._insert("resources", _table(RESOURCE_COLUMNS, rows.resources))
        self._insert("prices", pa.Table.from_pylist(rows.prices))
        self._insert("metrics", _metrics(rows))
        for model in models():
            if model.is_macro:
                self._connection.execute(f"create macro {model.name}({model.parameter}) as table {model.sql}")
            else:
                self._connection.execute(f"create table {model.name} as {model.sql}")

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._connection.sql(sql, params=dict(params or {}) or None).to_arrow_table().to_pylist()
        return found

    def _insert(self, table: str, given: pa.Table) -> None:
        self._connection.register("given", given)
        self._connection.execute(f"insert into {table} by name select *, 's' as x_source from given")
        self._connection.unregister("given")


def _table(names: list[str], rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.table(dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True)))


def _charges(rows: Rows) -> pa.Table:
    made = _table(CHARGE_COLUMNS, rows.charges)
    same = {
        "SubAccountId": "BillingAccountId",
        "BilledCost": "EffectiveCost",
        "ListCost": "EffectiveCost",
        "ContractedCost": "EffectiveCost",
        "ConsumedQuantity": "PricingQuantity",
        "BillingPeriodStart": "ChargePeriodStart",
    }
    for name, of in same.items():
        made = made.append_column(name, made[of])
    for name, value in {"BillingCurrency": "USD", "ChargeCategory": "Usage", "PricingCategory": "Standard"}.items():
        made = made.append_column(name, pa.array([value] * len(made)))
    return made


def _metrics(rows: Rows) -> pa.Table:
    """Dictionaries of names, so that millions of rows stay small."""
    lengths = [len(hours) for _, _, _, hours, _ in rows.series]
    stamps = np.array([int(start.timestamp()) * 1_000_000 for start in STARTS], dtype=np.int64)
    times = np.concatenate([stamps[hours] for _, _, _, hours, _ in rows.series])

    def named(position: int) -> pa.Array:
        names = [series[position] for series in rows.series]
        distinct = {name: n for n, name in enumerate(dict.fromkeys(names))}
        codes = np.repeat(np.array([distinct[name] for name in names], dtype=np.int32), lengths)
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(distinct)))

    return pa.table(
        {
            "resource_id": named(0),
            "metric": named(1),
            "statistic": named(2),
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            "period_s": pa.array(np.full(len(times), 3600, dtype=np.int32)),
            "value": pa.array(np.concatenate([values for *_, values in rows.series])),
        }
    )
