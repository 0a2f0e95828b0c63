"""A contract server for AWS: every request is held against botocore's own description of the service.

Method, path, target or action, API version, signature header and every parameter are checked; what breaks the description is
answered 400 and kept in `violations`. Answers are scripted, in the provider's own wire format; what is not scripted goes on
to an emulator. Faults (throttles, denials, connections that break in the middle of an answer) can stand before both.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import threading
import time
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.model
import botocore.session
from botocore.model import OperationModel
from botocore.validate import ParamValidator
from moto.core.model import ServiceModel
from moto.core.serialize import get_serializer_class

from connectors.aws.session import action
from tests.live.faults import Fault, Reset, received

SERVICES = {
    "ce": "ce",
    "monitoring": "cloudwatch",
    "elasticloadbalancing": "elbv2",
    "es": "opensearch",
}
"""Signing name → botocore's name, where they differ (or where several services share one)."""


UNKNOWN_TO_THE_EMULATOR: dict[str, dict[str, Any]] = {
    "ce:GetReservationUtilization": {"UtilizationsByTime": []},
    "ce:GetSavingsPlansUtilizationDetails": {
        "SavingsPlansUtilizationDetails": [],
        "TimePeriod": {"Start": "2026-10-01", "End": "2026-11-01"},
    },
    "savingsplans:DescribeSavingsPlans": {"savingsPlans": []},
    "savingsplans:DescribeSavingsPlansOfferingRates": {"searchResults": []},
    "pricing:GetProducts": {"FormatVersion": "aws_v1", "PriceList": []},
    "ec2:DescribeReservedInstances": {"ReservedInstances": []},
    "rds:DescribeReservedDBInstances": {"ReservedDBInstances": []},
    "elasticache:DescribeReservedCacheNodes": {"ReservedCacheNodes": []},
    "redshift:DescribeReservedNodes": {"ReservedNodes": []},
    "memorydb:DescribeReservedNodes": {"ReservedNodes": []},
    "es:DescribeReservedInstances": {"ReservedInstances": []},
    "cost-optimization-hub:ListEnrollmentStatuses": {"items": [{"accountId": "123456789012", "status": "Active"}]},
    "cost-optimization-hub:ListRecommendations": {"items": []},
    "compute-optimizer:GetEnrollmentStatus": {"status": "Active"},
    "compute-optimizer:GetIdleRecommendations": {"idleRecommendations": []},
    "compute-optimizer:GetEC2InstanceRecommendations": {"instanceRecommendations": []},
    "compute-optimizer:GetEBSVolumeRecommendations": {"volumeRecommendations": []},
    "compute-optimizer:GetLambdaFunctionRecommendations": {"lambdaFunctionRecommendations": []},
    "compute-optimizer:GetAutoScalingGroupRecommendations": {"autoScalingGroupRecommendations": []},
    "compute-optimizer:GetECSServiceRecommendations": {"ecsServiceRecommendations": []},
    "compute-optimizer:GetRDSDatabaseRecommendations": {"rdsDBRecommendations": []},
    "ce:GetReservationPurchaseRecommendation": {"Recommendations": []},
    "ce:GetSavingsPlansPurchaseRecommendation": {"SavingsPlansPurchaseRecommendation": {}},
    "ce:GetRightsizingRecommendation": {"RightsizingRecommendations": []},
    "sagemaker:ListSpaces": {"Spaces": []},
    "sagemaker:ListApps": {"Apps": []},
    "bedrock:ListProvisionedModelThroughputs": {"provisionedModelSummaries": []},
}
"""Operations that have only met this server (connectors/aws/README.md says so), and what they answer unless scripted."""


@dataclass
class Aws:
    """The server's state: scripted answers and faults by permission, and what was asked."""

    url: str
    upstream: str
    answers: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    faults: dict[str, list[Fault | Reset]] = field(default_factory=lambda: defaultdict(list))
    asked: Counter[str] = field(default_factory=Counter)
    arrivals: list[tuple[str, float]] = field(default_factory=list)  # permission, seconds of the monotonic clock
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    denied: dict[str, str] = field(default_factory=dict)  # region → the words of a policy that denies everything there
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, permission: str, *pages: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """These answers, one a call, or what makes one of the parameters; the last is repeated.

        `ACCOUNT PERMISSION` is what this member account alone answers.
        """
        self.answers[permission] = list(pages)

    def fail(self, permission: str, *faults: Fault | Reset) -> None:
        """The next calls fail so; `*` is every operation."""
        self.faults[permission] += faults

    def forget(self) -> None:
        """What was asked, and faults that are left."""
        self.asked.clear()
        self.requests.clear()
        self.arrivals.clear()
        self.faults.clear()

    def next_fault(self, permission: str) -> Fault | Reset | None:
        with self.lock:
            waiting = self.faults.get(permission) or self.faults.get("*")
            return waiting.pop(0) if waiting else None

    def next_answer(self, permission: str, asked: dict[str, Any], account: str = "") -> dict[str, Any] | None:
        with self.lock:
            pages = self.answers.get(f"{account} {permission}") or self.answers.get(permission)
            if not pages:
                return UNKNOWN_TO_THE_EMULATOR.get(permission)
            page = pages.pop(0) if len(pages) > 1 else pages[0]
        answer: dict[str, Any] = page(asked) if callable(page) else page
        return answer


