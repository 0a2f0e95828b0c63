"""The bars on real traces: `python -m benchmarks.traces KIND --data DIR` measures, one JSON line a bar."""
