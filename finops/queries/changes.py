"""Why spend changed between two periods: usage, mix, price, exchange rate, fees and tax, which sum to the change exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from finops.queries.costs import METRIC_COLUMNS, CostQuery, column_name, condition_test, expression, in_daily
from finops.queries.month_end import outstanding
from finops.queries.reads import Reads

ZERO = Decimal(0)
PLACES = Decimal("0.000000000001")


Kind: TypeAlias = Literal["used", "fees", "tax"]


@dataclass(frozen=True, slots=True)
class Item:
    """One price of one thing in both periods: quantity, cost in the billing currency and in the currency it is priced in."""

    unit: str
    quantity: tuple[Decimal, Decimal]
    cost: tuple[Decimal, Decimal]
    priced: tuple[Decimal, Decimal]
    kind: Kind = "used"


@dataclass(frozen=True, slots=True)
class Change:
    """One group: before + usage + mix + price + exchange + fees + tax = after, exactly.

    usage     more or less of the same, at the average price before; things that began or ended
    mix       dearer or cheaper things of the same unit, at their prices before
    price     other prices for the same things, in the currency that they are priced in
    exchange  the same amounts at another rate
    fees      purchases, and what is charged for more days than are compared: all of it is on its first day
    tax       on whatever days the provider puts it
    """

    keys: tuple[object, ...]
    currency: str
    before: Decimal
    after: Decimal
    usage: Decimal
    mix: Decimal
    price: Decimal
    exchange: Decimal
    fees: Decimal = ZERO
    tax: Decimal = ZERO

    @property
    def change(self) -> Decimal:
        return self.after - self.before


def first_of_days(last: date, count: int) -> date:
    """The first of so many days that end with `last`."""
    return last - timedelta(days=count - 1)


def days_of(month: str, as_of: date | None) -> tuple[date, date]:
    """The first and the last day of a month like 2026-10, the latter no later than `as_of`."""
    first = date.fromisoformat(f"{month}-01")
    end = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first, min(end, as_of or end)


def previous(first: date, last: date) -> tuple[date, date]:
    """The period before: the calendar month before whole calendar months, else as many days."""
    if first.day == 1 and (last + timedelta(days=1)).day == 1:
        months = (last.year - first.year) * 12 + last.month - first.month + 1
        start = first.year * 12 + first.month - 1 - months
        return date(start // 12, start % 12 + 1, 1), first - timedelta(days=1)
    return first - (last - first) - timedelta(days=1), first - timedelta(days=1)


NOT_BILLED = "(not billed yet)"
"""What the last days' lines that are still late are expected to come to."""


def pending(reads: Reads, as_of: date, query: CostQuery) -> list[Change]:
    """One row a currency for what provisional days of the period are expected to gain yet: beside the groups, so that a month
    that is not over is no drop. Its first key is `NOT_BILLED`. None where a condition is on what daily spend does not keep, or
    all is one group. Raises as `changes` does."""
    if query.first is None or query.last is None:
        raise ValueError("a comparison needs its first and last day")
    names = [column_name(condition.column) for condition in query.where]
    if not query.by or not all(in_daily(name) or name.startswith("tag:") for name in names):
        return []
    late = outstanding(reads, as_of, query.first, query.last, metric=query.metric, where=query.where)
    keys = (NOT_BILLED, *(None for _ in query.by[1:]))
    return [Change(keys, currency, ZERO, sum_, sum_, ZERO, ZERO, ZERO) for currency, sum_ in late.items()]


def changes(reads: Reads, query: CostQuery) -> list[Change]:
    """The change of each group from the period before `query.first` … `query.last` to that period, largest first.

    Raises ConfigError for an unknown column; ValueError where the query has no first or last day.
    """
    if query.first is None or query.last is None:
        raise ValueError("a comparison needs its first and last day")
    before = previous(query.first, query.last)
    groups: dict[tuple[tuple[object, ...], str], list[Item]] = {}
    for row in reads.rows(*_items(query, before, daily=_is_in_daily(reads, query, before))):
        keys = tuple(row[f"k{i}"] for i in range(len(query.by)))
        groups.setdefault((keys, row["currency"]), []).append(_item(row))
    found = [explain(keys, currency, items) for (keys, currency), items in groups.items()]
    return sorted(found, key=lambda c: (c.currency, -abs(c.change), str(c.keys)))


KIND = """
    case when {category} = 'Tax' then 'tax' when {category} = 'Purchase' or {longer} then 'fees' else 'used' end
"""


def _longer(first: date, last: date) -> str:
    """SQL of whether a charge is for more days than these. One month is up to three days longer than another."""
    days = (last - first).days + 1
    return f"coalesce(ChargePeriodEnd > ChargePeriodStart + to_days({days + 3 if days >= SHORTEST_MONTH else days}), false)"


SHORTEST_MONTH = 28


def _is_in_daily(reads: Reads, query: CostQuery, before: tuple[date, date]) -> bool:
    """Whether the daily mart tells the same: its grain keeps every price apart, but not the currency that it is priced in,
    nor for how long usage is charged."""
    names = [column_name(name) for name in (*query.by, *(condition.column for condition in query.where))]
    if not all(in_daily(name) for name in names):
        return False
    priced = "select 1 from charges where PricingCurrency is distinct from BillingCurrency and PricingCurrency is not null"
    if reads.rows(f"{priced} limit 1"):
        return False
    days = {"from": before[0], "last": query.last}
    dated = f"select 1 from charges where {expression('day', False)} between $from and $last"
    return not reads.rows(f"{dated} and ChargeCategory not in ('Tax', 'Purchase') and {_longer(*before)} limit 1", days)


