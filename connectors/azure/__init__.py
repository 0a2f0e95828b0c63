"""Microsoft Azure: cost details files of every agreement, Blob inventory, their manifests, and the live streams."""

from connectors.azure.advice import ADVISOR
from connectors.azure.billing import COST_DETAILS, read_manifest
from connectors.azure.inventory import INVENTORY, inventory_manifest
from connectors.azure.live import CONNECTOR

PROVIDER = "Microsoft Azure"
FORMATS = (COST_DETAILS, INVENTORY, ADVISOR)
MANIFESTS = (read_manifest, inventory_manifest)

__all__ = ["CONNECTOR", "COST_DETAILS", "FORMATS", "MANIFESTS", "PROVIDER", "read_manifest"]
