"""azure-core's errors as ours: which permission is missing, what may succeed later, and no secret in any of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from finops.errors import AccessError, FinopsError, RetriableError, SourceError, redacted

SKEWED = re.compile(r"not yet valid|AADSTS(?:700024|50013)|clock", re.IGNORECASE)
TOKENS = re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|(?i:\b(sig|client_secret|client_assertion|access_token)=[^&\s]+)")
CLOCK = "set this machine's clock: it and Azure differ by minutes"


class NoCredentialsError(AccessError):
    """Nothing signed in: the chain of credentials is empty, or Microsoft's sign-in refuses what it gave."""


@contextmanager
def errors(permission: str, where: str, secrets: Callable[[], tuple[str, ...]]) -> Iterator[None]:
    """Raise ours instead of the SDK's. `permission`: what the calls inside need."""
    from azure.core import exceptions as sdk

    try:
        yield
    except FinopsError:
        raise
    except (sdk.ServiceRequestError, sdk.ServiceResponseError, sdk.IncompleteReadError) as error:
        raise _broken(error, permission, where) from None
    except sdk.DecodeError:
        raise SourceError(f"{permission}: the answer is not Azure's", where=where, hint="is the address right?") from None
    except sdk.HttpResponseError as error:  # also ClientAuthenticationError
        if isinstance(error.inner_exception, (sdk.ServiceResponseError, sdk.IncompleteReadError)):  # of a blob's body
            raise _broken(error.inner_exception, permission, where) from None
        if error.response is None:  # nothing was sent: the credentials gave no token
            raise _unsigned(str(error.message), where, secrets()) from None
        raise _answered(error, permission, where, secrets()) from None
    except sdk.AzureError as error:
        raise SourceError(f"{permission}: {redacted(str(error.message), secrets(), TOKENS)}", where=where) from None


def _broken(error: Exception, permission: str, where: str) -> RetriableError:
    what = f"{permission}: the connection failed ({type(error).__name__})"
    return RetriableError(what, where=where, hint="run the load again; what is complete is not fetched again")


def _unsigned(message: str, where: str, secrets: tuple[str, ...]) -> SourceError:
    what = f"no credentials: {redacted(message, secrets, TOKENS)}"
    if SKEWED.search(message):
        return AccessError(what, where=where, hint=CLOCK)
    return NoCredentialsError(what, where=where, hint="az login, AZURE_CLIENT_ID and its like, or a managed identity")


def _answered(error: Any, permission: str, where: str, secrets: tuple[str, ...]) -> SourceError:
    status = int(error.status_code or 0)
    code, message = said(error.response)
    code, message = redacted(code, secrets, TOKENS), redacted(message, secrets, TOKENS)
    if "/oauth2/" in str(error.response.request.url):  # of the sign-in, not of the resource
        return _unsigned(f"{code} {message}", where, secrets)
    if SKEWED.search(message):
        return AccessError(f"{permission}: {code}", where=where, hint=CLOCK)
    if status in (401, 403):
        hint = f"allow `{permission}`: finops doctor prints the role"
        return AccessError(f"{permission} is denied ({code or status}): {message}", where=where, hint=hint)
    if status in (408, 412, 429) or status >= 500:
        return RetriableError(f"{permission}: {code or status}", where=where, hint="run the load again later")
    return SourceError(f"{permission}: {code or status}: {message}", where=where)


def said(response: Any) -> tuple[str, str]:
    """Code and message of an answer: storage says them in a header and in XML, the resource manager in JSON."""
    try:
        text = str(response.text())
    except Exception:  # a body that was not read, or broke off
        text = ""
    code = str(response.headers.get("x-ms-error-code", ""))
    try:
        found = json.loads(text)
    except ValueError:
        xml = re.search(r"<Code>([^<]*)</Code>\s*<Message>([^<]*)", text)
        return (code or xml[1], xml[2]) if xml else (code, "")
    inner = found.get("error", found) if isinstance(found, dict) else {}
    if isinstance(inner, str):  # the sign-in's
        return inner, str(found.get("error_description", ""))
    return code or str(inner.get("code", "")), str(inner.get("message", ""))
