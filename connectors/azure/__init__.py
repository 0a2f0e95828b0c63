"""Microsoft Azure: cost details files of every agreement, Blob inventory, and their manifests."""

from connectors.azure.advice import ADVISOR
from connectors.azure.billing import COST_DETAILS, read_manifest
from connectors.azure.inventory import INVENTORY, inventory_manifest

PROVIDER = "Microsoft Azure"
FORMATS = (COST_DETAILS, INVENTORY, ADVISOR)
MANIFESTS = (read_manifest, inventory_manifest)

__all__ = ["COST_DETAILS", "FORMATS", "MANIFESTS", "PROVIDER", "read_manifest"]
