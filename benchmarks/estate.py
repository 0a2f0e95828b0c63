"""`python -m benchmarks.estate --seed N --resources 5000`: idle, schedule and modernize on a noisy estate over three clouds."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.noisy.loads import Maker
from benchmarks.noisy.machines import GPUS, MACHINES, Made, choose
from benchmarks.noisy.rows import AS_OF, DAYS, Rows, Warehouse
from benchmarks.noisy.services import BALANCERS, DATABASES, ENDPOINTS, GATEWAYS, NOTEBOOKS, POOLS, TPUS, WAREHOUSES
from benchmarks.noisy.storage import SHORT, WRITTEN
from benchmarks.traces.bar import Bar
from finops.model import Act, action_name
from finops.portfolio import Plan
from finops.runner import plans

KINDS = ("idle", "schedule", "modernize")
PRECISION, RECALL = 0.99, 0.90
CLOUDS = ("AWS", "Microsoft Azure", "Google Cloud")
REGIONS = {"AWS": "us-east-1", "Microsoft Azure": "westeurope", "Google Cloud": "us-central1"}
AZURE_ML = "Microsoft.MachineLearningServices/workspaces"
VM = ("AWS::EC2::Instance", "Microsoft.Compute/virtualMachines", "compute.googleapis.com/Instance")
MACHINE_SKUS = {
    "AWS": (("m6i.xlarge", 0.192), ("m7g.xlarge", 0.1632), ("m5.xlarge", 0.192)),
    "Microsoft Azure": (("Standard_D4as_v5", 0.172), ("Standard_D4s_v5", 0.192), ("Standard_D4s_v3", 0.192)),
    "Google Cloud": (("n2-standard-4", 0.194), ("e2-standard-4", 0.134), ("c3-standard-4", 0.21)),
}
OLD = ("m5.xlarge", "Standard_D4s_v3")
"""Machines with a successor two generations ahead that costs less in the price list below."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A share of the estate: what it is called in each cloud ('' where there is none), what it costs an hour."""

    share: float
    word: str
    draw: Callable[[Maker], Made]
    types: tuple[str, str, str]
    sku: str
    price: float


def _of(kinds: tuple[tuple[float, Callable[[Maker], Made]], ...]) -> Callable[[Maker], Made]:
    return lambda maker: choose(kinds, maker)


LOADED = (
    Kind(42, "vm", _of(MACHINES), VM, "", 0.192),
    Kind(7, "gpu", _of(GPUS), VM, "g5.2xlarge", 1.212),
    Kind(
        9, "endpoint", _of(ENDPOINTS),
        ("AWS::SageMaker::Endpoint", f"{AZURE_ML}/onlineEndpoints", "aiplatform.googleapis.com/Endpoint"),
        "ml.g5.xlarge", 1.408,
    ),
    Kind(8, "db", _of(DATABASES), ("AWS::RDS::DBInstance", "", "sqladmin.googleapis.com/Instance"), "db.m6g.xlarge", 0.32),
    Kind(
        5, "notebook", _of(NOTEBOOKS),
        ("AWS::SageMaker::Space", f"{AZURE_ML}/computes", "notebooks.googleapis.com/Instance"),
        "ml.g4dn.xlarge", 0.736,
    ),
    Kind(
        3, "pool", _of(POOLS),
        ("AWS::EKS::Nodegroup", "Microsoft.ContainerService/managedClusters/agentPools", "container.googleapis.com/NodePool"),
        "m6i.2xlarge", 0.384,
    ),
    Kind(1.5, "warehouse", _of(WAREHOUSES), ("AWS::Redshift::Cluster", "", ""), "ra3.xlplus", 1.086),
    Kind(1.5, "tpu", _of(TPUS), ("", "", "tpu.googleapis.com/Node"), "v5litepod-8", 9.6),
    Kind(2, "nat", _of(GATEWAYS), ("AWS::EC2::NatGateway", "Microsoft.Network/natGateways", ""), "nat", 0.045),
    Kind(
        2, "lb", _of(BALANCERS),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Microsoft.Network/loadBalancers", ""), "alb", 0.0225,
    ),
)  # fmt: skip
COUNTERS = ("network_in_bytes", "network_out_bytes")
SUMS = ("requests", "queries")
METERS = ("nat", "lb", "tpu")