@contextmanager
def contract(upstream: str) -> Iterator[Aws]:
    """The server, before the emulator at `upstream`. Raises AssertionError at the end where a request broke the description."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    aws = Aws(f"http://127.0.0.1:{server.server_address[1]}", upstream)
    server.aws = aws  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield aws
        assert not aws.violations, aws.violations
    finally:
        server.shutdown()
        server.server_close()


ASSUMED = "ASIA"


def assume_any_role(cloud: Aws) -> None:
    """Every role is given, and what it then asks is known to be its account's."""

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        key = {"AccessKeyId": ASSUMED + asked["RoleArn"].split(":")[4], "SecretAccessKey": "s" * 40, "SessionToken": "t" * 40}
        role = {"AssumedRoleId": f"{key['AccessKeyId']}:finops", "Arn": asked["RoleArn"]}
        return {"Credentials": key | {"Expiration": "2099-01-01T00:00:00Z"}, "AssumedRoleUser": role}

    cloud.answer("sts:AssumeRole", answer)


def assumed(authorization: str) -> str:
    """The account whose role signed; '' for the connection's own."""
    return authorization.partition(f"Credential={ASSUMED}")[2]


@cache
def descriptions() -> Any:
    """botocore's loader, which keeps what it has read: EC2's description takes half a second."""
    return botocore.session.get_session().get_component("data_loader")


@cache
def _model(service: str) -> Any:
    return botocore.model.ServiceModel(descriptions().load_service_model(service, "service-2"), service)


