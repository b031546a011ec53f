"""Accounts as admins see and change them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from datagen.domain.errors import DatagenError
from datagen.domain.users import Role, User
from datagen.services.administration import Member
from datagen.ui import components, dialogs
from datagen.ui.session import app, require_user
from datagen.ui.words import code, count, plain

_SHOWN_ONCE = "admin.shown_once"  # name and new password, until they were read
SHOWN = 20  # accounts per page of the list


def draw(user: User) -> None:
    """Search, what there is, and what may be done with each."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input("Search", placeholder="User name, name, e-mail or country",
                               icon=":material/search:")
        if st.button("New account", icon=":material/person_add:", type="primary"):
            _create()
    if _SHOWN_ONCE in st.session_state:
        _show_once(*st.session_state[_SHOWN_ONCE])
    members = app().administration.members(user, search)
    if not members:
        st.info("No account fits what you search for.", icon=":material/search_off:")
        return
    components.quiet(count(len(members), "account"))
    last = -(-len(members) // SHOWN)
    page = min(st.session_state.get("accounts_page", 1), last)
    for member in members[(page - 1) * SHOWN : page * SHOWN]:
        _row(user, member)
    if last > 1:
        st.pagination(last, key="accounts_page")


def _row(user: User, member: Member) -> None:
    account, person, counts = member.account, member.person, member.counts
    about = " · ".join(filter(None, (
        person.name, person.email, person.country,
        f"{count(counts.jobs, 'job')}, {counts.open:,} open, {count(counts.records, 'record')}",
        components.since(account.created_at),
        "sign-up mail not delivered" if person.mail_failed_at else None)))
    with st.container(border=True, horizontal=True, vertical_alignment="center",
                      horizontal_alignment="distribute"):
        with st.container(width="content", gap=None):
            you = ":gray-badge[you] " if account.name == user.name else ""
            st.markdown(f"**{plain(account.name)}** {you}{_badges(member)}")
            components.quiet(about)
        if account.name == user.name:
            return
        choice = st.menu_button("Change", _actions(member), key=f"change_{account.name}")
    if choice:
        _ask(member, choice)


def _badges(member: Member) -> str:
    account = member.account
    marks = [":blue-badge[admin]"] if account.role == "admin" else []
    if not account.active:
        marks.append(":red-badge[deactivated]")
    if account.must_change:
        marks.append(":orange-badge[password to be changed]")
    if account.imported:
        marks.append(":gray-badge[imported]")
    return " ".join(marks)


def _actions(member: Member) -> list[str]:
    role = "Make user" if member.account.role == "admin" else "Make admin"
    return ["Reset password", role, *(["Deactivate"] if member.account.active else [])]


@dialogs.asks("Change account")
def _ask(member: Member, choice: str) -> None:
    user, name = require_user(), member.account.name  # a dialog runs without the page
    consequence, act = {
        "Reset password": (
            "gets a new password, shown to you once, and has to change it at the next sign-in. "
            "Open sessions and personal tokens of this account end"
            + ("." if member.account.active else "; it can be used again."),
            lambda: _reset(user, name)),
        "Make admin": ("can see and change all accounts, settings and the audit log from now on.",
                       lambda: _role(user, name, "admin")),
        "Make user": ("sees no administration any more.", lambda: _role(user, name, "user")),
        "Deactivate": ("can't sign in any more; open tabs, sessions and personal tokens end. "
                       "Jobs go on. Resetting the password brings the account back.",
                       lambda: _deactivate(user, name)),
    }[choice]
    st.markdown(f"**{plain(name)}** {consequence}")
    _confirm(choice, act)


@dialogs.asks("New account")
def _create() -> None:
    user = require_user()  # a dialog runs without the page
    name = st.text_input("User name", max_chars=64, placeholder="ada")
    is_admin = st.checkbox("Admin")
    components.quiet("A password is made and shown to you once. Its owner has to change it.")

    def make() -> None:
        made = app().administration.create(user, name, "admin" if is_admin else "user")
        st.session_state[_SHOWN_ONCE] = (made.account.name, made.password)

    _confirm("Create account", make)


def _confirm(label: str, act: Callable[[], None]) -> None:
    """Two buttons; what goes wrong is said between them and what was asked."""
    with st.container(horizontal=True):
        is_meant = st.button(label, type="primary", key="confirmed")
        if st.button("Leave it"):
            st.rerun()
    if not is_meant:
        return
    try:
        act()
    except DatagenError as exc:
        st.error(plain(str(exc)), icon=":material/error:")
    else:
        st.rerun()


def _reset(user: User, name: str) -> None:
    st.session_state[_SHOWN_ONCE] = (name, app().administration.reset(user, name))


def _role(user: User, name: str, role: Role) -> None:
    app().administration.set_role(user, name, role)


def _deactivate(user: User, name: str) -> None:
    app().administration.deactivate(user, name)


def _show_once(name: str, password: str) -> None:
    with st.container(border=True):
        st.markdown(f":material/key: **Give {code(name)} this password. It is shown only this "
                    "once.**")
        st.code(password, language=None)
        if st.button("I have noted it", icon=":material/check:"):
            del st.session_state[_SHOWN_ONCE]
            st.rerun()
