from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import JwtSigner
from datagen.adapters.memory import MemoryFiles, MemoryStore
from datagen.api import downloads
from datagen.api.tasks import task_routes
from datagen.domain.chat import ChatCall, ChatReply, Endpoint
from datagen.domain.errors import ModelUnreachable, TooManyTries
from datagen.domain.users import Session, User
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import load_job
from datagen.services.datasets import Datasets
from datagen.services.drafts import Drafts
from datagen.services.jobs import Jobs
from datagen.services.metrics import ModelUse
from datagen.services.patience import Patience
from tests import golden as earlier
from tests.api_description import described
from tests.editions import sealed
from tests.golden import FINISHED, RUNNING

GOLDEN = earlier.vector("api_responses")
ENDPOINT = Endpoint(base_url="http://127.0.0.1:1", path="/v1/chat/completions", api_key="sk-own")
ASKED = {"title": "Tickets", "totalRecords": 3, "description": "Support tickets",
         "instructions": "One ticket of a small shop"}
SCHEMA = {"type": "object", "properties": {"subject": {"type": "string"}},
          "required": ["subject"], "additionalProperties": False}


class ScriptedModel:
    """Answers drafts with one schema, or not at all."""

    def __init__(self) -> None:
        self.down = False
        self.asked: list[Endpoint] = []

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        self.asked.append(endpoint)
        if self.down:
            raise ModelUnreachable("The model server does not answer.")
        return ChatReply(text=json.dumps(SCHEMA))

    async def aclose(self) -> None:
        return


class SignedInAs:
    """Stands where the gate stands: the header tells who it is."""

    def __init__(self, app: ASGIApp, clock: HandClock) -> None:
        self._app, self._clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            name = dict(scope["headers"]).get(b"x-test-user", b"admin").decode()
            now, role = self._clock.now(), "admin" if name == "root" else "user"
            scope["state"] = {"session": Session(
                user=User(name=name, role=role), id="s", issued_at=now, expires_at=now)}
        await self._app(scope, receive, send)


