from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from datagen.domain.asked import Asked, Request
from datagen.domain.downloads import Wish
from datagen.domain.editions import Word
from datagen.domain.errors import Conflict, InputError, NotThere, StoreError
from datagen.domain.jobs import InFlight, Job, Part
from datagen.protocol import keys
from datagen.protocol.codec import job_record, load_job
from datagen.protocol.fields import dumps
from datagen.protocol.requests import asked_here, dealt_with
from tests.services.job_world import ANN, BOB, SCHEMA, World, line


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def many(world: World) -> World:
    """1,000 finished jobs of one user."""
    first = world.confirmed()
    world.finish(first, b"")
    job = world.published(first)
    for number in range(1_000):
        one = replace(job, id=f"job_{number}", created_at=job.created_at + timedelta(number))
        world.store.hset(keys.JOBS, one.id, dumps(job_record(one)))
    return world


def ids(world: World) -> list[str]:
    return [view.job.id for view in world.jobs.list(ANN)]


# ------------------------------------------------------------------ confirm


def test_confirm_leaves_the_job_on_the_desk_and_its_details_in_a_file(world: World) -> None:
    job_id = world.confirmed(records=7)
    (text,) = world.store.notes(keys.DESK_JOBS).values()
    job = load_job(text)
    assert (job.id, job.owner, job.status, job.total_records) == (job_id, "ann", "queued", 7)
    details = json.loads(world.files.open(job.details_cid).read())
    assert details["id"] == job_id
    assert details["schema"] == SCHEMA
    assert list(details["schema"]["properties"]) == ["name", "age"]


def test_a_second_confirm_answers_the_same_job(world: World) -> None:
    token = world.token()
    first = world.jobs.confirm(ANN, token)
    assert world.jobs.confirm(ANN, token) == first
    assert len(world.store.notes(keys.DESK_JOBS)) == 1


def test_a_second_confirm_answers_the_same_job_after_the_worker_took_it(world: World) -> None:
    token = world.token()
    first = world.jobs.confirm(ANN, token)
    world.take_over()
    assert world.jobs.confirm(ANN, token) == first
    assert world.store.notes(keys.DESK_JOBS) == {}


def test_a_confirm_waits_for_no_other_whose_file_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, goes_on = threading.Event(), threading.Event()
    add = world.files.add

    def slow(source: BinaryIO, filename: str) -> str:
        if not hangs.is_set():
            hangs.set()
            assert goes_on.wait(20)
        return add(source, filename)

    monkeypatch.setattr(world.files, "add", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(world.confirmed, draft_id="d1")
        assert hangs.wait(20)
        try:
            assert pool.submit(world.confirmed, draft_id="d2").result(20)
            assert not first.done()
        finally:
            goes_on.set()
        assert first.result(20)


def test_confirms_at_the_same_moment_make_one_job(world: World) -> None:
    token = world.token()
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: world.jobs.confirm(ANN, token), range(16)))
    assert len(made) == 1
    assert len(world.store.notes(keys.DESK_JOBS)) == 1


def test_an_edited_schema_is_what_the_job_gets(world: World) -> None:
    edited = {**SCHEMA, "properties": {"city": {"type": "string"}}, "required": ["city"]}
    job_id = world.jobs.confirm(ANN, world.token(), schema=edited)
    assert world.jobs.details(ANN, job_id).schema["properties"] == {"city": {"type": "string"}}


def test_a_schema_that_cannot_be_used_is_refused_and_stores_nothing(world: World) -> None:
    with pytest.raises(InputError) as caught:
        world.jobs.confirm(ANN, world.token(), schema={"type": "object", "properties": {}})
    assert caught.value.problems
    assert world.store.notes(keys.DESK_JOBS) == {}


def test_half_a_character_in_a_schema_is_refused(world: World) -> None:
    edited = {**SCHEMA, "title": "\ud800"}
    with pytest.raises(InputError):
        world.jobs.confirm(ANN, world.token(), schema=edited)


