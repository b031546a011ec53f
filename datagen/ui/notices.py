"""What an open page says unasked: a job finished, the store is away, the session ended."""

from __future__ import annotations

import logging

import streamlit as st

from datagen.domain.errors import CutOff, DatagenError, StoreError
from datagen.domain.jobs import Job
from datagen.domain.users import User
from datagen.ui import dialogs, session
from datagen.ui.words import count, plain, when

_LOG = logging.getLogger(__name__)
_OPEN = "notices.open_jobs"  # ids of jobs that were not over when last looked at


def say_broken(exc: Exception) -> bool:
    """What a page shows where it breaks; the traceback goes to the log."""
    if isinstance(exc, DatagenError):
        st.error(f"{plain(str(exc))} Reload the page to try again.", icon=":material/error:")
        return True
    _LOG.error("A page broke.", exc_info=exc)
    st.error("Something went wrong on our side, and it was logged. Reload the page; what is "
             "stored is safe.", icon=":material/error:")
    return True


@st.fragment(run_every=5)
def watch(user: User) -> None:
    """Every few seconds: leave if the session ended, tell what finished meanwhile."""
    try:
        alive = session.is_alive()
    except CutOff:
        st.rerun()  # the whole page, which tells why it shows nothing
    if not alive:
        st.logout()
        return
    if session.role_of(user.name, user.role) != user.role:
        st.rerun()  # the whole page: an admin was made, or is none any more
    try:
        jobs = session.app().jobs.list(user)
        stale_since = session.app().jobs.snapshot().stale_since
    except StoreError:
        return  # the page itself says so
    if stale_since:
        lost = "The store can't be read" if session.app().settings.local else \
            "The shared store can't be reached"
        st.warning(f"{lost} since {when(stale_since, st.context.timezone)}. "
                   "This page shows what was last known and catches up by itself.",
                   icon=":material/cloud_off:")
    waiting: set[str] = st.session_state.get(_OPEN, set())
    now_open = {view.job.id for view in jobs if not view.job.is_over}
    if dialogs.is_open():  # a toast would take the question's place: it comes after the answer
        st.session_state[_OPEN] = waiting | now_open
        return
    for view in jobs:
        if view.job.id in waiting and view.job.is_over:
            _tell(view.job)
    st.session_state[_OPEN] = now_open


def _tell(job: Job) -> None:
    """How a job ended that was open when it was last looked at."""
    title, why = plain(job.title), plain(job.error or "")
    if job.status == "succeeded":
        st.toast(f"**{title}** is ready: {count(job.total_ok, 'record')}.",
                 icon=":material/task_alt:", duration="long")
    elif job.was_cancelled:
        st.toast(f"**{title}** ended. {why}", icon=":material/stop_circle:", duration="long")
    else:
        st.toast(f"**{title}** failed. {why}", icon=":material/error:", duration="long")
