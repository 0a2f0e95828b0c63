"""The part of the contract server that stands for the resource manager: requests are held against the SDKs' own operations.

Paths, methods, versions and parameters of what an SDK calls are those that its request builders make. What is called without
an SDK is held against Microsoft's published pages (learn.microsoft.com/rest/api, as of 2026-11), as the table says.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azure.mgmt.costmanagement.operations._operations import (
    build_benefit_recommendations_list_request,
    build_benefit_utilization_summaries_list_by_billing_account_id_request,
    build_benefit_utilization_summaries_list_by_billing_profile_id_request,
    build_generate_cost_details_report_create_operation_request,
    build_generate_cost_details_report_get_operation_results_request,
)
from azure.mgmt.reservations.operations._operations import (
    build_reservation_list_all_request,
    build_reservation_order_get_request,
)
from azure.mgmt.resourcegraph.operations._resource_graph_client_operations import build_resources_request
from azure.monitor.querymetrics._operations._operations import build_metrics_query_resources_request

from tests.live import azure_metrics

Answered = tuple[int, Any, dict[str, str]]
TENANT_ROOT = "4f1c2a10-0d52-4a7e-9a1b-5f3c7e90aa01"
SIGNATURE = "s1gNaTuReOfNoOne"
ANY = "9ANY9"
"""What stands for a part of a path in a request that a builder makes."""


@dataclass(frozen=True)
class Operation:
    """How an operation is asked for."""

    method: str
    path: re.Pattern[str]
    version: str
    needs: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()


def _built(builder: Callable[..., Any], *parts: str, takes: tuple[str, ...] = (), **more: Any) -> Operation:
    """An operation as the SDK's own builder makes it, with a place for each part of the path."""
    request = builder(*parts, **more)
    path, _, query = request.url.partition("?")
    named = dict(pair.split("=") for pair in query.split("&"))
    pattern = re.escape("/" + path.strip("/")).replace(f"{ANY}/{ANY}", r"[^?]+").replace(ANY, r"[^/]+")
    needed = frozenset(named.keys() - {"api-version"})
    return Operation(request.method, re.compile(pattern, re.IGNORECASE), named["api-version"], needed, frozenset(takes))


def _published(path: str, version: str, *needs: str) -> Operation:
    return Operation("GET", re.compile(path, re.IGNORECASE), version, frozenset(needs), frozenset(("$skiptoken",)))


