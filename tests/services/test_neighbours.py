"""What a neighbour, who can write our keys and may have an account, can't do with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from datagen.adapters.memory import MemoryFiles
from datagen.domain.downloads import Wish
from datagen.domain.errors import DatagenError, StoreError
from datagen.domain.jobs import Job, Share
from datagen.domain.users import User
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import job_record, load_job
from datagen.protocol.fields import dumps
from datagen.protocol.seal import Seal
from datagen.services.datasets import Datasets
from datagen.services.jobs import Jobs
from tests.services import job_world, worker_lives
from tests.services.job_world import ANN, line

MALLORY = User(name="mallory", role="user")
SEAL = Seal("of all replicas")
SECRET = "only in here"


class LockedFiles(MemoryFiles):
    """Whatever is added is protected by our secret; what is ``put`` there is not."""

    def __init__(self) -> None:
        super().__init__()
        self.locked: set[str] = set()

    def add(self, source: BinaryIO, filename: str) -> str:
        cid = super().add(source, filename)
        self.locked.add(cid)
        return cid

    def open(
        self, cid: str, *, most: int | None = None, ours: bool = True, sha256: str | None = None
    ) -> BinaryIO:
        if cid in self.locked and not ours:
            raise StoreError("The file can't be decrypted with this secret.")
        return super().open(cid, most=most, ours=ours, sha256=sha256)


class Pages(job_world.World):
    """A replica's web process on a node."""

    def __init__(self, cache_dir: Path) -> None:
        super().__init__(cache_dir)
        self.files: LockedFiles = LockedFiles()
        self.restart()

    def another_process(self) -> Jobs:
        jobs = super().another_process()
        jobs._board = jobs._snapshots._board = Board(self.store, seal=SEAL)
        jobs._files = self.files
        return jobs

    def restart(self) -> None:
        """A process that never saw what stood there before; the disk stays."""
        self.board = Board(self.store, seal=SEAL)
        self.jobs = self.another_process()
        self.datasets = Datasets(jobs=self.jobs, files=self.files, cache_dir=self.cache_dir,
                                 clock=self.clock)

    def forge(self, job_id: str, **changes: Any) -> None:
        """A job in the earlier application's form, which has no seal."""
        record = json.loads(self.store.hgetall(keys.JOBS)[job_id]) | {"owner": "mallory"}
        for name in ("inc", "rev", "mac"):
            record.pop(name)
        record |= changes
        self.store.hset(keys.JOBS, record["id"], dumps(record))

    def forge_state(self, job_id: str, *, like: str) -> None:
        """A peer's word for a forged job that names the files of another."""
        said = json.loads(self.store.hgetall(keys.job_peers(like))["local"])
        for name in ("inc", "rev", "mac", "owner"):
            said.pop(name, None)
        self.store.hset(keys.job_peers(job_id), "local", dumps(said))

    def seen_by_mallory(self, job_id: str) -> str:
        """All that pages and routes would tell."""
        seen = ""
        for look in (
            lambda: [record.data for record in self.datasets.lines(MALLORY, job_id)],
            lambda: b"".join(self.datasets.export(MALLORY, job_id, Wish(form="csv")).chunks),
            lambda: self.datasets.page(MALLORY, job_id).frame.to_csv(),
            lambda: self.datasets.failures(MALLORY, job_id),
            lambda: self.datasets.profile(MALLORY, job_id),
            lambda: self.jobs.details(MALLORY, job_id),
        ):
            try:
                seen += repr(look())
            except DatagenError:
                continue
        return seen


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    return Pages(tmp_path)


def anns(pages: Pages) -> str:
    """A finished job of hers, at whose table she looked."""
    job_id = pages.dataset([{"name": SECRET, "age": 1}, "no answer fits"])
    assert SECRET in pages.datasets.page(ANN, job_id).frame.to_csv()
    assert pages.jobs.details(ANN, job_id)
    return job_id


def test_a_forged_job_gives_nobody_the_files_of_another(pages: Pages) -> None:
    job_id = anns(pages)
    pages.forge(job_id, id="job_1_forged")
    pages.forge_state("job_1_forged", like=job_id)
    pages.restart()

    assert pages.jobs.get(MALLORY, "job_1_forged")
    assert pages.seen_by_mallory("job_1_forged") == ""


@pytest.mark.parametrize("states", ["as they are", "forged too"])
def test_a_job_with_a_new_owner_gives_its_records_to_nobody(pages: Pages, states: str) -> None:
    job_id = anns(pages)
    pages.forge(job_id)
    if states == "forged too":
        pages.forge_state(job_id, like=job_id)
    pages.restart()

    assert pages.jobs.get(MALLORY, job_id)
    seen = pages.seen_by_mallory(job_id)
    assert SECRET not in seen
    assert "One person" not in seen  # her instructions


def test_a_forged_job_tells_nobody_what_another_asked_for(pages: Pages) -> None:
    job_id = anns(pages)
    pages.files.locked.clear()  # as without a secret
    pages.forge(job_id)
    pages.restart()
    with pytest.raises(StoreError, match="belongs to another"):
        pages.jobs.details(MALLORY, job_id)


def test_a_job_of_the_earlier_application_is_read_as_ever(pages: Pages) -> None:
    job_id = anns(pages)
    details = json.loads(pages.files.open(pages.published(job_id).details_cid).read())
    pages.files.put("oldDetails", dumps({**details, "id": "job_1_old"}).encode())
    pages.files.put("oldResult", line(0, {"name": "from before"}) + line(1, "no"))
    pages.forge(job_id, id="job_1_old", owner="ann", jobDetailsCid="oldDetails")
    pages.forge_state("job_1_old", like=job_id)
    said = json.loads(pages.store.hgetall(keys.job_peers("job_1_old"))["local"])
    pages.store.hset(keys.job_peers("job_1_old"), "local",
                     dumps({**said, "resultCid": "oldResult"}))
    pages.restart()

    assert pages.jobs.details(ANN, "job_1_old").instructions == "One person"
    assert next(pages.datasets.lines(ANN, "job_1_old")).data == {"name": "from before"}


