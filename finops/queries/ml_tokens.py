"""Tokens by four meters, model and tier, with the price of a million where the bill allows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from finops.pricing import json_object
from finops.queries.ml_estate import DAYS, MlEstate, MlLine
from finops.queries.reads import Reads
from finops.tokens import METERS, PER_MILLION, meter_of

MILLION = Decimal(1_000_000)
FINE = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One meter of one model over 30 days.

    scope        the resource; the account where the bill's lines name no resource
    tokens       of the metrics, else those billed
    cost         None where tokens are not billed by the token (provisioned throughput, or lines that name the account alone)
    per_million  the bill's own effective price; None where the bill states none
    """

    scope: str
    model: str
    tier: str
    meter: str
    currency: str
    tokens: int
    cost: Decimal | None
    per_million: Decimal | None
    counted_by: str


Key = tuple[str, str, str, str]  # scope (the resource's key), model, tier, meter


def tokens(reads: Reads, estate: MlEstate) -> list[TokenRow]:
    """Dearest scope first, each with its meters in the order input, output, cache read, cache write."""
    counted = _counted(reads, estate)
    billed: dict[tuple[Key, str], tuple[Decimal, Decimal]] = {}
    names: dict[str, str] = {}
    for line in estate.lines:
        units, meter = PER_MILLION.get(line.unit.lower()), meter_of(line.meter)
        if units is None or not meter:
            continue
        scope = line.key or f"account {line.account}"
        names[scope] = line.resource or f"account {line.account} (its lines name no resource)"
        key = (scope, _model(line, estate, counted), "batch" if "batch" in line.meter.lower() else "on demand", meter)
        cost, quantity = billed.get((key, line.currency), (Decimal(0), Decimal(0)))
        billed[key, line.currency] = (cost + line.cost, quantity + line.quantity / Decimal(repr(units)) * MILLION)
    rows = [
        _row(names[key[0]], key, currency, counted.get(key), cost, quantity)
        for (key, currency), (cost, quantity) in billed.items()
    ]
    known = {key for key, _ in billed}
    for key, amount in counted.items():
        machine = estate.machines.get(key[0])
        if key not in known:
            named = machine.resource if machine else key[0]
            rows.append(TokenRow(named, key[1], key[2], key[3], "", round(amount), None, None, "metrics"))
    spent: dict[str, Decimal] = {}
    for row in rows:
        spent[row.scope] = spent.get(row.scope, Decimal(0)) + (row.cost or Decimal(0))
    return sorted(rows, key=lambda r: (-spent[r.scope], r.scope, r.model, r.tier, METERS.index(r.meter), r.currency))


def _row(name: str, key: Key, currency: str, counted: float | None, cost: Decimal, quantity: Decimal) -> TokenRow:
    per = (cost / quantity * MILLION).quantize(FINE) if quantity > 0 else None
    amount, by = (quantity, "bill") if counted is None else (Decimal(repr(counted)), "metrics")
    return TokenRow(name, key[1], key[2], key[3], currency, round(amount), cost, per, by)


def _counted(reads: Reads, estate: MlEstate) -> dict[Key, float]:
    owners = {name: key for key, machine in estate.machines.items() for name in reversed(machine.keys)}
    rows = reads.rows(
        f"""
        select resource_id as key, metric, dimensions, sum(value) as tokens
        from metric_samples($as_of)
        where
            metric in ({", ".join(f"'tokens_{meter}'" for meter in METERS)})
            and statistic = 'sum' and timestamp >= $as_of::date - {DAYS - 1}
        group by all
        order by all
        """,
        {"as_of": estate.as_of},
    )
    found: dict[Key, float] = {}
    for row in rows:
        key, dimensions = owners.get(row["key"], row["key"]), json_object(row["dimensions"])
        machine = estate.machines.get(key)
        model = str(dimensions.get("model") or (machine.model if machine else "") or "")
        tier = "batch" if any(str(value).lower() == "batch" for value in dimensions.values()) else "on demand"
        named = (key, model or "(no model known)", tier, row["metric"].removeprefix("tokens_"))
        found[named] = found.get(named, 0.0) + float(row["tokens"])
    return found


def _model(line: MlLine, estate: MlEstate, counted: Mapping[Key, float]) -> str:
    """The line's tag, else the one of the resource's models that the meter names, else its only one, else the meter itself."""
    known = sorted({model for scope, model, _, _ in counted if scope == line.key})
    machine = estate.machines.get(line.key)
    own = line.model or ("" if machine is None or len(known) > 1 else machine.model)
    named = [model for model in known if _squeezed(model) in _squeezed(line.meter)]
    return own or max(named, key=len, default="") or (known[0] if len(known) == 1 else "") or line.meter


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
