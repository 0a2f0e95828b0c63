"""Microsoft Azure: cost details files of every agreement, and the manifest of a cost export."""

from connectors.azure.billing import COST_DETAILS, read_manifest

PROVIDER = "Microsoft Azure"
FORMATS = (COST_DETAILS,)
MANIFESTS = (read_manifest,)

__all__ = ["COST_DETAILS", "FORMATS", "MANIFESTS", "PROVIDER", "read_manifest"]
