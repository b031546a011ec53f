"""A user's model profiles: look, save, choose, delete, and find out about a server.

Keys come in and never go out: what is shown says only whether there is one. A key is for the
origin it was saved with; with another one it has to be entered again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from datagen.domain.addresses import Networks
from datagen.domain.chat import ChatCall, Endpoint, Message, Trial
from datagen.domain.endpoints import endpoint_of, same_origin
from datagen.domain.errors import Conflict, InputError, ModelUnreachable, NotThere, Problem
from datagen.domain.profile_requests import ProfileRequest, check
from datagen.domain.profiles import Profile, Profiles, with_one, without
from datagen.domain.requests import DraftRequest
from datagen.domain.users import User
from datagen.ports import Clock, ModelProbe
from datagen.protocol.fields import from_iso, to_iso
from datagen.protocol.profiles import ProfileBook
from datagen.services.allowances import Allowances
from datagen.services.audit import Audit
from datagen.services.locks import Locks
from datagen.services.patience import Patience

__all__ = ["ModelProfiles", "ProfileRequest", "Profiles"]

T = TypeVar("T")
_NONE = "You have no such model profile."
TRIAL_SECONDS = 60.0  # a model that is loaded first takes its time
LIST_SECONDS = 15.0
_TRIAL = ChatCall(
    messages=(Message(role="system", content="You answer with JSON only."),
              Message(role="user", content='Answer with exactly {"ready": true}.')),
    schema={"type": "object", "properties": {"ready": {"type": "boolean"}},
            "required": ["ready"], "additionalProperties": False},
    temperature=0.0, max_tokens=256,  # room for a model that thinks first
)


class ModelProfiles:
    """What a user may do with them. Raises StoreError where the store can't be used."""

    def __init__(
        self, *, book: ProfileBook, probe: ModelProbe, own: Endpoint, inside: Networks, most: int,
        clock: Clock, patience: Patience, audit: Audit, allowances: Allowances | None = None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(6),
    ) -> None:
        """``most``: profiles of one user; ``inside``: private networks they may be in."""
        self._book, self._probe, self._own, self._inside = book, probe, own, inside
        self._clock, self._patience, self._new_id = clock, patience, new_id
        self._audit = audit
        self.most, self._allowances = most, allowances or Allowances(clock=clock)
        self._saving = Locks()

    def seen_by(self, user: User) -> Profiles:
        """All of the user's."""
        return self._patience.ask(("profiles", user.name), partial(self._book.of, user.name))

    def opened(self, user: User) -> Profiles:
        """The same with their keys, for calls on the spot; never to be shown."""
        return self._patience.ask(("keys", user.name), partial(self._book.opened, user.name))

    def chosen(self, user: User, request: DraftRequest) -> Profile | None:
        """The one that a new dataset is to be made with; None = none.

        Raises NotThere for one that the user does not have, InputError where there is no choice.
        """
        if not request.use_external_api:
            return None
        known = self.seen_by(user)
        profile = known.get(request.profile_id) if request.profile_id else known.active
        if profile is None and request.profile_id:
            raise NotThere(_NONE)
        if profile is None and not request.base_url:
            message = "Choose a model profile, or make one active."
            raise InputError(message, [Problem(path="profileId", message=message)])
        named_other = not request.profile_id and request.base_url
        return None if profile and named_other and request.base_url != profile.base_url else profile

    def save(self, user: User, request: ProfileRequest) -> Profile:
        """Add or change one; a new one becomes the active one.

        Raises InputError with a Problem per field, NotThere, Conflict when there are too many.
        """
        request = check(request, default_path=self._own.path, inside=self._inside)
        with self._saving.of(user.name):
            known = self.seen_by(user)
            old = self._old(known, request.id)
            if old is None and len(known.all) >= self.most:
                raise Conflict(f"{self.most:,} model profiles are the most one person can have. "
                               "Delete one first.")
            now = self._now(known)
            profile = self._profile(request, old, old.id if old else self._new_id(), now)
            changed = with_one(known, profile)
            if old is None:
                changed = replace(changed, active_id=profile.id, active_at=now)
            self._book.put(user.name, changed)
        self._audit.note("model saved", user)
        return profile

    def activate(self, user: User, profile_id: str | None) -> None:
        """Use this one unless another is named; None = the server's own. Raises NotThere."""
        with self._saving.of(user.name):
            known = self.seen_by(user)
            if profile_id is not None:
                self._old(known, profile_id)
            self._book.put(user.name, replace(known, active_id=profile_id,
                                              active_at=self._now(known)))

    def delete(self, user: User, profile_id: str) -> None:
        """Take one away with its key. Raises NotThere."""
        with self._saving.of(user.name):
            known = self.seen_by(user)
            self._old(known, profile_id)
            self._book.put(user.name, without(known, profile_id, self._now(known)))
        self._audit.note("model deleted", user)

    def changed(self, user: User, request: ProfileRequest) -> Profiles:
        """All of the user's as they would be with this one saved. Raises what ``save`` does."""
        request = check(request, default_path=self._own.path, inside=self._inside)
        known = self.seen_by(user)
        old = self._old(known, request.id)
        return with_one(known, self._profile(request, old, request.id or "", self._now(known)))

    async def try_out(self, user: User, request: ProfileRequest) -> Trial:
        """One small call with what is entered, saved or not.

        Raises InputError, TooManyTries, ModelError.
        """
        endpoint = await asyncio.to_thread(self._endpoint, user, request)
        self._allowances.model_test(user.name)
        return await _within(TRIAL_SECONDS, self._probe.try_out(endpoint, _TRIAL))

    async def models(self, user: User, request: ProfileRequest | None = None) -> tuple[str, ...]:
        """Names that the server offers. Raises InputError, TooManyTries, ModelError.

        ``request``: what is entered; None = the active profile, or else the server's own.
        """
        endpoint = await asyncio.to_thread(self._endpoint, user, request)
        self._allowances.model_test(user.name)
        return await _within(LIST_SECONDS, self._probe.models(endpoint))

    def judge(self, request: ProfileRequest) -> None:
        """Raises InputError for what nobody could save."""
        check(request, default_path=self._own.path, inside=self._inside)

    def _endpoint(self, user: User, request: ProfileRequest | None) -> Endpoint:
        known = self.opened(user)
        if request is None:
            return endpoint_of(known.active, self._own) if known.active else self._own
        old = self._old(known, request.id)
        if old is not None and not request.base_url:
            return endpoint_of(old, self._own)
        request = check(request, default_path=self._own.path, inside=self._inside)
        profile = self._profile(request, old, request.id or "", self._now(known))
        return endpoint_of(profile, self._own)

    def _profile(
        self, request: ProfileRequest, old: Profile | None, profile_id: str, now: datetime
    ) -> Profile:
        """As it would be saved; ``request`` is checked already."""
        return Profile(
            id=profile_id, name=request.name or "", base_url=request.base_url, path=request.path,
            model=request.model, api_key=_key(request, old),
            is_locked=old is not None and old.is_locked and request.api_key is None
            and not request.drops_key,
            dialect="ratio1" if request.dialect == "ratio1" else
            "openai" if request.dialect else None,
            parameters=request.parameters, requests_per_minute=request.requests_per_minute,
            tokens_per_minute=request.tokens_per_minute, max_in_flight=request.max_in_flight,
            polled=request.polled, created_at=old.created_at if old else now, updated_at=now,
        )

    def _old(self, known: Profiles, profile_id: str | None) -> Profile | None:
        """The one that is changed; None = a new one. Raises NotThere."""
        found = known.get(profile_id) if profile_id else None
        if profile_id and found is None:
            raise NotThere(_NONE)
        return found

    def _now(self, known: Profiles) -> datetime:
        """Later than anything that is known, as exact as it is stored."""
        return max(from_iso(to_iso(self._clock.now())), known.latest + timedelta(milliseconds=1))


def _key(request: ProfileRequest, old: Profile | None) -> str | None:
    """The key from now on. Raises InputError where the old one would go somewhere else."""
    if request.api_key is not None or request.drops_key or old is None or old.api_key is None:
        return request.api_key
    if not same_origin(request.base_url, old.base_url):
        message = (f"Enter the key again: it was saved for {old.base_url} and goes nowhere else.")
        raise InputError(message, [Problem(path="apiKey", message=message)])
    return old.api_key


async def _within(seconds: float, answer: Coroutine[Any, Any, T]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise ModelUnreachable(f"The model server did not answer within {seconds:g} s.") from None
