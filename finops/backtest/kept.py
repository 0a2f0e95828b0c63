"""What replays proved, kept in the warehouse: written by `finops backtest`, read by every plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from finops import CALCULATION_VERSION
from finops.backtest.gate import Proof, in_force
from finops.backtest.summary import Summary
from finops.backtest.tables import BACKTESTS
from finops.errors import FinopsError
from finops.queries import Reads
from finops.runner import recommenders
from finops.warehouse.records import record_select

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Warehouse

SOURCE = "finops"
"""`x_source` of what the tool itself records."""


def rules_of(thresholds: Mapping[str, Mapping[str, Any]] | None) -> dict[str, str]:
    """A hash of each kind's thresholds and the calculation version: what a replay is a replay of."""
    found = {}
    for kind, recommender in recommenders(thresholds).items():
        text = json.dumps([CALCULATION_VERSION, asdict(recommender)], sort_keys=True, default=str)  # type: ignore[call-overload]
        found[kind] = hashlib.sha256(text.encode()).hexdigest()[:12]
    return found


def proofs(reads: Reads, day: date) -> list[Proof]:
    """What was proved on bills up to that day."""
    names = ", ".join(Proof.__slots__)
    return [Proof(**row) for row in reads.rows(f"select {names} from backtests where as_of <= $day order by all", {"day": day})]


def proofs_in_force(reads: Reads, day: date, thresholds: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Proof]]:
    """Currency → kind → its newest replay at these thresholds, on a bill up to that day."""
    known = proofs(reads, day)
    rules = rules_of(thresholds) if known else {}
    return {currency: in_force(known, rules, currency) for currency in sorted({proof.currency for proof in known})}


def recorded(warehouse: Warehouse, day: date, summaries: Sequence[Summary], thresholds: Mapping[str, Mapping[str, Any]]) -> str:
    """Put these summaries on record; one sentence says so, or why not."""
    rules, now = rules_of(thresholds), datetime.now(UTC).isoformat()
    rows: list[dict[str, object]] = [
        {"x_source": SOURCE, "as_of": day, "kind": summary.kind, "currency": summary.currency, "recorded_at": now}
        | {"rules": rules[summary.kind], "decisions": summary.decisions, "saved": summary.saved}
        | {"low": summary.interval.low if summary.interval else None, "proven": summary.proven}
        for summary in summaries
    ]
    if not rows:
        return ""
    units = [(SOURCE, "", f"{day.isoformat()} {kind}") for kind in sorted({summary.kind for summary in summaries})]
    try:
        with warehouse.writer() as writer:
            body = f"select '{SOURCE}' as x_source, * from ({record_select(BACKTESTS, rows)})"
            writer.replace(BACKTESTS, units, body)
            writer.publish([f"backtest as of {day} recorded"])
    except FinopsError as error:
        return f"the backtest is not on record: {error.what}"
    except OSError as error:
        return f"the backtest is not on record: the warehouse cannot be written ({error.strerror or type(error).__name__})"
    return f"backtest as of {day} on record: finops recommend watches what is not proven"
