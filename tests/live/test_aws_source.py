"""What holds for a source on AWS as a whole; what holds for each of its streams is in `test_contract.py`."""

from __future__ import annotations

import json

import pytest

from connectors.aws.live import CONNECTOR
from connectors.aws.probes import PERMISSIONS
from finops.live.doctor import examine, shipped
from finops.warehouse.warehouse import Warehouse
from tests.live.aws_cloud import ADVISORS, aws_whole
from tests.live.aws_company import fetched, rows
from tests.live.aws_contract import Aws
from tests.live.faults import Fault

STREAMS = {stream.name: stream for stream in CONNECTOR.streams}


@pytest.mark.parametrize("name", STREAMS)
def test_what_is_asked_is_what_the_stream_and_the_policy_name(cloud: Aws, warehouse: Warehouse, name: str) -> None:
    cloud.answer("ec2:DescribeRegions", {"Regions": [{"RegionName": "us-east-1"}]})
    with aws_whole(cloud, name) as whole:
        assert fetched(warehouse, whole.make(name, regions=[])).failures == ()
        assert sorted(whole.asked()) == sorted(STREAMS[name].permissions)
    statements = json.loads(shipped("aws", "permissions"))["Statement"]
    allowed = [action for s in statements if s["Sid"] in (name, f"{name}Object") for action in s["Action"]]
    assert sorted(allowed) == sorted(STREAMS[name].permissions)


def test_one_stream_fails_and_the_others_go_on(cloud: Aws, warehouse: Warehouse) -> None:
    with aws_whole(cloud, "utilization") as whole:
        whole.fail("ce:GetCostAndUsage", *[Fault(403, "AccessDeniedException")] * 9)
        report = fetched(warehouse, whole.make("totals", "utilization"))
        whole.forget()
        assert [failure.split(":")[0] for failure in report.failures] == ["aws totals"]
        assert rows(warehouse, "from metrics")
        assert fetched(warehouse, whole.make("totals")).failures == ()


def test_no_credentials_are_an_error_that_says_how(cloud: Aws, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with aws_whole(cloud, "totals") as whole:
        report = fetched(warehouse, whole.make("totals"))
    assert "no credentials" in report.failures[0]
    assert "profile" in report.failures[0]


def test_the_doctor_only_reads_and_says_what_is_missing_what_failed_and_what_nobody_needs(cloud: Aws) -> None:
    assert {p for s in STREAMS.values() for p in s.permissions} == PERMISSIONS
    with aws_whole(cloud, None) as whole:
        whole.fail("ce:GetCostAndUsage", Fault(400, "AccessDeniedException"))
        whole.fail("s3:GetObject", *[Fault(500, "InternalError")] * 10)
        checks = {check.permission: check for check in examine([whole.make()], lambda _: None)}
        verbs = {permission.split(":")[1] for permission, _ in cloud.requests}
        assert all(verb.startswith(("Get", "List", "Describe")) for verb in verbs)
        status = {permission: check.status for permission, check in checks.items() if check.status != "ok"}
        assert (status.pop("ce:GetCostAndUsage"), status.pop("s3:GetObject")) == ("missing", "failed")
        assert {checks[permission].detail for permission in status} == {"Cost Optimization Hub gives these"}
        whole.forget()
        alone = {c.permission: c.status for name in ADVISORS for c in examine([whole.make(*name)], lambda _: None)}
    assert set(alone.values()) == {"ok"}
    assert alone.keys() >= status.keys()


def test_a_throttle_is_waited_for_as_long_as_aws_says(cloud: Aws, warehouse: Warehouse) -> None:
    """In milliseconds (`x-amz-retry-after`, which the SDK's standard mode honours); without it a second at most."""
    throttled = Fault(429, "TooManyRequestsException", headers=(("x-amz-retry-after", "2500"),))
    with aws_whole(cloud, "advice") as whole:
        whole.fail("cost-optimization-hub:ListRecommendations", throttled)
        assert fetched(warehouse, whole.make("advice")).failures == ()
    first, second = (at for asked, at in cloud.arrivals if asked == "cost-optimization-hub:ListRecommendations")
    assert second - first >= 2.5
