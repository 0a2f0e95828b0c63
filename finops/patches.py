"""The change that carries out a recommendation, as text: templates are the connectors' data, values are shell-quoted."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from itertools import pairwise

from finops import hcl
from finops.model import Act, Action, Commit, Finding, Scale, action_name

HOURS = " hours"
"""Behind the action's name: what follows for each span of hours in which a scaler has a minimum of its own."""

LIFECYCLE = "lifecycle"
"""The template of a finding that is a lifecycle rule, whatever its action is called."""

BOUND = re.compile(r"\b(min|max|target) (\d+)")
"""The numbers of a scaler's policy in words: `min 2, max 9, target 70%`."""

FORMS = ("tf", "json", "yaml")
"""Endings of a template's name, behind ` .`: Terraform, a policy's document, a manifest. Without one it is commands."""

PLACE = re.compile(r"(?<!\{)\{(\w+)\}")
AS_THEY_ARE = frozenset(
    ("minimum", "maximum", "percent", "scale_in", "cooldown", "cooldown_minutes", "step", "boot", "per_minute", "least", "hour")
) | {"label", "rules", "document"}

PAYMENTS = {"none": "No Upfront", "partial": "Partial Upfront", "all": "All Upfront"}
"""How order forms call what is paid on the first day."""


@cache
def templates() -> dict[tuple[str, str], str]:
    """(resource type, action) → template, from every `connectors/<cloud>/data/patches.toml`.

    Where one action on one type means several things, it is named `kind action` or `kind action target`. `*` stands for types
    that have none of their own.
    """
    found: dict[tuple[str, str], str] = {}
    for package in sorted(resources.files("connectors").iterdir(), key=lambda entry: entry.name):
        file = package.joinpath("data", "patches.toml")
        if not file.is_file():
            continue
        for resource_type, actions in tomllib.loads(file.read_text("utf-8")).items():
            found |= {(resource_type, action): text for action, text in actions.items()}
    return found


SEGMENTS = {
    "group": "resourcegroups",
    "namespace": "namespaces",
    "workspace": "workspaces",
    "zone": "zones",
    "parent": "accounts",
    "order": "reservationorders",
    "reservation": "reservations",
}
"""Parts of an id made of name/value pairs, by what templates call them."""


def patch_of(finding: Finding) -> str:
    """The commands for this finding; empty where nobody has written a template for its type and action.

    Every value is quoted for a POSIX shell: resource ids come from files that anyone may have written. A value with a control
    character gives no patch: a line break would end a comment of the template, and what follows it would be run.
    What the finding says itself (a comment) goes before its lifecycle rules; a patch that it has else is the patch.
    {minimum} {maximum} {percent} and the fields of `Scale` are the numbers of a scaler's policy; its hours follow.
    The type of a commitment is its provider's name and its instrument's (of one that is renewed, with that word behind).
    """
    if not isinstance(finding.verdict, Act) or (finding.patch and not finding.lifecycle):
        return finding.patch
    template = _template(finding, finding.verdict.action)
    values = _values(finding, finding.verdict.action)
    if template is None or not all(value.isprintable() for value in values.values()):
        return ""
    if "{unit}" in template and ":" in values.get("unit", ""):
        return ""  # a unit that is billed by deployment: order forms call it otherwise
    if "{vcpu}" in template and not values.get("vcpu"):
        return ""  # the price list does not say what its machines hold
    values["rules"] = finding.lifecycle  # of several lines
    text = _filled(template, values)
    if isinstance(finding.verdict.action, Scale):
        spans = templates().get((finding.resource_type, f"{finding.kind} Scale{HOURS}"), "")
        text = "\n".join([text, *(_filled(spans, values | span) for span in _hours(finding.verdict.action) if spans)])
    return f"{finding.patch}\n{text}" if finding.patch else text


def forms_of(finding: Finding) -> dict[str, str]:
    """The same change in every form that it has, by the ending of a file: `sh` (the patch), `tf`, `json`, `yaml`.

    Lifecycle rules are a document themselves. A form is left out where one of its values is unknown, or (but for the policy's
    document, which stands by itself) where it has no way to say what follows at hours of the day.
    """
    found = {"sh": finding.patch} if finding.patch else {}
    if not isinstance(finding.verdict, Act) or not found:
        return found
    if finding.lifecycle:
        found["json"] = finding.lifecycle
    for form in FORMS:
        if text := _form(finding, finding.verdict.action, form):
            found[form] = text
    return found


