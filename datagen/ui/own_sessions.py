"""The part of the account page that shows open sessions and ends them."""

from __future__ import annotations

import re
from contextlib import suppress

import streamlit as st

from datagen.domain.errors import NotThere
from datagen.domain.users import User
from datagen.services.open_sessions import OpenSession
from datagen.ui import components, dialogs
from datagen.ui.session import app, require_user
from datagen.ui.words import plain

_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
             ("Safari/", "Safari"))
_SYSTEMS = (("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"),
            ("Mac OS X", "macOS"), ("Linux", "Linux"))


def browser_of(agent: str) -> str:
    """``Firefox on Linux``; a script's own name; "Unknown" for nothing."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    if browser:
        return f"{browser} on {system}" if system else browser
    return re.sub(r"[^\w./ -]", "", agent)[:40].strip() or "Unknown"


def draw(user: User) -> None:
    """All that are known here, newest first."""
    st.subheader("Open sessions", anchor=False)
    present = str(st.user.get("session") or "")
    for one in app().own_account.sessions(user):
        _row(user, one, is_present=present.startswith(one.id))
    if len(app().settings.peers) > 1:
        components.quiet("Sessions that were opened at another address of DataGen are not listed. "
                         "Signing out everywhere ends them too, usually within seconds.")
    if st.button("Sign out everywhere", icon=":material/logout:"):
        _everywhere()


def _row(user: User, one: OpenSession, *, is_present: bool) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center",
                      horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            here = " :green-badge[This one]" if is_present else ""
            st.markdown(f"**{plain(browser_of(one.agent))}**{here}")
            components.quiet(f"From {one.address or 'unknown'} · signed in "
                             f"{components.moment(one.opened_at)} · until "
                             f"{components.moment(one.expires_at)}")
        if not is_present and st.button("End", key=f"end_{one.id}", icon=":material/close:"):
            with suppress(NotThere):  # it ended by itself meanwhile
                app().own_account.end_session(user, one.id)
            st.rerun()


@dialogs.asks("Sign out everywhere")
def _everywhere() -> None:
    user = require_user()  # a dialog runs without the page
    st.markdown("Every session of yours ends, this one too. Personal tokens go on working.")
    with st.container(horizontal=True):
        if st.button("Sign out everywhere", type="primary", key="everywhere"):
            app().own_account.end_all_sessions(user)
            st.logout()
        if st.button("Keep them"):
            st.rerun()
