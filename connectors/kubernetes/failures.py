"""Answers of Prometheus and OpenCost that are none, as our errors; no token in any of them."""

from __future__ import annotations

import json
import re

from finops.errors import AccessError, FinopsError, RetriableError, SourceError, redacted

LATER = frozenset((408, 425, 429, 500, 502, 503, 504))
CLOCK = re.compile(r"not yet valid|used before issued|has expired|is expired", re.IGNORECASE)
"""What is said of a token or a certificate where one of two clocks is wrong, or it is too old."""

TOKENS = re.compile(r"\bBearer\s+\S+|\beyJ[\w-]+\.[\w.-]+", re.IGNORECASE)


RENEW = "a newer token, or set this machine's clock"


def answered(status: int, body: bytes, operation: str, where: str, secrets: tuple[str, ...]) -> FinopsError:
    """By the status (Prometheus HTTP API, "Format overview": 400 wrong parameters, 422 cannot be executed, 503 timed out)."""
    said = redacted(_said(body), secrets, TOKENS)
    words = f": {said}" if said else ""
    if status == 401 and CLOCK.search(said):
        return AccessError(f"{operation} is denied ({status}){words}", where=where, hint=RENEW)
    if status in (401, 403, 407):
        hint = f"a token that may `{operation}`: finops doctor --policy kubernetes prints the role"
        return AccessError(f"{operation} is denied ({status}){words}", where=where, hint=hint)
    if status in LATER:
        return RetriableError(f"{operation}: {status}{words}", where=where, hint="run the load again later")
    if 300 <= status < 400:
        return SourceError(
            f"{operation}: it points elsewhere ({status})", where=where, hint="set the address that it points to"
        )
    if status == 422:
        hint = "a shorter range, or what the rule evaluates is wrong there"
        return SourceError(f"{operation}: the expression cannot be executed{words}", where=where, hint=hint)
    if status < 300:
        return SourceError(f"{operation}: the answer is none of its API{words}", where=where, hint="is it this address?")
    return SourceError(f"{operation}: {status}{words}", where=where)


def broken(error: BaseException, operation: str, where: str) -> RetriableError:
    kind = getattr(error, "reason", None)
    cause = kind if isinstance(kind, BaseException) else error
    what = f"{operation}: the connection failed ({type(cause).__name__})"
    if CLOCK.search(str(cause)):
        hint = "the server's certificate is out of date, or set this machine's clock"
        return RetriableError(what, where=where, hint=hint)
    return RetriableError(what, where=where, hint="run the load again; what is complete is not fetched again")


def _said(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except ValueError:
        return text.strip()
    if not isinstance(document, dict):
        return ""
    return " ".join(str(document[name]) for name in ("errorType", "error", "message") if document.get(name))
