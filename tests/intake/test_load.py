"""What a delivery makes of the warehouse: units, sources, rivals, parts, money, tags."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.errors import Refused
from finops.models import models
from finops.warehouse import checks, writer
from finops.warehouse.warehouse import Warehouse
from tests.conftest import Ran
from tests.intake.delivery import billed, deliver, text

SEPTEMBER = ("focus:acc-1", "2026-09", "USD")


def _file(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_one_line_a_source(warehouse: Warehouse, tmp_path: Path) -> None:
    report = deliver(warehouse, _file(tmp_path, "bill.csv", text({}, {"BilledCost": "2.50"})))
    (line,) = report.lines
    assert (line.source, line.table, line.period, line.rows, line.files) == ("focus:acc-1", "charges", "2026-09", 2, 1)
    assert [str(total) for total in line.totals] == ["12.50 USD"]
    assert (line.status, line.reconciled) == ("amber", "the files' own rows and total")
    assert billed(warehouse) == {SEPTEMBER: Decimal("12.5")}


def test_percentages_that_are_none_are_named_and_kept(warehouse: Warehouse, tmp_path: Path) -> None:
    """100.4 is 100 as a meter rounds it; counters have no bounds."""
    header = "resource_id,timestamp,period_s,metric,statistic,value\n"
    values = {
        "cpu_utilization": (12, 4200, -5),
        "gpu_sm_active": (100.4, 0),
        "memory_utilization": (130,),
        "requests": (5000, -1),
    }
    rows = [
        f"i-1,2026-09-0{1 + hour % 2}T0{hour}:00:00Z,3600,{metric},avg,{value}\n"
        for metric, listed in values.items()
        for hour, value in enumerate(listed)
    ]
    path = _file(tmp_path, "m.csv", header + "".join(rows))
    (line,) = deliver(warehouse, path).lines
    assert line.notes == (
        f"{path}: cpu_utilization is outside 0 to 100 % in 2 row(s) (-5 to 4,200), first row 2",
        f"{path}: memory_utilization is outside 0 to 100 % in 1 row(s) (130 to 130), first row 6",
    )
    assert line.rows == len(rows)


def test_loading_twice_changes_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    path = _file(tmp_path, "bill.csv", text({}, {"ResourceId": "vm-2"}))
    contents, changed = [], []
    for _ in range(2):
        changed.append(deliver(warehouse, path).changed)
        with warehouse.reader() as reader:
            contents.append(
                [
                    reader.rows(f"select * from {name} order by all")
                    for name in ("charges", "coverage", "reconciliation", "resource_daily")
                ]
            )
    assert contents[0] == contents[1]
    assert changed == [True, False]
    assert billed(warehouse) == {SEPTEMBER: Decimal(20)}


def test_a_restated_month_replaces_its_unit_alone(loaded: Warehouse, tmp_path: Path) -> None:
    deliver(loaded, _file(tmp_path, "bill.csv", text({})))
    deliver(loaded, _file(tmp_path, "bill.csv", text({"BilledCost": "7"})))
    assert billed(loaded) == {("focus:acc-1", "2026-08", "USD"): Decimal(10), SEPTEMBER: Decimal(7)}


def test_containers(warehouse: Warehouse, tmp_path: Path) -> None:
    """gzip, ZIP, a byte order mark, a semicolon, old line ends and JSON lines hold the same bill."""
    good = text({"ResourceId": "vm, the first"})
    import csv
    import io

    rows = list(csv.DictReader(io.StringIO(good)))
    semicolon = io.StringIO()
    csv.writer(semicolon, delimiter=";").writerows([list(rows[0]), list(rows[0].values())])
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("bill.csv", good)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(good.encode()))
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + good.encode())
    (tmp_path / "cr.csv").write_bytes(good.replace("\n", "\r").encode())
    (tmp_path / "semi.csv").write_text(semicolon.getvalue())
    (tmp_path / "lines.jsonl").write_text(json.dumps(rows[0]) + "\n")
    for name in ("z.zip", "b.csv.gz", "bom.csv", "cr.csv", "semi.csv", "lines.jsonl"):
        deliver(warehouse, tmp_path / name)
        assert billed(warehouse) == {SEPTEMBER: Decimal(10)}, name
        with warehouse.reader() as reader:
            assert reader.rows("select ResourceId as r from charges") == [{"r": "vm, the first"}], name


def test_two_exports_of_one_month_are_refused_by_pairs(loaded: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    for name in ("a.csv", "b.csv", "c.csv"):
        _file(folder, name, text())
    with pytest.raises(Refused) as refused:
        deliver(loaded, folder)
    pairs = [tuple(Path(file).name for file in reason.where.split(" and ")) for reason in refused.value.reasons]
    assert sorted(pairs) == [("a.csv", "b.csv"), ("a.csv", "c.csv"), ("b.csv", "c.csv")]
    assert "2026-09 of acc-1" in str(refused.value)


def test_parts_of_one_export_add_up_and_snapshots_do_not(loaded: Warehouse, tmp_path: Path) -> None:
    first = [{"ResourceId": f"vm-{i}"} for i in range(10)]
    second = [{"ResourceId": f"vm-{i}"} for i in range(10, 14)]
    folder = tmp_path / "parts"
    _file(folder, "bill-00001.csv", text(*first))
    _file(folder, "bill-00002.csv", text(*second))
    deliver(loaded, folder)
    assert billed(loaded)[SEPTEMBER] == Decimal(140)
    _file(folder, "bill-00002.csv", text(*first, *second))
    with pytest.raises(Refused, match="share 100% of the smaller one's rows"):
        deliver(loaded, folder)
    assert billed(loaded)[SEPTEMBER] == Decimal(140)


def test_a_month_that_another_source_holds(loaded: Warehouse, tmp_path: Path) -> None:
    path = _file(tmp_path, "bill.csv", text({"BilledCost": "3"}))
    deliver(loaded, path, source="one")
    with pytest.raises(Refused, match=r"2026-09 of acc-1 is loaded already, as source one(.|\n)*--replace-source"):
        deliver(loaded, path, source="two")
    deliver(loaded, path, source="two", replace_source=True)
    assert billed(loaded) == {("focus:acc-1", "2026-08", "USD"): Decimal(10), ("two", "2026-09", "USD"): Decimal(3)}
    with loaded.reader() as reader:
        sources = reader.rows("select distinct x_source as s from coverage where unit = '2026-09'")
        tied = reader.rows("select distinct x_source as s from reconciliation where x_billing_period = '2026-09'")
    assert sources == tied == [{"s": "two"}]


def test_another_accounts_month_is_another_unit_and_is_said(loaded: Warehouse, tmp_path: Path) -> None:
    deliver(loaded, _file(tmp_path, "bill.csv", text()), source="bill")
    report = deliver(loaded, _file(tmp_path, "other.csv", text(BillingAccountId="acc-2")), source="bill")
    assert report.notes == ("source bill held account acc-1; this delivery adds acc-2",)
    assert billed(loaded)[("bill", "2026-09", "USD")] == Decimal(20)


def test_mixed_currencies_are_never_added(warehouse: Warehouse, tmp_path: Path) -> None:
    report = deliver(warehouse, _file(tmp_path, "bill.csv", text({}, {"BillingCurrency": "EUR", "BilledCost": "4"})))
    assert [str(total) for total in report.lines[0].totals] == ["4.00 EUR", "10.00 USD"]
    assert report.lines[0].notes == ("2 currencies, never added",)


def test_hundred_thousand_random_amounts_sum_exactly(warehouse: Warehouse, tmp_path: Path) -> None:
    random = Random(7)
    amounts = [Decimal(random.randrange(-(10**13), 10**14)).scaleb(-12) for _ in range(100_000)]
    path = _file(tmp_path, "bill.csv", text(*({"BilledCost": f"{amount:f}"} for amount in amounts)))
    deliver(warehouse, path)
    assert billed(warehouse) == {SEPTEMBER: sum(amounts)}


HOSTILE = {
    "sql": "'); drop table charges; --",
    '"quoted"': 'x" or 1=1',
    "html": "<script>alert(1)</script>",
    "formula": "=cmd|' /C calc'!A0",
    "line": "a\nb",
    "größe": "😀",
}


def test_hostile_text_survives_as_data(warehouse: Warehouse, tmp_path: Path) -> None:

    folder = tmp_path / "a'; drop [x]*"
    line = {"Tags": json.dumps(HOSTILE), "ResourceId": HOSTILE["sql"], "ServiceName": HOSTILE["html"], "x_Col'\"; --": "kept"}
    deliver(warehouse, _file(folder, "bill'[1]*.csv", text(line)), source='it\'s "mine"')
    with warehouse.reader() as reader:
        (row,) = reader.rows("select * from charges")
    assert json.loads(row["Tags"]) == HOSTILE
    assert list(json.loads(row["Tags"])) == sorted(HOSTILE)
    assert (row["ResourceId"], row["ServiceName"], row["x_source"]) == (HOSTILE["sql"], HOSTILE["html"], 'it\'s "mine"')
    assert "kept" in row.values()


def test_equal_tags_have_one_id_whatever_their_order(warehouse: Warehouse, tmp_path: Path) -> None:
    lines = [{"Tags": '{"a": "1", "b": "2"}'}, {"Tags": '{"b": "2", "a": "1"}'}, {"Tags": "{}"}, {"Tags": ""}]
    deliver(warehouse, _file(tmp_path, "bill.csv", text(*lines)))
    with warehouse.reader() as reader:
        ids = reader.rows("select x_tags_id as id, count(*) as n from charges group by all order by n, id")
        sets = reader.rows("select Tags from tag_sets")
    assert [row["n"] for row in ids] == [2, 2]
    assert sum(row["id"] is None for row in ids) == 1
    assert sets == [{"Tags": '{"a":"1","b":"2"}'}]


def test_a_folder_passes_over_markers_by_name(warehouse: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    _file(folder, "bill.csv", text())
    for name in ("_SUCCESS", ".hidden.csv", "README.md", "create-table.sql"):
        _file(folder, name, "x")
    report = deliver(warehouse, folder)
    assert sorted(Path(path).name for path, _ in report.passed_over) == [
        ".hidden.csv",
        "README.md",
        "_SUCCESS",
        "create-table.sql",
    ]


def test_rates_and_metrics_load_beside_charges(warehouse: Warehouse, tmp_path: Path) -> None:
    rates = _file(tmp_path, "rates.csv", "date,from_currency,to_currency,rate\n2026-09-30,USD,EUR,0.91\n")
    hours = "".join(f"vm-1,2026-09-0{d}T00:00:00Z,3600,cpu_utilization,avg,{d}\n" for d in (1, 2, 3))
    metrics = _file(tmp_path, "metrics.csv", "resource_id,timestamp,period_s,metric,statistic,value\n" + hours)
    report = deliver(warehouse, rates, metrics, _file(tmp_path, "bill.csv", text()))
    assert [(line.table, line.rows, line.period) for line in report.lines] == [
        ("charges", 1, "2026-09"),
        ("metrics", 3, "2026-09-01 to 2026-09-03"),
        ("rates", 1, "2026-09"),
    ]
    _file(tmp_path, "metrics.csv", "resource_id,timestamp,period_s,metric,statistic,value\n" + hours + hours)
    with pytest.raises(Refused, match="3 keys of `metrics` occur more than once"):
        deliver(warehouse, metrics)


def test_metrics_of_another_form_of_an_id_are_said(warehouse: Warehouse, tmp_path: Path) -> None:
    header = "resource_id,timestamp,period_s,metric,statistic,value\n"
    names = ("VM-1", "//compute.example/instances/5731447681477044785", "5731447681477044785")
    lines = "".join(f"{name},2026-09-01T00:00:00Z,3600,cpu_utilization,avg,1\n" for name in names)
    metrics, bill = _file(tmp_path, "metrics.csv", header + lines), _file(tmp_path, "bill.csv", text())
    assert deliver(warehouse, metrics).notes == ()  # nothing is billed yet
    (note,) = deliver(warehouse, bill, metrics).notes
    assert "metrics of 2 of 3 resources are of none that a bill or an inventory names" in note
    assert "the first is //compute.example/instances/5731447681477044785" in note
    assert deliver(warehouse, bill).notes == ()
    known = "observed_at,resource_id,provider,resource_type\n2026-09-01T00:00:00Z,{},Cloud,machine\n"
    for name in names[1:]:
        inventory = _file(tmp_path, f"{name[-3:]}.csv", known.format(name))
        deliver(warehouse, inventory, source=name.replace("/", ""))
    assert deliver(warehouse, metrics).notes == ()


def test_what_is_read_in_slices_is_the_same(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a resource is spelled in two ways, and where a line is of no resource at all."""
    at = [(f"{name}-{vm}", day, hour) for vm in range(9) for name, day, hour in (("vm", 1, 0), ("vm", 1, 1), ("VM", 1, 2))]
    header = "resource_id,timestamp,period_s,metric,statistic,value\n"
    lines = [f"{vm},2026-09-0{day}T0{hour}:00:00Z,3600,cpu_utilization,avg,{n}\n" for n, (vm, day, hour) in enumerate(at)]
    metrics = _file(tmp_path, "metrics.csv", header + "".join(lines))
    charges = [
        {
            "ResourceId": f"vm-{n % 13}" if n % 5 else "",
            "SkuId": f"S{n % 3}",
            "BilledCost": str(n),
            "ChargePeriodStart": f"2026-09-01T0{n % 7}:{n % 2 * 3}0:00Z",
            "ChargePeriodEnd": "2026-09-01T07:00:00Z",
        }
        for n in range(60)
    ]
    bill = _file(tmp_path, "bill.csv", text(*charges, SkuPriceDetails='{"InstanceType": "m5.large"}'))
    deliver(warehouse, metrics, bill)
    marts = ("metric_daily", "resource_daily", "demand_hourly")
    whole = [_mart(warehouse, name) for name in marts]
    few = tuple(replace(m, slices=(m.slices[0], 10)) if m.slices[0] else m for m in models())
    monkeypatch.setattr(writer, "models", lambda: few)
    monkeypatch.setattr(checks, "HASHED_AT_ONCE", 10)
    again = Warehouse.open(str(tmp_path / "again"))
    deliver(again, metrics, bill)
    assert [_mart(again, name) for name in marts] == whole
    assert [len(table) for table in whole] == [9, 39, 24]
    _file(tmp_path, "metrics.csv", header + "".join([*lines, *lines[7:9]]))
    with pytest.raises(Refused, match=r"2 keys of `metrics` occur more than once, the first is resource_id VM-2"):
        deliver(again, metrics)


