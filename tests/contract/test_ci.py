"""The weekly job: its steps run as they stand on the sample's files, and it holds no key."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from finops.demo import sample_company
from tests.intake.delivery import text

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "weekly-report.yml"
TOOLS = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
NETWORK = ("Install",)
"""Steps that need a network: what they install is installed already."""


def workflow() -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    return document


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workflow()["jobs"]["report"]["steps"]
    return found


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The workflow's own `env`, with repository variables in place; one that is not set is empty, as GitHub has it."""
    return {
        name: re.sub(r"\$\{\{ vars\.(\w+)(?: \|\| '(.*)')? \}\}", lambda m: variables.get(m[1], "") or m[2] or "", str(value))
        for name, value in workflow()["env"].items()
    }


def wanted(step: dict[str, Any], env: Mapping[str, str]) -> bool:
    """Whether a step's `if` holds; only `env.NAME != ''` is used."""
    if "if" not in step:
        return True
    match = re.fullmatch(r"env\.(\w+) != ''", step["if"])
    assert match, step["if"]
    return bool(env[match[1]])


def run(folder: Path, names: set[str], variables: Mapping[str, str]) -> dict[str, subprocess.CompletedProcess[str]]:
    """The `run` steps that hold, in order, with bash as GitHub calls it; stops at the first that fails."""
    env = environment(variables)
    outside = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    done: dict[str, subprocess.CompletedProcess[str]] = {}
    for step in steps():
        if "run" not in step or step["name"] in NETWORK or step["name"] not in names or not wanted(step, env):
            continue
        done[step["name"]] = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=folder,
            env=outside | env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done[step["name"]].returncode:
            break
    return done


def test_the_steps_run_as_they_stand(tmp_path: Path) -> None:
    older = shutil.ignore_patterns("archive", "*202505*")  # the last three months are enough
    shutil.copytree(sample_company(), tmp_path / "exports", ignore=older)
    every = {step["name"] for step in steps() if "run" in step}
    done = run(tmp_path, every, {"FINOPS_FAIL_ON": "1000"})
    codes = {name: ran.returncode for name, ran in done.items()}
    # no cloud is set up: nothing is fetched
    assert codes == {"Load": 0, "Put the plan on record": 0, "Report": 0, "Recommend": 3}, [ran.stderr for ran in done.values()]
    summary = (tmp_path / "summary.md").read_text("utf-8")
    assert re.search(r"^\*\*Trust: (green|amber|red) ", summary, re.MULTILINE)
    assert summary == (tmp_path / "report" / "weekly.md").read_text("utf-8")
    assert "New since" in summary
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"weekly.md", "weekly.html", "weekly.json"}
    again = run(tmp_path, {"Recommend"}, {})
    assert again["Recommend"].returncode == 0


@pytest.mark.parametrize(
    ("variables", "step", "command"),
    [
        ({"AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_EXPORT": "s3://bills/cur"}, "Fetch the AWS export", "aws s3 sync"),
        ({"AZURE_CLIENT_ID": "1", "AZURE_EXPORT": "bills"}, "Fetch the Azure export", "az storage blob download-batch"),
        ({"GCP_SERVICE_ACCOUNT": "a@b", "GCP_EXPORT": "gs://bills"}, "Fetch the Google Cloud export", "gcloud storage rsync"),
    ],
)
def test_an_export_is_fetched_where_its_cloud_is_set_up(
    tmp_path: Path, variables: dict[str, str], step: str, command: str
) -> None:
    """With a cloud's own client replaced by one that writes down how it was called."""
    client, *words = command.split()
    for name in ("aws", "az", "gcloud"):
        stand_in = tmp_path / "bin" / name
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text('#!/bin/sh\necho "$(basename "$0") $*"\n')
        stand_in.chmod(0o755)
    env = environment(variables)
    found = [s for s in steps() if s.get("name", "").startswith("Fetch") and wanted(s, env)]
    assert [s["name"] for s in found] == [step]
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-e", "-c", found[0]["run"]],
        cwd=tmp_path,
        env=env | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith(" ".join([client, *words]))
    assert next(value for name, value in variables.items() if name.endswith("EXPORT")) in ran.stdout
    assert "exports/" in ran.stdout


