"""Jobs that the earlier application left: finished ones are read, running ones go on with us."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datagen.domain.chat import ChatReply
from datagen.domain.downloads import Wish
from datagen.domain.errors import ModelRefused
from datagen.domain.users import User
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.services.datasets import Datasets
from tests import golden
from tests.golden import FINISHED, RUNNING
from tests.services.job_world import World as Pages
from tests.services.job_world import line
from tests.services.worker_lives import World

ADMIN = User(name="admin", role="admin")
PEERS = ("peer1", "peer2")
PEER_FIELDS = keys.job_peers(RUNNING)


def record(index: int) -> dict[str, Any]:
    """What the model says when that record is asked for now."""
    return {"record_id": f"new-{index}", "name": "New", "age": 1, "email": "n@example.com",
            "segment": "pro", "tags": [], "active": True}


ANSWERS = {index: [ChatReply(text=json.dumps(record(index)), finish_reason="stop")] * 3
           for index in range(20)}


class Replica(World):
    """A replica that takes the place of the earlier application's on one peer."""

    def __init__(self, folder: Path, peer: str, others: World | None = None) -> None:
        super().__init__(folder / peer, R1EN_HOST_ADDR=peer,
                         R1EN_CHAINSTORE_PEERS=json.dumps(PEERS))
        self.peer = peer
        if others is None:
            golden.seed(golden.RUNNING_RUN, self.store, self.files)
        else:
            self.store, self.files, self.clock = others.store, others.files, others.clock
            self.board = others.board
        for path, text in golden.local_cache(peer).items():
            self.leave(path, text)

    def leave(self, path: str, text: str) -> Path:
        """Put a file where the earlier application kept it."""
        file = self.settings.cache_dir / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def results(self, text: str) -> None:
        """Replace what it kept of the running job."""
        self.leave(f"{RUNNING}/{self.peer}/results.jsonl", text)

    def said(self) -> dict[str, Any]:
        """This peer's field as it is stored."""
        return dict(json.loads(self.store.hgetall(PEER_FIELDS)[self.peer]))

    def has_finished(self) -> bool:
        return "finishedAt" in self.said()

    def uploaded(self) -> list[dict[str, Any]]:
        text = self.files.open(self.said()["resultCid"]).read().decode()
        return [json.loads(line) for line in text.splitlines()]

    async def finish(self) -> None:
        """Work until this peer's share is done."""
        await self.live(self.has_finished, script=ANSWERS)


@pytest.fixture
def peer2(tmp_path: Path) -> Replica:
    return Replica(tmp_path, "peer2")


def kept(peer: str) -> list[str]:
    """The lines of the running job on that peer's disk."""
    return golden.local_cache(peer)[f"{RUNNING}/{peer}/results.jsonl"].splitlines()


# ------------------------------------------------------------------ finished


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    pages = Pages(tmp_path, peers=PEERS)
    golden.seed(golden.RUNNING_RUN, pages.store, pages.files)
    return pages


def test_old_jobs_are_listed_newest_first_with_the_progress_their_peers_tell(pages: Pages) -> None:
    views = pages.jobs.list(ADMIN)
    assert [(view.job.id, view.job.status, view.progress.done) for view in views] == [
        (RUNNING, "running", 10), (FINISHED, "succeeded", 5)]
    assert [state.share for state in views[0].states.values()]


def test_the_table_of_an_old_dataset_has_its_records_and_its_schemas_columns(
    pages: Pages
) -> None:
    page = pages.datasets.page(ADMIN, FINISHED, sort="age", descending=True)
    assert list(page.frame["name"]) == [f"Zyra Quill {n}" for n in (5, 4, 3, 2, 1)]
    assert {column.name for column in pages.datasets.columns(ADMIN, FINISHED)} == {
        "record_id", "name", "age", "email", "segment", "tags", "active"}
    assert pages.datasets.failures(ADMIN, FINISHED) == ()


def test_json_lines_of_an_old_dataset_are_its_records(pages: Pages) -> None:
    content = b"".join(pages.datasets.export(ADMIN, FINISHED, Wish(form="jsonl")).chunks)
    expected = json.loads(golden.vector("api_responses")["export_json"][1])
    assert [json.loads(line) for line in content.splitlines()] == expected


# ------------------------------------------------------------------ running


