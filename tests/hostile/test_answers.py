"""What people get to see of a store that anyone can write: answers of the API, exports, tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from datagen.api.tasks import task_routes
from datagen.domain.downloads import Wish
from datagen.domain.users import Session, User
from datagen.protocol import keys
from datagen.services.datasets import Datasets
from datagen.services.metrics import ModelUse
from datagen.services.patience import Patience
from tests.hostile.test_board_keys import CONTROL, JOB, STATE, wicked, wicked_jobs, wicked_states
from tests.hostile.wicked import FRAGMENTS, NAMES, NO_RECORDS, OpenStore, changed
from tests.services.job_world import ANN, World

LINE = {"i": 1, "ok": True, "data": {"name": "n", "age": 1}, "error": "e", "raw": "r"}


class SignedIn:
    """Stands where the gate stands; ann looks."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app, self._world = app, world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            now = self._world.clock.now()
            user = User(name="ann", role="admin" if b"admin" in scope["query_string"] else "user")
            scope["state"] = {"session": Session(user=user, id="s", issued_at=now, expires_at=now)}
        await self._app(scope, receive, send)


class Wild(World):
    """Ann's jobs, on a store that anyone can write."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, peers=("local", "other"))
        self.wild = self.store = OpenStore()  # reads are not counted here
        self.board = type(self.board)(self.wild)
        self.jobs = self.another_process()
        self.datasets = Datasets(jobs=self.jobs, files=self.files, cache_dir=folder,
                                 clock=self.clock)

    def client(self) -> TestClient:
        services: Any = SimpleNamespace(
            settings=None, drafts=self.drafts, jobs=self.jobs, datasets=self.datasets,
            model_use=ModelUse(board=self.board, patience=Patience(None, clock=self.clock)))
        return TestClient(Starlette(routes=task_routes(services),
                                    middleware=[Middleware(SignedIn, world=self)]),
                          raise_server_exceptions=True)

    def finished(self, number: int, content: bytes, total: int = 3) -> str:
        """A finished job of ann's whose one result file is this."""
        name, cid = f"job_4_{number}", f"results{number}"
        self.files.put(cid, content)
        self.wild.plant(keys.JOBS, name, json.dumps(
            {**JOB, "id": name, "status": "failed", "totalRecords": total, "peers": ["local"]}))
        self.wild.plant(keys.job_peers(name), "local", json.dumps(
            {**STATE, "range": {"start": 0, "end": total}, "resultCid": cid}))
        return name


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Wild:
    world = Wild(tmp_path_factory.mktemp("wild"))
    for name, text in wicked_jobs():
        world.wild.plant(keys.JOBS, name, text)
        world.wild.plant(keys.user_jobs("ann"), name, text)
    world.wild.plant(keys.JOBS, "job_1_good", json.dumps(JOB))
    for name, text in wicked_states():
        world.wild.plant(keys.job_peers("job_1_good"), name, text)
    for name, text in wicked({**CONTROL, "peerId": "x"}):
        world.wild.plant(keys.job_control("job_1_good"), name, text)
    world.wild.plant(keys.job_peers("job_1_good"), "local", json.dumps(STATE))
    return world


@pytest.fixture(scope="module")
def client(world: Wild) -> Iterator[TestClient]:
    with world.client() as client:
        yield client


def sound(answer: httpx2.Response) -> Any:
    """The JSON of an answer that a strict reader takes."""

    def refused(text: str) -> None:
        raise AssertionError(text)

    assert answer.status_code in {200, 404, 409, 503}, answer.text[:200]
    return json.loads(answer.content.decode(), parse_constant=refused)


def test_the_list_holds_ones_own_jobs_that_can_be_read(world: Wild, client: TestClient) -> None:
    jobs = sound(client.get("/api/tasks"))["jobs"]
    assert "job_1_good" in {job["id"] for job in jobs}
    assert 100 < len(jobs) < len(world.wild.hgetall(keys.JOBS))
    assert {job["owner"] for job in jobs} == {"ann"}


def test_each_of_them_can_be_asked_for(client: TestClient) -> None:
    for job in sound(client.get("/api/tasks"))["jobs"]:
        for path in ("", "/export?format=json", "/export?format=csv&safe=true"):
            answer = client.get(f"/api/tasks/{job['id']}{path}")
            if "format=csv" in path and answer.status_code == 200:
                answer.content.decode()
            else:
                sound(answer)


@pytest.mark.parametrize("name", NAMES[4:], ids=ascii)
def test_a_name_that_is_no_id_is_not_there(client: TestClient, name: str) -> None:
    if len(name) < 1_000:  # more than any server takes
        path = quote(name.encode(errors="surrogatepass"), safe="")
        assert client.get(f"/api/tasks/{path}").status_code == 404


def test_totals_are_counts(client: TestClient) -> None:
    for query in ("", "?as=admin"):
        totals = sound(client.get(f"/api/metrics{query}"))["metrics"]
        assert all(isinstance(value, int) and value >= 0
                   for name, value in totals.items() if name != "lastJobAt")


def test_the_jobs_of_others_stay_theirs(world: Wild) -> None:
    for owner in ("bob", "x' or 1", "../../x", "<script>"):
        assert world.jobs.list(User(name=owner, role="user")) == ()


# ------------------------------------------------------------------ records


def test_whatever_lies_in_a_result_file_each_record_comes_once(world: Wild) -> None:
    texts = [*NO_RECORDS, *(changed(LINE, field, fragment)
                            for field in LINE for fragment in FRAGMENTS)]
    assert len(texts) > 100
    for number, text in enumerate(texts):
        content = b'{"i":0,"ok":true,"data":{"name":"a"}}\n' + text.encode(
            errors="surrogatepass") + b'\n{"i":2,"ok":true,"data":{"name":"b"}}\n'
        job_id = world.finished(number, content)
    world.jobs.invalidate()
    for number in range(len(texts)):
        job_id = f"job_4_{number}"
        lines = list(world.datasets.lines(ANN, job_id))
        assert [line.i for line in lines] == [0, 1, 2]
        for kind in ("json", "jsonl", "csv"):
            for chunk in world.datasets.export(ANN, job_id, Wish(form=kind)).chunks:
                chunk.decode()


def test_records_of_any_values_make_a_table_and_every_export(world: Wild) -> None:
    values = [fragment for fragment in FRAGMENTS if len(fragment) < 100_000]
    content = "\n".join(
        changed({"i": index, "ok": True}, "data", f'{{"name":{value},"age":{value},{name}:1}}')
        for index, (value, name) in enumerate(zip(values, cycle(map(json.dumps, NAMES)),
                                                  strict=False)))
    job_id = world.finished(1_000, content.encode(), total=len(values))
    world.jobs.invalidate()

    lines = list(world.datasets.lines(ANN, job_id))
    columns = world.datasets.columns(ANN, job_id)
    page = world.datasets.page(ANN, job_id, sort=columns[0].name, search="x", limit=100)
    profiles = world.datasets.profile(ANN, job_id)

    assert [line.i for line in lines] == list(range(len(values)))
    assert page.total == sum(line.ok for line in lines) > 50
    assert len(profiles) == len(columns) > 20
    for kind in ("json", "jsonl", "csv", "parquet"):
        assert b"".join(world.datasets.export(ANN, job_id, Wish(form=kind, safe=True)).chunks)
