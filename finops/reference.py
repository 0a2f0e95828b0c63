"""The reference page, from the code itself: commands, settings, formats, recommenders (`python -m finops.reference`)."""

from __future__ import annotations

import csv
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import typer.main
from pydantic.fields import FieldInfo

from finops import plugins
from finops.cli import app
from finops.config import ENVIRONMENT, Config, Source, TagKeys
from finops.kinds import kinds, types_of
from finops.render import markdown


def page() -> str:
    """The whole of `docs/reference.md`."""
    parts = [
        "# Reference",
        "Made by `make docs` from the code.",
        *_commands(),
        *_settings(),
        *_formats(),
        *_resources(),
        *_open_formats(),
        *_connectors(),
        *_kinds(),
    ]
    return "\n\n".join(parts) + "\n"


def _commands() -> list[str]:
    root = typer.main.get_command(app)
    parts = ["## Commands", "Exit codes: 0 ok, 1 failed, 2 usage or settings, 3 `--fail-on` reached."]
    for name, command in sorted(_leaves("finops", root)):
        arguments = " ".join(p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument")
        parts.append(f"### {name} {arguments}".rstrip())
        parts.append(command.help or "")
        options = [p for p in command.params if p.param_type_name == "option" and p.name not in ("help", "help_wanted")]
        parts.append("\n".join(f"- `{max(option.opts, key=len)}`: {getattr(option, 'help', '')}" for option in options))
    return [part for part in parts if part]


def _leaves(name: str, command: Any) -> list[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        return [(name, command)]
    return [leaf for child, inner in children.items() for leaf in _leaves(f"{name} {child}", inner)]


def _settings() -> list[str]:
    variables = {key: name for name, key in ENVIRONMENT.items()}
    lines = ["| setting | environment | meaning |", "| --- | --- | --- |"]
    for prefix, section in (("", Config), ("sources.", Source), ("tags.", TagKeys)):
        lines += [
            f"| `{prefix}{name}` | {f'`{variables[name]}`' if name in variables and not prefix else ''} | {field.description} |"
            for name, field in section.model_fields.items()
        ]
    order = "A flag goes before the environment, the environment before the file."
    return ["## Settings (`finops.toml`)", order, "\n".join(lines)]


def _formats() -> list[str]:
    lines = ["| format | is | fills | note |", "| --- | --- | --- | --- |"]
    lines += [f"| `{f.name}` | {f.title} | `{f.table}` | {f.note} |" for f in sorted(plugins.formats(), key=lambda f: f.name)]
    return ["## Formats that `finops load` recognises", "\n".join(lines)]


def _resources() -> list[str]:
    lines = ["| kind | `resource_type` |", "| --- | --- |"]
    lines += [f"| {kind} | {', '.join(f'`{name}`' for name in types_of(kind))} |" for kind in kinds()]
    told = (
        "Judges know a resource by its kind, whoever sells it; `resource_type` is read in any case. The price of a managed "
        "endpoint or notebook is that of `product` `vm` where its bill names the machine underneath as the list of machines "
        "does, else that of `endpoint` or `notebook`."
    )
    return ["## Kinds of resources", told, "\n".join(lines)]


def _open_formats() -> list[str]:
    """The columns of each open format, and what stands in them."""
    opened = {f.name: f for f in plugins.formats() if f.closed}
    lines = ["| format | columns; **required** ones in bold |", "| --- | --- |"]
    for name, fmt in sorted(opened.items()):
        columns = [f"**{c.name}** {c.type}" if c.required else f"{c.name} {c.type}" for c in fmt.columns]
        lines.append(f"| `{name}` | {' · '.join(columns)} |")
    words = ["| column | word | meaning |", "| --- | --- | --- |"]
    for row in vocabulary():
        name = f"`{row['name']}`" if row["name"] else ""
        words.append(f"| `{row['column']}` | {name} | {markdown(row['meaning'])} |")
    said = (
        "What recommenders read of columns that hold words or JSON. Words that are not here are kept, and never break a load;"
        " what is left out is unknown. Numbers of JSON are numbers."
    )
    return ["## Open formats", "\n".join(lines), "### What stands in their columns", said, "\n".join(words)]


def vocabulary() -> list[dict[str, str]]:
    """The words of the open formats that something reads: `column`, `name` (several between ` · `), `meaning`."""
    path = Path(plugins.ours(plugins.CONNECTORS).__path__[0]) / "files" / "data" / "vocabulary.csv"
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def _connectors() -> list[str]:
    parts = ["## Connectors (`connector = …` of a source)"]
    for name, connector in plugins.connectors().items():
        parts += [f"### {name}", f"{connector.title}. Settings, in `[sources.settings]`:"]
        lines = ["| setting | default | meaning |", "| --- | --- | --- |"]
        lines += [
            f"| `{field}` | {_default(info)} | {markdown(info.description or '')} |"
            for field, info in connector.settings.model_fields.items()
        ]
        streams = ["| stream | fetches | fills | needs |", "| --- | --- | --- | --- |"]
        streams += [
            f"| `{s.name}` | {s.title} | `{s.table}` | {', '.join(f'`{p}`' for p in s.permissions)} |"
            for s in connector.streams
        ]
        parts += ["\n".join(lines), "\n".join(streams)]
    return parts


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True)
    return f"`{value}`" if value not in (None, (), {}) else ""


def _kinds() -> list[str]:
    parts = ["## Recommenders"]
    for kind, recommender in plugins.recommenders().items():
        hints = get_type_hints(recommender, include_extras=True)
        lines = ["| threshold | default | meaning |", "| --- | --- | --- |"]
        for field in fields(recommender):
            meaning = next(m.description for m in hints[field.name].__metadata__ if isinstance(m, FieldInfo))
            lines.append(f"| `{field.name}` | {field.default} | {markdown(meaning)} |")
        title = (sys.modules[recommender.__module__].__doc__ or "").splitlines()[0]
        parts += [f"### {kind}", title, "\n".join(lines)]
    return parts


if __name__ == "__main__":
    sys.stdout.write(page())
