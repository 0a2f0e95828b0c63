"""Typed reads: what the command line, the dashboard and the report ask of a published warehouse."""

from finops.queries.costs import Condition, CostMetric, CostQuery, CostRow, column_name, costs, totals
from finops.queries.reads import Calculation, Reads, as_of, calculation
from finops.queries.status import Reconciled, SourceStatus, reconciliation, sources, sources_by_currency

__all__ = [
    "Calculation",
    "Condition",
    "CostMetric",
    "CostQuery",
    "CostRow",
    "Reads",
    "Reconciled",
    "SourceStatus",
    "as_of",
    "calculation",
    "column_name",
    "costs",
    "reconciliation",
    "sources",
    "sources_by_currency",
    "totals",
]
