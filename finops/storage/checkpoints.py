"""Checkpoints: which saved steps of training runs nobody reads again, proven by age, by time or by the runs beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from finops.model import Fact
from finops.storage.tiering import DAYS_PER_MONTH, Band

WORD = re.compile(r"(^|[/_.\- ])(ckpts?|checkpoints?)([/_.\- ]|$)", re.IGNORECASE)
"""The word by which training frameworks call the folder of saved steps (PyTorch Lightning, Hugging Face, TensorFlow, NeMo)."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One listed prefix: all its bands, youngest first, and the unread ones among them."""

    prefix: str
    bands: tuple[Band, ...]
    stale: tuple[Band, ...]

    @classmethod
    def of(cls, prefix: str, bands: Sequence[Band], unread_share: float) -> Folder:
        """`unread_share`: times a month that a band may be read whole and still count as unread."""
        return cls(prefix, tuple(bands), tuple(band for band in bands if band.read_share <= unread_share))

    @property
    def newest_only(self) -> bool:
        """Everything from some age on is unread."""
        return bool(self.stale) and not any(
            band not in self.stale and band.day_from >= self.stale[0].day_from for band in self.bands
        )

    @property
    def proven(self) -> bool:
        """What is unread has been so for a month: all of it is older (and younger steps are read), or its ages span a month."""
        if not self.newest_only:
            return False
        first, last = self.stale[0].day_from, self.stale[-1].day_to
        lain = self.partly and first >= DAYS_PER_MONTH
        return lain or last is None or last - first >= DAYS_PER_MONTH

    @property
    def partly(self) -> bool:
        """Some of its steps are read: how many of those that are not would have to stay is known."""
        return len(self.stale) < len(self.bands)


@dataclass(frozen=True, slots=True)
class Steps:
    """Prefixes whose unread steps go together. `prefix` is the folder that holds them all."""

    prefix: str
    folders: tuple[Folder, ...]

    @property
    def stale(self) -> list[tuple[Folder, Band]]:
        return [(folder, band) for folder in self.folders for band in folder.stale]

    def holds(self, prefixes: Iterable[str]) -> bool:
        """Whether nothing else of the bucket lies outside the folder of these runs."""
        own = {folder.prefix for folder in self.folders}
        return all(p in own or (len(own) > 1 and p.startswith(self.prefix)) for p in prefixes)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """How many runs there are, and of how many the unread steps have lain for a month."""
        if len(self.folders) == 1:
            return ()
        proven = sum(1 for folder in self.folders if folder.proven)
        return (Fact("runs", len(self.folders), "", "objects"), Fact("runs unread for a month", proven, "", "objects"))

    @property
    def why(self) -> str:
        if len(self.folders) == 1:
            youngest = self.folders[0].stale[0].day_from
            what = f"steps older than {youngest} days are not read" if youngest else "none of its steps is read"
            return f"{what}: the newest of a run and the best are enough"
        proven = sum(1 for folder in self.folders if folder.proven)
        return (
            f"of {len(self.folders)} runs only the newest steps are read, of {proven} for a month at least:"
            " the newest of a run and the best are enough"
        )


def superseded(folders: Iterable[Folder], called: Callable[[str], bool]) -> list[Steps]:
    """The checkpoints that nobody reads again, by the folder of their runs.

    called  whether somebody calls a prefix (or its bucket) checkpoints

    Sibling prefixes that are read at their newest steps alone are runs of one loop. Where the runs whose unread steps have lain
    for a month outnumber the others, and no run's older steps are read, the younger runs follow them: they are written and
    read by the same code. Prefixes that are read throughout (`best/`) stay, and so does what stands alone without proof.
    """
    named = sorted((folder for folder in folders if called(folder.prefix)), key=lambda f: (_home(f.prefix), f.prefix))
    found: list[Steps] = []
    for home, group in groupby(named, key=lambda f: _home(f.prefix)):
        runs = [folder for folder in group if folder.stale]
        partly = [folder for folder in runs if folder.partly]
        proven = [folder for folder in partly if folder.proven]
        if all(folder.newest_only for folder in partly) and len(proven) > len(partly) - len(proven) and len(partly) > 1:
            found.append(Steps(home or _shared(partly), tuple(partly)))
            runs = [folder for folder in runs if folder not in partly]
        found += [Steps(folder.prefix, (folder,)) for folder in runs if folder.proven]
    return found


def _home(prefix: str) -> str:
    """The folder that holds the runs: up to the one called checkpoints, or above the run whose folder holds it; else ''."""
    parts = prefix.strip("/").split("/")
    at = next((index for index, part in enumerate(parts) if WORD.search(part)), None)
    if at is None:
        return ""
    kept = parts[: at + 1] if at + 1 < len(parts) else parts[: max(0, at - 1)]
    return "/".join(kept) + "/" if kept else ""


def _shared(folders: Sequence[Folder]) -> str:
    """The folder that all of them lie in."""
    paths = [folder.prefix.strip("/").split("/")[:-1] for folder in folders]
    whole = len({tuple(path) for path in paths}) == 1 and bool(paths[0])
    return "/".join(paths[0]) + "/" if whole else ""
