"""Second opinions of Compute Optimizer itself, where the account is not enrolled in Cost Optimization Hub.

As in the hub, a finding is here where it saves, and a thing that is idle has only the finding to end it. An account that has
not opted in to Compute Optimizer has no findings; `finops doctor` says how to opt in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.aws.hub import COLUMNS, ENROLLED, TOKENS, actions, is_hub, raw_of, saving, vendor
from connectors.aws.resources import Place
from connectors.aws.session import Account, Connection, by_region
from finops.connect import Part, Rows, Stream
from finops.window import Window

SERVICE = "compute-optimizer"
VENDOR = vendor("ComputeOptimizer")
STATUS = "compute-optimizer:GetEnrollmentStatus"
IDLE = ("GetIdleRecommendations", "idleRecommendations")
Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Advice:
    """What is recommended for one kind of thing.

    operation, field  what is called, and the list of its answer
    resource          the field with the thing's ARN
    options           the field with what is recommended instead, best first by `rank`
    now, then         the setting that there is, of the finding; and the one instead of it, of an option
    action            the hub's word for it, by finding and option
    """

    operation: str
    field: str
    resource: str
    options: str
    now: Callable[[Said], str]
    then: Callable[[Said], str]
    action: Callable[[Said, Said], str] = lambda _, __: "Rightsize"


def _machine_action(found: Said, option: Said) -> str:
    """Another processor, or the same size of another family, or another size: as the hub tells them apart."""
    if "Architecture" in option.get("platformDifferences", ()):
        return "MigrateToGraviton"
    return _generation(found["currentInstanceType"], option["instanceType"])


def _generation(now: str, then: str) -> str:
    return "Upgrade" if now.rpartition(".")[2] == then.rpartition(".")[2] and now != then else "Rightsize"


def _group_action(found: Said, option: Said) -> str:
    now, then = found.get("currentConfiguration", {}), option.get("configuration", {})
    if then.get("instanceType") and then["instanceType"] != now.get("instanceType"):
        return _generation(str(now.get("instanceType")), then["instanceType"])
    return "ScaleIn"


def _group(configuration: Said) -> str:
    several = ", ".join(configuration.get("mixedInstanceTypes", ()))
    if configuration.get("instanceType"):
        return str(configuration["instanceType"])
    return several or f"{configuration.get('minSize')} to {configuration.get('maxSize')} instances"


def _volume(configuration: Said) -> str:
    """`gp3 100 GiB 3000 IOPS 125 MiB/s`; what is not said is left out."""
    parts = (("volumeSize", "GiB"), ("volumeBaselineIOPS", "IOPS"), ("volumeBaselineThroughput", "MiB/s"))
    sizes = [f"{configuration[name]} {unit}" for name, unit in parts if configuration.get(name) is not None]
    return " ".join([str(configuration.get("volumeType", "")), *sizes]).strip()


def _volume_action(found: Said, option: Said) -> str:
    now, then = found.get("currentConfiguration", {}), option.get("configuration", {})
    return "Rightsize" if now.get("volumeType") == then.get("volumeType") else "Upgrade"


def _task(configuration: Said) -> str:
    return f"{configuration.get('cpu')} CPU units, {configuration.get('memory')} MiB"


def _storage(configuration: Said) -> str:
    parts = (("allocatedStorage", "GiB"), ("iops", "IOPS"), ("storageThroughput", "MiB/s"))
    sizes = [f"{configuration[name]} {unit}" for name, unit in parts if configuration.get(name) is not None]
    return " ".join([str(configuration.get("storageType", "")), *sizes]).strip()


def _storage_action(found: Said, option: Said) -> str:
    now, then = found.get("currentStorageConfiguration", {}), option.get("storageConfiguration", {})
    return "Rightsize" if now.get("storageType") == then.get("storageType") else "Upgrade"


DATABASES = ("GetRDSDatabaseRecommendations", "rdsDBRecommendations", "resourceArn")
ADVICES = (
    Advice(
        "GetEC2InstanceRecommendations", "instanceRecommendations", "instanceArn", "recommendationOptions",
        lambda found: str(found["currentInstanceType"]), lambda option: str(option["instanceType"]), _machine_action,
    ),
    Advice(
        "GetEBSVolumeRecommendations", "volumeRecommendations", "volumeArn", "volumeRecommendationOptions",
        lambda found: _volume(found["currentConfiguration"]), lambda option: _volume(option["configuration"]), _volume_action,
    ),
    Advice(
        "GetLambdaFunctionRecommendations", "lambdaFunctionRecommendations", "functionArn", "memorySizeRecommendationOptions",
        lambda found: f"{found['currentMemorySize']} MB", lambda option: f"{option['memorySize']} MB",
    ),
    Advice(
        "GetAutoScalingGroupRecommendations", "autoScalingGroupRecommendations", "autoScalingGroupArn", "recommendationOptions",
        lambda found: _group(found["currentConfiguration"]), lambda option: _group(option["configuration"]), _group_action,
    ),
    Advice(
        "GetECSServiceRecommendations", "ecsServiceRecommendations", "serviceArn", "serviceRecommendationOptions",
        lambda found: _task(found["currentServiceConfiguration"]), _task,
    ),
    Advice(
        *DATABASES, "instanceRecommendationOptions",
        lambda found: str(found["currentDBInstanceClass"]), lambda option: str(option["dbInstanceClass"]),
        lambda found, option: _generation(found["currentDBInstanceClass"], option["dbInstanceClass"]),
    ),
    Advice(
        *DATABASES, "storageRecommendationOptions",
        lambda found: _storage(found["currentStorageConfiguration"]),
        lambda option: _storage(option["storageConfiguration"]), _storage_action,
    ),
)  # fmt: skip
"""One operation may hold two kinds of advice: it is asked once."""

OPERATIONS = tuple(dict.fromkeys((IDLE[0], *(advice.operation for advice in ADVICES))))


def has_opted_in(connection: Connection, account: Account) -> bool:
    """Whether Compute Optimizer watches the account."""
    asked: dict[str, Any] = {"region": connection.settings.home_region, "role": account.role}
    answer = connection.once(f"optimizer {account.id}", lambda: connection.call(SERVICE, "GetEnrollmentStatus", **asked))
    return bool(answer.get("status") == "Active")


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part an account that has opted in and region that Compute Optimizer is in."""
    if is_hub(connection):
        return ()
    places = [place for place in connection.places() if connection.offers(SERVICE, place[1])]
    return [
        Part(f"{account.id} {region} Compute Optimizer", handle=Place(connection, account, region))
        for account, region in places
        if has_opted_in(connection, account)
    ]


