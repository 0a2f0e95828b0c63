"""Commitments: what is offered, what a level of it saves, what it risks, and when to buy it."""
