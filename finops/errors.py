"""Errors, classed by what the reader can do about them.

``ConfigError``  the settings or the call are wrong: exit code 2.
``InputError``   a file or its content is refused; nothing was changed: exit code 1.
``SourceError``  a remote source failed: ``RetriableError`` may succeed later, ``AccessError`` names the missing permission.
``DataError``    an audit of loaded data failed; the published state stands.
``BusyError``    another process writes to the warehouse.

A missing price, a short history or an absent metric is no exception: it is ``Unknown`` (see ``finops.model``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 300
"""Characters of a provider's own message that are repeated."""


class FinopsError(Exception):
    """What happened, where, and what to try."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        hint = f"\n  try: {self.hint}" if self.hint else ""
        return f"{where}{self.what}{hint}"


class ConfigError(FinopsError):
    """A setting, an option or an argument is wrong."""

    exit_code = 2


class InputError(FinopsError):
    """A file is refused. Nothing of its delivery was loaded."""


class Refused(InputError):
    """A whole delivery is refused: every reason, one error a file."""

    def __init__(self, reasons: list[InputError]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n".join(str(reason) for reason in reasons))

    def __str__(self) -> str:
        noun = "reason" if len(self.reasons) == 1 else "reasons"
        head = f"Nothing was loaded ({len(self.reasons)} {noun}):"
        return "\n".join([head, *(f"- {reason}" for reason in self.reasons)])


class SourceError(FinopsError):
    """A remote source answered with an error."""


class RetriableError(SourceError):
    """The same call may succeed later."""


class AccessError(SourceError):
    """The credentials lack a permission, which the message names."""


class DataError(FinopsError):
    """An audit of severity error found violating rows: nothing was published."""


class BusyError(FinopsError):
    """Another process holds the warehouse's writer lock."""


def redacted(text: str, secrets: Iterable[str], credentials: re.Pattern[str]) -> str:
    """A provider's message on one line, without these secrets and without what looks like the provider's credentials."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    text = " ".join(credentials.sub("…", text).split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