class Api:
    """The task routes on stores in memory."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.store, self.files = HandClock(), MemoryStore(), MemoryFiles()
        self.model, self.board = ScriptedModel(), Board(self.store)
        drafts = Drafts(chat=self.model, signer=JwtSigner("s" * 32, self.clock), clock=self.clock,
                        endpoint=ENDPOINT, max_records=100, peer_id="peer1")
        jobs = Jobs(board=self.board, desk=self.store, files=self.files, drafts=drafts,
                    clock=self.clock, peers=("peer1", "peer2"), peer_id="peer1",
                    max_records=100, active_poll=1, idle_poll=10)
        services: Any = SimpleNamespace(
            settings=SimpleNamespace(endpoint=ENDPOINT, max_records_per_job=100),
            drafts=drafts, jobs=jobs,
            datasets=Datasets(jobs=jobs, files=self.files, cache_dir=folder,
                              clock=self.clock),
            model_use=ModelUse(board=self.board, patience=Patience(None, clock=self.clock)),
        )
        self.client = TestClient(Starlette(
            routes=task_routes(services),
            middleware=[Middleware(SignedInAs, clock=self.clock)],
        ))

    def get(self, path: str, user: str = "admin") -> httpx2.Response:
        return described(self.client.get(path, headers={"x-test-user": user}))

    def post(self, path: str, body: Any, user: str = "admin") -> httpx2.Response:
        return described(self.client.post(path, json=body, headers={"x-test-user": user}))

    def patch(self, path: str, body: Any, user: str = "admin") -> httpx2.Response:
        return described(self.client.patch(path, json=body, headers={"x-test-user": user}))

    def delete(self, path: str, user: str = "admin") -> httpx2.Response:
        return described(self.client.delete(path, headers={"x-test-user": user}))

    def drafted(self, **more: Any) -> dict[str, Any]:
        answer = self.post("/api/tasks/schema", {**ASKED, **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    api = Api(tmp_path)
    with api.client:
        yield api


@pytest.fixture
def golden(api: Api) -> Api:
    earlier.seed(earlier.FINISHED_RUN, api.store, api.files)
    return api


def paths(answer: httpx2.Response) -> set[str]:
    assert answer.status_code == 400, answer.text
    return {problem["path"] for problem in answer.json()["details"]}


# ------------------------------------- what the earlier application's scripts read


def test_the_list_of_jobs_is_the_earlier_applications(golden: Api) -> None:
    assert golden.get("/api/tasks").json() == GOLDEN["tasks"]


def test_a_job_is_the_earlier_applications(golden: Api) -> None:
    assert golden.get(f"/api/tasks/{FINISHED}").json() == GOLDEN["task"]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_an_export_is_byte_for_byte_the_earlier_applications(golden: Api, kind: str) -> None:
    answer = golden.get(f"/api/tasks/{FINISHED}/export?format={kind}")
    assert [answer.status_code, answer.text] == GOLDEN[f"export_{kind}"]


def test_the_totals_are_the_earlier_applications(golden: Api) -> None:
    answer = golden.get("/api/metrics")
    assert [answer.status_code, answer.json()] == GOLDEN["metrics"]


def test_an_admin_is_told_what_was_asked_of_models_and_nobody_else_is(golden: Api) -> None:
    asked = {"modelCalls", "modelAttempts", "promptTokens", "completionTokens",
             "estimatedTokens", "workingSeconds", "waitingSeconds", "callsUnderWay"}
    told = golden.get("/api/metrics", user="root").json()["metrics"]
    assert set(told) - set(golden.get("/api/metrics").json()["metrics"]) == asked
    assert {told[name] for name in asked} == {0}


def test_a_running_job_of_the_earlier_application_is_told_by_its_peers(api: Api) -> None:
    earlier.seed(earlier.RUNNING_RUN, api.store, api.files)
    task = api.get(f"/api/tasks/{RUNNING}").json()
    assert (task["job"]["status"], task["job"]["totalGenerated"]) == ("running", 10)
    assert [(peer["peerId"], peer["generatedOk"]) for peer in task["peers"]] == [
        ("peer1", 5), ("peer2", 5),
    ]
    assert [job["id"] for job in api.get("/api/tasks").json()["jobs"]] == [RUNNING, FINISHED]
    assert api.get("/api/metrics").json()["metrics"]["activeJobs"] == 1


# --------------------------------------------------------------- looking at jobs


def test_a_peer_that_has_not_reported_shows_its_share_and_zeros(api: Api) -> None:
    job_id = api.post("/api/tasks/confirm", {"draftToken": api.drafted()["draftToken"]}).json()
    assert api.get(f"/api/tasks/{job_id['jobId']}").json()["peers"] == [
        {"peerId": "peer1", "assigned": 2, "range": {"start": 0, "end": 2}, "generatedOk": 0,
         "generatedFailed": 0, "errors": []},
        {"peerId": "peer2", "assigned": 1, "range": {"start": 2, "end": 3}, "generatedOk": 0,
         "generatedFailed": 0, "errors": []},
    ]


@pytest.mark.parametrize("path", ["", "/export?format=csv"])
def test_the_job_of_another_is_not_there(golden: Api, path: str) -> None:
    mine = golden.get(f"/api/tasks/{FINISHED}{path}", user="bob")
    none = golden.get(f"/api/tasks/job_0_000000{path}", user="bob")
    assert (mine.status_code, mine.text) == (404, none.text)
    assert golden.get("/api/tasks", user="bob").json() == {"jobs": []}
    assert golden.get("/api/metrics", user="bob").json()["metrics"]["totalJobs"] == 0


def test_an_unfinished_job_has_no_export_yet(api: Api) -> None:
    earlier.seed(earlier.RUNNING_RUN, api.store, api.files)
    answer = api.get(f"/api/tasks/{RUNNING}/export?format=json")
    assert answer.status_code == 409
    assert "not finished yet" in answer.json()["error"]


def test_a_store_that_fails_is_told(api: Api) -> None:
    api.store.fail_next()
    answer = api.get("/api/tasks")
    assert answer.status_code == 503
    assert set(answer.json()) == {"error"}


def test_an_export_is_an_attachment_named_after_its_title(golden: Api) -> None:
    answer = golden.get(f"/api/tasks/{FINISHED}/export?format=csv&safe=true")
    assert answer.headers["content-disposition"] == 'attachment; filename="golden 5 records.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_failed_records_and_formulas_are_treated_as_asked(golden: Api) -> None:
    cid = "501acd2b16ee6d799b26268e2fdb2d67"
    golden.files.put(cid, b'{"i":3,"ok":false,"error":"No."}\n'
                                b'{"i":4,"ok":true,"data":{"name":"=1+1"}}\n')
    base = f"/api/tasks/{FINISHED}/export?format="
    assert golden.get(f"{base}json").json()[3] is None
    assert len(golden.get(f"{base}json&failed=skip").json()) == 4
    rows = list(csv.DictReader(io.StringIO(golden.get(f"{base}csv&safe=true").text)))
    assert rows[-1]["name"] == "'=1+1"
    assert golden.get(f"{base}csv").text.endswith(",=1+1,,,")


@pytest.mark.parametrize(("query", "wrong"), [
    ("format=xml", {"format"}), ("failed=keep", {"failed"}), ("safe=maybe&format=", {"safe",
                                                                                  "format"}),
])
def test_an_export_that_does_not_exist_is_refused(
    golden: Api, query: str, wrong: set[str]
) -> None:
    assert paths(golden.get(f"/api/tasks/{FINISHED}/export?{query}")) == wrong


# ------------------------------------------------------------ cancel and delete


def test_cancelling_is_accepted_and_the_job_tells_that_it_was_asked_for(api: Api) -> None:
    earlier.seed(earlier.RUNNING_RUN, api.store, api.files)
    answer = api.post(f"/api/tasks/{RUNNING}/cancel", None)
    assert answer.status_code == 202
    asked = {"cancel": {"at": "2026-01-01T00:00:00.000Z", "by": "admin"}}
    assert (answer.json()["job"]["status"], answer.json()["asked"]) == ("running", asked)
    assert api.get(f"/api/tasks/{RUNNING}").json()["asked"] == asked
    assert api.post(f"/api/tasks/{RUNNING}/cancel", None).json() == answer.json()


def test_a_finished_job_can_not_be_cancelled(golden: Api) -> None:
    answer = golden.post(f"/api/tasks/{FINISHED}/cancel", None)
    assert answer.status_code == 409
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("act", ["retry", "close"])
def test_what_makes_no_sense_is_a_conflict_with_the_reason(act: str, golden: Api) -> None:
    answer = golden.post(f"/api/tasks/{FINISHED}/{act}", None)
    assert answer.status_code == 409
    assert {"retry": "earlier version", "close": "is over"}[act] in answer.json()["error"]


def half_good(api: Api) -> str:
    """A finished job of two records, the second of which failed."""
    token = api.drafted(totalRecords=2)["draftToken"]
    job_id = str(api.post("/api/tasks/confirm", {"draftToken": token}).json()["jobId"])
    (note,) = api.store.notes(keys.DESK_JOBS).values()
    api.board.publish(sealed(load_job(note), api.files, (
        b'{"i":0,"ok":true,"data":{"n":0}}\n{"i":1,"ok":false,"error":"No."}\n')))
    api.store.drop(keys.DESK_JOBS, *api.store.notes(keys.DESK_JOBS))
    return job_id


def test_a_retry_is_accepted_and_the_old_dataset_stays(api: Api) -> None:
    job_id = half_good(api)
    assert api.get(f"/api/tasks/{job_id}").json()["job"]["round"] == 0

    answer = api.post(f"/api/tasks/{job_id}/retry", None)

    assert answer.status_code == 202
    said = {key: answer.json()[key] for key in ("round", "asked")}
    asked = {"retry": {"at": "2026-01-01T00:00:00.000Z", "by": "admin"}}
    assert said == {"round": 1, "asked": asked}
    job = api.get(f"/api/tasks/{job_id}").json()["job"]
    assert (job["status"], job["edition"]["ok"]) == ("queued", 1)
    assert api.get(f"/api/tasks/{job_id}/export?format=json").json() == [{"n": 0}, None]
    assert api.post(f"/api/tasks/{job_id}/retry", None).status_code == 409


def test_a_job_that_closes_by_itself_is_not_closed_by_hand(api: Api) -> None:
    earlier.seed(earlier.RUNNING_RUN, api.store, api.files)
    answer = api.post(f"/api/tasks/{RUNNING}/close", None)
    assert answer.status_code == 409
    assert "not complete" in answer.json()["error"]


def test_a_deleted_job_is_not_there_any_more(golden: Api) -> None:
    answer = golden.delete(f"/api/tasks/{FINISHED}")
    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("", "/export?format=csv"):
        assert golden.get(f"/api/tasks/{FINISHED}{path}").status_code == 404
    assert golden.get("/api/tasks").json() == {"jobs": []}
    assert golden.delete(f"/api/tasks/{FINISHED}").status_code == 404
    assert golden.post(f"/api/tasks/{FINISHED}/cancel", None).status_code == 404


def test_nobody_cancels_or_deletes_the_job_of_another(api: Api) -> None:
    earlier.seed(earlier.RUNNING_RUN, api.store, api.files)
    none = api.delete("/api/tasks/job_0_000000", user="bob")
    for answer in (api.delete(f"/api/tasks/{RUNNING}", user="bob"),
                   *(api.post(f"/api/tasks/{RUNNING}/{act}", None, user="bob")
                     for act in ("cancel", "retry", "close"))):
        assert (answer.status_code, answer.text) == (404, none.text)
    assert "asked" not in api.get(f"/api/tasks/{RUNNING}").json()


def test_a_job_gets_another_title(golden: Api) -> None:
    answer = golden.patch(f"/api/tasks/{FINISHED}", {"title": " Persons "})
    assert (answer.status_code, answer.json()["job"]["title"]) == (200, "Persons")
    assert golden.get(f"/api/tasks/{FINISHED}").json()["job"]["title"] == "Persons"
    assert paths(golden.patch(f"/api/tasks/{FINISHED}", {"title": ""})) == {"title"}
    assert golden.patch(f"/api/tasks/{FINISHED}", {"title": "x"}, user="bob").status_code == 404


def test_records_come_page_by_page_failed_ones_with_their_reason(api: Api) -> None:
    job_id = half_good(api)
    path = f"/api/tasks/{job_id}/records"
    good, bad = {"index": 0, "ok": True, "data": {"n": 0}}, {"index": 1, "ok": False,
                                                             "error": "No."}
    assert api.get(path).json() == {"total": 2, "offset": 0, "records": [good, bad]}
    assert api.get(f"{path}?offset=1&limit=1").json()["records"] == [bad]
    assert api.get(f"{path}?offset=9").json()["records"] == []
    assert api.get(path, user="bob").status_code == 404
    assert paths(api.get(f"{path}?offset=-1")) == {"offset"}
    assert paths(api.get(f"{path}?limit=1001")) == paths(api.get(f"{path}?limit=0")) == {"limit"}


def test_quality_tells_of_each_column_and_why_records_failed(api: Api) -> None:
    path = f"/api/tasks/{half_good(api)}/quality"
    assert api.get(path).json() == {
        "total": 2, "ok": 1, "failed": 1, "failures": [{"reason": "No.", "count": 1}],
        "columns": [{"name": "subject", "kind": "text", "filled": 0, "distinct": 0},
                    {"name": "n", "kind": "integer", "filled": 1, "distinct": 1, "low": 0,
                     "high": 0, "mean": 0.0}]}
    assert api.get(path, user="bob").status_code == 404
    waiting = api.post("/api/tasks/confirm", {"draftToken": api.drafted()["draftToken"]}).json()
    assert api.get(f"/api/tasks/{waiting['jobId']}/quality").status_code == 409


def test_quality_is_json_whatever_a_column_holds(golden: Api) -> None:
    said = golden.get(f"/api/tasks/{FINISHED}/quality").json()
    assert (said["total"], said["ok"], said["failed"], said["failures"]) == (5, 5, 0, [])
    columns = {one["name"]: one for one in said["columns"]}
    assert (columns["age"]["low"], columns["age"]["high"]) == (19, 23)
    assert columns["active"]["trueShare"] == 0.4
    assert sum(top["count"] for top in columns["segment"]["top"]) == 5


def test_a_draft_of_a_deleted_job_is_a_conflict(api: Api) -> None:
    token = api.drafted()["draftToken"]
    job_id = api.post("/api/tasks/confirm", {"draftToken": token}).json()["jobId"]
    api.delete(f"/api/tasks/{job_id}")
    assert api.post("/api/tasks/confirm", {"draftToken": token}).status_code == 409


# -------------------------------------------------------------- draft and confirm


def test_a_draft_is_one_call_and_comes_back_in_the_earlier_shape(api: Api) -> None:
    draft = api.drafted()
    assert set(draft) == {"schema", "schemaGeneratedAt", "schemaDurationMs", "schemaRefreshes",
                          "draftToken", "failedAttempts"}
    assert list(draft["schema"]["properties"]) == ["subject"]
    assert draft["schemaGeneratedAt"] == "2026-01-01T00:00:00.000Z"
    assert len(api.model.asked) == 1


def test_drafting_again_keeps_count(api: Api) -> None:
    again = api.drafted(previousDraftToken=api.drafted()["draftToken"])
    assert again["schemaRefreshes"] == 1


def test_every_field_that_is_wrong_is_named(api: Api) -> None:
    body = {"title": "x" * 201, "totalRecords": 101, "description": 5, "instructions": "",
            "datasetMode": "yes", "inferenceBaseUrl": "ftp://x", "inferencePath": "nowhere",
            "inferenceModel": "m" * 201, "inferenceParams": [1], "previousDraftToken": 1}
    assert paths(api.post("/api/tasks/schema", body)) == set(body)
    assert paths(api.post("/api/tasks/schema", {})) == {
        "title", "totalRecords", "description", "instructions",
    }
    assert api.model.asked == []


@pytest.mark.parametrize("body", [[], "text", 5, True])
@pytest.mark.parametrize("path", ["/api/tasks/schema", "/api/tasks/confirm"])
def test_a_body_that_is_no_object_is_refused(api: Api, path: str, body: Any) -> None:
    assert api.post(path, body).status_code == 400


def test_a_model_that_does_not_answer_is_told_with_advice(api: Api) -> None:
    api.model.down = True
    answer = api.post("/api/tasks/schema", ASKED)
    assert answer.status_code == 502
    assert "Check" in answer.json()["error"]


def test_a_draft_becomes_one_job_however_often_it_is_confirmed(api: Api) -> None:
    token = api.drafted()["draftToken"]
    first = api.post("/api/tasks/confirm", {"draftToken": token})
    again = api.post("/api/tasks/confirm", {"draftToken": token})
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    (job,) = api.get("/api/tasks").json()["jobs"]
    assert (job["id"], job["status"], job["totalRecords"]) == (first.json()["jobId"], "queued", 3)


def test_the_schema_as_edited_is_what_is_stored(api: Api) -> None:
    edited = {**SCHEMA, "properties": {"body": {"type": "string"}}, "required": ["body"]}
    body = {"draftToken": api.drafted()["draftToken"], "schema": edited}
    job_id = api.post("/api/tasks/confirm", body).json()["jobId"]
    details = api.get(f"/api/tasks/{job_id}").json()["details"]
    assert list(details["schema"]["properties"]) == ["body"]
    assert "sk-own" not in json.dumps(details)


def test_a_draft_of_another_replica_is_a_conflict_that_tells_the_way_back(api: Api) -> None:
    claims = JwtSigner("s" * 32, api.clock).read(api.drafted()["draftToken"])
    token = JwtSigner("s" * 32, api.clock).sign({**claims, "peer": "peer2"})
    for path, body in (("/api/tasks/confirm", {"draftToken": token}),
                       ("/api/tasks/schema", {**ASKED, "previousDraftToken": token})):
        answer = api.post(path, body)
        assert answer.status_code == 409
        assert "peer2" in answer.text
        assert "draft it again here" in answer.text
    assert api.get("/api/tasks").json()["jobs"] == []


def test_the_model_may_be_named_at_the_confirmation(api: Api) -> None:
    body = {"draftToken": api.drafted()["draftToken"], "useExternalApi": False,
            "inferenceBaseUrl": "https://models.example", "inferenceModel": "m1",
            "inferenceParams": {"temperature": 0.3}}
    job_id = api.post("/api/tasks/confirm", body).json()["jobId"]
    inference = api.get(f"/api/tasks/{job_id}").json()["details"]["inference"]
    assert inference == {
        "useExternalApi": False, "baseUrl": "https://models.example",
        "path": "/v1/chat/completions", "model": "m1", "parameters": {"temperature": 0.3},
    }


@pytest.mark.parametrize(("body", "wrong"), [
    ({}, {"draftToken"}), ({"draftToken": 5, "schema": []}, {"draftToken", "schema"}),
    ({"draftToken": ""}, {"draftToken"}),
])
def test_a_confirmation_names_its_wrong_fields(
    api: Api, body: dict[str, Any], wrong: set[str]
) -> None:
    assert paths(api.post("/api/tasks/confirm", body)) == wrong


@pytest.mark.parametrize(("more", "wrong"), [
    ({"inferencePath": "x"}, "inferencePath"), ({"profileId": 5}, "profileId"),
    ({"useExternalApi": "yes"}, "useExternalApi"), ({"inferenceParams": "hot"}, "inferenceParams"),
    ({"inferenceModel": 5}, "inferenceModel"), ({"inferenceParams": 0}, "inferenceParams"),
])
def test_a_model_named_wrongly_at_the_confirmation_is_refused(
    api: Api, more: dict[str, Any], wrong: str
) -> None:
    body = {"draftToken": api.drafted()["draftToken"], **more}
    assert paths(api.post("/api/tasks/confirm", body)) == {wrong}
    assert api.store.notes(keys.DESK_JOBS) == {}


def test_a_token_that_is_no_draft_is_refused(api: Api) -> None:
    assert api.post("/api/tasks/confirm", {"draftToken": "a.b.c"}).status_code == 400
    token = api.drafted()["draftToken"]
    assert api.post("/api/tasks/confirm", {"draftToken": token}, user="bob").status_code == 404
    api.clock.advance(31 * 60)
    late = api.post("/api/tasks/confirm", {"draftToken": token})
    assert late.status_code == 400
    assert "expired" in late.json()["error"]


def test_the_job_handed_to_the_worker_is_the_one_that_was_drafted(api: Api) -> None:
    api.post("/api/tasks/confirm", {"draftToken": api.drafted()["draftToken"]})
    (text,) = api.store.notes(keys.DESK_JOBS).values()
    job = load_job(text)
    assert (job.title, job.owner, job.peers) == ("Tickets", "admin", ("peer1", "peer2"))


# --------------------------------------------------------------------- downloads


@pytest.mark.parametrize(("form", "media"), [
    ("jsonl", "application/jsonl"), ("parquet", "application/vnd.apache.parquet"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("bundle", "application/zip"),
])
def test_every_form_is_an_attachment_that_nobody_keeps(golden: Api, form: str, media: str) -> None:
    answer = golden.get(f"/api/tasks/{FINISHED}/export?format={form}")
    assert answer.status_code == 200
    ending = "zip" if form == "bundle" else form
    assert answer.headers["content-type"] == media
    assert f".{ending}" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    if form in {"xlsx", "bundle"}:
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert answer.content.startswith(b"PK")


def test_csv_takes_delimiter_mark_and_columns_for_nested_objects(golden: Api) -> None:
    answer = golden.get(f"/api/tasks/{FINISHED}/export?format=csv&delimiter=semicolon&bom=true"
                        "&nested=columns")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    header = answer.content.decode("utf-8-sig").splitlines()[0]
    assert ";" in header
    assert "," not in header


def test_of_a_job_that_runs_a_part_has_to_be_asked_for(api: Api) -> None:
    earlier.seed(earlier.RUNNING_RUN, api.store, api.files)
    assert api.get(f"/api/tasks/{RUNNING}/export?format=csv").status_code == 409
    answer = api.get(f"/api/tasks/{RUNNING}/export?format=csv&partial=true")
    assert answer.status_code == 409
    assert "can be read here yet" in answer.json()["error"]
    assert api.get(f"/api/tasks/{RUNNING}/export?partial=true", user="bob").status_code == 404


def test_one_has_so_many_downloads_under_way_and_each_makes_room_once_it_is_over(
    golden: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api/tasks/{FINISHED}/export?format=csv"
    monkeypatch.setattr(downloads, "AT_ONCE", 1)
    assert [golden.get(path).status_code for _ in range(3)] == [200] * 3
    assert golden.get("/api/tasks/job_1_none/export?format=csv").status_code == 404
    assert golden.get(path).status_code == 200
    monkeypatch.setattr(downloads, "AT_ONCE", 0)
    answer = golden.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    assert "downloads under way" in answer.json()["error"]


async def test_a_download_whose_client_has_gone_is_over() -> None:
    under_way = downloads.Downloads()
    for _ in range(downloads.AT_ONCE):
        under_way.begin("ada")
    with pytest.raises(TooManyTries):
        under_way.begin("ada")
    under_way.begin("bob")

    async def gone(message: Any) -> None:
        raise OSError("the client has gone")

    sent = downloads.Sent(iter([b"x"]), over=lambda: under_way.end("ada"), lanes=under_way.lanes)
    with pytest.raises(ClientDisconnect):
        await sent({"type": "http", "asgi": {"spec_version": "2.4"}}, _never, gone)
    under_way.begin("ada")


async def _never() -> Any:
    await asyncio.get_running_loop().create_future()


def test_a_person_who_follows_a_link_to_a_file_that_is_gone_sees_a_page(api: Api) -> None:
    link = {"sec-fetch-mode": "navigate", "accept": "text/html"}
    path = "/api/tasks/job_0_gone/export?format=csv"
    answer = api.client.get(path, headers=link)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such job among yours." in answer.text
    assert api.get(path).json() == {"error": "There is no such job among yours."}  # a script
