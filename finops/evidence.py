"""The statement that re-derives a saving: self-contained, literals bound, on the marts that anyone may query."""

from __future__ import annotations

from decimal import Decimal

from finops.bill.lines import Line, keys_of
from finops.bill.simulate import Bill, Outcome
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
        {_commitment(bill, key)} as commitment_id,
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


def _commitment(bill: Bill, key: str) -> str:
    """The id of what covers a line; what has ended covers nothing."""
    lapsed = sorted({line.lapsed for line in bill.lines(key) if line.lapsed})
    own = "lower(coalesce(commitment_id, ''))"
    return f"case when lower(commitment_id) in ({', '.join(map(quoted, lapsed))}) then '' else {own} end" if lapsed else own


def _run_rate(bill: Bill, key: str, recurs: str) -> str:
    """What usage is multiplied by for a whole month, meter by meter where meters differ; empty where that is 1."""
    lines = [line for line in bill.lines(key) if line.category == "Usage"]
    held = {_place(key, line): line.run_rate for line in lines if (line.commitment or line.lapsed) and line.run_rate != 1}
    cases = " ".join(f"when {_at(*place)} then {_twelfth(rate):f}" for place, rate in sorted(held.items()))
    lines = [line for line in lines if not line.commitment and not line.lapsed]
    rates = {line.run_rate for line in lines}
    if not rates <= {Decimal(1)}:
        open_places = {_place(key, line): line.run_rate for line in lines if line.run_rate != 1}
        inner = " ".join(f"when {_at(*place)} then {_twelfth(rate):f}" for place, rate in sorted(open_places.items()))
        rate = f"{_twelfth(rates.pop()):f}" if len(rates) == 1 else f"case {inner} else 1 end"
        cases = f"{cases} when {recurs} then {rate}".lstrip()
    return f" * case {cases} else 1 end" if cases else ""


def _twelfth(rate: Decimal) -> Decimal:
    """To twelve digits, as costs are kept."""
    return rate.quantize(Decimal("0.000000000001"))


def _place(key: str, line: Line) -> tuple[str, str, str, str]:
    return line.resource if len(keys_of(key)) > 1 else "", line.meter, line.unit, line.commitment or line.lapsed


def _at(resource: str, meter: str, unit: str, commitment: str) -> str:
    where = f"coalesce(sku_meter, sku_id, '') = {quoted(meter)} and coalesce(pricing_unit, '') = {quoted(unit)}"
    where = f"lower(resource_id) = {quoted(resource)} and {where}" if resource else where
    return f"lower(commitment_id) = {quoted(commitment)} and {where}" if commitment else where


def _branch(bill: Bill, change: Change, lines: tuple[Line, ...]) -> str:
    tests = ["charge_category = 'Usage' and charge_class = ''"]
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
