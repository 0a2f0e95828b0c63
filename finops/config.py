"""Settings: flag > environment (`FINOPS_…`) > `finops.toml` > default; an unknown key is an error with a suggestion."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finops import plugins
from finops.connect import ConnectorSettings
from finops.errors import ConfigError

FILE = "finops.toml"
SAMPLE = "./demo"
"""The sample company's warehouse, unless `finops demo` is told another."""


class Settings(BaseModel):
    """A section of `finops.toml`; frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Settings):
    """What `finops load` without a path loads: files, or what a connector fetches."""

    name: Annotated[str, Field(min_length=1, description="Name of the source (`x_source` of its rows).")]
    paths: Annotated[list[str], Field(description="Files, folders or globs, relative to finops.toml.")] = []
    connector: Annotated[str, Field(description="Connector that fetches it from its provider, instead of paths.")] = ""
    settings: Annotated[dict[str, Any], Field(description="The connector's own settings.")] = {}
    replace_source: Annotated[
        bool, Field(description="Take over billing periods that another source holds, instead of refusing them.")
    ] = False


class TagKeys(Settings):
    """Which tag keys, in this order, say who owns a resource and where it runs."""

    owner: Annotated[list[str], Field(description="Tag keys of the owner.")] = ["owner", "team"]
    environment: Annotated[list[str], Field(description="Tag keys of the environment.")] = ["environment", "env"]


class BudgetSetting(Settings):
    """An amount a month for a scope."""

    name: Annotated[str, Field(min_length=1, description="What the budget is called.")]
    amount: Annotated[Decimal, Field(gt=0, description="Amount a month.")]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", description="Its currency; spend in others does not count.")]
    where: Annotated[list[str], Field(description="Conditions as in `finops costs --where`; all must hold.")] = []
    metric: Annotated[Literal["effective", "billed", "list", "contracted"], Field(description="Which cost counts.")] = (
        "effective"
    )


class TeamSetting(Settings):
    """Lines that meet every condition are this team's."""

    team: Annotated[str, Field(min_length=1, description="The team.")]
    where: Annotated[list[str], Field(min_length=1, description="Conditions as in `finops costs --where`; all must hold.")]


class AllocationSettings(Settings):
    """How spend finds its team, beside the owner tags."""

    rules: Annotated[list[TeamSetting], Field(description="Rules in order; the first that fits decides, before any tag.")] = []
    spread: Annotated[
        Literal["none", "proportional", "even"],
        Field(description="What becomes of the shared line: a line of its own, or spread over the teams."),
    ] = "none"


class Config(Settings):
    """Everything that can be set."""

    warehouse: Annotated[str, Field(description="Folder or object-store URL of the warehouse.")] = "./warehouse"
    memory_limit: Annotated[
        str | None,
        Field(description="Most memory that the engine may take (`2GB`). Default: a quarter of the machine."),
    ] = None
    sources: Annotated[list[Source], Field(description="What `finops load` without a path loads.")] = []
    tags: Annotated[TagKeys, Field(description="Tag keys of owner and environment.")] = TagKeys()
    allocation: Annotated[AllocationSettings, Field(description="How spend finds its team.")] = AllocationSettings()
    budgets: Annotated[list[BudgetSetting], Field(description="Budgets a month, for `finops budgets`.")] = []
    recommenders: Annotated[
        dict[str, dict[str, Any]], Field(description="Thresholds by kind; `finops recommend --help KIND` lists them.")
    ] = {}


ENVIRONMENT = {"FINOPS_WAREHOUSE": "warehouse", "FINOPS_MEMORY_LIMIT": "memory_limit"}


