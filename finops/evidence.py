"""The statement that re-derives a saving: self-contained, literals bound, on the marts that anyone may query."""

from __future__ import annotations

from decimal import Decimal

from finops.model import Change, Effect, Finding
from finops.simulate import Bill, Line


def quoted(text: str) -> str:
    """A SQL string literal; resource ids and tags come from outside."""
    return "'" + text.replace("'", "''") + "'"


def saving_sql(bill: Bill, key: str, effect: Effect, stranded: Decimal, finding: Finding) -> str:
    """One select that returns what the effect takes off the bill a month, alone: lines × what is left of them."""
    branches = [_branch(bill, change, bill.lines(key)) for change in effect.changes]
    cases = "\n            ".join(branches)
    anew = sum((_anew(bill, change, bill.lines(key)) for change in effect.changes), Decimal(0))
    saved = f"case\n            {cases}\n            else 0\n        end" if branches else "0"
    subtract = "".join(f" - {amount:f}" for amount in (effect.adds, stranded, anew) if amount)
    plus = f" + {effect.cut:f}" if effect.cut else ""
    rate = bill.run_rate(key)
    recurs = "charge_category = 'Usage' and coalesce(charge_class, '') = '' and coalesce(commitment_id, '') = ''"
    times = f" * case when {recurs} then {rate:f} else 1 end" if rate != 1 else ""
    return f"""with lines as (
    select
        charge_category,
        coalesce(charge_class, '') as charge_class,
        coalesce(pricing_unit, '') as pricing_unit,
        coalesce(sku_meter, sku_id, '') as meter,
        lower(coalesce(commitment_id, '')) as commitment_id,
        sum((effective_cost - coalesce(promotional_credit, 0)){times}) as cost
    from resource_daily
    where
        lower(resource_id) = {quoted(key)}
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
select cast(coalesce(sum(amount), 0) * 730 / 720{subtract}{plus} as decimal(38, 2)) as monthly_saving from saved"""


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
