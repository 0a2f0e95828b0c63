"""Google Cloud: billing export, FOCUS export and view, and price list as they are exported from BigQuery."""

from connectors.gcp.billing import BILLING_EXPORT
from connectors.gcp.focus_view import FOCUS_EXPORT, FOCUS_VIEW
from connectors.gcp.prices import PRICING_EXPORT

PROVIDER = "Google Cloud"
FORMATS = (BILLING_EXPORT, FOCUS_EXPORT, FOCUS_VIEW, PRICING_EXPORT)
