"""A new session secret: who is signed in stays, and what was sealed can be read, until the old
one is taken away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from datagen import bootstrap, settings
from datagen.api.routes import build_middleware, build_routes
from datagen.bootstrap import Services
from datagen.cli import main
from datagen.domain.profile_requests import ProfileRequest
from datagen.domain.requests import DraftRequest
from datagen.domain.users import User

OLD, NEW = "the old secret, of more than 32 bytes", "the new secret, of more than 32 bytes"
ADA = User(name="ada", role="user")
PASSWORD = "a password of some length"
ASKED = DraftRequest(title="Birds", total_records=1, description="a bird", instructions="vary")
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@dataclass(frozen=True, kw_only=True)
class Life:
    """A replica between two restarts."""

    services: Services
    client: TestClient

    def status(self, token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return self.client.get("/api/auth/me", headers=headers).status_code

    def keys(self) -> dict[str, str | None]:
        """Keys of ada's model servers that can be used, by name."""
        return {profile.name: profile.api_key
                for profile in self.services.profiles.opened(ADA).all}

    def save(self, name: str) -> None:
        self.services.profiles.save(ADA, ProfileRequest(
            name=name, base_url="http://model.invalid", api_key=f"key-of-{name}"))


@contextmanager
def life(folder: Path, secret: str, previous: str = "") -> Iterator[Life]:
    environment = {"DATAGEN_DATA_DIR": str(folder / "data"), "DATAGEN_MOCK_INFERENCE_API": "1",
                   "DATAGEN_SESSION_SECRET": secret, "DATAGEN_SESSION_SECRET_PREVIOUS": previous}
    chosen = settings.load(environment, in_container=False)
    with closing(bootstrap.build(chosen)) as services:
        app = Starlette(routes=build_routes(services, chosen),
                        middleware=build_middleware(services, chosen))
        with TestClient(app, base_url="http://localhost:8501") as client:
            yield Life(services=services, client=client)


def test_a_secret_is_changed_without_signing_anybody_out(tmp_path: Path) -> None:
    with life(tmp_path, OLD) as first:
        first.services.accounts.create("ada", PASSWORD)
        session = first.services.accounts.sign_in("ada", PASSWORD)[0]
        script = first.services.tokens.create(ADA, "script", "run").text
        first.save("one")
        draft = first.services.drafts.sign(ADA, first.services.drafts.given(ADA, ASKED, SCHEMA))

    with life(tmp_path, NEW, previous=OLD) as second:
        assert second.status(session) == second.status(script) == 200
        assert second.keys() == {"one": "key-of-one"}
        assert second.services.jobs.confirm(ADA, draft)
        fresh = second.services.accounts.sign_in("ada", PASSWORD)[0]
        assert jwt.decode(fresh, NEW, ["HS256"])["username"] == "ada"
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(fresh, OLD, ["HS256"])
        second.save("two")  # and all of them are sealed anew
        script_2 = second.services.tokens.create(ADA, "another", "read").text

    with life(tmp_path, NEW) as third:
        assert third.status(session) == 401
        assert third.status(fresh) == third.status(script_2) == 200
        assert third.keys()["two"] == "key-of-two"


def test_who_has_neither_secret_reads_no_key_and_lets_nobody_in(tmp_path: Path) -> None:
    with life(tmp_path, OLD) as first:
        first.services.accounts.create("ada", PASSWORD)
        session = first.services.accounts.sign_in("ada", PASSWORD)[0]
        first.save("one")

    with life(tmp_path, NEW) as second:
        assert second.status(session) == 401
        assert second.keys() == {"one": None}
        assert second.services.profiles.opened(ADA).all[0].is_locked


@pytest.mark.parametrize("name", ["DATAGEN_SESSION_SECRET", "DATAGEN_SESSION_SECRET_PREVIOUS"])
def test_a_short_secret_is_warned_of_and_fails_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("DATAGEN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DATAGEN_MOCK_INFERENCE_API", "1")
    for length, status in ((31, 1), (32, 0)):
        monkeypatch.setenv(name, "x" * length)
        warnings = settings.load().warnings
        assert bool(warnings) == bool(status)
        assert main(["check"]) == status
        told = capsys.readouterr()
        assert (name in told.out + told.err) == bool(status)
        assert "x" * length not in told.out + told.err
