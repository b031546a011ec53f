"""accounts list: who is behind a name, wherever that was kept."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from datagen import cli
from datagen.adapters.local import LocalStore
from datagen.protocol import keys
from tests import golden


@pytest.fixture
def store(folder: Path) -> LocalStore:
    """As the earlier application left it: one account, and what its owner said at sign-up."""
    stored = golden.vector("user_settings_users_index_session")
    (folder / "data").mkdir()
    store = LocalStore(folder / "data" / "store.sqlite3")
    for name, text in stored["auth"].items():
        store.hset("datagen:auth", name, text)
    for name, text in stored["users"].items():
        store.hset(keys.USERS, name, text)
    return store


def listed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert cli.main(["accounts", "list"]) == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_name_and_email_are_told_where_they_are_known(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(store):
        assert listed(capsys) == [
            "admin admin since 2026-11-22",
            "bea_3ff5 user since 2026-11-22 Bea Test <bea@example.com>",
        ]
        assert cli.main(["accounts", "list", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told[1]["email"] == "bea@example.com"
        assert told[0]["email"] is None


def test_the_account_itself_or_the_email_index_tells_it_too(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(store):
        store.hset(keys.USERS, "bea_3ff5", None)
        store.hset(keys.EMAILS, "root@example.com", "admin")
        assert listed(capsys) == [
            "admin admin since 2026-11-22 <root@example.com>",
            "bea_3ff5 user since 2026-11-22 Bea Test <bea@example.com>",
        ]


def test_a_password_that_never_arrived_is_told(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = golden.vector("user_settings_users_index_session")["mail_failures"]
    with closing(store):
        for email, text in failed.items():
            store.hset(keys.MAIL_FAILURES, email, text)
        assert listed(capsys)[1].endswith("sign-up mail not delivered since 2026-11-22")
        store.hset(keys.MAIL_FAILURES, "bea@example.com",
                   failed["bea@example.com"].replace("pending", "sent"))
        assert listed(capsys)[1].endswith("<bea@example.com>")


def test_what_steers_a_terminal_or_is_no_text_is_left_out(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(store):
        account = json.loads(store.hget("datagen:auth", "bea_3ff5") or "")
        account["metadata"] = {"name": "\x1b[2JBea\n" + "x" * 5_000, "email": ["a"]}
        store.hset("datagen:auth", "bea_3ff5", json.dumps(account))
        store.hset(keys.USERS, "bea_3ff5", None)
        line = listed(capsys)[1]
        assert "\x1b" not in line
        assert len(line) < 300
