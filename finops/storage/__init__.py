"""Stored objects: tariffs, ages and reads, and the cheapest schedule of classes."""
