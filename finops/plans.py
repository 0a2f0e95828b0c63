"""Plans of a published snapshot: is the bill tied, what to do, which recommendation, what changed since."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from finops import queries
from finops.backtest.gate import Proof, proof_note, watched
from finops.backtest.kept import proofs_in_force
from finops.bill.lines import keys_of
from finops.bill.replay import TOTALS, UNUSED, USAGE, Replay, replays
from finops.commitment.advice import renewal_note
from finops.commitment.levels import commitment_of_row
from finops.config import Config
from finops.document import plan_document
from finops.errors import ConfigError, DataError
from finops.intake.reconcile import Trust, red_sources, trust
from finops.ledger import kept
from finops.ledger.entries import History
from finops.model import KINDS, Act, Delete, Recommendation, Stop, Unknown
from finops.money import cents
from finops.opinions import Opinion, Unshared, in_force, opinions_of_rows, unshared
from finops.portfolio import Plan
from finops.precedence import rules, tiers
from finops.runner import HOW, Owners, plans
from finops.unknowns import how_to_supply

if TYPE_CHECKING:
    from finops.warehouse.warehouse import Reader, Warehouse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which recommendations to show; the waterfall stays that of the whole plan. What is empty leaves all in."""

    kinds: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    min_saving: float = 0.0

    def shows(self, recommendation: Recommendation) -> bool:
        """A commitment names no account: it is in all of its provider's, or of the billing account that it is bought on."""
        scope, verdict = recommendation.finding.scope, recommendation.finding.verdict
        shared = not scope.account or (isinstance(verdict, Act) and bool(getattr(verdict.action, "payer", "")))
        return (
            (not self.kinds or recommendation.finding.kind in self.kinds)
            and (not self.owners or recommendation.owner in self.owners)
            and (not self.statuses or recommendation.status in self.statuses)
            and (not self.providers or scope.provider.casefold() in {name.casefold() for name in self.providers})
            and (not self.accounts or shared or scope.account in self.accounts)
            and recommendation.saving.effective_monthly.expected >= Decimal(str(self.min_saving))
        )

    def filters(self) -> dict[str, list[str]]:
        """Each choice that leaves something out, by the name of its option."""
        chosen = {"kind": self.kinds, "owner": self.owners, "status": self.statuses}
        chosen |= {"provider": self.providers, "account": self.accounts}
        least = {"min-saving": [f"{self.min_saving:g}"]} if self.min_saving else {}
        return {name: list(values) for name, values in chosen.items() if values} | least


