"""Amazon Web Services: billing formats, S3 Inventory, their manifests, and the live streams."""

from connectors.aws.advice import ADVICE
from connectors.aws.billing import FORMATS as BILLING
from connectors.aws.billing import MANIFESTS as BILLING_MANIFESTS
from connectors.aws.costs import COST_EXPLORER_DAYS
from connectors.aws.inventory import INVENTORY, inventory_manifest
from connectors.aws.live import CONNECTOR

PROVIDER = "AWS"
FORMATS = (*BILLING, COST_EXPLORER_DAYS, INVENTORY, *ADVICE)
MANIFESTS = (*BILLING_MANIFESTS, inventory_manifest)

__all__ = ["CONNECTOR", "FORMATS", "MANIFESTS", "PROVIDER"]
