"""A live load of a billing export of any size: files served as S3 does, downloaded and staged in one process.

`python -m benchmarks.live.export [--months N] [--parts N] [--lines N] [--padding BYTES]`: so many parts a month, each a Parquet
file of CUR 2.0 with so many lines, and so many bytes a line in a column that nothing reads (0: all of it is read): memory must
not follow what is downloaded, nor in how many files it comes. Its last line is a row of a table in `docs/live-benchmarks.md`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import duckdb

from benchmarks.cur import write
from benchmarks.process import peak, run
from finops.config import Config, Source
from finops.ingest import load_sources
from finops.warehouse.warehouse import Warehouse

BUCKET, EXPORT = "bills", "cur"
LAST = date(2026, 9, 1)
"""The month that `benchmarks.cur` writes; earlier ones are the same lines so many months before."""

DATES = (
    "bill_billing_period_start_date", "bill_billing_period_end_date", "line_item_usage_start_date", "line_item_usage_end_date",
)  # fmt: skip
WORD = 32  # letters of an MD5 sum
TIME = "2026-10-06T00:00:00.000Z"


class _Server(BaseHTTPRequestHandler):
    """Lists and objects of one bucket, which is a folder."""

    protocol_version = "HTTP/1.1"
    root = Path()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = "<Arn>arn:aws:iam::1:role/x</Arn><UserId>A</UserId><Account>100000000001</Account>"
        result = f"<GetCallerIdentityResult>{found}</GetCallerIdentityResult>"
        self._send(f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>".encode())

    def do_GET(self) -> None:
        """An object, or the list of a folder."""
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        key = unquote(url.path).strip("/").partition("/")[2]
        if not key:
            self._send(self._listed(query.get("prefix", ""), "delimiter" in query))
            return
        file = self.root / key
        self.send_response(200)
        self.send_header("Content-Length", str(file.stat().st_size))
        self.send_header("ETag", f'"{file.name}"')
        self.end_headers()
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                self.wfile.write(block)

    def _listed(self, prefix: str, flat: bool) -> bytes:
        entries, folders = [], set()
        for file in sorted(path for path in self.root.rglob("*") if path.is_file()):
            key = str(file.relative_to(self.root))
            below, slash, _ = key[len(prefix) :].partition("/")
            if key.startswith(prefix) and flat and slash:
                folders.add(f"<CommonPrefixes><Prefix>{escape(prefix + below)}/</Prefix></CommonPrefixes>")
            elif key.startswith(prefix):
                about = f'<ETag>"{file.name}"</ETag><Size>{file.stat().st_size}</Size><LastModified>{TIME}</LastModified>'
                entries.append(f"<Contents><Key>{escape(key)}</Key>{about}</Contents>")
        listed = "".join((*entries, *sorted(folders)))
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>".encode()

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _serve(root: str, port: Any) -> None:
    _Server.root = Path(root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    server.daemon_threads = True
    port.value = server.server_address[1]
    server.serve_forever()


def _exported(root: Path, months: int, parts: int, lines: int, padding: int) -> None:
    """Months of parts with different resources, and manifests that name them; in a process whose memory no other inherits."""
    plain = root / "plain.parquet"
    root.mkdir()
    for number in range(parts):
        write(plain, lines, seed=number)
        for back in range(months):
            _part(root, plain, number, back, padding)
        plain.unlink()
    for data in sorted((root / EXPORT / "data").iterdir()):
        named = {"dataFiles": [f"s3://{BUCKET}/{path.relative_to(root)}" for path in sorted(data.iterdir())]}
        metadata = root / EXPORT / "metadata" / data.name
        metadata.mkdir(parents=True)
        (metadata / f"{EXPORT}-Manifest.json").write_text(json.dumps(named))


def _part(root: Path, plain: Path, number: int, back: int, padding: int) -> None:
    """A part of the month that is so many before the last."""
    month = date(LAST.year - (back + 12 - LAST.month) // 12, (LAST.month - 1 - back) % 12 + 1, 1)
    data = root / EXPORT / "data" / f"BILLING_PERIOD={month:%Y-%m}"
    data.mkdir(parents=True, exist_ok=True)
    words = " || ".join(f"md5((row_number() over () * {n + 1})::varchar)" for n in range(padding // WORD)) or "''"
    named = [f"{name} || '-{number}' as {name}" for name in ("identity_line_item_id", "line_item_resource_id")]
    moved = [f"{name} - interval {back} month as {name}" for name in DATES]
    connection = duckdb.connect(config={"memory_limit": "2GB"})
    connection.execute("set preserve_insertion_order = false")
    connection.execute(
        f"copy (select * replace ({', '.join(named + moved)}), {words} as padding from '{plain}')"
        f" to '{data}/{EXPORT}-{number + 1:05}.snappy.parquet' (format parquet, compression snappy, row_group_size 100000)"
    )


def _load(url: str, folder: str, told: Any) -> None:
    """One load of `billing`, in this process."""
    settings = {"endpoint_url": url, "regions": ["us-east-1"], "streams": ["billing"], "exports": [f"s3://{BUCKET}/{EXPORT}"]}
    source = Source(name="aws", connector="aws", settings=settings)
    before, start = peak(), time.perf_counter()
    steps: dict[str, tuple[float, float]] = {}

    def tell(step: str) -> None:
        steps.setdefault(step.partition(",")[0], (peak(), time.perf_counter() - start))

    warehouse = Warehouse.open(folder, memory_limit=os.environ.get("LIMIT"))
    report = load_sources(warehouse, Config(sources=[source]), [], progress=tell)
    with warehouse.reader() as reader:
        rows = reader.rows("select count(*)::bigint as n from charges")[0]["n"]
    told.update(rows=rows, failures=report.failures, before=before, fetched=steps["aws: loading billing exports"], peak=peak())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--months", type=int, default=1)
    parser.add_argument("--parts", type=int, default=5)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--padding", type=int, default=1_024)
    given = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_EC2_METADATA_DISABLED": "true"}
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, tempfile.TemporaryDirectory() as folder:
        bucket = Path(folder, "bucket")
        run(_exported, bucket, given.months, given.parts, given.lines, given.padding)
        size = sum(path.stat().st_size for path in bucket.rglob("*.parquet"))
        port, told = manager.Value("i", 0), manager.dict()
        server = context.Process(target=_serve, args=(str(bucket), port), daemon=True)
        server.start()
        while not port.value:
            time.sleep(0.05)
        seconds = run(_load, f"http://127.0.0.1:{port.value}", f"{folder}/warehouse", told)
        peak, after = told["fetched"]
        print(f"{size / 2**30:.2f} GiB in {given.months} months of {given.parts} parts")
        print(f"{told['rows']:,} charges; {told['failures']}")
        print(f"downloaded in {after:.1f} s, peak {peak:.0f} MiB ({told['before']:.0f} before)")
        print(f"downloaded and staged in {seconds:.1f} s, peak {told['peak']:.0f} MiB")
        lines, files = given.months * given.parts * given.lines, f"{given.months * given.parts}, in {given.months} months"
        until = f"{peak:.0f} ({told['before']:.0f} before)"
        print(f"| {size / 2**30:.2f} | {files} | {lines:,} | {after:.1f} | {until} | {seconds:.1f} | {told['peak']:.0f} |")
        server.terminate()


if __name__ == "__main__":
    main()
