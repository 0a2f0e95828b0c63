"""The simulated bill: lines and what actions do to them, usage rated hour by hour, real months replayed."""
