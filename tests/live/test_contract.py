"""What holds for every stream of AWS, Azure, Google Cloud and Kubernetes, and for every operation that it asks.

Keys, empty windows, replays, denials, throttles, broken connections, wrong clocks, pages without an end, secrets. Streams and
operations are enumerated: a new one is held to all of it, or fails here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from finops import tables
from finops.connect import Stream
from finops.errors import FinopsError
from finops.live.doctor import examine
from finops.live.fetch import fetch
from finops.live.plan import plan
from finops.plugins import connectors
from finops.queries import Reads
from finops.warehouse.warehouse import Warehouse
from tests.live import clouds
from tests.live.aws_company import cached, fetched, rows
from tests.live.clouds import Cloud
from tests.live.conftest import NOW
from tests.live.faults import Fault, Reset
from tests.shared import once

STREAMS = [(name, stream.name) for name in clouds.NAMES for stream in connectors()[name].streams]
IDS = ["-".join(each) for each in STREAMS]
FAULTS = (Fault(429, "rateLimitExceeded", headers=(("Retry-After", "0"),)), Fault(503, "ServerBusy"), Reset())
every_stream = pytest.mark.parametrize(("cloud", "stream"), STREAMS, ids=IDS, indirect=["cloud"])
every_empty = pytest.mark.parametrize(("nothing", "stream"), STREAMS, ids=IDS, indirect=["nothing"])


@pytest.fixture
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with clouds.cloud(request.param, True, request, tmp_path) as made:
        yield made


@pytest.fixture
def nothing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    with clouds.cloud(request.param, False, request, tmp_path) as made:
        yield made


def of(cloud: Cloud, name: str) -> Stream:
    return next(stream for stream in cloud.connector.streams if stream.name == name)


def held(warehouse: Warehouse, cloud: Cloud, stream: str) -> list[dict[str, Any]]:
    return rows(warehouse, f"from {of(cloud, stream).table} order by all")


def first(cloud: Cloud, stream: str, folder: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """The operations that one load of the stream asks, and what it brings."""
    cloud.forget()
    warehouse = Warehouse.open(str(folder / "first"))
    assert fetched(warehouse, cloud.make(stream)).failures == ()
    return sorted(cloud.asked()), held(warehouse, cloud, stream)


@pytest.fixture
def operations(cloud: Cloud, stream: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The same operations, found out once a run: the cloud is as it was made, without a load before."""

    def make(folder: Path) -> None:
        (folder / "operations.json").write_text(json.dumps(first(cloud, stream, tmp_path)[0]))

    kept = once(tmp_path_factory, f"{cloud.connector.name}-{stream}", make) / "operations.json"
    cloud.forget()
    return list(json.loads(kept.read_text()))


@pytest.mark.parametrize(("name", "stream"), STREAMS, ids=IDS)
def test_a_stream_says_what_it_is(name: str, stream: str) -> None:
    found = next(each for each in connectors()[name].streams if each.name == stream)
    assert tables.table(found.table)
    assert found.title
    assert found.permissions
    assert found.divided == "snapshot" or found.reach_days > 0


@every_empty
def test_nothing_there_is_no_error_and_a_replay_changes_nothing(nothing: Cloud, warehouse: Warehouse, stream: str) -> None:
    for _ in range(2):
        assert fetched(warehouse, nothing.make(stream)).failures == ()
        assert held(warehouse, nothing, stream) == []


@every_stream
def test_keys_are_unique_and_neither_a_replay_nor_throttles_and_broken_connections_change_a_row(
    cloud: Cloud, warehouse: Warehouse, tmp_path: Path, stream: str
) -> None:
    operations, found = first(cloud, stream, tmp_path)
    table = tables.table(of(cloud, stream).table)
    assert found
    assert all(row[column] is not None for row in found for column in table.required)
    keys = [tuple(row[column] for column in table.key) for row in found]
    assert not table.key or len(set(keys)) == len(keys)
    cloud.forget()
    for operation in operations:
        cloud.fail(operation, *FAULTS)
    assert fetched(warehouse, cloud.make(stream)).failures == ()
    assert not cloud.waiting()
    assert held(warehouse, cloud, stream) == found
    assert fetched(warehouse, cloud.make(stream)).failures == ()
    assert held(warehouse, cloud, stream) == found


def refusals(cloud: Cloud, stream: str, operation: str, folder: Path, reads: Reads) -> list[str]:
    """What a load of the stream would say, without landing what it brings; of parts those that ask the operation."""
    made = plan([cloud.make(stream)], reads, folder, NOW, lambda _: None)
    said = [failure.error for failure in made.failures]
    for job in made.jobs:
        windows = tuple((window, tuple(p for p in parts if cloud.about(p, operation))) for window, parts in job.windows)
        try:
            fetch(replace(job, windows=windows), NOW, lambda _: None)
        except FinopsError as error:
            said.append(str(error))
    assert said, operation
    return said


