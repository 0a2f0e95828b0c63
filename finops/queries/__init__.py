"""Typed reads: what the command line, the dashboard and the report ask of a published warehouse."""

from finops.queries.accelerators import AcceleratorRow, IdleMachine, OwnerRow
from finops.queries.ahead import CREDITS, Ending, endings
from finops.queries.anomalies import Anomaly, anomalies
from finops.queries.changes import NOT_BILLED, Change, changes, days_of, first_of_days, pending, previous
from finops.queries.commitments import EXPIRY_DAYS, Expiring, Utilization, expiring, utilization
from finops.queries.costs import (
    METRICS,
    OTHERS,
    Condition,
    CostMetric,
    CostQuery,
    CostRow,
    column_name,
    costs,
    dimensions,
    gathered,
    totals,
)
from finops.queries.ml import MlReport, SpendRow, ml
from finops.queries.ml_estate import Gap
from finops.queries.ml_tokens import TokenRow
from finops.queries.ml_units import EndpointRow, RunRow
from finops.queries.month_end import Budget, MonthEnd, budgets, month_ends
from finops.queries.pods import PodRow, pods
from finops.queries.prepaid import PrepaidRow, prepaid
from finops.queries.reads import Calculation, Reads, as_of, calculation
from finops.queries.savings import SavingRow, SavingsReport, SavingTotal, savings
from finops.queries.status import Reconciled, SourceStatus, first_days, reconciliation, sources, sources_by_currency
from finops.queries.teams import SHARED, UNTAGGED, Allocation, TeamRow, TeamRule, Unowned, allocate, unowned

__all__ = [
    "CREDITS",
    "EXPIRY_DAYS",
    "METRICS",
    "NOT_BILLED",
    "OTHERS",
    "SHARED",
    "UNTAGGED",
    "AcceleratorRow",
    "Allocation",
    "Anomaly",
    "Budget",
    "Calculation",
    "Change",
    "Condition",
    "CostMetric",
    "CostQuery",
    "CostRow",
    "Ending",
    "EndpointRow",
    "Expiring",
    "Gap",
    "IdleMachine",
    "MlReport",
    "MonthEnd",
    "OwnerRow",
    "PodRow",
    "PrepaidRow",
    "Reads",
    "Reconciled",
    "RunRow",
    "SavingRow",
    "SavingTotal",
    "SavingsReport",
    "SourceStatus",
    "SpendRow",
    "TeamRow",
    "TeamRule",
    "TokenRow",
    "Unowned",
    "Utilization",
    "allocate",
    "anomalies",
    "as_of",
    "budgets",
    "calculation",
    "changes",
    "column_name",
    "costs",
    "days_of",
    "dimensions",
    "endings",
    "expiring",
    "first_days",
    "first_of_days",
    "gathered",
    "ml",
    "month_ends",
    "pending",
    "pods",
    "prepaid",
    "previous",
    "reconciliation",
    "savings",
    "sources",
    "sources_by_currency",
    "totals",
    "unowned",
    "utilization",
]
