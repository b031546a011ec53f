"""What a request says: the JSON of its body, names and numbers of its query."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from datagen.api.errors import SEND_JSON, RequestError
from datagen.domain.errors import InputError, Problem


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object a request carries; the gate bounds its size.

    Raises RequestError (415) for another kind of body, InputError for anything
    that is not a JSON object.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError(415, SEND_JSON)
    body = await request.body()
    try:
        value = json.loads(body, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair can't be stored
    except (ValueError, RecursionError) as exc:
        raise InputError("The request's body is not valid JSON.") from exc
    if not isinstance(value, dict):
        raise InputError("The request's body must be a JSON object.")
    return {name: _whole(one) for name, one in value.items()}


async def read_names(request: Request) -> dict[str, Any]:
    """What the query names, else the body, else nothing. Raises as `read_json` does."""
    is_empty = "content-type" not in request.headers and not await request.body()
    return dict(request.query_params) or ({} if is_empty else await read_json(request))


def _whole(value: Any) -> Any:
    """20 for 20.0, which JSON takes for the same number; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def whole_in(
    query: Mapping[str, str], name: str, default: int, *, least: int = 0, most: int
) -> int:
    """A whole number of a query. Raises InputError."""
    said = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,15}", said) or not least <= int(said) <= most:
        message = f"{name} must be a whole number from {least:,} to {most:,}."
        raise InputError(message, [Problem(path=name, message=message)])
    return int(said)
