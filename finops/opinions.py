"""What the providers' own advisors say of the same resources: shown beside the plan, never added to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from finops.model import Act, Finding, action_name
from finops.window import KNOWN_DAYS

ENDS = ("Delete", "Stop")
"""Two words of one answer: it is not used."""


STALE_DAYS = 31
"""Advisors reckon anew each day or week, by the last two weeks or month."""

NOT_JUDGED = "no such resource is loaded, or no recommender judges it"


@dataclass(frozen=True, slots=True)
class Opinion:
    """One recommendation of a provider's advisor; `saving` a month in `currency`, None where it states none."""

    vendor: str
    provider: str
    account: str
    resource: str
    kind: str
    action: str
    current: str
    target: str
    saving: Decimal | None
    currency: str

    def is_about(self, finding: Finding) -> bool:
        """The same resource by its whole id or its last part in the same account; of purchases the same provider."""
        if self.provider != finding.scope.provider:
            return False
        if not self.resource:
            return self.action == "Commit" and finding.kind == "commitments"
        theirs, names = self.resource.lower(), (finding.scope.resource.lower(), finding.bill_key)
        if theirs in names:
            return True
        same_account = self.account in ("", finding.scope.account) or not finding.scope.account
        return same_account and bool(_last(theirs)) and _last(theirs) in {_last(name) for name in names}

    def agrees(self, finding: Finding) -> bool | None:
        """Whether it says what the finding does: the same action, and of sizes the same target. None where the finding does
        not act."""
        if not isinstance(finding.verdict, Act):
            return None
        action = finding.verdict.action
        name = action_name(action)
        if name in ENDS or self.action in ENDS:
            return name in ENDS and self.action in ENDS
        if name != self.action:
            return False
        return name != "Resize" or action.target.lower() == self.target.lower()

    def document(self) -> dict[str, Any]:
        """For JSON; money as a decimal string."""
        saving = None if self.saving is None else f"{self.saving:.2f}"
        return {"vendor": self.vendor, "action": self.action, "to": self.target, "saving": saving}


@dataclass(frozen=True, slots=True)
class Unshared:
    """What an advisor recommends and the plan does not, with our verdict (`keep`, `unknown`, `not judged`) and why."""

    opinion: Opinion
    verdict: str
    why: str


def in_force(
    rows: Iterable[Mapping[str, Any]], read_at: Mapping[tuple[str, str], datetime], as_of: date
) -> tuple[list[Mapping[str, Any]], tuple[str, ...]]:
    """Rows of `vendor_recommendations` without those that a live source would not give any more; sentences on what is too old.

    Several streams of a source may hold an advisor's findings, in turns: the one that was read last counts. What nobody has
    read for a month (a permission was withdrawn, say) is no opinion on today's bill. Files stay until they are replaced.

    read_at  (`x_source`, vendor) → when it was fetched last; a live `x_source` is `NAME/STREAM` or `NAME/STREAM/PLACE`
    """
    live = [(row, *_stream(row["x_source"]), read_at.get((row["x_source"], row["vendor"]))) for row in rows]
    newest: dict[tuple[str, str], tuple[datetime, str]] = {}
    for row, source, stream, at in live:
        if stream and at is not None:
            key = (source, row["vendor"])
            newest[key] = max(newest.get(key, (at, stream)), (at, stream))
    oldest = datetime.combine(as_of + timedelta(days=KNOWN_DAYS - STALE_DAYS), time(), UTC)
    kept = []
    for row, source, stream, _ in live:
        found = newest.get((source, row["vendor"])) if stream else None
        if found is None or (found[1] == stream and found[0] >= oldest):
            kept.append(row)
    stale = {(source, vendor): at for (source, vendor), (at, _) in newest.items() if at < oldest}
    return kept, tuple(
        f"{vendor} was last read of {source} on {at:%Y-%m-%d}: too long ago for a second opinion"
        for (source, vendor), at in sorted(stale.items())
    )


def _stream(stored_as: str) -> tuple[str, str]:
    """Source and stream; of files no stream."""
    source, _, rest = stored_as.partition("/")
    return source, rest.partition("/")[0]


def opinions_of_rows(rows: Iterable[Mapping[str, Any]], as_of: date, currency: str) -> tuple[Opinion, ...]:
    """Rows of `vendor_recommendations` that were there by the end of `as_of`, in one currency; largest saving first."""
    found = [
        Opinion(
            vendor=row["vendor"],
            provider=row["provider"],
            account=row.get("account_id") or "",
            resource=row.get("resource_id") or "",
            kind=row.get("kind") or "",
            action=row["action"],
            current=row.get("current_setting") or "",
            target=row.get("target_setting") or "",
            saving=row.get("saving_monthly"),
            currency=row.get("currency") or currency,
        )
        for row in rows
        if row.get("observed_at") is None or row["observed_at"].date() < as_of + timedelta(days=KNOWN_DAYS)
    ]
    mine = [opinion for opinion in found if opinion.currency == currency]
    return tuple(sorted(mine, key=lambda o: (-(o.saving or Decimal(0)), o.vendor, o.resource, o.target)))


def second_opinion(finding: Finding, opinions: Sequence[Opinion]) -> dict[str, Any] | None:
    """What an advisor says of the finding's resource, one that agrees before others; None where none does."""
    about = [opinion for opinion in opinions if opinion.is_about(finding)]
    if not about:
        return None
    chosen = next((opinion for opinion in about if opinion.agrees(finding)), about[0])
    return chosen.document() | {"agrees": bool(chosen.agrees(finding))}


def unshared(
    opinions: Sequence[Opinion], acts: Sequence[Finding], kept: Sequence[tuple[Finding, str]], unknown: Sequence[Finding]
) -> tuple[Unshared, ...]:
    """The advisors' recommendations on which the plan does nothing, with the verdict of the same kind before another's."""
    acted = _indexed(acts)
    reasons = [(finding, "keep", why) for finding, why in kept]
    reasons += [(finding, "unknown", "missing: " + ", ".join(getattr(finding.verdict, "missing", ()))) for finding in unknown]
    index = _indexed([finding for finding, _, _ in reasons])
    words = {id(finding): (verdict, why) for finding, verdict, why in reasons}
    result = []
    for opinion in opinions:
        if any(opinion.is_about(finding) for finding in acted.get(_key(opinion), ())):
            continue
        about = [finding for finding in index.get(_key(opinion), ()) if opinion.is_about(finding)]
        about.sort(key=lambda finding: finding.kind != opinion.kind)
        verdict, why = words[id(about[0])] if about else ("not judged", NOT_JUDGED)
        result.append(Unshared(opinion, verdict, why))
    return tuple(result)


def _key(opinion: Opinion) -> str:
    return _last(opinion.resource.lower()) if opinion.resource else "\x1fcommitments"


def _indexed(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Findings by the last part of their resource's id."""
    index: dict[str, list[Finding]] = {}
    for finding in findings:
        names = {_last(finding.scope.resource.lower()), _last(finding.bill_key)}
        if finding.kind == "commitments":
            names.add("\x1fcommitments")
        for name in names:
            index.setdefault(name, []).append(finding)
    return index


def _last(resource: str) -> str:
    """`i-1` of `…:instance/i-1`; the whole id where it has no parts."""
    return re.split(r"[/:]", resource)[-1]
