"""Connectors: one folder a cloud, and `files` for the open formats.

To add one, make a folder with the same file names as its neighbours and expose `FORMATS` (see `finops.connect`): listing,
detection, docs and the contract tests follow.
"""
