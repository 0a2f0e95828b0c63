"""What the month ends at: days that are final, a nowcast of provisional ones, a forecast of the rest, and the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

import numpy as np

from finops.commitment.levels import Floats
from finops.forecast import Fee, Forecast, fees, fees_ahead, forecast, repeated, without_fees, without_spikes
from finops.money import cents
from finops.queries.costs import METRIC_COLUMNS, Condition, CostMetric, condition_test, expression
from finops.queries.late import COMPLETE_SERVICES
from finops.queries.missing import Missing, missing
from finops.queries.reads import Reads
from finops.queries.teams import DAILY_WITH_TAGS
from finops.window import PROVISIONAL_DAYS

ZERO = Decimal(0)
HISTORY_DAYS = 180
"""What a forecast is made from: its forecasters look back eight weeks, its interval at sixty origins before that."""


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount a month for a scope."""

    name: str
    amount: Decimal
    currency: str
    where: tuple[Condition, ...] = ()
    metric: CostMetric = "effective"


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """One scope's month. Without two weeks of history `expected` is None: it is not known, and not guessed.

    actual    billed days up to `as_of`, exactly, provisional ones as they stand
    nowcast   what the provisional days, and days that the bill lacks, are expected to gain yet
    expected  actual + nowcast + forecast of the days left; `low` … `high` in four months of five
    previous  the month before; None where no source of the scope has that billing period loaded
    exceeds   how likely the budget is exceeded, 0 … 1; None without a budget or without past errors
    """

    name: str
    currency: str
    month: str
    as_of: date
    actual: Decimal
    nowcast: Decimal
    expected: Decimal | None
    low: Decimal | None
    high: Decimal | None
    previous: Decimal | None
    budget: Decimal | None
    exceeds: float | None

    @property
    def remaining(self) -> Decimal | None:
        """What the budget leaves of the expected month; negative where it is exceeded."""
        return None if self.budget is None or self.expected is None else self.budget - self.expected


def month_ends(
    reads: Reads, as_of: date, *, metric: CostMetric = "effective", where: Sequence[Condition] = (), name: str = "all"
) -> list[MonthEnd]:
    """The month of `as_of`, one row a currency. Raises ConfigError for an unknown column."""
    series, known = _daily(reads, as_of, metric, where), _month_before_known(reads, as_of, where)
    return [_month_end(name, currency, as_of, days, currency in known) for currency, days in sorted(series.items())]


def budgets(reads: Reads, as_of: date, wanted: Sequence[Budget]) -> list[MonthEnd]:
    """Each budget with the month of its scope. Other currencies than the budget's are not counted against it."""
    result = []
    for budget in wanted:
        days = _daily(reads, as_of, budget.metric, budget.where).get(budget.currency, _Days())
        known = budget.currency in _month_before_known(reads, as_of, budget.where)
        result.append(_month_end(budget.name, budget.currency, as_of, days, known, budget.amount))
    return result


def outstanding(
    reads: Reads, as_of: date, first: date, last: date, *, metric: CostMetric = "effective", where: Sequence[Condition] = ()
) -> dict[str, Decimal]:
    """What the provisional days among `first` … `last`, and days that the bill lacks, are expected to gain yet, by currency;
    one that gains nothing is left out. Raises ConfigError for an unknown column."""
    settled, end = as_of - timedelta(days=PROVISIONAL_DAYS), min(last, as_of)
    begin = max(first - timedelta(days=1), settled)
    if end <= begin and not any(each.first <= last and each.last >= first for each in missing(reads, as_of)):
        return {}
    found = {}
    for currency, days in sorted(_daily(reads, as_of, metric, where).items()):
        late = _lacking(days, first, last) + (_late_by(days, as_of, begin, end) if end > begin else 0.0)
        if gained := cents(Decimal(repr(late))):
            found[currency] = gained
    return found


def _lacking(days: _Days, first: date, last: date) -> float:
    """What settled days of these lack of accounts."""
    return sum(float(amount) for day, amount in days.billed.missing.items() if first <= day <= last)


def _late_by(days: _Days, as_of: date, begin: date, end: date) -> float:
    """What the days after `begin` up to `end` lack, of the services that may lack lines."""
    settled = as_of - timedelta(days=PROVISIONAL_DAYS)
    ahead = _ahead(days.open, settled, PROVISIONAL_DAYS)
    if ahead is None:
        return 0.0
    first, last = (begin - settled).days, (end - settled).days
    return _late(ahead.plain, _standing(days.open, settled, ahead.due)[first:last], ahead.daily[first:last])


def _month_s_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


@dataclass(slots=True)
class _Series:
    """Spend a day: what goes on day by day, and what is charged on single days, by what it is charged for.

    missing  of the level, what settled days of accounts that the bill lacks are expected to come to
    """

    level: dict[date, Decimal] = field(default_factory=dict)
    missing: dict[date, Decimal] = field(default_factory=dict)
    once: dict[str, dict[date, Decimal]] = field(default_factory=dict)

    def add(self, day: date, amount: Decimal, charged_for: str | None) -> None:
        kept = self.level if charged_for is None else self.once.setdefault(charged_for, {})
        kept[day] = kept.get(day, ZERO) + amount

    @property
    def first(self) -> date | None:
        return min((min(days) for days in (self.level, *self.once.values()) if days), default=None)