OF_DAILY = {"SkuPriceId": "sku_price_id", "PricingUnit": "pricing_unit", "PricingQuantity": "pricing_quantity"}
"""Columns of the daily mart that nobody asks for by name, beside `DAILY_COLUMNS`."""


PRICED = """
    -- effective cost in the pricing currency is what the exchange rate can be told from
    case
        when PricingCurrency is null or PricingCurrency = BillingCurrency or coalesce(EffectiveCost, 0) = 0
            then coalesce({cost}, 0)
        -- a quotient is a floating number, whose sum depends on the order of lines
        else coalesce(cast({cost} * PricingCurrencyEffectiveCost / EffectiveCost as decimal(38, 12)), {cost}, 0)
    end
"""


def _items(query: CostQuery, before: tuple[date, date], *, daily: bool) -> tuple[str, Mapping[str, object]]:
    params: dict[str, object] = {"first": query.first, "last": query.last, "from": before[0]}
    day, cost = expression("day", daily), expression(METRIC_COLUMNS[query.metric], daily)
    tests = [f"{day} between $from and $last"]
    tests += [condition_test(condition, daily, params) for condition in query.where]
    keys = ", ".join(f"{expression(column_name(name), daily)} as k{i}" for i, name in enumerate(query.by))
    period = f"case when {day} >= $first then 1 else 0 end"
    named = {name: column if daily else name for name, column in OF_DAILY.items()}
    item = ("RegionId", "SkuId", "SkuPriceId", "SkuMeter", "PricingCategory", "ChargeCategory")
    items = ", ".join(named.get(name) or expression(name, daily) for name in item)
    kind = KIND.format(category=expression("ChargeCategory", daily), longer="false" if daily else _longer(*before))
    priced = f"coalesce({cost}, 0)" if daily else PRICED.format(cost=cost)
    sums = ", ".join(
        f"sum({what}) filter (where period = {number})::decimal(38, 12) as {name}{number}"
        for number in (0, 1)
        for name, what in (("quantity", "quantity"), ("cost", "cost"), ("priced", "priced"))
    )
    by = "".join(f"k{i}, " for i in range(len(query.by)))
    return (
        f"""
        with lines as (
            select
                {keys + "," if keys else ""}
                {period} as period,
                {"currency" if daily else "BillingCurrency"} as currency,
                coalesce({named["PricingUnit"]}, '') as unit,
                concat_ws('/', {items}) as item,
                {kind} as kind,
                coalesce({named["PricingQuantity"]}, 0) as quantity,
                coalesce({cost}, 0) as cost,
                {priced} as priced
            from {"resource_daily" if daily else "charges"}
            where {" and ".join(tests)}
        )
        select {by} currency, unit, item, kind, {sums} from lines group by {by} currency, unit, item, kind
        """,
        params,
    )


def _item(row: Mapping[str, Any]) -> Item:
    pairs = {name: (row[f"{name}0"] or ZERO, row[f"{name}1"] or ZERO) for name in ("quantity", "cost", "priced")}
    return Item(row["unit"], **pairs, kind=row["kind"])


def explain(keys: tuple[object, ...], currency: str, items: Sequence[Item]) -> Change:
    """Split one group's change. What a rounding leaves is in `mix`, so that the parts sum exactly."""
    before = sum((item.cost[0] for item in items), ZERO)
    after = sum((item.cost[1] for item in items), ZERO)
    price = exchange = usage = ZERO
    used = [item for item in items if item.kind == "used"]
    for item in used:
        mine = _price_and_exchange(item)
        price, exchange = price + mine[0], exchange + mine[1]
    for unit in dict.fromkeys(item.unit for item in used):
        usage += _usage([item for item in used if item.unit == unit])
    fees, tax = (sum((i.cost[1] - i.cost[0] for i in items if i.kind == kind), ZERO) for kind in ("fees", "tax"))
    mix = after - before - usage - price - exchange - fees - tax
    return Change(keys, currency, before, after, usage, mix, price, exchange, fees, tax)


def _price_and_exchange(item: Item) -> tuple[Decimal, Decimal]:
    """What this item's price and exchange rate changed; nothing where it is in one period only, or has no quantity."""
    (q0, q1), (c0, c1), (p0, p1) = item.quantity, item.cost, item.priced
    if not (q0 > 0 and q1 > 0 and c0 and c1 and p0 and p1):
        return ZERO, ZERO
    rate = c0 / p0
    price = ((p1 - p0 * q1 / q0) * rate).quantize(PLACES)
    return price, (c1 - p1 * rate).quantize(PLACES)


def _usage(items: Sequence[Item]) -> Decimal:
    """More or less of one unit at its average price before; all of it where there is no such price."""
    q0 = sum((item.quantity[0] for item in items), ZERO)
    q1 = sum((item.quantity[1] for item in items), ZERO)
    c0 = sum((item.cost[0] for item in items), ZERO)
    c1 = sum((item.cost[1] for item in items), ZERO)
    if q0 <= 0 or q1 <= 0 or not items[0].unit:
        other = sum((sum(_price_and_exchange(item), ZERO) for item in items), ZERO)
        return c1 - c0 - other
    return ((q1 - q0) * c0 / q0).quantize(PLACES)