def test_the_limit_of_records_is_checked_again(world: World) -> None:
    with pytest.raises(InputError, match="100000"):
        world.confirmed(records=100_001)


def test_nobody_confirms_the_draft_of_another(world: World) -> None:
    with pytest.raises(NotThere):
        world.jobs.confirm(BOB, world.token())


def test_a_full_store_leaves_no_half_a_job(world: World) -> None:
    token = world.token()
    world.files.fail_next()
    with pytest.raises(StoreError):
        world.jobs.confirm(ANN, token)
    assert world.store.notes(keys.DESK_JOBS) == {}
    world.jobs.confirm(ANN, token)
    assert len(ids(world)) == 1


# --------------------------------------------------------------- list and get


def test_a_confirmed_job_is_listed_at_once(world: World) -> None:
    assert ids(world) == []
    job_id = world.confirmed()
    assert ids(world) == [job_id]


def test_jobs_are_listed_newest_first(world: World) -> None:
    made = []
    for number in range(3):
        made.append(world.confirmed(draft_id=f"d{number}"))
        world.clock.advance(1)
    assert ids(world) == made[::-1]


def test_a_user_sees_nothing_of_another_not_even_as_admin(world: World) -> None:
    job_id = world.confirmed()
    assert world.jobs.list(BOB) == ()
    for look in (world.jobs.get, world.jobs.details):
        with pytest.raises(NotThere):
            look(BOB, job_id)
    with pytest.raises(NotThere):
        world.jobs.get(ANN, "job_0_000000")


def test_an_open_job_shows_what_its_peers_say(world: World) -> None:
    job_id = world.confirmed(records=10)
    world.take_over()
    flight = InFlight(index=3, attempt=1, started_at=world.clock.now())
    world.report(job_id, ok=2, failed=1, in_flight=(flight,))
    world.clock.advance(1)
    view = world.jobs.get(ANN, job_id)
    assert view.job.status == view.progress.status == "running"
    assert (view.job.total_generated, view.job.total_ok, view.job.total_failed) == (3, 2, 1)
    assert view.progress.in_flight == (flight,)
    assert view.states["local"].generated == 3


def test_a_finished_job_shows_its_peers_when_it_is_opened(world: World) -> None:
    job_id = world.dataset([{"name": "a"}, "No."])
    (listed,) = world.jobs.list(ANN)
    assert listed.states == {}
    view = world.jobs.get(ANN, job_id)
    assert view.states["local"].generated == 2
    assert (view.rate, view.eta, view.waiting) == (None, None, None)


def test_the_peers_of_a_finished_job_are_read_once(world: World) -> None:
    job_id = world.dataset([{"name": "a"}])
    world.jobs.get(ANN, job_id)
    reads = world.store.reads
    world.jobs.get(ANN, job_id)
    assert world.store.reads == reads


def test_a_peer_whose_end_has_not_arrived_is_looked_for_again(tmp_path: Path) -> None:
    world = World(tmp_path, peers=("p1", "p2"))
    job_id = world.confirmed(records=2)
    world.finish(job_id, {"p1": b'{"i":0,"ok":true,"data":{}}\n'})
    assert set(world.jobs.get(ANN, job_id).states) == {"p1"}
    world.report(job_id, peer="p2", ok=1, finished_at=world.clock.now())
    world.clock.advance(1.1)
    assert set(world.jobs.get(ANN, job_id).states) == {"p1", "p2"}


def test_details_that_belong_to_another_job_are_not_shown(world: World) -> None:
    first, second = world.confirmed(draft_id="a"), world.confirmed(draft_id="b")
    world.take_over()
    cid = world.published(second).details_cid
    world.board.publish(replace(world.published(first), details_cid=cid))
    world.jobs.invalidate()
    with pytest.raises(StoreError):
        world.jobs.details(ANN, first)


def test_details_read_for_one_job_never_answer_for_another(world: World) -> None:
    mine = world.confirmed()
    world.take_over()
    world.jobs.details(ANN, mine)
    stolen = replace(world.published(mine), id="job_1_stolen", owner="bob")
    world.board.publish(stolen)
    world.jobs.invalidate()
    with pytest.raises(StoreError):
        world.jobs.details(BOB, "job_1_stolen")


