"""The role that is shipped, what the streams declare, and what `finops doctor` tries are one and the same."""

from __future__ import annotations

import yaml

from connectors.gcp.catalog import PUBLIC
from connectors.gcp.live import CONNECTOR
from connectors.gcp.probes import PERMISSIONS
from finops.live.doctor import shipped

READS = ("list", "get", "getData", "listResource")


def test_the_role_names_what_the_streams_need_and_only_reads() -> None:
    allowed = yaml.safe_load(shipped("gcp", "permissions"))["includedPermissions"]
    assert allowed == sorted(allowed)
    needed = {permission for stream in CONNECTOR.streams for permission in stream.permissions}
    assert needed == PERMISSIONS
    assert set(allowed) == needed - {PUBLIC}
    # a query is a job: to make one is the right to read with SQL, and writes nothing without tables.create or updateData;
    # a read session is what its rows are read through
    others = {each for each in allowed if each.rpartition(".")[2] not in READS}
    assert others == {"bigquery.jobs.create", "bigquery.readsessions.create"}
    assert "finops doctor --policy gcp" in shipped("gcp", "setup")
