"""What a look at the board must not lose when others act, or the store fails, in its midst."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryFiles, MemoryStore
from datagen.domain.asked import NOTHING, Asked, Request
from datagen.domain.editions import Word
from datagen.domain.errors import StoreError
from datagen.domain.jobs import Job, PeerState, shares
from datagen.engine.errands import Errands
from datagen.engine.hearing import Hearing
from datagen.engine.journal import Journal, folder_of
from datagen.engine.roster import Roster
from datagen.engine.shelf import Shelf
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.requests import ask_here, deleted_here
from tests.editions import sealed
from tests.engine.workbench import START, hand_pace, job_of

ASKED = Request(at=START, by="ada")


class Store(MemoryStore):
    """Does something in the midst of a call, once."""

    def __init__(self) -> None:
        super().__init__()
        self.amid: dict[tuple[str, str], Callable[[], None]] = {}  # call and hash -> what
        self.writes: list[tuple[str, str]] = []

    def hgetall(self, hkey: str) -> dict[str, str]:
        found = super().hgetall(hkey)
        self.amid.pop(("hgetall", hkey), lambda: None)()
        return found

    def hset(self, hkey: str, field: str, value: str | None) -> None:
        self.writes.append((hkey, field))
        super().hset(hkey, field, value)
        self.amid.pop(("hset", hkey), lambda: None)()


class Replica:
    """The roster of peer ``local`` on a store that it has to itself."""

    def __init__(self, cache: Path) -> None:
        self.cache, self.clock = cache, HandClock()
        self.store, self.desk, self.files = Store(), MemoryStore(), MemoryFiles()
        self.board = Board(self.store)
        self.errands = Errands(hand_pace(self.clock))
        self.roster = Roster(
            peer_id="local", cache=cache, board=self.board, desk=self.desk, files=self.files,
            clock=self.clock, errands=self.errands, shelf=Shelf(self.files, self.clock),
            forget_table=lambda job_id: None, dead_after=300.0,
        )

    def publish(self, job: Job, **changes: Any) -> Job:
        job = replace(job, inc=1, details_cid="missing", **changes)
        self.board.publish(job)
        return job

    def over(self, job: Job) -> Job:
        """Publish it with a sealed end."""
        return self.publish(sealed(job, self.files, b'{"i":0,"ok":true,"data":{}}\n'))

    def finish_share(self, job: Job) -> Path:
        """Its journal's folder, with the file of the result stored."""
        share = shares(job.total_records, job.peers)["local"]
        folder = folder_of(self.cache, job.id, "local")
        Journal(folder, share).close()
        cid = self.files.add(io.BytesIO(b"{}\n"), "result")
        self.board.report(job.id, PeerState(
            peer_id="local", owner=job.owner, share=share, generated_ok=len(share),
            started_at=START, finished_at=START, result_cid=cid,
        ))
        return folder

    async def run_errands(self) -> None:
        stop, done = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(self.errands.run(stop, done))
        await asyncio.wait_for(done.wait(), 5)
        stop.set()
        await running


@pytest.fixture
def replica(tmp_path: Path) -> Replica:
    return Replica(tmp_path)


def fail() -> None:
    raise StoreError("The store failed.")


async def test_a_journal_goes_whichever_replica_ends_its_job(replica: Replica) -> None:
    job = replica.publish(job_of(peers=("other", "local")))
    folder = replica.finish_share(job)
    replica.roster.survey(())
    assert folder.exists()

    replica.over(job)
    for _ in range(2):  # it reads that dataset first
        replica.roster.survey(())
        assert folder.exists()
        await replica.run_errands()

    assert not folder.exists()


def test_a_deletion_asked_during_a_look_outlives_a_cancel_that_came_too_late(
    replica: Replica,
) -> None:
    job = replica.over(job_of(peers=("other", "local")))
    ask_here(replica.desk, job.id, Asked(cancel=ASKED))
    replica.store.amid["hgetall", keys.JOBS] = lambda: ask_here(
        replica.desk, job.id, Asked(delete=ASKED))

    replica.roster.survey(())
    replica.roster.survey(())

    assert job.id in deleted_here(replica.desk)
    assert replica.board.words(job.id)["local"].asked.delete == ASKED


async def test_a_deletion_goes_on_after_the_store_failed_in_its_midst(replica: Replica) -> None:
    job = replica.over(job_of())
    ask_here(replica.desk, job.id, Asked(delete=ASKED))
    replica.store.amid["hgetall", keys.job_peers(job.id)] = fail
    with pytest.raises(StoreError):
        replica.roster.survey(())

    replica.roster.survey(())
    await replica.run_errands()
    replica.roster.survey(())

    assert replica.board.job(job.id) is None


def test_what_was_asked_is_said_again_when_the_store_kept_it_and_failed() -> None:
    store, job = Store(), job_of(peers=("other", "local"))
    hkey = keys.job_control(job.id)
    hearing = Hearing(peer_id="local", board=Board(store), desk=MemoryStore())
    word = Word(peer_id="local", asked=Asked(cancel=ASKED))

    def look_and_say() -> None:
        hearing.case(job, NOTHING)
        hearing.say(job.id, word)

    store.amid["hset", hkey] = fail
    with pytest.raises(StoreError):
        look_and_say()
    first = store.hget(hkey, "local")

    look_and_say()
    look_and_say()

    assert store.writes == [(hkey, "local")] * 2
    assert store.hget(hkey, "local") != first  # equal bytes go nowhere
