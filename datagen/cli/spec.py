"""A dataset as a YAML file: ``dataset.schema.json`` says what may stand in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from datagen.cli import marks
from datagen.cli.marks import Marked
from datagen.domain.errors import InputError, Problem
from datagen.domain.requests import DraftRequest

SCHEMA_FILE = Path(__file__).with_name("dataset.schema.json")
_ADDRESS = frozenset({"base_url", "path", "model"})  # of ``inference``; the rest is parameters
_PLACES: Mapping[str, tuple[str, ...]] = {  # the API's names -> where they stand in the file
    "totalRecords": ("records",), "datasetMode": ("mode",),
    "inferenceBaseUrl": ("inference", "base_url"), "inferencePath": ("inference", "path"),
    "inferenceModel": ("inference", "model"), "inferenceParams.seed": ("seed",),
}


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a file asks for."""

    request: DraftRequest
    schema: Mapping[str, Any] | None  # None: a model drafts it
    source: Marked

    def request_fault(self, exc: InputError) -> InputError:
        """The same error, each problem with its line and column."""
        return InputError("\n".join(
            f"{self.source.place(place)}: {'.'.join(place)}: {problem.message}"
            for problem in exc.problems for place in [_place(problem.path)]
        ) or str(exc))

    def schema_fault(self, problems: Sequence[Problem]) -> InputError:
        """An error for what is wrong with the schema in the file."""
        return InputError("\n".join(
            f"{self.source.place(_in_schema(problem.path))}: "
            f"{problem.path or 'schema'}: {problem.message}" for problem in problems
        ))


def _place(path: str) -> tuple[str, ...]:
    """Where a field of the API stands in the file."""
    if path in _PLACES:
        return _PLACES[path]
    first, _, rest = path.partition(".")
    return ("inference", rest) if first == "inferenceParams" else (path,)


def load(name: str) -> Spec:
    """The spec in the file, ``-`` for standard input. Raises InputError with line and column."""
    source = marks.read(_text(name), "standard input" if name == "-" else name)
    faults = list(_faults(source))
    if faults:
        raise InputError("\n".join(faults))
    said: Mapping[str, Any] = source.value
    inference: Mapping[str, Any] = said.get("inference", {})
    parameters = {key: value for key, value in inference.items() if key not in _ADDRESS}
    if "seed" in said:
        parameters["seed"] = said["seed"]
    return Spec(
        request=DraftRequest(
            title=said["title"], description=said["description"],
            instructions=said["instructions"], total_records=said["records"],
            dataset_mode=said.get("mode") == "dataset", base_url=inference.get("base_url"),
            path=inference.get("path"), model=inference.get("model"), parameters=parameters,
        ),
        schema=said.get("schema"), source=source,
    )


def _text(name: str) -> str:
    try:
        if name == "-":
            content = sys.stdin.buffer.read(marks.MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(marks.MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as exc:
        raise InputError(f"{name} can't be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        line = content[:exc.start].count(b"\n") + 1
        raise InputError(f"{name}:{line}: This is not UTF-8 text. Save the file as UTF-8.") from exc
    if len(content) > marks.MAX_BYTES:
        raise InputError(f"{name} has more than 1 MiB: no spec needs that.")
    return text


def _faults(source: Marked) -> Iterator[str]:
    """One line per fault, in the order of the text."""
    from jsonschema import Draft202012Validator

    published = json.loads(SCHEMA_FILE.read_text())
    found = []
    for error in Draft202012Validator(published).iter_errors(source.value):
        path = list(error.absolute_path)
        if error.validator == "additionalProperties":
            known = error.schema["properties"]
            found += [(source.place([*path, name], key=True), _unknown(name, known))
                      for name in set(error.instance) - set(known)]
        else:
            found.append((source.place(path), _message(error, path)))
    return (f"{place}: {message}" for place, message in sorted(found, key=_in_order))


def _in_order(fault: tuple[str, str]) -> tuple[int, int, str]:
    _, line, column = fault[0].rsplit(":", 2)
    return int(line), int(column), fault[1]


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, n=1)
    if "key" in name.lower():
        return (f"{name} can't stand in a file: the key comes from DATAGEN_INFERENCE_API_KEY.")
    hint = f"Is {near[0]} meant?" if near else f"Known are {', '.join(known)}."
    return f"{name} is not known here. {hint}"


_PATTERNS: Mapping[str, str] = {"\\S": "must not be empty.", "^/": "must begin with /.",
             "^https?://": "must begin with http:// or https://."}
_MESSAGES: Mapping[str, Callable[[Any], str]] = {
    "type": lambda kinds: f"must be {_a(kinds)}.",
    "enum": lambda values: f"must be {' or '.join(values)}.",
    "minimum": lambda limit: f"must be at least {limit}.",
    "maximum": lambda limit: f"must be at most {limit:,}.",
    "minLength": lambda _: "must not be empty.",
    "maxLength": lambda limit: f"must have at most {limit:,} characters.",
    "minItems": lambda _: "must not be empty.",
    "maxItems": lambda limit: f"can have at most {limit}.",
    "pattern": lambda pattern: _PATTERNS.get(pattern, f"must look like {pattern}."),
}


def _message(error: Any, path: list[str | int]) -> str:
    name = ".".join(map(str, path)) or "The file"
    if error.validator == "required":  # one error for each that is missing
        missing = error.message.partition("' is a required")[0].strip("'")
        return f"{missing} is missing."
    say = _MESSAGES.get(error.validator)
    return f"{name} {say(error.validator_value)}" if say else f"{name}: {error.message}"


def _a(kinds: str | list[str]) -> str:
    words = {"string": "a text", "integer": "a whole number", "number": "a number",
             "object": "a mapping", "array": "a list"}
    names = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(words.get(kind, kind) for kind in names)


def _in_schema(dotted: str) -> list[str | int]:
    """Where a field's path, such as ``items[].price``, stands in the file."""
    path: list[str | int] = ["schema"]
    for step in filter(None, dotted.replace("[]", ".[]").split(".")):
        path += ["items"] if step == "[]" else ["properties", step]
    return path
