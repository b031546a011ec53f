"""The worker ends and deletes jobs: what was made is kept, or nothing is, cut off anywhere."""

from __future__ import annotations

import asyncio
import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from datagen.domain.asked import Asked, Request
from datagen.domain.chat import ChatReply
from datagen.domain.editions import Word
from datagen.domain.errors import StoreError
from datagen.domain.jobs import Job, Part, PeerState, shares
from datagen.engine import closing, pace, places, roster
from datagen.engine.closing import LAST_PARTS
from datagen.engine.journal import ok_line
from datagen.engine.removal import DELETE_AFTER
from datagen.protocol import keys
from datagen.protocol.requests import ask_here, asked_here, deleted_here
from tests.services.worker_lives import Cut, Fuse, World

SCRIPT = {2: [ChatReply(text="no", finish_reason="stop")]}
TOTAL = 40
_NOT_OF_JOBS = {keys.DESK_COUNTED, keys.DESK_LEVELS, keys.DESK_STORED}
WEEK = DELETE_AFTER.total_seconds()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def request(world: World) -> Request:
    return Request(at=world.clock.now(), by="ada")


def cancel(world: World, job: Job) -> None:
    ask_here(world.store, job.id, Asked(cancel=request(world)))


def delete(world: World, job: Job) -> None:
    ask_here(world.store, job.id, Asked(delete=request(world)))


def once(condition: Callable[[], bool], act: Callable[[], None]) -> Callable[[], bool]:
    """Does ``act`` when ``condition`` first holds; never true itself."""
    done = False

    def look() -> bool:
        nonlocal done
        if not done and condition():
            done = True
            act()
        return False

    return look


def entry(world: World, job: Job) -> Job:
    found = world.board.job(job.id)
    assert found
    return found


def state(world: World, job: Job) -> PeerState:
    return world.board.states(job.id)["local"]


def asked_of(world: World, job: Job) -> dict[str, Asked]:
    """What each replica's word says was asked of a job."""
    return {peer: word.asked for peer, word in world.board.words(job.id).items()}


def other_has(world: World, job: Job, count: int) -> str:
    """Peer ``other`` ends its share with that many records; the id of its file."""
    span, now = shares(job.total_records, job.peers)["other"], world.clock.now()
    made = [ok_line(span.start + at, {"n": at}) + b"\n" for at in range(count)]
    cid = world.files.add(io.BytesIO(b"".join(made)), "of the other")
    world.board.report(job.id, PeerState(
        peer_id="other", share=span, generated_ok=count, started_at=now, finished_at=now,
        result_cid=cid, owner=job.owner, parts=(
            Part(start=span.start, end=span.end, cid=cid, ok=count, failed=0,
                 whole=count == len(span)),)))
    return cid


def lines(world: World, job: Job) -> list[dict[str, Any]]:
    cid = state(world, job).result_cid
    return [json.loads(line) for line in world.files.open(cid).readlines()] if cid else []


def is_gone(world: World, *jobs: Job) -> bool:
    """Whether nothing of these jobs is left but that they were deleted."""
    ids = {job.id for job in jobs}
    return (
        not ids & world.board.jobs().keys()
        and not ids & asked_here(world.store).keys()
        and ids <= deleted_here(world.store)
    )


def what_is_left(world: World) -> dict[str, Any]:
    """Everything stored and on disk, the signs of life and the worker's own counts aside."""
    hashes = {key: fields for key, fields in world.store._hashes.items() if fields}
    cache = world.settings.cache_dir
    return {
        "hashes": sorted(hashes.keys() - {keys.PEERS, keys.METRICS}),
        "files": dict(world.files._files),
        "notes": {topic: list(notes) for topic, notes in world.store._notes.items()
                  if notes and topic not in _NOT_OF_JOBS},
        "cache": sorted(path.name for path in cache.rglob("*") if "local." not in path.name),
    }


# ------------------------------------------------------------------------ cancel


