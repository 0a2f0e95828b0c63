"""`finops apply --yes`: lifecycle rules put at the provider, among those of others, with what is needed to take them out again.

What was there is written down before anything is put, below `_applied/` in the warehouse. Every put is read back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from finops.config import Source
from finops.connect import Bucket, Lifecycle, RuleSet
from finops.errors import ConfigError, SourceError
from finops.live.plan import Opened, open_source
from finops.model import Finding
from finops.plugins import connectors
from finops.storage.merging import ChangedSinceError, put_among, taken_out

if TYPE_CHECKING:
    from finops.warehouse.storage import Storage

FOLDER = "_applied"
UNDONE = ".undone"
PUT = ".put"


@dataclass(frozen=True, slots=True)
class Record:
    """One put. `before`: the configuration that was found; `ours`: the rules as asked for; `replaced`: those of before that
    they took the place of; `left`: ours as the provider gave them back after the put."""

    finding: str
    source: str
    bucket: Mapping[str, str]
    at: str
    before: Mapping[str, Any]
    ours: tuple[Mapping[str, Any], ...]
    replaced: tuple[Mapping[str, Any], ...]
    left: tuple[Mapping[str, Any], ...] = ()

    @property
    def stem(self) -> str:
        return f"{FOLDER}/{self.finding}-{self.at}"


@dataclass(frozen=True, slots=True)
class Target:
    """Where rules are put: a source that is opened, how its connector does it, and the bucket."""

    opened: Opened
    lifecycle: Lifecycle
    bucket: Bucket

    def read(self) -> RuleSet:
        return self.lifecycle.read(self.opened.connection, self.bucket)

    def write(self, rules: RuleSet) -> None:
        self.lifecycle.write(self.opened.connection, self.bucket, rules)


@dataclass(frozen=True, slots=True)
class Done:
    """What was put or taken out: how many rules of ours, how many of others stayed; `record` is '' where nothing changed."""

    bucket: str
    ours: int
    others: int
    record: str = ""


def target(finding: Finding, sources: Sequence[Source], wanted: str | None = None) -> Target:
    """Raises ConfigError: the finding is no lifecycle rule, or no source, or more than one, can put it."""
    if not finding.lifecycle:
        what = "only lifecycle rules of object storage are put: this recommendation is another change"
        raise ConfigError(what, where=finding.id, hint=f"finops apply {finding.id} prints the patch")
    able = {name: c.lifecycle for name, c in connectors().items() if c.lifecycle is not None}
    fitting = {name: life for name, life in able.items() if finding.resource_type in life.resource_types}
    found = [s for s in sources if s.connector in fitting and wanted in (None, s.name)]
    if len(found) != 1:
        named = ", ".join(source.name for source in found) or "none"
        what = f"one source of finops.toml must reach {finding.resource_type or 'the bucket'}; {named} does"
        raise ConfigError(
            what, where=finding.id, hint=f"a source with the connector {' or '.join(fitting or able)}, or --source NAME"
        )
    bucket = Bucket(finding.billed_as or finding.scope.resource, finding.scope.account, finding.scope.region)
    return Target(open_source(found[0]), fitting[found[0].connector], bucket)


def put(finding: Finding, to: Target, storage: Storage, at: datetime) -> Done:
    """Put the finding's rules. Raises AccessError (names the permission), SourceError; then what was there is on record."""
    life = to.lifecycle
    ours = tuple(life.list_of(json.loads(finding.lifecycle)))
    before = to.read()
    earlier = standing(storage, finding.id)
    merge = put_among(before.rules, ours, {life.identity(rule) for rule in (earlier.left if earlier else ())}, life.identity)
    others = len(merge.rules) - len(ours)
    if merge.rules == before.rules:
        return Done(to.bucket.name, len(ours), others)
    stamp = f"{at:%Y%m%dT%H%M%S%f}Z"
    source = to.opened.source.name
    record = Record(finding.id, source, asdict(to.bucket), stamp, asdict(before), ours, merge.replaced)
    _create(storage, f"{record.stem}.json", record)
    to.write(replace(before, rules=merge.rules))
    after = _verified(to, merge.rules)
    left = tuple(rule for rule in after if life.identity(rule) in {life.identity(own) for own in ours})
    _create(storage, f"{record.stem}{PUT}", replace(record, left=left))
    return Done(to.bucket.name, len(ours), others, f"{record.stem}.json")


def undo(record: Record, sources: Sequence[Source], storage: Storage) -> Done:
    """Take out what a put left, and put back what it replaced; rules of others stay as they are now.

    Raises ConfigError where the source is gone or a rule was edited since, else as `put`.
    """
    source = next((source for source in sources if source.name == record.source), None)
    if source is None:
        raise ConfigError(
            f"no source is named `{record.source}`", where=record.finding, hint="it was there when the rules were put"
        )
    opened = open_source(source)
    life = opened.connector.lifecycle
    if life is None:
        raise ConfigError(f"`{source.connector}` puts no lifecycle rules", where=record.finding)
    to = Target(opened, life, Bucket(**record.bucket))
    now = to.read()
    try:
        rules = taken_out(now.rules, record.left or record.ours, record.replaced, life.identity)
    except ChangedSinceError as error:
        what = f"the rule {error} was edited since it was put"
        raise ConfigError(
            what, where=to.bucket.name, hint=f"take it out by hand; {record.stem}.json has what was there"
        ) from None
    if rules != now.rules:
        to.write(replace(now, rules=rules))
        _verified(to, rules)
    storage.create(f"{record.stem}{UNDONE}", b"")
    return Done(to.bucket.name, len(record.ours), len(rules) - len(record.replaced), f"{record.stem}.json")


def standing(storage: Storage, finding: str) -> Record | None:
    """The last put that was not undone of a finding, by the beginning of its id. Raises ConfigError for several findings."""
    names = storage.names(FOLDER)
    stems = sorted(name.removesuffix(".json") for name in names if name.startswith(finding) and name.endswith(".json"))
    open_ = [stem for stem in stems if f"{stem}{UNDONE}" not in names]
    if len({stem.partition("-")[0] for stem in open_}) > 1:
        raise ConfigError(f"`{finding}` is the beginning of several ids", hint="give more characters")
    if not open_:
        return None
    stem = max(open_, key=lambda each: each.partition("-")[2])
    text = storage.read(f"{FOLDER}/{stem}{PUT}") or storage.read(f"{FOLDER}/{stem}.json") or b"{}"
    known = json.loads(text)
    return Record(**{**known, "ours": tuple(known["ours"]), "replaced": tuple(known["replaced"]), "left": tuple(known["left"])})


def _create(storage: Storage, path: str, record: Record) -> None:
    if not storage.create(path, json.dumps(asdict(record), indent=1).encode()):
        raise SourceError("the same put is on record already", where=path, hint="run it again")


def _verified(to: Target, rules: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """The rules as they are now. Raises SourceError where one that was put is not among them: another write came between."""
    after = to.read().rules
    there = {to.lifecycle.identity(rule) for rule in after}
    if missing := [to.lifecycle.identity(rule) for rule in rules if to.lifecycle.identity(rule) not in there]:
        what = f"{len(missing)} of {len(rules)} rules are not there after they were put ({missing[0]})"
        raise SourceError(what, where=to.bucket.name, hint="somebody writes them too: look at the bucket, then run it again")
    return after
