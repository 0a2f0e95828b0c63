"""The core tables: columns, types, natural keys, and the unit in which a delivery replaces them."""

from __future__ import annotations

from finops import focus
from finops.backtest.tables import BACKTESTS
from finops.ledger.tables import DECISIONS, PLAN_FINDINGS, PLAN_RUNS
from finops.table import MONEY, Table

__all__ = ["CORE", "MONEY", "Table", "table"]

CHARGE_EXTENSIONS: tuple[tuple[str, str], ...] = (
    ("x_source", "VARCHAR"),  # --source, else format and billing account
    ("x_billing_period", "VARCHAR"),  # YYYY-MM of BillingPeriodStart
    ("x_tags_id", "VARCHAR"),  # key of tag_sets; null where there are no tags
    ("x_charge_type", "VARCHAR"),  # the provider's own word for the kind of line
    ("x_service_code", "VARCHAR"),  # the provider's own service key
    ("x_operation", "VARCHAR"),
    ("x_instance_type", "VARCHAR"),  # machine name as the price list spells it
    ("x_operating_system", "VARCHAR"),
    ("x_ml_workload", "BOOLEAN"),  # the service is for machine learning, or the machine has an accelerator
    ("x_promotional_credit", MONEY),  # ≤ 0: the part of the row's cost that a promotional credit paid
    ("x_invoicing_entity", "VARCHAR"),  # the legal entity on the invoice
    ("x_cost_categories", "VARCHAR"),  # JSON: the provider's own groupings that are not tags
    ("x_line_id", "VARCHAR"),  # the provider's id of the line; derived rows add a suffix
)

CHARGES = Table(
    name="charges",
    columns=tuple((c.name, c.sql_type) for c in focus.columns() if c.name != "Tags") + CHARGE_EXTENSIONS,
    key=(),
    unit="x_billing_period",
    partition="x_billing_period",
    required=("BillingAccountId", "BillingPeriodStart", "ChargePeriodStart", "BillingCurrency", "BilledCost"),
    open=True,
)
"""`Tags` is stored once a distinct set (`tag_sets`) and joined back in the reader's view."""

TAG_SETS = Table(
    name="tag_sets",
    columns=(("x_source", "VARCHAR"), ("x_billing_period", "VARCHAR"), ("x_tags_id", "VARCHAR"), ("Tags", "VARCHAR")),
    key=("x_tags_id",),
    unit="x_billing_period",
    partition="x_billing_period",
    required=("x_tags_id", "Tags"),
)

METRICS = Table(
    name="metrics",
    columns=(
        ("resource_id", "VARCHAR"),
        ("timestamp", "TIMESTAMPTZ"),
        ("period_s", "INTEGER"),
        ("metric", "VARCHAR"),
        ("dimensions", "VARCHAR"),
        ("statistic", "VARCHAR"),
        ("value", "DOUBLE"),
    ),
    key=("resource_id", "timestamp", "metric", "dimensions", "statistic"),
    unit="strftime(timestamp, '%Y-%m-%d')",
    partition="strftime(timestamp, '%Y-%m')",
    required=("resource_id", "timestamp", "period_s", "metric", "statistic", "value"),
)

RESOURCES = Table(
    name="resources",
    columns=(
        ("observed_at", "TIMESTAMPTZ"),
        ("resource_id", "VARCHAR"),
        ("provider", "VARCHAR"),
        ("account_id", "VARCHAR"),
        ("region", "VARCHAR"),
        ("resource_type", "VARCHAR"),
        ("sku", "VARCHAR"),
        ("state", "VARCHAR"),
        ("created_at", "TIMESTAMPTZ"),
        ("attached_to", "VARCHAR"),
        ("tags", "VARCHAR"),
        ("properties", "VARCHAR"),
    ),
    key=("observed_at", "resource_id"),
    unit="strftime(observed_at, '%Y-%m-%d')",
    partition="strftime(observed_at, '%Y-%m')",
    required=("observed_at", "resource_id", "provider", "resource_type"),
)

PRICES = Table(
    name="prices",
    columns=(
        ("provider", "VARCHAR"),
        ("region", "VARCHAR"),
        ("product", "VARCHAR"),
        ("sku", "VARCHAR"),
        ("operating_system", "VARCHAR"),
        ("license", "VARCHAR"),
        ("tenancy", "VARCHAR"),
        ("deployment", "VARCHAR"),
        ("tier_start", "DOUBLE"),
        ("term", "VARCHAR"),
        ("payment", "VARCHAR"),
        ("instrument", "VARCHAR"),
        ("unit", "VARCHAR"),
        ("price", MONEY),
        ("upfront", MONEY),
        ("currency", "VARCHAR"),
        ("effective_from", "TIMESTAMPTZ"),
        ("specs", "VARCHAR"),
    ),
    key=(
        "provider",
        "region",
        "product",
        "sku",
        "operating_system",
        "license",
        "tenancy",
        "deployment",
        "tier_start",
        "term",
        "payment",
        "instrument",
        "currency",
        "effective_from",
    ),
    unit="provider",
    partition="provider",
    required=("provider", "region", "product", "sku", "term", "unit", "price", "currency", "effective_from"),
)

