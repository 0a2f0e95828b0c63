"""Patches: templates of every connector fill in, and what comes from outside is one quoted word."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
import yaml

from finops.model import (
    Act,
    Action,
    Delete,
    Effect,
    Estimate,
    Evidence,
    Finding,
    Reconfigure,
    Resize,
    Saving,
    Scale,
    Scope,
    Stop,
    UseSpot,
)
from finops.patches import FORMS, forms_of, patch_of, templates
from finops.storage.rules import Rule, Shape, document
from finops.window import Window

DAY = date(2026, 10, 31)
ACTIONS: dict[str, Action] = {
    "Delete": Delete(),
    "Stop": Stop(),
    "Resize": Resize("a", "b"),
    "Reconfigure": Reconfigure("a", "b"),
    "Move": Resize("a", "b"),
    "UseSpot": UseSpot("on_demand", "spot"),
}


def finding(resource: str, resource_type: str, action: Action) -> Finding:
    saving = Saving(Estimate.exactly(Decimal(1)), Decimal(12), Decimal(0), "USD")
    verdict = Act(action, saving, 1.0, "why", Effect())
    evidence = Evidence((), Window.of_days(DAY, DAY), 1.0, "")
    found = Finding("idle", "idle", Scope("P", "acc", "reg", "svc", resource), verdict, evidence, DAY, Decimal(1), "USD")
    return replace(found, resource_type=resource_type)


def test_a_volume_is_deleted_after_its_snapshot() -> None:
    patch = patch_of(finding("vol-0abc", "AWS::EC2::Volume", Delete()))
    assert patch.index("create-snapshot") < patch.index("delete-volume")
    assert "--region reg --volume-id vol-0abc" in patch


@pytest.mark.parametrize("name", ["x; rm -rf ~", "$(id)", "`id`", "a'b", "a b"])
def test_a_hostile_name_is_one_word(name: str) -> None:
    patch = patch_of(finding(f"arn:aws:sagemaker:r:1:endpoint/{name}", "AWS::SageMaker::Endpoint", Delete()))
    assert shlex.split(patch)[-1] == name


def test_parts_of_a_path_are_found_whatever_their_case() -> None:
    resource = "/subscriptions/s/resourceGroups/g1/providers/Microsoft.MachineLearningServices/workspaces/w1/computes/c1"
    patch = patch_of(finding(resource, "Microsoft.MachineLearningServices/workspaces/computes", Stop()))
    assert patch == "az ml compute stop --resource-group g1 --workspace-name w1 --name c1"


def test_every_template_fills_in() -> None:
    assert len(templates()) > 20
    for resource_type, action in templates():
        if action in ("Delete", "Stop", "Resize", "Reconfigure", "UseSpot"):
            assert patch_of(finding("r", resource_type, ACTIONS[action])), (resource_type, action)


def test_a_template_of_kind_and_target_goes_before_the_types_own() -> None:
    found = finding("i-1", "AWS::EC2::Instance", Reconfigure("a", "input pipeline"))
    assert patch_of(found) == ""
    assert "num_workers" in patch_of(replace(found, kind="ml_efficiency"))
    failed = finding("runs of vision", "runs", Reconfigure("a", "checkpoint + preflight"))
    assert "async_save" in patch_of(replace(failed, kind="ml_efficiency"))


def test_no_template_is_no_patch() -> None:
    assert patch_of(finding("r", "Unheard::Of::Type", Delete())) == ""


def test_a_line_break_in_a_name_gives_no_patch() -> None:
    assert patch_of(finding("bucket\nrm -rf ~", "AWS::S3::Bucket", Reconfigure("a", "b"))) == ""


IDS = {  # a resource of each type that has a form, with all that its forms name
    "Microsoft": "/subscriptions/s/resourceGroups/g1/providers/{}/thing",
    "compute.googleapis.com": "//compute.googleapis.com/projects/p/zones/z-a/things/thing",
    "apps.k8s.io": "cluster/namespaces/shop/deployments/thing",
}
SHAPES: dict[str, Shape] = {
    "AWS::S3::Bucket": "transitions",
    "Microsoft.Storage/storageAccounts": "tiers",
    "storage.googleapis.com/Bucket": "conditions",
}
DAYTIME = ((8, 20, 4),)
RULE = Rule("raw/${x}", ((30, "STANDARD_IA"), (90, "GLACIER")), noncurrent_days=9, superseded_days=7)


def patched(resource_type: str, action: str, name: str = "thing", hours: tuple[tuple[int, int, int], ...] = DAYTIME) -> Finding:
    form = next((found for start, found in IDS.items() if resource_type.startswith(start)), "arn:aws:x:r:1:thing/thing")
    resource = form.format(resource_type)[: -len("thing")] + name
    if action == "lifecycle":
        rules = document(SHAPES[resource_type], [RULE])
        found = replace(finding(resource, resource_type, Reconfigure("a", "b")), lifecycle=rules)
        return replace(found, patch=patch_of(found))
    scale = Scale("none", "min 2, max 9, target 70%", 40, 300, 1, 120, 900, hours)
    kind, _, word = action.rpartition(" ")
    found = finding(resource, resource_type, scale if word == "Scale" else ACTIONS[word])
    found = replace(found, kind=kind or "rightsizing")
    return replace(found, patch=patch_of(found))


FORMED = [(kind, action.rpartition(" .")) for kind, action in templates() if " ." in action and "hours" not in action]


@pytest.mark.parametrize(("resource_type", "named"), FORMED)
def test_every_form_is_text_of_its_language(resource_type: str, named: tuple[str, str, str]) -> None:
    action, _, form = named
    found = patched(resource_type, action)
    if form not in forms_of(found):  # it has no way to say hours
        found = patched(resource_type, action, hours=())
    text = forms_of(found)[form]
    assert "thing" in text or form == "json"
    if form == "tf":
        _parsed(text)
    elif form == "json":
        assert json.loads(text)
    else:
        assert yaml.safe_load(text)["spec"]["maxReplicas"] == 9


def _parsed(text: str) -> None:
    """Terraform's text: strings end on their line, brackets close, and outside of strings nothing is evaluated but names."""
    plain = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', re.sub(r"(?m)#.*$", "", text))
    assert plain.count('"') % 2 == 0
    depth = 0
    for mark in re.findall(r"[{}\[\]()]", plain):
        depth += 1 if mark in "{[(" else -1
        assert depth >= 0
    assert depth == 0
    assert re.search(r"(?m)^(resource|import|variable) ", plain)
    assert not re.search(r"(?<!\$)\$\{", text)


