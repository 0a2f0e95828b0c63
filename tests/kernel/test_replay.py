"""Replaying a bill: rows of a month in, how far the rater reproduces it out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from finops.bill.rating import Rule, Tiers
from finops.bill.replay import Replay, replays
from finops.commitment.levels import Commitment

START = datetime(2026, 10, 1, tzinfo=UTC)
RULES = (
    Rule("AWS", "reservation", "", 2, frozenset(), "smallest", types=frozenset({"reserved instance"})),
    Rule("AWS", "savings_plan_compute", "", 4, frozenset({"EC2"}), "discount", types=frozenset({"savings plan"})),
)


def usage(
    machine: str, hours: Sequence[int], price: float, commitment: str = "", rate: float = 0.0, **more: Any
) -> dict[str, Any]:
    amount = float(len(hours))
    row = {
        "x_source": "s", "currency": "USD", "provider": "AWS", "account_id": "1", "payer": "1",
        "region": "r", "zone": "", "service": "EC2", "instance_type": machine, "operating_system": "Linux",
        "sku_id": machine, "commitment_id": commitment,
        "first_hour": START + timedelta(hours=min(hours)), "last_hour": START + timedelta(hours=max(hours) + 1),
        "hours": [START + timedelta(hours=hour) for hour in hours],
        "lengths": [1] * len(hours), "quantities": [1.0] * len(hours),
        "effective": amount * (rate if commitment else price), "contracted": amount * price,
    }  # fmt: skip
    return row | more


def spare(
    commitment: str, unused: float, word: str = "Reserved Instance", days: Sequence[int] = (), **more: Any
) -> dict[str, Any]:
    row = {
        "x_source": "s", "currency": "USD", "provider": "AWS", "account_id": "1", "payers": ["1"], "commitment_id": commitment,
        "commitment_type": word, "unused": unused, "days": [date(2026, 10, day) for day in days],
        "amounts": [unused / len(days)] * len(days) if days else [],
    }  # fmt: skip
    return row | more


def replayed(
    rows: list[dict[str, Any]],
    unused: list[dict[str, Any]],
    known: dict[str, Commitment] | None = None,
    tiers: Sequence[Tiers] = (),
) -> Replay:
    bill = sum(row["effective"] for row in rows) + sum(row["unused"] for row in unused)
    totals = [{"x_source": "s", "currency": "USD", "x_billing_period": "2026-10", "effective": bill}]
    (found,) = replays(rows, unused, totals, known or {}, RULES, tiers)
    return found


def test_on_demand_usage_alone_costs_what_it_cost() -> None:
    found = replayed([usage("m5.large", range(48), 0.1)], [])
    assert (found.simulated, found.error, found.reproduces) == (pytest.approx(4.8), pytest.approx(0.0), True)


def test_a_reservation_that_its_own_lines_describe() -> None:
    rows = [usage("m5.large", range(24), 0.1, "ri", 0.06), usage("m5.large", range(24, 48), 0.1)]
    rows[1]["hours"] = [START + timedelta(hours=hour) for hour in range(24)]  # a second machine beside the first
    assert replayed(rows, [spare("ri", 0.0)]).reproduces


def test_unused_hours_beside_uncovered_usage_are_no_provider_s_bill() -> None:
    rows = [usage("m5.large", range(12), 0.1, "ri", 0.06), usage("m5.large", range(12, 24), 0.1)]
    found = replayed(rows, [spare("ri", 12 * 0.06, days=[1])])
    assert found.error == pytest.approx(-1.2 / (12 * 0.06 * 2 + 1.2))
    assert not found.reproduces


def test_unused_hours_beside_uncovered_usage_of_another_billing_account_are_a_bill() -> None:
    rows = [usage("m5.large", range(12), 0.1, "ri", 0.06), usage("m5.large", range(12, 24), 0.1, account_id="2", payer="2")]
    assert replayed(rows, [spare("ri", 12 * 0.06, days=[1])]).reproduces
    assert not replayed(rows, [spare("ri", 12 * 0.06, days=[1], payers=None)]).reproduces


def test_a_commitment_that_the_bill_does_not_name_stays_as_it_is() -> None:
    rows = [usage("m5.large", range(12), 0.1, "1/unidentified", 0.06), usage("m5.large", range(12, 24), 0.1)]
    found = replayed(rows, [spare("1/unidentified", 12 * 0.06)])
    assert (found.commitments, found.reproduces) == (0, True)


def test_a_commitment_covers_only_in_its_term() -> None:
    known = {"ri": Commitment("ri", "AWS", "1", "reservation", {"sku": "m5.large"}, date(2026, 10, 2), date(2026, 9, 1))}
    rows = [usage("m5.large", range(24), 0.1, "ri", 0.06), usage("m5.large", range(24, 48), 0.1)]
    assert replayed(rows, [spare("ri", 0.0)], known).reproduces


def test_an_excerpt_has_what_its_hours_show() -> None:
    """Two hours of a month, with what each left unused: not a level for all hours."""
    rows = [usage("m5.large", [5, 29], 0.1, "ri", 0.06), usage("m5.large", range(100, 130), 0.1)]
    assert replayed(rows, [spare("ri", 0.0)]).reproduces


def test_daily_lines_are_spread_over_their_hours() -> None:
    day = usage("m5.large", [0], 0.1, lengths=[24], quantities=[24.0], effective=2.4, last_hour=START + timedelta(hours=24))
    covered = usage("m5.large", [0], 0.1, "ri", 0.06, lengths=[24], quantities=[24.0], effective=1.44, contracted=2.4,
                    last_hour=START + timedelta(hours=24))  # fmt: skip
    assert replayed([day, covered], [spare("ri", 0.0)]).reproduces


def test_a_reservation_of_several_sizes_stretches() -> None:
    rows = [
        usage("m5.large", range(24), 0.1, "ri", 0.06),
        usage("m5.xlarge", range(24), 0.2, "ri", 0.12),
        usage("c5.large", range(24), 0.08),
    ]
    found = replayed(rows, [spare("ri", 0.0)])
    assert found.reproduces
    assert found.rated.on_demand.sum() == pytest.approx(24 * 0.08)


def test_sustained_use_is_discounted_in_its_services_alone() -> None:
    """Machines of a managed service name their type too, and cost their price however long they run."""
    always = range(720)
    discount = Tiers(frozenset({"Compute Engine"}), frozenset({"n1"}), ((0.5, 1.0), (1.0, 0.5)))
    machines = usage("n1-standard-4", always, 0.2, service="Compute Engine", effective=720 * 0.15)
    endpoint = usage("n1-standard-4", always, 0.23, service="Vertex AI")
    found = replayed([machines, endpoint], [], tiers=[discount])
    assert (found.simulated, found.reproduces) == (pytest.approx(720 * (0.15 + 0.23)), True)


def test_what_is_bought_for_machines_covers_no_database_of_the_same_family() -> None:
    """Unused hours of the one beside uncovered hours of the other are a bill as providers write it."""
    known = {"ri": Commitment("ri", "AWS", "1", "reservation", {"family": "r5", "region": "r", "size_flexible": True})}
    rows = [usage("r5.large", range(12), 0.1, "ri", 0.06), usage("db.r5.large", range(12, 24), 0.2, service="RDS")]
    assert replayed(rows, [spare("ri", 12 * 0.06, days=[1])], known).reproduces
