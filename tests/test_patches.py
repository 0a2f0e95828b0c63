"""Patches: templates of every connector fill in, and what comes from outside is one quoted word."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from finops.model import Act, Delete, Effect, Estimate, Evidence, Finding, Reconfigure, Resize, Saving, Scope, Stop, UseSpot
from finops.patches import patch_of, templates
from finops.window import Window

DAY = date(2026, 10, 31)
ACTIONS = {
    "Delete": Delete(),
    "Stop": Stop(),
    "Resize": Resize("a", "b"),
    "Reconfigure": Reconfigure("a", "b"),
    "Move": Resize("a", "b"),
    "UseSpot": UseSpot("on_demand", "spot"),
}


def finding(resource: str, resource_type: str, action: Delete | Stop | Resize | Reconfigure | UseSpot) -> Finding:
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
