"""Which model makes a new dataset: the server's own, or one of the user's."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from datagen.domain.errors import StoreError
from datagen.domain.profiles import Profiles
from datagen.domain.requests import DraftRequest
from datagen.domain.users import User
from datagen.ui import components
from datagen.ui.session import app
from datagen.ui.words import plain

_CHOICE = "form_model"
_OWN = ""  # the server's


def draw(user: User, request: DraftRequest) -> DraftRequest:
    """The request with the model that was chosen; nothing to choose from where there is one."""
    try:
        known = app().profiles.seen_by(user)
    except StoreError as exc:
        st.warning(f"Your models can't be read now, so this server's model is used. "
                   f"{plain(str(exc))}", icon=":material/cloud_off:")
        return request
    if not known.all:
        components.weak_model_note()
        return request
    names = {_OWN: "This server’s model"} | _names(known)
    if st.session_state.get(_CHOICE) not in names:
        st.session_state[_CHOICE] = known.active_id or _OWN
    chosen = st.selectbox("Model", list(names), key=_CHOICE, format_func=names.__getitem__,
                          persist_state="session",
                          help="It drafts the schema and writes every record.")
    if chosen == _OWN:
        components.weak_model_note()
        return request
    return replace(request, use_external_api=True, profile_id=chosen)


def take(profile_id: str | None) -> None:
    """Choose that model the next time they are drawn, if it is still there."""
    st.session_state[_CHOICE] = profile_id or _OWN


def _names(known: Profiles) -> dict[str, str]:
    """What each profile is called here, its model beside it."""
    return {one.id: f"{one.name} · {one.model}" if one.model else one.name for one in known.all}