COMMITMENTS = Table(
    name="commitments",
    columns=(
        ("observed_at", "TIMESTAMPTZ"),
        ("commitment_id", "VARCHAR"),
        ("provider", "VARCHAR"),
        ("account_id", "VARCHAR"),
        ("instrument", "VARCHAR"),
        ("scope", "VARCHAR"),
        ("quantity", "DOUBLE"),
        ("hourly_commitment", MONEY),
        ("unit", "VARCHAR"),
        ("term_start", "TIMESTAMPTZ"),
        ("term_end", "TIMESTAMPTZ"),
        ("payment", "VARCHAR"),
        ("upfront", MONEY),
        ("recurring", MONEY),
        ("currency", "VARCHAR"),
    ),
    key=("observed_at", "commitment_id"),
    unit="strftime(observed_at, '%Y-%m-%d')",
    partition="strftime(observed_at, '%Y-%m')",
    required=("observed_at", "commitment_id", "provider", "instrument", "term_start", "term_end"),
)

OBJECTS = Table(
    name="objects",
    columns=(
        ("bucket", "VARCHAR"),
        ("prefix", "VARCHAR"),
        ("storage_class", "VARCHAR"),
        ("age_days_from", "INTEGER"),
        ("age_days_to", "INTEGER"),
        ("object_count", "BIGINT"),
        ("bytes", "DOUBLE"),
        ("reads_per_month", "DOUBLE"),
        ("read_bytes_per_month", "DOUBLE"),
        ("observed_at", "TIMESTAMPTZ"),  # when the listing was taken; ages count from here
        ("state", "VARCHAR"),  # null or current · noncurrent · deleted (recoverable) · delete_marker
    ),
    key=(),  # one bucket × prefix × class × age band may hold several size bands
    unit="concat_ws(' ', strftime(observed_at, '%Y-%m-%d'), bucket)",  # what was listed on another day stays: a replay reads it
    partition="coalesce(strftime(observed_at, '%Y-%m'), 'undated')",
    required=("bucket", "storage_class", "object_count", "bytes"),
)

RUNS = Table(
    name="runs",
    columns=(
        ("run_id", "VARCHAR"),
        ("provider", "VARCHAR"),
        ("account_id", "VARCHAR"),
        ("resource_id", "VARCHAR"),
        ("sku", "VARCHAR"),
        ("count", "INTEGER"),
        ("status", "VARCHAR"),
        ("started_at", "TIMESTAMPTZ"),
        ("ended_at", "TIMESTAMPTZ"),
        ("billed_s", "DOUBLE"),
        ("spot", "BOOLEAN"),
        ("team", "VARCHAR"),
        ("model", "VARCHAR"),
        ("deadline", "TIMESTAMPTZ"),
        ("work_s", "DOUBLE"),
    ),
    key=("run_id",),
    unit="strftime(started_at, '%Y-%m-%d')",
    partition="strftime(started_at, '%Y-%m')",
    required=("run_id", "status", "started_at"),
)

INVOICES = Table(
    name="invoices",
    columns=(
        ("invoice_id", "VARCHAR"),
        ("issuer", "VARCHAR"),
        ("billing_account_id", "VARCHAR"),
        ("period", "VARCHAR"),
        ("category", "VARCHAR"),
        ("description", "VARCHAR"),
        ("amount", MONEY),
        ("currency", "VARCHAR"),
    ),
    key=(),
    unit="period",
    partition="'all'",
    required=("invoice_id", "issuer", "period", "category", "amount", "currency"),
)

CONTRACTS = Table(
    name="contracts",
    columns=(
        ("contract_id", "VARCHAR"),
        ("provider", "VARCHAR"),
        ("period_start", "TIMESTAMPTZ"),
        ("period_end", "TIMESTAMPTZ"),
        ("floor", MONEY),
        ("eligible", "VARCHAR"),
        ("currency", "VARCHAR"),
    ),
    key=("contract_id", "period_start"),
    unit="contract_id",
    partition="'all'",
    required=("contract_id", "provider", "period_start", "period_end", "floor", "currency"),
)

SPOT_MARKET = Table(
    name="spot_market",
    columns=(
        ("provider", "VARCHAR"),
        ("region", "VARCHAR"),
        ("zone", "VARCHAR"),
        ("sku", "VARCHAR"),
        ("timestamp", "TIMESTAMPTZ"),
        ("price", MONEY),
        ("available", "BOOLEAN"),
        ("interruption_band", "VARCHAR"),
    ),
    key=("provider", "region", "zone", "sku", "timestamp"),
    unit="strftime(timestamp, '%Y-%m-%d')",
    partition="strftime(timestamp, '%Y-%m')",
    required=("provider", "region", "sku", "timestamp"),
)

