"""How long a request waits before it is sent again: as long as Azure says, in any of its headers."""

from __future__ import annotations

from typing import Any

COST_MANAGEMENT = "x-ms-ratelimit-microsoft.costmanagement-"
"""`…-{qpu,entity,tenant,client,clienttype}-retry-after`: each is a limit of its own, and all must have passed.

Microsoft Learn, "Data latency and rate limits" of the Query API (as of 2026-11).
"""

UNASKED_S = 30
"""Seconds between two questions whether an operation is done, where Azure names none."""

STORAGE_PLACES = ("hosts", "location_mode", "retry_to_secondary")
"""What the SDK of storage leaves to a policy of its own, which tries a second data centre but knows no `Retry-After`."""


def patience(attempts: int) -> Any:
    """azure-core's policy, which knows `Retry-After` alone, with the longest of all waits that are asked for."""
    from azure.core.pipeline.policies import RetryPolicy

    class Patience(RetryPolicy[Any, Any]):
        def send(self, request: Any) -> Any:
            """The SDK of storage reads from each answer which data centre gave it: the first, since no other is tried."""
            response: Any = super().send(request)
            response.http_response.location_mode = "primary"
            return response

        def get_retry_after(self, response: Any) -> float | None:
            waits = [super().get_retry_after(response) or 0.0]
            for name, value in response.http_response.headers.items():
                if name.lower().startswith(COST_MANAGEMENT) and name.lower().endswith("-retry-after"):
                    waits.append(self.parse_retry_after(value))
            return max(waits) or None

        def configure_retries(self, options: dict[str, Any]) -> dict[str, Any]:
            """A query is a POST, which azure-core does not send again when the connection breaks; ours only read."""
            for name in STORAGE_PLACES:
                options.pop(name, None)
            settings = super().configure_retries(options)
            return settings | {"methods": frozenset((*settings["methods"], "POST"))}

        def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
            """A 429 without `Retry-After` too, as Cost Management answers."""
            throttled = response.http_response.status_code == 429 and settings["total"] > 0
            return throttled or bool(super().is_retry(settings, response))

    again = attempts - 1
    return Patience(retry_total=again, retry_connect=again, retry_read=again, retry_status=again)


def polling(endpoint: str) -> Any:
    """azure-core's polling of an operation: it asks at once whether it is done; this waits as the first answer asks, too."""
    from azure.mgmt.core.polling.arm_polling import ARMPolling

    class Polling(ARMPolling):
        def _poll(self) -> None:
            if not self.finished():
                self._delay()
            super()._poll()

    return Polling(UNASKED_S, path_format_arguments={"endpoint": endpoint})
