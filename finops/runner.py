"""Runs the recommenders on a published snapshot: candidates, verdicts, one plan a currency; a crash stays with its own kind."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from finops import plugins
from finops.activity.ended import ENDED, Ended, ended_of_rows, unless_ended
from finops.agreements import PACE, Agreements, agreements_of
from finops.bill.lines import Line, Span
from finops.bill.once import BOUGHT_ONCE, once_notes
from finops.bill.simulate import Bill
from finops.commitment.levels import Commitment, commitment_of_row
from finops.commitment.offers import listed_shares
from finops.errors import ConfigError
from finops.model import KINDS, Act, Finding
from finops.money import DAYS_PER_WINDOW, MONTH_PER_WINDOW
from finops.patches import patch_of
from finops.portfolio import Failure, Plan, Sequencer
from finops.precedence import rules, tiers
from finops.pricing import EXCHANGES, PriceBook, exchange_of_row, held_before, price_of_row
from finops.profile import IN_PERCENT, Series, series_of
from finops.queries import Reads
from finops.recommend import Context, PortfolioRecommender, Recommender
from finops.window import KNOWN_DAYS, last_known

HOW = {
    "history": "load earlier days of the metrics and of the inventory; the verdict follows when there is enough",
    "recent metrics": "its metrics end more than a week before its bill does: load those of the newest days",
    "inventory of resources": "load a file with the columns of `resources` (resource_id, provider, resource_type, state, …)",
    "resource ids": "export the bill with resource ids (a detailed export has them), and load it",
    "objects": "load an object inventory: a file with the columns of `objects` (bucket, storage_class, bytes, …)",
    "share of objects that change a day": "give the bucket a property changed_share, or load `objects` with bands of days",
    "status of runs": "load a file with the columns of `runs` (run_id, status, started_at, billed_s, …)",
    "billed_s of runs": "load a file with the columns of `runs` (run_id, status, started_at, billed_s, …)",
    "network_in_bytes by source": "load metrics with network_in_bytes and the dimension source; flow logs tell it",
    "price of": "load a price list: a file with the columns of `prices` (provider, region, product, sku, unit, price, …)",
    "interruption_band": "load a file with the columns of `spot_market` (provider, region, sku, timestamp, …)",
    "checkpoint": "load writes more often than twice a checkpoint, or properties checkpoint_interval_s and checkpoint_s",
    "properties": "load an inventory (a file with the columns of `resources`) whose `properties` hold {fact}",
    IN_PERCENT: "its memory is never above 1 %, as if 0.5 stood for 50 %: load shares of one as percentages from 0 to 100",
    "memory_utilization": "no hypervisor sees memory: install the provider's agent, then load metrics with memory_utilization",
    "": "load a file with the columns of `metrics` (resource_id, timestamp, period_s, metric, statistic, value) with {fact}",
}
"""How to supply what is missing, by the words that a missing fact begins with; `{fact}` stands for the words after them."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Tag keys that say whose a resource is and where it runs, first match first."""

    owner: Sequence[str] = ("owner", "team")
    environment: Sequence[str] = ("environment", "env")


@dataclass(slots=True)
class Run:
    """What the recommenders of one run share."""

    reads: Reads
    as_of: date
    prices: PriceBook
    failed: list[Failure] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    _read: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _series: dict[tuple[str, str], tuple[Series, ...]] = field(default_factory=dict)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Each statement is read once: recommenders that ask the same share its rows."""
        if sql not in self._read:
            self._read[sql] = self.reads.rows(sql, {"as_of": self.as_of} if "$as_of" in sql else None)
        return self._read[sql]

    def candidates(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a recommender's query; a resource's `metrics` are read once: most recommenders ask for them."""
        if "resource_profile" not in sql:
            return self.rows(sql)
        found = self.rows(f"select columns(lambda name: name != 'metrics') from ({sql})")
        series = self.metrics()
        for row in found:
            row["metrics"] = series.get((row["resource_id"], row["currency"]), ())
            for member in row.get("members") or ():  # a group does what its machines do
                theirs = series.get((member, row["currency"]), ())
                row["metrics"] += tuple(replace(s, dimensions={**s.dimensions, "member": member}) for s in theirs)
        return found

    def metrics(self) -> dict[tuple[str, str], tuple[Series, ...]]:
        """The series of each resource and currency."""
        if not self._series:
            for row in self.rows("select resource_id, currency, metrics from resource_profile($as_of)"):
                self._series[row["resource_id"], row["currency"]] = series_of(row["metrics"])
        return self._series


