"""What ML spend is made of: its lines over 30 days, the machines behind them, their accelerators, owners and models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from finops.money import MONTH_PER_WINDOW
from finops.pricing import json_object, number
from finops.queries.costs import Condition, condition_test, expression
from finops.queries.reads import Reads
from finops.queries.teams import DAILY_WITH_TAGS, UNTAGGED, Allocation, team_expression

DAYS = 30
GROSS = "coalesce(effective_cost, 0) - coalesce(promotional_credit, 0)"
"""Effective cost before promotional credits, as the plan counts: what something costs does not end when a credit does."""

NO_ACCELERATOR, NO_MODEL, SEVERAL_MODELS = "(no accelerator known)", "(no model known)", "(several models)"


@dataclass(frozen=True, slots=True)
class MlLine:
    """One meter of one resource over 30 days. `ml` says whether the bill's line counts as ML spend.

    cost     effective, before promotional credits
    credits  ≤ 0: what of it promotional credits paid
    """

    currency: str
    provider: str
    account: str
    service: str
    key: str
    resource: str
    instance_type: str
    meter: str
    unit: str
    team: str
    model: str
    ml: bool
    cost: Decimal
    credits: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Machine:
    """A resource as inventory, price list and metrics know it.

    keys         how metrics may call it: the bill's own key first, then those of what stands for it in the inventory
    count        accelerators of one machine; None where nothing tells
    instances    machines of the resource
    """

    keys: tuple[str, ...]
    resource: str
    provider: str
    types: tuple[str, ...]
    accelerator: str
    tpu: bool
    count: float | None
    instances: float
    owner: str
    model: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A fact that one answer lacks, and what the resource that waits for it costs a month."""

    missing: str
    provider: str
    key: str
    currency: str
    monthly_cost: Decimal


@dataclass(slots=True)
class MlEstate:
    """What every ML question reads, asked once. `gaps` collects what the answers lack."""

    as_of: date
    lines: list[MlLine]
    machines: Mapping[str, Machine]
    teams: Mapping[str, str]
    where: tuple[Condition, ...] = ()
    gaps: list[Gap] = field(default_factory=list)

    @property
    def ml_lines(self) -> list[MlLine]:
        return [line for line in self.lines if line.ml]

    @property
    def keys(self) -> frozenset[str]:
        """Resources with ML spend, as bill and inventory call them."""
        billed = {line.key for line in self.lines if line.ml and line.key}
        return frozenset(billed.union(*(self.machines[key].keys for key in billed if key in self.machines)))

    def owner(self, key: str) -> str:
        """The team of its lines; the inventory's where the bill has no tag."""
        team = self.teams.get(key, UNTAGGED)
        machine = self.machines.get(key)
        return machine.owner if team == UNTAGGED and machine is not None and machine.owner else team

    def accelerator(self, line: MlLine) -> str:
        machine = self.machines.get(line.key)
        return (machine.accelerator if machine else "") or NO_ACCELERATOR

    def model(self, line: MlLine) -> str:
        machine = self.machines.get(line.key)
        return line.model or (machine.model if machine else "") or NO_MODEL

    def lack(self, missing: str, key: str, currency: str, cost: Decimal, provider: str = "") -> None:
        """`cost` is of 30 days."""
        machine = self.machines.get(key)
        named = provider or (machine.provider if machine else "")
        self.gaps.append(Gap(missing, named, key, currency, cost * MONTH_PER_WINDOW))


def ml_estate(reads: Reads, as_of: date, allocation: Allocation, where: Sequence[Condition] = ()) -> MlEstate:
    """The lines in scope of the 30 days up to `as_of`, and every machine among them. Raises ConfigError (an unknown column)."""
    lines = _lines(reads, as_of, allocation, where)
    specs = _specs(reads, as_of)
    machines = _machines(reads, as_of, lines, specs, _models(reads, as_of), allocation.tags)
    if where:
        billed = _keys(reads, as_of, where)
        machines = {key: machine for key, machine in machines.items() if key in billed}
    teams: dict[str, tuple[Decimal, str]] = {}
    for line in lines:
        if line.key and line.team != UNTAGGED:
            teams[line.key] = max(teams.get(line.key, (Decimal(0), "")), (abs(line.cost), line.team))
    return MlEstate(as_of, lines, machines, {key: team for key, (_, team) in teams.items() if team}, tuple(where))


