"""How a contract server may fail: the error that it answers with, or a connection that breaks in the middle of an answer."""

from __future__ import annotations

from dataclasses import dataclass


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
