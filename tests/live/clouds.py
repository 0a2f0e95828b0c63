"""The clouds as the contract suite sees them (`cloud.py`): AWS by `aws_cloud.py`, and Azure, Google Cloud and Kubernetes.

Each is there with the sample company (and one of each kind of thing that it lacks) in it, and with nothing in it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finops.config import Source
from finops.plugins import connectors
from tests.live import aws_cloud, azure_company, azure_contract, gcp_company, google_contract, google_series, test_kubernetes
from tests.live.azure_benefits import put_commitments, put_use
from tests.live.azure_contract import Azure
from tests.live.azure_estate import REGION, put_rate, put_resources, put_sample
from tests.live.azure_metrics import put_measurements
from tests.live.azure_retail import ITEMS, listed
from tests.live.bigquery import BigQuery, bigquery
from tests.live.cloud import Cloud, Looping
from tests.live.conftest import NOW
from tests.live.faults import Fault
from tests.live.gcs import Gcs, gcs
from tests.live.google_contract import Google
from tests.live.google_estate import company, serve_assets
from tests.live.google_estate import source as google_source
from tests.live.google_rest import TOKEN as GOOGLE_TOKEN
from tests.live.google_things import MACHINES, THINGS
from tests.live.prometheus import TOKEN as CLUSTER_TOKEN
from tests.live.prometheus import Prometheus, prometheus
from tests.live.read_sessions import Sessions
from tests.live.test_azure_invoices import put_invoices
from tests.live.test_azure_opinions import put_opinions
from tests.live.test_azure_totals import COLUMNS, SCOPE
from tests.live.test_gcp_advice_live import SAID, message, serve_advice
from tests.live.test_gcp_commitments_live import HELD
from tests.live.test_gcp_price_table_live import SCHEMA as PRICES_SCHEMA
from tests.live.test_gcp_price_table_live import TABLE as PRICES_TABLE
from tests.live.test_gcp_price_table_live import line
from tests.live.test_gcp_prices_live import MACHINE, serve_catalog
from tests.live.test_listings_live import BLOBS, put_blobs, put_report

READ_API = frozenset(("CreateReadSession", "ReadRows"))


def _azure_loops(azure: Azure) -> dict[str, Looping]:
    def page(document: dict[str, Any]) -> Looping:
        def begin(operation: str) -> Callable[[], None]:
            kept = list(azure.answers.get(operation, ()))
            link = {name: f"{azure.url}/{operation}?again" for name, value in document.items() if value == "again"}
            azure.loop(operation, document | (link if "nextLink" in document else {}))

            def undo() -> None:
                azure.answers[operation] = kept
                azure.loops.clear()

            return undo

        return begin

    def function(answer: Callable[..., Any] | bytes) -> Looping:
        def begin(operation: str) -> Callable[[], None]:
            kept = list(azure.answers.get(operation, ()))
            azure.answer(operation, answer)
            return lambda: azure.answers.__setitem__(operation, kept)

        return begin

    lists = (
        "compute:Skus", "machinelearning:Computes", "cognitive:Deployments", "cognitive:Models", "capacity:Reservations",
        "billingbenefits:SavingsPlans", "costmanagement:BenefitUtilization", "costmanagement:BenefitRecommendations",
        "billing:Invoices", "billing:Transactions", "cache:Databases", "eventhub:DisasterRecoveryConfigs",
        "servicebus:DisasterRecoveryConfigs",
    )  # fmt: skip
    query = f"{azure.url}/{SCOPE}/providers/Microsoft.CostManagement/query?api-version=2025-03-01&$skiptoken=again"
    empty = {"columns": COLUMNS, "rows": [], "nextLink": query}
    return {
        "resourcegraph:Resources": page({"data": [], "$skipToken": "again", "resultTruncated": "false"}),
        **{name: page({"value": [], "nextLink": "again"}) for name in lists},
        "blob:ListBlobs": function(azure_contract.listing("", "again")),
        "costmanagement:Query": function(lambda *_: {"properties": empty}),
        "prices:List": function(lambda _: {"Items": [], "NextPageLink": "{place}?api-version=2023-01-01-preview&again=1"}),
    }


def _azure(azure: Azure) -> Cloud:
    def make(*streams: str, **settings: Any) -> Source:
        given = {
            **dict.fromkeys(("management_endpoint", "prices_endpoint", "metrics_endpoint"), azure.url),
            "regions": [REGION],
            "scopes": [SCOPE],
            "inventories": [f"{azure.url}/{BLOBS}/lake"],
            "history_days": 45 if streams == ("invoices",) else 5,  # one comes after its month
            "concurrency": 1,
            "retries": 5,
            **settings,
        }
        return azure_company.source(azure, *streams, **given)

    def small() -> None:
        azure.page = azure.plane.page = 2

    return Cloud(
        connector=connectors()["azure"],
        make=make,
        servers={"": azure},
        secrets=lambda: (azure_contract.SECRET, *azure.tokens),
        denial=Fault(403, "AuthorizationFailed", f"{azure_contract.TOKEN} with {azure_contract.SECRET} has no authorization"),
        skewed=Fault(401, "InvalidAuthenticationToken", "The access token is not yet valid."),
        loops=_azure_loops(azure),
        one_page=frozenset(
            (
                "blob:GetBlob",
                "capacity:ReservationOrder",
                "monitor:QueryResources",
                "storage:ManagementPolicy",
                "storage:BlobService",
            )
        ),
        unsigned=frozenset(("prices:List",)),
        sign_in=frozenset(("login:Discover", "login:Token")),
        small=small,
    )


@contextmanager
def azure_whole(folder: Path, azure: Azure) -> Iterator[Cloud]:
    azure_company.put_exports(azure, ("2026-10",))
    put_sample(azure)
    put_resources(azure)
    put_measurements(azure.plane.measured, 2)
    put_commitments(azure)
    put_use(azure)
    put_opinions(azure)
    put_rate(azure, REGION, "Standard_D8s_v5", "5-10")
    put_invoices(azure, "2026-09")
    put_blobs(azure, folder / "lake")
    azure.answer("costmanagement:Query", _totals)
    azure.answer("prices:List", listed([each | {"armRegionName": REGION} for each in ITEMS]))
    yield _azure(azure)


def _totals(definition: dict[str, Any], _: str) -> dict[str, Any]:
    day = int(definition["timePeriod"]["from"][:10].replace("-", ""))
    return {"properties": {"columns": COLUMNS, "rows": [[1.25, day, "Virtual Machines", "EUR"]], "nextLink": None}}


@contextmanager
def azure_nothing(folder: Path, azure: Azure) -> Iterator[Cloud]:
    """Exports of a month that nobody asks for, and a container without an inventory."""
    azure_company.put_exports(azure, ("2026-08",))
    azure.put(BLOBS, "lake/readme", b"")
    azure.answer("costmanagement:Query", lambda *_: {"properties": {"columns": COLUMNS, "rows": []}})
    azure.answer("prices:List", listed([]))
    yield _azure(azure)


def _google_loops(google: Google, bills: BigQuery, store: Gcs) -> dict[str, Looping]:
    def call(operation: str) -> Callable[[], None]:
        google.endless.add(operation)
        return lambda: google.endless.discard(operation)

    def rest(server: Any) -> Looping:
        def begin(_: str) -> Callable[[], None]:
            server.endless = True
            return lambda: setattr(server, "endless", False)

        return begin

    calls = ("ListAssets", "ListTimeSeries", "ListServices", "ListSkus", "ListRecommendations")
    return {
        **dict.fromkeys(calls, call),
        "bigquery.jobs.getQueryResults": rest(bills),
        "storage.objects.list": rest(store),
    }


@contextmanager
def _google(folder: Path, google: Google) -> Iterator[tuple[Cloud, BigQuery, Gcs]]:
    with ExitStack() as stack:
        bills, store = stack.enter_context(bigquery()), stack.enter_context(gcs())
        google.public = google_contract.public_key(gcp_company.write_credentials(folder / "key.json", bills.url))
        sessions = Sessions(google, bills)
        google.beside.append(sessions)

        def make(*streams: str, **settings: Any) -> Source:
            given = {
                "billing_exports": [gcp_company.TABLE],
                "pricing_exports": [PRICES_TABLE],
                "inventories": [f"gs://{BLOBS}/reports"],
                "history_days": 3,
                "read_api_rows": 2,
                **settings,
            }
            made = google_source(google, *streams, **given)
            made.settings["endpoint_urls"] |= {"bigquery": bills.url, "bigquerystorage": google.target, "storage": store.url}
            return made

        def small() -> None:
            google.page, bills.page_rows, store.page, sessions.message_rows = 1, 7, 1, 1

        yield (
            Cloud(
                connector=connectors()["gcp"],
                make=make,
                servers={"bigquery.": bills, "storage.": store, "": google},
                secrets=lambda: (GOOGLE_TOKEN, "PRIVATE KEY"),
                denial=Fault(403, "accessDenied", f"The caller with Bearer {GOOGLE_TOKEN} does not have permission"),
                skewed=Fault(401, "authError", "Invalid JWT: Token used too early, 1793500000 < 1793500600"),
                loops=_google_loops(google, bills, store),
                one_page=frozenset(
                    ("bigquery.tables.get", "bigquery.jobs.insert", "bigquery.jobs.get", "storage.objects.get", *READ_API)
                ),
                optional=READ_API,
                sign_in=frozenset(("token",)),
                small=small,
            ),
            bills,
            store,
        )


@contextmanager
def google_whole(folder: Path, google: Google) -> Iterator[Cloud]:
    with _google(folder, google) as (cloud, bills, store):
        serve_assets(google, [*company(), *THINGS, *MACHINES, *HELD])
        today = NOW.replace(hour=0)
        monitoring, _ = google_series.company(today - timedelta(days=3), today)
        monitoring.serve(google)
        serve_catalog(google, MACHINE)
        serve_advice(google, [message(each) for each in SAID])
        bills.serve(gcp_company.TABLE, gcp_company.DETAILED, [str(_two_days(folder))])
        prices = folder / "prices.jsonl"
        prices.write_text("".join(json.dumps(each) + "\n" for each in (line(30, "A", "0.03", "0.02"), line(30, "B", "0.004"))))
        bills.serve(PRICES_TABLE, PRICES_SCHEMA, [str(prices)])
        put_report(store, folder / "report")
        yield cloud


def _two_days(folder: Path) -> Path:
    few = folder / "bill.jsonl"
    few.write_text(_lines())
    return few


@cache
def _lines() -> str:
    """Two days of the sample company's October: what is tested is how they come, not what is in them."""
    whole = next(gcp_company.FOLDER.glob("*resource_v1_202610*.json.gz"))
    with gzip.open(whole, "rt", encoding="utf-8") as lines:
        return "".join(each for each in lines if json.loads(each)["export_time"][:10] in ("2026-10-02", "2026-10-31"))