@dataclass(slots=True)
class _Days:
    """All spend, and that of the services that may still lack lines of the provisional days."""

    billed: _Series = field(default_factory=_Series)
    open: _Series = field(default_factory=_Series)


SINGLE = "charge_category in ('Purchase', 'Credit', 'Adjustment') or coalesce(charge_class, '') = 'Correction'"
"""What may be charged on single days: it is no use of anything."""

ACCOUNT = "coalesce(account_id, billing_account_id, '')"

STEADY_DAYS = 7
"""What is charged on so many days, and on one in so many of them, goes on: fees by the hour, credits by the day."""


SPENT = f"""
    with daily as ({DAILY_WITH_TAGS}),
    complete as ({COMPLETE_SERVICES}),
    spent as (
        select
            currency, charge_date, case when list_contains($lacking, {ACCOUNT}) then {ACCOUNT} end as account,
            (x_source, coalesce(service, '')) in (select (x_source, coalesce(service, '')) from complete)
            and not list_contains($ended, {ACCOUNT}) as is_complete,
            case when {SINGLE} then concat_ws(
                chr(30), x_source, account_id, service, sku_id, charge_category, charge_class, commitment_id
            ) end as charged_for,
            sum({{cost}})::decimal(38, 12) as amount
        from daily where {{tests}} group by all
    ),
    counted as (
        select
            *, count(*) over days as days, max(charge_date) over days - min(charge_date) over days as span
        from spent window days as (partition by currency, charged_for)
    )
    select
        currency, charge_date, account, is_complete,
        case when days < {STEADY_DAYS} or span >= {STEADY_DAYS} * days then charged_for end as charged_for,
        sum(amount) as amount
    from counted group by all order by all
"""
"""Spend a day; of accounts of which days lack, each by itself; of what is charged on single days, each thing by itself."""


def _daily(reads: Reads, as_of: date, metric: CostMetric, where: Sequence[Condition]) -> dict[str, _Days]:
    lacking = [each for each in missing(reads, as_of) if each.kind != "unclear"]
    params: dict[str, object] = {"as_of": as_of, "first": as_of - timedelta(days=HISTORY_DAYS)}
    params["lacking"] = [each.account for each in lacking]
    params["ended"] = [each.account for each in lacking if each.kind == "end"]
    tests = ["charge_date <= $as_of", "charge_date > $first", "charge_category != 'Tax'"]
    tests += [condition_test(condition, True, params) for condition in where]
    cost = expression(METRIC_COLUMNS[metric], True)
    rows = reads.rows(SPENT.format(cost=cost, tests=" and ".join(tests)), params)
    series: dict[str, _Days] = {}
    for row in rows:
        days, at = series.setdefault(row["currency"], _Days()), (row["charge_date"], row["amount"] or ZERO, row["charged_for"])
        days.billed.add(*at)
        if not row["is_complete"]:
            days.open.add(*at)
    _expect(series, rows, lacking, as_of)
    return series


def _expect(series: Mapping[str, _Days], rows: Sequence[Mapping[str, Any]], lacking: Sequence[Missing], as_of: date) -> None:
    """What the settled days that the bill lacks of an account are expected to come to: the same weekday in the weeks before."""
    settled = as_of - timedelta(days=PROVISIONAL_DAYS)
    for each in lacking:
        absent = [each.first + timedelta(days=n) for n in range((min(each.last, settled) - each.first).days + 1)]
        for currency, days in series.items():
            mine: dict[date, Decimal] = {}
            for row in rows:
                if (row["currency"], row["account"], row["charged_for"]) == (currency, each.account, None):
                    mine[row["charge_date"]] = mine.get(row["charge_date"], ZERO) + (row["amount"] or ZERO)
            for day in absent:
                weeks = [mine[d] for d in (day - timedelta(days=7 * n) for n in range(1, 8)) if d < each.first and d in mine]
                amount = median(weeks[:4]) - mine.get(day, ZERO) if weeks else ZERO
                for kept in (days.billed, *((days.open,) if each.kind == "end" else ())):
                    kept.missing[day] = kept.missing.get(day, ZERO) + amount


def _month_before_known(reads: Reads, as_of: date, where: Sequence[Condition]) -> set[str]:
    """Currencies of which a source of the scope has the billing period before that of `as_of` loaded."""
    before = as_of.replace(day=1) - timedelta(days=1)
    params: dict[str, object] = {"as_of": as_of, "first": as_of - timedelta(days=HISTORY_DAYS), "before": f"{before:%Y-%m}"}
    tests = " and ".join(condition_test(condition, True, params) for condition in where)
    rows = reads.rows(
        f"""
        with daily as ({DAILY_WITH_TAGS}),
        mine as (
            select distinct x_source, currency from daily
            where charge_date <= $as_of and charge_date > $first {f"and {tests}" if tests else ""}
        )
        select distinct mine.currency from mine
        inner join spend_monthly on mine.x_source = spend_monthly.x_source and mine.currency = spend_monthly.currency
        where spend_monthly.x_billing_period = $before
        """,
        params,
    )
    return {row["currency"] for row in rows}


