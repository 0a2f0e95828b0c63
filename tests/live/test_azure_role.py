"""The role that is shipped, what the streams declare, and what they need are one and the same."""

from __future__ import annotations

import json

from connectors.azure.live import CONNECTOR
from connectors.azure.prices import PUBLIC
from finops.live.doctor import shipped


def test_the_role_names_what_the_streams_need_and_only_reads() -> None:
    role = json.loads(shipped("azure", "permissions"))
    allowed = {*role["Actions"], *role["DataActions"]}
    assert allowed == {permission for stream in CONNECTOR.streams for permission in stream.permissions} - {PUBLIC}
    assert all(permission.endswith("/read") for permission in allowed)
    assert "finops doctor --policy azure" in shipped("azure", "setup")
