"""botocore's errors as ours: which permission is missing, what may succeed later, and no secret in any of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from finops.errors import AccessError, FinopsError, RetriableError, SourceError, redacted

DENIED = re.compile(
    r"AccessDenied|UnauthorizedOperation|UnauthorizedAccess|NotAuthorized|AuthorizationError|^40[13]$|^Forbidden$"
)
OPT_IN = re.compile(r"OptInRequired|opt-in only feature")
"""A feature that nobody has switched on in the account: `OptInRequiredException` of Compute Optimizer, and the words in which
Cost Explorer refuses rightsizing (AccessDeniedException). No permission is missing."""

WRONG = re.compile(
    r"ExpiredToken|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|AuthFailure|InvalidAccessKeyId|InvalidToken"
    r"|IncompleteSignature|MissingAuthenticationToken"
)
SKEWED = re.compile(r"RequestTimeTooSkewed|RequestExpired|RequestInTheFuture|Signature (expired|not yet current)")
LATER = re.compile(
    r"Throttl|TooManyRequests|SlowDown|LimitExceeded|ServiceUnavailable|InternalError|InternalFailure|PreconditionFailed|^5\d\d$"
)
ORGANISATION = re.compile(r"service control policy|resource control policy|organizations? polic", re.IGNORECASE)
KEYS = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b|(?i:(X-Amz-(Signature|Security-Token|Credential))=[^&\s]+)")


class DeniedError(AccessError):
    """No policy allows this one call; what signs it is right."""


class OptInError(SourceError):
    """The account has not opted in to what was asked."""


@contextmanager
def errors(permission: str, where: str, secrets: Callable[[], tuple[str, ...]]) -> Iterator[None]:
    """Raise ours instead of botocore's. `permission`: what the calls inside need."""
    from botocore import exceptions as sdk

    try:
        yield
    except FinopsError:
        raise
    except sdk.ClientError as error:
        if error.operation_name == "AssumeRole":  # behind any call
            permission = "sts:AssumeRole"
        raise _answered(error, permission, where, secrets()) from None
    except (
        sdk.NoCredentialsError,
        sdk.PartialCredentialsError,
        sdk.CredentialRetrievalError,
        sdk.ProfileNotFound,
        sdk.TokenRetrievalError,
        sdk.SSOTokenLoadError,
        sdk.UnauthorizedSSOTokenError,
    ) as error:
        what = f"no credentials: {redacted(str(error), secrets(), KEYS)}"
        raise AccessError(what, where=where, hint="aws sso login, AWS_PROFILE, or `profile` in finops.toml") from None
    except (sdk.HTTPClientError, sdk.ConnectionError, sdk.ReadTimeoutError, sdk.IncompleteReadError) as error:
        what = f"{permission}: the connection failed ({type(error).__name__})"
        raise RetriableError(what, where=where, hint="run the load again; what is complete is not fetched again") from None
    except sdk.BotoCoreError as error:
        raise SourceError(f"{permission}: {redacted(str(error), secrets(), KEYS)}", where=where) from None


def _answered(error: Any, permission: str, where: str, secrets: tuple[str, ...]) -> SourceError:
    answer: Mapping[str, Any] = error.response.get("Error", {})
    code, message = str(answer.get("Code", "")), redacted(str(answer.get("Message", "")), secrets, KEYS)
    status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    if SKEWED.search(f"{code} {message}"):
        return AccessError(f"{permission}: {code}", where=where, hint="set this machine's clock: it and AWS differ by minutes")
    if WRONG.search(code):
        return AccessError(f"{permission}: {code}: the credentials are expired or wrong", where=where, hint="sign in again")
    if OPT_IN.search(f"{code} {message}"):
        return OptInError(
            f"{permission}: {message or code}", where=where, hint="opt in to it in this account; finops doctor says how"
        )
    if DENIED.search(code) or DENIED.search(status):
        hint = f"allow `{permission}`: finops doctor prints the policy"
        if ORGANISATION.search(message):
            hint = f"an organisation's policy denies `{permission}` in {where}: allow it, or name the `regions` that are used"
        return DeniedError(f"{permission} is denied ({code}): {message}", where=where, hint=hint)
    if LATER.search(code) or LATER.search(status) or status == "429":
        return RetriableError(f"{permission}: {code}", where=where, hint="run the load again later")
    return SourceError(f"{permission}: {code}: {message}", where=where)
