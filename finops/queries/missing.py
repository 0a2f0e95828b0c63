"""Days that the bill lacks of an account: it was used on every day before, and nothing says that it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Literal

from finops.queries.reads import Reads
from finops.window import PROVISIONAL_DAYS

STEADY_DAYS = 14
"""Days in a row with usage, before which nothing can be missed."""

UNCLEAR_DAYS = 14
"""After so many days without usage an account of which nobody says that it runs has ended, or is missing."""

TOLD_DAYS = 60
"""What is longer ago is not told."""

NAMED = 3

MISSING = f"""
    with used as (
        select
            lower(coalesce(provider, '')) as provider,
            coalesce(account_id, billing_account_id, '') as account,
            charge_date as day,
            max(x_source) as source
        from resource_daily
        where
            charge_category = 'Usage' and coalesce(charge_class, '') = ''
            and charge_date > $as_of::date - {TOLD_DAYS + STEADY_DAYS} and charge_date <= $as_of::date
        group by all
    ),
    steps as (
        select
            *,
            lead(day) over days as after,
            case when day - lag(day) over days > 1 then day else min(day) over (partition by provider, account) end as begun
        from used
        window days as (partition by provider, account order by day)
    ),
    streaks as (
        select
            *,
            day - max(begun) over (partition by provider, account order by day) + 1 as streak
        from steps
    ),
    ends as (select source, max(day) as last_day, count(distinct account) as accounts from used group by source),
    silences as (
        select
            streaks.provider,
            streaks.account,
            streaks.source,
            ends.accounts,
            streaks.day + 1 as first,
            coalesce(streaks.after, ends.last_day + 1) - 1 as last,
            streaks.after is null as is_end
        from streaks
        inner join ends on streaks.source = ends.source
        where
            streaks.streak >= {STEADY_DAYS}
            and case
                when streaks.after is null
                    then ends.last_day - streaks.day between {PROVISIONAL_DAYS + 1} and {TOLD_DAYS}
                else
                    streaks.after - streaks.day between 2 and streaks.streak + 1
                    and streaks.after <= $as_of::date - {PROVISIONAL_DAYS - 1}
            end
    ),
    listed as (
        select
            lower(account_id) as account,
            x_source,
            arg_max(lower(coalesce(state, '')), observed_at) as state,
            cast(max(observed_at) as date) as seen_on
        from resources
        where observed_at < $as_of::date + 4 -- known when the bill up to `as_of` is
        group by lower(account_id), x_source, lower(resource_id)
    ),
    listings as (select x_source, max(seen_on) as listed_on from listed group by x_source),
    lists as (
        -- what the newest listing after the account's last day says of it
        select
            silences.provider,
            silences.account,
            bool_or(
                listed.seen_on >= silences.first
                and listed.state not in (
                    'stopped', 'stopping', 'terminated', 'terminating', 'deallocated', 'deleted', 'deleting',
                    'completed', 'failed'
                )
            ) as runs,
            max(listings.listed_on) >= silences.first as is_listed
        from silences
        inner join listed on lower(silences.account) = listed.account
        inner join listings on listed.x_source = listings.x_source
        where silences.is_end
        group by silences.provider, silences.account, silences.first
    )
    select
        silences.source,
        silences.account,
        silences.accounts,
        silences.first,
        silences.last,
        case
            when not silences.is_end then 'gap'
            when coalesce(lists.runs, false) or silences.last - silences.first < {UNCLEAR_DAYS} then 'end'
            else 'unclear'
        end as kind
    from silences
    left join lists on silences.provider = lists.provider and silences.account = lists.account
    where not (silences.is_end and coalesce(lists.is_listed and not lists.runs, false))
    order by silences.source, silences.first, silences.last, kind, silences.account
"""
"""Accounts with usage on each day of two weeks and none on the days after, which are final: days between others, or the end of
an account while others of its source go on for longer than lines are late. One has ended whose resources are all stopped or
gone."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An account's days without a line of usage.

    accounts  how many its source has
    kind      `gap` between other days; `end` of what nobody says has ended; `unclear` after two weeks
    """

    source: str
    account: str
    accounts: int
    first: date
    last: date
    kind: Literal["gap", "end", "unclear"]


def missing(reads: Reads, as_of: date) -> list[Missing]:
    """By source and day."""
    return [Missing(**row) for row in reads.rows(MISSING, {"as_of": as_of})]


def missing_notes(found: Iterable[Missing], sources: Sequence[str] = ()) -> list[str]:
    """A sentence for the same days of a source; `sources` empty: of all."""
    mine = [each for each in found if not sources or each.source in sources]
    return [_note(list(same)) for _, same in groupby(mine, key=lambda each: (each.source, each.first, each.last, each.kind))]


def _note(same: Sequence[Missing]) -> str:
    one = same[0]
    names = ", ".join(each.account for each in same[:NAMED]) + (f" and {len(same) - NAMED} more" if len(same) > NAMED else "")
    who = "any account" if len(same) == one.accounts > 1 else names
    if one.kind == "gap":
        days = f"on {one.first}" if one.first == one.last else f"from {one.first} to {one.last}"
        return f"{one.source}: no usage of {who} {days}, with usage on every day around: days of the bill are missing"
    if one.kind == "end":
        return f"{one.source}: no usage of {who} since {one.first}, with others' up to {one.last}: days of the bill are missing"
    return f"{one.source}: {who} ended or is missing since {one.first}"
