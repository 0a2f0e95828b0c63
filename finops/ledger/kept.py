"""How the ledger is kept: three tables of the warehouse, read as typed entries and written as records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from finops.bill.lines import keys_of
from finops.ledger.bill import BASELINE_DAYS, Usage
from finops.ledger.entries import Decision, Entry, History, PlanRun, effect_document, effect_of
from finops.ledger.purchases import Bought
from finops.ledger.realised import Covered, Renewed
from finops.queries.reads import Reads

SOURCE = "finops"
"""`x_source` of what the tool itself records."""

ZERO = Decimal(0)


def history(reads: Reads, day: date) -> History:
    """What was recorded up to that day."""
    asked = {"day": day}
    runs = reads.rows("select as_of, currency, rules, failed from plan_runs where as_of <= $day order by all", asked)
    entries = reads.rows("select * from plan_findings where as_of <= $day order by as_of, finding_id", asked)
    said = reads.rows("select * from decisions where as_of <= $day order by decided_at, finding_id", asked)
    return History(
        day,
        [PlanRun(row["as_of"], row["currency"], row["rules"], tuple(json.loads(row["failed"] or "[]"))) for row in runs],
        [entry_of_row(row) for row in entries],
        [_decision(row) for row in said],
    )


def last_recorded(reads: Reads) -> date | None:
    """The day of the newest recorded plan."""
    found: date | None = reads.rows("select max(as_of) as day from plan_runs")[0]["day"]
    return found


def entry_of_row(row: Mapping[str, Any]) -> Entry:
    names = Entry.__slots__
    values = {name: row[name] for name in names if name != "effect"}
    values |= {name: values[name] or "" for name in names if values.get(name, "") is None and name != "applied_on"}
    return Entry(**values, effect=effect_of(json.loads(row["effect"])))


def record_of_entry(entry: Entry) -> dict[str, object]:
    """A row of `plan_findings`."""
    record: dict[str, object] = {name: getattr(entry, name) for name in Entry.__slots__}
    return record | {"effect": json.dumps(effect_document(entry.effect), sort_keys=True)}


def _decision(row: Mapping[str, Any]) -> Decision:
    return Decision(
        row["finding_id"], row["as_of"], row["decided_at"], row["verb"], row["decided_by"] or "", row["why"] or "", row["until"]
    )


def usage(reads: Reads, entries: Sequence[Entry], first: date, last: date) -> dict[str, list[Usage]]:
    """What the resources of these findings used and cost each day, by bill key and currency of the finding."""
    keys = sorted({key for entry in entries for key in keys_of(entry.billed_as) if key})
    if not keys:
        return {}
    rows = reads.rows(
        """
        select
            lower(resource_id) as key,
            charge_date as day,
            coalesce(sku_meter, sku_id, '') as meter,
            coalesce(pricing_unit, '') as unit,
            coalesce(instance_type, '') as instance_type,
            coalesce(pricing_category, '') as pricing,
            lower(coalesce(commitment_id, '')) as commitment,
            sum(coalesce(pricing_quantity, 0))::decimal(38, 12) as quantity,
            sum(coalesce(effective_cost, 0) - coalesce(promotional_credit, 0))::decimal(38, 12) as cost,
            sum(coalesce(billed_cost, 0) - coalesce(promotional_credit, 0))::decimal(38, 12) as billed,
            sum(coalesce(contracted_cost, list_cost, effective_cost, 0))::decimal(38, 12) as on_demand
        from resource_daily
        where
            charge_category = 'Usage' and coalesce(charge_class, '') = ''
            and charge_date between $first and $last and list_contains($keys, lower(resource_id))
        group by all order by all
        """,
        {"keys": keys, "first": first, "last": last},
    )
    found: dict[str, list[Usage]] = {}
    for row in rows:
        found.setdefault(row["key"], []).append(Usage(**row))
    return found


def unused(reads: Reads, first: date, last: date) -> dict[str, dict[date, Decimal]]:
    """What each commitment cost on each day without covering anything."""
    rows = reads.rows(
        """
        select lower(commitment_id) as commitment, charge_date as day, sum(effective_cost)::decimal(38, 12) as cost
        from resource_daily
        where commitment_status = 'Unused' and commitment_id is not null and charge_date between $first and $last
        group by all order by all
        """,
        {"first": first, "last": last},
    )
    found: dict[str, dict[date, Decimal]] = {}
    for row in rows:
        found.setdefault(row["commitment"], {})[row["day"]] = row["cost"] or ZERO
    return found


def bought(reads: Reads, after: date, day: date) -> list[Bought]:
    """Commitments that began after a day, oldest first. Where their provider has an inventory, one that is not in it yet is
    left out: the next inventory tells what was bought, within the days that the ledger waits for it; till then nobody knows."""
    rows = reads.rows(
        """
        with listed as (
            select
                lower(commitment_id) as commitment, any_value(provider) as provider,
                any_value(instrument) as instrument, min(cast(term_start as date)) as since
            from commitments where observed_at < $day::date + 1 group by all
        ),
        billed as (
            select lower(commitment_id) as commitment, any_value(provider) as provider, min(charge_date) as since,
                list(distinct billing_account_id) filter (where billing_account_id is not null) as payers
            from resource_daily where commitment_id is not null and charge_date <= $day group by all
        )
        select
            commitment,
            coalesce(listed.provider, billed.provider) as provider,
            coalesce(listed.instrument, '') as instrument,
            coalesce(listed.since, billed.since) as since,
            billed.payers
        from listed full join billed using (commitment)
        where
            coalesce(listed.since, billed.since) > $after and coalesce(listed.since, billed.since) <= $day
            and (listed.commitment is not null or billed.provider not in (select provider from listed))
        order by since, commitment
        """,
        {"after": after, "day": day},
    )
    return [Bought(**row | {"payers": frozenset(row["payers"] or ())}) for row in rows]


def covered(reads: Reads, commitments: Sequence[str], first: date, last: date) -> dict[str, list[Covered]]:
    """Each commitment on the bill of each day."""
    rows = reads.rows(
        """
        select
            lower(commitment_id) as commitment,
            charge_date as day,
            sum(
                case
                    when charge_category = 'Usage' and coalesce(commitment_status, '') != 'Unused'
                        then coalesce(contracted_cost, list_cost, 0)
                    else 0
                end
            )::decimal(38, 12) as on_demand,
            sum(coalesce(effective_cost, 0))::decimal(38, 12) as effective,
            sum(coalesce(billed_cost, 0))::decimal(38, 12) as billed,
            sum(if(charge_category = 'Purchase', coalesce(billed_cost, 0), 0))::decimal(38, 12) as purchased
        from resource_daily
        where list_contains($commitments, lower(commitment_id)) and charge_date between $first and $last
        group by all order by all
        """,
        {"commitments": list(commitments), "first": first, "last": last},
    )
    found: dict[str, list[Covered]] = {}
    for row in rows:
        found.setdefault(row["commitment"], []).append(Covered(**row))
    return found


RENEWED = """
    with bought as (select unnest($commitments) as commitment, unnest($since::date[]) as since),
    lines as (
        select
            lower(commitment_id) as covered_by, lower(resource_id) as key, coalesce(pricing_unit, '') as unit, charge_date,
            effective_cost as cost, coalesce(contracted_cost, list_cost, 0) as on_demand
        from resource_daily
        where
            charge_category = 'Usage' and coalesce(commitment_status, '') != 'Unused'
            and resource_id is not null and commitment_id is not null
    ),
    ends as (select covered_by, max(charge_date) as last_day from lines group by all),
    covers as (
        select distinct commitment, since, key, unit
        from lines inner join bought on covered_by = commitment
        where charge_date >= since
    ),
    earlier as (
        select commitment, charge_date, on_demand, cost, last_day <= since as is_over
        from covers inner join lines using (key, unit) inner join ends using (covered_by)
        where charge_date >= since - $days and charge_date < since
    )
    select
        commitment,
        (sum(on_demand) filter (where is_over) / count(distinct charge_date))::decimal(38, 12) as on_demand,
        (sum(cost) filter (where is_over) / count(distinct charge_date))::decimal(38, 12) as cost
    from earlier group by all having sum(on_demand) filter (where is_over) > 0
"""


def renewals(reads: Reads, purchases: Sequence[Entry]) -> dict[str, Renewed]:
    """What each commitment bought took over from commitments that ended by its first day: what those covered of the same
    resources and units, a day of the 30 before. None is listed where there were none."""
    bought = {entry.commitment: entry.applied_on for entry in purchases if entry.applied_on is not None}
    if not bought:
        return {}
    asked = {"commitments": list(bought), "since": list(bought.values()), "days": BASELINE_DAYS}
    return {row["commitment"]: Renewed(row["on_demand"], row["cost"]) for row in reads.rows(RENEWED, asked)}


def window(entries: Sequence[Entry], until: date) -> tuple[date, date]:
    """The days of bill that measuring these entries needs."""
    first = min((entry.applied_on or entry.as_of for entry in entries), default=until)
    return first - timedelta(days=BASELINE_DAYS), until
