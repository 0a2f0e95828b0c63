"""A contract server for Azure: sign-in and Blob Storage over TLS, each request held against the published description.

Method, path, parameters, API version, token and its audience are checked; what breaks the description is answered 400 and kept
in `violations`. Faults (throttles, denials, connections that break in the middle of an answer) can stand before any operation.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
import threading
import time
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.live import azure_arm
from tests.live.azure_arm import Plane
from tests.live.faults import Answering, Fault, Reset, received, serving

TENANT = "4f1c2a10-0d52-4a7e-9a1b-5f3c7e90aa01"
CLIENT = "9b7d3a52-1c44-4e0b-8a2f-6d5e4c3b2a10"
SECRET = "Zq8Q~FAKE.SECRET.KEY.MATERIAL~of.no.tenant00"
TOKEN = "<the token of the request>"
"""In the message of a fault: Azure repeats it."""

STORAGE = "https://storage.azure.com/.default"

LIST = {"restype", "comp", "prefix", "marker", "maxresults", "delimiter", "include"}
"""Parameters of List Blobs (Microsoft Learn, as of 2026-11)."""


@dataclass
class Stored:
    """A blob."""

    content: bytes
    modified: datetime

    @property
    def tag(self) -> str:
        return f"0x{hashlib.sha256(self.content).hexdigest()[:15].upper()}"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Azure:
    """The server's state: blobs, scripted answers and faults by operation, and what was asked."""

    certificate: Path
    url: str = ""
    containers: dict[str, dict[str, Stored]] = field(default_factory=lambda: defaultdict(dict))
    page: int = 5000
    tokens: dict[str, str] = field(default_factory=dict)
    answers: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    faults: dict[str, list[Fault | Reset | None]] = field(default_factory=lambda: defaultdict(list))
    asked: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    clock: datetime = datetime(2026, 10, 1, tzinfo=UTC)
    plane: Plane = field(default_factory=Plane)
    loops: dict[str, Any] = field(default_factory=dict)

    def put(self, container: str, name: str, content: bytes) -> None:
        """Each blob is a minute younger than the one before."""
        self.clock += timedelta(minutes=1)
        self.containers[container][name] = Stored(content, self.clock)

    def fail(self, operation: str, *faults: Fault | Reset) -> None:
        """The next calls fail so."""
        self.faults[operation] += faults

    def answer(self, operation: str, *answers: Any) -> None:
        """These answers, one a call; the last is repeated."""
        self.answers[operation] = list(answers)

    def loop(self, operation: str, page: Any) -> None:
        """A page that leads to itself, wherever its link leads."""
        self.answer(operation, page)
        if link := str(page.get("nextLink", "")):
            self.loops[link.removeprefix(self.url).partition("?")[0]] = page

    def next_fault(self, operation: str) -> Fault | Reset | None:
        with self.lock:
            waiting = self.faults.get(operation)
            return waiting.pop(0) if waiting else None

    def next_answer(self, operation: str) -> Any:
        with self.lock:
            scripted = self.answers[operation]
            return scripted.pop(0) if len(scripted) > 1 else scripted[0] if scripted else None


@contextmanager
def contract(folder: Path) -> Iterator[Azure]:
    """The server. Raises AssertionError at the end where a request broke the description."""
    certificate, key = certified(folder)
    with serving(_Handler, Azure(certificate), (certificate, key)) as azure:
        yield azure