GROUP = r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers"
OPERATIONS: dict[str, Operation] = {
    "resourcegraph:Resources": _built(build_resources_request),
    "monitor:QueryResources": _built(
        build_metrics_query_resources_request,
        ANY,
        metric_namespace="n",
        metric_names=["m"],
        takes=("starttime", "endtime", "interval", "aggregation", "top", "filter", "orderby", "rollupby"),
    ),
    "capacity:Reservations": _built(build_reservation_list_all_request, takes=("$skiptoken",)),
    "capacity:ReservationOrder": _built(build_reservation_order_get_request, ANY, takes=("$expand",)),
    "billingbenefits:SavingsPlans": _published("/providers/Microsoft.BillingBenefits/savingsPlans", "2022-11-01"),
    "costmanagement:BenefitUtilization by account": _built(
        build_benefit_utilization_summaries_list_by_billing_account_id_request,
        ANY,
        takes=("grainParameter", "filter", "$skiptoken"),
    ),
    "costmanagement:BenefitUtilization by profile": _built(
        build_benefit_utilization_summaries_list_by_billing_profile_id_request,
        ANY,
        ANY,
        takes=("grainParameter", "filter", "$filter", "$skiptoken"),
    ),
    "costmanagement:BenefitRecommendations": _built(
        build_benefit_recommendations_list_request, f"{ANY}/{ANY}", takes=("$filter", "$orderby", "$expand", "$skiptoken")
    ),
    "costmanagement:GenerateCostDetailsReport": _built(
        build_generate_cost_details_report_create_operation_request, f"{ANY}/{ANY}"
    ),
    "costmanagement:ReportStatus": _built(
        build_generate_cost_details_report_get_operation_results_request, f"{ANY}/{ANY}", ANY
    ),
    "billing:Invoices": _published(
        r"/providers/Microsoft\.Billing/billingAccounts/[^/]+(/billingProfiles/[^/]+)?/invoices",
        "2024-04-01",
        "periodStartDate",
        "periodEndDate",
    ),
    "billing:Transactions": _published(
        r"/providers/Microsoft\.Billing/billingAccounts/[^/]+/invoices/[^/]+/transactions", "2024-04-01"
    ),
    "compute:Skus": _published(r"/subscriptions/[0-9a-f-]{36}/providers/Microsoft\.Compute/skus", "2021-07-01", "$filter"),
    "machinelearning:Computes": _published(
        GROUP + r"/Microsoft\.MachineLearningServices/workspaces/[^/]+/computes", "2024-04-01"
    ),
    "cognitive:Deployments": _published(GROUP + r"/Microsoft\.CognitiveServices/accounts/[^/]+/deployments", "2024-10-01"),
    "cognitive:Models": _published(GROUP + r"/Microsoft\.CognitiveServices/accounts/[^/]+/models", "2024-10-01"),
    "storage:ManagementPolicy": _published(
        GROUP + r"/Microsoft\.Storage/storageAccounts/[^/]+/managementPolicies/default", "2023-01-01"
    ),
    "storage:BlobService": _published(GROUP + r"/Microsoft\.Storage/storageAccounts/[^/]+/blobServices/default", "2023-01-01"),
    "cache:Databases": _published(GROUP + r"/Microsoft\.Cache/redisEnterprise/[^/]+/databases", "2024-02-01"),
    "eventhub:DisasterRecoveryConfigs": _published(
        GROUP + r"/Microsoft\.EventHub/namespaces/[^/]+/disasterRecoveryConfigs", "2024-01-01"
    ),
    "servicebus:DisasterRecoveryConfigs": _published(
        GROUP + r"/Microsoft\.ServiceBus/namespaces/[^/]+/disasterRecoveryConfigs", "2021-11-01"
    ),
    "authorization:Permissions": _published(
        r"/subscriptions/[0-9a-f-]{36}/providers/Microsoft\.Authorization/permissions", "2022-04-01"
    ),
}

MONITOR = "https://metrics.monitor.azure.com/.default"
"""Audience of azure-monitor-querymetrics 1.0.0, MetricsClient."""

SINGLE = {
    "capacity:ReservationOrder": "ReservationOrderNotFound",
    "storage:ManagementPolicy": "ManagementPolicyNotFound",
    "storage:BlobService": "ResourceNotFound",
}
"""Operations that give one document, and the code where it is not there."""

TABLES: dict[str, tuple[str, ...]] = {
    "resourcecontainers": ("microsoft.resources/subscriptions",),
    "computeresources": ("microsoft.compute/virtualmachinescalesets/virtualmachines",),
    "advisorresources": ("microsoft.advisor/recommendations",),
    "spotresources": ("microsoft.compute/skuspotevictionrate/location",),
    "resources": (
        "microsoft.cache/redis",
        "microsoft.cache/redisenterprise",
        "microsoft.cognitiveservices/accounts",
        "microsoft.compute/disks",
        "microsoft.compute/images",
        "microsoft.compute/snapshots",
        "microsoft.compute/virtualmachines",
        "microsoft.compute/virtualmachinescalesets",
        "microsoft.containerregistry/registries",
        "microsoft.containerservice/managedclusters",
        "microsoft.databricks/workspaces",
        "microsoft.dbformysql/flexibleservers",
        "microsoft.dbforpostgresql/flexibleservers",
        "microsoft.eventhub/clusters",
        "microsoft.eventhub/namespaces",
        "microsoft.insights/autoscalesettings",
        "microsoft.keyvault/vaults",
        "microsoft.machinelearningservices/workspaces",
        "microsoft.machinelearningservices/workspaces/onlineendpoints",
        "microsoft.machinelearningservices/workspaces/onlineendpoints/deployments",
        "microsoft.network/loadbalancers",
        "microsoft.network/natgateways",
        "microsoft.network/publicipaddresses",
        "microsoft.search/searchservices",
        "microsoft.servicebus/namespaces",
        "microsoft.sql/servers/databases",
        "microsoft.sql/servers/elasticpools",
        "microsoft.storage/storageaccounts",
        "microsoft.web/serverfarms",
    ),
}
"""Types by table of Resource Graph (Microsoft Learn, "Azure Resource Graph table and resource type reference")."""

