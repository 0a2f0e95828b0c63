"""`finops apply --yes`: rules among those of others, written down before, read back, taken out again; nothing else is put."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.aws.lifecycle import LIFECYCLE as S3
from finops.config import Source
from finops.errors import AccessError, ConfigError, RetriableError, SourceError
from finops.live.doctor import APPLY, POLICY, of_apply, shipped
from finops.live.lifecycle import put, standing, target, undo
from finops.model import Act, Effect, Estimate, Evidence, Finding, Move, Saving, Scope
from finops.plugins import connectors
from finops.storage.rules import Rule, document
from finops.warehouse.warehouse import Warehouse
from finops.window import Window
from tests.conftest import Ran
from tests.live import azure_contract
from tests.live.aws_company import client, source
from tests.live.aws_contract import Aws
from tests.live.faults import Fault
from tests.live.gcp_company import write_credentials
from tests.live.rules_contract import Stores, azure_rules, gcs_rules

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
GROUP = "/subscriptions/6a1f0c52-3a7e-4a57-9d1b-0c7e52d1a001/resourceGroups/rg-ml"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/logs"
FOREIGN_S3 = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 9}}


def finding(resource: str, kind: str, lifecycle: str, account: str = "123456789012") -> Finding:
    saving = Saving(Estimate(Decimal(1), Decimal(1), Decimal(1)), Decimal(12), Decimal(0), "USD")
    return Finding(
        recommender="storage_tiering",
        kind="storage_tiering",
        scope=Scope("x", account, "us-east-1", "storage", resource),
        verdict=Act(Move("a", "b"), saving, 0.9, "why", Effect(cut=Decimal(1))),
        evidence=Evidence((), Window(NOW - timedelta(days=30), NOW), 1.0, ""),
        as_of=date(2026, 10, 31),
        monthly_cost=Decimal(1),
        currency="USD",
        resource_type=kind,
        lifecycle=lifecycle,
    )


def tiered(shape: Any, days: int = 30, name: str = "") -> str:
    classes = {"transitions": "GLACIER_IR", "tiers": "cold", "conditions": "COLDLINE"}
    return document(shape, [Rule(prefix="raw/", steps=((days, name or classes[shape]),))])


def of_s3(days: int = 30) -> Finding:
    return finding("lake", "AWS::S3::Bucket", tiered("transitions", days))


@pytest.fixture
def lake(cloud: Aws) -> Aws:
    client(cloud.url, "s3").create_bucket(Bucket="lake")
    return cloud


def stored(cloud: Aws) -> list[dict[str, Any]]:
    s3 = client(cloud.url, "s3")
    try:
        found: list[dict[str, Any]] = s3.get_bucket_lifecycle_configuration(Bucket="lake")["Rules"]
    except s3.exceptions.ClientError:
        return []
    return found


def theirs(cloud: Aws, *rules: dict[str, Any]) -> None:
    client(cloud.url, "s3").put_bucket_lifecycle_configuration(Bucket="lake", LifecycleConfiguration={"Rules": list(rules)})


def test_ours_stands_beside_theirs_and_goes_again(lake: Aws, warehouse: Warehouse) -> None:
    theirs(lake, FOREIGN_S3)
    sources = [source(lake.url)]
    done = put(of_s3(), target(of_s3(), sources), warehouse.storage, NOW)
    assert (done.bucket, done.ours, done.others) == ("lake", 1, 1)
    assert [rule["ID"] for rule in stored(lake)] == ["theirs", "finops-raw"]
    assert stored(lake)[0]["Expiration"] == {"Days": 9}
    asked = [parameters for permission, parameters in lake.requests if permission == "s3:PutLifecycleConfiguration"]
    assert len(asked) == 2  # theirs and ours
    before = json.loads((warehouse.storage.read(done.record) or b"").decode())["before"]["rules"]
    assert [rule["ID"] for rule in before] == ["theirs"]
    record = standing(warehouse.storage, of_s3().id[:5])
    assert record
    undo(record, sources, warehouse.storage)
    assert [rule["ID"] for rule in stored(lake)] == ["theirs"]
    assert standing(warehouse.storage, of_s3().id) is None


def test_the_same_again_puts_nothing_and_a_newer_rule_takes_its_own_place(lake: Aws, warehouse: Warehouse) -> None:
    sources = [source(lake.url)]
    assert put(of_s3(), target(of_s3(), sources), warehouse.storage, NOW).record
    lake.asked.clear()
    assert put(of_s3(), target(of_s3(), sources), warehouse.storage, NOW).record == ""
    assert lake.asked["s3:PutLifecycleConfiguration"] == 0
    put(of_s3(90), target(of_s3(90), sources), warehouse.storage, NOW + timedelta(days=1))
    assert [rule["Transitions"][0]["Days"] for rule in stored(lake)] == [90]
    for days in (30, None):
        record = standing(warehouse.storage, of_s3().id)
        assert record
        undo(record, sources, warehouse.storage)
        assert [rule["Transitions"][0]["Days"] for rule in stored(lake)] == ([days] if days else [])


def test_a_rule_that_was_edited_or_removed_since(lake: Aws, warehouse: Warehouse) -> None:
    sources = [source(lake.url)]
    put(of_s3(), target(of_s3(), sources), warehouse.storage, NOW)
    record = standing(warehouse.storage, of_s3().id)
    assert record
    ours = stored(lake)[0]
    theirs(lake, {**ours, "Transitions": [{"Days": 99, "StorageClass": "GLACIER_IR"}]})
    with pytest.raises(ConfigError, match="edited since"):
        undo(record, sources, warehouse.storage)
    assert stored(lake)[0]["Transitions"][0]["Days"] == 99
    theirs(lake, FOREIGN_S3)  # somebody took ours out already
    undo(record, sources, warehouse.storage)
    assert [rule["ID"] for rule in stored(lake)] == ["theirs"]


def test_an_old_prefix_becomes_the_same_filter_and_the_smallest_size_stays(lake: Aws, warehouse: Warehouse) -> None:
    old = {"ID": "old", "Status": "Enabled", "Prefix": "logs/", "Expiration": {"Date": datetime(2030, 1, 1, tzinfo=UTC)}}
    answer = {"Rules": [old], "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}
    lake.answer("s3:GetLifecycleConfiguration", answer)
    rules = target(of_s3(), [source(lake.url)]).read()
    assert rules.rules[0]["Filter"] == {"Prefix": "logs/"}
    assert "Prefix" not in rules.rules[0]
    assert rules.rest == {"TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}
    assert rules.rules[0]["Expiration"]["Date"].startswith("2030-01-01")
    S3.write(target(of_s3(), [source(lake.url)]).opened.connection, target(of_s3(), [source(lake.url)]).bucket, rules)
    lake.answers.clear()
    assert stored(lake)[0]["ID"] == "old"


def test_a_denial_names_the_permission_and_puts_nothing(lake: Aws, warehouse: Warehouse) -> None:
    theirs(lake, FOREIGN_S3)
    lake.fail("s3:PutLifecycleConfiguration", Fault(403, "AccessDenied"))
    with pytest.raises(AccessError, match="s3:PutLifecycleConfiguration"):
        put(of_s3(), target(of_s3(), [source(lake.url)]), warehouse.storage, NOW)
    assert [rule["ID"] for rule in stored(lake)] == ["theirs"]


def test_a_write_that_somebody_overwrites_is_said(lake: Aws, warehouse: Warehouse) -> None:
    to = target(of_s3(), [source(lake.url)])
    lost = replace(to, lifecycle=replace(to.lifecycle, write=lambda *_: theirs(lake, FOREIGN_S3)))
    with pytest.raises(SourceError, match="not there after they were put"):
        put(of_s3(), lost, warehouse.storage, NOW)


@pytest.mark.parametrize(
    ("case", "sources", "said"),
    [
        (replace(of_s3(), lifecycle=""), 1, "only lifecycle rules"),
        (of_s3(), 0, "none does"),
        (of_s3(), 2, "aws, aws2 does"),
        (finding("x", "Oracle::Bucket", tiered("transitions")), 1, "none does"),
    ],
)
def test_everything_else_is_refused(cloud: Aws, case: Finding, sources: int, said: str) -> None:
    named = [source(cloud.url), source(cloud.url, "aws2")][:sources]
    with pytest.raises(ConfigError, match=said):
        target(case, named)
    assert not cloud.asked


def test_of_several_sources_one_is_named(lake: Aws) -> None:
    to = target(of_s3(), [source(lake.url), source(lake.url, "aws2")], "aws2")
    assert to.opened.source.name == "aws2"


@pytest.fixture
def arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    folder = tmp_path / "tls"
    folder.mkdir()
    with azure_rules(folder) as stores:
        monkeypatch.setenv("AZURE_TENANT_ID", azure_contract.TENANT)
        monkeypatch.setenv("AZURE_CLIENT_ID", azure_contract.CLIENT)
        monkeypatch.setenv("AZURE_CLIENT_SECRET", azure_contract.SECRET)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "certificate.pem"))
        yield stores


@pytest.fixture
def gcs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    with gcs_rules() as stores:
        write_credentials(tmp_path / "key.json", stores.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        yield stores


def of_azure(days: int = 30) -> Finding:
    return finding(ACCOUNT, "Microsoft.Storage/storageAccounts", tiered("tiers", days), "6a1f0c52")


def of_gcs(days: int = 30) -> Finding:
    name = "//storage.googleapis.com/projects/_/buckets/corpus"
    return finding(name, "storage.googleapis.com/Bucket", tiered("conditions", days), "ml")


def azure_source(stores: Stores) -> Source:
    given = {
        "authority": stores.url,
        "private_authority": True,
        "management_endpoint": stores.url,
        "timeout_s": 20,
        "retries": 2,
    }
    return Source(name="azure", connector="azure", settings=given)


def gcs_source(stores: Stores) -> Source:
    given = {"endpoint_urls": {"storage": stores.url}, "project": "ml", "timeout_s": 20, "retries": 1}
    return Source(name="gcp", connector="gcp", settings=given)


FOREIGN_AZURE = {
    "enabled": True,
    "name": "theirs",
    "type": "Lifecycle",
    "definition": {
        "filters": {"blobTypes": ["appendBlob"]},
        "actions": {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 9}}},
    },
}
FOREIGN_GCS = {"action": {"type": "Delete"}, "condition": {"age": 9, "matchesPrefix": ["tmp/"]}}


@pytest.mark.parametrize("there", [[FOREIGN_AZURE], None])
def test_azure_policies(arm: Stores, warehouse: Warehouse, there: Any) -> None:
    arm.rules["logs"] = there
    sources = [azure_source(arm)]
    for days in (30, 90):
        done = put(of_azure(days), target(of_azure(days), sources), warehouse.storage, NOW + timedelta(days=days))
        assert done.others == len(there or ())
        assert [rule["name"] for rule in arm.rules["logs"] or ()] == [*["theirs"] * len(there or ()), "finops-raw"]
    assert put(of_azure(90), target(of_azure(90), sources), warehouse.storage, NOW).record == ""
    while record := standing(warehouse.storage, of_azure().id):
        undo(record, sources, warehouse.storage)
    assert arm.rules["logs"] == there
    arm.faults["PUT"] = [403]
    with pytest.raises(AccessError, match="managementPolicies/write"):
        put(of_azure(), target(of_azure(), sources), warehouse.storage, NOW + timedelta(days=400))
    del arm.rules["logs"]
    with pytest.raises(SourceError, match="ResourceNotFound"):
        put(of_azure(), target(of_azure(), sources), warehouse.storage, NOW + timedelta(days=500))


@pytest.mark.parametrize("there", [[FOREIGN_GCS], None])
def test_cloud_storage_rules_bear_no_name_and_ours_are_known_by_the_record(
    gcs: Stores, warehouse: Warehouse, there: Any
) -> None:
    gcs.rules["corpus"] = there
    sources = [gcs_source(gcs)]
    for days in (30, 90):
        put(of_gcs(days), target(of_gcs(days), sources), warehouse.storage, NOW + timedelta(days=days))
        rules = gcs.rules["corpus"] or []
        assert [rule["condition"]["age"] for rule in rules] == [*[9] * len(there or ()), days]
    while record := standing(warehouse.storage, of_gcs().id):
        undo(record, sources, warehouse.storage)
    assert gcs.rules["corpus"] == there
    gcs.faults["PATCH"] = [403]
    with pytest.raises(AccessError, match=r"storage\.buckets\.update"):
        put(of_gcs(), target(of_gcs(), sources), warehouse.storage, NOW + timedelta(days=400))


def test_cloud_storage_refuses_a_write_on_another_version(gcs: Stores, warehouse: Warehouse) -> None:
    gcs.rules["corpus"] = [FOREIGN_GCS]

    def another() -> None:
        gcs.version += 1

    gcs.between.append(another)
    with pytest.raises(RetriableError, match="at the same time"):
        put(of_gcs(), target(of_gcs(), [gcs_source(gcs)]), warehouse.storage, NOW)
    assert gcs.rules["corpus"] == [FOREIGN_GCS]


def test_a_rule_that_the_sdk_would_lose_is_not_written_over(gcs: Stores, warehouse: Warehouse) -> None:
    unknown = {"action": {"type": "Freeze"}, "condition": {"age": 9}}
    gcs.rules["corpus"] = [FOREIGN_GCS, unknown]
    with pytest.raises(SourceError, match="does not know"):
        put(of_gcs(), target(of_gcs(), [gcs_source(gcs)]), warehouse.storage, NOW)
    assert gcs.rules["corpus"] == [FOREIGN_GCS, unknown]


@pytest.mark.parametrize("name", ["aws", "azure", "gcp"])
def test_the_policy_of_writing_is_apart_and_names_what_is_needed(name: str) -> None:
    life = connectors()[name].lifecycle
    assert life
    reading, writing = shipped(name, POLICY), shipped(name, APPLY)
    for permission in life.writes:
        assert f'"{permission}"' in writing or f"- {permission}\n" in f"{writing}\n"
        assert permission not in reading
    for permission in life.reads:
        assert permission in writing
    checks = of_apply([Source(name="x", connector=name)])
    assert {check.permission for check in checks} == set(life.writes)
    assert {check.status for check in checks} == {"untried"}


def test_the_command_puts_records_and_takes_back(finops: Callable[..., Ran], copied: Path, tmp_path: Path, cloud: Aws) -> None:
    file = tmp_path / "finops.toml"
    file.write_text(
        f'warehouse = "{copied}"\n[[sources]]\nname = "aws"\nconnector = "aws"\n'
        f'[sources.settings]\nendpoint_url = "{cloud.url}"\n'
    )
    every = json.loads(finops("--config", file, "recommend", "storage_tiering", "--format", "json").out)
    plans = every if isinstance(every, list) else [every]
    raw = next(r for plan in plans for r in plan["recommendations"] if r["resource"] == "nordlicht-raw-video")
    s3 = client(cloud.url, "s3")
    s3.create_bucket(Bucket="nordlicht-raw-video")
    s3.put_bucket_lifecycle_configuration(Bucket="nordlicht-raw-video", LifecycleConfiguration={"Rules": [FOREIGN_S3]})
    ran = finops("--config", file, "apply", raw["id"], "--yes", "--by", "ada")
    assert (ran.code, ran.out) == (0, ""), ran.err
    assert "1 rule put, 1 rule of others as they were" in ran.err
    there = s3.get_bucket_lifecycle_configuration(Bucket="nordlicht-raw-video")["Rules"]
    assert [rule["ID"] for rule in there] == ["theirs", "finops-raw"]
    decided = json.loads(finops("--config", file, "sql", "from decisions order by decided_at", "--format", "json").out)
    assert [(row["verb"], row["decided_by"]) for row in decided][-1] == ("applied", "ada")
    again = finops("--config", file, "apply", raw["id"], "--yes")
    assert again.code == 0
    assert "already" in again.err
    back = finops("--config", file, "apply", raw["id"], "--undo")
    assert back.code == 0, back.err
    assert [r["ID"] for r in s3.get_bucket_lifecycle_configuration(Bucket="nordlicht-raw-video")["Rules"]] == ["theirs"]
    assert finops("--config", file, "apply", raw["id"], "--undo").code == 2
    machine = next(r for plan in json.loads(finops("--config", file, "recommend", "--format", "json").out)
                   for r in plan["recommendations"] if r["action"]["type"] in ("Resize", "Delete"))  # fmt: skip
    refused = finops("--config", file, "apply", machine["id"], "--yes")
    assert refused.code == 2
    assert "only lifecycle rules" in refused.err
    for wrong in (("--yes", "--out", "x"), ("--undo", "--yes"), ("--yes", "--as-of", "2026-10-01")):
        assert finops("--config", file, "apply", raw["id"], *wrong).code == 2
