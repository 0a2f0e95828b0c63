"""How busy replicas may be before requests wait: Erlang's formula for a queue before several servers."""

from __future__ import annotations

import math
from dataclasses import dataclass

LOWEST, HIGHEST = 0.05, 0.95
"""Bounds of a target: above 95 % any error of the service time fills the queue."""


def erlang_c(servers: int, load: float) -> float:
    """The chance that a request waits: arrivals at random (Poisson), `load` = arrivals × service time, in servers; 1 from
    `servers` on. The formula: https://octave.sourceforge.io/queueing/function/erlangc.html (read 2026-11-27). No factorial
    overflows: neighbouring terms of Erlang B, lᵏ ⁄ k! over their sum, follow from each other."""
    if load >= servers:
        return 1.0
    lost = 1.0
    for busy in range(1, servers + 1):
        lost = load * lost / (busy + load * lost)
    return lost / (1 - load / servers * (1 - lost))


@dataclass(frozen=True, slots=True)
class Queue:
    """What an endpoint has at least: places for requests at once, and how long one takes.

    servers    replicas × requests that one serves at a time
    service_s  seconds that a request takes when it need not wait
    slack_s    seconds that it may wait
    """

    servers: int
    service_s: float
    slack_s: float = 0.0

    def late(self, utilization: float) -> float:
        """The share of requests that wait longer than the slack: Erlang C, times e^(−(servers − load) × slack / service)."""
        load = utilization * self.servers
        return erlang_c(self.servers, load) * math.exp(-max(self.servers - load, 0.0) * self.slack_s / self.service_s)

    def utilization(self, late: float) -> float:
        """The highest utilization at which at most this share of requests is late."""
        low, high = LOWEST, HIGHEST
        if self.late(high) <= late:
            return high
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if self.late(middle) > late else (middle, high)
        return low