def test_missing_details_are_trouble_of_the_store_and_not_a_missing_job(world: World) -> None:
    job_id = world.confirmed()
    world.take_over()
    world.board.publish(replace(world.published(job_id), details_cid="0" * 64))
    world.jobs.invalidate()
    with pytest.raises(StoreError):
        world.jobs.details(ANN, job_id)


# ----------------------------------------------------------- cancel and delete


def test_a_request_to_cancel_is_left_on_the_desk_and_shown_at_once(world: World) -> None:
    job_id = world.confirmed()
    world.take_over()
    assert not world.jobs.get(ANN, job_id).is_ending
    reads = world.store.reads

    world.jobs.cancel(ANN, job_id)

    assert world.store.reads == reads  # nobody waits for a shared store
    view = world.jobs.get(ANN, job_id)
    assert view.is_ending
    assert view.asked == Asked(cancel=Request(at=world.clock.now(), by="ann"))
    assert asked_here(world.store) == {job_id: view.asked}


def test_the_first_request_stands_however_often_it_is_made(world: World) -> None:
    job_id = world.confirmed()
    world.jobs.cancel(ANN, job_id)
    first = world.clock.now()
    world.clock.advance(5)
    world.jobs.cancel(ANN, job_id)
    cancel = world.jobs.get(ANN, job_id).asked.cancel
    assert cancel
    assert cancel.at == first


def test_a_request_of_another_replica_is_shown_once_its_word_is_here(world: World) -> None:
    job_id = world.confirmed()
    world.take_over()
    asked = Asked(cancel=Request(at=world.clock.now(), by="ann"))
    world.board.say(job_id, Word(peer_id="other", asked=asked))
    view = world.jobs.get(ANN, job_id)
    assert view.is_ending
    assert (view.asked, view.known_by) == (asked, 1)


def test_a_job_that_is_over_can_not_be_cancelled(world: World) -> None:
    job_id = world.dataset([{"name": "a"}])
    with pytest.raises(Conflict):
        world.jobs.cancel(ANN, job_id)
    assert not world.jobs.get(ANN, job_id).is_ending


def test_a_retry_opens_another_round_of_a_job_that_is_over(world: World) -> None:
    job_id = world.dataset([{"name": "a"}, "No.", {"name": "b"}])
    assert world.jobs.get(ANN, job_id).retryable == 1
    world.jobs.retry(ANN, job_id)
    asked = Asked(retry=Request(at=world.clock.now(), by="ann"))
    assert asked_here(world.store) == {job_id: asked}
    view = world.jobs.get(ANN, job_id)
    assert (view.round, view.job.is_over, view.asked, view.retryable) == (1, False, asked, 0)
    with pytest.raises(Conflict, match="not finished"):
        world.jobs.retry(ANN, job_id)


def test_what_is_cancelled_is_the_round_that_runs(world: World) -> None:
    job_id = world.dataset(["No."])
    world.jobs.retry(ANN, job_id)
    world.clock.advance(1)
    world.jobs.cancel(ANN, job_id)
    cancel = asked_here(world.store)[job_id].cancel
    assert cancel == Request(at=world.clock.now(), by="ann", round=1)
    assert world.jobs.get(ANN, job_id).is_ending


def test_what_is_all_good_runs_or_was_made_earlier_can_not_be_retried(world: World) -> None:
    good, runs, earlier = (
        world.dataset([{"name": "a"}], draft_id="a"), world.confirmed(draft_id="b"),
        world.confirmed(draft_id="c"))
    world.finish(earlier, line(0, "No."))
    for job_id, why in ((good, "nothing to retry"), (runs, "not finished"),
                        (earlier, "earlier version")):
        with pytest.raises(Conflict, match=why):
            world.jobs.retry(ANN, job_id)
    assert asked_here(world.store) == {}


