"""Model profiles over HTTP, as a script of the earlier application uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import JwtSigner
from datagen.adapters.memory import MemoryFiles, MemoryStore
from datagen.adapters.sample import SampleModel
from datagen.adapters.vault import AesVault
from datagen.api.profiles import profile_routes
from datagen.api.tasks import task_routes
from datagen.domain.chat import ChatCall, ChatReply, Endpoint
from datagen.protocol import keys
from datagen.protocol.audit import AuditBook
from datagen.protocol.board import Board
from datagen.protocol.profiles import ProfileBook
from datagen.services.audit import Audit
from datagen.services.drafts import Drafts
from datagen.services.jobs import Jobs
from datagen.services.patience import Patience
from datagen.services.profiles import ModelProfiles
from tests import golden
from tests.api.test_tasks import SignedInAs

STORED = golden.vector("user_settings_users_index_session")
OWN = Endpoint(base_url="http://127.0.0.1:8502", path="/v1/chat/completions", api_key="sk-OWN")
ONE = {"mode": "upsert", "name": "Mine", "baseUrl": "https://llm.example/v1",
       "apiKey": "sk-MARKED", "path": "/chat/completions", "model": "m"}
ASKED = {"title": "Tickets", "totalRecords": 5, "description": "A ticket.",
         "instructions": "Fields: a"}
URL = "/api/user/settings"


class Model(SampleModel):
    """The sample model, which remembers whom it was taken for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Endpoint] = []

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        self.asked.append(endpoint)
        return await super().complete(endpoint, call)


