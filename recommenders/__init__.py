"""Recommenders: one file an economic idea. See `finops.recommend` for the contract."""
