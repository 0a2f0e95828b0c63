"""What a source in a cluster may set: where Prometheus and OpenCost answer, which cluster it is, what its pools are called."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from finops.connect import ConnectorSettings

HTTP = r"^https?://[^?#@\s]+$"
"""An address without a query, a fragment, or credentials in it."""


class KubernetesSettings(ConnectorSettings):
    """A bearer token is read from the environment or a file, and sent over TLS only, or to this machine. HTTPS_PROXY counts."""

    url: Annotated[
        str | None,
        Field(
            pattern=HTTP,
            description="Prometheus, or what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics).",
            examples=["https://prometheus.example.com"],
        ),
    ] = None
    opencost_url: Annotated[
        str | None, Field(pattern=HTTP, description="OpenCost.", examples=["https://opencost.example.com"])
    ] = None
    cluster: Annotated[str, Field(min_length=1, description="The cluster's id on the bill, or its name.")] = "cluster"
    selector: Annotated[
        str,
        Field(
            pattern=r'^(\w+(=|!=|=~|!~)"[^"\\]*"(, ?)?)*$',
            description="Label matchers that every query gets, where one Prometheus holds several clusters.",
            examples=['cluster="prod"'],
        ),
    ] = ""
    pool_label: Annotated[
        str,
        Field(
            pattern=r"^\w*$",
            description="Label of kube_node_labels that names a node's pool. Default: the cluster is one pool.",
            examples=["label_eks_amazonaws_com_nodegroup"],
        ),
    ] = ""
    pools: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            description="Pool → its id on the bill. Others are called cluster/pool.",
            examples=[{"cpu": "arn:aws:eks:us-east-1:123456789012:nodegroup/prod/cpu/0a1b"}],
        ),
    ]
    tenant: Annotated[
        str | None, Field(pattern=r"^[\w.|-]+$", description="Tenant (header X-Scope-OrgID).", examples=["platform"])
    ] = None
    token_variable: Annotated[
        str, Field(pattern=r"^\w+$", description="Environment variable with the bearer token, if there is one.")
    ] = "FINOPS_PROMETHEUS_TOKEN"  # noqa: S105 — the variable's name
    token_file: Annotated[
        str | None,
        Field(
            description="File with the bearer token, read anew for each request (tokens of service accounts rotate).",
            examples=["/var/run/secrets/kubernetes.io/serviceaccount/token"],
        ),
    ] = None
    ca_file: Annotated[
        str | None, Field(description="Certificates that sign the server's. Default: the system's.", examples=["/etc/ca.pem"])
    ] = None
    client_certificate_file: Annotated[
        str | None, Field(description="Certificate that we show, with its key in one file.", examples=["/etc/finops.pem"])
    ] = None
    retries: Annotated[int, Field(ge=1, le=20, description="Most attempts of one request, the first included.")] = 5
    timeout_s: Annotated[int, Field(ge=1, description="Seconds without an answer after which a request is repeated.")] = 60
