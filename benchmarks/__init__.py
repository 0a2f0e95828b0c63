"""Benchmarks: speed and memory of whole processes, medians and ratios from one run."""
