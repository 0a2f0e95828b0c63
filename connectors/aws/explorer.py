"""Second opinions of Cost Explorer itself, where the account is not enrolled in Cost Optimization Hub: what to reserve, which
savings plans to buy, and which machines are too large.

Each request is charged: a service's reservations are one, a type of savings plan is one, rightsizing is one. Terms are those
that bind least, a year without anything upfront, by the last 30 days. Rightsizing is Compute Optimizer's finding with what
is reserved taken off: of an account whose Compute Optimizer is read it is left out, it would count twice.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from connectors.aws.benefits import RESERVED
from connectors.aws.failures import OptInError
from connectors.aws.hub import COLUMNS, ENROLLED, actions, is_hub, raw_of, saving, vendor
from connectors.aws.optimizer import STATUS, has_opted_in
from connectors.aws.session import Connection
from finops.connect import Part, Rows, Stream
from finops.window import Window

VENDOR = vendor("CostExplorer")
RESERVE, PLAN, RIGHTSIZE = (
    "GetReservationPurchaseRecommendation", "GetSavingsPlansPurchaseRecommendation", "GetRightsizingRecommendation",
)  # fmt: skip
PLANS = ("COMPUTE_SP", "EC2_INSTANCE_SP", "SAGEMAKER_SP", "DATABASE_SP")
TERMS = {"TermInYears": "ONE_YEAR", "PaymentOption": "NO_UPFRONT", "LookbackPeriodInDays": "THIRTY_DAYS"}
WORDS = "1y no upfront"
WIDEST = {"RecommendationTarget": "CROSS_INSTANCE_FAMILY", "BenefitsConsidered": True}
MACHINES = "AmazonEC2"
"""The one service that GetRightsizingRecommendation knows."""

Said = Mapping[str, Any]


@cache
def regions() -> dict[str, str]:
    """A region's name in words, in which Cost Explorer's machines have it → its id."""
    text = resources.files("connectors.aws").joinpath("data", "regions.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return {row[name]: row["region_id"] for name in ("old_name", "region_name") for row in rows if row[name]}


def plan(connection: Connection, _: Window) -> Sequence[Part]:
    """One part a service, a type of plan, and rightsizing, each one charged request for a page."""
    if is_hub(connection):
        return ()
    asked = [*((RESERVE, name) for name in RESERVED), *((PLAN, name) for name in PLANS), (RIGHTSIZE, MACHINES)]
    watched = frozenset(account.id for account in connection.accounts() if has_opted_in(connection, account))
    own = connection.own_account
    return [Part(f"{own} {call} {name}", ((f"ce:{call}", 1),), (call, name, watched)) for call, name in asked]


def fetch(connection: Connection, part: Part, window: Window) -> Iterator[Rows]:
    call, name, watched = part.handle
    if call == RESERVE:
        for page in _pages(connection, call, Service=name, **TERMS):
            yield Rows(COLUMNS, [row for said in page["Recommendations"] for row in _reserved(page, said, name, window.end)])
    elif call == PLAN:
        for page in _pages(connection, call, SavingsPlansType=name, **TERMS):
            yield Rows(COLUMNS, list(_planned(page, name, window.end)))
    else:
        for page in _machines(connection):
            found = [each for each in page["RightsizingRecommendations"] if each.get("AccountId") not in watched]
            yield Rows(COLUMNS, [row for each in found if (row := _rightsized(page, each, window.end)) is not None])


def _pages(connection: Connection, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    yield from connection.pages("ce", operation, token=("NextPageToken", "NextPageToken"), **parameters)


def _machines(connection: Connection) -> Iterator[dict[str, Any]]:
    """Nothing where the payer has not opted in, in the preferences of Cost Explorer."""
    try:
        yield from _pages(connection, RIGHTSIZE, Service=MACHINES, Configuration=WIDEST, PageSize=100)
    except OptInError:
        return


def _reserved(page: Said, said: Said, service: str, at: datetime) -> Iterator[tuple[object, ...]]:
    for detail in said.get("RecommendationDetails", ()):
        (chosen,) = list((detail.get("InstanceDetails") or {}).values())[:1] or [{}]
        size = chosen.get("InstanceType") or chosen.get("NodeType") or ".".join(_classes(chosen))
        system = chosen.get("Platform") or chosen.get("DatabaseEngine") or chosen.get("ProductDescription")
        count = detail.get("RecommendedNumberOfInstancesToPurchase") or ""
        raw = {"service": service, "utilization": detail.get("AverageUtilization"), "upfront": detail.get("UpfrontCost")}
        yield _purchase(
            page,
            (detail.get("AccountId"), chosen.get("Region"), "PurchaseReservedInstances", size or service),
            " ".join(word for word in (f"{_number(count)} ×" if count else "", size, system, WORDS) if word),
            (detail.get("EstimatedMonthlySavingsAmount"), detail.get("CurrencyCode")),
            raw,
            at,
        )


def _classes(chosen: Said) -> Iterator[str]:
    """OpenSearch names class and size apart."""
    yield from (str(chosen[name]) for name in ("InstanceClass", "InstanceSize") if chosen.get(name))


def _planned(page: Said, kind: str, at: datetime) -> Iterator[tuple[object, ...]]:
    said = page.get("SavingsPlansPurchaseRecommendation") or {}
    for detail in said.get("SavingsPlansPurchaseRecommendationDetails", ()):
        plan, currency = detail.get("SavingsPlansDetails") or {}, detail.get("CurrencyCode")
        hourly = f"{_number(detail['HourlyCommitmentToPurchase'])} {currency} an hour"
        raw = {
            "type": kind,
            "utilization": detail.get("EstimatedAverageUtilization"),
            "id": detail.get("RecommendationDetailId"),
        }
        yield _purchase(
            page,
            (detail.get("AccountId"), plan.get("Region"), "PurchaseSavingsPlans", kind),
            " ".join(word for word in ("savings plan", plan.get("InstanceFamily"), hourly, WORDS) if word),
            (detail.get("EstimatedMonthlySavingsAmount"), currency),
            raw,
            at,
        )


def _purchase(
    page: Said, about: tuple[Any, Any, str, str], target: str, worth: tuple[Any, Any], raw: Said, at: datetime
) -> tuple[object, ...]:
    """about: account, region, the hub's action, what is bought now; worth: saving and currency."""
    kind, action = actions()[about[2]]
    made = _generated(page, at)
    return (
        made, VENDOR, None, "AWS", about[0], about[1] or None, None, kind, action, about[3], target, saving(worth[0]),
        worth[1], raw_of(raw),
    )  # fmt: skip


