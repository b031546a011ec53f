"""A user's personal tokens on all replicas: what each knows, put together.

A replica's field holds all that it knows of the user's, so any one that is left is enough.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from datagen.domain.tokens import MAX_KNOWN, MAX_NAME, Scope, Token, merged
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.fields import (
    from_iso,
    id_of,
    load_object,
    objects,
    optional_iso,
    text_of,
    to_iso,
)
from datagen.protocol.handed import Handed

_ID, _DIGEST = re.compile(r"[0-9a-f]{12}"), re.compile(r"[0-9a-f]{64}")


class TokenBook:
    """All methods block; raises StoreError."""

    def __init__(self, *, board: Board, handed: Handed, peer_id: str) -> None:
        self._board, self._handed, self._peer_id = board, handed, peer_id

    def of(self, username: str) -> tuple[Token, ...]:
        """All of a user's, newest first, ended ones too."""
        hkey = keys.user_tokens(username)
        last = self._board.last_text(hkey, self._peer_id)
        own = [*self._handed.pending(hkey).values(), *([last] if last else [])]
        return merged([*self._board.sealed(hkey, load_tokens).values(), *map(load_tokens, own)])

    def put(self, username: str, tokens: Sequence[Token]) -> None:
        """This is what this replica knows from now on."""
        self._handed.put(keys.user_tokens(username), self._peer_id,
                         {"tokens": [_record(token) for token in tokens]})


def _record(token: Token) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": token.id, "name": token.name, "scope": token.scope, "digest": token.digest,
        "createdAt": to_iso(token.created_at), "expiresAt": to_iso(token.expires_at)}
    if token.ended_at:
        record["endedAt"] = to_iso(token.ended_at)
    if token.used_at:
        record["usedAt"] = to_iso(token.used_at)
    return record


def load_tokens(text: str) -> tuple[Token, ...]:
    """Raises ValueError for anything that ``put`` does not make."""
    records = objects(load_object(text), "tokens")
    if len(records) > 2 * MAX_KNOWN:
        raise ValueError("too many")
    return tuple(Token(
        id=id_of(record, "id", _ID), name=text_of(record, "name", MAX_NAME),
        scope=_scope(record), digest=id_of(record, "digest", _DIGEST),
        created_at=from_iso(record.get("createdAt")), expires_at=from_iso(record.get("expiresAt")),
        ended_at=optional_iso(record.get("endedAt")), used_at=optional_iso(record.get("usedAt")),
    ) for record in records)


def _scope(record: dict[str, Any]) -> Scope:
    match record.get("scope"):
        case "read":
            return "read"
        case "run":
            return "run"
        case _:
            raise ValueError("not a scope")
