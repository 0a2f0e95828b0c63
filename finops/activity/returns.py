"""Returns: what an account runs now and then, and whether it will want a disk that belongs to nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

SLACK = timedelta(days=3)
"""Between what a bill and what an inventory call the day on which something ended."""

LATE = 1.1
"""A job is overdue a tenth after its longest pause."""

BURST_DAYS = 21
"""Days of use closer than that are one burst."""

DISKS = "regexp_matches(lower(profiles.resource_type), '(volume|disk|disks|snapshot|snapshots)$')"
"""Of `profiles`: what may belong to a machine that is not there."""

RECURRING_MACHINES = """running as (

    select
        provider,
        account_id,
        instance_type as machine,
        list(distinct key order by key) as resources,
        list(distinct charge_date order by charge_date) as days
    from usage
    where instance_type is not null
    group by provider, account_id, instance_type
    having count(distinct charge_date) <= 0.5 * (max(charge_date) - min(charge_date))

),

job_days as (

    select
        usage.provider,
        usage.account_id,
        usage.instance_type as machine,
        usage.tags_id,
        list(distinct usage.charge_date order by usage.charge_date) as days
    from usage
    inner join running
        on
            usage.provider = running.provider
            and usage.account_id = running.account_id
            and usage.instance_type = running.machine
    group by usage.provider, usage.account_id, usage.instance_type, usage.tags_id

),

jobs as (

    select
        provider,
        account_id,
        machine,
        list({tags: tags_id, days: days} order by tags_id) as jobs
    from job_days
    group by provider, account_id, machine

),

recurring_machines as (

    select
        running.provider,
        running.account_id,
        list(
            {machine: running.machine, resources: running.resources, days: running.days, jobs: jobs.jobs}
            order by running.machine
        ) as recurring
    from running
    inner join jobs using (provider, account_id, machine)
    group by running.provider, running.account_id

),"""
"""By account, from `usage` (days on which a resource was used, by instance type and tags): what runs on few of its days."""

LAST_MACHINES = """last_machines as (

    select
        usage.provider,
        usage.account_id,
        regexp_replace(usage.key, '^.*/', '') as name,
        {
            machine: arg_max(usage.instance_type, usage.charge_date),
            tags: arg_max(coalesce(usage.tags_id, ''), usage.charge_date)
        } as last_machine
    from usage
    where
        usage.instance_type is not null
        and regexp_replace(usage.key, '^.*/', '') in (select last_attached from histories where last_attached is not null)
    group by usage.provider, usage.account_id, regexp_replace(usage.key, '^.*/', '')

)"""
"""What was attached to last, of `histories`, as the bill knows it."""

RECURRING_TAGS = """tag_texts as (

    select
        x_tags_id,
        any_value(Tags) as tags
    from tag_sets
    where json_type(Tags) = 'OBJECT'
    group by x_tags_id

),

machine_days as (

    select
        provider,
        account_id,
        key,
        tags_id,
        list(distinct charge_date) as days
    from usage
    where instance_type is not null
    group by provider, account_id, key, tags_id

),

machine_tags as (

    select
        machine_days.provider,
        machine_days.account_id,
        machine_days.days,
        tag_texts.tags
    from machine_days
    inner join tag_texts on machine_days.tags_id = tag_texts.x_tags_id
    union all
    select
        machine_days.provider,
        machine_days.account_id,
        machine_days.days,
        resources.tags
    from machine_days
    inner join resources on machine_days.key = lower(resources.resource_id)
    where json_type(resources.tags) = 'OBJECT' and resources.observed_at < $as_of::date + 4

),

disk_tags as (

    select
        provider,
        account_id,
        lower(resource_id) as key,
        tags
    from profiles
    where <disks> and coalesce(attached_to, '') = '' and json_type(tags) = 'OBJECT'
    union
    select
        profiles.provider,
        profiles.account_id,
        lower(profiles.resource_id) as key,
        tag_texts.tags
    from profiles
    inner join usage on lower(profiles.billed_as) = usage.key
    inner join tag_texts on usage.tags_id = tag_texts.x_tags_id
    where <disks> and coalesce(profiles.attached_to, '') = ''

),

disk_labels as (

    select distinct
        provider,
        account_id,
        key,
        unnest([tag.key || '=' || tag.value for tag in map_entries(cast(tags::json as map(varchar, varchar)))]) as label
    from disk_tags

),

machine_labels as (

    select
        provider,
        account_id,
        days,
        unnest([tag.key || '=' || tag.value for tag in map_entries(cast(tags::json as map(varchar, varchar)))]) as label
    from machine_tags

),

recurring_labels as (

    select
        provider,
        account_id,
        label,
        list_sort(list_distinct(flatten(list(days)))) as days
    from machine_labels
    where label in (select disk_labels.label from disk_labels)
    group by provider, account_id, label
    having len(days) <= 0.5 * (days[-1] - days[1])

),

