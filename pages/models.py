"""Models: the server's own and the user's; add, test, choose, change, delete."""

from __future__ import annotations

import streamlit as st

from datagen.domain.errors import StoreError
from datagen.domain.profile_requests import ProfileRequest
from datagen.domain.profiles import Profile
from datagen.ui import components, model_actions, model_cards, model_form
from datagen.ui.session import app, require_user
from datagen.ui.words import count

user = require_user()
services = app()
try:
    known = services.profiles.seen_by(user)
except StoreError as exc:
    components.title("Models")
    components.not_yet("Your models can't be shown yet", exc)
    components.redraw_soon()
    st.stop()


def draw_form(old: Profile | None) -> None:
    """The fields of one model, and what can be done with them."""
    components.title(f"Change {old.name}" if old else "Add a model")
    if said := model_form.meanwhile():
        st.warning(said, icon=":material/sync_problem:")
    with st.container(border=True):
        request = model_form.draw(model_actions.problems(), old)
    with st.container(horizontal=True):
        anew = model_actions.forget_problems
        saves = st.button("Save", type="primary", icon=":material/save:", on_click=anew)
        tests = st.button("Test connection", icon=":material/cable:", on_click=anew)
        lists = st.button("List models", icon=":material/list:", on_click=anew)
        if st.button("Cancel", type="tertiary"):
            model_form.close()
            st.rerun()
    if saves:
        model_actions.save(user, request, known)
    if tests:
        model_actions.try_out(user, request, path=request.path, dialect=request.dialect)
    if lists:
        model_actions.list_models(user, request)
    model_actions.show_trial(request.id)
    model_actions.take_models()


def draw_list() -> None:
    """Every model, the one in use marked."""
    with st.container(horizontal=True, vertical_alignment="center",
                      horizontal_alignment="distribute"):
        components.title("Models")
        full = len(known.all) >= services.profiles.most
        if st.button("Add a model", icon=":material/add:", type="primary", disabled=full,
                     help=f"{count(services.profiles.most, 'model')} are the most." if full
                     else None):
            model_actions.edit(None)
    components.quiet("A model drafts your schemas and writes every record. The one in use is "
                     "chosen for a new dataset unless you choose another there.")
    if model_cards.own_card(active=known.active is None):
        model_actions.use(user, None)
    for profile in known.all:
        act(profile, model_cards.card(profile, active=profile.id == known.active_id))
        model_actions.show_trial(profile.id)
    if not known.all:
        components.quiet("Connect a model of your own: a server that speaks OpenAI's API, such as "
                         "vLLM, llama.cpp, Ollama or LM Studio, or a Ratio1 node.")


def act(profile: Profile, wanted: str | None) -> None:
    """What a button of a card asks for."""
    match wanted:
        case "use":
            model_actions.use(user, profile.id)
        case "edit":
            model_actions.edit(profile)
        case "test":
            model_actions.try_out(user, ProfileRequest(id=profile.id), path=profile.path,
                                  dialect=profile.dialect)
        case "delete":
            model_actions.delete(user, profile, known)


opened = model_form.opened()
edited = known.get(opened) if opened else None
if model_form.keep_up(edited):
    st.rerun()  # what was clicked meant something else
if opened is None:
    draw_list()
else:
    draw_form(edited)