def _form(finding: Finding, action: Action, form: str) -> str:
    template = _template(finding, action, f" .{form}")
    values = _values(finding, action)
    values |= {"label": hcl.label(values["name"]), "rules": "", "document": ""}
    if template is None or not all(value.isprintable() for value in values.values()):
        return ""
    if finding.lifecycle:
        document = json.loads(finding.lifecycle)
        values |= {"rules": hcl.blocks(document), "document": hcl.literal(document)}
    hours = list(_hours(action)) if isinstance(action, Scale) else []
    spans = templates().get((finding.resource_type, f"{finding.kind} Scale{HOURS} .{form}"))
    texts = [(template, values), *((spans, values | span) for span in hours if spans)]
    unsaid = hours and spans is None and form != "json"
    if unsaid or any(not held[name] for text, held in texts for name in PLACE.findall(text)):
        return ""
    return "\n".join(_worded(text, held, form) for text, held in texts)


def _worded(template: str, values: Mapping[str, str], form: str) -> str:
    return template.format(**{name: _written(name, value, form) for name, value in values.items()}).strip()


def _written(name: str, value: str, form: str) -> str:
    """A value within a file: numbers and what is text of the form already as they are."""
    if name in AS_THEY_ARE:
        return value
    return hcl.quoted(value) if form == "tf" else json.dumps(value, ensure_ascii=False)


def _filled(template: str, values: Mapping[str, str]) -> str:
    return template.format(**{name: shlex.quote(value) for name, value in values.items()}).strip()


def _hours(action: Scale) -> Iterator[dict[str, str]]:
    """Each span of hours with its minimum: {hour} {clock} {until_clock} {seconds} {least}."""
    for hour, until, least in action.hours:
        yield {
            "hour": str(hour),
            "clock": f"{hour:02d}:00",
            "until_clock": f"{until:02d}:00" if until < 24 else "23:59",
            "seconds": str((until - hour) * 3600),
            "least": str(least),
        }


def _template(finding: Finding, action: Action, form: str = "") -> str | None:
    name = action_name(action)
    names = (LIFECYCLE,) if finding.lifecycle else (f"{finding.kind} {name} {action.target}", f"{finding.kind} {name}", name)
    found = (templates().get((kind, each + form)) for kind in (finding.resource_type, "*") for each in names)
    return next((text for text in found if text is not None), None)


def _values(finding: Finding, action: Action) -> dict[str, str]:
    scope = finding.scope
    resource = (finding.billed_as if finding.lifecycle else "") or scope.resource  # rules are a bucket's, not a prefix's
    bounds = dict(BOUND.findall(action.target))
    values = {
        "minimum": bounds.get("min", ""),
        "maximum": bounds.get("max", ""),
        "percent": bounds.get("target", ""),
        "resource": resource,
        "name": resource.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1],
        "account": scope.account,
        "region": scope.region,
        "current": str(getattr(action, "current", "")),
        "target": action.target,
        **{name: _segment(resource, segment) for name, segment in SEGMENTS.items()},
    }
    return values | _scaler(action) | _purchase(action)


def _scaler(action: Action) -> dict[str, str]:
    if not isinstance(action, Scale):
        return {}
    numbers = ("scale_in", "cooldown", "step", "boot", "per_minute")
    minutes = {"cooldown_minutes": str(-(-action.cooldown // 60))}
    return {name: str(getattr(action, name)) for name in numbers} | minutes


def _purchase(action: Action) -> dict[str, str]:
    """What a purchase is called on order forms: amounts, and the term in several spellings (ISO 8601, seconds, months)."""
    if not isinstance(action, Commit):
        return {}
    count, unit = action.term[:-1], action.term[-1:].upper()
    number = int(count) if count.isdigit() else 0
    months = number * {"Y": 12, "M": 1}.get(unit, 0)
    return {
        "first": str(action.first or action.hourly),
        "hourly": str(action.hourly),
        "unit": action.unit,
        "term": f"P{count}{unit}",
        "months": str(months),
        "seconds": str(number * 24 * 3600 if unit == "D" else months * 365 * 24 * 3600 // 12),
        "hours": str(number * 24 if unit == "D" else months * 730),
        "payment": {"none": "No Upfront", "partial": "Partial Upfront", "all": "All Upfront"}.get(
            action.payment, action.payment
        ),
        "currency": action.unit.partition("/")[0],
        "vcpu": "",
        "memory_gib": "",
        **{name: str(count) for name, count in action.holds},
    }


def _segment(resource: str, name: str) -> str:
    """The path segment after `name` in an id made of name/value pairs."""
    parts = resource.split("/")
    return next((value for key, value in pairwise(parts) if key.lower() == name), "")