def made(seed: int, resources: int) -> Rows:
    """The estate of a seed over three clouds: fourteen weeks and, where it matters, eighteen months."""
    rng = np.random.default_rng(seed)
    rows = Rows(prices=_prices())
    closing = int(rng.integers(5, 15))
    first = int(rng.integers(0, DAYS - 2))
    maker = Maker(rng, set(range(first, min(first + closing, DAYS))))
    shares = np.array([k.share for k in LOADED] + [w[0] for w in WRITTEN])
    for n, which in enumerate(rng.choice(len(shares), resources, p=shares / shares.sum())):
        if which < len(LOADED):
            _loaded(rows, LOADED[which], n, maker)
        else:
            _, word, only, write = WRITTEN[which - len(LOADED)]
            write(rows, _resource(n, word, only or str(rng.choice(CLOUDS)), maker), maker)
    return rows


def _resource(n: int, word: str, provider: str, maker: Maker) -> dict[str, str]:
    account = f"{provider.rsplit(maxsplit=1)[-1].lower()}-{maker.days(1, 6)}"
    return {"id": f"{word}-{n:06d}", "provider": provider, "account": account, "region": REGIONS[provider], "service": word}


def _loaded(rows: Rows, kind: Kind, n: int, maker: Maker) -> None:
    clouds = [cloud for cloud, name in zip(CLOUDS, kind.types, strict=True) if name]
    provider = str(maker.rng.choice(clouds))
    resource, one = _resource(n, kind.word, provider, maker), kind.draw(maker)
    sku, price, system = kind.sku, kind.price, "Linux"
    properties = dict(one.properties)
    if kind.word == "vm":
        sku, price = MACHINE_SKUS[provider][int(maker.rng.choice(3, p=(0.5, 0.25, 0.25)))]
        system = "Windows" if maker.chance(0.1) else "Linux"
        other = provider == "AWS" and system == "Windows"  # its successor has another processor architecture
        if sku in OLD and not other:
            one.acts = one.acts | ({"modernize": "Resize"} if one.stays else {})
            one.may = () if one.what == "standby" else ("modernize",)
        properties |= {"vcpu": 4, "memory_gib": 16, "operating_system": system}
    if kind.word == "gpu":
        properties |= {"gpu_model": "A10G", "gpu_count": 1, "gpu_memory_gib": 24}
    billed = tuple(day for day in SHORT if day <= one.age)
    machine = None if kind.word in METERS else sku
    rows.charge(resource, "Hours", "machine", price * 24, 24, billed, machine, system if machine else None)
    if maker.chance(0.5) and machine:
        rows.charge(resource, "GB-Months", "disk", 0.25, 3.3, billed)
    if one.sparse:
        rows.charge(resource, "Hours", "machine", price * 24, 24, tuple(range(60, 545)), machine, system)
        rows.charge(resource, "GB", "egress", 2.0, 25, one.sparse)
    tags = dict(one.tags) | ({"environment": one.environment} if one.environment else {})
    where = kind.types[CLOUDS.index(provider)]
    rows.observe(resource, where, one.age, sku=sku, state=one.state, tags=tags, **properties)
    _write_loads(rows, resource["id"], one, maker)
    rows.truth[resource["id"]] = one.truth


def _write_loads(rows: Rows, resource: str, one: Made, maker: Maker) -> None:
    """Samples by the hour since it exists; of one resource in forty one metric never arrives."""
    kept = maker.kept() & ~np.isnan(next(iter(one.loads.values())))
    kept[: max(0, (DAYS - one.age) * 24)] = False
    dropped = str(maker.rng.choice(sorted(one.loads))) if maker.chance(0.025) else ""
    for name, values in one.loads.items():
        if name == dropped:
            continue
        total = name in COUNTERS or name in SUMS
        per_period = np.round(values * 3600) if name in COUNTERS else values
        rows.metric(resource, name, "sum" if total else "avg", kept, per_period)


