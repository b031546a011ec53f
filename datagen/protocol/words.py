"""What a replica says of a job beside its share, to and from JSON: requests, votes, editions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal

from datagen.domain.asked import Asked, Rename, Request
from datagen.domain.editions import Vote, Word
from datagen.domain.jobs import MAX_RECORDS, PEER_ID, Edition
from datagen.domain.requests import MAX_TITLE
from datagen.domain.users import USER_NAME
from datagen.protocol.fields import (
    SHA256,
    cid_of,
    from_iso,
    id_of,
    load_object,
    message_of,
    optional_iso,
    optional_text,
    text_of,
    to_iso,
    whole,
    without_none,
)

_KINDS = tuple(field.name for field in fields(Asked) if field.name != "rename")


def asked_record(asked: Asked) -> dict[str, Any]:
    """What was asked of a job, as the API and the store show it; {} = nothing."""
    requests = {kind: getattr(asked, kind) for kind in _KINDS}
    found = {kind: request_record(one) for kind, one in requests.items() if one}
    if asked.rename is not None:
        found["rename"] = {**rename_record(asked.rename), "title": asked.rename.title}
    return found


def load_asked(record: object) -> Asked:
    """Raises ValueError for anything that is not what ``asked_record`` makes."""
    if not isinstance(record, dict):
        raise ValueError("asked is not an object")  # noqa: TRY004 - one error kind for unreadable records
    found: dict[str, Any] = {kind: load_request(record[kind]) for kind in _KINDS
                             if record.get(kind) is not None}
    rename = record.get("rename")
    if rename is not None:
        if not isinstance(rename, dict):
            raise ValueError("rename is not an object")
        found["rename"] = load_rename(rename, text_of(rename, "title", MAX_TITLE))
    return Asked(**found)


def rename_record(rename: Rename) -> dict[str, Any]:
    """Who renamed a job, and when; its title stands elsewhere."""
    return {"at": to_iso(rename.at), "by": rename.by}


def load_rename(record: object, title: str) -> Rename:
    """Raises ValueError for anything that ``rename_record`` does not make."""
    if not isinstance(record, dict):
        raise ValueError("not a rename")  # noqa: TRY004 - as above
    return Rename(at=from_iso(record.get("at")), by=id_of(record, "by", USER_NAME), title=title)


def request_record(request: Request) -> dict[str, Any]:
    """Who asked, when, and of which round."""
    return without_none({"at": to_iso(request.at), "by": request.by,
                         "round": request.round or None})


def load_request(record: object) -> Request:
    """Raises ValueError for anything that is not a request."""
    if not isinstance(record, dict):
        raise ValueError("not a request")  # noqa: TRY004 - as above
    return Request(at=from_iso(record.get("at")), by=id_of(record, "by", USER_NAME),
                   round=whole(record, "round", 0))


def word_record(word: Word) -> dict[str, Any]:
    """One replica's field among what is said of a job."""
    return without_none({
        "peerId": word.peer_id,
        **asked_record(word.asked),
        "vote": word.vote and _vote_record(word.vote),
        "ended": word.ended and edition_record(word.ended),
    })


def load_word(text: str) -> Word:
    """Raises ValueError for anything that is not what ``word_record`` makes."""
    record = load_object(text)
    vote, ended = record.get("vote"), record.get("ended")
    return Word(
        peer_id=id_of(record, "peerId", PEER_ID), asked=load_asked(record),
        vote=None if vote is None else _load_vote(vote),
        ended=None if ended is None else load_edition(ended),
        inc=whole(record, "inc", 0), rev=whole(record, "rev", 0),
    )


def _vote_record(vote: Vote) -> dict[str, Any]:
    return without_none({
        "round": vote.round, "promised": vote.promised, "ballot": vote.ballot,
        "taken": vote.taken and edition_record(vote.taken),
    })


def _load_vote(record: object) -> Vote:
    if not isinstance(record, dict):
        raise ValueError("not a vote")  # noqa: TRY004 - as above
    taken = record.get("taken")
    vote = Vote(round=whole(record, "round"), promised=whole(record, "promised"),
                ballot=whole(record, "ballot"),
                taken=None if taken is None else load_edition(taken))
    if vote.taken is not None and vote.taken.round != vote.round:
        raise ValueError("a vote for an edition of another round")
    return vote


def edition_record(edition: Edition) -> dict[str, Any]:
    """The Edition as the API and the store show it."""
    return without_none({
        "round": edition.round, "by": edition.by, "forced": edition.forced or None,
        "status": edition.status, "ok": edition.ok, "failed": edition.failed,
        "manifestCid": edition.manifest_cid, "sha256": edition.sha256,
        "startedAt": edition.started_at and to_iso(edition.started_at),
        "finishedAt": to_iso(edition.finished_at),
        "error": edition.error,
        "cancelledAt": edition.cancelled_at and to_iso(edition.cancelled_at),
        "cancelledBy": edition.cancelled_by,
    })


def load_edition(record: object) -> Edition:
    """Raises ValueError for anything that is not what ``edition_record`` makes."""
    if not isinstance(record, Mapping):
        raise ValueError("not an edition")  # noqa: TRY004 - as above
    status = record.get("status")
    if not isinstance(status, str) or status not in {"succeeded", "failed"}:
        raise ValueError("unknown status")
    final: Literal["succeeded", "failed"] = "succeeded" if status == "succeeded" else "failed"
    return Edition(
        round=whole(record, "round"), by=id_of(record, "by", PEER_ID),
        forced=record.get("forced") is True, status=final,
        ok=whole(record, "ok", most=MAX_RECORDS), failed=whole(record, "failed", most=MAX_RECORDS),
        manifest_cid=cid_of(record, "manifestCid"), sha256=id_of(record, "sha256", SHA256),
        started_at=optional_iso(record.get("startedAt")),
        finished_at=from_iso(record.get("finishedAt")),
        error=message_of(record, "error"),
        cancelled_at=optional_iso(record.get("cancelledAt")),
        cancelled_by=optional_text(record, "cancelledBy"),
    )
