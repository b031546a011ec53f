"""Whether an answer is as the API's description says."""

from __future__ import annotations

import httpx2
from jsonschema import Draft202012Validator
from starlette.routing import Match, Route

from datagen.domain.api.description import OPERATIONS, Operation, statuses
from datagen.domain.api.shapes import FAILURE


def operation(method: str, path: str) -> Operation:
    """What describes this request. Raises AssertionError for none."""
    scope = {"type": "http", "method": method, "path": path}
    fixed_first = sorted(OPERATIONS, key=lambda key: key[1].count("{"))
    for known, template in fixed_first:
        route = Route(template, lambda _: None, methods=[known])
        if known == method and route.matches(scope)[0] is Match.FULL:
            return OPERATIONS[known, template]
    raise AssertionError(f"{method} {path} is not described")


def described(answer: httpx2.Response) -> httpx2.Response:
    """The answer. Raises AssertionError for a status or a shape that nobody told of."""
    one = operation(answer.request.method, answer.request.url.path)
    assert answer.status_code in statuses(one), (answer.status_code, answer.text)
    shape = one.answer if answer.status_code == one.status else FAILURE
    if shape is not None:
        Draft202012Validator(shape).validate(answer.json())
    elif not one.is_file:
        assert answer.content == b""
    return answer
