"""What a job was asked to make, from the file store."""

from __future__ import annotations

from datagen.domain.errors import NotThere, StoreError
from datagen.domain.jobs import Job, JobDetails
from datagen.ports import FileStore
from datagen.protocol.codec import load_details

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
