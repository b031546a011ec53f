"""Drafts: a description goes to the model once, a schema in a signed token comes back.

Nothing is stored. A draft lives in its token for 30 minutes, belongs to one user, and
becomes at most one job, on the replica that made it (API.md; DATA.md, rule 12).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from datagen.domain.addresses import Networks
from datagen.domain.chat import ChatCall, Endpoint
from datagen.domain.endpoints import endpoint_for
from datagen.domain.errors import Conflict, InputError, ModelError, NotThere, SessionEnded
from datagen.domain.jobs import Inference
from datagen.domain.prompts import draft_messages
from datagen.domain.requests import DraftRequest, check, filled, inference_for
from datagen.domain.schema import own_draft, read_draft
from datagen.domain.users import User
from datagen.ports import ChatModel, Clock, TokenSigner
from datagen.protocol.fields import from_iso, to_iso
from datagen.services.allowances import Allowances
from datagen.services.profiles import ModelProfiles

__all__ = ["Draft", "DraftRequest", "Drafts"]

LIFETIME = timedelta(minutes=30)
DRAFT_TEMPERATURE = 0.2  # a schema is looked for, not a surprise
DRAFT_MAX_TOKENS = 2048
MAX_COUNTED = 1_000  # users whose failed attempts are remembered at once
_NOT_FOR_DRAFTS = frozenset({"temperature", "max_tokens", "stop"})  # meant for records
_EXPIRED = "This draft has expired; draft it again."


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A drafted dataset, not yet a job."""

    id: str  # kept when drafted again
    owner: str
    title: str
    total_records: int
    description: str
    instructions: str
    dataset_mode: bool
    inference: Inference
    schema: Mapping[str, Any]
    changes: tuple[str, ...] = ()  # what was mended in the model's reply, for its reader
    created_at: datetime  # of the first draft; with the id it gives the job's id
    schema_generated_at: datetime
    schema_duration_ms: int
    schema_refreshes: int = 0  # how often it was drafted again
    failed_attempts: int = 0  # calls that gave no schema


