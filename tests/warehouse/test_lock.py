"""The writer lock: what a dead holder left behind is taken over, by one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from finops.errors import BusyError
from finops.warehouse.lock import LOCK, Holder, writer_lock
from finops.warehouse.storage import Storage

SAID: list[str] = []


def dead() -> bytes:
    """What a process of this machine that is gone left in the lock."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return json.dumps(asdict(replace(Holder.me(), pid=process.pid))).encode()


def bucket(folder: Path) -> Storage:
    return Storage("memory://bills", folder, True, MemoryStore())


def test_a_dead_holder_on_disk_is_none(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_bytes(dead())
    with writer_lock(Storage.at(str(tmp_path)), 0, SAID.append):
        assert Holder(**json.loads((tmp_path / LOCK).read_text())).pid == Holder.me().pid


def test_a_dead_holder_in_a_bucket_is_followed_and_the_lock_released(tmp_path: Path) -> None:
    storage = bucket(tmp_path)
    storage.create(LOCK, dead())
    with writer_lock(storage, 0, SAID.append):
        assert Holder(**json.loads(storage.read(LOCK) or b"")) == replace(Holder.me(), since=_since(storage))
        with pytest.raises(BusyError, match="has been writing since"), writer_lock(storage, 0, SAID.append):
            pass
    assert storage.read(LOCK) is None


def test_of_two_that_find_the_same_dead_holder_one_takes_over(tmp_path: Path) -> None:
    storage = bucket(tmp_path)
    storage.create(LOCK, dead())
    first, second = storage.stamped(LOCK), storage.stamped(LOCK)
    assert first is not None
    assert second is not None
    assert storage.supersede(LOCK, first[1], b"first")
    assert not storage.supersede(LOCK, second[1], b"second")
    assert storage.read(LOCK) == b"first"


def test_a_holder_on_another_machine_is_never_presumed_dead(tmp_path: Path) -> None:
    storage = bucket(tmp_path)
    storage.create(LOCK, json.dumps(asdict(Holder(1, "elsewhere", "2026-01-01T00:00:00+00:00"))).encode())
    with pytest.raises(BusyError, match="process 1 on elsewhere") as busy, writer_lock(storage, 0, SAID.append):
        pass
    assert "remove memory://bills/_lock if that machine is gone" in busy.value.hint


def _since(storage: Storage) -> str:
    return str(json.loads(storage.read(LOCK) or b"")["since"])