def test_a_job_is_closed_by_hand_only_where_its_peers_can_not(tmp_path: Path) -> None:
    world = World(tmp_path, peers=("p1", "p2", "p3"))
    over, job_id = world.dataset([{"name": "a"}], draft_id="a"), world.confirmed(records=3)
    world.take_over()
    world.beat("p1")
    with pytest.raises(Conflict, match="over"):
        world.jobs.close(ANN, over)
    with pytest.raises(Conflict, match="not complete"):
        world.jobs.close(ANN, job_id)
    for peer, span in zip(world.peers, range(3), strict=True):
        world.report(job_id, peer=peer, ok=1, finished_at=world.clock.now(), parts=(
            Part(start=span, end=span + 1, cid=f"c{span}", ok=1, failed=0),))
    for _ in range(20):
        world.clock.advance(30)
        world.beat("p1", seq=int(world.clock.monotonic()))
        world.jobs.list(ANN)
    assert "2 of 3 peers" in (world.jobs.get(ANN, job_id).not_closed or "")
    world.jobs.close(ANN, job_id)
    assert asked_here(world.store)[job_id].close == Request(at=world.clock.now(), by="ann")


@pytest.mark.parametrize("act", ["cancel", "retry", "close", "delete"])
def test_nobody_ends_the_job_of_another(world: World, act: str) -> None:
    job_id = world.confirmed()
    for name in (job_id, "job_0_000000"):
        with pytest.raises(NotThere):
            getattr(world.jobs, act)(BOB, name)
    assert asked_here(world.store) == {}


def test_a_deleted_job_is_nowhere_from_that_moment_on(world: World) -> None:
    kept, gone = (world.dataset([{"name": "a"}], draft_id=name) for name in "ab")
    assert world.datasets.columns(ANN, gone)

    world.jobs.delete(ANN, gone)

    assert ids(world) == [kept]
    assert world.jobs.metrics(ANN)["totalJobs"] == 1
    for look in (world.jobs.get, world.jobs.details, world.jobs.cancel, world.jobs.delete,
                 world.datasets.columns, world.datasets.failures, world.datasets.lines):
        with pytest.raises(NotThere):
            look(ANN, gone)
    with pytest.raises(NotThere):
        world.datasets.export(ANN, gone, Wish(form="csv"))


def test_a_running_job_can_be_deleted(world: World) -> None:
    job_id = world.confirmed()
    world.take_over()
    world.report(job_id, ok=1)
    world.jobs.delete(ANN, job_id)
    assert ids(world) == []


def test_another_process_of_the_replica_hides_a_deleted_job_at_its_next_look(
    world: World,
) -> None:
    job_id = world.dataset([{"name": "a"}])
    other = world.another_process()
    assert other.list(ANN)
    world.jobs.delete(ANN, job_id)
    world.clock.advance(10.1)
    assert other.list(ANN) == ()


def test_the_worker_taking_a_job_away_never_shows_it_again(world: World) -> None:
    job_id = world.dataset([{"name": "a"}])
    world.jobs.delete(ANN, job_id)
    world.store.put_once(keys.DESK_DELETED, job_id, "")
    dealt_with(world.store, job_id)
    world.jobs.invalidate()
    assert ids(world) == []


def test_the_draft_of_a_deleted_job_makes_no_second_one(world: World) -> None:
    token = world.token()
    job_id = world.jobs.confirm(ANN, token)
    world.jobs.delete(ANN, job_id)
    with pytest.raises(Conflict, match="deleted"):
        world.jobs.confirm(ANN, token)
    world.store.drop(keys.DESK_JOBS, "d1")
    world.store.put_once(keys.DESK_DELETED, job_id, "")
    dealt_with(world.store, job_id)
    with pytest.raises(Conflict, match="deleted"):
        world.jobs.confirm(ANN, token)
    assert ids(world) == []


# -------------------------------------------------------------- the snapshot


def reads_of(world: World, look: Callable[[], object]) -> int:
    before = world.store.reads
    look()
    return world.store.reads - before


