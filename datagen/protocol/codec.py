"""Values to and from the JSON that is stored: names and types are the contract (DATA.md 2).

Decoding is tolerant of unknown and missing optional fields, and raises ValueError for
anything else: who reads a store decides what to do with a record it can't read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from datagen.domain.jobs import (
    JOB_ID,
    MAX_COERCED,
    MAX_IN_FLIGHT,
    MAX_LATEST_ERRORS,
    MAX_PARTS,
    MAX_PEERS,
    MAX_RECORDS,
    PEER_ID,
    Effort,
    InFlight,
    Job,
    Part,
    PeerState,
    RecordError,
    Share,
    Status,
)
from datagen.domain.totals import Totals
from datagen.domain.users import USER_NAME
from datagen.protocol.fields import (
    SHA256,
    cid_of,
    from_iso,
    id_of,
    load_object,
    message_of,
    milliseconds,
    objects,
    optional_cid,
    optional_iso,
    optional_text,
    text_of,
    to_iso,
    whole,
    without_none,
)
from datagen.protocol.usage import usage_in, usage_record
from datagen.protocol.words import edition_record, load_edition, load_rename, rename_record

_STATUSES = frozenset({"queued", "running", "succeeded", "failed"})
_MAX_NAME = 100  # characters of a field's path


def _counts(record: Mapping[str, Any], name: str) -> dict[str, int]:
    """Counts by name that may be absent, the first few. Raises ValueError."""
    items = record.get(name) or {}
    if not isinstance(items, dict):
        raise ValueError(f"{name} is not counts by name")  # noqa: TRY004 - as above
    return {key[:_MAX_NAME]: whole(items, key) for key in list(items)[:MAX_COERCED]}


def job_record(job: Job) -> dict[str, Any]:
    """The Job as the API and the store show it."""
    return without_none({
        "id": job.id,
        "owner": job.owner,
        "title": job.title,
        "status": job.status,
        "totalRecords": job.total_records,
        "datasetMode": job.dataset_mode,
        "peers": list(job.peers),
        "peerCount": len(job.peers),
        "totalGenerated": job.total_generated,
        "totalOk": job.total_ok,
        "totalFailed": job.total_failed,
        "jobDetailsCid": job.details_cid,
        "createdAt": to_iso(job.created_at),
        "schemaGeneratedAt": to_iso(job.schema_generated_at),
        "schemaDurationMs": job.schema_duration_ms,
        "schemaRefreshes": job.schema_refreshes,
        "updatedAt": to_iso(job.updated_at),
        "jobStartedAt": job.started_at and to_iso(job.started_at),
        "jobFinishedAt": job.finished_at and to_iso(job.finished_at),
        "recordsDurationMs": job.records_duration_ms,
        "error": job.error,
        "cancelledAt": job.cancelled_at and to_iso(job.cancelled_at),
        "cancelledBy": job.cancelled_by,
        "renamed": job.renamed and rename_record(job.renamed),
        "creator": job.creator or None,
        "round": job.edition and job.edition.round,
        "manifestCid": job.edition and job.edition.manifest_cid,
        "edition": job.edition and edition_record(job.edition),
        "inc": job.inc or None,
        "rev": job.rev or None,
    })


def load_job(text: str) -> Job:
    """Raises ValueError for anything that is not a Job."""
    record = load_object(text)
    status = record.get("status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise ValueError("unknown status")
    inc, title, renamed = whole(record, "inc", 0), text_of(record, "title"), record.get("renamed")
    return Job(
        id=id_of(record, "id", JOB_ID),
        owner=id_of(record, "owner", USER_NAME),
        title=title,
        renamed=load_rename(renamed, title) if inc and renamed else None,
        status=cast("Status", status),
        total_records=whole(record, "totalRecords", most=MAX_RECORDS),
        dataset_mode=record.get("datasetMode") is True,
        peers=_peers(record),
        total_generated=whole(record, "totalGenerated", 0),
        total_ok=whole(record, "totalOk", 0),
        total_failed=whole(record, "totalFailed", 0),
        details_cid=cid_of(record, "jobDetailsCid"),
        created_at=from_iso(record.get("createdAt")),
        schema_generated_at=from_iso(record.get("schemaGeneratedAt", record.get("createdAt"))),
        schema_duration_ms=milliseconds(record, "schemaDurationMs") or 0,
        schema_refreshes=whole(record, "schemaRefreshes", 0),
        updated_at=from_iso(record.get("updatedAt", record.get("createdAt"))),
        started_at=optional_iso(record.get("jobStartedAt")),
        finished_at=optional_iso(record.get("jobFinishedAt")),
        records_duration_ms=milliseconds(record, "recordsDurationMs"),
        error=message_of(record, "error"),
        cancelled_at=optional_iso(record.get("cancelledAt")),
        cancelled_by=optional_text(record, "cancelledBy"),
        creator=optional_text(record, "creator") or "",
        edition=load_edition(record["edition"]) if inc and record.get("edition") else None,
        inc=inc,
        rev=whole(record, "rev", 0),
    )


def _peers(record: Mapping[str, Any]) -> tuple[str, ...]:
    peers = record.get("peers")
    if not isinstance(peers, list) or not 0 < len(peers) <= MAX_PEERS:
        raise ValueError("peers is not a list of ids, or too long")
    if not all(isinstance(peer, str) and PEER_ID.fullmatch(peer) for peer in peers):
        raise ValueError("peers is not a list of ids")
    if len(set(peers)) < len(peers):  # shares follow from peers: one would have two
        raise ValueError("a peer is listed twice")
    return tuple(peers)


def peer_record(state: PeerState) -> dict[str, Any]:
    """The PeerState as the API and the store show it."""
    return without_none({
        "peerId": state.peer_id,
        "assigned": len(state.share),
        "range": {"start": state.share.start, "end": state.share.end},
        "generatedOk": state.generated_ok,
        "generatedFailed": state.generated_failed,
        "startedAt": state.started_at and to_iso(state.started_at),
        "lastUpdateAt": state.last_update_at and to_iso(state.last_update_at),
        "finishedAt": state.finished_at and to_iso(state.finished_at),
        "resultCid": state.result_cid,
        "errorsCid": state.errors_cid,
        "errors": [{"index": e.index, "message": e.message} for e in state.errors],
        "inFlight": [
            {"index": f.index, "attempt": f.attempt, "startedAt": to_iso(f.started_at)}
            for f in state.in_flight
        ],
        "underWay": state.under_way,
        "allowed": state.allowed,
        **usage_record(state.usage),
        "coerced": dict(state.coerced) or None,
        "trouble": state.trouble,
        "parts": [_part_record(part) for part in state.parts] or None,
        "effort": state.effort and {
            "of": state.effort.of, "round": state.effort.round, "ok": state.effort.ok,
            "failed": state.effort.failed,
        },
        "owner": state.owner,
        "unsealed": state.unsealed or None,
        "inc": state.inc,
        "rev": state.rev,
    })


def load_peer(text: str) -> PeerState:
    """Raises ValueError for anything that is not a PeerState.

    Who claims more records than its share has is heard as if it had them all.
    """
    record = load_object(text)
    span = record.get("range")
    if not isinstance(span, dict):
        raise ValueError("range is missing")  # noqa: TRY004 - as above
    share = Share(start=whole(span, "start", most=MAX_RECORDS),
                  end=whole(span, "end", most=MAX_RECORDS))
    if share.end < share.start:
        raise ValueError("range ends before it starts")
    ok = min(whole(record, "generatedOk", 0), len(share))
    return PeerState(
        peer_id=id_of(record, "peerId", PEER_ID),
        share=share,
        generated_ok=ok,
        generated_failed=min(whole(record, "generatedFailed", 0), len(share) - ok),
        started_at=optional_iso(record.get("startedAt")),
        last_update_at=optional_iso(record.get("lastUpdateAt")),
        finished_at=optional_iso(record.get("finishedAt")),
        result_cid=optional_cid(record, "resultCid"),
        errors_cid=optional_cid(record, "errorsCid"),
        errors=tuple(
            RecordError(index=whole(e, "index"), message=message_of(e, "message") or "")
            for e in objects(record, "errors")[-MAX_LATEST_ERRORS:]
        ),
        in_flight=tuple(
            InFlight(index=whole(f, "index"), attempt=whole(f, "attempt"),
                     started_at=from_iso(f.get("startedAt")))
            for f in objects(record, "inFlight")[:MAX_IN_FLIGHT]
        ),
        under_way=whole(record, "underWay", 0),
        allowed=None if record.get("allowed") is None else whole(record, "allowed"),
        usage=usage_in(record),
        coerced=_counts(record, "coerced"),
        trouble=message_of(record, "trouble"),
        parts=tuple(map(_load_part, objects(record, "parts")[:MAX_PARTS])),
        effort=None if record.get("effort") is None else _load_effort(record["effort"]),
        owner=None if record.get("owner") is None else id_of(record, "owner", USER_NAME),
        unsealed=record.get("unsealed") is True,
        inc=whole(record, "inc", 0),
        rev=whole(record, "rev", 0),
    )


def _part_record(part: Part) -> dict[str, Any]:
    return without_none({
        "from": part.start, "to": part.end, "cid": part.cid or None, "sha256": part.sha256,
        "round": part.round, "ok": part.ok, "failed": part.failed,
        "partial": None if part.whole else True,
    })


def _load_part(record: Mapping[str, Any]) -> Part:
    start, end = (whole(record, name, most=MAX_RECORDS) for name in ("from", "to"))
    size = max(0, end - start)
    ok = whole(record, "ok", most=size)
    return Part(start=start, end=end, cid=optional_cid(record, "cid") or "",
                sha256=None if record.get("sha256") is None else id_of(record, "sha256", SHA256),
                round=whole(record, "round", 0), ok=ok,
                failed=whole(record, "failed", most=size - ok),
                whole=record.get("partial") is not True)


def _load_effort(record: object) -> Effort:
    if not isinstance(record, dict):
        raise ValueError("effort is not an object")  # noqa: TRY004 - as above
    return Effort(of=id_of(record, "of", PEER_ID), round=whole(record, "round", 0),
                  ok=whole(record, "ok", most=MAX_RECORDS),
                  failed=whole(record, "failed", most=MAX_RECORDS))


def totals_record(totals: Totals) -> dict[str, Any]:
    """Totals as the API shows them and as the earlier application stored them."""
    return {
        "totalJobs": totals.jobs,
        "totalRecordsRequested": totals.requested,
        "totalRecordsGenerated": totals.generated,
        "activeJobs": totals.active,
        "failedJobs": totals.failed,
        "lastJobAt": totals.last_at and to_iso(totals.last_at),
    }


def load_totals(text: str) -> Totals:
    """Raises ValueError for anything that is not what ``totals_record`` makes."""
    record = load_object(text)
    return Totals(
        jobs=whole(record, "totalJobs", 0),
        requested=whole(record, "totalRecordsRequested", 0),
        generated=whole(record, "totalRecordsGenerated", 0),
        active=whole(record, "activeJobs", 0),
        failed=whole(record, "failedJobs", 0),
        last_at=optional_iso(record.get("lastJobAt")),
    )