async def test_a_running_job_ends_with_what_was_made(world: World) -> None:
    job = world.hand_over(total=200)
    asks = once(lambda: len(world.models[0].calls) > 20, lambda: cancel(world, job))
    await world.live(lambda: asks() or world.is_quiet(job), script=SCRIPT)

    ended, said = entry(world, job), state(world, job)
    assert (ended.status, ended.was_cancelled, ended.cancelled_by) == ("failed", True, "ada")
    assert 20 < ended.total_generated == len(lines(world, job)) < 60
    assert (ended.total_ok, ended.total_failed) == (said.generated_ok, said.generated_failed)
    assert ended.total_failed == 1
    assert f"after {ended.total_generated} of 200 records" in (ended.error or "")
    assert said.finished_at
    assert len(world.calls) == ended.total_generated  # what was in flight had time to end
    assert world.board.words(job.id) == {}  # nobody else reads it
    assert asked_here(world.store) == world.store.notes(keys.DESK_CREATED) == {}


async def test_calls_that_hang_are_dropped(world: World) -> None:
    job = world.hand_over(total=20)
    never = asyncio.Event()
    asks = once(lambda: world.models[0].in_flight == 4 and bool(world.board.states(job.id)),
                lambda: cancel(world, job))
    await world.live(lambda: asks() or world.is_quiet(job),
                     script={index: [never] for index in range(3, 20)})
    assert [line["i"] for line in lines(world, job)] == [0, 1, 2]
    assert world.models[0].in_flight == 0


async def test_a_job_that_waits_for_its_turn_ends_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "STILL_AFTER", math.inf)  # each nap turns this world's clock
    running, waits = world.hand_over(1, total=300), world.hand_over(2, total=300)
    asks = once(lambda: len(world.models[0].calls) > 20, lambda: cancel(world, waits))
    await world.live(lambda: asks() or bool(
        (job := world.board.job(waits.id)) and job.is_over))
    ended = entry(world, waits)
    assert ended.error == "Cancelled by ada before the first record."
    assert (ended.started_at, ended.total_generated) == (None, 0)
    assert state(world, waits).result_cid is None
    assert not entry(world, running).is_over


async def test_a_request_is_seen_long_before_the_next_look_at_the_board(tmp_path: Path) -> None:
    world = World(tmp_path, DATAGEN_JOB_POLL_SECONDS="3600")
    running, waits = world.hand_over(1, total=200), world.hand_over(2, total=200)
    asked_at = math.inf

    def ask() -> None:
        nonlocal asked_at
        asked_at = world.clock.monotonic()
        cancel(world, waits)

    asks = once(lambda: len(world.models[0].calls) > 20, ask)
    await world.live(lambda: asks() or entry(world, waits).is_over
                     if world.board.job(waits.id) else False)
    assert world.clock.monotonic() - asked_at < 1800
    assert not entry(world, running).is_over


async def test_a_job_whose_description_can_not_be_read_can_be_cancelled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace.Backoff, "next", lambda _: 1e9)  # until when it is not tried again
    job = world.hand_over(with_details=False)
    asks = once(lambda: bool(world.board.states(job.id)), lambda: cancel(world, job))
    await world.live(lambda: asks() or world.is_quiet(job))
    assert entry(world, job).was_cancelled


async def test_what_an_earlier_start_made_is_kept_when_the_worker_was_away(world: World) -> None:
    job = world.hand_over(total=20)
    with pytest.raises((Cut, BaseExceptionGroup)):
        await world.live(lambda: False, fuse=Fuse(60))
    cancel(world, job)
    await world.live(lambda: world.is_quiet(job))
    assert 0 < entry(world, job).total_ok == len(lines(world, job)) < 20
    assert world.models[1].calls == []


