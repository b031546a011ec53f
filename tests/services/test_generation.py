"""The worker as a whole, in memory: jobs found, made, closed; cut off anywhere, same end."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.adapters.clock import SystemClock
from datagen.adapters.vault import AesVault
from datagen.domain.chat import ChatCall, ChatReply
from datagen.domain.errors import ModelUnreachable, NotThere
from datagen.domain.jobs import Job
from datagen.engine.pace import Pace, wait
from datagen.engine.roster import Roster
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.details import details_record, read_details
from datagen.protocol.fields import dumps
from datagen.services import generation
from datagen.services.generation import Generation
from tests.engine.workbench import Model, details_of, good
from tests.services.worker_lives import Cut, Flaky, Fuse, World

WRONG = ChatReply(text="no", finish_reason="stop")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def entry_of(world: World, job: Job) -> Job:
    """The job as it stands in the list."""
    found = world.board.job(job.id)
    assert found
    return found


async def test_a_job_that_was_handed_over_is_made_and_closed(world: World) -> None:
    job = world.hand_over(total=25)
    await world.live(lambda: world.is_quiet(job), script={7: [WRONG]})
    end = world.end(job)
    assert (end["status"], end["listed"], end["ok"], end["failed"]) == (
        "succeeded", "succeeded", 24, 1)
    assert [line["i"] for line in end["lines"]] == list(range(25))
    assert end["lines"][7]["raw"] == "no"
    assert end["errors"] == [{"index": 7, "message": end["lines"][7]["error"]}]
    assert end["desk"] == ({}, {})
    entry = world.board.job(job.id)
    assert entry
    assert entry.started_at
    assert entry.records_duration_ms is not None
    assert world.models[0].closed


async def test_a_job_without_one_good_record_failed(world: World) -> None:
    job = world.hand_over(total=2)
    await world.live(lambda: world.is_quiet(job), script={0: [WRONG], 1: [WRONG]})
    assert world.end(job)["status"] == "failed"
    assert "fits the schema" in world.end(job)["error"]


async def test_a_job_on_the_board_that_only_this_peer_can_close_is_closed(world: World) -> None:
    job = world.hand_over(total=3)
    world.store.drop(keys.DESK_JOBS, "draft-1")
    world.board.publish(job)
    await world.live(lambda: world.is_quiet(job))
    assert world.end(job)["status"] == "succeeded"


async def test_a_job_that_runs_is_never_overwritten_by_its_note(world: World) -> None:
    job = world.hand_over(total=3)
    await world.live(lambda: world.is_quiet(job))
    world.hand_over(total=3)
    await world.live(lambda: not world.store.notes(keys.DESK_JOBS))
    assert world.end(job)["status"] == "succeeded"


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_job_that_the_store_lost_is_put_back_and_ends(
    world: World, restarted: bool
) -> None:
    job = world.hand_over(total=60)

    def lose() -> bool:
        if len(world.models[-1].calls) > 10 and world.board.job(job.id):
            world.store.hset(keys.JOBS, job.id, None)
            return True
        return False

    lost = restarted or None
    if restarted:
        await world.live(lose)

    def over() -> bool:
        nonlocal lost
        lost = lost or lose() or None
        return bool(lost) and world.is_quiet(job)

    await world.live(over)
    assert world.end(job)["ok"] == 60
    assert world.store.notes(keys.DESK_CREATED) == {}


async def test_the_oldest_job_goes_first_and_one_at_a_time(world: World) -> None:
    late, early = world.hand_over(2, total=8), world.hand_over(1, total=8)
    order: list[str] = []

    def done() -> bool:
        for job in world.board.jobs().values():
            if job.is_over and job.id not in order:
                order.append(job.id)
        return world.is_quiet(late, early)

    await world.live(done)
    assert order == [early.id, late.id]


async def test_however_much_one_user_asks_for_anothers_job_begins_soon(tmp_path: Path) -> None:
    world = World(tmp_path, DATAGEN_MAX_CONCURRENT_JOBS_PER_INSTANCE="2",
                  DATAGEN_MAX_RECORDS_PER_JOB="1000")
    much = [world.hand_over(number, total=50 + number, owner="ada") for number in range(1, 7)]
    little: list[Job] = []
    begun: list[int] = []  # jobs in the order of their first calls, told by how many records

    def script(call: ChatCall) -> ChatReply:
        if not little:  # ada's have all places
            little.append(world.hand_over(9, total=5, owner="ben"))
        total = int(call.messages[-1].content.partition(" of ")[2].partition(",")[0])
        if total not in begun:
            begun.append(total)
        return good(call)

    await world.live(lambda: bool(little) and world.is_quiet(*much, *little),
                     script={index: [script] * 10 for index in range(60)})
    assert begun.index(5) <= 3
    assert world.end(little[0])["ok"] == 5
    assert all(world.end(job)["ok"] == job.total_records for job in much)


async def test_several_jobs_share_the_calls_in_flight(tmp_path: Path) -> None:
    world = World(tmp_path, DATAGEN_MAX_CONCURRENT_JOBS_PER_INSTANCE="3")
    made = [world.hand_over(number, total=20) for number in (1, 2, 3)]
    await world.live(lambda: world.is_quiet(*made))
    assert world.models[0].peak == 4
    assert all(world.end(job)["ok"] == 20 for job in made)


async def test_details_that_can_not_be_read_are_waited_for_while_other_jobs_go_on(
    world: World,
) -> None:
    lost, fine = world.hand_over(1, with_details=False), world.hand_over(2, total=3)

    def fine_is_over() -> bool:
        job = world.board.job(fine.id)
        return bool(job and job.is_over)

    await world.live(fine_is_over)
    state = world.board.states(lost.id)["local"]
    assert "not there yet" in (state.trouble or "")
    assert state.started_at is None

    content = dumps(details_record(details_of(lost))).encode()
    world.files._files["missing"] = content
    await world.live(lambda: world.is_quiet(lost, fine))
    assert world.end(lost)["said"] == (10, 0, True, (), None)


async def test_a_schema_that_breaks_the_reader_is_trouble_of_that_job_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    bad, fine = world.hand_over(1), world.hand_over(2, total=3)
    record = details_record(details_of(bad)) | {"inference": {"baseUrl": 3}}
    world.files._files[bad.details_cid] = dumps(record).encode()
    await world.live(lambda: bool((job := world.board.job(fine.id)) and job.is_over))
    assert "damaged" in (world.board.states(bad.id)["local"].trouble or "")


async def test_a_fault_while_looking_for_jobs_ends_no_share(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job = world.hand_over(total=40)
    faults = iter([KeyError("odd")] * 3)
    survey = Roster.survey

    def broken(roster: Roster, running: Any) -> Any:
        if running and (fault := next(faults, None)):
            raise fault
        return survey(roster, running)

    monkeypatch.setattr(Roster, "survey", broken)
    await world.live(lambda: world.is_quiet(job))
    assert world.end(job)["said"] == (40, 0, True, (), None)
    assert sorted(world.calls) == list(range(40))


async def test_details_that_break_their_reader_are_trouble_of_that_job_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, fine = world.hand_over(1), world.hand_over(2, total=3)
    read = read_details

    def broken(files: Any, job: Job) -> Any:
        if job.id == bad.id:
            raise KeyError("odd")
        return read(files, job)

    monkeypatch.setattr(generation, "read_details", broken)
    await world.live(lambda: bool((job := world.board.job(fine.id)) and job.is_over))
    assert "fault of its own" in (world.board.states(bad.id)["local"].trouble or "")


async def test_stores_that_fail_for_a_while_change_nothing(world: World) -> None:
    job = world.hand_over(total=10)
    await world.live(lambda: world.is_quiet(job), stores=Flaky(150))
    assert world.end(job)["said"] == (10, 0, True, (), None)
    assert sorted(world.calls) == list(range(10))


async def test_a_share_of_no_records_is_finished_at_once_and_uploads_nothing(
    world: World,
) -> None:
    job = world.hand_over(total=1, peers=("other", "local"))
    await world.live(lambda: "local" in world.board.states(job.id))
    state = world.board.states(job.id)["local"]
    assert (len(state.share), state.result_cid) == (0, None)
    assert state.finished_at
    assert world.calls == []


async def test_a_worker_makes_its_own_share_only_and_does_not_close_for_others(
    world: World,
) -> None:
    job = world.hand_over(total=7, peers=("other", "local"))

    def finished() -> bool:
        state = world.board.states(job.id).get("local")
        return bool(state and state.finished_at)

    await world.live(finished)
    assert sorted(world.calls) == [4, 5, 6]
    entry = world.board.job(job.id)
    assert entry
    assert entry.status == "running"


async def test_every_start_has_a_higher_number_and_beats_at_once_and_every_30_seconds(
    world: World,
) -> None:
    last = 0
    for _ in range(3):
        since = world.clock.monotonic()
        await world.live(lambda since=since: world.clock.monotonic() > since + 100)
        beat = world.board.beats()["local"]
        assert beat.inc > last
        assert beat.seq >= 2
        last = beat.inc


async def test_the_number_of_starts_survives_the_loss_of_the_disk(world: World) -> None:
    await world.live(lambda: "local" in world.board.beats())
    before = world.board.beats()["local"].inc
    (world.settings.cache_dir / "local.starts").unlink()
    await world.live(lambda: world.board.beats()["local"].inc > before)


async def test_a_stop_while_the_model_is_away_tells_progress_and_ends(world: World) -> None:
    job = world.hand_over(total=10)
    away = [ModelUnreachable("The model server can't be reached.")] * 1000

    def stuck() -> bool:
        state = world.board.states(job.id).get("local")
        return bool(state and state.trouble and state.generated_ok == 2)

    await world.live(stuck, script=dict.fromkeys(range(2, 10), away))
    assert "can't be reached" in (world.board.states(job.id)["local"].trouble or "")
    await world.live(lambda: world.is_quiet(job))
    assert world.end(job)["said"] == (10, 0, True, (), None)


async def test_a_note_that_can_not_be_read_is_told_once_and_stays(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.store.put_once(keys.DESK_JOBS, "bad", "?")
    job = world.hand_over(total=2)
    await world.live(lambda: world.is_quiet(job))
    assert sum(r.levelno == logging.ERROR for r in caplog.records) == 1
    assert list(world.store.notes(keys.DESK_JOBS)) == ["bad"]


async def test_the_journal_stays_while_the_result_can_not_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.hand_over(total=2)
    tries = 0

    def away(_: str) -> None:
        nonlocal tries
        tries += 1
        raise NotThere("There is no file with this id.")

    with monkeypatch.context() as patch:
        patch.setattr(world.files, "verify", away)
        await world.live(lambda: tries > 3)
    assert entry_of(world, job).is_over
    assert list(world.settings.cache_dir.glob("job_*/local/journal.jsonl"))
    await world.live(lambda: world.is_quiet(job))


@pytest.mark.parametrize("with_journal", [True, False])
async def test_a_result_that_is_lost_before_the_end_is_delivered_again(
    world: World, with_journal: bool
) -> None:
    job = world.hand_over(total=3)
    lost: set[str] = set()

    def lose() -> bool:
        state = world.board.states(job.id).get("local")
        if state and state.result_cid and not lost:
            lost.add(state.result_cid)
            world.files._files.pop(state.result_cid)
            if not with_journal:  # its disk as well
                shutil.rmtree(world.settings.cache_dir / job.id)
        return world.is_quiet(job)

    await world.live(lose)
    assert lost
    assert [line["i"] for line in world.end(job)["lines"]] == [0, 1, 2]
    assert sorted(world.calls) == sorted([0, 1, 2] * (1 if with_journal else 2))


async def test_a_result_that_takes_long_to_read_back_holds_up_no_work_on_other_jobs(
    world: World,
) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    class Stuck:
        """The file store of a node that looks for something for minutes."""

        def __getattr__(self, name: str) -> Any:
            return getattr(world.files, name)

        def verify(self, cid: str) -> None:
            hangs.set()
            assert goes_on.wait(30)
            world.files.verify(cid)

    clock, stop = SystemClock(), asyncio.Event()
    worker = Generation(
        settings=world.settings, board=Board(world.store), desk=world.store,
        vault=AesVault("s" * 32, purpose="tests"),
        files=Stuck(), chat=Model(), clock=clock,
        pace=Pace(clock=clock, nap=lambda seconds, *events: wait(seconds / 100, *events)),
    )
    running = asyncio.create_task(worker.run(stop))
    try:
        async with asyncio.timeout(20):
            world.hand_over(1, total=3)
            while not hangs.is_set():
                await asyncio.sleep(0.01)
            second = world.hand_over(2, total=3)
            while not ((said := world.board.states(second.id)) and said["local"].finished_at):
                await asyncio.sleep(0.01)
            goes_on.set()
            while not world.is_quiet(second):
                await asyncio.sleep(0.01)
    finally:
        goes_on.set()
        stop.set()
        await running


async def test_damage_to_the_journal_while_it_is_in_use_is_made_good(world: World) -> None:
    job = world.hand_over(total=10)
    path = world.settings.cache_dir / job.id / "local" / "journal.jsonl"
    damaged = False

    def until() -> bool:
        nonlocal damaged
        if not damaged and path.exists() and b'"n":3' in path.read_bytes():
            path.write_bytes(path.read_bytes().replace(b'"n":3', b'"n":4'))
            damaged = True
        return world.is_quiet(job)

    await world.live(until)
    assert damaged
    end = world.end(job)
    assert [line["data"]["n"] for line in end["lines"]] == list(range(10))
    assert sorted(world.calls) == sorted([*range(10), 3])
    assert end["said"] == (10, 0, True, (), None)


SCRIPT = {2: [WRONG]}
TOTAL = 6


async def lives(world: World, fuses: Iterator[Fuse]) -> dict[str, Any]:
    job = world.hand_over(total=TOTAL)
    for fuse in fuses:
        with pytest.raises((Cut, BaseExceptionGroup)):
            await world.live(lambda: False, fuse=fuse, script=SCRIPT)
    await world.live(lambda: world.is_quiet(job), script=SCRIPT)
    return world.end(job)


def expected() -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        return asyncio.run(lives(World(Path(folder)), iter(())))


def steps_of_a_life() -> int:
    with TemporaryDirectory() as folder:
        world, fuse = World(Path(folder)), Fuse()
        job = world.hand_over(total=TOTAL)
        asyncio.run(world.live(lambda: world.is_quiet(job), fuse=fuse, script=SCRIPT))
        return fuse.steps


@pytest.mark.parametrize("done", [False, True])
def test_killed_at_any_one_step_the_next_start_comes_to_the_same_end(done: bool) -> None:
    right = expected()
    for at in range(1, steps_of_a_life() + 1):
        with TemporaryDirectory() as folder:
            world = World(Path(folder))
            end = asyncio.run(lives(world, iter([Fuse(at, done=done)])))
            assert end == right, f"killed at step {at}"
            assert len(world.calls) <= TOTAL + 4


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=2, max_size=6))
@settings(max_examples=40, deadline=None)
def test_killed_again_and_again_it_still_comes_to_the_same_end(
    cuts: list[tuple[int, bool]],
) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        fuses = (Fuse(at, done=done) for at, done in cuts)
        end = asyncio.run(lives(world, fuses))
    assert [line["i"] for line in end["lines"]] == list(range(TOTAL))
    assert (end["status"], end["listed"], end["desk"]) == ("succeeded", "succeeded", ({}, {}))
    assert end["said"] == (end["ok"], end["failed"], True, (), None)
    assert len(world.calls) <= TOTAL + 4 * len(cuts)


async def test_a_job_that_a_dead_server_holds_up_lets_a_younger_one_pass_and_goes_on_itself(
    world: World,
) -> None:
    stuck, fine = world.hand_over(1, total=3), world.hand_over(2, total=5)
    away = ModelUnreachable("The model server can't be reached. Is it running?")

    def fine_is_over() -> bool:
        job = world.board.job(fine.id)
        return bool(job and job.is_over)

    def script(call: ChatCall) -> ChatReply | ModelUnreachable:
        held_up = " of 3," in call.messages[-1].content and not fine_is_over()
        return away if held_up else good(call)

    await world.live(lambda: world.is_quiet(stuck, fine),
                     script={index: [script] * 500 for index in range(5)})
    assert world.end(stuck)["ok"] == 3
    assert world.end(fine)["ok"] == 5
