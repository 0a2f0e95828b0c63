"""Kinds: every type that a judge names by kind is in the table, and what inventories list is found there."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import pytest

from finops.kinds import kind_of, listed, types_of

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "finops" / "resource_kinds.csv"
ROWS = list(csv.DictReader(TABLE.read_text("utf-8").splitlines()))
EVERYWHERE = (
    "machine", "machine_group", "cluster", "node_pool", "endpoint", "database", "cache", "nat_gateway", "load_balancer",
    "address", "volume", "snapshot", "bucket", "desktop",
)  # fmt: skip
CLOUDS = ("AWS::", "Microsoft.", ".googleapis.com/")


@pytest.mark.parametrize("kind", EVERYWHERE)
def test_what_all_three_sell_is_known_of_all_three(kind: str) -> None:
    assert all(any(cloud in name for name in types_of(kind)) for cloud in CLOUDS)


def test_a_type_is_of_one_kind_in_any_case() -> None:
    names = [row["resource_type"].lower() for row in ROWS]
    assert len(names) == len(set(names))
    for row in ROWS:
        assert kind_of(row["resource_type"]) == kind_of(row["resource_type"].upper()) == row["kind"]
    assert kind_of("AWS::IAM::Role") == ""
    assert listed("tpu") == "'tpu.googleapis.com/node'"


def named_kinds(path: Path) -> set[str]:
    """Keys of the module's tables by kind, and words compared with a kind."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(target) in ("TYPES", "RULES", "MACHINES"):
                found |= {str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)}
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == "kind":
            found |= {c.value for c in node.comparators if isinstance(c, ast.Constant) and isinstance(c.value, str)}
    return found


@pytest.mark.parametrize("name", ["idle", "schedule", "rightsizing", "spot", "modernize", "autoscaling"])
def test_judges_name_kinds_that_exist(name: str) -> None:
    kinds = named_kinds(ROOT / "recommenders" / f"{name}.py")
    assert kinds
    assert kinds <= {row["kind"] for row in ROWS}
