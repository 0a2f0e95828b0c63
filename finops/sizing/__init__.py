"""Sizes: what a load needs, and which machine or slot holds it."""