async def test_a_job_cancelled_after_its_last_record_succeeds(world: World) -> None:
    job = world.hand_over(total=5)

    def is_made() -> bool:
        said = world.board.states(job.id).get("local")
        return bool(said and said.finished_at)

    asks = once(is_made, lambda: cancel(world, job))
    await world.live(lambda: asks() or (
        world.is_quiet(job) and not asked_here(world.store)))
    assert (entry(world, job).status, entry(world, job).cancelled_at) == ("succeeded", None)


async def test_what_was_made_is_delivered_even_if_it_takes_a_while(world: World) -> None:
    job = world.hand_over(total=200)

    def ask() -> None:
        cancel(world, job)
        world.files.fail_next(5)

    asks = once(lambda: len(world.models[0].calls) > 20, ask)
    troubles = set()

    def until() -> bool:
        asks()
        troubles.add(world.board.states(job.id)["local"].trouble
                     if world.board.states(job.id) else None)
        return world.is_quiet(job)

    await world.live(until)
    assert any("can't be reached" in (trouble or "") for trouble in troubles)
    assert entry(world, job).total_ok == len(lines(world, job)) > 20


async def test_what_another_replica_was_asked_is_followed_and_said_again(world: World) -> None:
    job = world.hand_over(total=400, peers=("local", "other"))
    asked = Asked(cancel=request(world))
    asks = once(lambda: len(world.models[0].calls) > 20,
                lambda: world.board.say(job.id, Word(peer_id="other", asked=asked)))

    def has_stopped() -> bool:
        said = world.board.states(job.id).get("local")
        return bool(said and said.finished_at)

    await world.live(lambda: asks() or has_stopped())
    assert asked_of(world, job) == {"local": asked, "other": asked}
    assert 20 < state(world, job).generated_ok < 200


async def test_a_peer_that_never_answers_is_waited_for_a_minute_and_no_longer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.hand_over(total=40, peers=("other", "local"))
    cancel(world, job)
    monkeypatch.setattr(closing, "LAST_PARTS", math.inf)

    def waits() -> bool:
        said = world.board.states(job.id).get("local")
        return bool(said and said.finished_at) and world.clock.monotonic() > 1_000

    await world.live(waits)
    assert not entry(world, job).is_over

    monkeypatch.setattr(closing, "LAST_PARTS", LAST_PARTS)
    started = world.clock.monotonic()
    await world.live(lambda: entry(world, job).is_over)
    assert world.clock.monotonic() - started >= LAST_PARTS
    assert entry(world, job).was_cancelled


async def test_a_peer_that_answers_is_not_waited_for_longer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "LAST_PARTS", math.inf)
    job = world.hand_over(total=40, peers=("other", "local"))
    cancel(world, job)
    other_has(world, job, 7)
    await world.live(lambda: bool((job_ := world.board.job(job.id)) and job_.is_over))
    assert entry(world, job).total_ok == 7


async def test_a_request_is_told_by_a_replica_that_has_no_part_in_the_job(world: World) -> None:
    job = world.hand_over(total=40, peers=("other", "third"))
    world.store.drop(keys.DESK_JOBS, "draft-1")
    world.board.publish(job)
    cancel(world, job)
    await world.live(lambda: "local" in asked_of(world, job))
    assert world.board.states(job.id) == {}


# ------------------------------------------------------------------------ delete


async def test_of_a_deleted_job_nothing_is_left_but_that_it_was_deleted(world: World) -> None:
    job = world.hand_over(total=10)
    table = world.settings.cache_dir / "datasets" / f"{job.id}.parquet"
    table.parent.mkdir(parents=True)
    table.touch()
    await world.live(lambda: world.is_quiet(job), script=SCRIPT)
    kept = world.hand_over(2, total=3)
    await world.live(lambda: world.is_quiet(kept))
    edition = entry(world, kept).edition
    assert edition
    others = {kept.details_cid, edition.manifest_cid, state(world, kept).result_cid,
              state(world, kept).errors_cid}

    delete(world, job)
    await world.live(lambda: is_gone(world, job))

    left = what_is_left(world)
    assert left["files"].keys() == others
    assert left["cache"] == ["datasets"]
    assert left["notes"] == {keys.DESK_DELETED: [job.id]}
    assert not any(job.id in key for key in left["hashes"])
    assert job.id not in world.store.hgetall(keys.user_jobs("ada"))
    assert entry(world, kept).status == "succeeded"


