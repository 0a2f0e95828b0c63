"""One writer a warehouse: a file lock on disk, a conditionally created object on an object store."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from finops.errors import BusyError
from finops.warehouse.storage import Storage

LOCK = "_lock"
POLL_S = 0.2
"""Seconds between two attempts: short against a load, long against the cost of one request."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock."""

    pid: int
    host: str
    since: str

    @classmethod
    def me(cls) -> Holder:
        return cls(os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def is_dead(self) -> bool:
        """True only where it can be known: the process was on this machine and is gone."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def busy(self, storage: Storage) -> BusyError:
        gone = f", or remove {storage.url}/{LOCK} if that machine is gone" if storage.remote else ""
        what = f"process {self.pid} on {self.host} has been writing since {self.since}"
        return BusyError(what, where=storage.url, hint=f"wait for it to end{gone}")


@contextmanager
def writer_lock(storage: Storage, wait_s: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the warehouse's only writer lock. Raises BusyError, naming the holder, after `wait_s` seconds."""
    with _remote(storage, wait_s, say) if storage.remote else _local(storage, wait_s, say):
        yield


@contextmanager
def _local(storage: Storage, wait_s: float, say: Callable[[str], None]) -> Iterator[None]:
    """The kernel releases a file lock when its process ends, however it ends: a stale lock cannot be."""
    storage.root.mkdir(parents=True, exist_ok=True)
    with (storage.root / LOCK).open("a+") as file:
        _until(lambda: _flock(file), lambda: _holder(Path(file.name).read_bytes()), storage, wait_s, say)
        file.truncate(0)
        file.write(json.dumps(asdict(Holder.me())))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _flock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _remote(storage: Storage, wait_s: float, say: Callable[[str], None]) -> Iterator[None]:
    mine = json.dumps(asdict(Holder.me())).encode()

    def take() -> bool:
        if storage.create(LOCK, mine):
            return True
        found = storage.stamped(LOCK)
        # Overwritten only as it was read: of two that find the same dead holder, one takes over.
        return found is not None and _holder(found[0]).is_dead and storage.supersede(LOCK, found[1], mine)

    _until(take, lambda: _holder(storage.read(LOCK) or b""), storage, wait_s, say)
    try:
        yield
    finally:
        storage.delete(LOCK)


def _until(
    take: Callable[[], bool], holder: Callable[[], Holder], storage: Storage, wait_s: float, say: Callable[[str], None]
) -> None:
    deadline = time.monotonic() + wait_s
    told = False
    while not take():
        if time.monotonic() >= deadline:
            raise holder().busy(storage)
        if not told:
            say(f"waiting for process {holder().pid} on {holder().host}, which writes to the warehouse")
            told = True
        time.sleep(POLL_S)


def _holder(document: bytes) -> Holder:
    """A lock that is being written or released names nobody yet."""
    return Holder(**json.loads(document)) if document else Holder(0, "an unnamed machine", "a moment ago")
