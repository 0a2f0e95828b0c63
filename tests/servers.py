"""Servers on loopback that tests talk to over HTTP, each in a process of its own."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress


@contextmanager
def running(module: str, *arguments: str) -> Iterator[str]:
    """`python -m module … -H 127.0.0.1 -p PORT` until the end; its URL.

    Its own process: some calls of delta-rs hold the interpreter's lock, under which a server thread cannot answer.
    """
    port = free_port()
    with serving([sys.executable, "-m", module, *arguments, "-H", "127.0.0.1", "-p", str(port)], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def serving(command: Sequence[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """A command that listens on a port of loopback until the end. Raises RuntimeError where it does not."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        _listening(server, port)
        yield
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    """A port that nobody listens on, below those that systems hand out by themselves until its server has begun."""
    while True:
        port = random.SystemRandom().randrange(10_000, 16_000)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


def _listening(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 120  # two cores may be busy
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the server did not start")
