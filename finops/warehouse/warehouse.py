"""A warehouse: a folder or an object-store URL of Delta Lake tables, read and written by embedded DuckDB."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from finops.warehouse import published as snapshots
from finops.warehouse.diff import diff
from finops.warehouse.lock import writer_lock
from finops.warehouse.published import Published
from finops.warehouse.reader import Reader
from finops.warehouse.storage import Storage

if TYPE_CHECKING:
    from finops.warehouse.writer import Writer

__all__ = ["Published", "Reader", "Warehouse", "Writer"]

SHARE_OF_MEMORY = 4
"""The engine may use a quarter of the machine: a dashboard, a load and the rest run beside each other."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Where it is, and how much memory the engine may use."""

    storage: Storage
    memory_limit: str

    @classmethod
    def open(cls, url: str, *, memory_limit: str | None = None, storage_options: Mapping[str, str] | None = None) -> Warehouse:
        """Open a folder or URL. Credentials come from the environment unless `storage_options` names an endpoint."""
        return cls(Storage.at(url, storage_options), memory_limit or _quarter_of_memory())

    def published(self, number: int | None = None) -> Published:
        """A snapshot, by default the last; number 0 where nothing is published. Raises ConfigError."""
        return snapshots.load(self.storage, number)

    def published_by(self, day: date) -> Published:
        """The last snapshot that was published by the end of that UTC day."""
        return snapshots.before(self.storage, day)

    def snapshot(self, number: int | None = None) -> Reader:
        """A reader of one snapshot, for whoever keeps it open; `close` it when done."""
        return Reader(self.storage, self.published(number), self.memory_limit)

    @contextmanager
    def reader(self, number: int | None = None) -> Iterator[Reader]:
        """Read one snapshot; a load that runs meanwhile changes nothing of it."""
        reader = self.snapshot(number)
        try:
            yield reader
        finally:
            reader.close()

    @contextmanager
    def writer(
        self, wait_s: float = 0, *, say: Callable[[str], None] | None = None, on_step: Callable[[str], None] | None = None
    ) -> Iterator[Writer]:
        """Write, alone. Leaving without `publish` restores the published state. Raises BusyError after `wait_s` seconds."""
        from finops.warehouse.writer import Writer  # noqa: PLC0415 - readers need no Delta Lake client, which takes a while to import

        with writer_lock(self.storage, wait_s, say or _to_stderr):
            base = self.published()
            self.storage.sweep_scratch()
            writer = Writer(self.storage, base, self.memory_limit, on_step or _quiet)
            try:
                writer.recover()
                yield writer
            finally:
                writer.close()

    def diff(self, old: Published, new: Published) -> list[dict[str, Any]]:
        """What changed in the bill between two snapshots (see `finops.warehouse.diff`)."""
        return diff(self.storage, old, new, self.memory_limit)


def _quarter_of_memory() -> str:
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // SHARE_OF_MEMORY // 2**20}MiB"


def _quiet(_: str) -> None:
    """Nobody watches."""


def _to_stderr(message: str) -> None:
    sys.stderr.write(f"{message}\n")
