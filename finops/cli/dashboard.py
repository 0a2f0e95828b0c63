"""The command that opens the dashboard."""

from __future__ import annotations

from typing import Annotated

import typer

from finops.cli.root import WarehouseOption, app, say, settings
from finops.errors import ConfigError


@app.command()
def dashboard(
    context: typer.Context,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; anything but loopback shows the bill to others.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on.")] = 8501,
    warehouse: WarehouseOption = None,
) -> None:
    """The dashboard in a browser: overview, costs, plan, teams, ML, data health."""
    import os
    import subprocess
    import sys
    from importlib.util import find_spec
    from pathlib import Path

    import finops

    if find_spec("streamlit") is None or find_spec("altair") is None:
        raise ConfigError("the dashboard's packages are not installed", hint="pip install 'finops[app]'")
    config = settings(context, warehouse)
    environment = os.environ | {"FINOPS_WAREHOUSE": config.warehouse}
    if context.obj["config"]:
        environment["FINOPS_CONFIG"] = str(context.obj["config"])
    page = Path(str(finops.__file__)).resolve().parent.parent / "app.py"
    options = {"server.address": host, "server.port": port, "server.headless": "true", "browser.gatherUsageStats": "false"}
    options |= {"client.toolbarMode": "minimal"}  # no button that would deploy the bill elsewhere
    options |= {"server.fileWatcherType": "none"}  # who reads a bill edits no page; each session would walk what is installed
    flags = [f"--{name}={value}" for name, value in options.items()]
    say(f"http://{host}:{port} shows {config.warehouse}; Ctrl+C stops it")
    command = [sys.executable, "-m", "streamlit", "run", str(page), *flags]
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603 — our own file, no shell