async def test_records_on_this_disk_are_taken_over_and_the_rest_is_generated(
    peer2: Replica
) -> None:
    before = peer2.store.hgetall(PEER_FIELDS)["peer1"]
    await peer2.finish()
    assert sorted(peer2.calls) == [17, 18, 19]
    assert peer2.uploaded() == [*map(json.loads, kept("peer2")), *(
        {"i": i, "ok": True, "data": record(i)} for i in (17, 18, 19))]
    assert peer2.store.hgetall(PEER_FIELDS)["peer1"] == before


async def test_the_earlier_application_can_read_what_became_of_the_share(peer2: Replica) -> None:
    started = peer2.said()["startedAt"]
    await peer2.finish()
    said = peer2.said()
    as_before = json.loads(golden.stored_states()[0])
    assert said.keys() >= as_before.keys()
    assert {name: type(said[name]) for name in as_before} == {
        name: type(value) for name, value in as_before.items()}
    assert (said["assigned"], said["generatedOk"], said["startedAt"]) == (10, 10, started)
    assert said["range"] == {"start": 10, "end": 20}
    assert peer2.files.open(said["errorsCid"]).read() == b"[]"


TORN = kept("peer2")[6][:60]
WRONG = json.dumps({"i": 14, "ok": True, "data": {"name": "misses the rest"}})
COERCED = json.dumps({"i": 12, "ok": True, "data": {**record(12), "age": "42"}})


@pytest.mark.parametrize(("change", "again"), [
    (lambda lines: [*lines[:6], TORN], {16}),
    (lambda lines: [*lines[:2], "garbage", "\x00" * 500, *lines[3:]], {12}),
    (lambda lines: [*lines[:4], WRONG, *lines[5:]], {14}),
    (lambda lines: [lines[0], *lines], set()),
    (lambda lines: [lines[6], *lines[:6]], set()),
    (lambda lines: [*lines, *kept("peer1"), '{"i":-1,"ok":true,"data":{}}',
                    '{"i":20,"ok":true,"data":{}}', '{"i":1e3,"ok":true,"data":{}}'], set()),
    (lambda lines: [*lines[:5], "[" * 100_000, lines[5] + lines[6]], {15, 16}),
    (lambda lines: [], {10, 11, 12, 13, 14, 15, 16}),
], ids=["torn", "garbage", "does not fit", "twice", "out of order", "foreign", "deep", "empty"])
async def test_a_damaged_line_costs_only_its_own_record(
    peer2: Replica, change: Callable[[list[str]], list[str]], again: set[int]
) -> None:
    peer2.results("\n".join(change(kept("peer2"))))
    await peer2.finish()
    assert sorted(peer2.calls) == sorted({17, 18, 19} | again)
    lines = peer2.uploaded()
    assert [line["i"] for line in lines] == list(range(10, 20))
    kept_as_they_were = [json.loads(line) for line in kept("peer2")
                         if json.loads(line)["i"] not in again]
    assert [line for line in lines if line["i"] < 17 and line["i"] not in again] == \
        kept_as_they_were


async def test_a_failure_of_the_earlier_application_stays_one_and_types_are_mended(
    peer2: Replica
) -> None:
    failed = '{"i":11,"ok":false,"error":"No valid JSON after 3 attempts"}'
    peer2.results("\n".join([kept("peer2")[0], failed, COERCED]) + "\n")
    await peer2.finish()
    assert sorted(peer2.calls) == list(range(13, 20))
    _, second, third = peer2.uploaded()[:3]
    assert (second["ok"], second["error"]) == (False, "No valid JSON after 3 attempts")
    assert third["data"]["age"] == 42
    said = peer2.said()
    assert (said["generatedOk"], said["generatedFailed"]) == (9, 1)
    assert said["coerced"] == {"age": 1}
    assert json.loads(peer2.files.open(said["errorsCid"]).read()) == [
        {"index": 11, "message": "No valid JSON after 3 attempts"}]


async def test_what_it_kept_is_taken_over_once_however_often_the_worker_starts(
    peer2: Replica
) -> None:
    await peer2.live(lambda: bool(peer2.models[-1].calls), script=ANSWERS)
    await peer2.finish()
    assert {index for index in peer2.calls if index < 17} == set()
    assert [line["i"] for line in peer2.uploaded()] == list(range(10, 20))


def state_json(**changes: Any) -> str:
    return json.dumps({"generatedOk": 10, "generatedFailed": 0, "resultCid": "uploaded1",
                       "errorsCid": "errors1", "finishedAt": "2026-11-22T07:21:09.045Z", **changes})