@cache
def _answers(service: str) -> ServiceModel:
    """The same as the emulator's serializers take it."""
    return ServiceModel(descriptions().load_service_model(service, "service-2"), service)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def handle_any(self) -> None:
        aws: Aws = self.server.aws  # type: ignore[attr-defined]
        body = received(self)
        if body is None:
            return None
        try:
            operation, parameters = _understood(self.command, self.path, dict(self.headers), body)
        except ValueError as error:
            aws.violations.append(f"{self.command} {self.path}: {error}")
            return self._send(400, str(error).encode(), {})
        service = operation.service_model.service_name
        permission = action(service, operation.name)
        with aws.lock:
            aws.asked[permission] += 1
            aws.arrivals.append((permission, time.monotonic()))
            aws.requests.append((permission, parameters))
        fault = aws.next_fault(permission)
        key, *_, region, _ = self.headers.get("Authorization", "").partition("/aws4_request")[0].split("/")
        if region in aws.denied:
            fault = Fault(403, "UnauthorizedOperation", aws.denied[region])
        if isinstance(fault, Fault):
            return self._send(fault.status, *_fault_body(operation, fault))
        scripted = aws.next_answer(permission, parameters, assumed(key)) if fault is None else None
        if scripted is not None:
            return self._send(200, *_serialised(service, operation.name, scripted))
        return self._forward(aws.upstream, body, cut=isinstance(fault, Reset))

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_any

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _forward(self, upstream: str, body: bytes, *, cut: bool) -> None:
        host = urllib.parse.urlsplit(upstream).netloc
        connection = http.client.HTTPConnection(host, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        if not cut:
            headers = dict(answer.getheaders())
            if self.command == "HEAD":
                self.send_response(answer.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                return self.end_headers()
            return self._send(answer.status, content, headers)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        return None


def _understood(method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[OperationModel, dict[str, Any]]:
    """The operation and its parameters. Raises ValueError: what the description does not allow."""
    found = re.search(
        r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([\w-]+)/([\w-]+)/aws4_request, SignedHeaders=\S+, Signature=[0-9a-f]{64}",
        headers.get("Authorization", ""),
    )
    if not found:
        raise ValueError("no signature")
    service = SERVICES.get(found[2], found[2])
    path, _, query = target.partition("?")
    if service == "s3":
        return _s3(method, path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True)))
    form = (
        dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if "Action=" in body[:4000].decode("utf-8", "replace")
        else {}
    )
    if service == "elbv2" and form.get("Version") == _model("elb").api_version:
        service = "elb"
    model = _model(service)
    protocol = model.resolved_protocol
    if protocol in ("query", "ec2"):
        return _query(model, method, form)
    if protocol == "json":
        return _json(model, method, headers, body)
    return _rest(model, method, path, query, body)


def _query(model: Any, method: str, form: dict[str, str]) -> tuple[OperationModel, dict[str, Any]]:
    if method != "POST" or form.get("Version") != model.api_version:
        raise ValueError(f"{method}, version {form.get('Version')} instead of {model.api_version}")
    operation = model.operation_model(_named(form.get("Action", ""), model))
    members = operation.input_shape.members if operation.input_shape else {}
    allowed = {name.lower() for name in members}
    for name, shape in members.items():
        spelt = {shape.serialization.get("queryName"), shape.serialization.get("name"), name}
        allowed |= {str(each).lower() for each in spelt if each}
    unknown = {name.split(".")[0] for name in form} - {"Action", "Version"}
    if wrong := [name for name in unknown if name.lower() not in allowed]:
        raise ValueError(f"{operation.name} has no parameter {wrong}")
    return operation, {name: value for name, value in form.items() if name not in ("Action", "Version")}


def _json(model: Any, method: str, headers: dict[str, str], body: bytes) -> tuple[OperationModel, dict[str, Any]]:
    prefix, _, name = headers.get("X-Amz-Target", "").rpartition(".")
    if method != "POST" or prefix != model.metadata["targetPrefix"]:
        raise ValueError(f"{method}, target {prefix} instead of {model.metadata['targetPrefix']}")
    operation = model.operation_model(_named(name, model))
    return operation, _valid(operation, json.loads(body or b"{}"))


def _rest(model: Any, method: str, path: str, query: str, body: bytes) -> tuple[OperationModel, dict[str, Any]]:
    for name in model.operation_names:
        operation = model.operation_model(name)
        uri = operation.http["requestUri"].partition("?")[0]
        pattern = re.sub(r"\\\{(\w+)\\?\+?\\\}", r"(?P<\1>[^/]+)", re.escape(uri))
        match = re.fullmatch(pattern.rstrip("/") + "/?", urllib.parse.unquote(path))
        if match and operation.http["method"] == method:
            members = operation.input_shape.members if operation.input_shape else {}
            spelt = {s.serialization.get("name", n): n for n, s in members.items() if s.serialization.get("location")}
            given = {**match.groupdict(), **dict(urllib.parse.parse_qsl(query))}
            if wrong := given.keys() - spelt.keys():
                raise ValueError(f"{name} has no parameter {wrong}")
            in_body = json.loads(body) if body else {}
            unknown = in_body.keys() - members.keys()
            if unknown:
                raise ValueError(f"{name} has no parameter {unknown}")
            return operation, {**given, **in_body}
    raise ValueError(f"{model.service_name} has no {method} {path}")


def _s3(method: str, path: str, query: dict[str, str]) -> tuple[OperationModel, dict[str, Any]]:
    key = path.strip("/").partition("/")[2]
    name = {
        ("GET", False): "ListObjectsV2" if "list-type" in query else "ListBuckets",
        ("GET", True): "GetObject",
        ("HEAD", True): "HeadObject",
        ("PUT", True): "PutObject",
        ("PUT", False): "CreateBucket",
    }.get((method, bool(key)))
    for word, operation in (
        ("lifecycle", "GetBucketLifecycleConfiguration"),
        ("location", "GetBucketLocation"),
        ("versioning", "GetBucketVersioning"),
        ("tagging", "GetBucketTagging"),
        ("object-lock", "GetObjectLockConfiguration"),
    ):
        if word in query:
            name = operation if method == "GET" else operation.replace("Get", "Put", 1)
            if method == "DELETE":
                name = "DeleteBucketLifecycle"
    if name is None:
        raise ValueError("no operation of S3 that is known here")
    return _model("s3").operation_model(name), query


def _named(name: str, model: Any) -> str:
    if name not in model.operation_names:
        raise ValueError(f"{model.service_name} has no operation {name!r}")
    return name


def _valid(operation: OperationModel, parameters: dict[str, Any]) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return parameters
    if unknown := parameters.keys() - shape.members.keys():
        raise ValueError(f"{operation.name} has no parameter {unknown}")
    report = ParamValidator().validate(_timed(parameters, shape), shape)
    if report.has_errors():
        raise ValueError(f"{operation.name}: {report.generate_report()}")
    return parameters


def _timed(value: Any, shape: Any) -> Any:
    """Blobs and timestamps travel as text and numbers; the validator wants both as they are given."""
    if shape.type_name == "structure" and isinstance(value, dict):
        return {k: _timed(v, shape.members[k]) if k in shape.members else v for k, v in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_timed(v, shape.member) for v in value]
    return value


def _serialised(service: str, operation: str, answer: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    protocol = _model(service).resolved_protocol
    serializer = get_serializer_class(service, protocol)(operation_model=_answers(service).operation_model(operation))
    result = serializer.serialize(answer)
    body = result["body"]
    return body.encode() if isinstance(body, str) else body, dict(result["headers"])


def _fault_body(operation: OperationModel, fault: Fault) -> tuple[bytes, dict[str, str]]:
    protocol = operation.service_model.resolved_protocol
    more = dict(fault.headers)
    if protocol in ("json", "rest-json"):
        body = json.dumps({"__type": fault.code, "message": fault.message}).encode()
        return body, {"x-amzn-ErrorType": fault.code, "Content-Type": "application/json", **more}
    inner = f"<Code>{fault.code}</Code><Message>{fault.message}</Message>"
    wrapped = {
        "ec2": f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>1</RequestID></Response>",
        "query": f"<ErrorResponse><Error>{inner}</Error><RequestId>1</RequestId></ErrorResponse>",
    }.get(protocol, f"<Error>{inner}</Error>")
    return wrapped.encode(), {"Content-Type": "text/xml", **more}