QUERY = re.compile(
    r"(?P<table>[a-z]+) \| where type =~ '(?P<type>[a-z./]+)'(?P<cost> \| where properties\.category =~ 'Cost')?"
    r"(?: \| where location =~ '(?P<location>[a-z0-9]+)')?"
    r" \| project (?P<columns>id(?:, \w+)*) \| order by id asc"
)


@dataclass
class Plane:
    """What there is in a tenant.

    documents  type in lower case → the resources of Resource Graph
    lists      path in lower case → the elements of a list of the resource manager
    things     path in lower case → one document of it
    """

    subscriptions: list[str] = field(default_factory=list)
    platform: set[str] = field(default_factory=set)  # of these, the ones below a management group of that name
    documents: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    granted: list[dict[str, Any]] = field(default_factory=lambda: [{"actions": ["*/read"], "notActions": []}])
    page: int = 1000
    reports: dict[str, int] = field(default_factory=dict)  # <kind>/<month>/<part> → its size, as Azure says it
    asked_reports: dict[str, list[Any]] = field(default_factory=dict)
    waits: int = 1
    report_status: str = ""
    measured: azure_metrics.Measured = field(default_factory=lambda: defaultdict(list))

    def put(self, document: dict[str, Any]) -> None:
        self.documents[document["type"].lower()].append(document)


def operation(method: str, path: str) -> str:
    """The operation that a request asks for; '' for none of the resource manager's."""
    found = (name for name, o in OPERATIONS.items() if o.method == method and o.path.fullmatch(path))
    return next(found, "").partition(" ")[0]


def of_plane(name: str) -> bool:
    return any(known.partition(" ")[0] == name for known in OPERATIONS)


def audience(name: str, own: str) -> str:
    """For whom a token must be."""
    return MONITOR if name.startswith("monitor:") else own


