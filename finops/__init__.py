"""finops: what three clouds cost, which part of it is waste, and the proof."""

__version__ = "0.1.0"

# Raised when a change alters a published number for the same input. Every JSON document and report carries it.
CALCULATION_VERSION = "1"
