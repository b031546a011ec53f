"""What a person may do to a job: cancel it, delete it. Both ask first."""

from __future__ import annotations

import streamlit as st

from datagen.domain.errors import Conflict, DatagenError, NotThere
from datagen.services.jobs import JobView
from datagen.ui import pages
from datagen.ui.session import app, require_user
from datagen.ui.words import count, plain

_DELETED = "job_actions.deleted"  # title of the job that was just deleted


def cancel_button(view: JobView) -> None:
    """For a job that is open and was not cancelled yet."""
    if st.button("Cancel", icon=":material/stop_circle:", disabled=view.is_ending):
        ask_to_cancel(view)


def delete_button(view: JobView) -> None:
    """For a job that is over."""
    if st.button("Delete", icon=":material/delete:", type="tertiary"):
        ask_to_delete(view)


def say_deleted() -> None:
    """On the page that a deletion leads to: what was deleted."""
    title = st.session_state.pop(_DELETED, None)
    if title is not None:
        st.toast(f"**{plain(title)}** was deleted.", icon=":material/delete:")


@st.dialog("Cancel this job?")
def ask_to_cancel(view: JobView) -> None:
    """The question before a job is cancelled."""
    user = require_user()  # a dialog runs without the page
    done, total = view.progress.done, view.progress.total
    st.markdown(
        f"**{plain(view.job.title)}** has {done:,} of {count(total, 'record')}. What is there "
        "is kept, to look at and to download; the others are not generated."
    )
    with st.container(horizontal=True):
        yes = st.button("Cancel the job", type="primary", icon=":material/stop_circle:")
        no = st.button("Let it run")
    if yes:
        try:
            app().jobs.cancel(user, view.job.id)
        except Conflict:
            pass  # it ended in the meantime, as the page shows
        except DatagenError as exc:
            st.error(plain(str(exc)), icon=":material/cloud_off:")
            return
    if yes or no:
        st.rerun()


@st.dialog("Delete this job?")
def ask_to_delete(view: JobView) -> None:
    """The question before a job is deleted."""
    user = require_user()  # a dialog runs without the page
    st.markdown(
        f"**{plain(view.job.title)}**, its {count(view.job.total_ok, 'record')} and all that "
        "is stored of it are deleted. This can't be undone."
        + ("" if view.job.inc else " It was made by the earlier application: its files stay in "
           "R1FS, but DataGen no longer knows their ids.")
    )
    with st.container(horizontal=True):
        yes = st.button("Delete for good", type="primary", icon=":material/delete:")
        no = st.button("Keep it")
    if yes:
        try:
            app().jobs.delete(user, view.job.id)
        except NotThere:
            pass  # somebody was quicker, in another tab
        except DatagenError as exc:
            st.error(plain(str(exc)), icon=":material/cloud_off:")
            return
        st.session_state[_DELETED] = view.job.title
        st.switch_page(pages.JOBS)
    if no:
        st.rerun()
