"""Jobs and drafts in the shapes of the HTTP API (API.md), which are those of the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from datagen.domain.exports import ResultLine
from datagen.domain.jobs import JobDetails, PeerState, shares
from datagen.domain.profiles import Profile, Profiles
from datagen.protocol.codec import job_record, peer_record
from datagen.protocol.details import details_record
from datagen.protocol.fields import to_iso, without_none
from datagen.protocol.settings import profile_record
from datagen.protocol.words import asked_record
from datagen.services.drafts import Draft
from datagen.services.views import JobView

_BLOCK = 64 * 1024  # bytes of a long answer that leave together
_INTERNAL = frozenset({"inc", "rev", "unsealed"})
_OURS = frozenset({  # the earlier application's peers don't say
    "inFlight", "underWay", "allowed", "calls", "attempts", "tokens", "waitingMs", "workingMs",
})


def job_answer(view: JobView) -> dict[str, Any]:
    """The job; of one that is open, as far as its peers say it is."""
    return {k: v for k, v in job_record(view.job).items() if k not in _INTERNAL}


def round_answer(view: JobView) -> dict[str, Any]:
    """What is to be said beside a job that has not ended, of the round that runs; or {}.

    What people asked, who helps whom, and why it does not end though it is complete.
    """
    if view.job.is_over:
        return {}
    said = {"round": view.round, "asked": asked_record(view.asked.after(view.round - 1)),
            "helpers": dict(view.helpers), "notClosed": view.not_closed}
    return {name: value for name, value in said.items() if value}


def peer_answers(view: JobView) -> list[dict[str, Any]]:
    """One entry per peer, in the job's order; who did not report yet shows zeros."""
    answers = []
    for peer, share in shares(view.job.total_records, view.job.peers).items():
        state = view.states.get(peer) or PeerState(peer_id=peer, share=share)
        hidden = _INTERNAL if state.inc else _INTERNAL | _OURS
        answers.append({k: v for k, v in peer_record(state).items() if k not in hidden})
    return answers


def record_answer(line: ResultLine) -> dict[str, Any]:
    """One record's outcome; ``raw`` is the model's reply where one failed."""
    if line.ok:
        return {"index": line.i, "ok": True, "data": line.data}
    return without_none({"index": line.i, "ok": False, "error": line.error or "",
                         "raw": line.raw})


def record_page(lines: Iterable[ResultLine], *, total: int, offset: int) -> Iterator[bytes]:
    """Some of a job's records as JSON, as they are read: together they may be large."""
    held = bytearray(f'{{"total":{total},"offset":{offset},"records":['.encode())
    comma = b""
    for line in lines:
        held += comma + json.dumps(record_answer(line), ensure_ascii=False, allow_nan=False,
                                   separators=(",", ":")).encode()
        comma = b","
        if len(held) >= _BLOCK:
            yield bytes(held)
            held.clear()
    yield bytes(held + b"]}")


def details_answer(details: JobDetails) -> dict[str, Any]:
    """What the job was asked to make."""
    return details_record(details)


def settings_answer(profiles: Profiles, most: int) -> dict[str, Any]:
    """A user's model profiles, and the active one's fields at top level besides."""
    shown = {one.id: _profile_answer(one) for one in profiles.all}
    active = shown.get(profiles.active_id or "")
    flat = {name: (active or {}).get(name) for name in ("baseUrl", "model", "path")}
    return without_none({
        "activeProfileId": profiles.active_id, "maxProfiles": most,
        "profiles": list(shown.values()), "activeProfile": active, **flat,
        "hasApiKey": active is not None and active["hasApiKey"],
    })


def _profile_answer(profile: Profile) -> dict[str, Any]:
    """A profile without its key: nobody gets that any more."""
    record = {k: v for k, v in profile_record(profile).items() if k != "apiKey"}
    return record | {"hasApiKey": profile.api_key is not None}


def draft_answer(draft: Draft, token: str) -> dict[str, Any]:
    """A drafted schema and the token that confirms it."""
    return {
        "schema": draft.schema,
        "schemaGeneratedAt": to_iso(draft.schema_generated_at),
        "schemaDurationMs": draft.schema_duration_ms,
        "schemaRefreshes": draft.schema_refreshes,
        "draftToken": token,
        "failedAttempts": draft.failed_attempts,
    }
