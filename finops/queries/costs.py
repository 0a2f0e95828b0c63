"""Spend by any column or tag, exactly: currencies are never added."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

from finops import focus
from finops.errors import ConfigError
from finops.queries.reads import Reads

CostMetric: TypeAlias = Literal["effective", "billed", "list", "contracted"]

METRIC_COLUMNS = {
    "effective": "EffectiveCost",
    "billed": "BilledCost",
    "list": "ListCost",
    "contracted": "ContractedCost",
}

METRICS: tuple[CostMetric, ...] = ("effective", "billed", "list", "contracted")

SHORT_NAMES = {
    "provider": "ProviderName",
    "billing_account": "BillingAccountId",
    "account": "SubAccountId",
    "account_name": "SubAccountName",
    "region": "RegionId",
    "service": "ServiceName",
    "category": "ServiceCategory",
    "subcategory": "ServiceSubcategory",
    "resource": "ResourceId",
    "charge": "ChargeCategory",
    "invoice": "InvoiceId",
    "sku": "SkuId",
    "source": "x_source",
    "period": "x_billing_period",
    "ml": "x_ml_workload",
}
"""Words that people type for a FOCUS column; `day` and `month` are computed, `tag:KEY` reads a tag."""

COMPUTED = {
    "day": "cast(ChargePeriodStart as date)",
    "month": "strftime(ChargePeriodStart, '%Y-%m')",
}

DAILY_COLUMNS = {
    "x_source": "x_source",
    "x_billing_period": "x_billing_period",
    "ProviderName": "provider",
    "BillingAccountId": "billing_account_id",
    "SubAccountId": "account_id",
    "SubAccountName": "account_name",
    "RegionId": "region",
    "ServiceName": "service",
    "ServiceCategory": "service_category",
    "ServiceSubcategory": "service_subcategory",
    "ResourceId": "resource_id",
    "ChargeCategory": "charge_category",
    "PricingCategory": "pricing_category",
    "InvoiceIssuerName": "invoice_issuer",
    "SkuMeter": "sku_meter",
    "SkuId": "sku_id",
    "x_ml_workload": "ml_workload",
    "EffectiveCost": "effective_cost",
    "BilledCost": "billed_cost",
    "ListCost": "list_cost",
    "ContractedCost": "contracted_cost",
}
"""What `resource_daily` answers without touching the charges; its grain keeps each of these exact."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`COLUMN=VALUE` or `COLUMN!=VALUE`; several values are separated by `|`, and `\\|` is one in a value."""

    column: str
    values: tuple[str, ...]
    negated: bool = False

    @classmethod
    def parse(cls, text: str) -> Condition:
        match = re.fullmatch(r"([^=!]+?)(!?=)(.*)", text, re.DOTALL)
        if match is None:
            raise ConfigError(f"`{text}` is no condition", hint="--where 'region=eu-west-1' or --where 'tag:team!=data'")
        values = (value.replace("\\|", "|") for value in re.split(r"(?<!\\)\|", match[3]))
        return cls(match[1].strip(), tuple(values), match[2] == "!=")

    def __str__(self) -> str:
        """As `parse` reads it."""
        values = "|".join(value.replace("|", "\\|") for value in self.values)
        return f"{self.column}{'!=' if self.negated else '='}{values}"


@dataclass(frozen=True, slots=True)
class CostQuery:
    """Spend by some columns, from `first` to `last` day inclusive (charge period, UTC)."""

    by: tuple[str, ...]
    metric: CostMetric = "effective"
    first: date | None = None
    last: date | None = None
    where: tuple[Condition, ...] = ()
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class CostRow:
    """One group: `keys` in the query's order, the amount in its own currency, and its share of that currency's total."""

    keys: tuple[object, ...]
    currency: str
    amount: Decimal
    charges: int