def test_open_pages_share_one_read_per_interval(world: World) -> None:
    world.confirmed()
    world.jobs.list(ANN)
    assert reads_of(world, lambda: [world.jobs.list(ANN) for _ in range(50)]) == 0
    world.clock.advance(1.1)
    assert reads_of(world, lambda: world.jobs.list(BOB)) > 0
    assert reads_of(world, lambda: world.jobs.list(ANN)) == 0


def test_reads_are_slow_while_nothing_runs(world: World) -> None:
    world.dataset([{"name": "a"}])
    world.jobs.list(ANN)
    world.clock.advance(5)
    assert reads_of(world, lambda: world.jobs.list(ANN)) == 0
    world.clock.advance(6)
    assert reads_of(world, lambda: world.jobs.list(ANN)) > 0


def test_a_failing_store_leaves_the_last_picture_and_says_how_old_it_is(world: World) -> None:
    job_id = world.confirmed()
    assert ids(world) == [job_id]
    assert not world.jobs.snapshot().stale
    world.clock.advance(1.1)
    since = world.clock.now()
    world.store.fail_next(1)
    assert ids(world) == [job_id]
    assert world.jobs.snapshot().stale_since == since
    world.clock.advance(1.1)
    world.store.fail_next(1)
    assert world.jobs.snapshot().stale_since == since
    world.clock.advance(1.1)
    assert not world.jobs.snapshot().stale


def test_a_failing_store_is_told_while_there_is_no_picture(world: World) -> None:
    world.store.fail_next(1)
    with pytest.raises(StoreError):
        world.jobs.list(ANN)


def test_one_thread_reads_while_the_others_take_the_last_picture(world: World) -> None:
    job_id = world.confirmed()
    world.jobs.list(ANN)
    world.clock.advance(1.1)
    inside, go_on = threading.Event(), threading.Event()
    original = world.store.notes

    def slow(topic: str) -> dict[str, str]:
        inside.set()
        assert go_on.wait(10)
        return original(topic)

    world.store.notes = slow  # holds the reader inside its read
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(world.jobs.list, ANN)
        assert inside.wait(10)
        assert ids(world) == [job_id]
        go_on.set()
        assert [view.job.id for view in reader.result(10)] == [job_id]


def test_a_job_that_leaves_the_desk_is_never_missing(world: World) -> None:
    job_id = world.confirmed()
    world.clock.advance(1.1)
    original = world.store.notes

    def taken_after_the_look(topic: str) -> dict[str, str]:
        found = original(topic)
        world.store.notes = original  # once
        world.take_over()
        return found

    world.store.notes = taken_after_the_look  # the unlucky moment
    assert ids(world) == [job_id]


def test_foreign_values_are_left_out(world: World) -> None:
    job_id = world.confirmed()
    world.store.hset(keys.JOBS, "x", "not json")
    world.store.hset(keys.JOBS, "y", '{"id":"y","status":"dancing"}')
    world.store.put_once(keys.DESK_JOBS, "z", "[]")
    assert ids(world) == [job_id]


def test_a_thousand_jobs_are_listed_within_50_ms(many: World) -> None:
    many.jobs.list(ANN)
    many.clock.advance(11)
    begun = time.thread_time()  # other work on the machine does not count
    views = many.jobs.list(ANN)
    refreshed = time.thread_time() - begun
    many.jobs.list(ANN)
    assert len(views) == 1_001
    assert refreshed < 0.05


def test_a_job_whose_text_did_not_change_is_decoded_once(many: World) -> None:
    first = {job_id: job for job_id, job in many.board.jobs().items() if job_id != "job_5"}
    job: Job = many.published("job_5")
    many.board.publish(replace(job, title="New"))
    again = many.board.jobs()
    assert all(again[job_id] is job for job_id, job in first.items())
    assert again["job_5"].title == "New"


# ------------------------------------------------------- pace and signs of life