def recommenders(thresholds: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Recommender | PortfolioRecommender]:
    """Every recommender of the package by kind, with these thresholds in place of its defaults.

    Raises ConfigError: an unknown kind or threshold.
    """
    classes = plugins.recommenders()
    given = thresholds or {}
    for kind in given:
        if kind not in classes:
            raise ConfigError(f"there is no recommender `{kind}`", hint=", ".join(classes))
    return {kind: _configured(kind, recommender, given.get(kind, {})) for kind, recommender in classes.items()}


def _configured(kind: str, recommender: type, settings: Mapping[str, Any]) -> Recommender | PortfolioRecommender:
    """Raises ConfigError: no such threshold, or out of its bounds."""
    names = [each.name for each in fields(recommender)]
    for name in settings:
        if name not in names:
            meant = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean `{meant[0]}`?" if meant else f"thresholds: {', '.join(names)}"
            raise ConfigError(f"recommenders.{kind}.{name}: there is no such threshold", hint=hint)
    try:
        made: Recommender | PortfolioRecommender = _thresholds(recommender).validate_python(dict(settings))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(["recommenders", kind, *(str(part) for part in first["loc"])])
        raise ConfigError(f"{place}: {first['msg']}", hint=f"finops recommend --help {kind} lists the thresholds") from None
    return made


@cache
def _thresholds(recommender: type) -> TypeAdapter[Any]:
    """Made once: a backtest configures the recommenders for every decision."""
    return TypeAdapter(recommender)


def plans(
    reads: Reads,
    as_of: date,
    *,
    kinds: Sequence[str] = (),
    thresholds: Mapping[str, Mapping[str, Any]] | None = None,
    owners: Owners | None = None,
    unproven: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Plan]:
    """One plan a currency, largest spend first. `kinds` empty: all. Raises ConfigError for an unknown kind.

    unproven  currency → kind → why its actions are watched
    """
    with ThreadPoolExecutor(max_workers=1) as engine:  # it reads while recommenders are imported, and while they judge
        begun = engine.submit(_begun, reads, as_of, everything=not kinds)
        chosen = recommenders(thresholds)
        for kind in kinds:
            if kind not in KINDS:
                raise ConfigError(f"there is no recommendation of kind `{kind}`", hint=", ".join(sorted(chosen)))
        active = {kind: r for kind, r in chosen.items() if not kinds or kind in kinds}
        run, bills = begun.result()
        # what portfolios judge is asked for last, as it is judged
        order = sorted(active, key=lambda kind: isinstance(active[kind], PortfolioRecommender))
        candidates = {kind: engine.submit(_candidates, run, kind, active[kind]) for kind in order}
        agreed = engine.submit(_agreed, reads, as_of)
        over = engine.submit(_ended, run)
        whose = owners or Owners()
        result = [
            _plan(
                run, Sequencer(bill, currency, as_of, (unproven or {}).get(currency)), active, candidates, whose, agreed, over
            )
            for currency, bill in bills.items()
        ]
    return sorted(result, key=lambda plan: -plan.current)


def _begun(reads: Reads, as_of: date, *, everything: bool) -> tuple[Run, dict[str, Bill]]:
    """A run with its bills; `everything`: with the series, which all recommenders together are sure to ask for."""
    run = _dated(reads, as_of)
    bills = bills_of_month(run)
    if everything and bills:
        run.metrics()
    return run, bills


def _dated(reads: Reads, as_of: date) -> Run:
    """A run with the price list; what it names later than the bill for the first time also holds on the bill's days."""
    listed = [price_of_row(row) for row in reads.rows("select * from prices")]
    held = held_before(listed, datetime.combine(as_of, datetime.min.time(), UTC))
    known = datetime.combine(as_of + timedelta(days=KNOWN_DAYS), datetime.min.time(), UTC)
    late = [
        row.effective_from.date()
        for row, moved in zip(listed, held, strict=True)
        if moved is not row and row.effective_from >= known
    ]
    note = f"{len(late):,} of {len(listed):,} prices are first listed after the bill, on {{}}: they stand for its days"
    exchanges = [exchange_of_row(row) for row in reads.rows(EXCHANGES, {"as_of": as_of})]
    return Run(reads, as_of, PriceBook(held, exchanges=exchanges), notes=(note.format(min(late)),) if late else ())


def bills_of_month(run: Run) -> dict[str, Bill]:
    """The simulated bill of each currency, from the last 30 complete days."""
    lines: dict[str, list[Line]] = {}
    for row in run.rows("select * from bill_month($as_of) order by all"):
        lines.setdefault(row["currency"], []).append(line_of_row(row))
    commitments, spans, at = list(_commitments(run)), _spans(run), last_known(run.as_of)
    return {
        currency: Bill(
            of_currency,
            commitments,
            rules=rules(),
            tiers=tiers(),
            listed=listed_shares(run.prices.of_currency(currency), at),
            spans=spans,
        )
        for currency, of_currency in sorted(lines.items())
    }


