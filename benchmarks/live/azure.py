"""Azure Monitor from arithmetic: a subscription of machines, each metric a value an hour, fifty machines a call.

A server over TLS in a process of its own; it answers sign-in, Resource Graph and the batch API as the contract server of the
tests does, without holding requests against anything.
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.parse
from datetime import datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from benchmarks.live.clouds import PAGE, SUBSCRIPTION, TENANT, VM
from tests.live.azure_contract import certified


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    resources = 0
    asked: dict[str, int]
    lock = Lock()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        base = f"https://{self.headers['Host']}/{TENANT}"
        endpoints = {"token_endpoint": f"{base}/oauth2/v2.0/token", "authorization_endpoint": f"{base}/oauth2/v2.0/authorize"}
        self._send({"issuer": f"{base}/v2.0", **endpoints})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        if path.endswith("/token"):
            return self._send({"access_token": "token", "token_type": "Bearer", "expires_in": 3600})
        operation = "getBatch" if path.endswith(":getBatch") else "Resources"
        with self.lock:
            self.asked[operation] = self.asked.get(operation, 0) + 1
        if operation == "Resources":
            return self._send(self._found(json.loads(body)))
        asked = dict(urllib.parse.parse_qsl(query))
        return self._send({"values": [_values(each, asked) for each in json.loads(body)["resourceids"]]})

    def _found(self, request: dict[str, Any]) -> dict[str, Any]:
        if "microsoft.resources/subscriptions'" in request["query"]:
            data = [
                {"id": f"/subscriptions/{SUBSCRIPTION}", "subscriptionId": SUBSCRIPTION, "properties": {"state": "Enabled"}}
            ]
        elif f"'{VM}'".lower() in request["query"].lower():
            start = int(request["options"].get("$skipToken", 0))
            data = [_machine(n) for n in range(start, min(start + PAGE, self.resources))]
            if start + PAGE < self.resources:
                return {
                    "data": data,
                    "resultTruncated": "false",
                    "$skipToken": str(start + PAGE),
                    "totalRecords": 0,
                    "count": 0,
                }
        else:
            data = []
        return {"data": data, "resultTruncated": "false", "totalRecords": len(data), "count": len(data)}

    def _send(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _machine(number: int) -> dict[str, Any]:
    name = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/bench/providers/{VM}/vm-{number}"
    return {"id": name, "name": f"vm-{number}", "type": VM, "location": "westeurope", "subscriptionId": SUBSCRIPTION}


def _values(resource: str, asked: dict[str, str]) -> dict[str, Any]:
    points = _points(asked["starttime"], asked["endtime"], asked["aggregation"])
    metrics = [
        {"id": f"{resource}/metrics/{name}", "name": {"value": name}, "errorCode": "Success", "timeseries": [{"data": points}]}
        for name in asked["metricnames"].split(",")
    ]
    return {"resourceid": resource, "interval": "PT1H", "value": metrics}


@cache
def _points(start: str, end: str, aggregations: str) -> list[dict[str, Any]]:
    at, last = (datetime.fromisoformat(each) for each in (start, end))
    found = []
    while at < last:
        values = {name.lower(): (at.hour + 1) / 24 for name in aggregations.split(",")}
        found.append({"timeStamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", **values})
        at += timedelta(hours=1)
    return found


def serve(folder: str, resources: int, _: int, told: Any) -> None:
    """Answer until the process is terminated."""
    _Handler.resources, _Handler.asked = resources, {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certified(Path(folder)))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    Thread(target=server.serve_forever, daemon=True).start()
    told["place"] = f"https://127.0.0.1:{server.server_address[1]}"
    while True:
        told["asked"] = dict(_Handler.asked)
        time.sleep(0.2)
