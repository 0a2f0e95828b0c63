"""Runs the official FOCUS validator on exported files and names each failing leaf rule that is not known to be defective.

    finops export focus --out out/ && python benchmarks/conformance.py VENV/bin/focus-validator out/

The validator (github.com/finopsfoundation/focus_validator, v2.0.1; Python 3.12, `pyarrow<22`) is installed apart. It exits with
0 whatever it finds, so its JUnit report is read. Leaf rules alone count: a composite fails because one of its leaves does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree  # the validator's own report, written a moment before
from dataclasses import dataclass
from pathlib import Path

VERSION = "1.2"
"""The only version whose rules the validator carries; later ones it downloads."""

DEFECTIVE = {
    "CapacityReservationStatus-C-004-C": "its condition is malformed and dropped: every row without a status fails",
    "CommitmentDiscountStatus-C-003-C": "inverted: rows without a commitment must have a status",
    "CommitmentDiscountStatus-C-004-C": "inverted: rows without a commitment must have a status",
    "CommitmentDiscountStatus-C-005-M": "allows Active, Expired and Pending, where FOCUS has Used and Unused",
    "EffectiveCost-C-005-C": "every purchase must cost nothing, also one that covers no later charge",
    "InvoiceId-C-004-C": "its condition is empty: every charge must be without an invoice",
    "InvoiceId-C-005-C": "the other half of the same alternative, as empty: every charge must have an invoice",
    "ResourceType-C-005-C": "its condition is malformed and dropped: every row without a resource fails",
}
"""Rule of model 1.2 → what is wrong with it."""

ARGUED = {
    "BilledCost-C-005-C": "takes a difference between ProviderName and InvoiceIssuerName for a payment to a third party",
}
"""Fails for marketplace charges, which the provider bills and another issues the invoice for."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the validator found in one file."""

    file: str
    total: int
    failed: int
    skipped: int
    leaves: tuple[tuple[str, str], ...]

    @property
    def unexplained(self) -> tuple[tuple[str, str], ...]:
        return tuple(leaf for leaf in self.leaves if leaf[0] not in DEFECTIVE and leaf[0] not in ARGUED)


def validate(validator: Path, file: Path) -> Report:
    """One run. Raises CalledProcessError where the validator itself breaks down."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [
                str(validator.absolute()),
                *("--data-file", str(file.absolute())),
                *("--validate-version", VERSION, "--focus-dataset", "CostAndUsage", "--block-download"),
                *("--applicability-criteria", "ALL", "--output-type", "unittest", "--output-destination", str(report)),
            ],
            cwd=_rules(validator),
            check=True,
            capture_output=True,
            timeout=600,
        )
        return _read(file.name, ElementTree.parse(report).getroot(), composites(validator))


def _rules(validator: Path) -> Path:
    """The folder to run in: it opens `focus_validator/rules/…` relative to where it stands."""
    return next(validator.absolute().parent.parent.glob("lib/python*/site-packages/focus_validator")).parent


def composites(validator: Path) -> frozenset[str]:
    """The rules that only combine others."""
    model = json.loads((_rules(validator) / f"focus_validator/rules/model-{VERSION}.json").read_text("utf-8"))
    return frozenset(
        name
        for name, rule in model["ModelRules"].items()
        if any(item["CheckFunction"] == "CheckModelRule" for item in rule["ValidationCriteria"]["Requirement"].get("Items", []))
    )


def _read(name: str, root: ElementTree.Element, combined: frozenset[str]) -> Report:
    cases = [case for case in root.iter("testcase") if case.get("name")]
    failures = [(str(case.get("name")).split(" :: ")[0], case.find("failure")) for case in cases]
    failed = [(rule, _message(failure)) for rule, failure in failures if failure is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    leaves = tuple((rule, message) for rule, message in failed if rule not in combined)
    return Report(name, len(cases), len(failed), skipped, leaves)


def _message(failure: ElementTree.Element) -> str:
    return " ".join(f"{failure.get('message') or ''} {failure.text or ''}".split())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("validator", type=Path, help="the installed focus-validator")
    parser.add_argument("files", type=Path, nargs="+", help="exported files, or folders of them")
    arguments = parser.parse_args()
    files = [f for path in arguments.files for f in (sorted(path.glob("*.parquet")) if path.is_dir() else [path])]
    print("| file | rules | pass | fail | skipped | failing leaf rules | not explained |")
    print("| --- | ---: | ---: | ---: | ---: | --- | --- |")
    unexplained = []
    for file in files:
        report = validate(arguments.validator, file)
        unexplained += [f"{report.file}: {rule}: {message[:200]}" for rule, message in report.unexplained]
        passed = report.total - report.failed - report.skipped
        names = ", ".join(rule for rule, _ in report.leaves)
        print(
            f"| {report.file} | {report.total} | {passed} | {report.failed} | {report.skipped} | {names}"
            f" | {', '.join(rule for rule, _ in report.unexplained)} |",
            flush=True,
        )
    print(*unexplained, sep="\n", file=sys.stderr)
    return 1 if unexplained or not files else 0


if __name__ == "__main__":
    sys.exit(main())
