"""`python -m benchmarks.traces KIND… --data DIR [--decisions FILE]`: KIND is a module of this package, or `all`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from pathlib import Path

from benchmarks import traces
from benchmarks.traces.bar import Decisions


def kinds() -> list[str]:
    """The modules of the package that measure: those with a function `bars(folder, decisions)`."""
    names = sorted(module.name for module in pkgutil.iter_modules(traces.__path__) if module.name != "__main__")
    return [name for name in names if hasattr(importlib.import_module(f"{traces.__name__}.{name}"), "bars")]


def main() -> None:
    """Measure and print, one JSON line a bar. Exits 1 where a bar with a target is missed."""
    parser = argparse.ArgumentParser(description=traces.__doc__)
    parser.add_argument("kinds", nargs="+", metavar="KIND", help=f"all, {', '.join(kinds())}")
    parser.add_argument("--data", type=Path, required=True, help="a folder laid out as the shared traces")
    parser.add_argument("--decisions", type=Path, help="write every single decision here, as JSON lines")
    arguments = parser.parse_args()
    chosen = kinds() if "all" in arguments.kinds else arguments.kinds
    for kind in chosen:
        if kind not in kinds():
            parser.error(f"no measurement `{kind}`: all, {', '.join(kinds())}")
    missed = False
    with Decisions(arguments.decisions) as decisions:
        for kind in chosen:
            for bar in importlib.import_module(f"{traces.__name__}.{kind}").bars(arguments.data, decisions):
                print(bar.line(), flush=True)
                missed = missed or bar.passes is False
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
