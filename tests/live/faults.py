"""What contract servers have in common: how they start, how they answer, and how they may fail.

An error in the provider's words, or a connection that breaks in the middle of an answer.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Fault:
    """An error in the provider's words. Headers come with it."""

    status: int
    code: str
    message: str = "said by the contract server"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reset:
    """The answer, cut after half of its body by a reset of the connection."""


class Store(Protocol):
    """Object storage: a contract server's own, or an emulator's."""

    def put(self, container: str, name: str, content: bytes, /) -> None: ...


def received(handler: BaseHTTPRequestHandler) -> bytes | None:
    """The request's body; None where who sent it died before it was whole."""
    size = int(handler.headers.get("Content-Length") or 0)
    body = handler.rfile.read(size)
    handler.close_connection |= len(body) < size
    return body if len(body) == size else None


class Answering(BaseHTTPRequestHandler):
    """A handler whose answers may break off. `state` is what its server was started with."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    @property
    def state(self) -> Any:
        return self.server.state  # type: ignore[attr-defined]

    def answer(self, status: int, body: bytes, headers: Mapping[str, str], *, cut: bool = False) -> None:
        """The answer; `cut`: as `Reset` has it."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True


@contextmanager
def serving(handler: type[Answering], state: Any, tls: tuple[Path, Path] | None = None) -> Iterator[Any]:
    """The state, with the address in `url`. Raises AssertionError at the end where a request broke the description.

    tls  certificate and key; without them the server speaks HTTP
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    state.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    server.state = state  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield state
        assert not state.violations, state.violations
    finally:
        server.shutdown()
        server.server_close()
