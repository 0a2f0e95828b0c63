"""Where a warehouse lives: a local folder, or an object-store URL whose immutable files are cached by name."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import LocalStore, ObjectStore, from_url

SCRATCH = "_scratch"
"""Spill files and files not yet moved into a table; emptied by the next writer."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The files of one warehouse. `root` is the local folder: the warehouse itself, or the cache of a remote one."""

    url: str
    root: Path
    remote: bool
    bucket: ObjectStore | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, url: str, options: Mapping[str, str] | None = None) -> Storage:
        """The storage at a path or URL. Nothing is created until something is written."""
        options = dict(options or {})
        if not re.match(r"[a-z][a-z0-9+.-]*://", url) or url.startswith("file://"):
            root = Path(url.removeprefix("file://")).expanduser().resolve()
            return cls(str(root), root, False, None, options)
        url = url.rstrip("/")
        lowered = {key.lower(): value for key, value in options.items()}
        plain = {key: value for key, value in lowered.items() if not key.endswith("allow_http")}
        insecure = any(value == "true" for key, value in lowered.items() if key.endswith("allow_http"))
        store = from_url(url, config=plain or None, client_options={"allow_http": insecure})  # type: ignore[call-overload]
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        root = home / "finops" / hashlib.sha256(url.encode()).hexdigest()[:16]
        return cls(url, root, True, store, options)

    @property
    def store(self) -> ObjectStore:
        """Where documents are written. Asking for the one of a local warehouse creates its folder."""
        return self.bucket or LocalStore(self.root, mkdir=True, automatic_cleanup=False)

    @property
    def exists(self) -> bool:
        """False where nothing was ever written. A remote one is not asked: absent objects are none."""
        return self.remote or self.root.is_dir()

    def table_url(self, table: str) -> str:
        return f"{self.url}/{table}"

    def fresh_scratch(self) -> Path:
        """A private scratch folder below the local root."""
        folder = self.root / SCRATCH / uuid4().hex
        folder.mkdir(parents=True)
        return folder

    def sweep_scratch(self) -> None:
        """Remove every scratch folder: only for the holder of the writer lock."""
        shutil.rmtree(self.root / SCRATCH, ignore_errors=True)

    def adopt(self, table: str, file: Path) -> str:
        """Move a finished file into the table's folder under a new opaque name, and upload it where remote."""
        name = f"{uuid4().hex}.parquet"
        target = self.root / table / name
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
        if self.remote:
            obstore.put(self.store, f"{table}/{name}", target)
        return name

    def local(self, table: str, name: str) -> Path:
        """The file on this machine, fetched first where remote and absent. Files never change, so the name is the version."""
        path = self.root / table / name
        if self.remote and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".part")
            with os.fdopen(handle, "wb") as out:
                for chunk in obstore.get(self.store, f"{table}/{name}").stream():
                    out.write(bytes(chunk))
            Path(partial).rename(path)
        return path

    def read(self, path: str) -> bytes | None:
        if not self.exists:
            return None
        try:
            return bytes(obstore.get(self.store, path).bytes())
        except FileNotFoundError:
            return None

    def create(self, path: str, data: bytes) -> bool:
        """Write a document that must not exist yet. False where it does: someone else was first."""
        try:
            obstore.put(self.store, path, data, mode="create")
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    def stamped(self, path: str) -> tuple[bytes, str] | None:
        """A document and the tag of exactly this version of it."""
        try:
            found = obstore.get(self.store, path)
            return bytes(found.bytes()), found.meta["e_tag"] or ""
        except FileNotFoundError:
            return None

    def supersede(self, path: str, tag: str, data: bytes) -> bool:
        """Overwrite that version of a document. False where it has changed or gone since: someone else was first."""
        try:
            obstore.put(self.store, path, data, mode={"e_tag": tag})
        except (PreconditionError, FileNotFoundError):
            return False
        return True

    def names(self, folder: str) -> dict[str, float]:
        """Direct children of a folder → time of last change (seconds since 1970)."""
        if not self.exists:
            return {}
        listed = obstore.list_with_delimiter(self.store, folder)["objects"]
        return {entry["path"].rsplit("/", 1)[-1]: entry["last_modified"].timestamp() for entry in listed}

    def delete(self, path: str) -> None:
        """Remove a file, and its cached copy. Absent files are no error."""
        (self.root / path).unlink(missing_ok=True)
        if self.remote:
            obstore.delete(self.store, path)