def test_no_key_is_stored_and_little_is_permitted() -> None:
    assert "secrets." not in WORKFLOW.read_text("utf-8")
    assert workflow()["permissions"] == {"contents": "read", "id-token": "write"}
    logins = {
        step["uses"].split("@")[0]: step["with"] for step in steps() if "uses" in step and "if" in step and "with" in step
    }
    assert "role-to-assume" in logins["aws-actions/configure-aws-credentials"]
    assert {"client-id", "tenant-id", "subscription-id"} == set(logins["azure/login"])
    assert "workload_identity_provider" in logins["google-github-actions/auth"]


def test_actions_are_pinned_to_a_major_version() -> None:
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", step["uses"]) for step in steps() if "uses" in step)


def test_a_value_from_outside_is_no_part_of_a_script() -> None:
    """`${{ … }}` in a script is pasted before bash reads it; values reach it as environment variables."""
    assert not [step["name"] for step in steps() if "${{" in step.get("run", "")]


def test_the_job_runs_weekly_and_by_hand() -> None:
    on = workflow()[True]  # YAML 1.1 takes the key `on` for a truth value
    assert "workflow_dispatch" in on
    assert all(entry["cron"].split()[2:4] == ["*", "*"] and entry["cron"].split()[4] != "*" for entry in on["schedule"])


def test_the_job_installs_as_the_makefile_does() -> None:
    install = next(step["run"] for step in steps() if step.get("name") == "Install")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for line in install.splitlines():
        assert line.removeprefix("python ") in makefile


def snippets() -> list[str]:
    """The pipelines of other hosts, in the documents."""
    return re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text("utf-8"), re.DOTALL)


