"""Answers as they stand on the wire: two envelopes and every form of failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datagen.sandbox.answers import Answer, Call

_JSON = {"content-type": "application/json"}
_TEXT = {"content-type": "text/plain; charset=utf-8"}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What an HTTP server sends."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def render(answer: Answer, call: Call, *, raw: bool, peer_id: str) -> Reply | None:
    """The reply; None = the connection breaks without one."""
    if answer.form == "reset":
        return None
    if answer.form == "bytes":
        meta = {"content-type": "application/octet-stream", "x-meta": json.dumps(answer.meta)}
        return Reply(status=200, headers=meta, body=answer.content)
    if answer.form == "text":
        return _text(answer.status, f"Error: {answer.message}\n")
    if answer.form == "timeout":
        return _text(504, "upstream request timeout\n")
    return _json(answer.status, _body(answer, call, raw=raw, peer_id=peer_id))


def _body(answer: Answer, call: Call, *, raw: bool, peer_id: str) -> Any:
    if answer.form == "unknown":
        return {"detail": "Not Found"}
    if answer.form == "detail":
        return {"detail": {"error": answer.message}}
    if answer.form == "validation":
        return {"detail": [{"type": "value_error", "loc": ["body", answer.about],
                            "msg": answer.message, "input": None}]}
    if answer.form == "error":
        about = {"detail": answer.about} if answer.about else {}
        return {"error": {"status": answer.status, "message": answer.message, **about}}
    return _enveloped(_result(answer, call), raw=raw, peer_id=peer_id)


def _result(answer: Answer, call: Call) -> Any:
    if answer.form == "null" and call.op.startswith("add_"):
        return {"cid": None}
    return answer.result if answer.form == "ok" else {"error": answer.message}


def _enveloped(result: Any, *, raw: bool, peer_id: str) -> dict[str, Any]:
    node = {"server_node_addr": peer_id, "evm_network": "devnet", "ee_node_alias": "sandbox",
            "ee_node_address": peer_id, "ee_node_eth_address": f"0x{'0' * 40}",
            "ee_node_network": "devnet", "ee_node_ver": "sandbox"}
    if raw and isinstance(result, dict):
        return {**result, **node}
    return {"result": result, **node}


def _json(status: int, body: Any) -> Reply:
    return Reply(status=status, headers=_JSON, body=json.dumps(body).encode())


def _text(status: int, text: str) -> Reply:
    return Reply(status=status, headers=_TEXT, body=text.encode())
