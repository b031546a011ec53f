"""The account and the admin page in their states: empty, the store away, not allowed."""

from __future__ import annotations

import html

import pytest
from streamlit.testing.v1 import AppTest

from datagen.adapters.local import LocalStore
from datagen.domain.errors import StoreError
from datagen.domain.users import User
from tests.ui.replica import ADA, BEN, ROOT, World, signed_in

PASSWORD = "a password of some length"
ROOT_USER = User(name="root", role="admin")


@pytest.fixture
def admin(world: World) -> User:
    world.services.accounts.create("root", PASSWORD, role="admin")
    return ROOT_USER


def said(at: AppTest) -> str:
    return "\n".join(html.unescape(item.proto.body) for item in at.get("html"))


def away(*_: object) -> None:
    raise StoreError("The disk is gone.")


def test_an_account_without_jobs_shows_zeros_and_nothing_that_is_anothers(world: World) -> None:
    world.finish("Secret plans", records=2)
    at = world.open("account", user=BEN)

    assert not at.exception
    assert {metric.value for metric in at.metric} == {"0"}
    assert "Signed in as ben" in said(at)
    assert "Secret plans" not in said(at)


def test_an_account_counts_what_was_made(world: World) -> None:
    world.finish(records=6)
    at = world.open("account")

    assert [metric.value for metric in at.metric if metric.label in {"Jobs", "Records made"}] == [
        "1", "6"]


def test_an_account_that_can_not_be_read_says_so_and_comes_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(world.services.directory), "known", away)
        at = world.open("account")
    assert not at.exception
    assert at.info[0].value.startswith("Your account can't be shown yet; this page tries again")
    at.run()
    assert "Signed in as ada" in said(at)


def test_sessions_and_tokens_that_can_not_be_read_leave_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(world.services.tokens), "list", away)
    monkeypatch.setattr(type(world.services.own_account), "sessions", away)
    at = world.open("account")

    assert not at.exception
    assert [item.value.partition(";")[0] for item in at.info] == [
        "Your sessions can't be shown yet", "Your tokens can't be shown yet"]
    assert at.metric


@pytest.mark.parametrize("role", ["user", "admin"])
def test_for_who_is_no_admin_there_is_no_admin_page(world: World, role: str) -> None:
    """Whatever the tab was opened as: the account counts."""
    at = world.open("admin", user=User(name=ADA.name, role="admin" if role == "admin" else "user"))

    assert not at.exception
    assert any("You have no jobs yet" in item.value for item in at.markdown)  # the first page
    assert "Administration" not in said(at)
    assert not at.tabs
    assert not at.dataframe


def test_the_admin_page_run_alone_shows_a_user_nothing(world: World) -> None:
    at = AppTest.from_file(str(ROOT / "pages/admin.py"), default_timeout=20)
    at.user = signed_in(User(name=ADA.name, role="admin"))  # as when the tab was opened
    at.run()

    assert [item.value for item in at.info] == ["There is no such page."]
    assert not at.tabs


def test_an_admin_sees_accounts_peers_settings_and_the_log(world: World, admin: User) -> None:
    at = world.open("admin", user=admin)

    assert not at.exception
    assert [tab.label for tab in at.tabs] == ["Accounts", "Peers", "Settings", "Audit log"]
    assert "3 accounts" in said(at) or any("3 accounts" in item.value for item in at.markdown)


def test_a_log_without_an_entry_says_so(world: World, admin: User) -> None:
    at = world.open("admin", user=admin)

    assert any("Nothing has happened yet" in item.value for item in at.info)


def test_what_an_admin_can_not_be_shown_is_told_tab_by_tab(
    world: World, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = world.services
    for owner, name in ((services.administration, "members"), (services.fleet, "peers"),
                        (services.audit, "latest")):
        monkeypatch.setattr(type(owner), name, away)
    at = world.open("admin", user=admin)

    assert not at.exception
    assert [item.value.partition(";")[0] for item in at.info] == [
        "The accounts can't be shown yet", "The peers can't be shown yet",
        "The audit log can't be shown yet"]
    assert any("Variable" in frame.value for frame in at.dataframe)  # settings need no store


def test_an_admin_page_with_the_store_away_is_no_broken_page(
    world: World, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = world.open("admin", user=admin)
    monkeypatch.setattr(LocalStore, "hgetall", away)
    at.run()

    assert not at.exception



def _frame() -> None:
    from dataclasses import replace

    import streamlit as st

    from datagen.ui import notices
    from datagen.ui.session import require_user

    user = require_user()
    drawn = st.session_state.setdefault("drawn", [])
    drawn.append(user.role)
    notices.watch(user if len(drawn) > 1 else replace(user, role="admin"))


def test_who_is_no_admin_any_more_is_shown_the_page_anew(world: World) -> None:
    at = AppTest.from_function(_frame, default_timeout=20)
    at.user = signed_in(ADA)
    assert at.run().session_state["drawn"] == ["user", "user"]  # was drawn for an admin before
