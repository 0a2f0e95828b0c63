"""What holds for every stream of AWS: keys, empty windows, replays, denials, throttles, broken connections, secrets."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from connectors.aws.live import CONNECTOR
from connectors.aws.optimizer import ADVICES, IDLE
from connectors.aws.probes import PERMISSIONS
from connectors.aws.resources_data import DATA
from connectors.aws.resources_ec2 import EC2
from connectors.aws.resources_services import SERVICES
from connectors.aws.session import action
from finops import tables
from finops.connect import Blob
from finops.errors import AccessError, SourceError
from finops.live.doctor import examine, shipped
from finops.live.plan import Opened, open_source
from finops.warehouse.warehouse import Warehouse
from finops.window import Window
from tests.live.aws_company import BUCKET, fetched, rows, source
from tests.live.aws_contract import Aws
from tests.live.aws_estate import LISTS, put_estate, put_resources
from tests.live.aws_list import serve
from tests.live.conftest import KEY_ID, NOW, SECRET
from tests.live.faults import Fault, Reset
from tests.live.test_prices_live import machine

STREAMS = {stream.name: stream for stream in CONNECTOR.streams}
KINDS = (*EC2, *SERVICES, *DATA)
FREE = {"sts:GetCallerIdentity"}
"""What no policy can deny."""

DENIAL = f"User: arn:aws:iam::1:user/{KEY_ID} with {SECRET} is not authorized"


def of(cloud: Aws, *streams: str, **settings: Any) -> Any:
    advisors = streams in (("optimizer",), ("explorer",))  # which are asked where the hub does not hold the account
    enrolled = {"accountId": "123456789012", "status": "Inactive" if advisors else "Active"}
    cloud.answer("cost-optimization-hub:ListEnrollmentStatuses", {"items": [enrolled]})
    exports = [] if streams == ("costs",) else [f"s3://{BUCKET}"]
    given = {"streams": streams, "exports": exports, "inventories": [f"s3://{LISTS}/listings"], "history_days": 40}
    return source(cloud.url, **{**given, **settings})


def held(warehouse: Warehouse, stream: str) -> list[dict[str, Any]]:
    return rows(warehouse, f"from {STREAMS[stream].table} order by all")


@pytest.fixture
def estate(cloud: Aws) -> Aws:
    put_estate(cloud.url)
    cloud.asked.clear()
    return cloud


def asked(cloud: Aws, stream: str, folder: Path, **settings: Any) -> set[str]:
    """The permissions that one load of the stream uses."""
    cloud.asked.clear()
    assert fetched(Warehouse.open(str(folder / "first")), of(cloud, stream, **settings)).failures == ()
    return set(cloud.asked)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_says_what_it_is(name: str) -> None:
    stream = STREAMS[name]
    assert tables.table(stream.table)
    assert stream.title
    assert stream.permissions
    assert stream.divided == "snapshot" or stream.reach_days > 0


@pytest.mark.parametrize("name", STREAMS)
def test_nothing_there_is_no_error_and_a_replay_changes_nothing(cloud: Aws, warehouse: Warehouse, name: str) -> None:
    if name in ("billing", "objects"):
        put_estate(cloud.url)
    for _ in range(2):
        assert fetched(warehouse, of(cloud, name)).failures == ()
    first = held(warehouse, name)
    assert fetched(warehouse, of(cloud, name)).failures == ()
    assert held(warehouse, name) == first


@pytest.mark.parametrize("name", STREAMS)
def test_keys_are_unique_and_required_columns_are_there(estate: Aws, warehouse: Warehouse, name: str) -> None:
    assert fetched(warehouse, of(estate, name)).failures == ()
    table = tables.table(STREAMS[name].table)
    found = held(warehouse, name)
    assert all(row[column] is not None for row in found for column in table.required)
    keys = [tuple(row[column] for column in table.key) for row in found]
    assert not table.key or len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", STREAMS)
def test_what_is_asked_is_what_the_stream_and_the_policy_name(estate: Aws, tmp_path: Path, name: str) -> None:
    if name in ("inventory", "spot", "bands"):
        put_resources(estate.url)
    serve(estate, [machine("m5.xlarge", "0.192")])
    estate.answer("ec2:DescribeRegions", {"Regions": [{"RegionName": "us-east-1"}]})
    used = asked(estate, name, tmp_path, regions=[])
    assert used - FREE == set(STREAMS[name].permissions)
    statements = json.loads(shipped("aws", "permissions"))["Statement"]
    allowed = [action for s in statements if s["Sid"] in (name, f"{name}Object") for action in s["Action"]]
    assert sorted(allowed) == sorted(STREAMS[name].permissions)


def parts(opened: Opened, name: str, permission: str) -> None:
    """Fetch the parts of a stream that need a permission, as a load does; without the engine, which lands what they bring."""
    stream = STREAMS[name]
    kinds = {kind.name for kind in KINDS if permission in kind.permissions} or {kind.name for kind in KINDS}
    window = Window(NOW - timedelta(days=2), NOW)
    places = stream.places(opened.connection) if stream.places else {"": opened.connection}
    for connection in places.values():
        for part in stream.plan(connection, window):
            if name != "inventory" or part.handle[2] in kinds:
                for page in stream.fetch(connection, part, window):
                    list(page.read(0) if isinstance(page, Blob) else ())


@pytest.mark.parametrize("name", STREAMS)
def test_a_denial_names_the_permission(estate: Aws, tmp_path: Path, name: str) -> None:
    for permission in sorted(asked(estate, name, tmp_path) - FREE):
        opened = open_source(of(estate, name))
        estate.fail(permission, *[Fault(403, "AccessDenied", DENIAL)] * 40)
        with pytest.raises(AccessError) as denied:
            parts(opened, name, permission)
        estate.faults.clear()
        assert f"`{permission}`" in str(denied.value), permission
        assert "finops doctor" in str(denied.value)
        assert SECRET not in str(denied.value)
        assert KEY_ID not in str(denied.value)


@pytest.mark.parametrize("name", STREAMS)
def test_a_denial_lands_nothing(estate: Aws, warehouse: Warehouse, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    others = {"inventory": "ec2:DescribeVolumes", "spot": "ec2:DescribeInstances", "bands": "ec2:DescribeInstances"}
    permission = others.get(name, STREAMS[name].permissions[0])
    estate.fail(permission, *[Fault(403, "AccessDenied", DENIAL)] * 40)
    report = fetched(warehouse, of(estate, name))
    estate.faults.clear()
    assert f"`{permission}`" in report.failures[0]
    failed = {failure.partition(":")[0].replace(" ", "/") for failure in report.failures}
    landed = {row["x_source"] for row in held(warehouse, name)}
    assert not landed if STREAMS[name].places is None else not landed & failed
    assert SECRET not in repr(report) + caplog.text
    assert KEY_ID not in repr(report)


@pytest.mark.parametrize(
    "fault", [Fault(429, "TooManyRequestsException", headers=(("Retry-After", "0"),)), Fault(503, "SlowDown"), Reset()]
)
@pytest.mark.parametrize("name", STREAMS)
def test_a_throttle_or_a_broken_connection_is_survived(estate: Aws, tmp_path: Path, name: str, fault: Fault | Reset) -> None:
    whole = tmp_path / "first"
    for permission in sorted(asked(estate, name, tmp_path) - FREE):
        estate.fail(permission, fault)
    warehouse = Warehouse.open(str(tmp_path / "again"))
    assert fetched(warehouse, of(estate, name)).failures == ()
    assert not any(estate.faults.values())
    assert held(warehouse, name) == held(Warehouse.open(str(whole)), name)


@pytest.mark.parametrize("name", STREAMS)
def test_a_page_token_that_comes_twice_is_an_error(estate: Aws, tmp_path: Path, name: str) -> None:
    used = asked(estate, name, tmp_path)
    paged = {
        action(service, operation): page for service, operation, page in pagination() if action(service, operation) in used
    }
    for permission, (field, result) in sorted(paged.items()):
        opened = open_source(of(estate, name))
        estate.answer(permission, {field: "again", **({} if permission == "s3:ListBucket" else {result: []})})
        with pytest.raises(SourceError, match="one page token twice"):
            parts(opened, name, permission)
        estate.answers.clear()


PAGED = (
    "cloudwatch", "ec2", "rds", "sagemaker", "lambda", "elbv2", "autoscaling", "eks", "ecr", "redshift", "elasticache",
    "application-autoscaling", "cost-optimization-hub", "pricing", "dynamodb", "bedrock",
)  # fmt: skip


OPTIMIZED = {IDLE[0]: IDLE[1]} | {advice.operation: advice.field for advice in ADVICES}


def pagination() -> list[tuple[str, str, tuple[str, str]]]:
    """Service, operation, (token of the answer, list of the answer) of every operation that botocore pages, and more."""
    loader = botocore.session.get_session().get_component("data_loader")
    found = [
        ("ce", "GetCostAndUsage", ("NextPageToken", "ResultsByTime")),
        ("ce", "GetReservationUtilization", ("NextPageToken", "UtilizationsByTime")),
        ("ce", "GetSavingsPlansUtilizationDetails", ("NextToken", "SavingsPlansUtilizationDetails")),
        ("ce", "GetReservationPurchaseRecommendation", ("NextPageToken", "Recommendations")),
        ("ce", "GetRightsizingRecommendation", ("NextPageToken", "RightsizingRecommendations")),
        *(("compute-optimizer", operation, ("nextToken", field)) for operation, field in OPTIMIZED.items()),
        ("savingsplans", "DescribeSavingsPlans", ("nextToken", "savingsPlans")),
        ("savingsplans", "DescribeSavingsPlansOfferingRates", ("nextToken", "searchResults")),
    ]
    for service in PAGED:
        for operation, page in loader.load_service_model(service, "paginators-1")["pagination"].items():
            if isinstance(page["output_token"], str):
                result = page["result_key"] if isinstance(page["result_key"], str) else page["result_key"][0]
                found.append((service, operation, (page["output_token"], result)))
    return found


def test_a_clock_that_is_wrong_is_said(estate: Aws, warehouse: Warehouse) -> None:
    estate.fail(
        "*", *[Fault(403, "RequestTimeTooSkewed", "The difference between the request time and ours is too large")] * 40
    )
    report = fetched(warehouse, of(estate, "totals"))
    estate.faults.clear()
    assert "set this machine's clock" in report.failures[0]


def test_one_stream_fails_and_the_others_go_on(estate: Aws, warehouse: Warehouse) -> None:
    estate.fail("ce:GetCostAndUsage", *[Fault(403, "AccessDeniedException")] * 9)
    report = fetched(warehouse, of(estate, "totals", "utilization"))
    estate.faults.clear()
    assert [failure.split(":")[0] for failure in report.failures] == ["aws totals"]
    assert held(warehouse, "utilization")
    assert fetched(warehouse, of(estate, "totals")).failures == ()


def test_no_credentials_are_an_error_that_says_how(cloud: Aws, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    report = fetched(warehouse, of(cloud, "totals"))
    assert "no credentials" in report.failures[0]
    assert "profile" in report.failures[0]


def test_a_doctor_tries_every_permission_once(estate: Aws) -> None:
    estate.fail("eks:ListNodegroups", Fault(404, "ResourceNotFoundException"))  # the emulator breaks on an absent cluster
    checks = examine([of(estate)], lambda _: None)
    assert {check.permission for check in checks} == {p for s in STREAMS.values() for p in s.permissions} == PERMISSIONS
    assert {check.detail for check in checks if check.status != "ok"} == {"Cost Optimization Hub gives these"}
    alone = examine([of(estate, "optimizer"), of(estate, "explorer")], lambda _: None)
    assert {check.status for check in alone} == {"ok"}
    assert {check.permission for check in alone} >= {check.permission for check in checks if check.status == "untried"}
    estate.fail("ce:GetCostAndUsage", Fault(400, "AccessDeniedException"))
    estate.fail("s3:GetObject", Fault(500, "InternalError"), *[Fault(500, "InternalError")] * 9)
    again = examine([of(estate, "totals", "billing")], lambda _: None)
    status = {check.permission: check.status for check in again}
    estate.faults.clear()
    assert (status["ce:GetCostAndUsage"], status["s3:GetObject"], status["s3:ListBucket"]) == ("missing", "failed", "ok")


def test_probes_only_read(estate: Aws) -> None:
    estate.requests.clear()
    estate.fail("eks:ListNodegroups", Fault(404, "ResourceNotFoundException"))
    examine([of(estate)], lambda _: None)
    verbs = {permission.split(":")[1] for permission, _ in estate.requests}
    assert all(verb.startswith(("Get", "List", "Describe")) for verb in verbs)


def test_windows_follow_the_clock_that_is_given(estate: Aws, warehouse: Warehouse) -> None:
    fetched(warehouse, of(estate, "utilization"), now=NOW - timedelta(days=300))
    assert held(warehouse, "utilization") == []
