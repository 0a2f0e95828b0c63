"""The open formats: every core table from CSV and Parquet, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors import files
from connectors.files.open import OPEN
from finops import tables
from finops.errors import InputError
from finops.intake.detect import detect
from finops.intake.sniff import look
from tests.staging import stage, write_csv

AT = datetime(2026, 1, 2, tzinfo=UTC)

ROWS: dict[str, dict[str, tuple[object, object]]] = {
    "metrics": {
        "resource_id": ("i-1", "i-1"),
        "timestamp": ("2026-01-02T00:00:00Z", AT),
        "period_s": ("300", 300),
        "metric": ("cpu_utilization", "cpu_utilization"),
        "dimensions": ('{"device": "0"}', '{"device": "0"}'),
        "statistic": ("avg", "avg"),
        "value": ("12.5", 12.5),
    },
    "resources": {
        "observed_at": ("2026-01-02T00:00:00Z", AT),
        "resource_id": ("i-1", "i-1"),
        "provider": ("AWS", "AWS"),
        "resource_type": ("AWS::EC2::Instance", "AWS::EC2::Instance"),
        "properties": ('{"vcpu": 4}', '{"vcpu": 4}'),
    },
    "prices": {
        "provider": ("AWS", "AWS"),
        "region": ("us-east-1", "us-east-1"),
        "product": ("vm", "vm"),
        "sku": ("m5.xlarge", "m5.xlarge"),
        "tier_start": ("0", 0.0),
        "term": ("on_demand", "on_demand"),
        "unit": ("Hours", "Hours"),
        "price": ("0.192", Decimal("0.192")),
        "currency": ("USD", "USD"),
        "effective_from": ("2026-01-02", AT),
    },
    "runs": {
        "run_id": ("r-1", "r-1"),
        "count": ("8", 8),
        "status": ("completed", "completed"),
        "started_at": ("2026-01-02 00:00:00+00:00", AT),
        "spot": ("true", True),
    },
    "invoices": {
        "invoice_id": ("007", "007"),
        "issuer": ("AWS", "AWS"),
        "period": ("2026-01", "2026-01"),
        "category": ("tax", "tax"),
        "amount": ("-3.10", Decimal("-3.1")),
        "currency": ("USD", "USD"),
    },
    "contracts": {
        "contract_id": ("edp", "edp"),
        "provider": ("AWS", "AWS"),
        "period_start": ("2026-01-02", AT),
        "period_end": ("2026-01-02", AT),
        "floor": ("1e6", Decimal(1000000)),
        "currency": ("USD", "USD"),
    },
    "commitments": {
        "observed_at": ("2026-01-02", AT),
        "commitment_id": ("sp-1", "sp-1"),
        "provider": ("AWS", "AWS"),
        "instrument": ("savings_plan_compute", "savings_plan_compute"),
        "hourly_commitment": ("1.5", Decimal("1.5")),
        "term_start": ("2026-01-02", AT),
        "term_end": ("2026-01-02", AT),
    },
    "objects": {
        "bucket": ("logs", "logs"),
        "storage_class": ("STANDARD", "STANDARD"),
        "age_days_from": ("90", 90),
        "object_count": ("12000000000", 12_000_000_000),
        "bytes": ("1.5e12", 1.5e12),
    },
    "spot_market": {
        "provider": ("AWS", "AWS"),
        "region": ("us-east-1", "us-east-1"),
        "sku": ("g5.xlarge", "g5.xlarge"),
        "timestamp": ("2026-01-02", AT),
        "available": ("false", False),
    },
    "vendor_recommendations": {
        "vendor": ("Advisor", "Advisor"),
        "provider": ("AWS", "AWS"),
        "action": ("Delete", "Delete"),
        "resource_id": ("i-1", "i-1"),
        "saving_monthly": ("12.5", Decimal("12.5")),
        "currency": ("USD", "USD"),
    },
    "rates": {
        "date": ("2026-01-02", date(2026, 1, 2)),
        "from_currency": ("EUR", "EUR"),
        "to_currency": ("USD", "USD"),
        "rate": ("1.1", Decimal("1.1")),
    },
    "provider_totals": {
        "provider": ("AWS", "AWS"),
        "billing_account_id": ("012345678901", "012345678901"),
        "service": ("Amazon Simple Storage Service", "Amazon Simple Storage Service"),
        "charge_date": ("2026-01-02", date(2026, 1, 2)),
        "metric": ("billed", "billed"),
        "amount": ("12.3456789", Decimal("12.3456789")),
        "currency": ("USD", "USD"),
        "final": ("true", True),
    },
}


def written(folder: Path, table: str, container: str) -> Path:
    columns = ROWS[table]
    path = folder / f"file.{container}"
    if container == "csv":
        return write_csv(path, reversed(columns), [cell for cell, _ in reversed(columns.values())])
    pq.write_table(pa.table({name: [value] for name, (_, value) in columns.items()}), path)
    return path


@pytest.mark.parametrize("container", ["csv", "parquet"])
@pytest.mark.parametrize("table", sorted(ROWS))
def test_every_table_loads(tmp_path: Path, table: str, container: str) -> None:
    path = written(tmp_path, table, container)
    fmt = detect(look(path, path.name, tmp_path), files.FORMATS)
    assert fmt.table == table
    (row,) = stage(fmt, path)
    assert list(row) == [name for name, _ in tables.table(table).columns]
    given = {name: value for name, (_, value) in ROWS[table].items()}
    assert {name: value for name, value in row.items() if value is not None} == given


def test_every_open_table_is_tried() -> None:
    assert {fmt.table for fmt in OPEN} == set(ROWS)


REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("metrics", {"value": "n/a"}, "line 2, column `value`: `n/a` is not a finite number"),
    ("metrics", {"value": "nan"}, "`nan` is not a finite number"),
    ("metrics", {"period_s": "5m"}, "column `period_s`: `5m` is not a whole number"),
    ("prices", {"price": "$0.19"}, "column `price`: `$0.19` is not a number"),
    ("runs", {"started_at": "02/01/2026"}, "column `started_at`: `02/01/2026` is not a time as ISO 8601"),
    ("rates", {"date": "1/2/26"}, "column `date`: `1/2/26` is not a date as ISO 8601"),
    ("runs", {"spot": "maybe"}, "`maybe` is not true or false"),
)


@pytest.mark.parametrize(("table", "change", "message"), REFUSED)
def test_a_wrong_cell_is_named(tmp_path: Path, table: str, change: dict[str, Any], message: str) -> None:
    cells = {name: cell for name, (cell, _) in ROWS[table].items()} | change
    path = write_csv(tmp_path / "file.csv", cells, cells.values())
    with pytest.raises(InputError) as refused:
        stage(detect(look(path, "file.csv", tmp_path), files.FORMATS), path)
    assert message in str(refused.value)


def test_a_misspelt_optional_column_is_refused(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv", [*ROWS["resources"], "propertys"], [cell for cell, _ in ROWS["resources"].values()] + ["{}"]
    )
    with pytest.raises(InputError, match="unknown column `propertys`"):
        detect(look(path, "a.csv", tmp_path), files.FORMATS)


def test_a_missing_column_is_named_with_the_nearest_format(tmp_path: Path) -> None:
    columns = {name: cell for name, (cell, _) in ROWS["prices"].items() if name != "effective_from"}
    path = write_csv(tmp_path / "a.csv", columns, columns.values())
    with pytest.raises(InputError, match=r"nearest is a price list \(open format prices\), column `effective_from` missing"):
        detect(look(path, "a.csv", tmp_path), files.FORMATS)