def scripts(node: object) -> list[str]:
    """Every script of a pipeline, whatever its host calls it."""
    if isinstance(node, dict):
        own = [node[key] for key in ("script", "bash", "inlineScript") if key in node]
        lines = [line for script in own for line in (script if isinstance(script, list) else [script])]
        return lines + [line for value in node.values() for line in scripts(value)]
    return [line for value in node for line in scripts(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("snippet", snippets(), ids=["gitlab", "azure-devops"])
def test_other_hosts_run_the_same_commands(snippet: str) -> None:
    lines = [line.strip() for script in scripts(yaml.safe_load(snippet)) for line in script.splitlines()]
    for script in scripts(yaml.safe_load(snippet)):
        subprocess.run(["bash", "-n", "-c", script], check=True, capture_output=True)
    ours = [line for step in steps() for line in step.get("run", "").splitlines() if line.startswith(("finops ", "python "))]
    assert len(ours) == 6
    assert [line for line in lines if line.startswith(("finops ", "python "))] == ours
    assert "secret" not in snippet.lower()


def words(script: str) -> str:
    """A script on one line, however its host breaks it."""
    return " ".join(script.replace("\\\n", " ").split())


@pytest.mark.parametrize("snippet", snippets(), ids=["gitlab", "azure-devops"])
def test_other_hosts_fetch_as_the_workflow_does(snippet: str) -> None:
    theirs = words("\n".join(scripts(yaml.safe_load(snippet))))
    fetching = re.compile(r"(?:aws s3 sync|az storage blob download-batch|gcloud storage rsync) .*? exports/\w+")
    ours = [found for step in steps() for found in fetching.findall(words(step.get("run", "")))]
    assert len(ours) == 3
    assert [command for command in ours if command not in theirs] == []


CLOUDS = {
    "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
    "AWS_EXPORT": "s3://bills/cur",
    "AZURE_CLIENT_ID": "1",
    "AZURE_TENANT_ID": "2",
    "AZURE_ACCOUNT": "bills",
    "AZURE_EXPORT": "exports",
    "GCP_SERVICE_ACCOUNT": "a@b",
    "GCP_WORKLOAD_IDENTITY_PROVIDER": "projects/1/locations/global/workloadIdentityPools/p/providers/q",
    "GCP_EXPORT": "gs://bills",
    "FINOPS_FAIL_ON": "0",
}
TOKENS = ("AWS_ID_TOKEN", "AZURE_ID_TOKEN", "GCP_ID_TOKEN", "idToken")
CLIENTS = ("aws", "az", "gcloud")


def hosted(snippet: str) -> list[str]:
    """The scripts of a host's pipeline in the order in which it runs them, each as its shell gets it."""
    pipeline = yaml.safe_load(snippet)
    if "steps" in pipeline:
        named = [step.get("bash") or step.get("inputs", {}).get("inlineScript") for step in pipeline["steps"]]
        return [script for script in named if script]
    jobs = [job for stage in pipeline["stages"] for job in pipeline.values() if in_stage(pipeline, job, stage)]
    return ["\n".join(job["script"]) for job in jobs]


def in_stage(pipeline: Mapping[str, Any], job: object, stage: str) -> bool:
    """Whether a GitLab job runs in that stage, itself or by what it extends."""
    if not isinstance(job, dict) or "script" not in job:
        return False
    return bool((pipeline.get(job.get("extends", ""), {}) | job).get("stage") == stage)


def bills(folder: Path) -> Path:
    """A folder with clouds' clients that write down how they are called, and deliver a small bill where they are told to."""
    (folder / "bin").mkdir(parents=True)
    for client in CLIENTS:
        (folder / f"{client}.csv").write_text(text(BillingAccountId=f"account-{client}"))
        script = f"""#!/bin/sh
            echo "{client} $*" >> "{folder}/calls"
            for word; do case "$word" in exports/*) mkdir -p "$word" && cp "{folder}/{client}.csv" "$word"; esac; done
        """
        (folder / "bin" / client).write_text(script)
        (folder / "bin" / client).chmod(0o755)
    return folder


@pytest.mark.parametrize("snippet", snippets(), ids=["gitlab", "azure-devops"])
def test_other_hosts_pipelines_run_as_they_stand(tmp_path: Path, snippet: str) -> None:
    """Log-in, fetching, load, ledger, report and gate, from the document; the clouds' own clients are replaced by files."""
    work, outside = tmp_path / "work", bills(tmp_path / "outside")
    work.mkdir()
    env = CLOUDS | dict.fromkeys(TOKENS, "a.token") | yaml.safe_load(snippet)["variables"]
    env |= {"CI_BUILDS_DIR": str(tmp_path), "AGENT_TEMPDIRECTORY": str(tmp_path), "HOME": str(tmp_path)}
    env["PATH"] = os.pathsep.join([str(outside / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    said, codes = "", []
    for script in hosted(snippet):
        lines = "\n".join(line for line in script.splitlines() if not line.startswith("python -m pip "))
        ran = subprocess.run(["bash", "-eo", "pipefail", "-c", lines], cwd=work, env=env, capture_output=True, text=True)  # noqa: PLW1510
        said += ran.stdout
        codes.append(ran.returncode)
        assert ran.returncode in (0, 3), ran.stderr
    assert codes == [0] * (len(codes) - 1) + [3]  # nothing is to be done on this bill, and 0 is as much as the gate allows
    assert {path.name for path in (work / "report").iterdir()} == {"weekly.md", "weekly.html", "weekly.json"}
    loaded = json.loads((work / "report" / "weekly.json").read_text("utf-8"))["sources"]
    assert {source["source"] for source in loaded} == {f"focus:account-{client}" for client in CLIENTS}
    assert all(Path(found).is_file() for found in re.findall(r"##vso\[task\.uploadsummary\](.+)", said))
    assert [line.split()[0] for line in (outside / "calls").read_text().splitlines()].count("gcloud") == 3
    assert not re.search(r"a\.token", (work / "report" / "weekly.json").read_text("utf-8"))


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    """As `make check` does it: the linter finds shellcheck on the path."""
    command = ["actionlint", "-no-color", "-oneline", str(path)]
    return subprocess.run(command, env=TOOLS, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_workflow_passes_the_linter() -> None:
    ran = lint(WORKFLOW)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        ("if-no-files-found: error", "if-no-file-found: error", 'input "if-no-file-found" is not defined'),
        ("permissions:\n  contents: read", "permissions:\n  content: read", "content"),
        ('cron: "17 5 * * 1"', 'cron: "17 25 * * 1"', "CRON"),
        ("vars.FINOPS_FAIL_ON", "var.FINOPS_FAIL_ON", "undefined variable"),
        ('"$AWS_EXPORT" exports/aws', "$AWS_EXPORT exports/aws", "SC2086"),
    ],
)
def test_the_linter_finds_what_is_wrong(tmp_path: Path, right: str, wrong: str, finding: str) -> None:
    text = WORKFLOW.read_text("utf-8")
    assert right in text
    broken = tmp_path / "weekly-report.yml"
    broken.write_text(text.replace(right, wrong), "utf-8")
    ran = lint(broken)
    assert ran.returncode == 1
    assert finding in ran.stdout
