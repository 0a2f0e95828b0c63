"""Machine learning: computes and online endpoints of Azure Machine Learning, deployments of Azure OpenAI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.azure import arm, sizes
from connectors.azure.resources import Document, Kind, Resource, of, same
from connectors.azure.resources_compute import SETTINGS, autoscale, reads
from connectors.azure.session import Connection

WORKSPACES = "Microsoft.MachineLearningServices/workspaces"
COMPUTES = f"{WORKSPACES}/computes"
ENDPOINTS = f"{WORKSPACES}/onlineEndpoints"
DEPLOYED = f"{ENDPOINTS}/deployments"
AI_ACCOUNTS = "Microsoft.CognitiveServices/accounts"
AI_DEPLOYMENTS = f"{AI_ACCOUNTS}/deployments"

ML_VERSION = "2024-04-01"
AI_VERSION = "2024-10-01"

MODELS = f"{AI_ACCOUNTS}/models/read"


def computes(connection: Connection) -> Iterator[Resource]:
    """Instances and clusters, which Resource Graph does not have: one list a workspace."""
    found = arm.of_type(connection, WORKSPACES)
    of_each = connection.map(lambda workspace: _computes(connection, workspace), found)
    for workspace, several in zip(found, of_each, strict=True):
        for compute in several:
            if of(compute, "properties", "computeType") in ("ComputeInstance", "AmlCompute"):
                yield _compute(workspace, compute)


def _computes(connection: Connection, workspace: Document) -> Sequence[Document]:
    path = f"{workspace['id']}/computes"
    return list(arm.listed(connection, "machinelearning:Computes", f"{COMPUTES}/read", path, ML_VERSION))


def _compute(workspace: Document, compute: Document) -> Resource:
    outer = compute["properties"]
    inner = outer.get("properties") or {}
    scale = inner.get("scaleSettings") or {}
    return Resource(
        document=compute,
        type=COMPUTES,
        sku=inner.get("vmSize"),
        state=inner.get("state") or inner.get("allocationState") or outer.get("provisioningState"),
        created_at=outer.get("createdOn"),
        region=outer.get("computeLocation") or compute.get("location") or workspace.get("location"),
        properties={
            "compute_type": outer.get("computeType"),
            "workspace": workspace["name"],
            "min_nodes": scale.get("minNodeCount"),
            "max_nodes": scale.get("maxNodeCount"),
            "desired": inner.get("currentNodeCount"),
            "lifecycle": "spot" if same(inner.get("vmPriority"), "LowPriority") else None,
        },
    )


def endpoints(connection: Connection) -> Iterator[Resource]:
    """An endpoint with the deployment that gets most of its traffic; how many there are stands in `variants`."""
    deployed: dict[str, list[Document]] = {}
    for deployment in arm.of_type(connection, DEPLOYED):
        deployed.setdefault(str(deployment["id"]).lower().rpartition("/deployments/")[0], []).append(deployment)
    for endpoint in arm.of_type(connection, ENDPOINTS):
        traffic = of(endpoint, "properties", "traffic") or {}
        mine = sorted(
            deployed.get(str(endpoint["id"]).lower(), ()), key=lambda d: (-int(traffic.get(_variant(d)) or 0), _variant(d))
        )
        yield _endpoint(connection, endpoint, mine)


def _endpoint(connection: Connection, endpoint: Document, deployments: Sequence[Document]) -> Resource:
    first: Document = deployments[0] if deployments else {}
    size, count = of(first, "properties", "instanceType"), of(first, "sku", "capacity")
    limits = autoscale(connection, str(first["id"])) if first else {}
    return Resource(
        document=endpoint,
        type=ENDPOINTS,
        sku=size,
        state=of(endpoint, "properties", "provisioningState"),
        properties={
            "variant": _variant(first) or None,
            "variants": len(deployments) if len(deployments) > 1 else None,
            "instance_count": count,
            "min_replicas": limits.get("min", count),
            "max_replicas": limits.get("max", count),
            "scaling": limits.get("rules"),
            **({"operating_system": "Linux"} if size else {}),  # managed endpoints run on nothing else
            **sizes.specs(connection, endpoint.get("location"), size),
        },
    )


def _variant(deployment: Document) -> str:
    return str(deployment.get("name") or "").rpartition("/")[2]


def deployments(connection: Connection) -> Iterator[Resource]:
    """Of every account of Azure AI services those that run models; units where throughput is provisioned."""
    found = arm.of_type(connection, AI_ACCOUNTS)
    of_each = connection.map(lambda account: _deployments(connection, account), found)
    for account, several in zip(found, of_each, strict=True):
        for deployment in several:
            kind = str(of(deployment, "sku", "name") or "")
            provisioned = "Provisioned" in kind
            yield Resource(
                document=deployment,
                type=AI_DEPLOYMENTS,
                sku="ptu" if provisioned else kind or None,
                state=of(deployment, "properties", "provisioningState"),
                created_at=of(deployment, "systemData", "createdAt"),
                region=str(account.get("location") or ""),
                tags=deployment.get("tags") or account.get("tags") or {},
                properties={
                    "deployment_type": kind or None,
                    "model": of(deployment, "properties", "model", "name"),
                    "version": of(deployment, "properties", "model", "version"),
                    "ptu": of(deployment, "sku", "capacity") if provisioned else None,
                    **(_units(connection, account, deployment) if provisioned else {}),
                },
            )


def _deployments(connection: Connection, account: Document) -> Sequence[Document]:
    path = f"{account['id']}/deployments"
    return list(arm.listed(connection, "cognitive:Deployments", f"{AI_DEPLOYMENTS}/read", path, AI_VERSION))


def _units(connection: Connection, account: Document, deployment: Document) -> dict[str, object]:
    """The fewest units that a model is sold in, and the step, as the account's list of models has them."""
    path = f"{account['id']}/models"
    listed = connection.once(path, lambda: list(arm.listed(connection, "cognitive:Models", MODELS, path, AI_VERSION)))
    wanted = of(deployment, "properties", "model") or {}
    for model in listed:
        if all(same(model.get(name), wanted.get(name)) for name in ("name", "version")):
            for sku in model.get("skus") or ():
                if same(sku.get("name"), of(deployment, "sku", "name")):
                    capacity = sku.get("capacity") or {}
                    return {"ptu_minimum": capacity.get("minimum"), "ptu_step": capacity.get("step")}
    return {}


ML = (
    Kind("computes", reads(WORKSPACES, COMPUTES), computes),
    Kind("online endpoints", (*reads(ENDPOINTS, DEPLOYED, SETTINGS), sizes.SKUS), endpoints),
    Kind("model deployments", (*reads(AI_ACCOUNTS, AI_DEPLOYMENTS), MODELS), deployments),
)