def checked(name: str, path: str, parameters: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The request's body. Raises ValueError: no such parameter, or another version."""
    described = next(o for known, o in OPERATIONS.items() if known.partition(" ")[0] == name and o.path.fullmatch(path))
    if parameters.get("api-version") != described.version:
        raise ValueError(f"{name} of {path}: version {parameters.get('api-version')} instead of {described.version}")
    given = parameters.keys() - {"api-version"}
    if given - described.needs - described.takes or (described.needs - given and "$skiptoken" not in given):
        raise ValueError(f"{name}: the parameters are {sorted(given)}")
    document: dict[str, Any] = json.loads(body or b"{}")
    return document


def answered(plane: Plane, url: str, name: str, path: str, parameters: Mapping[str, str], body: bytes) -> Answered:
    """Status and document."""
    document = checked(name, path, parameters, body)
    if name == "costmanagement:GenerateCostDetailsReport":
        return _begun(plane, url, path, document)
    if name == "costmanagement:ReportStatus":
        return _status(plane, url, path)
    if name == "resourcegraph:Resources":
        return 200, _graph(plane, document), {}
    if name == "monitor:QueryResources":
        return 200, azure_metrics.answered(plane.measured, path, parameters, document), {}
    if name in SINGLE:
        thing = plane.things.get(path.lower())
        return (200, thing, {}) if thing else (404, {"error": {"code": SINGLE[name], "message": "it is not there"}}, {})
    if name == "authorization:Permissions":
        return 200, {"value": plane.granted}, {}
    return 200, _listed(plane, url, path, parameters), {}


def _begun(plane: Plane, url: str, path: str, asked: dict[str, Any]) -> Answered:
    """202, and where the report will be. Raises ValueError: more than a month, or not a day of it."""
    start, end = (datetime.fromisoformat(asked["timePeriod"][name]) for name in ("start", "end"))
    if asked.keys() != {"metric", "timePeriod"} or not 0 <= (end - start).days < 31 or start.month != end.month:
        raise ValueError(f"a report of {asked}")
    number = f"r{len(plane.asked_reports)}"
    plane.asked_reports[number] = [asked["metric"], f"{start:%Y-%m}", plane.waits]
    scope = path.partition("/providers/Microsoft.CostManagement/")[0]
    place = f"{url}{scope}/providers/Microsoft.CostManagement/costDetailsOperationResults/{number}?api-version=2025-03-01"
    return 202, {}, {"Location": place, "Retry-After": "30"}


def _status(plane: Plane, url: str, path: str) -> Answered:
    kind, month, waits = plane.asked_reports[number := path.rpartition("/")[2]]
    if waits:
        plane.asked_reports[number][2] -= 1
        return 202, {}, {"Location": f"{url}{path}?api-version=2025-03-01", "Retry-After": "20"}
    names = [name for name in sorted(plane.reports) if name.startswith(f"{kind}/{month}/")]
    blobs = [
        {"blobLink": f"{url}/costdetails/{name}?sv=2021-12-02&sig={SIGNATURE}", "byteCount": plane.reports[name]}
        for name in names
    ]
    manifest = {"manifestVersion": "2022-05-01", "dataFormat": "Csv", "blobCount": len(blobs), "blobs": blobs}
    status = plane.report_status or ("Completed" if blobs else "NoDataFound")
    return 200, {"id": path, "status": status, "manifest": manifest, "validTill": "2026-11-02T00:00:00Z"}, {}


def _listed(plane: Plane, url: str, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """A page of a list, with the address of the next."""
    start = int(parameters.get("$skiptoken", "0"))
    items = plane.lists[path.lower()]
    if term := re.search(r"properties/term eq '(P[13]Y)'", parameters.get("$filter", "")):
        items = [item for item in items if item["properties"].get("term") == term[1]]
    if ends := parameters.get("periodEndDate"):
        items = [item for item in items if item["properties"].get("invoiceDate", "") <= ends]  # the narrower reading
    page: dict[str, Any] = {"value": items[start : start + plane.page]}
    if start + plane.page < len(items):
        place = "" if "/invoices" in path else url  # Billing says where below the host alone
        page["nextLink"] = f"{place}{path}?api-version={parameters['api-version']}&$skiptoken={start + plane.page}"
    return page


def _graph(plane: Plane, request: dict[str, Any]) -> dict[str, Any]:
    if request.keys() - {"query", "subscriptions", "options"}:
        raise ValueError(f"the query has {sorted(request)}")
    options = request["options"]
    if options.keys() - {"$top", "$skipToken", "resultFormat", "allowPartialScopes"} or not 1 <= options["$top"] <= 1000:
        raise ValueError(f"the query's options are {options}")
    asked = QUERY.fullmatch(request["query"])
    if not asked or asked["type"] not in TABLES.get(asked["table"], ()):
        raise ValueError(f"Resource Graph has no {request['query']!r}")
    rows = _rows(plane, asked["type"], request.get("subscriptions"))
    if asked["cost"]:
        rows = [row for row in rows if row["properties"].get("category") == "Cost"]
    if asked["location"]:
        rows = [row for row in rows if row["location"] == asked["location"]]
    columns = asked["columns"].split(", ")
    size, start = min(plane.page, options["$top"]), int(str(options.get("$skipToken", "from-0")).removeprefix("from-"))
    data = [{name: row.get(name) for name in columns} for row in rows[start : start + size]]
    answer = {"totalRecords": len(rows), "count": len(data), "resultTruncated": "false", "data": data, "facets": []}
    return answer | ({"$skipToken": f"from-{start + size}"} if start + size < len(rows) else {})


def _rows(plane: Plane, kind: str, only: list[str] | None) -> list[dict[str, Any]]:
    """As Resource Graph has them: the type in lower case, every column there."""
    if kind == "microsoft.resources/subscriptions":
        chain = [{"name": "platform", "displayName": "Platform"}, {"name": TENANT_ROOT, "displayName": "root"}]
        found = [
            {
                "id": f"/subscriptions/{name}",
                "subscriptionId": name,
                "properties": {"managementGroupAncestorsChain": chain if name in plane.platform else chain[1:]},
            }
            for name in plane.subscriptions
        ]
    else:
        found = [{"type": kind, "subscriptionId": d["id"].split("/")[2], **d} for d in plane.documents[kind]]
    wanted = [row for row in found if not only or row["subscriptionId"] in only]
    return sorted(({**row, "type": kind} for row in wanted), key=lambda row: str(row["id"]))