VENDOR_RECOMMENDATIONS = Table(
    name="vendor_recommendations",
    columns=(
        ("observed_at", "TIMESTAMPTZ"),  # null where the export has no date of its own
        ("vendor", "VARCHAR"),  # the advisor's own name
        ("recommendation_id", "VARCHAR"),
        ("provider", "VARCHAR"),
        ("account_id", "VARCHAR"),
        ("region", "VARCHAR"),
        ("resource_id", "VARCHAR"),  # null for purchases
        ("kind", "VARCHAR"),  # of our kinds, the nearest
        ("action", "VARCHAR"),  # Delete, Stop, Resize, Commit, …; the advisor's own word where none fits
        ("current_setting", "VARCHAR"),
        ("target_setting", "VARCHAR"),
        ("saving_monthly", MONEY),
        ("currency", "VARCHAR"),
        ("raw", "VARCHAR"),  # JSON: the advisor's row
    ),
    key=(),
    unit="vendor",
    partition="'all'",
    required=("vendor", "provider", "action"),
)
"""What the providers' own advisors say: a second opinion beside the plan, never part of it."""

RATES = Table(
    name="rates",
    columns=(("date", "DATE"), ("from_currency", "VARCHAR"), ("to_currency", "VARCHAR"), ("rate", MONEY)),
    key=("date", "from_currency", "to_currency"),
    unit="strftime(date, '%Y-%m')",
    partition="'all'",
    required=("date", "from_currency", "to_currency", "rate"),
)

PROVIDER_TOTALS = Table(
    name="provider_totals",
    columns=(
        ("provider", "VARCHAR"),
        ("billing_account_id", "VARCHAR"),
        ("service", "VARCHAR"),  # the provider's own word
        ("charge_date", "DATE"),
        ("metric", "VARCHAR"),  # billed · effective
        ("amount", MONEY),
        ("currency", "VARCHAR"),
        ("final", "BOOLEAN"),  # the provider no longer calls it an estimate
    ),
    key=("provider", "billing_account_id", "service", "charge_date", "metric", "currency"),
    unit="strftime(charge_date, '%Y-%m')",
    partition="'all'",
    required=("provider", "billing_account_id", "charge_date", "metric", "amount", "currency"),
)
"""What the provider's cost API says that was spent: the bill is compared with it, it is never added to anything."""

COVERAGE = Table(
    name="coverage",
    columns=(
        ("x_source", "VARCHAR"),
        ("stream", "VARCHAR"),  # the core table
        ("format", "VARCHAR"),
        ("version", "VARCHAR"),
        ("billing_account_id", "VARCHAR"),
        ("unit", "VARCHAR"),  # billing period or day
        ("window_start", "TIMESTAMPTZ"),
        ("window_end", "TIMESTAMPTZ"),
        ("rows", "BIGINT"),
        ("checksum", "VARCHAR"),
        ("files", "VARCHAR"),  # JSON: base names
        ("fetched_at", "TIMESTAMPTZ"),
        ("notes", "VARCHAR"),  # JSON: sentences
        ("mapping", "VARCHAR"),  # digest of what turned lines into rows
    ),
    key=("x_source", "stream", "billing_account_id", "unit"),
    unit="stream || '/' || unit",  # one source may deliver several tables of one day
    partition="'all'",
    required=("x_source", "stream", "unit"),
)

RECONCILIATION = Table(
    name="reconciliation",
    columns=(
        ("x_source", "VARCHAR"),
        ("billing_account_id", "VARCHAR"),
        ("x_billing_period", "VARCHAR"),
        ("currency", "VARCHAR"),
        ("level", "VARCHAR"),  # complete · provider · invoice
        ("against", "VARCHAR"),  # what it is compared with, in words
        ("rows_expected", "BIGINT"),
        ("rows_loaded", "BIGINT"),
        ("total_expected", MONEY),
        ("total_loaded", MONEY),
        ("residual", MONEY),
        ("status", "VARCHAR"),  # green · amber · red
        ("note", "VARCHAR"),
    ),
    key=("x_source", "billing_account_id", "x_billing_period", "currency", "level", "against"),
    unit="x_billing_period",
    partition="'all'",
    required=("x_source", "level", "status"),
)

CORE: tuple[Table, ...] = (
    CHARGES,
    TAG_SETS,
    METRICS,
    RESOURCES,
    PRICES,
    COMMITMENTS,
    OBJECTS,
    RUNS,
    INVOICES,
    CONTRACTS,
    SPOT_MARKET,
    VENDOR_RECOMMENDATIONS,
    RATES,
    PROVIDER_TOTALS,
    COVERAGE,
    RECONCILIATION,
    PLAN_RUNS,
    PLAN_FINDINGS,
    DECISIONS,
    BACKTESTS,
)
"""Every core table; all carry `x_source` (added by the engine where a table does not list it)."""


LEDGER = frozenset(t.name for t in (PLAN_RUNS, PLAN_FINDINGS, DECISIONS))
"""Tables that tell of plans, not of the estate: no plan is made of them."""


def table(name: str) -> Table:
    """The core table of that name. Raises KeyError."""
    return {t.name: t for t in CORE}[name]