def _prices() -> list[dict[str, object]]:
    """List prices: machines with their sizes, disks, snapshots, control planes."""
    rows: list[dict[str, object]] = []

    def price(provider: str, product: str, sku: str, amount: float, unit: str, specs: str = "{}", **more: str) -> None:
        rows.append(
            {"provider": provider, "region": REGIONS[provider], "product": product, "sku": sku, "term": "on_demand",
             "unit": unit, "price": str(amount), "currency": "USD", "effective_from": "2026-01-01 00:00:00+00", "specs": specs,
             "operating_system": more.get("operating_system")}
        )  # fmt: skip

    for provider in CLOUDS:
        for sku, amount in MACHINE_SKUS[provider]:
            architecture = "arm64" if "7g" in sku else "x86_64"
            specs = f'{{"vcpu": 4, "memory_gib": 16, "architecture": "{architecture}"}}'
            for system in ("Linux", "Windows"):
                price(provider, "vm", sku, amount, "Hours", specs, operating_system=system)
        price(provider, "snapshot", "standard", 0.05, "GB-Months")
    for sku, amount, unit in (
        ("gp2", 0.10, "GB-Months"), ("gp3", 0.08, "GB-Months"), ("gp3:iops", 0.005, "IOPS-Months"),
        ("gp3:throughput", 0.04, "MiBps-Months"),
    ):  # fmt: skip
        price("AWS", "disk", sku, amount, unit)
    price("AWS", "kubernetes", "eks:extended", 0.60, "Hours")
    price("AWS", "kubernetes", "eks:standard", 0.10, "Hours")
    return rows


@dataclass(slots=True)
class Score:
    """What was found of a kind; `missed` and `wrong` count by what the resources are."""

    right: int = 0
    acts: int = 0
    wanted: int = 0
    missed: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def precision(self) -> float:
        return self.right / self.acts if self.acts else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.wanted if self.wanted else 1.0


def scores(rows: Rows, plan: Plan) -> dict[str, Score]:
    """A recommendation is right where kind, resource and type of action are those of the truth."""
    found = {kind: Score() for kind in KINDS}
    done = set()
    for r in plan.recommendations:
        resource, kind = r.finding.scope.resource, r.finding.kind
        truth, score = rows.truth.get(resource), found[kind]
        if truth is not None and kind in truth.may and kind not in truth.acts:
            continue
        score.acts += 1
        assert isinstance(r.finding.verdict, Act)
        action = action_name(r.finding.verdict.action)
        if truth is not None and truth.acts.get(kind) == action:
            score.right += 1
            done.add((kind, resource))
        else:
            score.wrong[truth.what if truth else "?"] += 1
    for resource, truth in rows.truth.items():
        for kind in truth.acts:
            found[kind].wanted += 1
            if (kind, resource) not in done:
                found[kind].missed[truth.what] += 1
    return found


def measure(seed: int, resources: int) -> tuple[Rows, Plan, dict[str, Score]]:
    """Make the estate, run the recommenders, compare."""
    rows = made(seed, resources)
    (plan,) = plans(Warehouse(rows), AS_OF, kinds=KINDS)
    if plan.failed:
        raise RuntimeError(f"a recommender crashed: {plan.failed}")
    return rows, plan, scores(rows, plan)


def bars_of(seed: int, resources: int, measured: dict[str, Score]) -> Iterable[Bar]:
    """Precision and recall by kind."""
    for kind, score in measured.items():
        name = f"estate seed {seed}, {resources} resources, {score.wanted} wanted, {score.acts} acted on"
        yield Bar(f"{kind} precision", name, score.precision, PRECISION, score.precision >= PRECISION)
        yield Bar(f"{kind} recall", name, score.recall, RECALL, score.recall >= RECALL)


def main() -> None:
    """Measure and print, one JSON line a bar. Exits 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resources", type=int, default=5000)
    parser.add_argument("--explain", action="store_true", help="what was missed and what was wrong, by what it is")
    arguments = parser.parse_args()
    _, _, measured = measure(arguments.seed, arguments.resources)
    missed = False
    for bar in bars_of(arguments.seed, arguments.resources, measured):
        print(bar.line(), flush=True)
        missed = missed or bar.passes is False
    if arguments.explain:
        for kind, score in measured.items():
            print(f"{kind}: missed {dict(score.missed)}; wrong {dict(score.wrong)}")
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
