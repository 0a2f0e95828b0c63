"""A contract server for Google's services that speak gRPC: a real gRPC server, over TLS, with the packages' own messages.

The path of a call must be one that the installed client sends, its message must parse without an unknown field, the routing
header must name what is asked, and the token must be a service account's own signature or one that was given out. What breaks
that is answered INVALID_ARGUMENT and kept in `violations`. Before the server stands a relay, which can break a connection in
the middle of an answer.
"""

from __future__ import annotations

import inspect
import socket
import struct
import threading
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import jwt
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.protobuf.unknown_fields import UnknownFieldSet
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from tests.live.faults import Fault, Reset
from tests.live.google_rest import IMPERSONATED, TOKEN

TRANSPORTS = {
    "google.cloud.asset.v1.AssetService": "google.cloud.asset_v1.services.asset_service.transports.grpc",
    "google.monitoring.v3.MetricService": "google.cloud.monitoring_v3.services.metric_service.transports.grpc",
    "google.cloud.billing.v1.CloudCatalog": "google.cloud.billing_v1.services.cloud_catalog.transports.grpc",
    "google.cloud.recommender.v1.Recommender": "google.cloud.recommender_v1.services.recommender.transports.grpc",
}
REQUIRED = {
    "ListAssets": ("parent",),
    "ListTimeSeries": ("name", "filter", "interval", "aggregation"),
    "ListServices": (),
    "ListSkus": ("parent",),
    "ListRecommendations": ("parent",),
}
MOST = {"ListAssets": 1000, "ListTimeSeries": 100_000, "ListSkus": 5000, "ListServices": 5000, "ListRecommendations": 1000}
STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}
Answer = Callable[[Any], list[Any]]
"""The request → all elements of the list that it asks for."""


class Violation(Exception):
    """A request that breaks the description."""


@dataclass
class Google:
    """The server's state. `lists`: call → what answers it; `fields`: call → the repeated field of its answer."""

    public: bytes = b""
    target: str = ""
    lists: dict[str, Answer] = field(default_factory=dict)
    faults: dict[str, list[Fault | Reset]] = field(default_factory=lambda: defaultdict(list))
    asked: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    page: int = 50
    endless: set[str] = field(default_factory=set)
    break_next: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    beside: list[Any] = field(default_factory=list)
    """Handlers of calls that are no listings."""

    def answer(self, call: str, answer: Answer) -> None:
        self.lists[call] = answer

    def fail(self, call: str, *faults: Fault | Reset) -> None:
        self.faults[call] += faults

    def next_fault(self, call: str) -> Fault | Reset | None:
        with self.lock:
            waiting = self.faults.get(call) or self.faults.get("*")
            return waiting.pop(0) if waiting else None


@cache
def certificate() -> tuple[bytes, bytes]:
    """Key and certificate of localhost: one a process, for gRPC reads its roots once."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret, signed.public_bytes(serialization.Encoding.PEM)


@cache
def public_key(private: str) -> bytes:
    """The half of a service account's key that Google keeps."""
    key = serialization.load_pem_private_key(private.encode(), None)
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@contextmanager
def google(roots: Path) -> Iterator[Google]:
    """The server. Raises AssertionError at the end where a request broke the description."""
    state = Google()
    secret, public = certificate()
    roots.write_bytes(public)
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_Handler(state),))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(secret, public)]))
    server.start()
    relay = _Relay(state, port)
    state.target = f"localhost:{relay.port}"
    try:
        yield state
        assert not state.violations, state.violations
    finally:
        relay.close()
        server.stop(None).wait()


