"""What a machine must have: CPU at a risk, memory and accelerators as they were used, and which limits rule a target out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from finops.model import Fact, Unknown
from finops.pricing import Price, number
from finops.profile import Devices, Profile, Series, cpu_of, per_device
from finops.sizing.curve import load_curve, trend
from finops.sizing.estimate import Confidence, Floor, Margin, Need, NextStep, estimate, observed
from finops.sizing.slices import slice_for, together

BROUGHT_LICENCES = ("hybrid", "byol", "ahub", "bring")

HORIZON_DAYS = 30
"""How long a rising load is let rise: the next month, after which the recommender sees it again."""

IDLE_GPU = 5.0
"""Per cent of a device up to which it waits (DCGM's guidance for SM activity)."""

CONNECTION_MIB = 12.0
"""Memory that a connection of a database may take: RDS allows DBInstanceClassMemory / 12582880 of them (RDS user guide)."""

LIMITS = (
    ("network", ("network_in_bytes", "network_out_bytes"), "network_gbps", 125e6),
    ("disk operations", ("disk_read_ops", "disk_write_ops"), "max_iops", 1.0),
    ("disk throughput", ("disk_read_bytes", "disk_write_bytes"), "disk_mibps", 1024.0**2),
)
"""(what, metrics whose rates add up, the price list's name of the limit, its unit a second)."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a machine must have; `for_good`: vCPU that a burstable one must have without credits."""

    cpu: Need | None
    memory: Need
    gpus: Need | None = None
    gpu_memory: Need | None = None
    gpu_busy: float | None = None  # p99 of SM activity with margin, in devices; None where only `gpu_utilization` is known
    limits: tuple[tuple[str, float, str, float], ...] = ()
    for_good: float = 0.0

    @property
    def explanation(self) -> tuple[str, ...]:
        parts = (("CPU", self.cpu), ("memory", self.memory), ("GPUs", self.gpus), ("memory of each GPU", self.gpu_memory))
        return tuple(f"{name}: {need.explain()}" for name, need in parts if need is not None)


@dataclass(frozen=True, slots=True)
class Size:
    """What the present machine has."""

    vcpu: float
    memory_gib: float
    gpus: float
    gpu_memory_gib: float | None


def size_of(profile: Profile, price: Price) -> Size | Unknown:
    def have(name: str) -> float | None:
        own = profile.property(name)
        return own if own is not None else price.spec(name)

    vcpu, memory = have("vcpu"), have("memory_gib")
    if not vcpu or not memory:  # an exporter's 0 is not known either
        return Unknown(("properties vcpu and memory_gib",))
    return Size(vcpu, memory, have("gpu_count") or 0.0, have("gpu_memory_gib"))


def why_not(price: Price, current: Price, needs: Needs) -> str | None:
    """Why a machine does not fit, whatever its processor architecture; None where it does."""
    vcpu, memory = price.spec("vcpu"), price.spec("memory_gib")
    if vcpu is None or memory is None:
        return "its size is unknown"
    if needs.cpu is not None and vcpu < needs.cpu.amount:
        return f"{vcpu:g} vCPU are fewer than {needs.cpu.amount:.2f}"
    baseline = price.spec("baseline_cpu")
    if baseline is not None and vcpu * baseline / 100 < needs.for_good:
        return f"burstable: its baseline of {vcpu * baseline / 100:.2f} vCPU is below {needs.for_good:.2f} of the busiest day"
    if memory < needs.memory.amount:
        return f"{memory:g} GiB are less than {needs.memory.amount:.1f}"
    for what, used, spec, unit in needs.limits:
        limit = price.spec(spec)
        if limit is not None and limit * unit < used:
            return f"{what} of {used / unit:.3g} exceeds its {limit:g}"
    return _why_not_gpu(price, current, needs)


def _why_not_gpu(price: Price, current: Price, needs: Needs) -> str | None:
    if needs.gpus is None or needs.gpu_memory is None:
        return None if not number(price.specs.get("gpu_count")) else "it has accelerators that nothing uses"
    if price.specs.get("gpu_model") != current.specs.get("gpu_model"):
        return "another accelerator, whose speed for this model nobody has measured"
    if (price.spec("gpu_count") or 0.0) < needs.gpus.amount:
        return f"{price.spec('gpu_count') or 0:g} accelerators are fewer than {needs.gpus.amount:g}"
    own = price.spec("gpu_memory_gib")
    if own is not None and own < needs.gpu_memory.amount:
        return f"{own:g} GiB an accelerator are less than {needs.gpu_memory.amount:.1f}"
    return None


def binding(needs: Needs, size: Size) -> str:
    cpu = needs.cpu.amount / size.vcpu if needs.cpu is not None else 0.0
    memory = needs.memory.amount / size.memory_gib
    text = f"CPU needs {cpu:.0%} of it, memory {memory:.0%}"
    if needs.gpus is None or not size.gpus:
        return text
    share = needs.gpu_memory.amount / size.gpu_memory_gib if needs.gpu_memory is not None and size.gpu_memory_gib else None
    held = "" if share is None else f", {share:.0%} of their memory"
    return f"{text}, accelerators {needs.gpus.amount:g} of {size.gpus:g}{held}"


def cpu_need(profile: Profile, vcpu: float, risk: float, recent: float, as_of: date) -> Need:
    """CPU at a risk: each day is its mean and, for one of its hours, its highest; a rising load rises for a month more."""
    days = float(profile.history_days(("cpu_utilization",)))
    busiest, whole = max(cpu_of(profile, vcpu), key=lambda each: each[0].highest)
    curve = load_curve(*_samples(busiest, as_of), recent=recent)
    size = curve.size(risk) * whole
    since = f", {curve.since:.0f} days since its level shifted" if curve.shifted else ""
    need = observed(size / 100 * vcpu, "vCPU", f"{size:.3g} % of {vcpu:g} vCPU at a risk of {risk:g}{since}")
    counted = [day for day in sorted(busiest.days, key=lambda day: day.day) if (as_of - day.day).days < curve.since + 1e-6]
    peaks = trend([day.highest for day in counted])
    if peaks.rises:
        slope = peaks.slope * whole
        grown = need.amount + slope * HORIZON_DAYS / 100 * vcpu
        need = need.then(grown, f"rising by {slope:.2g} points a day, for a month more: {grown:.3g} vCPU")
    return estimate(need, (Confidence(days), Floor(1.0)))


def cpu_for_good(profile: Profile, vcpu: float) -> float:
    """vCPU of the busiest day, on average: above its baseline a burstable machine lives on credits, of which it can save up
    about what it earns in a day."""
    means = [(series, 1.0) for series in profile.of("cpu_utilization", "avg")] or cpu_of(profile, vcpu)
    days = float(profile.history_days(("cpu_utilization",)))
    highest = max((day.mean * whole for series, whole in means for day in series.days), default=0.0)
    need = observed(highest / 100 * vcpu, "vCPU", "mean of its busiest day")
    return estimate(need, (Confidence(days),)).amount


def _samples(series: Series, as_of: date) -> tuple[list[float], list[float], list[float]]:
    """Ages in days, loads and shares of a day: the mean, and one hour of the highest."""
    ages = [float((as_of - day.day).days) for day in series.days]
    hour = [min(0.5, 1 / max(day.hours, 1.0)) for day in series.days]
    means, peaks = [day.mean for day in series.days], [day.highest for day in series.days]
    return ages * 2, means + peaks, [1 - h for h in hour] + hour


def limits_used(profile: Profile) -> tuple[tuple[str, float, str, float], ...]:
    """The highest rates of network and disk, a second, that a target must allow where its limits are known."""
    found = []
    for what, metrics, spec, unit in LIMITS:
        rates = [max((day.rate for s in profile.of(metric) for day in s.days), default=0.0) for metric in metrics]
        if sum(rates) > 0:
            found.append((what, sum(rates), spec, unit))
    return tuple(found)


def connections_memory(profile: Profile) -> float:
    """GiB that a database must have for its connections; 0 where none are seen."""
    highest = max((s.highest for s in profile.of("connections")), default=0.0)
    return highest * CONNECTION_MIB / 1024


def gpu_needs(
    profile: Profile, size: Size, need: Needs, days: float, cpu_margin: float, memory_margin: float
) -> Needs | Unknown:
    """Accelerators by what each does, and their memory by what each holds: busy devices stay, held memory must fit."""
    metric = "gpu_sm_active" if profile.has("gpu_sm_active") else "gpu_utilization"
    work = per_device(profile, metric, size.gpus, 0.99)
    held = per_device(profile, "gpu_memory_utilization", size.gpus, 1.0, gib=("gpu_memory_used_gib", size.gpu_memory_gib))
    if work is None or held is None or size.gpu_memory_gib is None:
        missing = {"gpu_sm_active": work, "gpu_memory_utilization": held, "properties gpu_memory_gib": size.gpu_memory_gib}
        return Unknown(tuple(name for name, value in missing.items() if value is None))
    busy, told = _busy(work, metric, size.gpus)
    what = f"p99 of the sum over {size.gpus:g} devices{told}"
    gpus = observed(work.total / 100, "GPUs", what)
    gpus = estimate(gpus, (Margin(cpu_margin), Floor(busy), NextStep(1.0)))
    per_gpu = max(held.each) if held.by_device else held.total / gpus.amount
    memory = observed(per_gpu / 100 * size.gpu_memory_gib, "GiB", "highest use of a device")
    exact = work.total / 100 * (1 + cpu_margin) if metric == "gpu_sm_active" else None
    held_gib = estimate(memory, (Margin(memory_margin), Confidence(days)))
    return replace(need, gpus=gpus, gpu_memory=held_gib, gpu_busy=exact)


def _busy(work: Devices, metric: str, count: float) -> tuple[float, str]:
    """Devices that must stay whatever their sum is, and why: `gpu_utilization` proves a device idle, and tells no more."""
    if work.by_device:
        active = sum(1 for share in work.each if share > IDLE_GPU)
        return float(max(active, 1)), f", {active} of them active"
    if metric == "gpu_sm_active" or work.total <= IDLE_GPU:
        return 1.0, ""
    return count, ", of which gpu_utilization proves none idle: without gpu_sm_active all of them stay"


def partition(size: Size, current: Price, needs: Needs) -> tuple[str, ...]:
    """The slice of its accelerator that would hold the work of a machine with one, as an alternative: it saves nothing by
    itself, only where others take the rest. `gpu_utilization` is no share of a device and tells no slice."""
    if size.gpus != 1 or size.gpu_memory_gib is None or needs.gpu_busy is None or needs.gpu_memory is None:
        return ()
    model = str(current.specs.get("gpu_model") or "")
    found = slice_for(model, needs.gpu_busy, needs.gpu_memory.amount, size.gpu_memory_gib)
    if found is None:
        return ()
    what = f"{needs.gpu_busy:.0%} of its multiprocessors and {needs.gpu_memory.amount:.3g} GiB, with margin"
    name = found.named(size.gpu_memory_gib)
    return (f"slice {name} of its {model}: holds {what}; {together(found)} such share one, which saves only with others on it",)


def not_by_size(profile: Profile, *, database: bool) -> str | None:
    """What forbids a smaller size whatever the CPU says."""
    licence = str(profile.properties.get("license") or "").lower()
    if database and any(word in licence for word in BROUGHT_LICENCES):
        return "its licence is brought along and has a minimum of cores: a smaller size frees no licence"
    charged = profile.of("cpu_surplus_credits_charged")
    if any(day.total > 0 for series in charged for day in series.days[-30:]):
        return "burstable, and it uses more than its baseline: surplus credits are charged"
    balance = profile.of("cpu_credit_balance")
    if balance and min(series.lowest for series in balance) <= 1.0:
        return "burstable, and its CPU credits run out"
    slo = profile.property("slo_ms")
    latency = profile.of("latency_ms", "p99", "max")
    if slo and latency and max(s.quantile(0.95) for s in latency) > 0.8 * slo:
        return "bound by latency: its p99 is within 20 % of its objective, and a smaller machine is slower"
    dram = profile.of("gpu_dram_active", "max", "p99", "avg")
    if dram and max(s.quantile(0.95) for s in dram) > 70.0:
        return "bound by GPU memory bandwidth"
    return None


def sizing_facts(profile: Profile) -> tuple[Fact, ...]:
    """The highest of each metric that sizes a machine."""
    facts = []
    for series in profile.series:
        if series.metric in SIZING:
            name = series.metric + "".join(f" {k}={v}" for k, v in sorted(series.dimensions.items()))
            value = series.lowest if series.metric.startswith(("freeable", "memory_free")) else series.highest
            facts.append(Fact(f"{name} {series.statistic}", round(value, 3), "", "metric_daily, 90 days"))
    return tuple(facts)


SIZING = (
    "cpu_utilization",
    "memory_utilization",
    "freeable_memory_bytes",
    "gpu_sm_active",
    "gpu_utilization",
    "gpu_memory_utilization",
    "gpu_memory_used_gib",
    "connections",
    "ptu_utilization",
)
