"""The control routes: see what the nodes have and were asked, change how they behave."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from datagen.domain.errors import InputError
from datagen.sandbox.network import Network

MAX_BODY = 16 * 1024 * 1024  # bytes


def control_app(network: Network) -> Starlette:
    """Answers JSON; 400 with ``{"error": a sentence}`` for what doesn't fit."""

    def state(asked: dict[str, Any]) -> Any:
        node = asked.get("node")
        wanted = range(len(network.peer_ids)) if node is None else [_number(node)]
        nodes = [network.dump(index) | {"behaviour": network.behaviour(index).as_json()}
                 for index in wanted]
        return {"nodes": nodes} if node is None else nodes[0]

    def counters(asked: dict[str, Any]) -> Any:
        return network.counters(_number(asked["node"]) if "node" in asked else None)

    def change(asked: dict[str, Any]) -> Any:
        network.set(**asked)
        return {"ok": True}

    def stop(asked: dict[str, Any]) -> Any:
        network.stop(_node(asked), hang=asked.get("hang") is True)
        return {"ok": True}

    def start(asked: dict[str, Any]) -> Any:
        network.start(_node(asked))
        return {"ok": True}

    def load(asked: dict[str, Any]) -> Any:
        hashes = _object(asked, "hashes")
        network.load(_node(asked), keys=_object(asked, "keys"),
                     hashes={name: _object(hashes, name) for name in hashes},
                     files={cid: _file(file) for cid, file in _object(asked, "files").items()})
        return {"ok": True}

    def heal(_: dict[str, Any]) -> Any:
        network.heal()
        return {"ok": True}

    def clear(_: dict[str, Any]) -> Any:
        network.clear_log()
        return {"ok": True}

    return Starlette(routes=[
        _route("GET", "/state", state),
        _route("GET", "/log", lambda _: {"log": network.log()}),
        _route("DELETE", "/log", clear),
        _route("GET", "/counters", counters),
        _route("POST", "/set", change),
        _route("POST", "/stop", stop),
        _route("POST", "/start", start),
        _route("POST", "/load", load),
        _route("POST", "/heal", heal),
    ])


def _route(method: str, path: str, does: Callable[[dict[str, Any]], Any]) -> Route:
    async def endpoint(request: Request) -> Response:
        if "origin" in request.headers:  # a web page somebody has open has no business here
            return _json({"error": "Not from a browser."}, 403)
        try:
            return _json(await run_in_threadpool(does, await _asked(request)))
        except InputError as exc:
            return _json({"error": str(exc)}, 400)

    return Route(path, endpoint, methods=[method])


def _json(value: Any, status: int = 200) -> Response:
    """Plain ASCII: keys may hold halves of characters, which nothing else could carry."""
    return Response(json.dumps(value), status_code=status, media_type="application/json")


async def _asked(request: Request) -> dict[str, Any]:
    """The fields of the query or of the body's JSON object. Raises InputError."""
    if request.method != "POST":
        return dict(request.query_params)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise InputError("The body is too large.")
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError) as exc:
        raise InputError("The body has to be a JSON object.") from exc
    if not isinstance(asked, dict):
        raise InputError("The body has to be a JSON object.")
    return asked


def _node(asked: dict[str, Any]) -> Any:
    if "node" not in asked:
        raise InputError("Say which node, such as {\"node\": 0}.")
    return asked["node"]


def _object(asked: dict[str, Any], name: str) -> dict[str, Any]:
    found = asked.get(name, {})
    if not isinstance(found, dict):
        raise InputError(f"{name} has to be an object.")
    return found


def _file(file: Any) -> tuple[str, bytes]:
    try:
        return str(file["name"]), b64decode(file["base64"], validate=True)
    except (KeyError, TypeError, ValueError) as exc:
        raise InputError('A file has the form {"name": "a.json", "base64": "…"}.') from exc


def _number(node: Any) -> int:
    if not str(node).isdecimal():
        raise InputError("node is the number of a node, from 0.")
    return int(node)
