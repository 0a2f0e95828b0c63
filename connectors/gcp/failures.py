"""The SDK's errors as ours: which permission is missing, what may succeed later, and no secret in any of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as JobTimeout
from contextlib import contextmanager
from typing import Any

from finops.errors import AccessError, ConfigError, FinopsError, RetriableError, SourceError, redacted

SERVICES = "bigquery|iam|serviceusage|cloudbilling|billing|cloudasset|monitoring|recommender|resourcemanager|storage"
NAMED = re.compile(rf"\b((?:{SERVICES})\.\w+\.\w+)\b")
OF_A_TABLE = re.compile(r"Access Denied: (Table|Dataset)|permission to query table", re.IGNORECASE)
LATER = {"rateLimitExceeded", "backendError", "internalError", "badGateway", "jobBackendError", "quotaExceeded"}
TOO_MANY_BYTES = "bytesBilledLimitExceeded"
CLOCK = re.compile(r"short-lived token|iat and exp|Token used too (early|late)", re.IGNORECASE)
OFF = re.compile(r"has not been used in project|it is disabled", re.IGNORECASE)
UNSIGNED = "Getting metadata from plugin failed"
"""What gRPC says where the credentials gave no token."""
KEYS = re.compile(
    r"\bya29\.[\w.-]+|\bBearer\s+\S+|\b1//[\w-]{10,}|\bAIza[\w-]{20,}|\beyJ[\w-]+\.[\w.-]+|-----BEGIN[^-]*-----[^-]*(-----END[^-]*-----)?"
)


class Denied(AccessError):
    """403: these credentials may not, or the service is not switched on. Others may."""


@contextmanager
def errors(permission: str, where: str, secrets: Callable[[], tuple[str, ...]]) -> Iterator[None]:
    """Raise ours instead of the SDK's. `permission`: what the calls inside need."""
    import requests
    import urllib3
    from google.api_core import exceptions as sdk
    from google.auth import exceptions as auth

    try:
        yield
    except FinopsError:
        raise
    except sdk.RetryError as error:
        cause = error.cause
        if isinstance(cause, sdk.GoogleAPICallError):
            raise _answered(cause, permission, where, secrets()) from None
        raise _broken(permission, where, cause or error) from None
    except sdk.GoogleAPICallError as error:
        raise _answered(error, permission, where, secrets()) from None
    except auth.TransportError as error:
        raise _broken("credentials", where, error) from None
    except auth.GoogleAuthError as error:
        raise _unsigned(str(error), where, secrets()) from None
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ConnectionError, JobTimeout) as error:
        raise _broken(permission, where, error) from None


def _broken(permission: str, where: str, error: BaseException) -> RetriableError:
    what = f"{permission}: the connection failed ({type(error).__name__})"
    return RetriableError(what, where=where, hint="run the load again; what is complete is not fetched again")


def _unsigned(said: str, where: str, secrets: tuple[str, ...]) -> AccessError:
    """No credentials, or some that Google does not take."""
    if CLOCK.search(said):
        return AccessError("credentials: refused for their time", where=where, hint="set this machine's clock")
    if "impersonated" in said:
        hint = "allow `iam.serviceAccounts.getAccessToken` on it: roles/iam.serviceAccountTokenCreator"
        return AccessError(f"`impersonate` is denied: {redacted(said, secrets, KEYS)}", where=where, hint=hint)
    hint = "gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS"
    return AccessError(f"no credentials: {redacted(said, secrets, KEYS)}", where=where, hint=hint)


def later(error: Any) -> bool:
    """Whether the same call may succeed later."""
    code = int(error.code or 0)
    return code == 429 or code >= 500


def unsigned(error: Any) -> bool:
    """Whether the call was never sent, for want of a token."""
    return UNSIGNED in str(error.message)


def _answered(error: Any, permission: str, where: str, secrets: tuple[str, ...]) -> FinopsError:
    reasons = {str(each.get("reason", "")) for each in error.errors or () if isinstance(each, dict)}
    # The SDK adds the whole query after a blank line.
    message = redacted(str(error.message).split("\n\n", maxsplit=1)[0], secrets, KEYS)
    code = int(error.code or 0)
    if unsigned(error):
        return _unsigned(message, where, secrets)
    if TOO_MANY_BYTES in reasons:
        hint = "a higher `max_bytes_billed`, or fewer `history_days`, in finops.toml"
        return ConfigError(f"{permission}: the query would be billed for more bytes than allowed", where=where, hint=hint)
    if later(error) or reasons & LATER:
        return RetriableError(
            f"{permission}: {code} {' '.join(sorted(reasons))}".rstrip(), where=where, hint="run it again later"
        )
    if code == 401 and CLOCK.search(message):
        return _unsigned(message, where, secrets)
    if code == 401:
        return AccessError(f"{permission}: the credentials are expired or wrong", where=where, hint="sign in again")
    if code == 403 and OFF.search(message):
        hint = f"gcloud services enable {_service(permission)}.googleapis.com"
        return Denied(f"{permission}: the API is not enabled: {message}", where=where, hint=hint)
    if code == 403:
        named = NAMED.search(message)
        needed = named[1] if named else ("bigquery.tables.getData" if OF_A_TABLE.search(message) else permission)
        hint = f"allow `{needed}`: finops doctor prints the role"
        return Denied(f"{needed} is denied: {message}", where=where, hint=hint)
    return SourceError(f"{permission}: {code}: {message}", where=where)


def _service(permission: str) -> str:
    """What is switched on for it."""
    if permission.startswith("bigquery.readsessions."):
        return "bigquerystorage"
    return permission.partition(".")[0] if "." in permission else "cloudbilling"  # the catalog needs no permission
