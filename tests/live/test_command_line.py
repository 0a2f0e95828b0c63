"""`finops load` and `finops doctor` as they are called: settings, exit codes, what is printed and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.live.aws_company import BUCKET
from tests.live.aws_contract import Aws
from tests.live.aws_estate import put_estate
from tests.live.aws_list import product, serve
from tests.live.conftest import KEY_ID, SECRET
from tests.live.faults import Fault

Call = Callable[..., Ran]


@pytest.fixture
def estate(cloud: Aws) -> Aws:
    put_estate(cloud.url)
    return cloud


def configured(folder: Path, cloud: Aws, *streams: str, more: str = "") -> Path:
    file = folder / "finops.toml"
    file.write_text(
        f'warehouse = "{folder / "warehouse"}"\n[[sources]]\nname = "aws"\nconnector = "aws"\n[sources.settings]\n'
        f'endpoint_url = "{cloud.url}"\nregions = ["us-east-1"]\nexports = ["s3://{BUCKET}"]\n'
        f"streams = {json.dumps(streams)}\n{more}"
    )
    return file


def test_a_failed_stream_is_exit_code_1_and_the_others_are_loaded(estate: Aws, tmp_path: Path, finops: Call) -> None:
    file = configured(tmp_path, estate, "billing", "totals")
    estate.fail("ce:GetCostAndUsage", *[Fault(403, "AccessDeniedException", f"{KEY_ID} {SECRET}")] * 9)
    ran = finops("--config", file, "--debug", "load", "--format", "json")
    estate.faults.clear()
    assert ran.code == 1
    loaded = json.loads(ran.out)
    assert [line["table"] for line in loaded["lines"]] == ["charges"]
    assert loaded["api"]["estimated"]
    assert dict(loaded["api"]["calls"])["s3:GetObject"] == 2
    assert "error: aws totals: " in ran.err
    assert "`ce:GetCostAndUsage`" in ran.err
    assert SECRET not in ran.out + ran.err
    assert KEY_ID not in ran.out + ran.err
    again = finops("--config", file, "load")
    assert again.code == 0
    assert "calls for 0." in again.out
    assert "at list price" in again.out


def test_no_failure_repeats_a_secret(estate: Aws, tmp_path: Path, finops: Call, caplog: pytest.LogCaptureFixture) -> None:
    """Denied, refused, wrong credentials, broken and unforeseen, each with secrets in its text, logged as much as can be."""
    held = f"key {KEY_ID}, {SECRET}, https://x?X-Amz-Signature=0a1b2c&X-Amz-Credential={KEY_ID}"
    estate.fail("ce:GetCostAndUsage", *[Fault(403, "AccessDeniedException", held)] * 9)
    estate.fail("ce:GetReservationUtilization", *[Fault(400, "ValidationException", held)] * 90)
    estate.fail("cloudwatch:ListMetrics", *[Fault(403, "InvalidClientTokenId", held)] * 90)
    estate.fail("savingsplans:DescribeSavingsPlans", *[Fault(500, "InternalFailure", held)] * 90)
    listed = product("AmazonEC2", "Storage", "us-east-1", "0.08", volumeApiName="gp3")
    listed["terms"]["OnDemand"]["t"]["effectiveDate"] = held  # no date: an error that nobody foresaw has it in its text
    serve(estate, [listed])
    streams = ("totals", "benefits", "utilization", "commitments", "prices")
    ran = finops("--config", configured(tmp_path, estate, *streams, more="retries = 2\n"), "--debug", "load")
    estate.faults.clear()
    assert ran.code == 1
    assert all(f"error: aws {stream}" in ran.err for stream in streams)
    assert "ValueError: this is a defect of finops" in ran.err
    assert "price_list.py" in caplog.text  # where it arose is told
    for secret in (SECRET, KEY_ID, "0a1b2c"):
        assert secret not in ran.out + ran.err + caplog.text


@pytest.mark.parametrize(("limit", "code"), [("0", 2), ("5", 0), ("a", 2), ("-1", 2), ("NaN", 2)])
def test_a_limit_of_what_calls_may_cost(estate: Aws, tmp_path: Path, finops: Call, limit: str, code: int) -> None:
    ran = finops("--config", configured(tmp_path, estate, "totals"), "load", "--max-api-cost", limit)
    assert ran.code == code
    assert (estate.asked["ce:GetCostAndUsage"] > 0) == (code == 0)
    if code:
        assert "--max-api-cost" in ran.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("rgions = []", "unknown setting `sources.aws.settings.rgions` (did you mean `regions`?)"),
        ("retries = 0", "sources.aws.settings.retries"),
        ('role_arn = "admin"', "sources.aws.settings.role_arn"),
    ],
)
def test_wrong_settings_are_named(cloud: Aws, tmp_path: Path, finops: Call, more: str, said: str) -> None:
    ran = finops("--config", configured(tmp_path, cloud, more=more), "load")
    assert ran.code == 2
    assert said in ran.err


def test_unknown_connectors_and_streams_are_named(cloud: Aws, tmp_path: Path, finops: Call) -> None:
    file = configured(tmp_path, cloud, "utilisation")
    ran = finops("--config", file, "load")
    assert ran.code == 1
    assert "no stream is named `utilisation` (did you mean `utilization`?)" in ran.err
    file.write_text(file.read_text().replace('connector = "aws"', 'connector = "awz"'))
    ran = finops("--config", file, "load")
    assert ran.code == 2
    assert "`awz` is no connector" in ran.err


def test_doctor(estate: Aws, tmp_path: Path, finops: Call) -> None:
    file = configured(tmp_path, estate, "billing", "totals")
    ran = finops("--config", file, "doctor", "--format", "json")
    assert ran.code == 0
    assert {row["permission"]: row["status"] for row in json.loads(ran.out)} == {
        "s3:ListBucket": "ok",
        "s3:GetObject": "ok",
        "ce:GetCostAndUsage": "ok",
        "s3:PutLifecycleConfiguration": "untried",
    }
    assert "s3:PutLifecycleConfiguration" in finops("doctor", "--policy", "aws", "--apply").out
    assert finops("doctor", "--apply").code == 2
    estate.fail("s3:ListBucket", *[Fault(403, "AccessDenied")] * 9)
    ran = finops("--config", file, "doctor")
    estate.faults.clear()
    assert ran.code == 1
    assert "missing" in ran.out
    assert "finops doctor --policy aws" in ran.err
    assert json.loads(finops("doctor", "--policy", "aws").out)["Version"] == "2012-10-17"
    assert "aws_bcmdataexports_export" in finops("doctor", "--setup", "aws").out
    assert finops("doctor", "--policy", "oracle").code == 2
