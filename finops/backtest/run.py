"""`finops backtest`: runs the recommenders at past dates of the user's own warehouse and has what followed judge them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from finops import queries
from finops.backtest import commitments as commitment_replay
from finops.backtest import verdicts as verdict_replay
from finops.backtest.advice import level_rules, resource_rules
from finops.backtest.commitments import Bought, demands_of_rows
from finops.backtest.summary import Decision, Summary, summarise
from finops.backtest.verdicts import HORIZON_DAYS, LAG_DAYS, Key, Seen, Snapshot, decision_days
from finops.bill.simulate import Bill
from finops.commitment.levels import commitment_of_row
from finops.config import Config
from finops.errors import ConfigError
from finops.model import Act, Commit, Finding, Move
from finops.pricing import EXCHANGES, PriceBook, exchange_of_row, held_before, price_of_row
from finops.profile import Profile, profile_of_row
from finops.queries import Reads
from finops.recommend import Context, PortfolioRecommender, Recommender
from finops.runner import Run, bills_of_month, recommenders

MOST_DAYS = 6
"""Decision dates of verdicts, each a whole run of the recommenders: three mature, and all of it takes less than 20 seconds."""

FIRST_METRICS = 14
"""Days of metrics before the first decision: what every recommender asks for at least."""

PROFILES = "select * from resource_profile($as_of)"


@dataclass(slots=True)
class Extent:
    """What history there is: first and last days of bill, metrics and inventory, and how often an inventory was taken."""

    last: date
    bill: date
    metrics: date | None
    inventory: date | None
    inventories: int
    listings: int
    prices: date | None


@dataclass(slots=True)
class Bench:
    """What the replays of one call share."""

    reads: Reads
    extent: Extent
    prices: PriceBook
    tell: Callable[[str], object]
    failed: dict[str, str] = field(default_factory=dict)
    _books: dict[date, PriceBook] = field(default_factory=dict)

    def book(self, day: date) -> PriceBook:
        """The price list, converted as the bill of the days up to this one is."""
        if not self.prices.exchanges:
            return self.prices
        if day not in self._books:
            rates = (exchange_of_row(row) for row in self.reads.rows(EXCHANGES, {"as_of": day}))
            self._books[day] = self.prices.exchanged(rates)
        return self._books[day]


def backtests(
    reads: Reads, config: Config, kinds: Sequence[str] = (), tell: Callable[[str], object] = lambda _: None
) -> list[Summary]:
    """One summary a kind and currency, kinds in the order of their names. `kinds` empty: all.

    Raises ConfigError: no bill is loaded, or an unknown kind.
    """
    every = recommenders(config.recommenders)
    for kind in kinds:
        if kind not in every:
            raise ConfigError(f"there is no recommender `{kind}`", hint=", ".join(every))
    chosen = {kind: r for kind, r in every.items() if not kinds or kind in kinds}
    extent = _extent(reads, config)
    bench = Bench(reads, extent, _prices(reads, extent), tell)
    found: list[Summary] = []
    single = {kind: r for kind, r in chosen.items() if isinstance(r, Recommender)}
    if single:
        found += _verdicts(bench, single)
    for kind, recommender in chosen.items():
        if isinstance(recommender, PortfolioRecommender):
            found += _purchases(bench, kind, recommender)
    return sorted(found, key=lambda summary: (summary.kind, summary.currency))


def _extent(reads: Reads, config: Config) -> Extent:
    last = queries.as_of(reads)
    if last is None:
        raise ConfigError("no bill is loaded", where=config.warehouse, hint="finops load PATH… or finops demo")
    row = reads.rows(
        """
        select
            (select min(charge_date) from resource_daily where charge_category = 'Usage') as bill,
            (select min(metric_date) from metric_daily) as metrics,
            (select cast(min(observed_at) as date) from resources) as inventory,
            (select count(distinct cast(observed_at as date)) from resources) as inventories,
            (select count(distinct cast(observed_at as date)) from objects) as listings,
            (select cast(min(effective_from) as date) from prices) as prices
        """
    )[0]
    return Extent(last=last, **row)


def _prices(reads: Reads, extent: Extent) -> PriceBook:
    """The price list, from the first day of the bill on."""
    start = datetime.combine(extent.bill, datetime.min.time(), UTC)
    listed = held_before((price_of_row(row) for row in reads.rows("select * from prices")), start)
    return PriceBook(listed, exchanges=(exchange_of_row(row) for row in reads.rows(EXCHANGES, {"as_of": extent.last})))


def _verdicts(bench: Bench, chosen: Mapping[str, Recommender]) -> list[Summary]:
    """Kinds that judge a resource at a time."""
    extent = bench.extent
    starts = [extent.bill + timedelta(days=HORIZON_DAYS - 1)]
    if extent.metrics is not None:
        starts.append(extent.metrics + timedelta(days=FIRST_METRICS - 1))
    if extent.inventory is not None:
        starts.append(extent.inventory)
    days = decision_days(max(starts), extent.last, MOST_DAYS)
    snapshots: dict[str, list[Snapshot]] = {}
    for known in _read_ahead(bench, days, chosen):
        bench.tell(f"deciding as of {known.run.as_of}")
        for currency, snapshot in _snapshots(bench, known, chosen).items():
            snapshots.setdefault(currency, []).append(snapshot)
    found = []
    for kind in chosen:
        for currency, mine in sorted(snapshots.items()):
            replayed = verdict_replay.replay(kind, currency, mine, resource_rules())
            notes = _why_not(bench, kind, replayed.decisions, days)
            if replayed.unjudged:
                notes.append(
                    f"{replayed.unjudged} decisions set aside: changed or gone soon after, so that nobody can judge them"
                )
            found.append(
                summarise(
                    kind, currency, replayed.decisions, unmatured=replayed.unmatured, horizon_days=HORIZON_DAYS, notes=notes
                )
            )
    return found


def _why_not(bench: Bench, kind: str, decisions: Sequence[Decision], days: Sequence[date]) -> list[str]:
    """What of a kind cannot be replayed; empty where nothing is missing."""
    extent, notes = bench.extent, []
    if kind in bench.failed:
        notes.append(f"failed: {bench.failed[kind]}")
    if extent.metrics is None:
        notes.append("no metrics are loaded: what was used afterwards is unknown")
    if extent.inventories < 2:
        notes.append("the inventory was taken once only, so that nobody knows what was there before")
    needed = FIRST_METRICS + LAG_DAYS + HORIZON_DAYS
    if len(days) <= (LAG_DAYS + HORIZON_DAYS) // verdict_replay.STEP_DAYS:
        notes.append(f"history is shorter than the {needed} days that a decision and its horizon take")
    elif not any(d.advised for d in decisions):
        notes.append("nothing was advised on any date whose horizon has passed")
    if kind == "storage_tiering" and extent.listings < 2:
        notes.append(
            "objects were listed once: moves are charged with the requests that the bill shows afterwards, others are set aside"
        )
    if extent.prices is not None and days and extent.prices > days[0]:
        notes.append(f"decisions before {extent.prices} use its price list, the first that is loaded")
    return notes


@dataclass(frozen=True, slots=True)
class Known:
    """What the warehouse says as of one day."""

    run: Run
    candidates: Mapping[str, Sequence[Mapping[str, Any]]]
    profiles: Sequence[Mapping[str, Any]]
    bills: Mapping[str, Bill]


def _read_ahead(bench: Bench, days: Sequence[date], chosen: Mapping[str, Recommender]) -> Iterator[Known]:
    """What was known on each day; the engine reads the next one while this one is judged."""
    steps = (LAG_DAYS + HORIZON_DAYS) // verdict_replay.STEP_DAYS
    wanted = bool({rule.kind for rule in resource_rules()} & set(chosen))
    with ThreadPoolExecutor(max_workers=1) as engine:
        asked = None
        for place, day in enumerate(days):
            before, profiles = asked, wanted and place + steps < len(days)
            asked = engine.submit(_known, bench, day, chosen, profiles=profiles)
            if before is not None:
                yield before.result()
        if asked is not None:
            yield asked.result()


def _known(bench: Bench, day: date, chosen: Mapping[str, Recommender], *, profiles: bool) -> Known:
    run = Run(bench.reads, day, bench.book(day))
    bills = bills_of_month(run)
    candidates = {kind: run.candidates(r.candidates) for kind, r in chosen.items()}
    return Known(run, candidates, run.candidates(PROFILES) if profiles else (), bills)


def _snapshots(bench: Bench, known: Known, chosen: Mapping[str, Recommender]) -> dict[str, Snapshot]:
    """What was decided at the end of one day, by currency."""
    day, found = known.run.as_of, {}
    profiles = [profile_of_row(row) for row in known.profiles]
    for currency, bill in known.bills.items():
        context = Context(day, known.run.prices.of_currency(currency), bill, bill, currency)
        verdicts = {kind: _judged(bench, kind, r, known.candidates[kind], context) for kind, r in chosen.items()}
        found[currency] = Snapshot(day, bill, verdicts, _by_key(profiles, currency))
    return found


def _by_key(profiles: Sequence[Profile], currency: str) -> dict[str, Profile]:
    return {profile.bill_key: profile for profile in profiles if profile.currency == currency}


def _judged(
    bench: Bench, kind: str, recommender: Recommender, rows: Sequence[Mapping[str, Any]], context: Context
) -> dict[Key, Seen]:
    """The verdicts of one recommender; none where it crashes, and the summary says so."""
    found: dict[Key, Seen] = {}
    try:
        for row in rows:
            if row.get("currency", context.currency) != context.currency:
                continue
            for finding in recommender.judge(row, context):
                if finding.currency == context.currency:
                    found[finding.bill_key, finding.scope.resource] = _seen(finding, row, recommender)
    except Exception as error:
        bench.failed[kind] = f"{type(error).__name__}: {error}"
        return {}
    return found


def _seen(finding: Finding, row: Mapping[str, Any], recommender: Recommender) -> Seen:
    """The finding with what it stands on. The low end of a saving on objects is that of `read_doubt` times their reads."""
    sku, verdict = str(row.get("sku") or ""), finding.verdict
    if not row.get("bands") or not any(fact.source == "objects" for fact in finding.evidence.facts):
        return Seen(finding, sku)
    days = [band["observed_at"].date() for band in row.get("bands") or () if band.get("observed_at")]
    doubt, reads = getattr(recommender, "read_doubt", 1.0), None
    if isinstance(verdict, Act) and isinstance(verdict.action, Move) and doubt > 1:
        monthly = verdict.saving.effective_monthly
        reads = (monthly.expected - monthly.low) / Decimal(repr(doubt - 1))
    return Seen(finding, sku, max(days, default=date.min), reads)


def _purchases(bench: Bench, kind: str, recommender: PortfolioRecommender) -> list[Summary]:
    """Commitments, each charged a whole term."""
    extent = bench.extent
    rows = bench.reads.rows(commitment_replay.HISTORY, {"as_of": extent.last})
    days = commitment_replay.purchase_days(extent.bill, extent.last)
    held = bench.reads.rows("select * from commitments order by observed_at")
    begun = {row["commitment_id"].lower(): commitment_of_row(row).term_start for row in held}
    billed = {
        currency: [row for row in rows if row["currency"] == currency] for currency in sorted({r["currency"] for r in rows})
    }
    bought: dict[str, list[Bought]] = {currency: [] for currency in billed}
    for day in days:
        bench.tell(f"buying as of {day}")
        for currency, purchase in _advised(bench, kind, recommender, day):
            bought.setdefault(currency, []).append(purchase)
    return [_record(bench, kind, currency, billed[currency], bought[currency], begun) for currency in billed]


def _advised(bench: Bench, kind: str, recommender: PortfolioRecommender, day: date) -> list[tuple[str, Bought]]:
    """What the recommender buys on that day."""
    run = Run(bench.reads, day, bench.book(day))
    found = []
    try:
        rows = run.rows(recommender.candidates)
        for currency, bill in bills_of_month(run).items():
            context = Context(day, run.prices.of_currency(currency), bill, bill, currency)
            mine = [row for row in rows if row.get("currency", currency) == currency]
            for finding in recommender.judge_all(mine, context):
                verdict = finding.verdict
                bought = isinstance(verdict, Act) and verdict.saving.effective_monthly.expected > 0
                if isinstance(verdict, Act) and isinstance(verdict.action, Commit) and bought:
                    found.append((currency, Bought(day, finding.scope.provider, finding.scope.account, verdict.action)))
    except Exception as error:
        bench.failed[kind] = f"{type(error).__name__}: {error}"
    return found


def _record(
    bench: Bench,
    kind: str,
    currency: str,
    rows: Sequence[Mapping[str, Any]],
    bought: Sequence[Bought],
    begun: Mapping[str, date | None],
) -> Summary:
    days = LAG_DAYS + commitment_replay.TERM_DAYS
    last = bench.extent.last
    ripe = [b for b in bought if b.day + timedelta(days=LAG_DAYS + commitment_replay.charged_days(b.action)) <= last]
    demands = demands_of_rows(rows, {one.action.payer for one in ripe})
    decisions = []
    for one in ripe:
        demand = demands[one.action.payer]
        held = demand.held(one.day, begun)
        prices = bench.book(one.day).of_currency(currency)
        earlier = [b for b in bought[: bought.index(one)] if b.is_beside(one)]
        decision = commitment_replay.replay(one, demand, prices, held, level_rules(), currency, earlier)
        if decision is not None:
            decisions.append(decision)
    notes = [f"failed: {bench.failed[kind]}"] if kind in bench.failed else []
    if not bought:
        notes.append("nothing was advised on any date")
    elif not ripe:
        have = (bench.extent.last - bench.extent.bill).days + 1
        notes.append(f"no term has passed: one takes {days} days after the decision, and the bill has {have} days in all")
    if bench.extent.prices is not None and bought and bench.extent.prices > bought[0].day:
        notes.append(f"decisions before {bench.extent.prices} use its price list, the first that is loaded")
    return summarise(
        kind,
        currency,
        decisions,
        unmatured=len(bought) - len(ripe),
        horizon_days=commitment_replay.TERM_DAYS,
        notes=notes,
    )
