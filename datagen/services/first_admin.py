"""The account ``admin`` of a network of replicas that has none yet (DATA.md, rule 11).

A replica that just came up knows of no account, though the others may: a bootstrap password
written then would go over one that was changed since. So every listed peer is asked first.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from datagen.domain.errors import InputError, StoreError
from datagen.engine.pace import Backoff, Pace
from datagen.ports import HashStore
from datagen.services.accounts import ADMIN, Accounts

_LOG = logging.getLogger(__name__)
LONGEST_PAUSE = 600.0  # seconds; to ask a peer that is away holds up the whole node for 30
_BY_HAND = "`python -m datagen accounts reset admin` makes the account without asking them."


@dataclass(frozen=True, kw_only=True)
class FirstAdmin:
    """Makes ``admin`` once it is certain that no replica has it; the worker runs this."""

    accounts: Accounts
    store: HashStore
    hkey: str
    others: tuple[str, ...]  # all listed peers but this one
    password: str | None  # the bootstrap password
    pace: Pace
    # Asked once each: what a peer gives goes over what is here, and may be older by the next time.
    _heard: set[str] = field(default_factory=set, init=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Until there is an admin, or ``stop``; a store that fails is waited out."""
        backoff, said = Backoff(self.pace, first=2.0, cap=LONGEST_PAUSE), ""
        while not stop.is_set():
            try:
                trouble = await self.pace.aside(self._try)
            except StoreError as exc:
                trouble = f"The accounts can't be looked up yet: {exc}"
            except InputError as exc:
                _LOG.error("R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD can't be used: %s", exc)
                return
            if trouble is None:
                return
            if trouble != said:
                _LOG.warning(trouble)
            said = trouble
            await self.pace.pause(backoff.next(), stop)

    def _try(self) -> str | None:
        """Why there is no admin yet, in a sentence; None = there is one. Raises StoreError."""
        if ADMIN in self.accounts.taken():
            return None
        silent = [peer for peer in self.others if not self._hears(peer)]
        if ADMIN in self.accounts.taken():
            return None
        if self.password is None:
            return ("There is no account named admin. Set R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD, "
                    f"or make it by hand: {_BY_HAND}")
        if silent:
            return ("There is no account named admin here, and it is not made while these peers "
                    f"can't be asked for theirs: {', '.join(silent)}. {_BY_HAND}")
        self.accounts.init(self.password)
        _LOG.info("Made the account admin with the bootstrap password.")
        return None

    def _hears(self, peer: str) -> bool:
        """Whether the peer's accounts are here. Raises StoreError."""
        if peer not in self._heard and self.store.hsync(self.hkey, peer):
            self._heard.add(peer)
        return peer in self._heard