def test_the_rate_is_that_of_late_and_tells_the_time_left(world: World) -> None:
    job_id = world.confirmed(records=100)
    world.take_over()
    begun = world.clock.now()
    for done in range(0, 41, 2):
        world.report(job_id, ok=done, started_at=begun)
        view = world.jobs.get(ANN, job_id)
        world.clock.advance(1.001)
    assert view.rate == pytest.approx(2, rel=0.05)
    assert view.eta == pytest.approx(30, rel=0.05)


def test_a_slow_model_has_a_steady_rate_and_time_left(world: World) -> None:
    job_id = world.confirmed(records=100)
    world.take_over()
    begun = world.clock.now()
    rates = []
    for second in range(600):
        world.report(job_id, ok=second // 60, started_at=begun)
        rates.append(world.jobs.get(ANN, job_id).rate)
        world.clock.advance(1.001)
    assert all(rate == pytest.approx(1 / 60, rel=0.4) for rate in rates[300:])


def test_the_first_look_at_a_running_job_takes_its_average(world: World) -> None:
    job_id = world.confirmed(records=100)
    world.take_over()
    world.report(job_id, ok=50, started_at=world.clock.now() - timedelta(seconds=25))
    view = world.jobs.get(ANN, job_id)
    assert view.rate == pytest.approx(2)
    assert view.eta == pytest.approx(25)


def test_a_job_that_just_left_the_desk_is_there_while_the_store_can_not_be_read(
    world: World,
) -> None:
    assert ids(world) == []
    job_id = world.confirmed()
    (text,) = world.store.notes(keys.DESK_JOBS).values()
    world.store.put_once(keys.DESK_CREATED, job_id, text)  # as the worker does it
    world.take_over()

    world.store.fail_next(1)

    assert world.jobs.get(ANN, job_id).job.status == "queued"
    with pytest.raises(StoreError):  # it may be there all the same
        world.jobs.get(ANN, "job_1_aaaaaa")


def test_how_fast_a_job_is_cannot_be_told_from_an_old_picture(world: World) -> None:
    job_id = world.confirmed(records=100)
    world.take_over()
    world.report(job_id, ok=50, started_at=world.clock.now() - timedelta(seconds=25))
    assert world.jobs.get(ANN, job_id).rate
    seen_at = world.clock.now()

    world.clock.advance(60)
    assert world.jobs.as_of() == world.clock.now()
    world.clock.advance(60)
    world.store.fail_next(1)
    view = world.jobs.get(ANN, job_id)

    assert (view.rate, view.eta, view.progress.done) == (None, None, 50)
    assert world.jobs.as_of() == seen_at + timedelta(seconds=60)


def test_of_a_finished_job_the_picture_knows_all_but_its_peers(world: World) -> None:
    job_id = world.dataset([{"name": "a"}, {"name": "b"}])
    assert ids(world) == [job_id]
    world.store.fail_next(1)
    with pytest.raises(StoreError):
        world.jobs.get(ANN, job_id)
    world.store.fail_next(1_000)
    view = world.jobs.known(ANN, job_id)
    assert (view.job.total_ok, view.states) == (2, {})
    assert world.jobs.details(ANN, job_id).id == job_id
    with pytest.raises(NotThere):
        world.jobs.known(BOB, job_id)


def test_a_job_that_has_not_begun_has_no_rate(world: World) -> None:
    view = world.jobs.get(ANN, world.confirmed())
    assert (view.rate, view.eta) == (None, None)


def test_a_job_without_any_worker_says_how_to_start_one(world: World) -> None:
    job_id = world.confirmed()
    assert "python worker.py" in (world.jobs.get(ANN, job_id).waiting or "")


def test_a_job_that_waits_here_while_another_worker_has_our_id_tells_so(world: World) -> None:
    world.store.keep(keys.DESK_DOUBLE, "since", "2026-01-01T00:00:00.000Z")
    job_id = world.confirmed()
    assert "R1EN_HOST_ADDR" in (world.jobs.get(ANN, job_id).waiting or "")
    world.take_over()
    world.clock.advance(100)
    world.beat()
    assert world.jobs.get(ANN, job_id).waiting is None


def test_a_worker_that_beats_is_not_waited_for(world: World) -> None:
    world.beat()
    assert world.jobs.get(ANN, world.confirmed()).waiting is None


def test_a_beat_older_than_90_seconds_counts_as_gone(world: World) -> None:
    world.beat()
    job_id = world.confirmed()
    world.clock.advance(89)
    assert world.jobs.get(ANN, job_id).waiting is None
    world.clock.advance(60)
    assert "2 minutes ago" in (world.jobs.get(ANN, job_id).waiting or "")


def test_nobody_is_gone_because_the_store_was_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> dict[str, str]:
        raise StoreError("The store can't be reached.")

    world.beat()
    job_id = world.confirmed()
    assert world.jobs.get(ANN, job_id).waiting is None
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "hgetall", away)
        for _ in range(10):
            world.clock.advance(60)
            assert world.jobs.get(ANN, job_id).waiting is None
    world.clock.advance(10)
    assert world.jobs.get(ANN, job_id).waiting is None  # its next beat is on its way
    world.clock.advance(30)
    assert world.jobs.get(ANN, job_id).waiting is None
    world.clock.advance(30)
    assert "last seen" in (world.jobs.get(ANN, job_id).waiting or "")