class Api:
    def __init__(self) -> None:
        self.clock, self.store, self.model = HandClock(), MemoryStore(), Model()
        board, patience = Board(self.store), Patience(None, clock=self.clock)
        profiles = ModelProfiles(
            book=ProfileBook(board=board, desk=self.store, peer_id="p1",
                             vault=AesVault("s" * 32, purpose="tests")),
            probe=self.model, own=OWN, inside=(), most=10, clock=self.clock, patience=patience,
            audit=Audit(book=AuditBook(board=board, desk=self.store, peer_id="p1"),
                        peers=("p1",), clock=self.clock, patience=patience))
        drafts = Drafts(chat=self.model, signer=JwtSigner("s" * 32, self.clock), clock=self.clock,
                        endpoint=OWN, max_records=100, peer_id="p1", profiles=profiles)
        self.jobs = Jobs(board=board, desk=self.store, files=MemoryFiles(), drafts=drafts,
                         clock=self.clock, peers=("p1",), peer_id="p1", max_records=100,
                         active_poll=1, idle_poll=10)
        services: Any = SimpleNamespace(
            settings=SimpleNamespace(endpoint=OWN, max_records_per_job=100), clock=self.clock,
            drafts=drafts, jobs=self.jobs, profiles=profiles)
        self.client = TestClient(Starlette(
            routes=[*task_routes(services), *profile_routes(services)],
            middleware=[Middleware(SignedInAs, clock=self.clock)]))
        self.texts: list[str] = []

    def ask(self, method: str, url: str, body: Any = None, user: str = "ann") -> httpx2.Response:
        answer = self.client.request(method, url, json=body, headers={"x-test-user": user})
        self.texts.append(answer.text + str(answer.headers))
        return answer

    def saved(self, **more: Any) -> dict[str, Any]:
        self.clock.advance(1)
        answer = self.ask("POST", URL, {**ONE, **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def job(self, **more: Any) -> str:
        token = self.ask("POST", "/api/tasks/schema", {**ASKED, **more}).json()["draftToken"]
        return str(self.ask("POST", "/api/tasks/confirm", {"draftToken": token}).json()["jobId"])

    def inference(self, job_id: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/api/tasks/{job_id}").json()["details"]["inference"])


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    with api.client:
        yield api
    said = "".join(api.texts)  # whatever a test did
    assert not any(key in said for key in ("sk-MARKED", "sk-OWN", "PLAINTEXT", "sealed1."))


def test_the_earlier_applications_settings_are_answered_as_it_did(api: Api) -> None:
    api.store.set(keys.user_settings("admin"), STORED["settings_raw"])
    assert api.ask("GET", URL, user="admin").json() == STORED["settings_public"]


def test_who_has_none_gets_an_empty_answer(api: Api) -> None:
    assert api.ask("GET", URL).json() == {"profiles": [], "maxProfiles": 10, "hasApiKey": False}


def test_a_profile_is_saved_changed_activated_and_deleted(api: Api) -> None:
    first = api.saved()["activeProfile"]
    assert first == {
        "id": first["id"], "name": "Mine", "baseUrl": "https://llm.example/v1", "model": "m",
        "path": "/chat/completions", "hasApiKey": True, "createdAt": "2026-01-01T00:00:01.000Z",
        "updatedAt": "2026-01-01T00:00:01.000Z"}
    second = api.saved(name="Other", apiKey=None, parameters={"top_p": 0.5}, maxInFlight=4,
                       dialect="openai")
    assert [p["hasApiKey"] for p in second["profiles"]] == [True, False]
    assert second["activeProfile"]["maxInFlight"] == 4
    changed = api.saved(profileId=first["id"], apiKey="", model="n")
    assert [(p["model"], p["hasApiKey"]) for p in changed["profiles"]] == [
        ("n", True), ("m", False)]
    active = api.ask("POST", URL, {"mode": "activate", "profileId": first["id"]}).json()
    assert (active["activeProfileId"], active["model"], active["baseUrl"]) == (
        first["id"], "n", "https://llm.example/v1")
    none = api.ask("POST", URL, {"mode": "activate", "profileId": None}).json()
    assert "activeProfileId" not in none
    left = api.ask("DELETE", f"{URL}?profileId={first['id']}").json()
    assert [p["name"] for p in left["profiles"]] == ["Other"]
    assert api.ask("DELETE", URL, {"profileId": second["activeProfileId"]}).json()["profiles"] == []


def test_a_nested_profile_is_taken_as_well(api: Api) -> None:
    body = {"mode": "upsert", "profile": {k: v for k, v in ONE.items() if k != "mode"}}
    assert api.ask("POST", URL, body).json()["activeProfile"]["name"] == "Mine"


@pytest.mark.parametrize(("body", "status", "field"), [
    ({"mode": "erase"}, 400, "mode"), ({"mode": []}, 400, "mode"),
    ({**ONE, "baseUrl": "http://127.0.0.1:8502"}, 400, "baseUrl"),
    ({**ONE, "baseUrl": "http://169.254.169.254"}, 400, "baseUrl"),
    ({**ONE, "baseUrl": None}, 400, "baseUrl"), ({**ONE, "profileId": 5}, 400, "profileId"),
    ({**ONE, "parameters": "hot"}, 400, "parameters"), ({**ONE, "apiKey": {}}, 400, "apiKey"),
    ({**ONE, "profileId": "nobodys"}, 404, None),
    ({"mode": "activate", "profileId": "nobodys"}, 404, None),
])
def test_what_does_not_fit_is_refused_and_named(
    api: Api, body: dict[str, Any], status: int, field: str | None
) -> None:
    answer = api.ask("POST", URL, body)
    assert answer.status_code == status, answer.text
    assert [p["path"] for p in answer.json().get("details", [])] == ([field] if field else [])
    assert api.ask("GET", URL).json()["profiles"] == []


def test_another_origin_asks_for_the_key(api: Api) -> None:
    profile_id = api.saved()["activeProfileId"]
    moved = {k: v for k, v in ONE.items() if k != "apiKey"} | {
        "profileId": profile_id, "baseUrl": "https://evil.example"}
    answer = api.ask("POST", URL, moved)
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, "apiKey")
    assert api.ask("POST", "/api/user/models", moved).status_code == 400


def test_there_is_a_most(api: Api) -> None:
    for _ in range(10):
        api.saved()
    assert api.ask("POST", URL, ONE).status_code == 409


@pytest.mark.parametrize("url", [URL, f"{URL}?profileId=", f"{URL}?other=1"])
def test_a_deletion_names_its_profile(api: Api, url: str) -> None:
    assert api.ask("DELETE", url, {}).status_code == 400
    assert api.ask("DELETE", f"{URL}?profileId=nobodys").status_code == 404


def test_models_are_listed_of_a_profile_an_address_or_what_is_used_now(api: Api) -> None:
    profile_id = api.saved()["activeProfileId"]
    for body in ({}, {"profileId": profile_id}, {"baseUrl": "https://x.example", "apiKey": "k"}):
        answer = api.ask("POST", "/api/user/models", body)
        assert answer.json() == {"models": [{"id": "sample"}]}, answer.text
    assert api.ask("POST", "/api/user/models", {"profileId": "nobodys"}).status_code == 404
    inner = api.ask("POST", "/api/user/models", {"baseUrl": "http://localhost.:1"})
    assert (inner.status_code, inner.json()["details"][0]["path"]) == (400, "baseUrl")


def test_a_dataset_is_drafted_and_made_with_the_active_profile(api: Api) -> None:
    profile_id = api.saved(parameters={"top_p": 0.5}, dialect="ratio1")["activeProfileId"]
    job_id = api.job(useExternalApi=True, inferenceParams={"seed": 1})
    assert api.inference(job_id) == {
        "useExternalApi": True, "profileId": profile_id, "baseUrl": "https://llm.example/v1",
        "path": "/chat/completions", "model": "m", "parameters": {"top_p": 0.5, "seed": 1},
        "dialect": "ratio1"}
    (asked,) = api.model.asked
    assert (asked.api_key, asked.key_url, asked.dialect) == (
        "sk-MARKED", "https://llm.example/v1", "ratio1")


def test_a_profile_may_be_named_or_left_at_the_confirmation(api: Api) -> None:
    first, second = (api.saved(name=name)["activeProfileId"] for name in "ab")
    draft = api.ask("POST", "/api/tasks/schema", {**ASKED, "useExternalApi": True,
                                                  "inferenceParams": {"seed": 7}}).json()

    def confirmed(**more: Any) -> dict[str, Any]:
        body = {"draftToken": draft["draftToken"], **more}
        job_id = api.ask("POST", "/api/tasks/confirm", body).json()["jobId"]
        found = api.inference(job_id)
        api.store.drop(keys.DESK_JOBS, next(iter(api.store.notes(keys.DESK_JOBS))))
        api.jobs.invalidate()
        return found

    kept = confirmed(useExternalApi=True)
    assert (kept["profileId"], kept["parameters"]) == (second, {"seed": 7})
    api.clock.advance(2)
    assert confirmed(profileId=first)["profileId"] == first
    own = confirmed(useExternalApi=False)
    assert (own["useExternalApi"], own["baseUrl"]) == (False, OWN.base_url)


@pytest.mark.parametrize(("more", "status"), [
    ({"useExternalApi": True}, 400), ({"profileId": "nobodys"}, 404),
    ({"useExternalApi": True, "profileId": "nobodys"}, 404),
])
def test_a_profile_that_is_not_there_makes_no_draft(
    api: Api, more: dict[str, Any], status: int
) -> None:
    assert api.ask("POST", "/api/tasks/schema", {**ASKED, **more}).status_code == status
    assert api.model.asked == []


def test_an_address_in_a_request_never_gets_a_key(api: Api) -> None:
    profile_id = api.saved()["activeProfileId"]
    there = {"inferenceBaseUrl": "https://evil.example", "inferencePath": "/v1/chat/completions"}
    refused = api.ask("POST", "/api/tasks/schema", {**ASKED, **there, "profileId": profile_id})
    assert (refused.status_code, refused.json()["details"][0]["path"]) == (400, "inferenceBaseUrl")
    for more in ({}, {"useExternalApi": True}, {"useExternalApi": False, "profileId": profile_id}):
        assert api.inference(api.job(**there, **more))["useExternalApi"] is False
        api.clock.advance(2)
    assert [(e.base_url, e.api_key) for e in api.model.asked] == [
        ("https://evil.example", None)] * 3
    path = api.ask("POST", "/api/tasks/schema", {**ASKED, "inferencePath": "/v1/files"})
    assert (path.status_code, path.json()["details"][0]["path"]) == (400, "inferencePath")
    inner = api.ask("POST", "/api/tasks/schema", {**ASKED, "inferenceBaseUrl": "http://127.0.0.1:1"})
    assert inner.status_code == 400


def test_a_deletion_tells_which_open_jobs_stop(api: Api) -> None:
    first = api.saved()["activeProfileId"]
    job_id = api.job(useExternalApi=True)
    twin = api.saved(name="Twin")["activeProfileId"]  # its key is for the same server
    assert "stoppedJobs" not in api.ask("DELETE", f"{URL}?profileId={first}").json()
    assert api.ask("DELETE", f"{URL}?profileId={twin}").json()["stoppedJobs"] == [job_id]


def test_no_key_is_stored_readably(api: Api) -> None:
    api.saved()
    api.job(useExternalApi=True)
    stored = json.dumps([api.store._keys, api.store._hashes, api.store._notes], default=str)
    assert "sk-MARKED" not in stored


def test_a_store_that_fails_is_503(api: Api) -> None:
    api.store.fail_next(1)
    assert api.ask("GET", URL).status_code == 503