@pytest.mark.parametrize("name", ['x"\n}', "${file(1)}", "%{if true}", "a b", "日本"])
def test_a_hostile_name_is_one_string_in_every_form(name: str) -> None:
    for kind, action in (("AWS::EC2::Instance", "Resize"), ("apps.k8s.io/Deployment", "autoscaling Scale")):
        forms = forms_of(patched(kind, action, name))
        if "\n" in name:
            assert forms == {}
            continue
        for form, text in forms.items():
            if form == "tf":
                _parsed(text)
            if form == "yaml":
                assert yaml.safe_load(text)["metadata"]["name"] == name


def test_lifecycle_rules_are_blocks_as_their_providers_name_them() -> None:
    said = forms_of(patched("AWS::S3::Bucket", "lifecycle"))
    assert json.loads(said["json"])["Rules"][0]["Transitions"][1] == {"Days": 90, "StorageClass": "GLACIER"}
    blocks = re.sub(r"\s+", " ", said["tf"])
    assert 'filter { and { prefix = "raw/$${x}" tags = { "superseded" = "true" } } }' in blocks
    assert 'transition { days = 90 storage_class = "GLACIER" }' in blocks
    assert "noncurrent_version_expiration { noncurrent_days = 9 }" in blocks
    google = re.sub(r"\s+", " ", forms_of(patched("storage.googleapis.com/Bucket", "lifecycle"))["tf"])
    assert 'lifecycle_rule { action { type = "SetStorageClass" storage_class = "GLACIER" }' in google
    assert "condition { days_since_custom_time = 7 matches_prefix = " in google
    assert set(forms_of(patched("Microsoft.Storage/storageAccounts", "lifecycle"))) == {"sh", "tf", "json"}


def test_hours_of_a_scaler_are_in_a_form_or_the_form_is_left_out() -> None:
    assert "min_capacity = 4" in forms_of(patched("AWS::SageMaker::Endpoint", "autoscaling Scale"))["tf"]
    assert set(forms_of(patched("Microsoft.Compute/virtualMachineScaleSets", "autoscaling Scale"))) == {"sh", "json"}
    assert set(FORMS) == {"tf", "json", "yaml"}