recurring_tags as (

    select
        disk_labels.key,
        list(
            {machine: recurring_labels.label, resources: []::varchar [], days: recurring_labels.days}
            order by len(recurring_labels.days), recurring_labels.label
        ) as recurring_tags
    from disk_labels
    inner join recurring_labels using (provider, account_id, label)
    group by disk_labels.key

)""".replace("<disks>", DISKS)
"""By disk that is attached to nothing: its tags whose machines, all those of its account, run on few days; the fewest first."""

Burst = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Recurring:
    """A kind of machine that an account runs now and then: bursts, each of days close to one another.

    jobs  the same days by the set of tags that the bill shows, its id: two jobs may run on one kind
    """

    machine: str
    resources: tuple[str, ...]
    bursts: tuple[Burst, ...]
    jobs: tuple[tuple[str, tuple[date, ...]], ...] = ()

    @property
    def longest_pause(self) -> int:
        return max(((b[0] - a[1]).days - 1 for a, b in pairwise(self.bursts)), default=0)

    def due_within(self, as_of: date, slack: float = LATE) -> bool:
        """Whether it may still come back: not longer away than its longest pause and a tenth."""
        return self.may_last((as_of - self.bursts[-1][1]).days, slack)

    def may_last(self, days: int, slack: float = LATE) -> bool:
        """Whether a pause of so many days is none that it has never made."""
        return days <= self.longest_pause * slack


@dataclass(frozen=True, slots=True)
class Left:
    """A disk or snapshot that belongs to nothing now, and what is known of the machine that left it.

    words        its names and the values of its tags and properties
    attachments  what it was ever attached to; `machine` and `tags` (their id) are of the last, None and '' where no bill has it
    after        the day of the last inventory that saw it attached; None where none did
    since        the day of the first that did not
    last_use     the last day on which its own metrics showed use; None where it has none
    loose        the days on which an inventory saw it attached to nothing, `held` those on which one saw it attached
    """

    words: str
    attachments: Sequence[str]
    machine: str | None
    tags: str
    after: date | None
    since: date
    last_use: date | None = None
    loose: Sequence[date] = field(default=())
    held: Sequence[date] = field(default=())

    @property
    def longest_lain(self) -> int:
        """Days between two inventories that saw it attached, at most, with one between them that did not; 0 where it never
        came back."""
        pairs = pairwise(sorted(self.held))
        return max(((b - a).days for a, b in pairs if any(a < day < b for day in self.loose)), default=0)


def awaited(left: Left, recurring: Iterable[Recurring], tagged: Sequence[Recurring], as_of: date) -> str | None:
    """Why it is wanted again; None where nothing wants it. It came back itself before, or it bears a tag of what its account
    runs now and then, or it was left by a machine that its account runs now and then.

    Of the tags that it shares with such machines (`tagged`) the rarest says whose it is. As to `recurring`: it was attached to
    one of them, its own name or tags name the machine, or it was left at a burst's end, give or take three days. The machine
    must be of the kind to which it was attached last, where a bill knows that; the job must not have run since while an
    inventory saw the disk attached to nothing; and it must not have lain longer than the job ever paused.
    """
    back = left.longest_lain
    if back and (as_of - max(left.held)).days <= back * LATE:
        return f"watch: it was attached again after up to {back} days (inventory), and last was on {max(left.held)}"
    wanting = [job for job in tagged[:1] if job.due_within(as_of) and _last_ran_with(job.bursts[-1], left)]
    for machine in recurring:
        if not _left_by(machine, left) or not machine.due_within(as_of):
            continue
        lain = (as_of - left.since).days
        if left.after is None or (machine.may_last(lain) and not _ran_without(machine, left)):
            wanting.append(machine)
    for job in wanting:
        return (
            f"watch: {job.machine} comes back after up to {job.longest_pause} days (billing history), "
            f"and last ran on {job.bursts[-1][1]}"
        )
    return None


def _last_ran_with(burst: Burst, left: Left) -> bool:
    """Whether nothing shows that a job's last burst went without it: no use of its own since, or an inventory amid it."""
    unused = left.last_use is not None and left.last_use < burst[0]
    return not unused and not any(burst[0] < day < burst[1] for day in left.loose)


def _left_by(machine: Recurring, left: Left) -> bool:
    family = machine.machine.lower().split(".")[0]
    if len(family) > 2 and re.search(rf"\b{re.escape(family)}\b", left.words.lower()):
        return True
    if left.machine is not None and left.machine.lower() != machine.machine.lower():
        return False
    attached = any(name == part or part.endswith(f"/{name}") for name in left.attachments for part in machine.resources)
    return attached or any(_ended_with(left, burst) for burst in machine.bursts)


def _ended_with(left: Left, burst: Burst) -> bool:
    """Whether it was left between two inventories at the burst's end, and last used in the burst where its use is measured."""
    if left.after is None or not left.after - SLACK <= burst[1] <= left.since + SLACK:
        return False
    return left.last_use is None or burst[0] <= left.last_use <= burst[1] + SLACK


def _ran_without(machine: Recurring, left: Left) -> bool:
    """Whether machines with the tags of its last one ran on a day on which it was seen attached to nothing."""
    loose = {day for day in left.loose if day > left.since and left.machine is not None}
    return any(tags == left.tags and not loose.isdisjoint(days) for tags, days in machine.jobs)


def recurring_of_rows(rows: Iterable[Mapping[str, Any]]) -> list[Recurring]:
    """From `{machine, resources, days, jobs}`: days closer than three weeks are one burst; two bursts make it recurring."""
    found = []
    for row in rows:
        bursts: list[Burst] = []
        for day in sorted(row["days"]):
            if bursts and (day - bursts[-1][1]).days < BURST_DAYS:
                bursts[-1] = (bursts[-1][0], day)
            else:
                bursts.append((day, day))
        if len(bursts) > 1:
            jobs = tuple((job["tags"] or "", tuple(job["days"])) for job in row.get("jobs") or ())
            resources = tuple(str(r).lower() for r in row["resources"])
            found.append(Recurring(row["machine"], resources, tuple(bursts), jobs))
    return found
