"""YAML as JSON sees it, with the line and column of every value.

Words are texts unless they are plainly something else: ``no`` and ``2026-01-01`` stay what
was written (YAML 1.2's core rules), since a JSON Schema's enum is made of such words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from datagen.domain.errors import InputError

MAX_BYTES = 1024 * 1024
MAX_NODES = 100_000  # aliases counted where they are used: a few lines can mean billions
MAX_DEPTH = 100
_STR = "tag:yaml.org,2002:str"
_KNOWN = frozenset(f"tag:yaml.org,2002:{kind}"
                   for kind in ("str", "int", "float", "bool", "null", "seq", "map"))

Path = Sequence[str | int]


class _Loader(yaml.SafeLoader):
    """Without YAML 1.1's surprises: yes/no, dates, octals and minutes are texts."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _form, _starts in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?",
     "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_form})$"), list(_starts)
    )


def _text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    """Escaped halves of one character, as JSON writes it, become that character."""
    text = str(loader.construct_scalar(node))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_Loader.add_constructor(_STR, _text)


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A document's value, and where in the text its parts stand."""

    value: Any
    name: str  # of the file, for messages
    root: yaml.Node

    def place(self, path: Path, *, key: bool = False) -> str:
        """``file:line:column`` of the value at ``path``, or of its ``key``.

        The nearest thing around it where it isn't there.
        """
        node = mark = self.root
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            mark, node = found
        mark = mark if key else node
        return f"{self.name}:{mark.start_mark.line + 1}:{mark.start_mark.column + 1}"


def read(text: str, name: str) -> Marked:
    """The one document in ``text``. Raises InputError with file, line and column."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as exc:
        before = text[:exc.position]
        raise InputError(
            f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: The "
            f"character U+{ord(text[exc.position]):04X} can't stand in YAML as it is. Take it out, "
            "or write it as an escape between double quotes.") from exc
    try:
        root = loader.get_single_node()
        if root is None:
            raise InputError(f"{name}:1:1: The file is empty. It needs title, description, "
                             "instructions and records.")
        _check(root, name)
        return Marked(value=loader.construct_document(root), name=name, root=root)
    except yaml.MarkedYAMLError as exc:
        raise InputError(_where(exc, name)) from exc
    except (yaml.YAMLError, ValueError) as exc:
        raise InputError(f"{name}: This is not readable YAML ({exc}).") from exc
    except RecursionError as exc:
        raise InputError(f"{name}: It is nested too deeply.") from exc
    finally:
        loader.dispose()


def _where(exc: yaml.MarkedYAMLError, name: str) -> str:
    mark = exc.problem_mark or exc.context_mark
    place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    context = f" ({exc.context})" if exc.context else ""
    return f"{name}{place}: This is not valid YAML: {exc.problem or 'unreadable'}{context}."


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Where the name of a part stands, and the part."""
    if isinstance(node, yaml.MappingNode):
        return next(((k, v) for k, v in node.value if k.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _check(root: yaml.Node, name: str) -> None:
    """Refuse what JSON can't hold, names given twice, and aliases that run wild."""
    waiting, count = [(root, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise _fault(node, name, "This is too large or too deeply nested, perhaps by an "
                                     "alias (*) within itself.")
        if node.tag not in _KNOWN:
            raise _fault(node, name, f"A tag such as {node.tag} can't be used here.")
        if isinstance(node, yaml.MappingNode):
            _check_names(node, name)
            waiting += [(value, depth + 1) for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, depth + 1) for item in node.value]


def _check_names(node: yaml.MappingNode, name: str) -> None:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _fault(key, name, "A name has to be a text.")
        if key.value in seen:
            raise _fault(key, name, f"{key.value} is given twice.")
        seen.add(key.value)
        key.tag = _STR  # a field may be called 1 or true


def _fault(node: yaml.Node, name: str, message: str) -> InputError:
    mark = node.start_mark
    return InputError(f"{name}:{mark.line + 1}:{mark.column + 1}: {message}")