@dataclass(frozen=True, slots=True)
class Shown:
    """How much of the plan a selection leaves: recommendations and their saving a month, of the plan's. Nothing is chosen
    where `filters` is empty."""

    filters: dict[str, list[str]]
    recommendations: int
    of: int
    saving: Decimal
    of_saving: Decimal

    @property
    def words(self) -> str:
        """The same in one line."""
        if not self.filters:
            return f"{self.of} recommendations, {self.of_saving:,} a month"
        by = "; ".join(f"{name} {', '.join(value or '(nobody)' for value in values)}" for name, values in self.filters.items())
        return f"{self.recommendations} of {self.of} recommendations ({by}), {self.saving:,} of {self.of_saving:,} a month"


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan with what it stands on; `left_out` are the sources that it does not see, their bills being red."""

    plan: Plan
    trust: Trust
    calculation: queries.Calculation
    opinions: tuple[Opinion, ...] = ()
    others: tuple[Unshared, ...] = ()
    shown: Shown | None = None
    left_out: tuple[str, ...] = ()

    @property
    def to_do(self) -> Decimal:
        """What the recommendations shown save a month that are neither dismissed nor applied."""
        return _saving([r for r in self.plan.recommendations if r.is_to_do])

    @property
    def acts(self) -> int:
        """Recommendations of the whole plan, whatever is shown."""
        return self.shown.of if self.shown else len(self.plan.recommendations)

    def document(self) -> dict[str, Any]:
        """The JSON object of `finops recommend`."""
        shown = self.shown or narrowed([self], Selection())[0].shown
        whole = plan_document(self.plan, self.trust, asdict(self.calculation), self.opinions, self.others)
        return whole | {"verdicts": whole["verdicts"] | {"act": self.acts}, "shown": asdict(shown) if shown else {}}


def make_plans(
    reader: Reader, config: Config, *, kinds: tuple[str, ...] = (), as_of: date | None = None, force: bool = False
) -> list[PlanView]:
    """One plan a currency, largest spend first, of the sources whose bills are not red (with `force` of all). `kinds` limits
    what is planned: without the others an action may save more.

    Raises DataError where that leaves no plan; ConfigError for an unknown kind, or
    where nothing was loaded up to `as_of`.
    """
    day = as_of or queries.as_of(reader)
    if day is None:
        raise ConfigError("no bill is loaded", where=config.warehouse, hint="finops load PATH… or finops demo")
    replayed = replayed_bills(reader, day)
    red = {} if force else red_bills(reader, day, replayed)
    proved = proofs_in_force(reader, day, config.recommenders)
    with closing(reader.without(red)) if red else nullcontext(reader) as standing:
        made = _made(standing, config, day, kinds, {currency: watched(found) for currency, found in proved.items()})
    of_currency = queries.sources_by_currency(reader)
    unplanned = _left_out(red, of_currency, [plan.currency for plan in made], config.warehouse)
    if not made:
        raise ConfigError(f"no bill is loaded of the 30 days up to {day}", where=config.warehouse, hint="finops status")
    calculation = queries.calculation(reader, reader.published.content)
    advice, unread = in_force(reader.rows("select * from vendor_recommendations"), advice_read_at(reader), day)
    known = kept.history(reader, day)
    views = []
    for plan in (standing_in(known, plan) for plan in noted(made, proved, kinds)):
        sources = of_currency.get(plan.currency, ())
        out = tuple(source for source in sources if source in red)
        tied = trust(reader, day, sources=[source for source in sources if source not in red])
        mine = [replay for replay in replayed if replay.currency == plan.currency and replay.source not in red]
        tied = gated(tied, mine)
        left = (*(f"left out of the plan, its bill is red: {note}" for source in out for note in red[source]), *unplanned)
        opinions, others = _opinions(advice, plan)
        views.append(
            PlanView(plan, replace(tied, notes=(*left, *tied.notes, *unread)), calculation, opinions, others, left_out=out)
        )
    return views


def shown_plans(reader: Reader, config: Config, day: date | None = None) -> list[PlanView]:
    """One plan a currency for whoever shows them all: where none can stand on its bills, that of the red ones, which says so.

    Raises ConfigError as `make_plans` does.
    """
    try:
        views = make_plans(reader, config, as_of=day)
    except DataError:
        return make_plans(reader, config, as_of=day, force=True)
    planned = {view.plan.currency for view in views}
    if planned >= queries.sources_by_currency(reader).keys():
        return views
    forced = make_plans(reader, config, as_of=day, force=True)
    return [*views, *(view for view in forced if view.plan.currency not in planned)]


def _made(
    reader: Reader, config: Config, day: date, kinds: tuple[str, ...], unproven: Mapping[str, Mapping[str, str]]
) -> list[Plan]:
    owners = Owners(tuple(config.tags.owner), tuple(config.tags.environment))
    return plans(reader, day, kinds=kinds, thresholds=config.recommenders, owners=owners, unproven=unproven)


def red_bills(reader: Reader, day: date, replayed: Sequence[Replay]) -> dict[str, tuple[str, ...]]:
    """Each source on whose bill no recommendation can stand, and why: it does not reconcile, or cannot be replayed."""
    found = red_sources(reader, day)
    for replay in replayed:
        if not replay.reproduces:
            found[replay.source] = (*found.get(replay.source, ()), missed(replay))
    return found


def _left_out(
    red: Mapping[str, Sequence[str]], of_currency: Mapping[str, Sequence[str]], planned: Sequence[str], where: str
) -> tuple[str, ...]:
    """Say which bills the plan does not stand on, and why; what the other plans say of each currency that has none for it.

    Raises DataError where that are all.
    """
    if not red:
        return ()
    why = "; ".join(note for source in sorted(red) for note in red[source])
    if not planned:
        raise DataError(
            f"no recommendation can stand on this bill: {why}",
            where=where,
            hint="finops status names a residual; load what is missing, or recommend --force",
        )
    wholly = {currency: sources for currency, sources in sorted(of_currency.items()) if set(sources) <= red.keys()}
    none = f"; no plan in {', '.join(wholly)}" if wholly else ""
    log.warning("left out of the plan, their bills are red: %s%s (finops status; --force takes them in)", why, none)
    return tuple(
        f"no plan stands in {currency}, its bills are red: {'; '.join(note for source in sources for note in red[source])}"
        for currency, sources in wholly.items()
    )


def noted(made: Sequence[Plan], proved: Mapping[str, Mapping[str, Proof]], kinds: Sequence[str]) -> Iterator[Plan]:
    """The plans, each with what replays say of its kinds."""
    for plan in made:
        renewals = renewal_note((r.finding for r in plan.recommendations), plan.currency)
        notes = (*plan.notes, renewals) if renewals else plan.notes
        yield replace(plan, notes=(*notes, proof_note(proved.get(plan.currency, {}), kinds or sorted(KINDS))))


def as_known(view: PlanView, known: History) -> PlanView:
    """A whole plan with what the ledger knows since: the plan itself follows from the bill, and needs no making anew."""
    return replace(view, plan=standing_in(known, view.plan))


def standing_in(known: History, plan: Plan) -> Plan:
    """The plan with what the ledger knows of each recommendation by its day: since when, and what was decided or done."""
    recommendations = []
    for r in plan.recommendations:
        found = known.standing(r.finding.id) if r.finding.id in known else None
        if found is None:
            recommendations.append(replace(r, status="new", first_seen=plan.as_of, standing=""))
        elif found.status == "gone":  # it came back: the ledger has yet to record it
            recommendations.append(replace(r, status="open", first_seen=found.first_seen, standing=""))
        else:
            recommendations.append(replace(r, status=found.status, first_seen=found.first_seen, standing=found.reason))
    before = _set_aside(plan.recommendations)
    notes = [note for note in plan.notes if note not in before]
    return replace(plan, recommendations=tuple(recommendations), notes=(*notes, *_set_aside(recommendations)))


def _set_aside(recommendations: Sequence[Recommendation]) -> list[str]:
    """What of the waterfall is not to be done any more: it shows what the bill could fall by, whatever was decided."""
    notes = []
    for status in ("dismissed", "applied"):
        mine = [r for r in recommendations if r.status == status]
        if mine:
            saving = cents(sum((r.saving.effective_monthly.expected for r in mine), Decimal(0)))
            notes.append(f"{len(mine)} {status}: {saving:,} a month of the waterfall")
    return notes


def replayed_bills(reader: Reader, day: date) -> list[Replay]:
    """Each source's last complete month through the rater, with the commitments that were known on that day."""
    asked = {"as_of": day}
    held = reader.rows("select * from commitments where observed_at < $as_of::date + 4 order by observed_at", asked)
    known = {row["commitment_id"].lower(): commitment_of_row(row) for row in held}
    return replays(reader.rows(USAGE, asked), reader.rows(UNUSED, asked), reader.rows(TOTALS, asked), known, rules(), tiers())


