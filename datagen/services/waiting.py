"""A bcrypt hash that waits in an account's metadata for its owner's first sign-in.

The account's ``password`` is null until then, so that the npm library reads the record
without fault (WIRE.md, 5). The hash counts only while the record is as we wrote it: whoever
else rewrites the account, to deactivate it or to set a password, thereby drops the hash.
bcrypt knows no pepper, so on a node a seal takes its place: else whoever can write the store
could give an account a hash of a password of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from datagen.domain import htpasswd
from datagen.domain.errors import StoreError
from datagen.ports import Clock, HashStore
from datagen.protocol.fields import dumps, load_object
from datagen.protocol.seal import Seal

LEVEL_KEPT = 60.0  # seconds for which the cost of the waiting hashes is remembered
KEY = "importedPassword"  # in the metadata: {algo, hash, at}, on a node {role, mac} as well


def without(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as anybody may see it."""
    return {name: value for name, value in metadata.items() if name != KEY}


class Waiting:
    """Puts such hashes into the records of one auth hash, and finds them there."""

    def __init__(self, hkey: str, seal: Seal | None) -> None:
        """``seal``: None where nobody else writes."""
        self._hkey = hkey
        self._seal = seal

    def hash_in(self, name: str, raw: Mapping[str, Any]) -> str | None:
        """The bcrypt hash by which this stored account may sign in; None = there is none."""
        metadata = raw.get("metadata")
        note = metadata.get(KEY) if isinstance(metadata, Mapping) else None
        if raw.get("password") is not None or not isinstance(note, Mapping):
            return None
        stored = note.get("hash")
        if not isinstance(stored, str) or note.get("algo") != "bcrypt":
            return None
        if not raw.get("updatedAt") or note != self._note(name, raw, stored):
            return None
        try:
            htpasswd.cost(stored)
        except ValueError:
            return None
        return stored

    def put_in(self, name: str, raw: Mapping[str, Any], bcrypt: str | None) -> dict[str, Any]:
        """The record with this hash waiting, or with none; to be called once its times are set."""
        metadata = raw.get("metadata")
        if not isinstance(metadata, Mapping):
            if bcrypt is None:
                return dict(raw)
            metadata = {}
        note = {} if bcrypt is None else {KEY: self._note(name, raw, bcrypt)}
        return {**raw, "metadata": {**without(metadata), **note}}

    def _note(self, name: str, raw: Mapping[str, Any], bcrypt: str) -> dict[str, Any]:
        note: dict[str, Any] = {"algo": "bcrypt", "hash": bcrypt, "at": raw.get("updatedAt")}
        if self._seal is None:
            return note
        text = self._seal.put_on(self._hkey, name, dumps({**note, "role": raw.get("role")}))
        return load_object(text)


class Level:
    """How costly the hashes are that wait, all accounts together.

    Every sign-in does that much work, so that time tells nobody whose hash waits.
    """

    def __init__(
        self, *, store: HashStore, clock: Clock, hkey: str, waiting: Waiting
    ) -> None:
        self._store, self._clock, self._hkey, self._waiting = store, clock, hkey, waiting
        self._known: tuple[int, float] | None = None  # cost, monotonic moment

    def now(self) -> int:
        """The highest cost, at most a minute old; 0 = no hash waits."""
        known, now = self._known, self._clock.monotonic()
        if known is None or now - known[1] >= LEVEL_KEPT:
            try:
                known = self._known = (max(self._costs(), default=0), now)
            except StoreError:  # what was known stands
                return known[0] if known else 0
        return known[0]

    def forget(self) -> None:
        """Look again at the next question."""
        self._known = None

    def _costs(self) -> Iterator[int]:
        for name, text in self._store.hgetall(self._hkey).items():
            if KEY not in text:
                continue
            try:
                stored = self._waiting.hash_in(name, load_object(text))
            except ValueError:
                continue
            if stored:
                yield htpasswd.cost(stored)
