"""Accounts and what belongs to them in the shapes of the HTTP API."""

from __future__ import annotations

from typing import Any

from datagen.domain.audit import Event
from datagen.domain.tokens import Token
from datagen.protocol.fields import to_iso
from datagen.services.administration import Member
from datagen.services.fleet import Peer
from datagen.services.open_sessions import OpenSession


def session_answer(one: OpenSession, present: str) -> dict[str, Any]:
    """``present``: the id of the session that asks."""
    return {"id": one.id, "openedAt": to_iso(one.opened_at), "expiresAt": to_iso(one.expires_at),
            "address": one.address, "agent": one.agent, "current": present.startswith(one.id)}


def token_answer(token: Token) -> dict[str, Any]:
    """A personal token, without what opens anything."""
    return {"id": token.id, "name": token.name, "scope": token.scope,
            "createdAt": to_iso(token.created_at), "expiresAt": to_iso(token.expires_at),
            "lastUsedAt": to_iso(token.used_at) if token.used_at else None}


def member_answer(one: Member) -> dict[str, Any]:
    """An account as admins see it."""
    account, person = one.account, one.person
    return {"username": account.name, "role": account.role, "active": account.active,
            "name": person.name, "email": person.email, "country": person.country,
            "mailFailedAt": to_iso(person.mail_failed_at) if person.mail_failed_at else None,
            "mustChangePassword": account.must_change,
            "createdAt": to_iso(account.created_at), "updatedAt": to_iso(account.updated_at),
            "jobs": one.counts.jobs, "openJobs": one.counts.open, "records": one.counts.records}


def peer_answer(peer: Peer) -> dict[str, Any]:
    """A peer as admins see it; nulls where nothing is known."""
    vitals = peer.vitals
    return {"peerId": peer.id, "here": peer.is_here, "alive": peer.is_alive,
            "silentForSeconds": None if peer.silent_for is None else round(peer.silent_for),
            "version": peer.version, "waitingJobs": peer.waiting_jobs,
            "waitingRecords": peer.waiting_records, "storeCalls": vitals.store_calls,
            "storeErrors": vitals.store_errors, "lastError": vitals.trouble or None,
            "lastErrorAt": to_iso(vitals.trouble_at) if vitals.trouble_at else None}


def event_answer(event: Event) -> dict[str, Any]:
    """An entry of the audit log."""
    return {"at": to_iso(event.at), "what": event.what, "who": event.who, "about": event.about,
            "address": event.address, "times": event.times, "peer": event.peer}
