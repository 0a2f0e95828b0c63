"""What each source's credentials can do: every permission of its streams tried once, read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources

from finops import plugins
from finops.config import Source
from finops.connect import Connector
from finops.errors import AccessError, ConfigError, FinopsError
from finops.live.plan import Opened, chosen, open_source, said

POLICY = "permissions"
APPLY = "permissions_apply"
SETUP = "setup"


@dataclass(frozen=True, slots=True)
class Check:
    """One permission of one source. `status`: ok, missing (the provider refuses), failed (it could not be tried), untried."""

    source: str
    streams: str
    permission: str
    status: str
    detail: str = ""


def examine(sources: Iterable[Source], tell: Callable[[str], object]) -> list[Check]:
    """Every permission of every source that has a connector, in the streams' order."""
    checks: list[Check] = []
    for source in sources:
        if not source.connector:
            continue
        try:
            opened = open_source(source)
            wanted = _wanted(opened)
        except FinopsError as error:
            checks.append(Check(source.name, "", "", "failed", str(error)))
            continue
        for permission, streams in wanted.items():
            tell(f"{source.name}: {permission}")
            checks.append(_tried(opened, permission, streams))
    return checks


def of_apply(sources: Iterable[Source]) -> list[Check]:
    """What `finops apply --yes` needs beside: permissions to write are named, never tried."""
    checks = []
    for source in sources:
        connector = plugins.connectors().get(source.connector)
        for permission in connector.lifecycle.writes if connector and connector.lifecycle else ():
            detail = f"only `finops apply --yes` needs it: finops doctor --policy {source.connector} --apply"
            checks.append(Check(source.name, "apply", permission, "untried", detail))
    return checks


def _wanted(opened: Opened) -> dict[str, str]:
    """Permission → the streams that need it."""
    wanted: dict[str, list[str]] = {}
    for stream in chosen(opened):
        for permission in stream.permissions:
            wanted.setdefault(permission, []).append(stream.name)
    return {permission: ", ".join(streams) for permission, streams in wanted.items()}


def _tried(opened: Opened, permission: str, streams: str) -> Check:
    status, detail = "ok", ""
    try:
        if unneeded := opened.connector.probe(opened.connection, permission):
            status, detail = "untried", unneeded
    except AccessError as error:
        status, detail = "missing", str(error)
    except Exception as error:
        status, detail = "failed", said(error)
    return Check(opened.source.name, streams, permission, status, detail)


def shipped(name: str, what: str) -> str:
    """A connector's least-privilege policy, or how its exports are set up. Raises ConfigError for an unknown connector."""
    connector: Connector | None = plugins.connectors().get(name)
    if connector is None:
        raise ConfigError(f"`{name}` is no connector", where=f"--{what}", hint=f"one of {', '.join(plugins.connectors())}")
    folder = resources.files(connector.package)
    file = next((f for f in sorted(folder.iterdir(), key=lambda f: f.name) if f.name.rsplit(".", 1)[0] == what), None)
    if file is None:
        raise ConfigError(f"the connector `{name}` ships no {what}", where=connector.package)
    return file.read_text("utf-8").rstrip()
