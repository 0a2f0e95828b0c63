"""The command line: parse, ask, print. stdout is data, stderr is conversation."""

from importlib import import_module

from finops.cli.root import app, main

for _module in (
    "loading",
    "doctor",
    "costs",
    "ml",
    "plan",
    "apply",
    "ledger",
    "report",
    "dashboard",
    "backtest",
    "export",
):  # a module registers its commands; help lists them in this order
    import_module(f"finops.cli.{_module}")

__all__ = ["app", "main"]