def gated(trusted: Trust, replayed: Sequence[Replay]) -> Trust:
    """The trust with how far the rater reproduces the bill; red where it does not, since it prices what is recommended."""
    notes = [missed(replay) for replay in replayed if not replay.reproduces]
    status = "red" if notes else trusted.status
    right = [f"{replay.source} {replay.period} within {abs(replay.error):.2%}" for replay in replayed if replay.reproduces]
    notes += [f"replayed: {', '.join(right)} of the bill"] if right else []
    return replace(trusted, status=status, notes=(*notes, *trusted.notes))


def missed(replay: Replay) -> str:
    """What a replay that does not reproduce its bill says."""
    return (
        f"the replay of {replay.source} {replay.period} misses the bill by {replay.error:+.2%}:"
        " it was charged in a way that the rater does not know"
    )


def advice_read_at(reader: Reader) -> dict[tuple[str, str], datetime]:
    """(source as stored, vendor) → when its recommendations were fetched last."""
    rows = reader.rows(
        "select x_source, unit, max(fetched_at) as at from coverage where stream = 'vendor_recommendations' group by all"
    )
    return {(row["x_source"], row["unit"]): row["at"] for row in rows if row["at"] is not None}


def _opinions(advice: Sequence[Mapping[str, Any]], plan: Plan) -> tuple[tuple[Opinion, ...], tuple[Unshared, ...]]:
    """What the providers' advisors say in the plan's currency, and what of it the plan does not do."""
    opinions = opinions_of_rows(advice, plan.as_of, plan.currency)
    acts = [r.finding for r in plan.recommendations]
    return opinions, unshared(opinions, acts, [(kept.finding, kept.why) for kept in plan.keeps], plan.undecided)


