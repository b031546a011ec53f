"""What a job was asked to make: as the API shows it, and as its file in the file store holds it."""

from __future__ import annotations

from typing import Any

from datagen.domain.errors import NotThere, StoreError
from datagen.domain.jobs import JOB_ID, Inference, Job, JobDetails
from datagen.domain.users import USER_NAME
from datagen.ports import FileStore
from datagen.protocol.fields import (
    MAX_VALUE,
    dialect_of,
    from_iso,
    id_of,
    load_object,
    milliseconds,
    optional_text,
    text_of,
    to_iso,
    whole,
    without_none,
)

MAX_BYTES = 4 * 1024 * 1024  # a schema is far smaller; more is not ours


def read_details(files: FileStore, job: Job) -> JobDetails:
    """The job's immutable details. Raises StoreError while they can't be read."""
    try:
        with files.open(job.details_cid, most=MAX_BYTES) as stream:
            details = load_details(stream.read().decode())
    except NotThere as exc:
        raise StoreError(
            "The file that says what this job should make is not there yet."
        ) from exc
    except OSError as exc:
        raise StoreError(
            "The file that says what this job should make can't be read right now."
        ) from exc
    except ValueError as exc:
        raise StoreError("The file that says what this job should make is damaged.") from exc
    if (details.id, details.owner) != (job.id, job.owner):
        raise StoreError("The file that says what this job should make belongs to another.")
    return details


def details_record(details: JobDetails) -> dict[str, Any]:
    """The JobDetails as the API and the file show it."""
    inference = details.inference
    return {
        "id": details.id,
        "owner": details.owner,
        "description": details.description,
        "instructions": details.instructions,
        "schema": details.schema,
        "inference": without_none({
            "useExternalApi": inference.use_external_api,
            "profileId": inference.profile_id,
            "baseUrl": inference.base_url,
            "path": inference.path,
            "model": inference.model,
            "parameters": dict(inference.parameters) or None,
            "own": inference.own or None,
            "dialect": inference.dialect,
        }),
        "datasetMode": details.dataset_mode,
        "createdAt": to_iso(details.created_at),
        "schemaGeneratedAt": to_iso(details.schema_generated_at),
        "schemaDurationMs": details.schema_duration_ms,
        "schemaRefreshes": details.schema_refreshes,
    }


def load_details(text: str) -> JobDetails:
    """Raises ValueError for anything that is not a JobDetails."""
    record = load_object(text, MAX_BYTES)
    inference, schema = record.get("inference"), record.get("schema")
    if not isinstance(inference, dict) or not isinstance(schema, dict):
        raise ValueError("inference or schema is missing")  # noqa: TRY004 - as above
    parameters = inference.get("parameters")
    return JobDetails(
        id=id_of(record, "id", JOB_ID),
        owner=id_of(record, "owner", USER_NAME),
        description=text_of(record, "description", MAX_VALUE),
        instructions=text_of(record, "instructions", MAX_VALUE),
        schema=schema,
        inference=Inference(
            base_url=text_of(inference, "baseUrl"),
            path=text_of(inference, "path"),
            model=optional_text(inference, "model"),
            parameters=parameters if isinstance(parameters, dict) else {},
            use_external_api=inference.get("useExternalApi") is True,
            profile_id=optional_text(inference, "profileId"),
            own=inference.get("own") is True,
            dialect=dialect_of(inference),
        ),
        dataset_mode=record.get("datasetMode") is True,
        created_at=from_iso(record.get("createdAt")),
        schema_generated_at=from_iso(record.get("schemaGeneratedAt", record.get("createdAt"))),
        schema_duration_ms=milliseconds(record, "schemaDurationMs") or 0,
        schema_refreshes=whole(record, "schemaRefreshes", 0),
    )
