"""Packing: functions by measured durations, pools by whole nodes, small endpoints onto shared machines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finops.pricing import Price, number
from finops.profile import NEGATIONS, STALE_DAYS, Profile
from finops.sizing.capacity import Size

SLOWER = 1.1
"""A smaller function may take at most this many times as long: nobody has said that callers would wait."""

SHARED_LOAD = 0.7
"""Share of an accelerator's or processor's time that models that share it may take together: above it they queue."""

LEAST_MACHINES = 2
"""A shared endpoint fails for all its models at once: never on one machine."""


def cheapest_memory(durations: Mapping[float, float], current: float, least: float) -> float:
    """The memory size of a function, MB, whose memory × duration is least, of those measured and at least `least`.

    `durations` are mean milliseconds by memory size, the current one among them. Processor share grows with memory, so that
    below the knee a smaller function takes longer and may cost more.
    """
    allowed = {mb: ms for mb, ms in durations.items() if mb >= least and ms <= durations[current] * SLOWER}
    return min(allowed | {current: durations[current]}, key=lambda mb: (mb * durations[mb], mb))


@dataclass(frozen=True, slots=True)
class Pods:
    """CPU of one namespace: requested, and the highest use that must fit."""

    namespace: str
    requested: float
    used: float

    def fitted(self, margin: float) -> float:
        """What it should request, cores: its use with margin, never more than now."""
        return min(self.requested, self.used * (1 + margin))


def nodes_for(cores: float, cores_a_node: float, memory_nodes: float, allocatable: float) -> int:
    """Whole nodes that hold the requested cores, and what is used of memory in nodes; pods get `allocatable`."""
    return max(1, math.ceil(cores / (cores_a_node * allocatable) - 1e-9), math.ceil(memory_nodes / allocatable - 1e-9))


@dataclass(frozen=True, slots=True)
class Member:
    """One endpoint of a group: what its model holds and does. GPU and CPU use in devices and cores, memories in GiB.

    bandwidth  of its accelerator's memory, in devices; 0 where it is not measured
    """

    resource: str
    gpu_memory: float
    gpus: float
    memory: float
    cores: float
    per_second: float
    bandwidth: float = 0.0


def shared_machines(members: Sequence[Member], machine: Price) -> int | None:
    """How many such machines hold all members at once, at least two; None where the list does not say its size.

    Sums of what is held: a multi-model server evicts what does not fit and loads it again, so that a peak costs a cold load.
    """
    vcpu, memory = machine.spec("vcpu"), machine.spec("memory_gib")
    count, device = machine.spec("gpu_count"), machine.spec("gpu_memory_gib")
    if not vcpu or not memory or not count or not device:
        return None
    shares = (
        sum(m.gpu_memory for m in members) / (count * device),
        sum(m.memory for m in members) / memory,
        sum(m.gpus for m in members) / (count * SHARED_LOAD),
        sum(m.bandwidth for m in members) / (count * SHARED_LOAD),
        sum(m.cores for m in members) / (vcpu * SHARED_LOAD),
    )
    return max(LEAST_MACHINES, *(math.ceil(share - 1e-9) for share in shares))


def durations_by_memory(profile: Profile, current: float) -> dict[float, float]:
    """Mean milliseconds by memory size in MB. What names no size is of the current one, unless that is measured by itself:
    then it is a mean over all sizes."""
    sums: dict[float | None, list[float]] = {}
    for series in profile.of("latency_ms", "avg"):
        sums.setdefault(number(series.dimensions.get("memory_mb")), []).extend(day.mean for day in series.days)
    unnamed = sums.pop(None, [])
    sums.setdefault(current, unnamed)
    return {size: sum(means) / len(means) for size, means in sums.items() if size is not None} if sums[current] else {}


def least_nodes(profile: Profile, nodes: float) -> int:
    """The nodes that a pool keeps whatever its pods need: one a zone, and a least number that leaves room or is declared `ha`.

    A least number that holds every node there is (a pool of fixed size) is what the advice changes.
    """
    least = int(profile.property("min_nodes") or 1)
    declared = str(profile.properties.get("ha") or "").lower() not in NEGATIONS
    return max(least if declared or least < nodes else 1, int(profile.property("zones") or 1))


def pods_of(profile: Profile) -> list[Pods]:
    """By namespace; what is requested without measured use is needed as it is."""
    asked: dict[str, float] = {}
    used: dict[str, float] = {}
    for metric, into in (("cpu_requested_cores", asked), ("cpu_used_cores", used)):
        for series in profile.of(metric, "max", "p99", "avg"):
            name = str(series.dimensions.get("namespace") or "all")
            into[name] = max(into.get(name, 0.0), series.quantile(0.99))
    return [Pods(name, cores, used.get(name, cores)) for name, cores in sorted(asked.items())]


def member_of(peer: Mapping[str, Any], size: Size) -> Member | None:
    """One of `peers`, whose percentages are of its machine; None where a metric is missing."""
    device = size.gpu_memory_gib or 0.0
    held = peer["gpu_memory_gib"] if peer["gpu_memory_gib"] is not None else _percent(peer["gpu_memory"], device)
    known = (held, peer["sm"], peer["memory"], peer["cpu"])
    if any(value is None for value in known):
        return None
    memory, cores = peer["memory"] / 100 * size.memory_gib, peer["cpu"] / 100 * size.vcpu
    bandwidth = (peer["dram"] or 0.0) / 100
    return Member(peer["resource"], float(held or 0.0), peer["sm"] / 100, memory, cores, peer["per_second"], bandwidth)


def _percent(share: float | None, whole: float) -> float | None:
    return None if share is None else share / 100 * whole


CANDIDATES = """
with profiles as (
    select * from resource_profile($as_of) where resource_type is not null or instance_type is not null
),
seen as (
    select
        resource_id,
        currency,
        entry.metric as metric,
        max(list_max(list_transform(entry.days, lambda day: day.highest))) as highest,
        max(list_max(list_transform(entry.days, lambda day: day.rate))) as rate
    from profiles, unnest(metrics) as entries (entry)
    where
        lower(resource_type) in ({listed})
        and coalesce(list_max(list_transform(entry.days, lambda day: day.day)) >= last_billed - {stale_days}, true)
        and lower(coalesce(billed_as, resource_id)) not in (select key from resource_end($as_of))
    group by all
),
small as (
    select
        resource_id,
        currency,
        max(rate) filter (where metric = 'requests') as per_second,
        max(highest) filter (where metric = 'gpu_memory_used_gib') as gpu_memory_gib,
        max(highest) filter (where metric = 'gpu_memory_utilization') as gpu_memory,
        max(highest) filter (where metric = 'gpu_sm_active') as sm,
        max(highest) filter (where metric = 'gpu_dram_active') as dram,
        max(highest) filter (where metric = 'memory_utilization') as memory,
        max(highest) filter (where metric = 'cpu_utilization') as cpu
    from seen
    group by resource_id, currency
    having per_second <= {rate}
),
members as (
    select lower(attached_to) as key, list(resource_id order by resource_id) as members
    from profiles
    where attached_to != ''
    group by lower(attached_to)
),
peers as (
    select
        resource_id,
        currency,
        list(small_ones) over (
            partition by provider, account_id, region, resource_type, sku, currency,
            json_extract_string(properties, '$.framework'), json_extract_string(properties, '$.vpc')
        ) as peers
    from (
        select
            profiles.*,
            {{
                resource: resource_id, cost: cost, per_second: per_second, gpu_memory_gib: gpu_memory_gib,
                gpu_memory: gpu_memory, sm: sm, dram: dram, memory: memory, cpu: cpu
            }} as small_ones
        from profiles inner join small using (resource_id, currency)
        where
            json_extract_string(properties, '$.framework') is not null
            and coalesce(json_extract_string(properties, '$.instance_count'), '1') = '1'
    )
)
select profiles.*, peers.peers, members.members
from profiles
left join peers using (resource_id, currency)
left join members on lower(profiles.resource_type) in ({groups}) and lower(profiles.resource_id) = members.key
order by profiles.provider, profiles.account_id, profiles.resource_id
"""


def candidates_with_peers(listed: str, rate: float, groups: str) -> str:
    """Every profile; beside one of the types `listed` (`finops.kinds.listed`) with at most `rate` requests a second, its like
    that could share, and beside a group, its machines."""
    return CANDIDATES.format(listed=listed, rate=rate, groups=groups, stale_days=STALE_DAYS)