def narrowed(views: Sequence[PlanView], selection: Selection) -> list[PlanView]:
    """The same plans with the selected recommendations alone, and how much of the plan that is."""
    found = []
    for view in views:
        every = view.plan.recommendations
        kept = tuple(r for r in every if selection.shows(r))
        shown = Shown(selection.filters(), len(kept), len(every), cents(_saving(kept)), cents(_saving(every)))
        note = (f"shown: {shown.words}; the waterfall and what is unknown are the whole plan's",) if shown.filters else ()
        plan = replace(view.plan, recommendations=kept, notes=(*view.plan.notes, *note))
        found.append(replace(view, plan=plan, shown=shown))
    return found


def _saving(recommendations: Sequence[Recommendation]) -> Decimal:
    return sum((r.saving.effective_monthly.expected for r in recommendations), Decimal(0))


def explained(reader: Reader, config: Config, prefix: str, *, as_of: date | None = None) -> tuple[PlanView, Recommendation]:
    """The one recommendation whose id starts with `prefix`. Raises ConfigError where there is none, or more than one."""
    views = make_plans(reader, config, as_of=as_of, force=True)
    found = [(view, r) for view in views for r in view.plan.find(prefix)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigError(f"no recommendation `{prefix}` in the plan", hint="finops recommend lists the ids")
    ids = ", ".join(r.finding.id for _, r in found)
    raise ConfigError(f"`{prefix}` is the beginning of {len(found)} ids: {ids}", hint="give more characters")


@dataclass(frozen=True, slots=True)
class Instrument:
    """One fact that ML questions wait for: how many resources, what they cost a month, how to supply it."""

    missing: str
    currency: str
    resources: int
    spend_at_stake: Decimal
    how: str


def instrument_first(views: Sequence[PlanView], report: queries.MlReport) -> list[Instrument]:
    """What the answers of `finops ml` lack, and what the plan does not know of ML resources, by the spend at stake.

    A resource counts once a fact, whoever asks.
    """
    stakes: dict[tuple[str, str], dict[str, Decimal]] = {}
    asked = [(gap.missing, gap.currency, gap.key, gap.monthly_cost) for gap in report.gaps]
    for view in views:
        leaving = _leaving(view.plan)
        for finding in view.plan.undecided:
            keys = set(keys_of(finding.bill_key))
            if keys & report.keys and not keys <= leaving and isinstance(finding.verdict, Unknown):
                asked += [(fact, finding.currency, finding.bill_key, finding.monthly_cost) for fact in finding.verdict.missing]
    for fact, currency, key, cost in asked:
        of_fact = stakes.setdefault((fact, currency), {})
        of_fact[key] = max(cost, of_fact.get(key, cost))
    rows = [
        Instrument(fact, currency, len(costs), cents(sum(costs.values(), Decimal(0))), how_to_supply(fact, HOW))
        for (fact, currency), costs in stakes.items()
    ]
    return sorted(rows, key=lambda row: (row.currency, -row.spend_at_stake, row.missing))


def _leaving(plan: Plan) -> set[str]:
    """Resources that the plan stops or deletes: nothing about them needs to be known."""
    taken = [(r.finding, r.finding.verdict) for r in plan.recommendations]
    gone = [f for f, v in taken if isinstance(v, Act) and isinstance(v.action, (Delete, Stop))]
    return {key for finding in gone for key in keys_of(finding.bill_key)}


def changes_since(warehouse: Warehouse, since: date) -> list[dict[str, Any]]:
    """What the published bill says otherwise than the state of that day. Raises ConfigError where none is kept."""
    newest = warehouse.published()
    return warehouse.diff(warehouse.published_by(since), newest)