def certified(folder: Path, *hosts: str) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1, and of other names of it, that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, (*hosts, "127.0.0.1")[0])])  # two of one name shadow each other
    now = datetime.now(UTC)
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([loopback, *map(x509.DNSName, hosts)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return certificate, private


class _Handler(Answering):
    def handle_any(self) -> None:
        azure: Azure = self.state
        body = received(self)
        if body is None:
            return None
        path, _, query = self.path.partition("?")
        path = urllib.parse.unquote(path)
        parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if path in azure.loops:
            return self._send(_json(azure.loops[path]))
        try:
            operation = _operation(self.command, path, parameters)
            with azure.lock:
                azure.asked[operation] += 1
                azure.requests.append((operation, {"path": path, "parameters": parameters, "body": body}))
            answer = _answered(azure, operation, path, parameters, self.headers, body)
        except ValueError as error:
            azure.violations.append(f"{self.command} {self.path}: {error}")
            return self._send(Answer(400, str(error).encode()))
        fault = azure.next_fault(operation)
        if isinstance(fault, Fault):
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            answer = _worded(operation, replace(fault, message=fault.message.replace(TOKEN, token)))
        return self._send(answer, cut=isinstance(fault, Reset))

    do_GET = do_POST = handle_any

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        self.answer(answer.status, answer.body, answer.headers, cut=cut)


def _operation(method: str, path: str, parameters: Mapping[str, str]) -> str:
    """Raises ValueError: no operation of Azure is asked so."""
    if method == "GET" and path.endswith("/v2.0/.well-known/openid-configuration"):
        return "login:Discover"
    if method == "POST" and re.fullmatch(r"/[\w-]{36}/oauth2/v2\.0/token", path):
        return "login:Token"
    if method == "GET" and path == "/api/retail/prices":
        return "prices:List"
    if method == "POST" and path.endswith("/providers/Microsoft.CostManagement/query"):
        return "costmanagement:Query"
    if found := azure_arm.operation(method, path):
        return found
    if method == "GET" and path.startswith("/costdetails/") and parameters.keys() == {"sv", "sig"}:
        return "blob:GetReport"
    if method == "GET" and re.fullmatch(r"/[a-z0-9-]+", path) and parameters.get("comp") == "list":
        return "blob:ListBlobs"
    if method == "GET" and re.fullmatch(r"/[a-z0-9-]+/.+", path) and not parameters:
        return "blob:GetBlob"
    raise ValueError("no such operation")


def _answered(azure: Azure, operation: str, path: str, parameters: Mapping[str, str], headers: Message, body: bytes) -> Answer:
    if operation == "login:Discover":
        return _json(_discovered(azure, path.split("/")[1]))
    if operation == "login:Token":
        return _token(azure, body)
    if operation == "prices:List":
        if "Authorization" in headers or parameters.get("api-version", "") != "2023-01-01-preview":
            raise ValueError("the prices are asked with a token, or in another version")
        page = azure.next_answer(operation)(parameters)
        following = str(page["NextPageLink"] or "").replace("{place}", f"{azure.url}{path}")
        return _json(page | {"NextPageLink": following or None})
    if operation == "costmanagement:Query":
        return _query(azure, parameters, headers, body)
    if azure_arm.of_plane(operation):
        _signed(azure, headers, azure_arm.audience(operation, f"{azure.url}/.default"))
        scripted = azure.next_answer(operation)
        if scripted is not None:
            azure_arm.checked(operation, path, parameters, body)
            return scripted if isinstance(scripted, Answer) else _json(scripted)
        status, document, more = azure_arm.answered(azure.plane, azure.url, operation, path, parameters, body)
        answer = _json(document, status)
        return replace(answer, headers={**answer.headers, **more})
    if operation == "blob:GetReport":
        if "Authorization" in headers or parameters["sig"] != azure_arm.SIGNATURE:
            raise ValueError("a signed address is asked with a token, or without its signature")
        return _blob(azure, path, headers)
    _signed(azure, headers, STORAGE)
    if not re.fullmatch(r"20\d\d-\d\d-\d\d", headers.get("x-ms-version", "")) or "x-ms-date" not in headers:
        raise ValueError("no x-ms-version or no x-ms-date")
    return _list(azure, path, parameters) if operation == "blob:ListBlobs" else _blob(azure, path, headers)


def _discovered(azure: Azure, tenant: str) -> dict[str, object]:
    base = f"{azure.url}/{tenant}"
    return {
        "issuer": f"{base}/v2.0",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
    }


def _token(azure: Azure, body: bytes) -> Answer:
    form = dict(urllib.parse.parse_qsl(body.decode()))
    wanted = {"grant_type": "client_credentials", "client_id": CLIENT}
    if any(form.get(name) != value for name, value in wanted.items()):
        raise ValueError(f"the sign-in asks {sorted(form)}")
    if form.get("client_secret") != SECRET:
        said = f"AADSTS7000215: Invalid client secret provided: {form.get('client_secret')}"
        return _json({"error": "invalid_client", "error_description": said}, 401)
    token = entra_token(form["scope"].removesuffix("/.default"), f"{len(azure.tokens)}")
    with azure.lock:
        azure.tokens[token] = form["scope"]
    return _json({"token_type": "Bearer", "expires_in": 3599, "access_token": token})


def entra_token(audience: str, unique: str) -> str:
    """A token as Entra ID words it; its signature is none, which nobody here checks."""
    now = int(time.time())
    claims = {"aud": audience, "iss": f"https://sts.windows.net/{TENANT}/", "iat": now - 10, "nbf": now - 10, "exp": now + 3600}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims | {"appid": CLIENT, "tid": TENANT, "uti": unique})
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts), "c2ln"])


