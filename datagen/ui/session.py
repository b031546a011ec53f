"""Who looks at the page, and for how long still.

The gate puts the verified user into trusted headers, which Streamlit shows as ``st.user``;
an open tab outlives its handshake, so every run checks the session again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import streamlit as st

from datagen import bootstrap
from datagen.bootstrap import Services
from datagen.domain.users import Role, User

COOKIE = "datagen_session"


def app() -> Services:
    """The services of this web process."""
    return bootstrap.shared()


def require_user() -> User:
    """The signed-in user; a run without one ends here, on the sign-in page."""
    said = st.user.to_dict()  # at once: Streamlit looks for a secrets file at each question
    name, role = said.get("name"), said.get("role")
    if not isinstance(name, str) or not name or not _holds(said):
        st.info("Your session ended. Taking you to the sign-in page …", icon=":material/lock:")
        st.logout()  # leads the browser to /auth/logout, a route of ours
        st.stop()
    address = said.get("address")
    return User(name=name, role=role_of(name, "admin" if role == "admin" else "user"),
                address=address if isinstance(address, str) else None)


def role_of(name: str, known: Role) -> Role:
    """The role now: it may have changed since the tab was opened."""
    account = app().accounts.present(name)
    return known if account is None else account.role


def is_alive() -> bool:
    """Whether the session this tab was opened with still holds."""
    return _holds(st.user.to_dict())


def _holds(said: Mapping[str, object]) -> bool:
    name, session, expires = (said.get(key) for key in ("name", "session", "expires"))
    if not (isinstance(name, str) and isinstance(session, str) and isinstance(expires, str)):
        return False
    try:
        until = datetime.fromtimestamp(int(expires), UTC)
    except ValueError:
        return False
    return app().accounts.session_alive(session, name, until)


def sign_out(user: User) -> None:
    """End the session everywhere on this replica and leave."""
    token = st.context.cookies.get(COOKIE)
    if token:
        app().accounts.sign_out(token)
        app().audit.note("signed out", user)
    st.logout()
