"""Which of a user's open jobs need which model profile."""

from __future__ import annotations

from datagen.domain.endpoints import is_standing_in
from datagen.domain.profiles import Profiles
from datagen.domain.users import User
from datagen.services.jobs import Jobs, JobView


def jobs_that_stop(jobs: Jobs, user: User, *, now: Profiles, then: Profiles) -> list[JobView]:
    """Open jobs of the user's that can go on with the profiles there are now, but not then.

    Blocks; raises StoreError where it can't be told.
    """
    lost = []
    for view in jobs.list(user):
        if view.job.is_over:
            continue
        inference = jobs.details(user, view.job.id).inference
        if inference.use_external_api and not any(
                is_standing_in(profile, inference) for profile in then.all) and any(
                is_standing_in(profile, inference) for profile in now.all):
            lost.append(view)
    return lost