def _keys(reads: Reads, as_of: date, where: Sequence[Condition]) -> set[str]:
    """Every resource with a line in scope."""
    params: dict[str, object] = {"as_of": as_of}
    tests = " and ".join(condition_test(condition, True, params) for condition in where)
    rows = reads.rows(
        f"""
        with daily as ({DAILY_WITH_TAGS})
        select distinct lower(resource_id) as key from daily
        where charge_date > $as_of::date - {DAYS} and charge_date <= $as_of::date and resource_id is not null and {tests}
        """,
        params,
    )
    return {row["key"] for row in rows}


def _lines(reads: Reads, as_of: date, allocation: Allocation, where: Sequence[Condition]) -> list[MlLine]:
    params: dict[str, object] = {"as_of": as_of}
    team = team_expression(allocation, params)
    tests = "".join(f" and {condition_test(condition, True, params)}" for condition in where)
    rows = reads.rows(
        f"""
        with daily as ({DAILY_WITH_TAGS})
        select
            currency,
            coalesce(provider, '') as provider,
            coalesce(account_id, billing_account_id, '') as account,
            coalesce(service, '') as service,
            lower(coalesce(resource_id, '')) as key,
            coalesce(max(resource_id), '') as resource,
            coalesce(instance_type, '') as instance_type,
            coalesce(sku_meter, sku_id, '') as meter,
            coalesce(pricing_unit, '') as unit,
            {team} as team,
            coalesce({expression("tag:model", daily=True)}, '') as model,
            coalesce(ml_workload, false) as ml,
            cast(sum({GROSS}) as decimal(38, 12)) as cost,
            cast(sum(coalesce(promotional_credit, 0)) as decimal(38, 12)) as credits,
            cast(sum(case when charge_category = 'Usage' then coalesce(pricing_quantity, 0) else 0 end) as decimal(38, 12))
                as quantity
        from daily
        where
            charge_date > $as_of::date - {DAYS} and charge_date <= $as_of::date
            and (ml_workload or lower(coalesce(pricing_unit, '')) like '%token%'){tests}
        group by
            currency, coalesce(provider, ''), coalesce(account_id, billing_account_id, ''), coalesce(service, ''),
            lower(coalesce(resource_id, '')), coalesce(instance_type, ''), coalesce(sku_meter, sku_id, ''),
            coalesce(pricing_unit, ''), {team}, coalesce({expression("tag:model", daily=True)}, ''),
            coalesce(ml_workload, false)
        order by all
        """,
        params,
    )
    return [MlLine(**row) for row in rows]


def _specs(reads: Reads, as_of: date) -> dict[tuple[str, str], Mapping[str, Any]]:
    """What the price list says of a machine's accelerators; nothing where its rows differ."""
    rows = reads.rows(
        """
        select distinct provider, sku, json_extract_string(specs, '$.gpu_model') as gpu_model,
            json_extract_string(specs, '$.gpu_count') as gpu_count
        from prices
        where
            json_extract_string(specs, '$.gpu_model') is not null and json_extract_string(specs, '$.vcpu') is not null
            and effective_from < $as_of::date + 4
        order by all
        """,
        {"as_of": as_of},
    )
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in rows:
        key = (row["provider"], row["sku"])
        found[key] = {} if key in found else row
    return found


