"""What statements say of published tables, kept beside them: files never change, so neither does what is said of them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa

from finops.models import models
from finops.warehouse.published import Published
from finops.warehouse.storage import Storage

FOLDER = "_results"
"""Derived: it may be deleted at any time."""

LARGEST = 32 * 2**20
"""Bytes of a result that is kept; one that is larger is read about as fast from its tables."""

MOST = 256 * 2**20
"""Bytes of all results together; beyond, the oldest go."""


class Results:
    """Results by statement, parameters and what the statement reads. Who may not write to the warehouse has none kept.

    left_out  sources whose bills the statements do not see
    """

    def __init__(self, storage: Storage, published: Published, left_out: Sequence[str] = ()) -> None:
        self._left_out = left_out
        self._folder = storage.root / FOLDER
        self._there = published.number > 0 and storage.root.is_dir()
        self._published = published

    def path(self, sql: str, params: Mapping[str, object], reads: Iterable[str]) -> Path:
        """Where the result is, if it is kept. `reads`: the tables and models that the statement comes to read."""
        asked = [
            pa.__version__,
            sql,
            *(f"without {source}" for source in self._left_out),
            *(f"{name} = {value!r}" for name, value in sorted(params.items())),
        ]
        asked += [f"{name} {self._version(name)}" for name in sorted(reads)]
        return self._folder / f"{hashlib.sha256(chr(10).join(asked).encode()).hexdigest()}.arrow"

    def find(self, path: Path) -> pa.Table | None:
        """The kept result; None where there is none, or where it is damaged."""
        try:
            with pa.memory_map(str(path)) as file:
                return pa.ipc.open_file(file).read_all()
        except (OSError, pa.ArrowInvalid):
            return None

    def keep(self, path: Path, result: pa.Table) -> None:
        """Keep it for whoever asks the same next."""
        if not self._there or result.nbytes > LARGEST:
            return
        try:
            self._folder.mkdir(exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "wb") as out, pa.ipc.new_file(out, result.schema) as writer:
                writer.write_table(result)
            Path(partial).rename(path)
            self._bounded()
        except OSError:  # no space, or not ours to write: the answer is right all the same
            return

    def _bounded(self) -> None:
        found = sorted((file.stat().st_mtime, file.stat().st_size, file) for file in self._folder.iterdir())
        excess = sum(size for _, size, _ in found) - MOST
        for _, size, file in found:
            if excess <= 0:
                return
            file.unlink(missing_ok=True)
            excess -= size

    def _version(self, name: str) -> str:
        """What the content of a table or model depends on, beside what it reads itself."""
        state = self._published.tables.get(name)
        files = sorted(file.path for file in state.files) if state else []
        return f"{_hashes().get(name, '')} {' '.join(files)}"


@cache
def _hashes() -> dict[str, str]:
    return {model.name: model.hash for model in models()}
