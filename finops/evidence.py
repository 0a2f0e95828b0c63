"""The statement that re-derives a saving: self-contained, literals bound, on the marts that anyone may query."""

from __future__ import annotations

from decimal import Decimal

from finops.bill.simulate import Bill, Line, Outcome, keys_of
from finops.model import Change, Effect, Finding


def quoted(text: str) -> str:
    """A SQL string literal; resource ids and tags come from outside."""
    return "'" + text.replace("'", "''") + "'"


def saving_sql(bill: Bill, key: str, effect: Effect, outcome: Outcome, finding: Finding) -> str:
    """One select that returns what the effect takes off the bill a month, alone: lines × what is left of them."""
    branches = [_branch(bill, change, bill.lines(key)) for change in effect.changes]
    cases = "\n            ".join(branches)
    anew = sum((_anew(bill, change, bill.lines(key)) for change in effect.changes), Decimal(0))
    saved = f"case\n            {cases}\n            else 0\n        end" if branches else "0"
    subtract = "".join(f" - {amount:f}" for amount in (effect.adds, outcome.stranded, anew) if amount)
    plus = "".join(f" + {amount:f}" for amount in (effect.cut, outcome.gained) if amount)
    recurs = "charge_category = 'Usage' and coalesce(charge_class, '') = '' and coalesce(commitment_id, '') = ''"
    cost = "effective_cost - coalesce(promotional_credit, 0)"
    times = _run_rate(bill, key, recurs)
    cost = f"cast(({cost}){times} as decimal(38, 12))" if times else cost
    return f"""with lines as (
    select
        charge_category,
        coalesce(charge_class, '') as charge_class,
        coalesce(pricing_unit, '') as pricing_unit,
        coalesce(sku_meter, sku_id, '') as meter,
        lower(coalesce(commitment_id, '')) as commitment_id,
        sum({cost}) as cost
    from resource_daily
    where
        lower(resource_id) {_named(key)}
        and currency = {quoted(finding.currency)}
        and charge_date > date {quoted(finding.as_of.isoformat())} - 30
        and charge_date <= date {quoted(finding.as_of.isoformat())}
    group by all
),
saved as (
    select {saved} as amount
    from lines
    where cost > 0
)
select cast(cast(coalesce(sum(amount), 0) as decimal(38, 12)) * 730 / 720{subtract}{plus} as decimal(38, 2)) as monthly_saving
from saved"""


def _named(key: str) -> str:
    keys = keys_of(key)
    return f"= {quoted(key)}" if len(keys) == 1 else f"in ({', '.join(map(quoted, keys))})"


def _run_rate(bill: Bill, key: str, recurs: str) -> str:
    """What recurring usage is multiplied by for a whole month, meter by meter where meters differ."""
    lines = [line for line in bill.lines(key) if line.category == "Usage" and not line.commitment]
    rates = {line.run_rate for line in lines}
    if rates <= {Decimal(1)}:
        return ""
    if len(rates) == 1:
        return f" * case when {recurs} then {rates.pop():f} else 1 end"
    several = len(keys_of(key)) > 1
    places = {(line.resource if several else "", line.meter, line.unit): line.run_rate for line in lines if line.run_rate != 1}
    cases = " ".join(f"when {_at(*place)} then {rate:f}" for place, rate in sorted(places.items()))
    return f" * case when {recurs} then case {cases} else 1 end else 1 end"


def _at(resource: str, meter: str, unit: str) -> str:
    where = f"coalesce(sku_meter, sku_id, '') = {quoted(meter)} and coalesce(pricing_unit, '') = {quoted(unit)}"
    return f"lower(resource_id) = {quoted(resource)} and {where}" if resource else where


def _branch(bill: Bill, change: Change, lines: tuple[Line, ...]) -> str:
    tests = ["charge_category = 'Usage'"]
    if change.unit:
        tests.append(f"pricing_unit = {quoted(change.unit)}")
    if change.meter:
        tests.append(f"meter = {quoted(change.meter)}")
    if not change.covered:
        tests.append("commitment_id = ''")
    where = " and ".join(tests)
    left = f"{change.factor:f}"
    loose = sorted({line.commitment for line in lines if line.commitment and not bill.follows(line, change)})
    if loose and change.covered:
        named = ", ".join(quoted(commitment) for commitment in loose)
        return f"when {where} then cost * case when commitment_id in ({named}) then 1 else 1 - {left} end"
    return f"when {where} then cost * (1 - {left})"


def _anew(bill: Bill, change: Change, lines: tuple[Line, ...]) -> Decimal:
    """What usage that leaves its commitment costs on demand after the change."""
    leaving = [
        line for line in lines if line.commitment and change.covered and _meant(change, line) and not bill.follows(line, change)
    ]
    return sum((line.on_demand * change.factor for line in leaving), Decimal(0))


def _meant(change: Change, line: Line) -> bool:
    return line.category == "Usage" and change.unit in ("", line.unit) and change.meter in ("", line.meter)
