"""The table of what replays proved: one row a kind and currency each time that `finops backtest` runs."""

from __future__ import annotations

from finops.table import MONEY, Table

BACKTESTS = Table(
    name="backtests",
    columns=(
        ("as_of", "DATE"),  # the last day of the bill that was replayed
        ("kind", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("recorded_at", "TIMESTAMPTZ"),
        ("rules", "VARCHAR"),  # hash of the kind's thresholds and the calculation version
        ("decisions", "BIGINT"),  # advised ones whose horizon has passed
        ("saved", MONEY),  # by all of them, over their horizons
        ("low", MONEY),  # lower end of the 90 % interval of that
        ("proven", "BOOLEAN"),  # null: too few decisions to tell
    ),
    key=("as_of", "kind", "currency"),
    unit="strftime(as_of, '%Y-%m-%d') || ' ' || kind",
    partition="strftime(as_of, '%Y-%m')",
    required=("as_of", "kind", "currency", "rules", "decisions"),
)
"""Not of the ledger: a plan depends on it."""
