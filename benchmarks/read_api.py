"""One day of a billing export over REST and through the Storage Read API: seconds, seconds of CPU and memory of the reader.

`python -m benchmarks.read_api [--rows N …]`. The sample company's October, repeated, behind the contract servers of the tests
in a process of their own; each read is a process of its own. The servers' own time is in the seconds, not in those of CPU.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.process import peak, run, serve
from connectors.gcp.exports import BILLING
from connectors.gcp.session import Connection
from connectors.gcp.settings import GcpSettings
from finops.connect import Blob
from finops.live.meter import Meter
from finops.window import Window
from tests.live import gcp_company
from tests.live.bigquery import bigquery
from tests.live.google_contract import google, public_key
from tests.live.read_sessions import Sessions

OCTOBER = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
DAY = "timestamptz '2026-10-10 05:00:00+00'"
WAYS = {"REST": 1 << 40, "Storage Read API": 1}


def _serve(folder: str, count: int, told: Any) -> None:
    """Answer until the process is terminated."""
    with google(Path(folder) / "roots.pem") as calls, bigquery() as bills:
        calls.public = public_key(gcp_company.write_credentials(Path(folder) / "key.json", bills.url))
        gcp_company.serve(bills, "202610")
        bills.database.execute(
            f'create or replace table "{gcp_company.TABLE}" as select * replace ({DAY} as export_time, '
            f"date_trunc('day', {DAY}) as _PARTITIONTIME) from \"{gcp_company.TABLE}\", range(200) "
            f"where invoice.month = '202610' limit {count}"
        )
        bills.page_rows = 10_000
        calls.beside.append(Sessions(calls, bills, message_rows=2_000))
        told.update(bigquery=bills.url, bigquerystorage=calls.target)
        while True:
            time.sleep(1)


def _read(folder: str, rows: int, told: Any) -> None:
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = f"{folder}/key.json"
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = f"{folder}/roots.pem"
    urls = {name: told[name] for name in ("bigquery", "bigquerystorage")}
    settings = GcpSettings(billing_exports=(gcp_company.TABLE,), endpoint_urls=urls, read_api_rows=rows)
    connection = Connection(settings, Meter())
    (part,) = BILLING.plan(connection, OCTOBER)
    before, start, began = peak(), time.perf_counter(), _cpu()
    blobs = (blob for blob in BILLING.fetch(connection, part, OCTOBER) if isinstance(blob, Blob))
    told["bytes"] = sum(len(chunk) for blob in blobs for chunk in blob.read(0))
    told.update(seconds=time.perf_counter() - start, cpu=_cpu() - began, peak=peak(), before=before)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    for count in parser.parse_args().rows:
        with multiprocessing.Manager() as manager, tempfile.TemporaryDirectory() as folder:
            told = manager.dict()
            server = serve(_serve, folder, count, told)
            while "bigquery" not in told:
                time.sleep(0.05)
            for way, rows in WAYS.items():
                run(_read, folder, rows, told)
                print(
                    f"{count:,} rows, {way}: {told['seconds']:.2f} s, {told['cpu']:.2f} s of CPU, peak {told['peak']:.0f} MiB"
                    f" ({told['before']:.0f} before), {told['bytes'] / 2**20:.1f} MiB written"
                )
            server.terminate()


if __name__ == "__main__":
    main()