def _mart(warehouse: Warehouse, name: str) -> pa.Table:
    with warehouse.reader() as reader:
        return reader.arrow(f"select * from {name} order by all")


def test_costs_and_plans_of_two_currencies_are_two(warehouse: Warehouse, tmp_path: Path, finops: Callable[..., Ran]) -> None:
    euro = {"BillingCurrency": "EUR", "BilledCost": "4", "EffectiveCost": "4"}
    deliver(warehouse, _file(tmp_path, "bill.csv", text({}, euro)))
    at = ("--format", "json", "--warehouse", tmp_path / "warehouse")
    assert json.loads(finops("costs", *at).out)["totals"] == {"EUR": "4.00", "USD": "10.00"}
    plans = json.loads(finops("recommend", *at).out)
    # the waterfall begins with the last 30 days at 730 hours a month: 10 × 730/720, 4 × 730/720
    current = {plan["currency"]: Decimal(plan["waterfall"][0]["monthly"]) for plan in plans}
    assert {currency: round(amount, 2) for currency, amount in current.items()} == {
        "USD": Decimal("10.14"),
        "EUR": Decimal("4.06"),
    }


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.decimals(-(10**9), 10**9, places=12), min_size=1, max_size=200))
def test_any_amounts_sum_exactly(warehouse: Warehouse, tmp_path: Path, amounts: list[Decimal]) -> None:
    deliver(warehouse, _file(tmp_path, "bill.csv", text(*({"BilledCost": f"{amount:f}"} for amount in amounts))))
    assert billed(warehouse) == {SEPTEMBER: sum(amounts)}


def test_small_files_are_refused_before_a_large_one_is_staged(
    tmp_path: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finops.intake.load.ALONE_ROWS", 5)
    bill, prices = tmp_path / "a.csv", tmp_path / "b.csv"
    bill.write_text(text(*[{"ResourceId": f"vm-{n}"} for n in range(6)]))
    row = "Cloud,r1,vm,m1,on_demand,Hours,0.1,USD,2026-01-01T00:00:00Z"
    prices.write_text(
        "\n".join(["provider,region,product,sku,term,unit,price,currency,effective_from,specs", f"{row},", f'{row},"{{}}"'])
    )
    told: list[str] = []
    with pytest.raises(Refused) as refused:
        deliver(warehouse, bill, prices, progress=told.append)
    (reason,) = refused.value.reasons
    assert "keys of `prices` occur more than once" in str(reason)
    assert "specs tell no two rows apart" in str(reason.hint)
    assert [step for step in told if step.startswith("staging")] == ["staging 1 file(s) of a price list (open format prices)"]
