"""Amazon Web Services: billing formats and manifests."""

from connectors.aws.billing import FORMATS, MANIFESTS

PROVIDER = "AWS"

__all__ = ["FORMATS", "MANIFESTS", "PROVIDER"]
