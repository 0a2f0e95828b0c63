"""Interruptible capacity: how often it goes, what that costs, and whether work with a deadline can use it."""