def _signed(azure: Azure, headers: Message, scope: str) -> None:
    token = headers.get("Authorization", "").removeprefix("Bearer ")
    if scope not in azure.tokens.get(token, "").split():
        raise ValueError(f"no token for {scope}")


def _query(azure: Azure, parameters: Mapping[str, str], headers: Message, body: bytes) -> Answer:
    """Answers are scripted: a function of the definition and the page's token."""
    _signed(azure, headers, f"{azure.url}/.default")
    if parameters.get("api-version") != "2025-03-01" or parameters.keys() - {"api-version", "$skiptoken"}:
        raise ValueError(f"the query's parameters are {dict(parameters)}")
    definition = json.loads(body)
    if definition.keys() != {"type", "timeframe", "timePeriod", "dataset"} or len(definition["dataset"]["grouping"]) > 2:
        raise ValueError(f"the query's definition is {definition}")
    answer = azure.next_answer("costmanagement:Query")
    return _json(answer(definition, parameters.get("$skiptoken", "")))


def _list(azure: Azure, path: str, parameters: Mapping[str, str]) -> Answer:
    if unknown := parameters.keys() - LIST:
        raise ValueError(f"List Blobs has no parameter {sorted(unknown)}")
    container = path.strip("/")
    if container not in azure.containers:
        return _worded("blob:ListBlobs", Fault(404, "ContainerNotFound", "The specified container does not exist."))
    scripted = azure.next_answer("blob:ListBlobs")
    if scripted is not None:
        return Answer(200, scripted, {"Content-Type": "application/xml"})
    prefix, start = parameters.get("prefix", ""), int(parameters.get("marker", "0").removeprefix("page-"))
    names = sorted(name for name in azure.containers[container] if name.startswith(prefix))
    size = min(azure.page, int(parameters.get("maxresults", "5000")))
    entries = "".join(_entry(name, azure.containers[container][name]) for name in names[start : start + size])
    following = f"page-{start + size}" if start + size < len(names) else ""
    return Answer(200, listing(entries, following), {"Content-Type": "application/xml"})


def listing(entries: str, following: str) -> bytes:
    """A page of List Blobs, with the byte order mark that Azure puts before it."""
    inner = f"<Blobs>{entries}</Blobs><NextMarker>{following}</NextMarker>"
    text = f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults>{inner}</EnumerationResults>'
    return f"\ufeff{text}".encode()


def _entry(name: str, stored: Stored) -> str:
    modified = format_datetime(stored.modified, usegmt=True)
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{modified}</Last-Modified><Etag>{stored.tag}</Etag>"
        f"<Content-Length>{len(stored.content)}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
    )


def _blob(azure: Azure, path: str, headers: Message) -> Answer:
    container, _, name = path.strip("/").partition("/")
    stored = azure.containers.get(container, {}).get(name)
    if stored is None:
        return _worded("blob:GetBlob", Fault(404, "BlobNotFound", "The specified blob does not exist."))
    if headers.get("If-Match") not in (None, f'"{stored.tag}"'):
        return _worded("blob:GetBlob", Fault(412, "ConditionNotMet", "The condition specified was not met."))
    tagged = {"ETag": f'"{stored.tag}"', "Content-Type": "application/octet-stream"}
    ranged = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("x-ms-range", ""))
    if not ranged:
        return Answer(200, stored.content, tagged)
    size = len(stored.content)
    start, end = int(ranged[1]), min(int(ranged[2]), size - 1)
    if start > end:
        return _worded("blob:GetBlob", Fault(416, "InvalidRange", "The range specified is invalid."))
    return Answer(206, stored.content[start : end + 1], tagged | {"Content-Range": f"bytes {start}-{end}/{size}"})


def _json(document: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def _worded(operation: str, fault: Fault) -> Answer:
    if operation.startswith("blob:"):
        text = f"<Error><Code>{fault.code}</Code><Message>{escape(fault.message)}</Message></Error>"
        body = f'\ufeff<?xml version="1.0" encoding="utf-8"?>{text}'.encode()
        headers = {"Content-Type": "application/xml", "x-ms-error-code": fault.code}
        return Answer(fault.status, body, headers | dict(fault.headers))
    answer = _json({"error": {"code": fault.code, "message": fault.message}}, fault.status)
    return Answer(answer.status, answer.body, {**answer.headers, **dict(fault.headers)})
