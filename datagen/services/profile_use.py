"""Which of a user's open jobs need which model profile."""

from __future__ import annotations

from datagen.domain.endpoints import origin
from datagen.domain.profiles import Profiles
from datagen.domain.users import User
from datagen.services.jobs import Jobs, JobView


def jobs_that_stop(jobs: Jobs, user: User, *, now: Profiles, then: Profiles) -> list[JobView]:
    """Open jobs of the user's that can go on with the profiles there are now, but not then.

    Blocks; raises StoreError where it can't be told.
    """
    left = {origin(one.base_url) for one in now.all} - {origin(one.base_url) for one in then.all}
    if not left:
        return []
    opened = [view for view in jobs.list(user) if not view.job.is_over]
    asked = [(view, jobs.details(user, view.job.id).inference) for view in opened]
    return [view for view, one in asked if one.use_external_api and origin(one.base_url) in left]