def _billed(series: _Series, first: date, last: date) -> Decimal:
    every = (series.level, *series.once.values())
    return sum((amount for days in every for day, amount in days.items() if first <= day <= last), ZERO)


def _month_end(
    name: str, currency: str, as_of: date, days: _Days, before_known: bool, budget: Decimal | None = None
) -> MonthEnd:
    first, end = as_of.replace(day=1), _month_s_end(as_of)
    before = (first - timedelta(days=1)).replace(day=1)
    actual = _billed(days.billed, first, as_of)
    outlook = _outlook(days, as_of, end)
    known = _billed(days.billed, before, first - timedelta(days=1)) if before_known else None
    unknown = MonthEnd(name, currency, f"{first:%Y-%m}", as_of, actual, ZERO, None, None, None, known, budget, exceeds=None)
    if outlook is None:
        return unknown
    return replace(
        unknown,
        nowcast=cents(Decimal(repr(outlook.nowcast))),
        expected=_plus(actual, outlook.more),
        low=_plus(actual, outlook.low),
        high=_plus(actual, outlook.high),
        exceeds=None if budget is None else outlook.above(float(budget - actual)),
    )


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What is still to come beside what stands: of the provisional days, of the days left, and how past ones erred."""

    nowcast: float
    more: float
    low: float | None
    high: float | None
    errors: Floats

    def above(self, room: float) -> float | None:
        if self.low is None:
            return None
        return float(np.mean(self.more + self.errors > room)) if self.errors.size else float(self.more > room)


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The settled days without fees and spikes, the forecast from them, and it a day with the fees that are due.

    due  of `daily`, what is charged on single days month by month
    """

    plain: Floats
    found: Forecast
    daily: Floats
    due: Floats


def _ahead(series: _Series, settled: date, count: int) -> _Ahead | None:
    """`count` days ahead of `settled`; None with too little history."""
    start = series.first
    if start is None or start > settled:
        return None
    history = _amounts(series.level, start, settled) + _amounts(series.missing, start, settled)
    known = fees(start, history)
    plain, newest = without_spikes(without_fees(start, history, known))
    found = forecast(plain, count)
    if found is None:
        return None
    if newest:  # it may go on, or not: one is as likely as the other
        found = replace(found, errors=np.concatenate([found.errors, found.errors + newest * count]))
    due = sum((fees_ahead(settled, count, _repeated(days, start, settled)) for days in series.once.values()), np.zeros(count))
    return _Ahead(plain, found, found.daily + fees_ahead(settled, count, known) + due, due)


def _repeated(days: dict[date, Decimal], start: date, settled: date) -> tuple[Fee, ...]:
    return repeated({day: float(amount) for day, amount in days.items()}, start, settled)


def _amounts(days: dict[date, Decimal], first: date, last: date) -> Floats:
    return np.array([float(days.get(first + timedelta(days=n), 0)) for n in range((last - first).days + 1)])


def _standing(series: _Series, settled: date, due: Floats) -> Floats:
    """The days after `settled` as they are billed so far; of what is charged on single days, what was due."""
    first, last = settled + timedelta(days=1), settled + timedelta(days=due.size)
    once = sum((_amounts(days, first, last) for days in series.once.values()), np.zeros(due.size))
    return _amounts(series.level, first, last) + np.clip(once, np.minimum(due, 0), np.maximum(due, 0))


def _outlook(days: _Days, as_of: date, end: date) -> _Outlook | None:
    """From the days before the provisional ones: those may gain yet, and would pull the forecast down."""
    settled = as_of - timedelta(days=PROVISIONAL_DAYS)
    count = (end - settled).days
    ahead = _ahead(days.billed, settled, count)
    if ahead is None:
        return None
    found = ahead.found
    late = _late_by(days, as_of, settled, as_of) + _lacking(days, as_of.replace(day=1), as_of)
    rest = ahead.daily[PROVISIONAL_DAYS:]
    if not rest.size:
        return _Outlook(late, late, late if late == 0 else 0.0, late, np.zeros(0))
    shrink = float(np.sqrt(rest.size / count))
    low, high = (found.interval() or (None, None)) if found.errors.size >= 10 else (None, None)
    more = late + float(rest.sum())
    if low is None or high is None:
        return _Outlook(late, more, None, None, found.errors * shrink)
    below, above = (low - found.total) * shrink, (high - found.total) * shrink
    return _Outlook(late, more, more + below, more + above, found.errors * shrink)


def _late(history: Floats, standing: Floats, expected: Floats) -> float:
    """What provisional days lack: up to the forecast, where they are lower together than nine in ten such days were."""
    found = forecast(history, standing.size)
    usual = found.interval(0.8) if found else None
    if usual is None or standing.sum() >= usual[0]:
        return 0.0
    return max(0.0, float(expected.sum() - standing.sum()))


def _plus(actual: Decimal, more: float | None) -> Decimal | None:
    return None if more is None else cents(actual + Decimal(repr(more)))