@dataclass(kw_only=True)
class Drafts:
    """Makes, signs and reads drafts."""

    chat: ChatModel
    signer: TokenSigner
    clock: Clock
    endpoint: Endpoint  # the server's own, used unless the request names another
    max_records: int
    peer_id: str
    profiles: ModelProfiles | None = None  # None: nobody has any
    allowances: Allowances | None = None
    inside: Networks = ()  # private networks where people's model servers may be
    new_id: Callable[[], str] = lambda: secrets.token_hex(16)
    _failures: OrderedDict[str, int] = field(default_factory=OrderedDict, repr=False)

    async def draft(self, user: User, request: DraftRequest) -> Draft:
        """One inference call. Raises InputError with a Problem per field, TooManyTries and
        ModelError.

        With ``previous_token`` it is the same draft made again: same id, one refresh more.
        """
        request = check(request, max_records=self.max_records)
        previous = self.read(user, request.previous_token) if request.previous_token else None
        inference, endpoint = await asyncio.to_thread(self._chosen, user, request)
        if self.allowances:
            self.allowances.draft(user.name)
        failed = self._failures.get(user.name, 0) + (previous.failed_attempts if previous else 0)
        refreshes = previous.schema_refreshes + 1 if previous else 0
        call = ChatCall(
            messages=draft_messages(request.title, request.description, request.instructions,
                                    request.dataset_mode, attempt=1 + refreshes + failed),
            temperature=DRAFT_TEMPERATURE,
            max_tokens=DRAFT_MAX_TOKENS,
            parameters={name: value for name, value in inference.parameters.items()
                        if name not in _NOT_FOR_DRAFTS},
        )
        begun = self.clock.monotonic()
        try:
            reply = await self.chat.complete(endpoint, call)
            # Aside: what a server answers may take long to read, and others are answered here.
            found = await asyncio.to_thread(
                read_draft, reply.text, dataset_mode=request.dataset_mode,
                classes=request.classes)
        except ModelError:
            self._count_failure(user.name)
            raise
        self._failures.pop(user.name, None)
        now = from_iso(to_iso(self.clock.now()))  # as exact as a token keeps it
        return Draft(
            id=previous.id if previous else self.new_id(),
            owner=user.name,
            title=request.title,
            total_records=request.total_records,
            description=request.description,
            instructions=request.instructions,
            dataset_mode=request.dataset_mode,
            inference=inference,
            schema=found.schema,
            changes=found.changes,
            created_at=previous.created_at if previous else now,
            schema_generated_at=now,
            schema_duration_ms=round((self.clock.monotonic() - begun) * 1000),
            schema_refreshes=refreshes,
            failed_attempts=failed,
        )

    def inference(self, user: User, request: DraftRequest) -> Inference:
        """What a job keeps of the model that a checked request names (blocking).

        Raises InputError for an address that may not be called, NotThere for a profile that
        the user does not have, StoreError.
        """
        if self.profiles is None and request.use_external_api:
            raise NotThere("You have no such model profile.")
        profile = self.profiles.chosen(user, request) if self.profiles else None
        return inference_for(request, self.endpoint, profile, self.inside)

    def _chosen(self, user: User, request: DraftRequest) -> tuple[Inference, Endpoint]:
        inference = self.inference(user, request)
        profiles = None
        if self.profiles and inference.use_external_api:
            profiles = self.profiles.opened(user)
        return inference, endpoint_for(inference, self.endpoint, profiles)

    def given(self, user: User, request: DraftRequest, schema: Mapping[str, Any]) -> Draft:
        """A draft with a schema of the user's own; no model is asked. Raises InputError."""
        return self._own(user, check(request, max_records=self.max_records), schema)

    def from_schema(
        self, user: User, request: DraftRequest, schema: Mapping[str, Any], title: str = ""
    ) -> Draft:
        """A draft of the user's own schema, made without a call: its duration is 0.

        Empty texts of the request are filled with what the schema says of itself, the title
        else with ``title``; in dataset mode a label is added. Raises InputError with a Problem
        per field.
        """
        request = check(filled(request, schema, title), max_records=self.max_records)
        found = own_draft(schema, request.classes if request.dataset_mode else None)
        return self._own(user, request, found.schema, found.changes)

    def _own(
        self, user: User, request: DraftRequest, schema: Mapping[str, Any],
        changes: tuple[str, ...] = (),
    ) -> Draft:
        """A draft that no call was made for; ``request`` is checked already."""
        now = from_iso(to_iso(self.clock.now()))  # as exact as a token keeps it
        return Draft(
            id=self.new_id(),
            owner=user.name,
            title=request.title,
            total_records=request.total_records,
            description=request.description,
            instructions=request.instructions,
            dataset_mode=request.dataset_mode,
            inference=self.inference(user, request),
            schema=schema,
            changes=changes,
            created_at=now,
            schema_generated_at=now,
            schema_duration_ms=0,
        )

    def _count_failure(self, name: str) -> None:
        self._failures[name] = self._failures.pop(name, 0) + 1
        if len(self._failures) > MAX_COUNTED:
            self._failures.popitem(last=False)

    def sign(self, user: User, draft: Draft) -> str:
        """A token for the draft, good for LIFETIME from now. Raises NotThere for another's."""
        if draft.owner != user.name:
            raise NotThere("There is no such draft.")
        now = self.clock.now()
        return self.signer.sign({
            "typ": "draft",
            "owner": draft.owner,
            "draftId": draft.id,
            "peer": self.peer_id,
            "iat": int(now.timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
            "draft": _claims(draft),
        })

    def read(self, user: User, token: str) -> Draft:
        """The draft in a token.

        Raises InputError when it is over or no draft, NotThere when it is somebody
        else's, Conflict when another replica made it.
        """
        try:
            claims = self.signer.read(token)
        except SessionEnded as exc:
            raise InputError(_EXPIRED) from exc
        if claims.get("typ") != "draft":
            raise InputError("This is not a draft; draft a schema first.")
        if claims.get("owner") != user.name:
            raise NotThere("There is no such draft.")
        if claims.get("peer") != self.peer_id:
            raise Conflict(
                f"This draft was made on the replica {claims.get('peer')} and can be confirmed "
                "only there. Open that replica, or draft it again here."
            )
        try:
            return _from_claims(str(claims["draftId"]), user.name, claims["draft"])
        except (KeyError, TypeError, ValueError) as exc:
            raise InputError(_EXPIRED) from exc  # ours, but written by another version


def _claims(draft: Draft) -> dict[str, Any]:
    inference = draft.inference
    return {
        "title": draft.title,
        "totalRecords": draft.total_records,
        "description": draft.description,
        "instructions": draft.instructions,
        "datasetMode": draft.dataset_mode,
        "inference": {
            "baseUrl": inference.base_url,
            "path": inference.path,
            "model": inference.model,
            "parameters": dict(inference.parameters),
            "own": inference.own,
            "useExternalApi": inference.use_external_api,
            "profileId": inference.profile_id,
            "dialect": inference.dialect,
        },
        "schema": draft.schema,
        "changes": list(draft.changes),
        "createdAt": to_iso(draft.created_at),
        "schemaGeneratedAt": to_iso(draft.schema_generated_at),
        "schemaDurationMs": draft.schema_duration_ms,
        "schemaRefreshes": draft.schema_refreshes,
        "failedAttempts": draft.failed_attempts,
    }


def _from_claims(draft_id: str, owner: str, record: Mapping[str, Any]) -> Draft:
    inference = record["inference"]
    return Draft(
        id=draft_id,
        owner=owner,
        title=record["title"],
        total_records=record["totalRecords"],
        description=record["description"],
        instructions=record["instructions"],
        dataset_mode=record["datasetMode"],
        inference=Inference(
            base_url=inference["baseUrl"],
            path=inference["path"],
            model=inference["model"],
            parameters=inference["parameters"],
            own=inference.get("own") is True,
            use_external_api=inference["useExternalApi"],
            profile_id=inference["profileId"],
            dialect=inference["dialect"],
        ),
        schema=record["schema"],
        changes=tuple(record["changes"]),
        created_at=from_iso(record["createdAt"]),
        schema_generated_at=from_iso(record["schemaGeneratedAt"]),
        schema_duration_ms=record["schemaDurationMs"],
        schema_refreshes=record["schemaRefreshes"],
        failed_attempts=record["failedAttempts"],
    )