class _Handler:
    """A generic handler, which the library knows by its method."""

    def __init__(self, state: Google) -> None:
        self.state = state

    def service(self, details: Any) -> Any:
        for other in self.state.beside:
            if (handler := other(details)) is not None:
                return handler

        def answered(body: bytes, context: Any) -> bytes:
            return self._answered(details.method, dict(details.invocation_metadata), body, context)

        return grpc.unary_unary_rpc_method_handler(answered)

    def _answered(self, path: str, metadata: dict[str, str], body: bytes, context: Any) -> bytes:
        call = path.rpartition("/")[2]
        with self.state.lock:
            self.state.asked[call] += 1
        try:
            request, empty = _understood(self.state, path, metadata, body)
        except Violation as error:
            self.state.violations.append(f"{path}: {error}")
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        self.state.requests.append((call, request))
        fault = self.state.next_fault(call)
        if isinstance(fault, Fault):
            refuse(context, fault)
        if isinstance(fault, Reset):
            self.state.break_next.set()
        try:
            answer = _page(self.state, call, request, empty)
        except Violation as error:
            self.state.violations.append(f"{path}: {error}")
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return bytes(answer.SerializeToString())


def _understood(state: Google, path: str, metadata: dict[str, str], body: bytes) -> tuple[Any, Any]:
    """The message, and an empty answer."""
    service, _, call = path.strip("/").rpartition("/")
    if service not in TRANSPORTS or f'"{path}"' not in inspect.getsource(import_module(TRANSPORTS[service])):
        raise Violation("the client sends no such call")
    signed(state, metadata.get("authorization", ""))
    package = service.rpartition(".")[0]
    request, answer = (_message(f"{package}.{call}{suffix}") for suffix in ("Request", "Response"))
    request.ParseFromString(body)
    if len(UnknownFieldSet(request)):
        raise Violation("a field that the message does not have")
    given = {each.name for each, _ in request.ListFields()}
    if absent := set(REQUIRED[call]) - given:
        raise Violation(f"without {sorted(absent)}")
    first = REQUIRED[call][0] if REQUIRED[call] else ""
    routed = dict(urllib.parse.parse_qsl(metadata.get("x-goog-request-params", "")))
    if first and routed != {first: getattr(request, first)}:
        raise Violation(f"routed to {routed}")
    if request.page_size > MOST[call]:
        raise Violation(f"a page of {request.page_size}")
    return request, answer


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))()


def signed(state: Google, header: str) -> None:
    token = header.removeprefix("Bearer ")
    if token in (TOKEN, IMPERSONATED):
        return
    try:
        claims = jwt.decode(token, certs=state.public)
    except (ValueError, TypeError) as error:
        raise Violation("no signature of the service account") from error
    if "cloud-platform" not in claims.get("scope", ""):
        raise Violation("a token without scope")


def _page(state: Google, call: str, request: Any, answer: Any) -> Any:
    """The elements from the token on, as many as asked for and no more than the server gives."""
    found = state.lists[call](request) if call in state.lists else []
    most = min(request.page_size or 100, state.page)
    start = int(request.page_token or 0)
    (name,) = [
        each.name for each in answer.DESCRIPTOR.fields if each.message_type and each.is_repeated and each.name != "unreachable"
    ][:1]
    getattr(answer, name).extend(found[start : start + most])
    if call in state.endless:
        answer.next_page_token = str(min(len(found), 1))
    elif start + most < len(found):
        answer.next_page_token = str(start + most)
    return answer


def refuse(context: Any, fault: Fault) -> None:
    """With RetryInfo where the fault has a Retry-After."""
    details = []
    for name, value in fault.headers:
        if name == "Retry-After":
            packed = Packed()
            packed.Pack(error_details_pb2.RetryInfo(retry_delay=Duration(nanos=int(float(value) * 1e9))))
            details.append(packed)
    code = STATUS[fault.status]
    status = status_pb2.Status(code=code.value[0], message=fault.message, details=details)
    context.abort_with_status(rpc_status.to_status(status))


class _Relay:
    """Bytes to and fro. Once `break_next` is set, half of what the server says next goes through, then a reset."""

    def __init__(self, state: Google, port: int) -> None:
        self.state, self.upstream = state, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in (self.listener, *self.open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.upstream))
            self.open += [client, server]
            for pair in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if back and self.state.break_next.is_set():
                    self.state.break_next.clear()
                    sink.sendall(data[: len(data) // 2])
                    sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
