"""Clusters of Kafka by name: CloudWatch has their names, bills their ARNs, which end with an id that only MSK's list tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.aws.session import Account, Connection

LIST_CLUSTERS = "kafka:ListClustersV2"


def clusters(connection: Connection, account: Account, region: str) -> dict[str, dict[str, str]]:
    """Name → places of `data/metrics.csv`: `kafka`, the ARN; `closed`, the same where every client must say who it is.

    `ClientConnectionCount` is of clients that do (MSK Developer Guide, as of 2026-11); of the others none is known.
    """
    found: dict[str, dict[str, str]] = {}
    pages = connection.pages("kafka", "ListClustersV2", token=("NextToken", "NextToken"), region=region, role=account.role)
    for cluster in (cluster for page in pages for cluster in page.get("ClusterInfoList", ())):
        arn = str(cluster["ClusterArn"])
        found[str(cluster["ClusterName"])] = {"kafka": arn} | ({"closed": arn} if _closed(cluster) else {})
    return found


def _closed(cluster: Mapping[str, Any]) -> bool:
    given: Mapping[str, Any] = (cluster.get("Provisioned") or {}).get("ClientAuthentication") or {}
    known = (given.get("Tls") or {}, *(given.get("Sasl") or {}).values())
    return any(way.get("Enabled") for way in known) and not (given.get("Unauthenticated") or {}).get("Enabled")