@pytest.fixture
def reads(tmp_path: Path) -> Iterator[Reads]:
    """Of a warehouse without anything in it."""
    with Warehouse.open(str(tmp_path / "nothing")).reader() as reader:
        yield reader


@every_stream
def test_a_denial_names_the_permission_and_tells_no_secret(
    cloud: Cloud, tmp_path: Path, reads: Reads, stream: str, operations: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "finops")
    found = first(cloud, stream, tmp_path / "granted")[1] if cloud.optional.intersection(operations) else []
    for number, operation in enumerate(operations):
        folder = tmp_path / f"denied {number}"
        cloud.forget()
        if operation in cloud.optional:
            cloud.fail(operation, *[cloud.denial] * 99)
            warehouse = Warehouse.open(str(folder))
            assert fetched(warehouse, cloud.make(stream)).failures == ()
            assert held(warehouse, cloud, stream) == found
            continue
        cloud.fail(operation, *[cloud.denial] * 99)
        said = refusals(cloud, stream, operation, folder, reads)
        assert any(permission in said[0] for permission in of(cloud, stream).permissions), (operation, said)
        assert "finops doctor" in said[0]
        kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        for secret in cloud.secrets():
            assert secret not in repr(said) + caplog.text, operation
            assert secret.encode() not in kept


@every_stream
def test_a_denial_lands_nothing(cloud: Cloud, warehouse: Warehouse, stream: str, operations: list[str]) -> None:
    cloud.fail(next(each for each in reversed(operations) if each not in cloud.optional), *[cloud.denial] * 99)
    report = fetched(warehouse, cloud.make(stream))
    failed = {failure.partition(":")[0].replace(" ", "/") for failure in report.failures}
    landed = {row["x_source"] for row in held(warehouse, cloud, stream)}
    assert failed
    assert not landed & failed
    if of(cloud, stream).places is None:  # where places fail apart, those that are not refused land
        assert warehouse.published().number == 0
    kept = b"".join(path.read_bytes() for path in cached(warehouse, "*") if path.is_file())
    for secret in cloud.secrets():
        assert secret not in repr(report)
        assert secret.encode() not in kept


@every_stream
def test_a_wrong_clock_is_said(cloud: Cloud, tmp_path: Path, reads: Reads, stream: str, operations: list[str]) -> None:
    for number, operation in enumerate(each for each in operations if each not in cloud.unsigned):
        cloud.forget()
        cloud.fail(operation, *[cloud.skewed] * 99)
        said = refusals(cloud, stream, operation, tmp_path / f"clock {number}", reads)
        assert "clock" in said[0], (operation, said)


@every_stream
def test_a_page_token_that_comes_twice_is_an_error(
    cloud: Cloud, tmp_path: Path, reads: Reads, stream: str, operations: list[str]
) -> None:
    assert set(operations) <= cloud.loops.keys() | cloud.one_page, "an operation of which nobody says whether it has pages"
    for number, operation in enumerate(each for each in operations if each in cloud.loops):
        undo = cloud.loops[operation](operation)
        said = refusals(cloud, stream, operation, tmp_path / f"twice {number}", reads)
        undo()
        assert "one page token twice" in said[0], (operation, said)


@pytest.mark.parametrize("cloud", clouds.SMALL, indirect=True)
def test_small_pages_make_the_same_rows(cloud: Cloud, tmp_path: Path) -> None:
    whole, small = (Warehouse.open(str(tmp_path / name)) for name in ("whole", "small"))
    streams = [stream for stream in cloud.connector.streams if stream.table != "charges"]
    assert fetched(whole, cloud.make(*(stream.name for stream in streams))).failures == ()
    cloud.small()
    assert fetched(small, cloud.make(*(stream.name for stream in streams))).failures == ()
    for stream in streams:
        assert held(small, cloud, stream.name) == held(whole, cloud, stream.name), stream.name


@pytest.mark.parametrize("cloud", clouds.NAMES, indirect=True)
def test_the_doctor_tries_every_permission_and_says_which_is_missing(cloud: Cloud) -> None:
    needed = {permission for stream in cloud.connector.streams for permission in stream.permissions}
    checks = examine([cloud.make()], lambda _: None)
    assert {check.permission for check in checks} == needed
    assert [check.detail for check in checks if check.status not in ("ok", "untried")] == []


@pytest.mark.parametrize("cloud", clouds.NAMES, indirect=True)
def test_windows_follow_the_clock_that_is_given(cloud: Cloud, warehouse: Warehouse) -> None:
    then = NOW - timedelta(days=300)
    for stream in (stream for stream in cloud.connector.streams if stream.divided == "day"):
        assert fetched(warehouse, cloud.make(stream.name), now=then).failures == ()
        assert [row for row in held(warehouse, cloud, stream.name) if row.get("timestamp", NOW) >= then] == []