def test_a_worker_with_a_wrong_clock_is_alive_while_its_beats_change(world: World) -> None:
    yesterday = world.clock.now() - timedelta(days=1)
    job_id = world.confirmed()
    world.beat(seq=1, at=yesterday)
    assert world.jobs.get(ANN, job_id).waiting is not None
    world.clock.advance(30)
    world.beat(seq=2, at=yesterday + timedelta(seconds=30))
    assert world.jobs.get(ANN, job_id).waiting is None


def test_a_beat_that_changed_while_nobody_looked_counts_from_its_own_time(world: World) -> None:
    world.beat(seq=1)
    first = world.confirmed(records=1)
    assert world.jobs.get(ANN, first).waiting is None
    world.finish(first, line(0, {"name": "x"}))
    world.jobs.list(ANN)
    world.beat(seq=2)
    for _ in range(60):  # ten minutes in which nothing runs and the worker dies
        world.clock.advance(10.1)
        world.jobs.list(ANN)
    assert "10 minutes ago" in (
        world.jobs.get(ANN, world.confirmed(draft_id="d2")).waiting or "")


def test_a_job_left_to_a_peer_of_another_name_says_so(world: World) -> None:
    job_id = world.confirmed()
    world.take_over()
    world.peers = ("renamed",)
    world.beat("renamed")
    waiting = world.another_process().get(ANN, job_id).waiting or ""
    assert "left to local" in waiting
    assert "R1EN_HOST_ADDR" in waiting


def test_only_the_silent_peers_are_named_and_finished_ones_are_not_missed(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, peers=("p1", "p2", "p3"))
    job_id = world.confirmed(records=3)
    world.take_over()
    world.beat("p1")
    world.report(job_id, peer="p2", ok=1, finished_at=world.clock.now(), result_cid="c",
                 parts=(Part(start=1, end=2, cid="c", ok=1, failed=0),))
    waiting = world.jobs.get(ANN, job_id).waiting or ""
    assert "p3" in waiting
    assert "p1" not in waiting
    assert "p2" not in waiting


# ------------------------------------------------------------------- metrics


def test_totals_count_only_the_users_own_jobs(world: World) -> None:
    world.confirmed(draft_id="b", owner=BOB, records=50)
    world.dataset([{"name": "a"}, "No."], draft_id="x")
    world.dataset(["No."], draft_id="y")
    world.confirmed(draft_id="z", records=9)
    world.clock.advance(1)
    assert world.jobs.metrics(ANN) == {
        "totalJobs": 3, "totalRecordsRequested": 12, "totalRecordsGenerated": 3,
        "activeJobs": 1, "failedJobs": 1, "lastJobAt": "2026-01-01T00:00:00.000Z",
    }