@pytest.mark.parametrize("other", [None, "cancel"])
async def test_a_running_job_that_is_deleted_ends_first(world: World, other: str | None) -> None:
    job = world.hand_over(total=200)

    def ask() -> None:
        if other:
            cancel(world, job)
        delete(world, job)

    asks = once(lambda: len(world.models[0].calls) > 20, ask)
    await world.live(lambda: asks() or is_gone(world, job))
    assert what_is_left(world) == {
        "hashes": [], "files": {}, "cache": [], "notes": {keys.DESK_DELETED: [job.id]}}
    assert len(world.calls) < 60


async def test_a_job_deleted_before_the_worker_saw_it_never_gets_on_the_board(
    world: World,
) -> None:
    job = world.hand_over()
    delete(world, job)
    await world.live(lambda: is_gone(world, job))
    assert what_is_left(world) == {"hashes": [], "files": {}, "cache": [],
                                   "notes": {keys.DESK_DELETED: [job.id]}}
    assert world.calls == []


async def test_a_deleted_job_never_comes_back(world: World) -> None:
    job = world.hand_over(total=3)
    await world.live(lambda: world.is_quiet(job))
    delete(world, job)
    await world.live(lambda: is_gone(world, job))
    calls = len(world.calls)

    world.hand_over(total=3)  # the same job once more
    world.board.publish(job)  # and a store that remembers it
    await world.live(lambda: is_gone(world, job) and not world.store.notes(keys.DESK_JOBS))

    world.board.publish(replace(job, status="succeeded"))
    await world.live(lambda: is_gone(world, job))
    assert len(world.calls) == calls
    assert what_is_left(world)["files"] == {}


async def test_what_a_peer_says_of_a_deleted_job_later_is_taken_away_again(world: World) -> None:
    job = world.hand_over(total=4, peers=("local", "other"))
    other_has(world, job, 2)
    await world.live(lambda: world.is_quiet(job))
    world.board.say(job.id, Word(peer_id="other", asked=Asked(delete=request(world))))
    world.clock.advance(WEEK)
    await world.live(lambda: is_gone(world, job))

    other_has(world, job, 2)  # it was cut off, and its word comes late
    assert world.store.hgetall(keys.job_peers(job.id))
    await world.live(lambda: not world.store.hgetall(keys.job_peers(job.id)))


async def test_files_and_fields_of_a_shared_job_go_after_a_week(
    world: World,
) -> None:
    job = world.hand_over(total=4, peers=("local", "other"))
    other_has(world, job, 2)
    await world.live(lambda: world.is_quiet(job))
    table = world.settings.cache_dir / "datasets" / f"{job.id}.parquet"
    table.parent.mkdir(parents=True)
    table.touch()
    asked = Asked(delete=request(world))
    world.board.say(job.id, Word(peer_id="other", asked=asked))

    await world.live(lambda: asked_of(world, job).get("local") == asked and not table.exists())
    assert job.id in deleted_here(world.store)
    assert lines(world, job)

    world.clock.advance(WEEK)
    await world.live(lambda: is_gone(world, job))
    assert not world.files._files  # our copies of the other replica's files, too
    assert not world.store.hgetall(keys.job_peers(job.id))  # what nobody else may do
    assert asked_of(world, job) == {"local": asked, "other": asked}


# ------------------------------------------------------------- cut off anywhere


async def lives(
    world: World, ask: Callable[[World, Job], None], over: Callable[[Job], bool],
    fuses: Iterator[Fuse],
) -> Job:
    """A job that is half made when it is asked for; then lives that end by a fuse, then one."""
    job = world.hand_over(total=TOTAL)
    await world.live(lambda: bool(world.models[0].calls), script=SCRIPT)
    ask(world, job)
    for fuse in fuses:
        with pytest.raises((Cut, BaseExceptionGroup)):
            await world.live(lambda: False, fuse=fuse, script=SCRIPT)
    await world.live(lambda: over(job), script=SCRIPT)
    return job


