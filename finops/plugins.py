"""Connectors and recommenders, discovered by name: our two packages, and entry points for outside ones."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import finops
from finops.connect import Connector, Format, ReadManifest
from finops.errors import ConfigError

CONNECTORS = "connectors"
RECOMMENDERS = "recommenders"


@cache
def formats() -> tuple[Format, ...]:
    """Every format of every connector. Raises ConfigError where two bear one name."""
    found: dict[str, Format] = {}
    for module in _modules(CONNECTORS):
        for fmt in getattr(module, "FORMATS", ()):
            if fmt.name in found:
                raise ConfigError(f"two connectors name a format `{fmt.name}`", where=module.__name__, hint="remove one")
            found[fmt.name] = fmt
    return tuple(found.values())


@cache
def manifests() -> tuple[ReadManifest, ...]:
    """Every reader of manifests."""
    return tuple(read for module in _modules(CONNECTORS) for read in getattr(module, "MANIFESTS", ()))


@cache
def connectors() -> dict[str, Connector]:
    """Name → how that provider's API is read, of every connector that has one."""
    found = (getattr(module, "CONNECTOR", None) for module in _modules(CONNECTORS))
    return {connector.name: connector for connector in found if isinstance(connector, Connector)}


@cache
def recommenders() -> dict[str, type]:
    """Kind → the recommender's dataclass, in the order of their names."""
    found: dict[str, type] = {}
    for module in _modules(RECOMMENDERS):
        for _, public in inspect.getmembers(module, inspect.isclass):
            if public.__module__ == module.__name__ and is_dataclass(public) and hasattr(public, "kind"):
                found[public.kind] = public
    return dict(sorted(found.items()))


def _modules(package: str) -> Iterator[ModuleType]:
    root = ours(package)
    for info in sorted(pkgutil.iter_modules(root.__path__), key=lambda i: i.name):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{package}.{info.name}")
    for point in sorted(entry_points(group=f"finops.{package}"), key=lambda p: p.name):
        module = point.load()
        if not isinstance(module, ModuleType):
            raise ConfigError(f"the entry point `{point.name}` names no module", where=f"finops.{package}", hint="remove it")
        yield module


def ours(package: str) -> ModuleType:
    """The top-level package, checked to lie beside `finops`: the names are common, and another may go before it.

    Raises ConfigError where it is somebody else's.
    """
    module = importlib.import_module(package)
    home = Path(str(finops.__file__)).resolve().parent.parent
    place = Path(str(module.__file__)).resolve().parent.parent if module.__file__ else None
    if place != home:
        raise ConfigError(
            f"`{package}` is not the package of finops but {module.__file__}",
            hint="install finops as an application of its own: uv tool install, or pipx install",
        )
    return module
