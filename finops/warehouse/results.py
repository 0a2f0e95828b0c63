"""What statements say of a published snapshot, kept beside it: a snapshot never changes, so neither does the answer."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from finops.models import models
from finops.warehouse.published import Published
from finops.warehouse.storage import Storage

FOLDER = "_results"
"""Derived, and only ever of one snapshot: it may be deleted at any time."""

LARGEST = 32 * 2**20
"""Bytes of a result that is kept; one that is larger is read about as fast from its tables."""

MOST = 256 * 2**20
"""Bytes of all results together; what comes after is not kept."""


class Results:
    """Results of one snapshot by statement and parameters. Who may not write to the warehouse has none kept."""

    def __init__(self, storage: Storage, published: Published) -> None:
        files = (f"{table}/{file.path}" for table, state in sorted(published.tables.items()) for file in state.files)
        known = "\n".join((pa.__version__, *(f"{model.name} {model.hash}" for model in models()), *files))
        self._all = storage.root / FOLDER
        self._folder = self._all / f"{published.number}-{hashlib.sha256(known.encode()).hexdigest()[:16]}"
        self._there = published.number > 0 and storage.root.is_dir()

    def find(self, sql: str, params: Mapping[str, object]) -> pa.Table | None:
        """The kept result; None where there is none, or where it is damaged."""
        try:
            with pa.memory_map(str(self._path(sql, params))) as file:
                return pa.ipc.open_file(file).read_all()
        except (OSError, pa.ArrowInvalid):
            return None

    def keep(self, sql: str, params: Mapping[str, object], result: pa.Table) -> None:
        """Keep it for whoever asks next; the results of other snapshots go."""
        if not self._there or result.nbytes > LARGEST:
            return
        try:
            self._begin()
            if sum(path.stat().st_size for path in self._folder.iterdir()) + result.nbytes > MOST:
                return
            handle, partial = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "wb") as out, pa.ipc.new_file(out, result.schema) as writer:
                writer.write_table(result)
            Path(partial).rename(self._path(sql, params))
        except OSError:  # no space, or not ours to write: the answer is right all the same
            return

    def _begin(self) -> None:
        if self._folder.is_dir():
            return
        self._folder.mkdir(parents=True)
        for other in self._all.iterdir():
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

    def _path(self, sql: str, params: Mapping[str, object]) -> Path:
        asked = "\n".join((sql, *(f"{name} = {value!r}" for name, value in sorted(params.items()))))
        return self._folder / f"{hashlib.sha256(asked.encode()).hexdigest()}.arrow"