def upload(*, without: int | None = None) -> bytes:
    """The whole share as that application uploaded it, but for one record."""
    return b"".join(line(i, record(i)) for i in range(10, 20) if i != without)


async def test_a_share_it_had_uploaded_is_reported_and_not_made_again(peer2: Replica) -> None:
    peer2.leave(f"{RUNNING}/peer2/state.json", state_json())
    peer2.files.put("uploaded1", upload())
    await peer2.finish()
    said = peer2.said()
    assert peer2.calls == []
    assert (said["resultCid"], said["errorsCid"]) == ("uploaded1", "errors1")
    assert (said["generatedOk"], said["finishedAt"]) == (10, "2026-11-22T07:21:09.045Z")


@pytest.mark.parametrize("text", [
    state_json(), state_json(resultCid="../../etc/passwd"), state_json(generatedOk=9),
    state_json(finishedAt="soon"), state_json(resultCid=None), "", "[]", "{", "\x00" * 100_000,
], ids=["file is gone", "path", "count", "time", "none", "empty", "list", "torn", "zeros"])
async def test_an_upload_that_can_not_be_read_is_made_from_what_is_there(
    peer2: Replica, text: str
) -> None:
    peer2.leave(f"{RUNNING}/peer2/state.json", text)
    await peer2.finish()
    assert sorted(peer2.calls) == [17, 18, 19]
    assert len(peer2.uploaded()) == 10


async def test_an_upload_with_a_torn_line_is_made_from_what_is_there(peer2: Replica) -> None:
    """Once it is ours, a whole part holds every record it says."""
    peer2.leave(f"{RUNNING}/peer2/state.json", state_json())
    peer2.files.put("uploaded1", upload(without=13) + b'{"i":13,"ok":tr')
    await peer2.finish()
    assert sorted(peer2.calls) == [17, 18, 19]
    assert len(peer2.uploaded()) == 10


# ------------------------------------------------------------------ its end


def stored_job(world: World, job_id: str) -> dict[str, Any]:
    return dict(json.loads(world.store.hgetall(keys.JOBS)[job_id]))


async def test_the_first_of_its_peers_closes_the_job_as_the_earlier_application_would(
    tmp_path: Path, peer2: Replica
) -> None:
    await peer2.finish()
    assert stored_job(peer2, RUNNING)["status"] == "running"  # not this peer's to close
    peer1 = Replica(tmp_path, "peer1", others=peer2)
    job = peer1.board.jobs()[RUNNING]
    await peer1.live(lambda: peer1.is_quiet(job), script=ANSWERS)

    entry, as_before = stored_job(peer1, RUNNING), json.loads(golden.stored_jobs()[0])
    assert entry.keys() == as_before.keys()  # no field of ours: it stays a job of that application
    assert {name: type(entry[name]) for name in entry} == {
        name: type(as_before[name]) for name in as_before}
    assert (entry["status"], entry["totalGenerated"], entry["totalOk"], entry["totalFailed"]) == (
        "succeeded", 20, 20, 0)
    assert entry["jobStartedAt"] == "2026-11-22T07:21:03.893Z"
    short = json.loads(peer1.store.hgetall(keys.user_jobs("admin"))[RUNNING])
    assert short == {name: entry[name] for name in
                     ("id", "title", "status", "createdAt", "updatedAt")}


async def test_its_dataset_is_complete_whoever_generated_which_part(
    tmp_path: Path, peer2: Replica
) -> None:
    peer1 = Replica(tmp_path, "peer1", others=peer2)
    job = peer1.board.jobs()[RUNNING]
    await peer2.finish()
    await peer1.live(lambda: peer1.is_quiet(job), script=ANSWERS)
    pages = Pages(tmp_path / "pages", peers=PEERS)
    pages.store, pages.files = peer2.store, peer2.files  # reads are not counted here
    pages.board = Board(pages.store)
    jobs = pages.another_process()
    datasets = Datasets(jobs=jobs, files=pages.files, cache_dir=tmp_path / "tables",
                        clock=pages.clock)
    lines = list(datasets.lines(ADMIN, RUNNING))
    assert [(line.i, line.ok) for line in lines] == [(i, True) for i in range(20)]
    old = {i for i in range(20) if str(lines[i].data["record_id"]).startswith("rec-")}
    assert old == {*range(6), *range(10, 17)}


