"""Google Cloud: billing export, FOCUS export and view, price list as they are exported; storage inventory; the live streams."""

from connectors.gcp.advice import RECOMMENDER
from connectors.gcp.billing import BILLING_EXPORT
from connectors.gcp.focus_view import FOCUS_EXPORT, FOCUS_VIEW
from connectors.gcp.inventory import INVENTORY, inventory_manifest
from connectors.gcp.live import CONNECTOR
from connectors.gcp.prices import PRICING_EXPORT

PROVIDER = "Google Cloud"
FORMATS = (BILLING_EXPORT, FOCUS_EXPORT, FOCUS_VIEW, PRICING_EXPORT, INVENTORY, RECOMMENDER)
MANIFESTS = (inventory_manifest,)

__all__ = ["CONNECTOR", "FORMATS", "MANIFESTS", "PROVIDER"]
