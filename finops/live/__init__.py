"""Live sources: what connectors fetch becomes files in a cache, and files are loaded as any others are."""