@contextmanager
def google_nothing(folder: Path, google: Google) -> Iterator[Cloud]:
    with _google(folder, google) as (cloud, bills, store):
        empty = folder / "empty.jsonl"
        empty.write_text("")
        bills.serve(gcp_company.TABLE, gcp_company.DETAILED, [str(empty)])
        bills.serve(PRICES_TABLE, PRICES_SCHEMA, [str(empty)])
        store.put(BLOBS, "reports/readme", b"")
        yield cloud


def _kubernetes(server: Prometheus) -> Cloud:
    server.token = CLUSTER_TOKEN

    def make(*streams: str, **settings: Any) -> Source:
        return test_kubernetes.source(server, *streams, **{"concurrency": 1, "retries": 5, **settings})

    return Cloud(
        connector=connectors()["kubernetes"],
        make=make,
        servers={"": server},
        secrets=lambda: (CLUSTER_TOKEN,),
        denial=Fault(403, "forbidden", f"Bearer {CLUSTER_TOKEN} may not"),
        skewed=Fault(401, "unauthorized", "token is not yet valid"),
        loops={},
        one_page=frozenset(("prometheus:query", "prometheus:query_range", "opencost:allocation")),
    )


@contextmanager
def kubernetes_whole(_: Path) -> Iterator[Cloud]:
    with prometheus() as server:
        test_kubernetes.put_cluster(server)
        yield _kubernetes(server)


