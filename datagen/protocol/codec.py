"""Values to and from the JSON that is stored: names and types are the contract (DATA.md 2).

Decoding is tolerant of unknown and missing optional fields, and raises ValueError for
anything else: who reads a store decides what to do with a record it can't read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from datagen.domain.jobs import (
    InFlight,
    Inference,
    Job,
    JobDetails,
    PeerState,
    RecordError,
    Share,
    Status,
)

_STATUSES = frozenset({"queued", "running", "succeeded", "failed"})


def dumps(value: Any) -> str:
    """Compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def to_iso(moment: datetime) -> str:
    """ISO-8601 in UTC with milliseconds and ``Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def from_iso(text: object) -> datetime:
    """An aware time in UTC. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError(f"not a time: {text!r}")  # noqa: TRY004 - one error kind for unreadable records
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _optional_iso(text: object) -> datetime | None:
    return None if text is None else from_iso(text)


def _without_none(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None}


def _whole(record: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = record.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} is not a count: {value!r}")
    return value


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text: {value!r}")  # noqa: TRY004 - one error kind for unreadable records
    return value


def _object(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error kind for unreadable records
    return record


def job_record(job: Job) -> dict[str, Any]:
    """The Job as the API and the store show it."""
    return _without_none({
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
    })


def load_job(text: str) -> Job:
    """Raises ValueError for anything that is not a Job."""
    record = _object(text)
    status, peers = record.get("status"), record.get("peers")
    if status not in _STATUSES:
        raise ValueError(f"unknown status {status!r}")
    if not isinstance(peers, list) or not peers or not all(isinstance(p, str) for p in peers):
        raise ValueError("peers is not a list of ids")
    duration, error = record.get("recordsDurationMs"), record.get("error")
    return Job(
        id=_text(record, "id"),
        owner=_text(record, "owner"),
        title=_text(record, "title"),
        status=cast("Status", status),
        total_records=_whole(record, "totalRecords"),
        dataset_mode=record.get("datasetMode") is True,
        peers=tuple(peers),
        total_generated=_whole(record, "totalGenerated", 0),
        total_ok=_whole(record, "totalOk", 0),
        total_failed=_whole(record, "totalFailed", 0),
        details_cid=_text(record, "jobDetailsCid"),
        created_at=from_iso(record.get("createdAt")),
        schema_generated_at=from_iso(record.get("schemaGeneratedAt", record.get("createdAt"))),
        schema_duration_ms=_whole(record, "schemaDurationMs", 0),
        schema_refreshes=_whole(record, "schemaRefreshes", 0),
        updated_at=from_iso(record.get("updatedAt", record.get("createdAt"))),
        started_at=_optional_iso(record.get("jobStartedAt")),
        finished_at=_optional_iso(record.get("jobFinishedAt")),
        records_duration_ms=duration if isinstance(duration, int) else None,
        error=error if isinstance(error, str) else None,
    )


def peer_record(state: PeerState) -> dict[str, Any]:
    """The PeerState as the API and the store show it."""
    tokens = {"prompt": state.prompt_tokens, "completion": state.completion_tokens}
    return _without_none({
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
        "calls": state.calls,
        "tokens": tokens if any(tokens.values()) else None,
        "trouble": state.trouble,
        "inc": state.inc,
        "rev": state.rev,
    })


def load_peer(text: str) -> PeerState:
    """Raises ValueError for anything that is not a PeerState."""
    record = _object(text)
    span = record.get("range")
    if not isinstance(span, dict):
        raise ValueError("range is missing")  # noqa: TRY004 - one error kind for unreadable records
    tokens = record.get("tokens") or {}
    trouble = record.get("trouble")
    return PeerState(
        peer_id=_text(record, "peerId"),
        share=Share(start=_whole(span, "start"), end=_whole(span, "end")),
        generated_ok=_whole(record, "generatedOk", 0),
        generated_failed=_whole(record, "generatedFailed", 0),
        started_at=_optional_iso(record.get("startedAt")),
        last_update_at=_optional_iso(record.get("lastUpdateAt")),
        finished_at=_optional_iso(record.get("finishedAt")),
        result_cid=record.get("resultCid"),
        errors_cid=record.get("errorsCid"),
        errors=tuple(
            RecordError(index=_whole(e, "index"), message=_text(e, "message"))
            for e in record.get("errors") or ()
        ),
        in_flight=tuple(
            InFlight(index=_whole(f, "index"), attempt=_whole(f, "attempt"),
                     started_at=from_iso(f.get("startedAt")))
            for f in record.get("inFlight") or ()
        ),
        calls=_whole(record, "calls", 0),
        prompt_tokens=_whole(tokens, "prompt", 0),
        completion_tokens=_whole(tokens, "completion", 0),
        trouble=trouble if isinstance(trouble, str) else None,
        inc=_whole(record, "inc", 0),
        rev=_whole(record, "rev", 0),
    )


def details_record(details: JobDetails) -> dict[str, Any]:
    """The JobDetails as the API and the file show it."""
    inference = details.inference
    return {
        "id": details.id,
        "owner": details.owner,
        "description": details.description,
        "instructions": details.instructions,
        "schema": details.schema,
        "inference": _without_none({
            "useExternalApi": inference.use_external_api,
            "profileId": inference.profile_id,
            "baseUrl": inference.base_url,
            "path": inference.path,
            "model": inference.model,
            "parameters": dict(inference.parameters) or None,
        }),
        "datasetMode": details.dataset_mode,
        "createdAt": to_iso(details.created_at),
        "schemaGeneratedAt": to_iso(details.schema_generated_at),
        "schemaDurationMs": details.schema_duration_ms,
        "schemaRefreshes": details.schema_refreshes,
    }


def load_details(text: str) -> JobDetails:
    """Raises ValueError for anything that is not a JobDetails."""
    record = _object(text)
    inference, schema = record.get("inference"), record.get("schema")
    if not isinstance(inference, dict) or not isinstance(schema, dict):
        raise ValueError("inference or schema is missing")
    parameters = inference.get("parameters")
    return JobDetails(
        id=_text(record, "id"),
        owner=_text(record, "owner"),
        description=_text(record, "description"),
        instructions=_text(record, "instructions"),
        schema=schema,
        inference=Inference(
            base_url=_text(inference, "baseUrl"),
            path=_text(inference, "path"),
            model=inference.get("model"),
            parameters=parameters if isinstance(parameters, dict) else {},
            use_external_api=inference.get("useExternalApi") is True,
            profile_id=inference.get("profileId"),
        ),
        dataset_mode=record.get("datasetMode") is True,
        created_at=from_iso(record.get("createdAt")),
        schema_generated_at=from_iso(record.get("schemaGeneratedAt", record.get("createdAt"))),
        schema_duration_ms=_whole(record, "schemaDurationMs", 0),
        schema_refreshes=_whole(record, "schemaRefreshes", 0),
    )
