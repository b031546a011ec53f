"""What a person may do to a job: cancel, retry, close, delete it. All ask first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from datagen.domain.errors import Conflict, DatagenError, NotThere
from datagen.domain.requests import MAX_TITLE
from datagen.services.jobs import JobView
from datagen.ui import again, components, dialogs, pages
from datagen.ui.session import app, require_user
from datagen.ui.words import count, plain

_DELETED = "job_actions.deleted"  # title of the job that was just deleted
_ASKED = "job_actions.asked"  # the job and the question that stands over its page


def question(view: JobView) -> None:
    """What is being asked, at every run: a page that is drawn anew takes no question away."""
    asked = st.session_state.get(_ASKED)
    if asked and asked[0] == view.job.id:
        _QUESTIONS[asked[1]](view)


def is_being_typed(view: JobView) -> bool:
    """Whether a new title is: a page that is drawn anew would put the old one back."""
    return st.session_state.get(_ASKED) == (view.job.id, "rename")


def _ask(view: JobView, question: str) -> None:
    st.session_state[_ASKED] = (view.job.id, question)


def _nothing_asked() -> None:
    st.session_state.pop(_ASKED, None)


def _answered() -> None:
    _nothing_asked()
    st.rerun()


def buttons(view: JobView) -> None:
    """What may be done to the job as it is."""
    if view.job.is_over:
        _delete_button(view)
        _retry_button(view)
    elif view.not_closed:
        _close_button(view)
    else:
        _cancel_button(view)
    _again_button(view)


def _cancel_button(view: JobView) -> None:
    """For a job that is open and was not cancelled yet."""
    if st.button("Cancel", icon=":material/stop_circle:", disabled=view.is_ending):
        _ask(view, "cancel")


def _retry_button(view: JobView) -> None:
    """For a job that is over with fewer good records than it should have."""
    if view.retryable and st.button(_other_records(view), icon=":material/replay:"):
        _ask(view, "retry")


def _close_button(view: JobView) -> None:
    """For a job that is complete and has too few peers left to end by itself."""
    if view.not_closed and st.button("Close", icon=":material/task_alt:",
                                     disabled=view.is_closing):
        _ask(view, "close")


def _again_button(view: JobView) -> None:
    """For any job: the new page, filled with what this one was asked for."""
    if st.button("Same again", icon=":material/content_copy:", type="tertiary",
                 help="Start a new dataset from this one, and change something."):
        st.switch_page(pages.NEW, query_params={again.PARAMETER: view.job.id})


def rename_button(view: JobView) -> None:
    """For any job."""
    if st.button("Rename", icon=":material/edit:", type="tertiary"):
        _ask(view, "rename")


def _delete_button(view: JobView) -> None:
    """For a job that is over."""
    if st.button("Delete", icon=":material/delete:", type="tertiary"):
        _ask(view, "delete")


def say_deleted() -> None:
    """On the page that a deletion leads to: what was deleted."""
    _nothing_asked()  # who went there with the browser's button left the question behind
    title = st.session_state.pop(_DELETED, None)
    if title is not None:
        st.toast(f"**{plain(title)}** was deleted.", icon=":material/delete:")


@dialogs.asks("Rename this job", then=_nothing_asked)
def ask_for_title(view: JobView) -> None:
    """The question for a job's new title."""
    user = require_user()  # a dialog runs without the page
    title = st.text_input("Title", value=view.job.title, max_chars=MAX_TITLE)
    components.quiet("Files that are downloaded from now on are named after it.")
    with st.container(horizontal=True):
        confirmed = st.button("Rename it", type="primary", icon=":material/check:")
        declined = st.button("Keep it")
    if confirmed:
        try:
            app().jobs.rename(user, view.job.id, title)
        except DatagenError as exc:
            st.error(plain(str(exc)), icon=":material/error:")
            return
    if confirmed or declined:
        _answered()


@dialogs.asks("Cancel this job?", then=_nothing_asked)
def ask_to_cancel(view: JobView) -> None:
    """The question before a job is cancelled."""
    user = require_user()  # a dialog runs without the page
    done, total = view.progress.done, view.progress.total
    st.markdown(
        f"**{plain(view.job.title)}** has {done:,} of {count(total, 'record')}. What is there "
        "is kept, to look at and to download; the others are not generated."
    )
    _follow(partial(app().jobs.cancel, user, view.job.id), yes="Cancel the job",
            icon=":material/stop_circle:", no="Let it run")


@dialogs.asks("Generate the other records?", then=_nothing_asked)
def ask_to_retry(view: JobView) -> None:
    """The question before a job's next round."""
    user = require_user()  # a dialog runs without the page
    st.markdown(
        f"**{plain(view.job.title)}** has {view.job.total_ok:,} good records of "
        f"{view.job.total_records:,}. The other {view.retryable:,} are asked for once more; "
        "those that are there stay as they are, and can be downloaded meanwhile."
    )
    _follow(partial(app().jobs.retry, user, view.job.id), yes="Generate them",
            icon=":material/replay:", no="Leave it so")


@dialogs.asks("Close this job as it is?", then=_nothing_asked)
def ask_to_close(view: JobView) -> None:
    """The question before a job ends without most of its peers."""
    user = require_user()  # a dialog runs without the page
    st.markdown(
        f"**{plain(view.job.title)}** has {count(view.progress.done, 'record')} of "
        f"{view.job.total_records:,}, and too few of its peers can be reached to agree on them. "
        "Closed here, what this replica can read becomes its dataset for good, whatever the "
        "others still have when they are back."
    )
    _follow(partial(app().jobs.close, user, view.job.id), yes="Close the job",
            icon=":material/task_alt:", no="Wait for the others")


def _follow(act: Callable[[], None], *, yes: str, icon: str, no: str) -> None:
    """Two buttons; do what was asked and confirmed, and let the page show how it is then."""
    with st.container(horizontal=True):
        confirmed = st.button(yes, type="primary", icon=icon)
        declined = st.button(no)
    if confirmed:
        try:
            act()
        except Conflict:
            pass  # somebody was quicker, or it ended meanwhile, as the page shows
        except DatagenError as exc:
            st.error(plain(str(exc)), icon=":material/cloud_off:")
            return
    if confirmed or declined:
        _answered()


def _other_records(view: JobView) -> str:
    """What a retry does: ``Retry 12 failed records``."""
    if not view.job.total_failed:
        return f"Generate {count(view.retryable, 'missing record')}"
    if view.job.total_failed == view.retryable:
        return f"Retry {count(view.retryable, 'failed record')}"
    return f"Generate the other {view.retryable:,} records"


@dialogs.asks("Delete this job?", then=_nothing_asked)
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
            app().audit.note("dataset deleted", user, view.job.id)
        except NotThere:
            pass  # somebody was quicker, in another tab
        except DatagenError as exc:
            st.error(plain(str(exc)), icon=":material/cloud_off:")
            return
        _nothing_asked()
        st.session_state[_DELETED] = view.job.title
        st.switch_page(pages.JOBS)
    if no:
        _answered()


_QUESTIONS = {"rename": ask_for_title, "cancel": ask_to_cancel, "retry": ask_to_retry,
              "close": ask_to_close, "delete": ask_to_delete}