def costs(reads: Reads, query: CostQuery) -> list[CostRow]:
    """Spend by group, largest first. Currencies are never added: each is a row of its own, unless `query.currency` names one
    into which every day is converted at the rate in force that day (table `rates`).

    Raises ConfigError for an unknown column, or a day without a rate.
    """
    names = [column_name(name) for name in query.by]
    conditions = [(column_name(c.column), c) for c in query.where]
    daily = all(in_daily(name) for name in [*names, *(name for name, _ in conditions)])
    params: dict[str, object] = {}
    tests = _period_tests(query, daily, params)
    tests += [condition_test(condition, daily, params) for _, condition in conditions]
    keys = [f"k{i}" for i in range(len(names))]
    spent = f"""
        select {"".join(f"{expression(name, daily)} as {key}, " for name, key in zip(names, keys, strict=True))}
            {expression("day", daily) if query.currency else "null::date"} as spent_on,
            {"currency" if daily else "BillingCurrency"} as currency,
            sum({expression(METRIC_COLUMNS[query.metric], daily)})::decimal(38, 12) as amount,
            ({"sum(charge_count)" if daily else "count(*)"})::bigint as charges
        from {"resource_daily" if daily else "charges"} {f"where {' and '.join(tests)}" if tests else ""} group by all
    """
    if query.currency:
        params["currency"] = query.currency
        spent = _converted(reads, spent, keys, params)
    order = ", ".join(["currency", "amount desc", *keys])
    rows = reads.rows(f"with spent as ({spent}) select * from spent order by {order}", params)
    return [CostRow(tuple(row[key] for key in keys), row["currency"], row["amount"], row["charges"]) for row in rows]


def _converted(reads: Reads, spent: str, keys: Sequence[str], params: Mapping[str, object]) -> str:
    """The groups of `spent`, which are daily, in one currency. Raises ConfigError where a day has no rate."""
    rated = f"""
        with spent as ({spent}),
        quoted as (
            select from_currency, date, rate, 1 as direct from rates where to_currency = $currency
            union all
            select to_currency, date, cast(1 / rate as decimal(38, 12)), 0 from rates where from_currency = $currency
        ),
        known as (
            select from_currency, date, arg_max(rate, direct) as rate from quoted group by all
        ),
        rated as (
            select spent.*, case when spent.currency = $currency then 1 else known.rate end as rate
            from spent asof left join known on spent.currency = known.from_currency and spent.spent_on >= known.date
        )
    """
    missing = reads.rows(
        f"{rated} select currency, min(spent_on) as first_day from rated where rate is null group by all order by all",
        params,
    )
    if missing:
        gaps = ", ".join(f"{row['currency']} on {row['first_day']}" for row in missing)
        raise ConfigError(
            f"no rate to {params['currency']} for {gaps}",
            hint="finops load rates.csv (date, from_currency, to_currency, rate), or leave --currency out for separate totals",
        )
    return f"""
        {rated}
        select {"".join(f"{key}, " for key in keys)} $currency as currency,
            sum(cast(amount * rate as decimal(38, 12)))::decimal(38, 12) as amount, sum(charges)::bigint as charges
        from rated group by all
    """


def column_name(word: str) -> str:
    """The FOCUS column (or `day`, `month`, `tag:KEY`, `x_…`) that a word stands for. Raises ConfigError."""
    lowered = word.strip().lower()
    if lowered.startswith("tag:") and len(lowered) > len("tag:"):
        return f"tag:{word.strip()[4:]}"
    if lowered in COMPUTED:
        return lowered
    if lowered in SHORT_NAMES:
        return SHORT_NAMES[lowered]
    known = {c.name.lower(): c.name for c in focus.columns()}
    squeezed = lowered.replace("_", "")
    if lowered in known or squeezed in known:
        return known.get(lowered) or known[squeezed]
    if re.fullmatch(r"x_[a-z0-9_]+", lowered):
        return word.strip()
    close = difflib.get_close_matches(lowered, [*known, *SHORT_NAMES, *COMPUTED], n=1)
    meant = f" (did you mean `{known.get(close[0], close[0])}`?)" if close else ""
    raise ConfigError(
        f"unknown column `{word}`{meant}", hint="any FOCUS column, day, month, tag:KEY, or " + ", ".join(SHORT_NAMES)
    )