def _rightsized(page: Said, found: Said, at: datetime) -> tuple[object, ...] | None:
    """The first target that saves, the default before others; None where none does."""
    now = found.get("CurrentInstance", {})
    details = now.get("ResourceDetails", {}).get("EC2ResourceDetails", {})
    if found.get("RightsizingType") == "TERMINATE":
        word, chosen, target = "Delete", found.get("TerminateRecommendationDetail", {}), None
    else:
        targets = found.get("ModifyRecommendationDetail", {}).get("TargetInstances", ())
        ordered = sorted(targets, key=lambda target: not target.get("DefaultTargetInstance"))
        word, chosen = "Rightsize", ordered[0] if ordered else {}
        target = chosen.get("ResourceDetails", {}).get("EC2ResourceDetails", {}).get("InstanceType")
    worth = saving(chosen.get("EstimatedMonthlySavings"))
    if worth is None or worth <= 0:
        return None
    kind, action = actions()[word]
    raw = {"action_type": word, "reasons": found.get("FindingReasonCodes"), "monthly_cost": now.get("MonthlyCost")}
    return (
        _generated(page, at), VENDOR, None, "AWS", found.get("AccountId"), _region(details), now.get("ResourceId"), kind,
        action, details.get("InstanceType"), target, worth, chosen.get("CurrencyCode"), raw_of(raw),
    )  # fmt: skip


def _region(details: Said) -> str | None:
    said = details.get("Region")
    return regions().get(str(said), said)


def _generated(page: Said, at: datetime) -> datetime:
    """When Cost Explorer reckoned it, in UTC."""
    made = (page.get("Metadata") or {}).get("GenerationTimestamp")
    return datetime.fromisoformat(str(made)) if made else at


def _number(text: str) -> str:
    """`2`, not `2.0000`."""
    return f"{Decimal(text).normalize():f}"


EXPLORER = Stream(
    name="explorer",
    title="Cost Explorer recommendations",
    table="vendor_recommendations",
    divided="snapshot",
    permissions=(ENROLLED, STATUS, *(f"ce:{call}" for call in (RESERVE, PLAN, RIGHTSIZE))),
    plan=plan,
    fetch=fetch,
    units=(VENDOR,),
)