def _spans(run: Run) -> dict[str, Span]:
    """The commitments that began or ended within the window, by id."""
    end = datetime.combine(run.as_of + timedelta(days=1), datetime.min.time(), UTC)
    found = {}
    for row in run.rows("select * from commitment_spans($as_of) where begun is not null or ended"):
        hours = (end - row["begun"]).total_seconds() / 3600 if row["begun"] else 24 * DAYS_PER_WINDOW
        found[row["commitment_id"]] = Span(Decimal(24 * DAYS_PER_WINDOW) / Decimal(repr(hours)), bool(row["ended"]))
    return found


def line_of_row(row: Mapping[str, Any]) -> Line:
    """One row of `bill_month`, scaled from 30 days to a month of 730 hours."""
    unused = row["commitment_status"] == "Unused"
    return Line(
        resource=row["resource_id"],
        provider=row["provider"],
        account=row["account_id"],
        region=row["region"],
        service=row["service"],
        meter=row["meter"],
        unit=row["pricing_unit"],
        instance_type=row["instance_type"],
        operating_system=row["operating_system"],
        commitment=row["commitment_id"],
        category="Unused" if unused else row["charge_class"] or row["charge_category"],
        quantity=Decimal(row["quantity"]) * MONTH_PER_WINDOW,
        cost=Decimal(row["cost"]) * MONTH_PER_WINDOW,
        on_demand=Decimal(row["on_demand_cost"]) * MONTH_PER_WINDOW,
        listed=Decimal(row["list_cost"]) * MONTH_PER_WINDOW,
        run_rate=Decimal(row["run_rate"]),
        payer=row["billing_account_id"],
    )


def _commitments(run: Run) -> Iterable[Commitment]:
    latest: dict[str, dict[str, Any]] = {}
    for row in run.rows(
        "select * from commitments where observed_at < $as_of::date + 4 and term_end > $as_of::date order by observed_at"
    ):
        latest[row["commitment_id"]] = row
    return (commitment_of_row(row) for row in latest.values())


def _candidates(run: Run, kind: str, recommender: Recommender | PortfolioRecommender) -> list[dict[str, Any]]:
    try:
        return run.candidates(recommender.candidates)
    except Exception as error:
        run.failed.append(Failure(kind, f"{type(error).__name__}: {error}"))
        return []


def _plan(
    run: Run,
    sequencer: Sequencer,
    active: Mapping[str, Recommender | PortfolioRecommender],
    candidates: Mapping[str, Future[list[dict[str, Any]]]],
    owners: Owners,
    agreed: Future[Agreements],
    over: Future[dict[str, Ended]],
) -> Plan:
    currency = sequencer.currency
    prices = run.prices.of_currency(currency)
    context = Context(run.as_of, prices, sequencer.before, sequencer.before, currency)
    failed: list[Failure] = []
    single = {kind: r for kind, r in active.items() if isinstance(r, Recommender)}
    found: list[Finding] = []
    for kind, recommender in single.items():
        rows = [row for row in candidates[kind].result() if row.get("currency", currency) == currency]
        found += _judged(kind, (f for row in rows for f in recommender.judge(row, context)), failed)
    ended = over.result()
    sequencer.take(unless_ended(finding, ended) for finding in found)
    after = Context(run.as_of, prices, sequencer.committable(), sequencer.before, currency)
    for kind, portfolio in active.items():
        if isinstance(portfolio, PortfolioRecommender):
            rows = [row for row in candidates[kind].result() if row.get("currency", currency) == currency]
            sequencer.take(_judged(kind, portfolio.judge_all(rows, after), failed))
    whose = (owners.owner, owners.environment)
    every = [*run.failed, *failed]
    plan = sequencer.plan(kinds=list(active), failed=every, owners=whose, how=HOW, agreements=agreed.result())
    once = once_notes(run.rows(BOUGHT_ONCE), currency, plan.current)
    return replace(plan, notes=(*run.notes, *prices.notes, *once, *plan.notes))


def _ended(run: Run) -> dict[str, Ended]:
    return ended_of_rows(run.rows(ENDED))


def _agreed(reads: Reads, as_of: date) -> Agreements:
    return agreements_of(reads.rows("select * from contracts"), reads.rows(PACE, {"as_of": as_of}), as_of)


def _judged(kind: str, findings: Iterable[Finding], failed: list[Failure]) -> list[Finding]:
    """The findings of one recommender with their patches; none where it crashes, so that no half of it is in the plan."""
    try:
        return [replace(f, patch=patch_of(f)) if isinstance(f.verdict, Act) else f for f in findings]
    except Exception as error:
        failed.append(Failure(kind, f"{type(error).__name__}: {error}"))
        return []