# ------------------------------------------------------------------------ the worker


class Works(worker_lives.World):
    """A replica's worker on a node."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seal = SEAL
        self.board = Board(self.store, seal=SEAL)

    def forged(self, job: Job, **changes: Any) -> Job:
        record = {**job_record(job), "owner": "mallory", **changes}
        for name in ("inc", "rev"):
            record.pop(name, None)
        self.store.hset(keys.JOBS, record["id"], dumps(record))
        return load_job(dumps(record))


@pytest.fixture
def works(tmp_path: Path) -> Works:
    return Works(tmp_path)


async def test_deleting_a_forged_job_takes_no_file_of_another(works: Works) -> None:
    job = works.hand_over(total=3)
    await works.live(lambda: works.is_quiet(job))
    published = works.board.job(job.id)
    assert published
    cid = works.board.states(job.id)["local"].result_cid or ""
    forged = works.forged(published, id="job_1_forged", jobDetailsCid=cid)
    said = json.loads(works.store.hgetall(keys.job_peers(job.id))["local"])
    for name in ("inc", "rev", "mac", "owner"):
        said.pop(name, None)
    works.store.hset(keys.job_peers(forged.id), "local", dumps(said))
    before = dict(works.files._files)

    works.store.put_once(keys.DESK_ASKED, f"{forged.id}:delete:0",
                         dumps({"at": "2026-01-01T00:00:00.000Z", "by": "mallory"}))
    await works.live(lambda: forged.id in works.store.notes(keys.DESK_DELETED))

    assert works.files._files == before
    assert forged.id not in works.store.hgetall(keys.JOBS)


async def test_a_job_made_here_stands_whatever_is_written_over_it(works: Works) -> None:
    job = works.hand_over(total=30)
    await works.live(lambda: len(works.models[0].calls) > 10 and bool(
        works.board.states(job.id)))
    works.forged(works.board.job(job.id) or job)

    await works.live(lambda: works.is_quiet(job))

    assert works.end(job)["ok"] == 30
    assert json.loads(works.store.hgetall(keys.JOBS)[job.id])["owner"] == job.owner


async def test_a_running_job_is_not_carried_on_for_another_owner(works: Works) -> None:
    job = works.hand_over(total=30)
    await works.live(lambda: len(works.models[0].calls) > 10 and bool(
        works.board.states(job.id)))
    works.forged(works.board.job(job.id) or job)
    works.store.drop(keys.DESK_CREATED, job.id)  # it was made elsewhere
    beats = works.store.hgetall(keys.PEERS)
    looked = works.clock.monotonic() + 200

    await works.live(lambda: works.clock.monotonic() > looked)

    assert works.models[1].calls == []
    assert works.store.hgetall(keys.PEERS) != beats  # it did live
    said = json.loads(works.store.hgetall(keys.job_peers(job.id))["local"])
    assert said["owner"] == job.owner
    assert "resultCid" not in said


async def test_a_forged_word_gets_no_seal_from_us(works: Works) -> None:
    job = works.hand_over(total=3)
    await works.live(lambda: works.is_quiet(job))
    forged = works.forged(works.board.job(job.id) or job, id="job_1_forged",
                          status="running", jobDetailsCid="missing")
    said = json.loads(works.store.hgetall(keys.job_peers(job.id))["local"])
    for name in ("inc", "rev", "mac", "owner", "finishedAt"):
        said.pop(name, None)
    works.store.hset(keys.job_peers(forged.id), "local", dumps(said))

    def told() -> dict[str, Any]:
        return dict(json.loads(works.store.hgetall(keys.job_peers(forged.id))["local"]))

    await works.live(lambda: "mac" in told())

    assert "there yet" in told()["trouble"]
    assert "resultCid" not in told()


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_work_for_an_entry_that_turns_out_forged_is_thrown_away(
    works: Works, *, is_restarted: bool
) -> None:
    """A neighbour was quicker than the creator's word, which comes during the work, or later."""
    made = works.hand_over(total=30)
    works.store.drop(keys.DESK_JOBS, "draft-1")  # it is made elsewhere
    works.forged(made, owner=made.owner, totalRecords=1_000)

    def is_begun() -> bool:
        return bool(works.models) and len(works.models[0].calls) > 10

    if is_restarted:
        await works.live(is_begun)
    told = False

    def is_over() -> bool:
        nonlocal told
        if is_begun() and not told:
            said = works.store.hgetall(keys.job_peers(made.id))["local"]
            assert json.loads(said)["range"] == {"start": 0, "end": 1_000}
            Board(works.store, seal=SEAL).publish(replace(made, inc=1))
            told = True
        return told and works.is_quiet(made)

    await works.live(is_over)

    assert works.end(made)["ok"] == 30
    assert works.board.states(made.id)["local"].share == Share(start=0, end=30)


async def test_an_entry_that_lost_its_mark_is_not_worked_by(works: Works) -> None:
    job = works.hand_over(total=30)
    await works.live(lambda: len(works.models[0].calls) > 10 and bool(
        works.board.states(job.id)))
    works.forged(works.board.job(job.id) or job, owner=job.owner, totalRecords=1_000)
    works.store.drop(keys.DESK_CREATED, job.id)  # it was made elsewhere
    looked = works.clock.monotonic() + 200

    await works.live(lambda: works.clock.monotonic() > looked)

    assert works.models[1].calls == []