@contextmanager
def kubernetes_nothing(_: Path) -> Iterator[Cloud]:
    with prometheus() as server:
        yield _kubernetes(server)


NAMES = ("aws", "azure", "gcp", "kubernetes")
SMALL = NAMES[1:]
"""Those whose servers cut every answer into pages. AWS's cuts as each script says."""


@contextmanager
def cloud(name: str, whole: bool, request: pytest.FixtureRequest, folder: Path) -> Iterator[Cloud]:
    """A cloud with the company in it (`whole`), or with nothing in it. What signs in is set."""
    patch = request.getfixturevalue("monkeypatch")
    if name == "aws":
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))  # the waits are tested by themselves
        stream, server = request.node.callspec.params.get("stream"), request.getfixturevalue("cloud_of_aws")
        with aws_cloud.aws_whole(server, stream) if whole else aws_cloud.aws_nothing(server, stream) as made:
            yield made
    elif name == "kubernetes":
        patch.setenv("FINOPS_PROMETHEUS_TOKEN", CLUSTER_TOKEN)
        with (kubernetes_whole if whole else kubernetes_nothing)(folder) as made:
            yield made
    elif name == "gcp":
        with (google_whole if whole else google_nothing)(folder, request.getfixturevalue("google")) as made:
            yield made
    else:
        from azure.core.pipeline.transport import RequestsTransport

        patch.setattr(RequestsTransport, "sleep", lambda *_: None)  # the waits between two attempts are tested by themselves
        patch.setattr("azure.storage.blob._download.time", SimpleNamespace(sleep=lambda _: None))
        with (azure_whole if whole else azure_nothing)(folder, request.getfixturevalue("azure")) as made:
            yield made


__all__ = ["NAMES", "SMALL", "Cloud", "cloud"]
