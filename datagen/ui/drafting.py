"""From what the form asks for to a draft, and from a draft to a job: the page of a new dataset."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from datagen.domain.errors import DatagenError, InputError, ModelError, Problem
from datagen.domain.requests import DraftRequest, check
from datagen.domain.users import User
from datagen.services.drafts import Draft
from datagen.ui import dataset_form, pages, schema_editor, slow
from datagen.ui.paste_box import Given
from datagen.ui.session import app
from datagen.ui.words import code, count, drafted_in, plain

_DRAFT, _PROBLEMS, _CALL = "new_draft", "new_problems", "draft"


def current() -> Draft | None:
    """The draft that is being edited."""
    draft: Draft | None = st.session_state.get(_DRAFT)
    return draft


def problems() -> Sequence[Problem]:
    """What the last try found wrong with the form."""
    found: Sequence[Problem] = st.session_state.get(_PROBLEMS, ())
    return found


def ask(user: User, request: DraftRequest, previous: Draft | None) -> None:
    """Begin the one call to the model."""
    st.session_state[_PROBLEMS] = ()
    drafts = app().drafts

    def call() -> Draft:
        token = drafts.sign(user, previous) if previous else None
        return asyncio.run(drafts.draft(user, replace(request, previous_token=token)))

    slow.begin(_CALL, call)


def take() -> None:
    """What the call came to; what the form holds stays whatever comes back."""
    try:
        made = slow.outcome(_CALL, "The model drafts a schema …")
    except InputError as exc:
        st.session_state[_PROBLEMS] = exc.problems
        slow.done(_CALL)
        st.rerun()
    except ModelError as exc:
        slow.done(_CALL)
        st.error(f"{plain(str(exc))} {plain(exc.advice)}", icon=":material/error:")
    except DatagenError as exc:
        slow.done(_CALL)
        st.error(plain(str(exc)), icon=":material/error:")
    else:
        if made is not None:
            edit(made)


def take_given(user: User, request: DraftRequest, given: Given) -> None:
    """A draft of the user's own schema or sample; no model is asked."""
    try:
        made = app().drafts.from_schema(user, request, given.found.schema, given.title)
    except InputError as exc:
        st.session_state[_PROBLEMS] = exc.problems
        st.rerun()
    dataset_form.take(made)
    edit(replace(made, changes=(*given.found.notes, *made.changes)))


def edit(made: Draft, *, anew: bool = False) -> None:
    """Edit a new draft; Undo leads back to the schema of the one before it, unless ``anew``."""
    st.session_state[_PROBLEMS] = ()
    schema_editor.load(made.schema, anew=anew or current() is None)
    st.session_state[_DRAFT] = made
    slow.done(_CALL)  # the draft that it came to, or one that took its place
    st.rerun()


def resume(draft: Draft) -> None:
    """Go on with a draft of before, as far as it was edited."""
    schema_editor.load(draft.schema, anew=True)
    st.session_state[_DRAFT] = draft


def create(user: User, request: DraftRequest, draft: Draft) -> None:
    """Confirm: the schema is checked again where it is stored."""
    schema, services = schema_editor.result(), app()
    try:
        asked = check(request, max_records=services.settings.max_records_per_job)
        changed = replace(draft, title=asked.title, description=asked.description,
                          instructions=asked.instructions, total_records=asked.total_records,
                          inference=services.drafts.inference(user, asked))
        with st.spinner("Storing what the job is to make …"):
            job_id = services.jobs.confirm(user, services.drafts.sign(user, changed),
                                           schema=schema)
    except InputError as exc:
        st.session_state[_PROBLEMS] = exc.problems
        st.error(plain(str(exc)), icon=":material/error:")
        for problem in exc.problems:
            st.markdown(f"- {code(problem.path or 'schema')}: {plain(problem.message)}")
        return
    except DatagenError as exc:
        st.error(plain(str(exc)), icon=":material/error:")
        return
    del st.session_state[_DRAFT]
    slow.done(_CALL)
    dataset_form.clear()
    st.switch_page(pages.JOB, query_params={"id": job_id})


def origin(draft: Draft) -> str:
    """Where the schema comes from."""
    if not draft.schema_duration_ms:
        return "Read from what you gave; no model was asked."
    again = f" · drafted again {count(draft.schema_refreshes, 'time')}" \
        if draft.schema_refreshes else ""
    return f"Drafted in {drafted_in(draft.schema_duration_ms)}{again}."
