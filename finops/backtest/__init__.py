"""Decisions at past dates, charged with what came."""