MOST_TAGS = 200
"""Tag keys that are offered: a cluster's labels may be thousands."""


def dimensions(reads: Reads) -> list[str]:
    """What spend can be grouped by: the words people type, tags, most used first, every other FOCUS dimension."""
    keys = reads.rows(
        """
        with named as (select unnest(json_keys(Tags)) as name from tag_sets where json_type(Tags) = 'OBJECT')
        select name from named group by name order by count(*) desc, name limit $most
        """,
        {"most": MOST_TAGS},
    )
    words = set(SHORT_NAMES.values())
    others = [c.name for c in focus.columns() if c.kind == "Dimension" and c.type == "String" and c.name not in words]
    return [*SHORT_NAMES, *(f"tag:{row['name']}" for row in keys), *sorted(others)]


def condition_test(condition: Condition, daily: bool, params: dict[str, object]) -> str:
    """SQL of a condition; its values are bound in `params`."""
    name = f"v{len(params)}"
    params[name] = list(condition.values)
    test = f"list_contains(${name}, coalesce(cast({expression(column_name(condition.column), daily)} as varchar), ''))"
    return f"not {test}" if condition.negated else test


def in_daily(name: str) -> bool:
    return name in DAILY_COLUMNS or name in COMPUTED


def expression(name: str, daily: bool) -> str:
    """SQL of a column (`column_name`) over `resource_daily` or over the charges; tags are read from a column `Tags`.

    Raises ConfigError for a column that daily spend does not keep."""
    if name in COMPUTED:
        return COMPUTED[name].replace("ChargePeriodStart", "charge_date") if daily else COMPUTED[name]
    if name.startswith("tag:"):
        return _tag_value(name[4:])
    if not daily:
        return '"' + name.replace('"', '""') + '"'
    if name not in DAILY_COLUMNS:
        raise ConfigError(
            f"`{name}` is not among the columns of daily spend, which this is answered from",
            hint="tag:KEY, " + ", ".join(DAILY_COLUMNS) + "; finops costs takes any FOCUS column",
        )
    return DAILY_COLUMNS[name]


def _tag_value(key: str) -> str:
    """SQL of a tag's value. Of a key that is not there as it is written, the first that differs in upper and lower case alone:
    some providers take both for one, and so do people."""
    path = key.replace("\\", "\\\\").replace('"', '\\"').replace("'", "''")
    lowered = key.lower().replace("'", "''")
    alike = f"list_filter(json_keys(Tags), lambda name: lower(name) = '{lowered}')[1]"
    pointer = f"'/' || replace(replace({alike}, '~', '~0'), '/', '~1')"
    return f"coalesce(json_extract_string(Tags, '$.\"{path}\"'), json_extract_string(Tags, {pointer}))"


def _period_tests(query: CostQuery, daily: bool, params: dict[str, object]) -> list[str]:
    day = expression("day", daily)
    tests = []
    if query.first:
        params["first"] = query.first
        tests.append(f"{day} >= $first")
    if query.last:
        params["last"] = query.last
        tests.append(f"{day} <= $last")
    return tests


def totals(rows: Sequence[CostRow]) -> dict[str, Decimal]:
    """The exact total of each currency."""
    result: dict[str, Decimal] = {}
    for row in rows:
        result[row.currency] = result.get(row.currency, Decimal(0)) + row.amount
    return result


OTHERS = "(others)"


def gathered(rows: Sequence[CostRow], named: Collection[object]) -> list[CostRow]:
    """The rows whose last key is one of `named`, and one more for each of their other keys and currency that sums the rest."""
    kept = [row for row in rows if row.keys[-1] in named]
    rest: dict[tuple[tuple[object, ...], str], tuple[Decimal, int]] = {}
    for row in rows:
        if row.keys[-1] not in named:
            place = (row.keys[:-1], row.currency)
            amount, charges = rest.get(place, (Decimal(0), 0))
            rest[place] = (amount + row.amount, charges + row.charges)
    return kept + [CostRow((*keys, OTHERS), currency, *summed) for (keys, currency), summed in rest.items()]
