"""Requests held to the shapes that the API's description tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from datagen.domain.api.description import OPERATIONS
from datagen.domain.api.examples import words
from datagen.domain.errors import InputError, Problem


def hold(
    body: Mapping[str, Any], method: str, path: str, judge: Callable[[], object]
) -> None:
    """Raise InputError for a body of another shape than is described.

    ``judge`` looks at it first: what it raises says better what is wrong.
    """
    fields = (OPERATIONS[method, path].body or {}).get("properties", {})
    wrong = dict.fromkeys(str(error.absolute_path[0]) if error.absolute_path else "body"
                          for error in _validator(method, path).iter_errors(body))
    if not wrong:
        return
    judge()
    problems = [Problem(path=name, message=f"This must be {words(fields.get(name, {}))}.")
                for name in wrong]
    raise InputError(problems[0].message if len(problems) == 1
                     else f"{len(problems)} fields need a change.", problems)


@cache
def _validator(method: str, path: str) -> Draft202012Validator:
    return Draft202012Validator(dict(OPERATIONS[method, path].body or {}))
