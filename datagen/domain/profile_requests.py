"""What a person says of a model server of theirs, checked: one Problem per field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from datagen.domain import addresses
from datagen.domain.endpoints import dialect_for
from datagen.domain.errors import InputError, Problem
from datagen.domain.parameters import wrong_parameters
from datagen.domain.profiles import MAX_IN_FLIGHT, MAX_PER_MINUTE
from datagen.domain.requests import MAX_ADDRESS, MAX_ID, NO_PATH, is_path

MAX_NAME = 80  # characters
MAX_KEY = 4_096  # characters; some keys are signed tokens
MAX_PARAMETERS = 4_096  # characters of their JSON
_KEY = re.compile(r"[\x21-\x7e]+")  # what a header can carry

_TEXTS = (("name", "name", MAX_NAME), ("base_url", "baseUrl", MAX_ADDRESS),
          ("path", "path", MAX_ADDRESS), ("model", "model", MAX_ADDRESS),
          ("id", "profileId", MAX_ID))
_BOUNDS = (("requests_per_minute", "requestsPerMinute", MAX_PER_MINUTE),
           ("tokens_per_minute", "tokensPerMinute", MAX_PER_MINUTE),
           ("max_in_flight", "maxInFlight", MAX_IN_FLIGHT))


@dataclass(frozen=True, kw_only=True)
class ProfileRequest:
    """A model server as asked for; values may be of any type until ``check`` has seen them."""

    id: str | None = None  # None = a new one
    name: str | None = None  # None = as the address says
    base_url: str = ""
    path: str | None = None
    model: str | None = None
    api_key: str | None = field(default=None, repr=False)  # None = as it is
    drops_key: bool = False  # do without a key from now on
    dialect: str | None = None  # None = as the path says
    parameters: Mapping[str, Any] = field(default_factory=dict)
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_in_flight: int | None = None
    polled: bool = False


def check(
    request: ProfileRequest, *, default_path: str, inside: addresses.Networks = ()
) -> ProfileRequest:
    """The request, trimmed. Raises InputError with a Problem for every field that is wrong.

    ``default_path``: of a profile that names none. Problems carry the API's names of fields.
    """
    problems = [*_texts(request), *_others(request),
                *wrong_parameters(request.parameters, "parameters")]
    if not {"baseUrl", "path", "dialect"} & {problem.path for problem in problems}:
        request = replace(request, base_url=request.base_url.strip().rstrip("/"),
                          path=_trimmed(request.path), dialect=request.dialect or None)
        problems += [*_address(request, default_path, inside), *_together(request, default_path)]
    if problems:
        raise InputError(problems[0].message if len(problems) == 1
                         else f"{len(problems)} fields need a change.", problems)
    parts = addresses.spelled(request.base_url)
    return replace(
        request, name=_trimmed(request.name) or (parts.host if parts else None),
        id=_trimmed(request.id), model=_trimmed(request.model), api_key=request.api_key or None,
        parameters={k: v for k, v in (request.parameters or {}).items() if v is not None})


def _trimmed(text: str | None) -> str | None:
    return (text or "").strip() or None


def _texts(request: ProfileRequest) -> Iterator[Problem]:
    for name, shown, most in _TEXTS:
        value = getattr(request, name)
        if value is not None and (
            not isinstance(value, str) or len(value.strip()) > most or not value.isprintable()
        ):
            yield Problem(path=shown, message=f"This must be a text of at most {most} characters.")
    key = request.api_key
    fits = isinstance(key, str) and len(key) <= MAX_KEY and _KEY.fullmatch(key)
    if key not in (None, "") and not fits:
        yield Problem(path="apiKey", message=f"A key has at most {MAX_KEY:,} letters, digits and "
                                             "signs, and no spaces or line breaks.")


def _others(request: ProfileRequest) -> Iterator[Problem]:
    for name, shown, most in _BOUNDS:
        value = getattr(request, name)
        if value is not None and (type(value) is not int or not 1 <= value <= most):
            yield Problem(path=shown, message=f"Enter a whole number from 1 to {most:,}, or "
                                              "nothing.")
    if request.dialect not in (None, "", "ratio1", "openai"):
        yield Problem(path="dialect", message="This must be ratio1 or openai.")
    for name in ("polled", "drops_key"):
        if not isinstance(getattr(request, name), bool):
            yield Problem(path=name, message="This must be true or false.")
    if isinstance(request.parameters, Mapping) and \
            len(json.dumps(request.parameters, default=str)) > MAX_PARAMETERS:
        yield Problem(path="parameters", message=f"Shorten this to {MAX_PARAMETERS:,} characters.")


def _address(
    request: ProfileRequest, default_path: str, inside: addresses.Networks
) -> Iterator[Problem]:
    wrong = addresses.fault(request.base_url, inside)
    if wrong:
        yield Problem(path="baseUrl", message=wrong)
    if request.path and not is_path(request.path):
        yield Problem(path="path", message=NO_PATH)
    if not wrong and request.base_url.endswith(request.path or default_path):
        yield Problem(path="baseUrl", message=f"Leave {request.path or default_path} out here: it "
                                              "is added to the address.")


def _together(request: ProfileRequest, default_path: str) -> Iterator[Problem]:
    dialect = request.dialect or dialect_for(request.path or default_path)
    if request.polled is True and dialect != "ratio1":
        yield Problem(path="polled", message="Only Ratio1 nodes have the second form of calls.")
