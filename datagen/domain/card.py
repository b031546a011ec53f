"""What is to be said of a dataset beside its records: its fields, its facts, its README.

Schemas and titles are other people's text: here they are never markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datagen.domain.jobs import Inference
from datagen.domain.schema import FieldRow, rows

_SECRET = re.compile(r"key|token|secret|passw|auth|credential|cookie", re.IGNORECASE)
_SYNTAX = re.compile(r"([\\`*_\[\]#|<>~&]|^[-+=]|(?<=\d)[.)](?=\s)|:(?=//)|(?<=www)\.)")
_MAX_ALLOWED = 30  # values of a list that are named
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One field of the data dictionary."""

    field: str  # its path, as ``items[].price``
    type: str
    required: bool
    allowed: str  # values or bounds in words; "" = any
    description: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a dataset's card tells."""

    title: str
    facts: Sequence[tuple[str, str]]
    warning: str = ""  # why this is not the whole dataset, in a sentence
    entries: Sequence[Entry] = ()
    description: str = ""
    instructions: str = ""
    rows: int
    files: Sequence[tuple[str, str]] = ()  # name and what is in it


def dictionary(schema: Mapping[str, Any]) -> list[Entry]:
    """The schema's fields, nested ones too, in its order."""
    return [Entry(field=row.path, type=row.type + (" or nothing" if row.nullable else ""),
                  required=row.required, allowed=_allowed(row), description=row.description)
            for row in rows(schema)]


def parameters(inference: Inference) -> dict[str, Any]:
    """What was asked of the model, without anything that may be a secret."""
    return {name: value for name, value in inference.parameters.items()
            if not _SECRET.search(name)}


def readme(card: Card) -> str:
    """The dataset card: Markdown with a head in YAML, as dataset hubs read it."""
    return "\n".join([
        *_head(card),
        f"# {_plain(card.title)}", "",
        "Synthetic data: a language model wrote every record, and each was checked against the "
        "schema. That a record fits does not make what it says true.", "",
        *([f"> **Not the whole dataset.** {_plain(card.warning)}", ""] if card.warning else []),
        "## Facts", "", *_table(("", ""), card.facts), "",
        *(["## Files", "", *_table(("file", "holds"), card.files), ""] if card.files else []),
        "## Fields", "",
        *_table(("field", "type", "required", "allowed", "description"),
                [(e.field, e.type, "yes" if e.required else "no", e.allowed, e.description)
                 for e in card.entries]), "",
        "## What was asked for", "", *_quote(card.description), "", *_quote(card.instructions), "",
        "Made with DataGen.", "",
    ])


def _head(card: Card) -> list[str]:
    size = next((name for most, name in _SIZES if card.rows < most), "n>1M")
    return ["---", f"pretty_name: {json.dumps(card.title)}", "tags:", "- synthetic",
            "size_categories:", f"- {json.dumps(size)}", "configs:", "- config_name: default",
            "  data_files: data.parquet", "---", ""]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}",
            *(f"| {' | '.join(map(_plain, line))} |" for line in lines)]


def _quote(text: str) -> list[str]:
    return [f"> {_plain(line)}" for line in text.splitlines()] or ["> –"]


def _plain(text: str) -> str:
    """The text on one line, every character of Markdown taken literally."""
    return _SYNTAX.sub(r"\\\1", " ".join(text.split()))


def _allowed(row: FieldRow) -> str:
    said = []
    if row.allowed:
        named = [json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
                 for value in row.allowed[:_MAX_ALLOWED]]
        said.append(", ".join(named) + (", …" if len(row.allowed) > _MAX_ALLOWED else ""))
    unit = {"string": " characters", "array": " items"}.get(row.type, "")
    if row.minimum is not None and row.maximum is not None:
        said.append(f"{row.minimum:g} to {row.maximum:g}{unit}")
    elif row.minimum is not None:
        said.append(f"at least {row.minimum:g}{unit}")
    elif row.maximum is not None:
        said.append(f"at most {row.maximum:g}{unit}")
    said += [row.format] if row.format else []
    said += [f"pattern {row.pattern}"] if row.pattern else []
    return "; ".join(said)