def _models(reads: Reads, as_of: date) -> dict[str, str]:
    """Resource → the one model that its runs or metrics name, or that there are several."""
    rows = reads.rows(
        f"""
        with named as (
            select lower(resource_id) as key, model
            from runs
            where started_at >= $as_of::date - {DAYS - 1} and started_at < $as_of::date + 1 and resource_id is not null
            union
            select resource_id as key, json_extract_string(nullif(dimensions, ''), '$.model') as model
            from metric_daily
            where metric_date > $as_of::date - {DAYS} and metric_date <= $as_of::date and contains(dimensions, '"model"')
        )
        select key, min(model) as model, count(distinct model) as models from named where coalesce(model, '') != '' group by key
        """,
        {"as_of": as_of},
    )
    return {row["key"]: row["model"] if row["models"] == 1 else SEVERAL_MODELS for row in rows}


def _machines(
    reads: Reads,
    as_of: date,
    lines: Iterable[MlLine],
    specs: Mapping[tuple[str, str], Mapping[str, Any]],
    models: Mapping[str, str],
    owner_tags: Iterable[str],
) -> dict[str, Machine]:
    mine = list(lines)
    rows = reads.rows(
        """
        with wanted as (select unnest($keys::varchar[]) as key),
        known as (select
            lower(resource_id) as key,
            lower(coalesce(nullif(billed_as, ''), resource_id)) as bill_key,
            any_value(resource_id) as resource,
            any_value(provider) as provider,
            any_value(resource_type) as resource_type,
            any_value(sku) as sku,
            any_value(instance_type) as instance_type,
            any_value(tags) as tags,
            any_value(properties) as properties
        from resource_profile($as_of)
        where
            lower(coalesce(nullif(billed_as, ''), resource_id)) in (select key from wanted)
            or json_extract_string(properties, '$.gpu_model') is not null
            or json_extract_string(properties, '$.tpu_model') is not null
            or json_extract_string(properties, '$.chips') is not null
        group by all)
        select * from known order by key = bill_key desc, key
        """,
        {"as_of": as_of, "keys": sorted({line.key for line in mine if line.key})},
    )
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row["bill_key"], []).append(row)
    return {key: _machine(key, of_key, specs, models, tuple(owner_tags)) for key, of_key in grouped.items()}


def _machine(
    key: str,
    rows: list[Mapping[str, Any]],
    specs: Mapping[tuple[str, str], Mapping[str, Any]],
    models: Mapping[str, str],
    owner_tags: tuple[str, ...],
) -> Machine:
    """Of several rows of the inventory that one bill stands for, what the first lacks is the next one's."""
    properties: dict[str, Any] = {}
    tags: dict[str, Any] = {}
    for row in rows:
        properties = json_object(row["properties"]) | properties
        tags = {k.lower(): v for k, v in json_object(row["tags"]).items()} | tags
    names = [(row["provider"], row[column]) for row in rows for column in ("instance_type", "sku") if row[column]]
    spec = next((specs[name] for name in names if specs.get(name)), {})
    chips = number(properties.get("chips"))
    tpu = properties.get("tpu_model") or (next((sku for _, sku in names), "TPU") if chips is not None else "")
    gpu = properties.get("gpu_model") or spec.get("gpu_model") or ""
    count = number(properties.get("gpu_count"))
    count = number(spec.get("gpu_count")) if count is None else count
    known = [models[row["key"]] for row in rows if row["key"] in models]
    return Machine(
        keys=tuple(dict.fromkeys([key, *(row["key"] for row in rows)])),
        resource=rows[0]["resource"],
        provider=rows[0]["provider"] or "",
        types=tuple(row["resource_type"] or "" for row in rows),
        accelerator=str(gpu or tpu),
        tpu=not gpu and bool(tpu),
        count=chips if not gpu and tpu else count,
        instances=number(properties.get("instance_count")) or number(properties.get("instances")) or 1.0,
        owner=next((str(tags[name.lower()]) for name in owner_tags if tags.get(name.lower())), ""),
        model=str(tags.get("model") or properties.get("model") or next(iter(known), "")),
    )
