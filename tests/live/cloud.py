"""A cloud as the contract suite sees it: servers that fail by operation, and the sources that read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from finops.config import Source
from finops.connect import Connector, Part
from tests.live.faults import Fault, Reset

Looping = Callable[[str], Callable[[], None]]


@dataclass
class Cloud:
    """One cloud.

    servers   the beginning of an operation's name → the server that answers it; '' answers the others
    denial    what a 403 says, secrets in it
    skewed    what is answered where this machine's clock is wrong
    loops     operation → what makes its next page lead to itself, and gives what undoes that
    one_page  operations without pages
    unsigned  operations that are asked without credentials
    optional  operations whose denial is no failure: the same is then asked another way
    small     makes pages as small as they can be
    about     (part, operation): whether the part asks it. What only says so of every part is tried on all of them
    """

    connector: Connector
    make: Callable[..., Source]
    servers: Mapping[str, Any]
    secrets: Callable[[], tuple[str, ...]]
    denial: Fault
    skewed: Fault
    loops: Mapping[str, Looping]
    one_page: frozenset[str]
    unsigned: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    sign_in: frozenset[str] = frozenset()
    small: Callable[[], None] = field(default=lambda: None)
    about: Callable[[Part, str], bool] = field(default=lambda *_: True)

    def asked(self) -> set[str]:
        """The operations since the last `forget`, but for those of signing in."""
        return {name for server in self.servers.values() for name in server.asked} - self.sign_in

    def forget(self) -> None:
        """Operations and faults."""
        for server in self.servers.values():
            server.asked.clear()
            server.faults.clear()

    def fail(self, operation: str, *faults: Fault | Reset) -> None:
        beginning = max((b for b in self.servers if operation.startswith(b)), key=len)
        self.servers[beginning].fail(operation, *faults)

    def waiting(self) -> bool:
        """Whether a fault is left that nobody ran into."""
        return any(any(server.faults.values()) for server in self.servers.values())