def steps_of_the_end(ask: Callable[[World, Job], None],
                     over: Callable[[World], Callable[[Job], bool]]) -> int:
    with TemporaryDirectory() as folder:
        world, fuse = World(Path(folder)), Fuse()
        job = asyncio.run(lives(world, lambda *_: None, lambda _: True, iter(())))
        ask(world, job)
        asyncio.run(world.live(lambda: over(world)(job), fuse=fuse, script=SCRIPT))
        return fuse.steps


@pytest.mark.parametrize("done", [False, True])
def test_a_cancelled_job_comes_to_the_same_end_wherever_the_worker_is_killed(done: bool) -> None:
    def over(world: World) -> Callable[[Job], bool]:
        return lambda job: world.is_quiet(job) and not asked_here(world.store)

    steps = steps_of_the_end(cancel, over)
    assert steps > 20
    for at in range(1, steps):
        with TemporaryDirectory() as folder:
            world = World(Path(folder))
            job = asyncio.run(lives(world, cancel, over(world), iter([Fuse(at, done=done)])))
            ended = entry(world, job)
            assert ended.was_cancelled, f"killed at step {at}"
            assert 0 < ended.total_generated == len(lines(world, job)) < TOTAL
            assert ended.cancelled_by == "ada"
            assert what_is_left(world)["notes"] == {}
            assert not world.models[-1].calls


@pytest.mark.parametrize("done", [False, True])
def test_a_deleted_job_is_gone_wherever_the_worker_is_killed(done: bool) -> None:
    def over(world: World) -> Callable[[Job], bool]:
        return lambda job: is_gone(world, job)

    steps = steps_of_the_end(delete, over)
    assert steps > 20
    for at in range(1, steps):
        with TemporaryDirectory() as folder:
            world = World(Path(folder))
            job = asyncio.run(lives(world, delete, over(world), iter([Fuse(at, done=done)])))
            left = what_is_left(world)
            # What was asked of a job whose entry is gone may have been told to others: who knows?
            assert set(left.pop("hashes")) <= {keys.job_control(job.id)}
            assert left == {"files": {}, "cache": [], "notes": {keys.DESK_DELETED: [job.id]}}, (
                f"killed at step {at}")


async def test_a_deletion_waits_out_a_store_that_fails(world: World) -> None:
    job = world.hand_over(total=3)
    await world.live(lambda: world.is_quiet(job))
    delete(world, job)
    world.files.fail_next(4, StoreError("away"))
    await world.live(lambda: is_gone(world, job))
    assert world.files._files == {}


async def test_files_that_can_not_be_deleted_hold_up_no_other_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.hand_over(1, total=3)
    await world.live(lambda: world.is_quiet(first))
    unseen = world.hand_over(2, total=3)
    for job in (first, unseen):
        delete(world, job)
    looks = 0

    def away(_: str) -> None:
        raise StoreError("The file store can't be reached.")

    def count(_: Any, running: Any, survey: Any = roster.Roster.survey) -> Any:
        nonlocal looks
        looks += 1
        return survey(_, running)

    with monkeypatch.context() as patch:
        patch.setattr(world.files, "remove", away)
        patch.setattr(roster.Roster, "survey", count)
        job = world.hand_over(3, total=3)
        begun = world.clock.monotonic()
        await world.live(lambda: (found := world.board.job(job.id)) is not None and found.is_over
                         and world.clock.monotonic() - begun > 500)
        assert looks < (world.clock.monotonic() - begun) / 3
    assert not is_gone(world, first, unseen)

    await world.live(lambda: is_gone(world, first, unseen))
    assert entry(world, job).status == "succeeded"