def fetch(_: Connection, part: Part, window: Window) -> Iterator[Rows]:
    place: Place = part.handle
    ended: set[str] = set()
    for page in _pages(place, IDLE[0]):
        idle = [found for found in page[IDLE[1]] if _amount(found)]
        ended.update(found["resourceArn"] for found in idle)
        yield Rows(COLUMNS, [_row(found, found["resourceArn"], _ended(found), found, window.end) for found in idle])
    for operation in OPERATIONS[1:]:
        several = [advice for advice in ADVICES if advice.operation == operation]
        for page in _pages(place, operation):
            yield Rows(COLUMNS, [row for advice in several for row in _advised(advice, page, ended, window.end)])


def _pages(place: Place, operation: str) -> Iterator[dict[str, Any]]:
    where: dict[str, Any] = {"region": place.region, "role": place.account.role}
    yield from place.connection.pages(SERVICE, operation, token=TOKENS, **where)


def _advised(advice: Advice, page: Said, ended: set[str], at: datetime) -> Iterator[tuple[object, ...]]:
    for found in page[advice.field]:
        options = sorted(found.get(advice.options, ()), key=lambda option: option.get("rank", 1))
        if not options or not _amount(options[0]) or found[advice.resource] in ended:
            continue
        settings = (advice.action(found, options[0]), advice.now(found), advice.then(options[0]))
        yield _row(found, found[advice.resource], settings, options[0], at)


def _ended(found: Said) -> tuple[str, str, str]:
    """A machine stops: its volumes stay. A group shrinks; what is idle or unattached of others goes."""
    action = {"EC2Instance": "Stop", "AutoScalingGroup": "ScaleIn"}.get(found["resourceType"], "Delete")
    return action, str(found.get("finding", "")), str(found.get("findingDescription") or found.get("finding", ""))


def _amount(option: Said) -> float | None:
    """What the option saves a month after discounts, else at list price; None where it saves nothing."""
    said = option.get("savingsOpportunityAfterDiscounts") or option.get("savingsOpportunity") or {}
    value = (said.get("estimatedMonthlySavings") or {}).get("value")
    return value if value and value > 0 else None


def _row(found: Said, resource: str, settings: tuple[str, str, str], option: Said, at: datetime) -> tuple[object, ...]:
    said = option.get("savingsOpportunityAfterDiscounts") or option["savingsOpportunity"]
    kind, action = actions()[settings[0]]
    raw = {"action_type": settings[0], "finding": found.get("finding") or found.get("instanceFinding"), "resource": resource}
    return (
        found.get("lastRefreshTimestamp") or at,
        VENDOR,
        None,
        "AWS",
        found.get("accountId") or resource.split(":")[4],
        resource.split(":")[3],
        resource,
        kind,
        action,
        settings[1],
        settings[2],
        saving(_amount(option)),
        said["estimatedMonthlySavings"].get("currency"),
        raw_of(raw),
    )


OPTIMIZER = Stream(
    name="optimizer",
    title="Compute Optimizer recommendations",
    table="vendor_recommendations",
    divided="snapshot",
    permissions=(ENROLLED, STATUS, *(f"{SERVICE}:{operation}" for operation in OPERATIONS), "ec2:DescribeRegions"),
    plan=plan,
    fetch=fetch,
    units=(VENDOR,),
    places=by_region,
)
