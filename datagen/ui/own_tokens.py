"""The part of the account page that makes, shows and revokes personal tokens."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

import streamlit as st

from datagen.domain.errors import DatagenError, NotThere
from datagen.domain.tokens import MAX_NAME, Token
from datagen.domain.users import User
from datagen.ui import components, dialogs
from datagen.ui.session import app, require_user
from datagen.ui.words import plain

_FRESH = "account.fresh_token"  # the text of the token just made, until the page is left
_LIVES = {30: "30 days", 90: "90 days", 365: "a year"}
_SCOPES = {"read": "Read jobs and datasets", "run": "Read, and make and change jobs"}


def draw(user: User) -> None:
    """What there is, the new one's text this once, and the form for another."""
    st.subheader("Personal tokens", anchor=False)
    components.quiet("A script sends one in place of your password. It never opens your account, "
                     "your model profiles or administration.")
    if _FRESH in st.session_state:
        _show(st.session_state[_FRESH])
    tokens = app().tokens.list(user)
    for token in tokens:
        _row(user, token)
    _form(user, len(tokens))


def _show(text: str) -> None:
    parts = urlsplit(st.context.url or "http://localhost:8501")
    with st.container(border=True):
        st.markdown(":material/key: **Copy your token now. It is shown only this once.**")
        st.code(text, language=None, wrap_lines=True)
        components.quiet("Your jobs, for example:")
        st.code(f'curl -H "Authorization: Bearer {text}" \\\n'
                f"  {parts.scheme}://{parts.netloc}/api/tasks", language="bash", wrap_lines=True)
        if st.button("I have copied it", icon=":material/check:"):
            del st.session_state[_FRESH]
            st.rerun()


def _row(user: User, token: Token) -> None:
    used = f"last used {components.moment(token.used_at)}" if token.used_at else "never used"
    with st.container(border=True, horizontal=True, vertical_alignment="center",
                      horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            st.markdown(f"**{plain(token.name)}** :gray-badge[{token.scope}]")
            components.quiet(f"Made {components.moment(token.created_at)} · {used} · ends "
                             f"{components.moment(token.expires_at)}")
        if st.button("Revoke", key=f"revoke_{token.id}", icon=":material/block:"):
            _revoke(token)


@dialogs.asks("Revoke token")
def _revoke(token: Token) -> None:
    user = require_user()  # a dialog runs without the page
    st.markdown(f"Scripts that use **{plain(token.name)}** are refused from now on. "
                "It can't be brought back.")
    with st.container(horizontal=True):
        if st.button("Revoke", type="primary", key="revoke_for_good"):
            with suppress(NotThere):  # somebody was quicker
                app().tokens.revoke(user, token.id)
            st.rerun()
        if st.button("Keep it"):
            st.rerun()


def _form(user: User, tokens: int) -> None:
    with st.form("new_token", border=True):
        name = st.text_input("Name", max_chars=MAX_NAME, placeholder="nightly export",
                             key=f"token_name_{tokens}")  # empty again once it made one
        left, right = st.columns(2)
        scope = left.selectbox("May", list(_SCOPES), format_func=_SCOPES.__getitem__)
        days = right.selectbox("Works for", list(_LIVES), index=1, format_func=_LIVES.__getitem__)
        if not st.form_submit_button("Create token", icon=":material/add:"):
            return
    try:
        made = app().tokens.create(user, name, scope, days)
    except DatagenError as exc:
        st.error(plain(str(exc)), icon=":material/error:")
        return
    st.session_state[_FRESH] = made.text
    st.rerun()
