"""Accounts: the earlier application's auth library and ours, over one store."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import bcrypt
import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import Argon2Hasher, JwtSigner
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import SignInFailed
from datagen.domain.users import User
from datagen.ports import HashStore
from datagen.services.accounts import Accounts
from tests.npm.npm_driver import ADMIN_PASSWORD, Npm, NpmError

HKEY = "datagen:auth"
PEPPER = "a pepper of both, with ü"
PASSWORD = " pässwörd ✓ "


@pytest.fixture
def npm(npm: Npm) -> Npm:
    return npm.on(hkey=HKEY, secret=PEPPER)


@pytest.fixture
def accounts(store: HashStore) -> Accounts:
    clock = HandClock(datetime(2026, 12, 1, 12, tzinfo=UTC))
    return Accounts(
        store=store, desk=MemoryStore(), clock=clock, hkey=HKEY, hasher=Argon2Hasher(PEPPER),
        signer=JwtSigner("a secret of at least thirty-two bytes", clock),
    )


def cheap(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()


def refused_by_npm(npm: Npm, name: str, password: str) -> bool:
    with pytest.raises(NpmError) as caught:
        npm.auth("authenticate", name, password)
    return caught.value.code == "INVALID_CREDENTIALS"


def refused_here(accounts: Accounts, name: str, password: str) -> bool:
    with pytest.raises(SignInFailed):
        accounts.sign_in(name, password)
    return True


def signed_in(accounts: Accounts, name: str, password: str) -> User:
    return accounts.sign_in(name, password)[1].user


def test_an_account_the_npm_library_made_signs_in_here(npm: Npm, accounts: Accounts) -> None:
    npm.auth("createUser", " Ann.Lee ", PASSWORD,
             {"role": "admin", "metadata": {"name": "Ann Ø", "email": "ann@example.com"}})

    assert signed_in(accounts, "ann.lee", PASSWORD) == User(name="ann.lee", role="admin")
    assert accounts.get("ann.lee").metadata == {"name": "Ann Ø", "email": "ann@example.com"}
    assert refused_here(accounts, "ann.lee", PASSWORD.strip())


def test_an_account_made_here_signs_in_with_the_npm_library(npm: Npm, accounts: Accounts) -> None:
    made = accounts.create(" Bob_1 ", PASSWORD, metadata={"name": "Bøb 🐻"})

    assert npm.auth("authenticate", "BOB_1", PASSWORD) == {
        "username": "bob_1", "role": "user", "metadata": {"name": "Bøb 🐻"}, "type": "simple",
        "createdAt": "2026-12-01T12:00:00.000Z", "updatedAt": "2026-12-01T12:00:00.000Z",
    }
    assert made.account.name == "bob_1"
    assert refused_by_npm(npm, "bob_1", PASSWORD.strip())
    with pytest.raises(NpmError, match="already exists"):
        npm.auth("createUser", "bob_1", "another")


def test_a_password_changed_by_either_is_the_password_of_both(
    npm: Npm, accounts: Accounts
) -> None:
    accounts.create("eve", "first")

    npm.auth("changePassword", "eve", "first", "second")
    user = signed_in(accounts, "eve", "second")
    assert refused_here(accounts, "eve", "first")

    accounts.change_password(user, "second", "a third of some length")
    assert npm.auth("authenticate", "eve", "a third of some length")["username"] == "eve"
    assert refused_by_npm(npm, "eve", "second")


def test_who_is_deactivated_here_is_refused_by_the_npm_library(
    npm: Npm, accounts: Accounts
) -> None:
    accounts.create("gone", PASSWORD)

    accounts.deactivate("gone")

    assert refused_by_npm(npm, "gone", PASSWORD)
    assert npm.auth("getUser", "gone")["role"] == "user"


def test_whom_the_earlier_application_deactivated_is_refused_here(
    npm: Npm, accounts: Accounts
) -> None:
    npm.auth("createUser", "left", PASSWORD)
    record = json.loads(npm.cstore("hget", hkey=HKEY, key="left"))

    npm.cstore("hset", hkey=HKEY, key="left", value=json.dumps({**record, "password": None}))

    assert refused_here(accounts, "left", PASSWORD)
    assert accounts.get("left").active is False


def test_a_bcrypt_hash_that_waits_is_no_fault_to_the_npm_library_until_its_owner_signs_in_here(
    npm: Npm, accounts: Accounts
) -> None:
    accounts.take_over("old", cheap(PASSWORD))

    assert npm.auth("getUser", "old")["role"] == "user"
    assert {user["username"] for user in npm.auth("getAllUsers")} == {"admin", "old"}
    assert refused_by_npm(npm, "old", PASSWORD)

    assert signed_in(accounts, "old", PASSWORD)
    assert npm.auth("authenticate", "old", PASSWORD)["metadata"] == {}


def test_a_bcrypt_hash_that_waits_is_dropped_when_the_npm_library_rewrites_the_account(
    npm: Npm, accounts: Accounts
) -> None:
    accounts.take_over("old", cheap(PASSWORD))
    assert accounts.get("old").imported

    npm.auth("updateUser", "old", {"role": "admin"})

    assert not accounts.get("old").imported
    assert refused_here(accounts, "old", PASSWORD)


def test_a_changed_role_and_metadata_are_seen_by_both_and_keep_the_password(
    npm: Npm, accounts: Accounts
) -> None:
    accounts.create("mia", PASSWORD)

    npm.auth("updateUser", "mia", {"role": "admin", "metadata": {"country": "AT"}})
    changed = accounts.get("mia")
    assert (changed.role, changed.metadata) == ("admin", {"country": "AT"})

    accounts.update("mia", role="user", metadata={"country": "CH"})
    found = npm.auth("authenticate", "mia", PASSWORD)
    assert (found["role"], found["metadata"]) == ("user", {"country": "CH"})


def test_an_admin_the_npm_library_made_stays_as_it_is_and_signs_in_here(
    npm: Npm, accounts: Accounts, store: HashStore
) -> None:
    npm.auth("init")
    made = store.hget(HKEY, "admin")

    assert accounts.init("another") is None

    assert store.hget(HKEY, "admin") == made
    assert signed_in(accounts, "admin", ADMIN_PASSWORD).role == "admin"


def test_an_admin_made_here_stays_as_it_is_and_signs_in_with_the_npm_library(
    npm: Npm, accounts: Accounts, store: HashStore
) -> None:
    accounts.init(PASSWORD)
    made = store.hget(HKEY, "admin")

    npm.auth("init")

    assert store.hget(HKEY, "admin") == made
    assert npm.auth("authenticate", "admin", PASSWORD)["createdAt"] == "1970-01-01T00:00:00.000Z"
