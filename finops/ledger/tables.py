"""The tables of the ledger: recorded plans, their findings, and what people decided."""

from __future__ import annotations

from finops.table import MONEY, Table

PLAN_RUNS = Table(
    name="plan_runs",
    columns=(
        ("as_of", "DATE"),
        ("currency", "VARCHAR"),
        ("recorded_at", "TIMESTAMPTZ"),
        ("rules", "VARCHAR"),  # hash of thresholds and calculation version
        ("current", MONEY),  # a month
        ("saving", MONEY),  # of the whole plan, a month
        ("failed", "VARCHAR"),  # JSON: kinds that crashed, whose findings were not judged
    ),
    key=("as_of", "currency"),
    unit="strftime(as_of, '%Y-%m-%d')",
    partition="strftime(as_of, '%Y-%m')",
    required=("as_of", "currency", "rules"),
)
"""One row a recorded plan of a currency; a plan is recorded when `finops recommend` shows it."""

PLAN_FINDINGS = Table(
    name="plan_findings",
    columns=(
        ("as_of", "DATE"),
        ("finding_id", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("state", "VARCHAR"),  # open · applied · gone
        ("reason", "VARCHAR"),
        ("recommender", "VARCHAR"),
        ("kind", "VARCHAR"),
        ("provider", "VARCHAR"),
        ("account_id", "VARCHAR"),
        ("region", "VARCHAR"),
        ("service", "VARCHAR"),
        ("resource_id", "VARCHAR"),
        ("billed_as", "VARCHAR"),  # the bill's keys of the resource
        ("owner", "VARCHAR"),
        ("action", "VARCHAR"),
        ("action_from", "VARCHAR"),
        ("action_to", "VARCHAR"),
        ("low", MONEY),
        ("expected", MONEY),
        ("high", MONEY),
        ("alone", MONEY),
        ("cash_12m", MONEY),
        ("effect", "VARCHAR"),  # JSON: which lines it changes
        ("instrument", "VARCHAR"),  # of a recommended commitment
        ("commitment", "VARCHAR"),  # the commitment that was bought
        ("applied_on", "DATE"),  # the first day on which the bill shows it
    ),
    key=("as_of", "finding_id"),
    unit="strftime(as_of, '%Y-%m-%d')",
    partition="strftime(as_of, '%Y-%m')",
    required=("as_of", "finding_id", "state"),
)
"""What each recorded plan held, and what left it and why."""

DECISIONS = Table(
    name="decisions",
    columns=(
        ("finding_id", "VARCHAR"),
        ("as_of", "DATE"),  # the day that the loaded bill reached
        ("decided_at", "TIMESTAMPTZ"),
        ("verb", "VARCHAR"),  # dismissed · reopened · approved · applied
        ("until", "DATE"),
        ("decided_by", "VARCHAR"),
        ("why", "VARCHAR"),
    ),
    key=("finding_id", "decided_at"),
    unit="finding_id || ' ' || decided_at::varchar",
    partition="'all'",
    required=("finding_id", "as_of", "decided_at", "verb"),
)
"""What people said of findings: a row is only ever added."""
