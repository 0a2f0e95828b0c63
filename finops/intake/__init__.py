"""Intake: from paths to published units. Files are discovered, checked, recognised, divided into units, staged and tied."""
