"""HTTP requests as calls: which route takes which fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from datagen.sandbox.answers import Answer, Api, Call

MAX_DEPTH = 100  # of objects and lists within each other

Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _maybe_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _peers(value: Any) -> bool:
    return value is None or (isinstance(value, list)
                             and all(isinstance(peer, str) for peer in value))


def _nonce(value: Any) -> bool:
    return value is None or isinstance(value, int | str)


def _any(_: Any) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation: its method, the fields it has to get, and those it may get."""

    method: str
    needs: Mapping[str, Check]
    may: Mapping[str, Check]


_SECRET: Mapping[str, Check] = {"secret": _maybe_text}
_ADD: Mapping[str, Check] = {**_SECRET, "nonce": _nonce}
_NAMED: Mapping[str, Check] = {**_ADD, "fn": _maybe_text}


def _get(*needs: str, may: Mapping[str, Check] = {}) -> Route:
    return Route(method="GET", needs=dict.fromkeys(needs, _text), may=may)


def _post(needs: Mapping[str, Check], may: Mapping[str, Check] = {}) -> Route:
    return Route(method="POST", needs=needs, may=may)


ROUTES: dict[Api, dict[str, Route]] = {
    "cstore": {
        "get_status": _get(),
        "get": _get("key"),
        "hget": _get("hkey", "key"),
        "hgetall": _get("hkey"),
        "set": _post({"key": _text, "value": _any}, {"chainstore_peers": _peers}),
        "hset": _post({"hkey": _text, "key": _text, "value": _any}, {"chainstore_peers": _peers}),
        "hsync": _post({"hkey": _text}, {"chainstore_peers": _peers}),
    },
    "r1fs": {
        "get_status": _get(),
        "add_file_base64": _post({"file_base64_str": lambda value: isinstance(value, str)},
                                 {**_ADD, "filename": _maybe_text}),
        "add_file": _post({"content": _any, "filename": _text}, _ADD),
        "add_json": _post({"data": _any}, _NAMED),
        "add_yaml": _post({"data": _any}, _NAMED),
        "calculate_json_cid": _post({"data": _any}, _NAMED),
        "get_file_base64": _post({"cid": _text}, _SECRET),
        "get_file": _get("cid", may=_SECRET),
        "get_yaml": _get("cid", may=_SECRET),
        "delete_file": _post({"cid": _text}),
    },
}


class NoCall(Exception):  # noqa: N818 - named after what the request is
    """The request is no call of the API; ``answer`` says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


def read(api: Api, op: str, sent: Any, size: int) -> Call:
    """The call in a query or in a body's JSON. Raises NoCall."""
    route = ROUTES[api][op]
    if not isinstance(sent, Mapping):
        raise NoCall(_invalid("", "Input should be an object"))
    for name in route.needs:
        if name not in sent:
            raise NoCall(_invalid(name, "Field required"))
    checks = {**route.needs, **route.may}
    args = {name: sent[name] for name in checks if name in sent}
    for name, value in args.items():
        if not checks[name](value):
            raise NoCall(_invalid(name, "Input is not valid"))
    return Call(api=api, op=op, args=args, size=size)


def parsed(body: bytes | str) -> Any:
    """The JSON of a body. Raises NoCall."""
    try:
        value = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise NoCall(_invalid("", "JSON decode error")) from exc
    if _deeper(value, MAX_DEPTH):
        raise NoCall(_invalid("", "Input is nested too deeply"))
    return value


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _deeper(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_deeper(item, depth - 1) for item in inner)


def _invalid(name: str, message: str) -> Answer:
    return Answer(form="validation", status=422, message=message, about=name)