async def test_the_second_of_its_peers_leaves_the_end_to_the_first(peer2: Replica) -> None:
    fields = peer2.store.hgetall(PEER_FIELDS)
    done = {**json.loads(fields["peer1"]), "generatedOk": 10, "resultCid": "r1",
            "finishedAt": "2026-11-22T07:21:09.045Z"}
    peer2.store.hset(PEER_FIELDS, "peer1", json.dumps(done))
    await peer2.finish()
    later = peer2.clock.monotonic() + 120
    await peer2.live(lambda: peer2.clock.monotonic() > later)
    assert stored_job(peer2, RUNNING)["status"] == "running"


# ------------------------------------------------------------------ its owner's model server

SETTINGS = golden.vector("user_settings_users_index_session")["settings_raw"]
PROFILE = {"baseUrl": "https://api.example.com/v1", "path": "/chat/completions", "model": "m-a",
           "useExternalApi": True, "profileId": "90840b5479c2"}
SETTINGS_KEY = keys.user_settings("admin")


@pytest.fixture
def external(peer2: Replica) -> Replica:
    """The running job was made with a profile of its owner."""
    entry = stored_job(peer2, RUNNING)
    details = json.loads(peer2.files.open(entry["jobDetailsCid"]).read())
    peer2.files.put(entry["jobDetailsCid"],
                    json.dumps({**details, "inference": PROFILE}).encode())
    return peer2


async def test_the_key_of_the_owners_profile_goes_along(external: Replica) -> None:
    external.store.set(SETTINGS_KEY, SETTINGS)
    await external.finish()
    (endpoint,) = set(external.models[0].endpoints)
    assert (endpoint.base_url, endpoint.path, endpoint.model, endpoint.dialect) == (
        "https://api.example.com/v1", "/chat/completions", "m-a", "openai")
    assert (endpoint.api_key, endpoint.key_url) == (
        "sk-PLAINTEXT-A", "https://api.example.com/v1")


async def test_the_key_is_never_written_anywhere(
    external: Replica, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("DEBUG")
    external.store.set(SETTINGS_KEY, SETTINGS)
    await external.finish()
    stored = json.dumps([external.store._keys, external.store._hashes, external.store._notes])
    assert stored.count("sk-PLAINTEXT") == SETTINGS.count("sk-PLAINTEXT")
    assert not any(b"sk-PLAINTEXT" in content for content in external.files._files.values())
    assert "sk-PLAINTEXT" not in caplog.text
    assert not any(b"sk-PLAINTEXT" in path.read_bytes()
                   for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("settings", [
    None, "{", '{"profiles":[]}', SETTINGS.replace("api.example.com", "api.example.org"),
])
async def test_without_that_profile_the_share_waits_and_says_what_to_do(
    external: Replica, settings: str | None
) -> None:
    external.store.set(SETTINGS_KEY, settings)
    await external.live(lambda: "trouble" in external.said(), script=ANSWERS)
    assert external.calls == []
    assert external.said()["trouble"].startswith("This job was made with a model profile, and its "
                                                 "owner has none for the server https://api.")
    assert external.said()["generatedOk"] == 5  # as that application left it


async def test_it_goes_on_once_the_profile_is_there_again(external: Replica) -> None:
    def mended() -> bool:
        if "trouble" in external.said():
            external.store.set(SETTINGS_KEY, SETTINGS)
        return external.has_finished()

    await external.live(mended, script=ANSWERS)
    assert "trouble" not in external.said()
    assert len(external.uploaded()) == 10


async def test_a_refused_key_is_looked_up_again_before_the_next_try(external: Replica) -> None:
    external.store.set(SETTINGS_KEY, SETTINGS)
    refused = [ModelRefused("The server refused the key.")] * 2
    script = {index: [*refused, *ANSWERS[index]] for index in (17, 18, 19)}

    def replaced() -> bool:
        if "refused" in external.said().get("trouble", ""):
            external.store.set(SETTINGS_KEY, SETTINGS.replace("PLAINTEXT-A", "NEW-A"))
        return external.has_finished()

    await external.live(replaced, script=script)
    assert {endpoint.api_key for endpoint in external.models[0].endpoints} == {
        "sk-PLAINTEXT-A", "sk-NEW-A"}
    assert external.models[0].endpoints[-1].api_key == "sk-NEW-A"
