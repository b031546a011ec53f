"""What is under a job's figures: its peers, its calls, what is in flight or failed."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from datagen.domain.users import User
from datagen.services.jobs import JobView
from datagen.ui import job_calls, job_failures, job_peers, job_view


def of_finished(user: User, view: JobView) -> None:
    """Failures first: they are what one may act on."""
    if view.job.total_failed:
        job_failures.draw(user, view.job.id)
    job_peers.peers(view)
    job_calls.draw(view)
    job_view.converted(view)


def of_running(view: JobView, now: datetime) -> None:
    """``now``: as of when the view was read."""
    several = len(view.job.peers) > 1
    if several:  # what is to be said of them takes room
        job_peers.peers(view)
    if view.not_closed:
        return
    left, right = st.columns([2, 3] if several else [2, 5])
    with left:
        job_peers.in_flight(view, now)
    with right:
        if not several:
            job_peers.peers(view)
        job_calls.draw(view)
        job_view.converted(view)
        job_view.latest_failures(view)
