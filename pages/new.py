"""New dataset: describe one record, draft its schema, edit it, create the job."""

from __future__ import annotations

import streamlit as st

from datagen.ui import (
    again,
    components,
    dataset_form,
    drafting,
    kept,
    model_choice,
    paste_box,
    schema_editor,
)
from datagen.ui.session import app, require_user
from datagen.ui.words import count, plain

user = require_user()
settings = app().settings
dataset_form.prepare(settings.ui_preset)
draft = drafting.current()

components.title("New dataset")
if copied := again.draft(user):
    drafting.edit(copied, anew=True)
with (st.container(border=True) if draft is None
      else st.expander("What you asked for", icon=":material/edit_note:")):
    request = model_choice.draw(user, dataset_form.draw(settings, drafting.problems()))
    if draft is None:
        if st.button("Draft schema", type="primary", icon=":material/draw:"):
            drafting.ask(user, request, None)
        drafting.take()
if given := paste_box.draw(again=draft is not None):
    drafting.take_given(user, request, given)

if draft is None:
    components.quiet("One call to the model drafts the schema; nothing is generated before you "
                     "have seen and confirmed it.")
else:
    with st.container(border=True):
        st.markdown("#### Schema of one record")
        components.quiet(f"{drafting.origin(draft)} Edit the table or the JSON; each updates the "
                         "other.")
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
            drafting.create(user, request, draft)
        if anew:
            drafting.ask(user, request, draft)
        drafting.take()
        if ready:
            schema_editor.outlook()
kept.draw(user, draft)
