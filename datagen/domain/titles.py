"""Under which title a job is shown, whoever renamed it where."""

from __future__ import annotations

from dataclasses import replace

from datagen.domain.asked import Rename
from datagen.domain.jobs import Job


def named(job: Job, rename: Rename | None) -> Job:
    """The job under the later of its own title and this one.

    In the entry of a job of the earlier application anybody could have written when it was
    renamed: so it doesn't say, and what its peers say counts.
    """
    known = [one for one in (job.renamed, rename) if one]
    if not known:
        return job
    latest = max(known)
    return replace(job, title=latest.title, renamed=latest if job.inc else None)


def is_named(job: Job, rename: Rename | None) -> bool:
    """Whether the job's entry shows that title, or a later one."""
    return named(job, rename) == job
