"""Whether an answer is as the API's description says."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any

import httpx2
from jsonschema import Draft202012Validator
from starlette.routing import Match, Route

from datagen.domain.api.description import FILES, OPERATIONS, Operation, statuses
from datagen.domain.api.shapes import FAILURE

CHECKED: Counter[tuple[str, int]] = Counter()  # answers by operation and status


def named(method: str, path: str) -> tuple[str, str] | None:
    """The operation that describes this request, if one does."""
    scope = {"type": "http", "method": method, "path": path}
    is_fixed = any(path == template for _, template in OPERATIONS)
    for known, template in OPERATIONS:
        if is_fixed and template != path:  # as OpenAPI says: concrete paths before templated ones
            continue
        route = Route(template, lambda _: None, methods=[known])
        if known == method and route.matches(scope)[0] is Match.FULL:
            return known, template
    return None


def operation(method: str, path: str) -> Operation:
    """What describes this request. Raises AssertionError for none."""
    found = named(method, path)
    assert found is not None, f"{method} {path} is not described"
    return OPERATIONS[found]


def described(answer: httpx2.Response) -> httpx2.Response:
    """The answer. Raises AssertionError for a status, a type or a field nobody told of."""
    method, path = answer.request.method, answer.request.url.path
    known = "GET" if method == "HEAD" else method
    one = operation(known, path)
    status, kind = answer.status_code, answer.headers.get("content-type", "").partition(";")[0]
    assert status in statuses(known, one), (method, path, status, answer.text[:300])
    is_right = status == one.status
    CHECKED[f"{method} {path}", status] += 1
    if method == "HEAD" or (is_right and one.answer is None and not one.is_file):
        assert answer.content == b""
    elif is_right and one.is_file:
        assert kind in FILES, kind
    else:
        assert kind == "application/json", (method, path, kind)
        shape = one.answer if is_right and one.answer is not None else FAILURE
        problems = [f"{error.json_path}: {error.message}"
                    for error in _validator(json.dumps(closed(shape))).iter_errors(answer.json())]
        assert not problems, (method, path, status, problems)
    return answer


def turned_down(answer: httpx2.Response) -> httpx2.Response:
    """The answer of an address or method that nobody described. Raises AssertionError."""
    assert answer.status_code in {401, 403, 404, 405, 413, 415}, answer.text[:300]
    if answer.request.method != "HEAD":
        assert not list(_validator(json.dumps(closed(FAILURE))).iter_errors(answer.json()))
    return answer


def closed(shape: Any) -> Any:
    """The same, where no object has a field that is not named."""
    if isinstance(shape, list | tuple):
        return [closed(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    inner = {name: closed(one) for name, one in shape.items()}
    if shape.get("properties") and shape.get("type") == "object":
        inner.setdefault("additionalProperties", False)
    return inner


@cache
def _validator(shape: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(shape),
                                format_checker=Draft202012Validator.FORMAT_CHECKER)
