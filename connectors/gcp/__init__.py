"""Google Cloud: billing export, FOCUS view and price list as they are exported from BigQuery."""

from connectors.gcp.billing import BILLING_EXPORT

PROVIDER = "Google Cloud"
FORMATS = (BILLING_EXPORT,)
