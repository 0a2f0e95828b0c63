"""How long a request waits before it is sent again: as long as Azure says, in any of its headers."""

from __future__ import annotations

from typing import Any

from azure.core.pipeline.policies import RetryPolicy

COST_MANAGEMENT = "x-ms-ratelimit-microsoft.costmanagement-"
"""`…-{qpu,entity,tenant,client,clienttype}-retry-after`: each is a limit of its own, and all must have passed.

Microsoft Learn, "Data latency and rate limits" of the Query API (read 2026-11-26).
"""


class Patience(RetryPolicy):  # type: ignore[type-arg]
    """azure-core's policy; it knows `Retry-After` alone."""

    def get_retry_after(self, response: Any) -> float | None:
        """Seconds: the longest of all that are asked for."""
        waits = [super().get_retry_after(response) or 0.0]
        for name, value in response.http_response.headers.items():
            if name.lower().startswith(COST_MANAGEMENT) and name.lower().endswith("-retry-after"):
                waits.append(self.parse_retry_after(value))
        return max(waits) or None
