"""Text of Terraform's language: strings that interpolate nothing, and a JSON document as blocks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

STEP = "  "


def quoted(text: str) -> str:
    """A string whatever it holds: `${` and `%{` would be evaluated."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def literal(value: Any) -> str:
    """A JSON value as an expression, on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{quoted(str(key))} = {literal(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def blocks(document: Mapping[str, Any], indent: str = STEP) -> str:
    """A document's fields as arguments and nested blocks, as providers name them: `StorageClass` is `storage_class`, a list of
    things is a block each, a list of `Key` and `Value` a map; what alone is in a field bears both names (`lifecycle_rule`)."""
    return "\n".join(_lines(_flat(document), indent))


def label(text: str) -> str:
    """A name for a resource."""
    plain = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    return plain if plain[:1].isalpha() else f"r_{plain}"


def _flat(document: Mapping[str, Any]) -> Mapping[str, Any]:
    ((name, value),) = document.items() if len(document) == 1 else ((None, None),)
    if name is None or not isinstance(value, Mapping) or len(value) != 1:
        return document
    ((inner, found),) = value.items()
    return {f"{name}_{inner}": found}


def _lines(document: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in document.items():
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()
        several = [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
        if several and all(each.keys() == {"Key", "Value"} for each in several):
            yield f"{indent}{name} = {literal({each['Key']: each['Value'] for each in several})}"
        elif several or isinstance(value, Mapping):
            for each in several or [value]:
                yield f"{indent}{name.removesuffix('s') if several else name} {{"
                yield from _lines(each, indent + STEP)
                yield f"{indent}}}"
        else:
            yield f"{indent}{name} = {literal(value)}"
