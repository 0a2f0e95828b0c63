"""Loads and noise by the hour: people, services, jobs, and what runs on machines that nobody uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.noisy.rows import DAYS, HOURS, STARTS

Array = np.ndarray
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC")


@cache
def clock(zone: str) -> tuple[Array, Array, Array]:
    """(local hour, local weekday, local day of the month) of each hour of the window."""
    local = [start.astimezone(ZoneInfo(zone)) for start in STARTS]
    return np.array([t.hour for t in local]), np.array([t.weekday() for t in local]), np.array([t.day for t in local])


def day_of_hour() -> Array:
    return np.arange(HOURS) // 24


@dataclass(slots=True)
class Maker:
    """Draws loads. `closed` are days (oldest first) on which the company's offices are closed."""

    rng: np.random.Generator
    closed: set[int] = field(default_factory=set)

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def days(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def around(self, median: float, sigma: float) -> Array:
        """Lognormal about a median, by the hour."""
        return median * np.exp(self.rng.normal(0, sigma, HOURS))

    def office(self, zone: str, first: int, last: int) -> Array:
        """Hours of work: weekdays but for closings and absences, edges that waver, a late evening now and then."""
        hour, weekday, _ = clock(zone)
        used = (hour >= first) & (hour < last) & (weekday < 5)
        away = self.closed | set(self.rng.choice(DAYS, self.days(2, 8), replace=False).tolist())
        used &= ~np.isin(day_of_hour(), list(away))
        used &= ~(self.rng.random(HOURS) < 0.03)
        if self.chance(0.4):
            evening = int(self.rng.integers(1, DAYS - 1)) * 24 + 20
            used[evening : evening + 2] = True
        return used

    def bursts(self, per_day: float, low: int, high: int, zone: str = "UTC") -> Array:
        """Visits or jobs at random times, on any day with this chance on weekdays."""
        used = np.zeros(HOURS, bool)
        weekday = clock(zone)[1]
        for day in range(DAYS):
            if weekday[day * 24 + 12] < 5 and self.chance(per_day):
                start = day * 24 + int(self.rng.integers(6, 20))
                used[start : start + self.days(low, high)] = True
        return used

    def nightly(self, length: int) -> Array:
        hour = int(self.rng.integers(0, 5))
        runs: Array = (np.arange(HOURS) % 24 >= hour) & (np.arange(HOURS) % 24 < hour + length) & ~self.skip(0.02)
        return runs

    def skip(self, share: float) -> Array:
        """Whole days, at random."""
        return np.isin(day_of_hour(), np.flatnonzero(self.rng.random(DAYS) < share))

    def until(self, days_ago: int) -> Array:
        """The hours before the last `days_ago` days."""
        return np.arange(HOURS) < HOURS - 24 * days_ago

    def machine_noise(self) -> dict[str, Array]:
        """An unused machine: agents, heartbeats, now and then a backup, patches, a virus scan, a port scanner."""
        cpu = self.around(self.between(0.3, 2.2), 0.3)
        rx = self.around(self.between(80, 600), 0.35)
        tx = self.around(self.between(50, 350), 0.3)
        hour = np.arange(HOURS) % 24
        if self.chance(0.35):
            backup = hour == int(self.rng.integers(0, 6))
            cpu += backup * self.between(5, 20)
            tx += backup * self.between(1e5, 5e6)
        if self.chance(0.5):
            patch = self._on_days(int(self.rng.choice([7, 14, 28])), 1)
            cpu += patch * self.between(10, 55)
            rx += patch * self.between(5e4, 8e5)
        if self.chance(0.15):
            cpu += self._on_days(7, 2) * self.between(25, 60)
        if self.chance(0.15):
            rx += self._on_days(int(self.rng.integers(20, 40)), 1) * self.between(3e3, 3e4)
        return {"cpu_utilization": np.minimum(cpu, 100), "network_in_bytes": rx, "network_out_bytes": tx}

    def _on_days(self, every: int, length: int) -> Array:
        hour, first = int(self.rng.integers(0, 5)), int(self.rng.integers(0, every))
        index = np.arange(HOURS)
        due: Array = (index // 24 % every == first) & (index % 24 >= hour) & (index % 24 < hour + length)
        return due

    def with_work(
        self, noise: dict[str, Array], used: Array, cpu: float = 30.0, rate: float = 2e5, least: float = 6.0
    ) -> dict[str, Array]:
        """Work in these hours on top of the noise; each hour differs."""
        made = dict(noise)
        made["cpu_utilization"] = np.minimum(noise["cpu_utilization"] + used * np.maximum(self.around(cpu, 0.5), least), 100)
        made["network_in_bytes"] = noise["network_in_bytes"] + used * self.around(rate, 0.8)
        made["network_out_bytes"] = noise["network_out_bytes"] + used * self.around(rate, 0.8)
        return made

    def service(self, zone: str, cpu: float, rate: float, night: float) -> dict[str, Array]:
        """Around the clock with a day's and a week's wave; `night` is the share of the day's level that never goes."""
        hour, weekday, _ = clock(zone)
        wave = night + (1 - night) * np.maximum(0, np.sin((hour - 5) / 24 * 2 * np.pi)) * np.where(weekday < 5, 1.0, 0.6)
        return {
            "cpu_utilization": np.minimum(self.around(cpu, 0.25) * wave, 100),
            "network_in_bytes": self.around(rate, 0.3) * wave,
            "network_out_bytes": self.around(rate, 0.3) * wave,
        }

    def kept(self) -> Array:
        """The hours of which samples arrive: gaps, an outage, a late end."""
        kept = np.ones(HOURS, bool)
        if self.chance(0.3):
            kept &= self.rng.random(HOURS) > self.between(0.005, 0.08)
        if self.chance(0.1):
            start = int(self.rng.integers(0, HOURS - 100))
            kept[start : start + self.days(24, 96)] = False
        if self.chance(0.15):
            kept[HOURS - self.days(6, 60) :] = False
        return kept