def load_config(
    path: Path | None = None, *, flags: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """Read the settings; `flags` are those given on the command line (None: not given).

    Raises ConfigError: no such file, not TOML, an unknown key, a value out of its bounds.
    """
    environment = os.environ if environment is None else environment
    named = path or (Path(environment["FINOPS_CONFIG"]) if environment.get("FINOPS_CONFIG") else None)
    document = _read(named)
    folder = (named or Path(FILE)).parent
    for source in document.get("sources", []):
        if isinstance(source, dict) and isinstance(source.get("paths"), list):
            source["paths"] = [str(folder / entry) for entry in source["paths"]]
    document |= {key: environment[name] for name, key in ENVIRONMENT.items() if environment.get(name)}
    document |= {key: value for key, value in (flags or {}).items() if value is not None}
    where = str(named or FILE)
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise _explained(error, where) from None
    for number, source in enumerate(config.sources):
        if bool(source.paths) == bool(source.connector):
            what = f"sources.{number}.paths: `{source.name}` has either paths or a connector"
            raise ConfigError(what, where=where, hint="finops init --print shows every setting")
        if source.settings or source.connector:
            connector_settings(source, where)
    return config


def or_sample(config: Config) -> Config:
    """These settings for whoever only reads: while there is no warehouse yet and none is named, the sample company's, where
    `finops demo` has made it. What is loaded never goes there."""
    is_default = config.warehouse == Config.model_fields["warehouse"].default
    if is_default and not Path(config.warehouse).exists() and Path(SAMPLE).is_dir():
        return config.model_copy(update={"warehouse": SAMPLE})
    return config


def connector_settings(source: Source, where: str = FILE) -> ConnectorSettings:
    """The source's settings as its connector declares them. Raises ConfigError as `load_config` does."""
    known = plugins.connectors()
    connector = known.get(source.connector)
    if connector is None:
        named = f"`{source.connector}` is no connector" if source.connector else "settings without a connector"
        raise ConfigError(f"sources.{source.name}: {named}", where=where, hint=f"one of {', '.join(known)}")
    try:
        return connector.settings.model_validate(source.settings)
    except ValidationError as error:
        fields = list(connector.settings.model_fields)
        raise _explained(error, where, f"sources.{source.name}.settings.", fields) from None


def _read(named: Path | None) -> dict[str, Any]:
    path = named or Path(FILE)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if named is None:
            return {}
        raise ConfigError("there is no such file", where=str(path), hint="finops init writes a commented one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not TOML: {error}", where=str(path), hint="finops init writes a commented one") from None


def _explained(error: ValidationError, where: str, above: str = "", known: Sequence[str] = ()) -> ConfigError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = above + ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return ConfigError(f"{place}: {first['msg']}", where=where, hint="finops init --print shows every setting")
    close = difflib.get_close_matches(str(first["loc"][-1]), known or _known(), n=1)
    meant = f" (did you mean `{close[0]}`?)" if close else ""
    return ConfigError(f"unknown setting `{place}`{meant}", where=where, hint="finops init --print shows every setting")


def _known() -> list[str]:
    return [
        name
        for section in (Config, Source, TagKeys, BudgetSetting, TeamSetting, AllocationSettings)
        for name in section.model_fields
    ]


def _connectors() -> list[str]:
    """A source of each connector, with each of its settings."""
    lines = []
    for name, connector in plugins.connectors().items():
        lines += ["", f"# {connector.title}, through its API. Streams: {', '.join(s.name for s in connector.streams)}."]
        lines += ["# [[sources]]", f'# name = "{name}"', f'# connector = "{name}"', "# [sources.settings]"]
        for field, info in connector.settings.model_fields.items():
            value = info.examples[0] if info.examples else info.get_default(call_default_factory=True)
            lines.append(f"# {field} = {_toml(value)}  # {info.description}")
    return lines


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def commented() -> str:
    """A complete `finops.toml`: every setting with its description and default, commented out."""
    lines = ["# Settings of finops. A flag or an environment variable (FINOPS_WAREHOUSE, …) goes before this file.", ""]
    for name in ("warehouse", "memory_limit"):
        field = Config.model_fields[name]
        example = f'"{field.default}"' if field.default else '"2GB"'
        lines += [f"# {field.description}", f"# {name} = {example}", ""]
    lines += [f"# {Config.model_fields['sources'].description}", "# [[sources]]"]
    lines += [
        f"# {name} = {example}  # {Source.model_fields[name].description}"
        for name, example in (("name", '"main-cloud"'), ("paths", '["exports/"]'), ("replace_source", "false"))
    ]
    lines += _connectors()
    lines += ["", f"# {Config.model_fields['tags'].description}", "# [tags]"]
    lines += [f"# {n} = {f.default!r}  # {f.description}".replace("'", '"') for n, f in TagKeys.model_fields.items()]
    lines += ["", f"# {Config.model_fields['allocation'].description}", "# [allocation]"]
    lines += [f'# spread = "none"  # {AllocationSettings.model_fields["spread"].description}']
    lines += [f"# {AllocationSettings.model_fields['rules'].description}", "# [[allocation.rules]]"]
    lines += ['# team = "platform"', '# where = ["account=123456789012", "tag:project!=research"]']
    lines += ["", f"# {Config.model_fields['budgets'].description}", "# [[budgets]]"]
    lines += [
        f"# {name} = {example}  # {BudgetSetting.model_fields[name].description}"
        for name, example in (
            ("name", '"training"'),
            ("amount", "25000"),
            ("currency", '"USD"'),
            ("where", '["tag:team=research"]'),
            ("metric", '"effective"'),
        )
    ]
    lines += ["", f"# {Config.model_fields['recommenders'].description}", "# [recommenders.idle]"]
    return "\n".join(lines) + "\n"
