"""New dataset: describe one record, draft its schema, edit it, create the job."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import streamlit as st

from datagen.domain.errors import DatagenError, InputError, ModelError
from datagen.domain.requests import DraftRequest, check
from datagen.services.drafts import Draft
from datagen.ui import (
    again,
    components,
    dataset_form,
    model_choice,
    pages,
    paste_box,
    schema_editor,
    slow,
)
from datagen.ui.paste_box import Given
from datagen.ui.session import app, require_user
from datagen.ui.words import code, count, drafted_in, plain

_DRAFT, _PROBLEMS, _CALL = "new_draft", "new_problems", "draft"

user = require_user()
services = app()
dataset_form.prepare(services.settings.ui_preset)
draft: Draft | None = st.session_state.get(_DRAFT)


def ask(request: DraftRequest, previous: Draft | None) -> None:
    """Begin the one call to the model."""
    st.session_state[_PROBLEMS] = ()

    def call() -> Draft:
        token = services.drafts.sign(user, previous) if previous else None
        return asyncio.run(services.drafts.draft(user, replace(request, previous_token=token)))

    slow.begin(_CALL, call)


def take_draft() -> None:
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
            begin(made)


def begin(made: Draft) -> None:
    """Edit a new draft; Undo leads back to the schema of the one before it, if any."""
    st.session_state[_PROBLEMS] = ()
    schema_editor.load(made.schema, anew=_DRAFT not in st.session_state)
    st.session_state[_DRAFT] = made
    slow.done(_CALL)  # the draft that it came to, or one that took its place
    st.rerun()


def use_given(request: DraftRequest, given: Given) -> None:
    """A draft of the user's own schema or sample; no model is asked."""
    try:
        made = services.drafts.from_schema(user, request, given.found.schema, given.title)
    except InputError as exc:
        st.session_state[_PROBLEMS] = exc.problems
        st.rerun()
    dataset_form.take(made)
    begin(replace(made, changes=(*given.found.notes, *made.changes)))


def create(request: DraftRequest, current: Draft) -> None:
    """Confirm: the schema is checked again where it is stored."""
    schema = schema_editor.result()
    try:
        asked = check(request, max_records=services.settings.max_records_per_job)
        changed = replace(current, title=asked.title, description=asked.description,
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


components.title("New dataset")
if copied := again.draft(user):
    st.session_state.pop(_DRAFT, None)
    begin(copied)
with (st.container(border=True) if draft is None
      else st.expander("What you asked for", icon=":material/edit_note:")):
    request = dataset_form.draw(services.settings, st.session_state.get(_PROBLEMS, ()))
    request = model_choice.draw(user, request)
    if draft is None:
        if st.button("Draft schema", type="primary", icon=":material/draw:"):
            ask(request, None)
        take_draft()
if given := paste_box.draw(again=draft is not None):
    use_given(request, given)

if draft is None:
    components.quiet("One call to the model drafts the schema; nothing is generated before you "
                     "have seen and confirmed it.")
else:
    with st.container(border=True):
        st.markdown("#### Schema of one record")
        components.quiet(f"{origin(draft)} Edit the table or the JSON; each updates the other.")
        if draft.changes:
            with st.expander(f"{count(len(draft.changes), 'change')} made to it"):
                for change in draft.changes:
                    st.markdown(f"- {plain(change)}")
        ready = schema_editor.draw()
        with st.container(horizontal=True):
            confirmed = st.button("Create dataset", type="primary",
                                  icon=":material/play_arrow:", disabled=not ready)
            anew = st.button("Draft again", icon=":material/refresh:",
                             help="Asks the model once more and replaces the schema above.")
            schema_editor.undo_button()
        if confirmed:
            create(request, draft)
        if anew:
            ask(request, draft)
        take_draft()
        if ready:
            schema_editor.outlook()
