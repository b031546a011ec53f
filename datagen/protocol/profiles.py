"""A user's model profiles on all replicas: what each keeps, put together, and their keys.

What somebody saves lies on this replica's desk at once, keys sealed, and counts here from then
on. The worker tells the others: its field holds all that this replica knows of the user's then,
so any one field that is left is enough. A key is sealed for its user, profile and origin: put
beside another address, by whoever can write the store, it does not open.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

from datagen.domain.endpoints import origin
from datagen.domain.profiles import Profile, Profiles, merged
from datagen.ports import Desk, Vault
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.fields import dumps
from datagen.protocol.settings import kept_record, load_kept

_LOG = logging.getLogger(__name__)


class ProfileBook:
    """Safe to call from any thread; who changes a user's waits for who does already."""

    def __init__(
        self, *, board: Board, desk: Desk, vault: Vault, peer_id: str,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._board, self._desk, self._vault = board, desk, vault
        self._peer_id, self._new_id = peer_id, new_id

    def of(self, username: str) -> Profiles:
        """All of a user's, keys as they are kept. Blocks; raises StoreError."""
        pending = [one for name, one in self._pending() if name == username]
        known = self._board.kept_profiles(username)
        own = self._board.last_profiles(username, self._peer_id)
        return merged([*known.values(), *([own] if own else []), *pending],
                      self._board.earlier_profiles(username))

    def opened(self, username: str) -> Profiles:
        """All of a user's, keys ready to be sent. Blocks; raises StoreError."""
        found = self.of(username)
        return replace(found, all=tuple(self._opened(username, one) for one in found.all))

    def put(self, username: str, profiles: Profiles) -> None:
        """Keep this as what this replica knows from now on; a key that is plain is sealed.

        Blocks; raises StoreError.
        """
        sealed = replace(profiles, all=tuple(self._sealed(username, p) for p in profiles.all))
        self._desk.put_once(keys.DESK_PROFILES, f"{username}:{self._new_id()}",
                            dumps(kept_record(username, sealed)))

    def tell(self) -> None:
        """Tell the others what was put here; for the worker. Blocks; raises StoreError."""
        notes = self._desk.notes(keys.DESK_PROFILES)
        for username in dict.fromkeys(name for name, _ in self._pending()):
            known = self.of(username)
            self._board.keep_profiles(username, self._peer_id, kept_record(username, known))
            self._board.show_profiles(username, known)
        for note in notes:
            self._desk.drop(keys.DESK_PROFILES, note)

    def _pending(self) -> Iterator[tuple[str, Profiles]]:
        """What was put here and not told yet, by user, oldest first."""
        for note, text in self._desk.notes(keys.DESK_PROFILES).items():
            username = note.rpartition(":")[0]
            try:
                yield username, load_kept(username, text)
            except ValueError as exc:  # our own disk: another version wrote it, or it is damaged
                _LOG.error("Model profiles on the desk can't be read: %s", exc)

    def _sealed(self, username: str, profile: Profile) -> Profile:
        key = profile.api_key
        if key is None or self._vault.is_sealed(key):
            return profile
        return replace(profile, api_key=self._vault.seal(key, _bound_to(username, profile)))

    def _opened(self, username: str, profile: Profile) -> Profile:
        key = profile.api_key
        if key is None or not self._vault.is_sealed(key):
            return profile
        found = self._vault.open(key, _bound_to(username, profile))
        return replace(profile, api_key=found, is_locked=found is None)


def _bound_to(username: str, profile: Profile) -> tuple[str, ...]:
    return username, profile.id, *map(str, origin(profile.base_url) or ())
