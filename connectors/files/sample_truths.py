"""What finance must find in the sample company's bills: fourteen truths as amounts, from the generator's own lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from finops.sample.estate import Estate, next_month
from finops.sample.truth import Truth
from finops.sample.usage import Line, Use, bill

CENT = Decimal("0.01")
HEADER = ("number", "truth", "provider", "period", "measure", "amount", "currency", "shown_by")
Row = tuple[object, ...]
NOTHING = Decimal(0)
WINDOWS_A_YEAR = Decimal(12 * 730) / Decimal(30 * 24)
"""30 days in twelve months of 730 hours."""


class Finance:
    """The truths of one estate. `truths` are the control totals that the writers of the bills returned."""

    def __init__(self, estate: Estate, truths: Sequence[Truth]) -> None:
        self.estate = estate
        self.totals = {(t.source, t.period): t for t in truths}

    def rows(self) -> Iterator[Row]:
        """By number and measure."""
        yield from self._agreement()
        yield from self._promotion()
        yield from self._prepaid()
        yield from self._invoices()
        yield from self._beside_the_file()
        yield from self._renamed_team()
        yield from self._exchange_rate()
        yield from self._refund()
        yield from self._sharing()
        yield from self._split()
        yield from self._late()
        yield from self._switch()
        yield from self._one_action()

    def _of(self, provider: str, period: date) -> tuple[list[Line], list[Use]]:
        return bill(self.estate, provider, period)

    def _agreement(self) -> Iterator[Row]:
        """A year's eligible net spend at the run rate of the last 30 days: the seller's part, support and tax are outside."""
        last = self.estate.periods()[-1]
        first_day = self.estate.as_of - timedelta(days=29)
        lines, uses = self._of("aws", last)
        spent = NOTHING
        for x in lines:
            if not x.commitment and not self._sold(x):
                days = sum(start.date() >= first_day for start in x.starts)
                spent += x.list_cost * days * self._times_a_year(x, last)
        for u in uses:
            spent += u.committed * _unit(u) * sum(start.date() >= first_day for start in u.starts) * WINDOWS_A_YEAR
        spent *= self.estate.discount("aws")
        agreed = (c for c in self.estate.contracts if c["provider"] == "aws" and c["period_end"] > self.estate.as_of)
        floor = Decimal(next(agreed)["floor"])
        year = "2026-11 to 2027-10"
        yield 1, "negotiated floor", "AWS", year, "eligible net spend at run rate", _cents(spent), "USD", "recommend"
        yield 1, "negotiated floor", "AWS", year, "headroom above the floor", _cents(spent - floor), "USD", "recommend"

    def _times_a_year(self, line: Line, period: date) -> Decimal:
        """What 30 days of a line are multiplied by for a year: what is priced by the month is charged twelve months of it."""
        days = (next_month(period) - period).days
        return Decimal(12 * days) / 30 if self.estate.meters[line.meter.kind]["per"] == "month" else WINDOWS_A_YEAR

    def _sold(self, line: Line) -> bool:
        return bool(self.estate.meters[line.meter.kind].get("seller"))

    def _promotion(self) -> Iterator[Row]:
        promotion = self.estate.providers["gcp"]["promotions"][0]
        title = "promotional credits until 2026-12-15"
        yield 2, title, "Google Cloud", "2026-10", "share of usage that credits pay", promotion["share"], "", "sql"
        yield 2, title, "Google Cloud", "2026-12", "last day with credits", "2026-12-14", "", "forecast"

    def _prepaid(self) -> Iterator[Row]:
        """Roll-forward of what is prepaid: opening + bought − amortised = closing, at the net price."""
        c = next(c for c in self.estate.commitments if c.key == "ledger_ri")
        period, net = c.start, self.estate.discount("aws")
        bought = c.upfront * net
        amortised = next(iter(c.rates.values())) * 24 * (next_month(period) - period).days * net
        for measure, amount in (
            ("opening", NOTHING),
            ("bought", bought),
            ("amortised", amortised),
            ("closing", bought - amortised),
        ):
            yield 3, "all-upfront reservation", "AWS", f"{period:%Y-%m}", measure, _cents(amount), "USD", "sql"

    def _invoices(self) -> Iterator[Row]:
        total = self.totals["aws", date(2026, 9, 1)]
        for invoice, amount in sorted(total.by_invoice.items()):
            issuer = next(b.issuer for b in total.bridges if b.invoice == invoice)
            tax = sum((Decimal(str(b.amount)) for b in total.bridges if b.invoice == invoice and b.kind == "Tax"), NOTHING)
            yield 4, "invoices of one month", "AWS", "2026-09", f"{invoice} of {issuer}", _cents(amount), "USD", "sql"
            yield 4, "invoices of one month", "AWS", "2026-09", f"tax on {invoice}", _cents(tax), "USD", "sql"

    def _beside_the_file(self) -> Iterator[Row]:
        for b in self.totals["azure", date(2026, 9, 1)].bridges:
            if not b.in_file:
                yield (
                    5,
                    "only on the invoice",
                    "Microsoft Azure",
                    "2026-09",
                    b.kind.lower(),
                    _cents(Decimal(str(b.amount))),
                    "EUR",
                    "status",
                )

    def _renamed_team(self) -> Iterator[Row]:
        lines, _ = self._of("aws", date(2026, 9, 1))
        sums: dict[str, Decimal] = {}
        for line in lines:
            if len(line.resource.billed_tags) > 1:
                team = line.tags.get("team", "none")
                sums[team] = sums.get(team, NOTHING) + line.list_cost * len(line.starts) * self.estate.discount("aws")
        for team, amount in sorted(sums.items()):
            yield 6, "team renamed on 2026-09-14", "AWS", "2026-09", f"team {team}", _cents(amount), "USD", "sql"

    def _exchange_rate(self) -> Iterator[Row]:
        """The same usage in two months of 31 days: the whole difference is the exchange rate's."""
        costs = []
        for period in (date(2026, 7, 1), date(2026, 8, 1)):
            lines, _ = self._of("azure", period)
            used = (x for x in lines if x.resource.name.startswith("nv-"))
            costs.append(sum((x.list_cost * len(x.starts) for x in used), NOTHING) * self.estate.rate("azure", period))
        title, months = "exchange rate +3.1 %", "2026-07 to 2026-08"
        yield 7, title, "Microsoft Azure", months, "change of cost of nv-*", _cents(costs[1] - costs[0]), "EUR", "sql"
        yield (
            7,
            title,
            "Microsoft Azure",
            months,
            "of it by exchange rate",
            _cents(costs[1] - costs[0]),
            "EUR",
            "costs --compare",
        )

    def _refund(self) -> Iterator[Row]:
        refund = self.estate.providers["aws"]["refunds"]["2026-09"][0]
        amount = _cents(Decimal(refund["amount"]))
        yield 8, "refund of July in September", "AWS", "2026-07", "by charge period", amount, "USD", "sql"
        yield 8, "refund of July in September", "AWS", "2026-09", "by invoice", amount, "USD", "sql"

    def _sharing(self) -> Iterator[Row]:
        """An account that shares no plan: its usage is on demand from the month of the change on, the plan's rest unused."""
        net = self.estate.discount("aws")
        for period in (date(2026, 8, 1), date(2026, 9, 1)):
            lines, uses = self._of("aws", period)
            own = [x for x in lines if x.resource.name == "sandbox-agents"]
            unused = sum(((u.committed - u.used) * len(u.starts) for u in uses if u.commitment.key == "c6i_plan"), NOTHING)
            covered = sum((x.committed_cost * len(x.starts) for x in own if x.commitment), NOTHING)
            demand = sum((x.list_cost * len(x.starts) for x in own if not x.commitment), NOTHING)
            title, month = "sharing off, whole month restated", f"{period:%Y-%m}"
            for number, measure, amount in (
                (9, "sandbox on demand", demand),
                (9, "unused of the c6i plan", unused),
                (14, "sandbox covered by the c6i plan", covered),
            ):
                yield number, title, "AWS", month, measure, _cents(amount * net), "USD", "sql"

    def _split(self) -> Iterator[Row]:
        lines, _ = self._of("aws", date(2026, 10, 1))
        nodes = sum((x.list_cost * len(x.starts) for x in lines if "pods" in x.resource.native), NOTHING)
        cost = _cents(nodes * self.estate.discount("aws"))
        yield 10, "split cost of Kubernetes nodes", "AWS", "2026-10", "nodes", cost, "USD", "sql"
        yield 10, "split cost of Kubernetes nodes", "AWS", "2026-10", "pods and idle", cost, "USD", "allocate --pods"

    def _late(self) -> Iterator[Row]:
        late = self.estate.providers["gcp"]["late"]
        lines, _ = self._of("gcp", date(2026, 10, 1))
        missing = sum(
            (
                x.list_cost * sum(start.date() >= late["from"] for start in x.starts)
                for x in lines
                if self.estate.meters[x.meter.kind]["service"] in late["services"]
            ),
            NOTHING,
        )
        title = "rows that come late"
        yield 11, title, "Google Cloud", "2026-10", "list cost not yet in the export", _cents(missing), "USD", "forecast"

    def _switch(self) -> Iterator[Row]:
        """One month under both models: what is covered costs its commitment, the rest of the fee is unused."""
        period = self.estate.providers["gcp"]["consumption_from"]
        lines, uses = self._of("gcp", period)
        rest = sum((x.list_cost * len(x.starts) for x in lines if x.meter.kind == "gce_e2" and not x.commitment), NOTHING)
        fees = sum((u.committed * len(u.starts) for u in uses), NOTHING)
        title, month = "commitment model switches", f"{period:%Y-%m}"
        yield 12, title, "Google Cloud", month, "effective cost of e2 and commitment", _cents(rest + fees), "USD", "sql"
        unused = sum(((u.committed - u.used) * len(u.starts) for u in uses), NOTHING)
        yield 12, title, "Google Cloud", month, "billed on the fee's SKU", _cents(unused), "USD", "sql"

    def _one_action(self) -> Iterator[Row]:
        yield 13, "one action a resource", "AWS", "2026-10", "acts of the plan on db:catalog", "1", "", "recommend"


def _unit(use: Use) -> Decimal:
    """Money a unit of commitment: one where money is committed, the rate a unit of weight where usage is."""
    c: Mapping[str, Decimal] = use.commitment.rates
    sku = next(iter(c))
    return Decimal(1) if use.commitment.kind == "spend" else c[sku] / use.commitment.weights[sku]


def _cents(amount: Decimal) -> str:
    return f"{amount.quantize(CENT):f}"
