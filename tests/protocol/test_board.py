"""The shared board: what the earlier application left there, and what strangers do."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.asked import Asked, Request
from datagen.domain.editions import Vote, Word
from datagen.domain.errors import StoreError, StoreUnconfirmed
from datagen.domain.folds import Case
from datagen.domain.jobs import Edition, Job, PeerState, Share
from datagen.protocol import keys
from datagen.protocol.board import Beat, Board
from datagen.protocol.codec import job_record, load_job, load_peer
from datagen.protocol.fields import dumps
from datagen.protocol.newest import MAX_SEEN
from datagen.protocol.said import Place, Said
from datagen.protocol.seal import Seal
from tests import golden

FINISHED = "job_1795332059915_e062d0"
RUNNING = "job_1795332063591_90b3da"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEAT = Beat(peer_id="p1", seq=1, version="1", at=NOW)
CANCEL = Asked(cancel=Request(at=NOW, by="ann"))


@pytest.fixture
def store() -> MemoryStore:
    """A store as the earlier application left it in the middle of a job."""
    store = MemoryStore()
    for hkey, fields in golden.hashes("in_progress_2peers_20records").items():
        for field, text in fields.items():
            store.hset(hkey, field, text)
    return store


@pytest.fixture
def board(store: MemoryStore) -> Board:
    return Board(store)


def test_jobs_of_the_earlier_application_are_found(board: Board) -> None:
    jobs = board.jobs()
    assert {job_id: job.status for job_id, job in jobs.items()} == {
        FINISHED: "succeeded", RUNNING: "running"}
    assert board.job(RUNNING) == jobs[RUNNING]


def test_a_running_job_adds_up_to_what_its_peers_say(board: Board) -> None:
    progress = Case(job=board.jobs()[RUNNING], states=board.states(RUNNING)).progress
    assert (progress.status, progress.ok, progress.failed, progress.total) == ("running", 10, 0, 20)
    assert progress.started_at == datetime(2026, 11, 22, 7, 21, 3, 893000, UTC)


class Hiccups(MemoryStore):
    """Fails the next ``left`` writes, and keeps what each was to write."""

    def __init__(self, left: int, *, passing: bool) -> None:
        super().__init__()
        self.left, self.passing, self.asked = left, passing, []

    def hset(self, hkey: str, field: str, value: str | None) -> None:
        self.asked.append(value)
        self.left -= 1
        if self.left >= 0:
            error = StoreError("It failed.")
            error.passing = self.passing
            raise error
        super().hset(hkey, field, value)


def test_a_write_that_fails_in_passing_is_said_again_in_other_bytes() -> None:
    store = Hiccups(2, passing=True)
    Board(store).beat(BEAT)
    assert len(set(store.asked)) == 3
    assert store.hget(keys.PEERS, "p1") == store.asked[-1]


@pytest.mark.parametrize(("passing", "asked"), [(True, 3), (False, 1)])
def test_a_write_that_goes_on_failing_is_given_up(passing: bool, asked: int) -> None:
    store = Hiccups(9, passing=passing)
    with pytest.raises(StoreError, match="It failed"):
        Board(store).beat(BEAT)
    assert len(store.asked) == asked


def test_a_job_nobody_knows_is_absent(board: Board) -> None:
    assert board.job("job_0_000000") is None
    assert board.states("job_0_000000") == {}


def _plain(records: dict[str, str]) -> dict[str, dict[str, object]]:
    """Stored records without the marks that we add."""
    loaded = {name: json.loads(text) for name, text in records.items()}
    return {name: {k: v for k, v in record.items() if k not in {"inc", "rev"}}
            for name, record in loaded.items()}


def test_publishing_writes_the_job_and_the_owners_list_as_before(
    board: Board, store: MemoryStore
) -> None:
    golden_list = _plain(store.hgetall(keys.user_jobs("admin")))
    for job in board.jobs().values():
        board.publish(job)
    assert _plain(store.hgetall(keys.user_jobs("admin"))) == golden_list
    assert load_job(store.hgetall(keys.JOBS)[RUNNING]) == board.job(RUNNING)


def test_a_report_is_the_peers_own_field_and_nobody_elses(
    board: Board, store: MemoryStore
) -> None:
    before = store.hgetall(keys.job_peers(RUNNING))
    state = replace(board.states(RUNNING)["peer1"], generated_ok=6, inc=1, rev=1)
    board.report(RUNNING, state)
    after = store.hgetall(keys.job_peers(RUNNING))
    assert load_peer(after["peer1"]) == state
    assert after["peer2"] == before["peer2"]


def test_a_job_that_did_not_change_is_the_same_object(board: Board) -> None:
    before = board.jobs()
    board.publish(replace(before[RUNNING], title="new"))
    after = board.jobs()
    assert after[FINISHED] is before[FINISHED]
    assert after[RUNNING].title == "new"


@pytest.mark.parametrize("text", [
    "", "null", "[]", "{", "{}", "9" * 5000, "[" * 100_000, '{"status":["queued"]}',
    '{"id":"stranger","status":"dreaming"}',
])
def test_hostile_values_are_skipped_and_logged_once(
    board: Board, store: MemoryStore, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    caplog.set_level(logging.WARNING)
    store.hset(keys.JOBS, "stranger", text)
    store.hset(keys.job_peers(RUNNING), "stranger", text)
    store.hset(keys.PEERS, "stranger", text)
    store.hset(keys.job_control(RUNNING), "stranger", text)
    for _ in range(3):
        assert set(board.jobs()) == {FINISHED, RUNNING}
        assert board.job("stranger") is None
        assert set(board.states(RUNNING)) == {"peer1", "peer2"}
        assert board.beats() == {}
        assert board.words(RUNNING) == {}
    assert len(caplog.messages) == 4
    assert all("stranger" in line for line in caplog.messages)


def test_a_log_line_about_a_hostile_value_neither_breaks_nor_shows_it(
    board: Board, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.hset(keys.JOBS, "a\nERROR: faked " + "x" * 5000, "secret content")
    board.jobs()
    (line,) = caplog.messages
    assert "\n" not in line
    assert "secret" not in line
    assert len(line) < 400


def test_a_job_under_another_id_is_left_out(board: Board, store: MemoryStore) -> None:
    text = store.hget(keys.JOBS, RUNNING)
    store.hset(keys.JOBS, "job_1_other", text)
    assert set(board.jobs()) == {FINISHED, RUNNING}
    assert board.job("job_1_other") is None


def test_nobody_speaks_for_another_peer(board: Board, store: MemoryStore) -> None:
    text = store.hget(keys.job_peers(RUNNING), "peer1")
    store.hset(keys.job_peers(RUNNING), "peer2", text)
    assert set(board.states(RUNNING)) == {"peer1"}


def asked_of(board: Board, job_id: str) -> dict[str, Asked]:
    """What each replica's word says was asked of a job."""
    return {peer: word.asked for peer, word in board.words(job_id).items()}


def test_what_a_replica_says_of_a_job_is_its_own_to_say(board: Board, store: MemoryStore) -> None:
    edition = Edition(round=1, by="peer1", status="succeeded", ok=3, failed=0,
                      manifest_cid="m", sha256="0" * 64, finished_at=NOW)
    word = Word(peer_id="peer1", asked=CANCEL, ended=edition,
                vote=Vote(round=1, promised=5, ballot=3, taken=edition))
    board.say(RUNNING, word)
    store.hset(keys.job_control(RUNNING), "peer2",
               store.hget(keys.job_control(RUNNING), "peer1"))
    said = board.words(RUNNING)
    assert set(said) == {"peer1"}
    assert replace(said["peer1"], inc=0, rev=0) == word
    assert board.words(FINISHED) == {}


def test_a_deleted_job_is_on_no_list_and_what_was_asked_of_it_stays_known(
    board: Board, store: MemoryStore
) -> None:
    asked = Asked(delete=Request(at=NOW, by="ann"))
    board.say(FINISHED, Word(peer_id="peer1", asked=asked))
    board.publish(job := board.jobs()[FINISHED])
    for peer in job.peers:
        board.take_away(FINISHED, peer)
    board.take_down(job)
    assert set(board.jobs()) == {RUNNING}
    assert FINISHED not in store.hgetall(keys.user_jobs(job.owner))
    assert board.states(FINISHED) == {}
    assert asked_of(board, FINISHED) == {"peer1": asked}


def test_beats_come_back_as_they_were(board: Board) -> None:
    beat = Beat(peer_id="local", seq=7, version="0.1.0", at=NOW)
    board.begin(3)
    board.beat(beat)
    assert board.beats() == {"local": replace(beat, inc=3)}


def test_no_two_writes_are_equal_and_later_ones_carry_higher_marks(
    board: Board, store: MemoryStore
) -> None:
    job = replace(board.jobs()[RUNNING], inc=1)
    state = board.states(RUNNING)["peer1"]
    marks: list[tuple[int, int]] = []
    for inc in (1, 2):
        board.begin(inc)
        for _ in range(2):
            board.publish(job)
            board.report(RUNNING, state)
            entry, said = board.jobs()[RUNNING], board.states(RUNNING)["peer1"]
            short = json.loads(store.hget(keys.user_jobs(job.owner), RUNNING))
            marks += [(entry.inc, entry.rev), (short["inc"], short["rev"]),
                      (said.inc, said.rev)]
    assert marks == sorted(set(marks))


@pytest.mark.parametrize("change", [
    {"inc": "3"}, {"inc": -1}, {"inc": float("inf")}, {"seq": None}, {"version": 5}, {"at": "now"},
])
def test_a_damaged_beat_is_no_sign_of_life(
    board: Board, store: MemoryStore, change: dict[str, object]
) -> None:
    beat = {"inc": 3, "seq": 7, "version": "0.1.0", "at": "2026-01-01T00:00:00.000Z"}
    store.hset(keys.PEERS, "local", json.dumps(beat | change))
    assert board.beats() == {}


def test_what_no_other_node_confirmed_is_written_all_the_same_and_told_once(
    board: Board, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    write = store.hset

    def unconfirmed(hkey: str, field: str, value: str | None) -> None:
        write(hkey, field, value)
        raise StoreUnconfirmed("Nobody else has it.")

    store.hset = unconfirmed  # a node whose peers are away
    state = replace(board.states(RUNNING)["peer1"], generated_ok=6)
    for _ in range(3):
        board.report(RUNNING, state)
    assert board.states(RUNNING)["peer1"].generated_ok == 6
    assert caplog.messages == ["Nobody else has it."]


def test_a_store_that_fails_is_not_an_empty_board(board: Board, store: MemoryStore) -> None:
    store.fail_next()
    with pytest.raises(StoreError):
        board.jobs()
    assert len(board.jobs()) == 2


class TestNewest:
    """A node may show an older version of a field again."""

    JOB_ID = "job_1_aaaaaa"

    def told(self, store: MemoryStore, *counts: int) -> list[str]:
        """What a peer wrote one after the other, each with so many records."""
        writer, texts = Board(store), []
        for count in counts:
            writer.report(self.JOB_ID, PeerState(
                peer_id="p1", share=Share(start=0, end=9), generated_ok=count))
            texts.append(store.hget(keys.job_peers(self.JOB_ID), "p1") or "")
        return texts

    def shown(self, board: Board) -> int:
        return board.states(self.JOB_ID)["p1"].generated_ok

    def test_the_highest_mark_that_was_seen_counts(self, store: MemoryStore) -> None:
        first, second, third = self.told(store, 1, 2, 3)
        board = Board(store)
        for text, expected in ((first, 1), (third, 3), (second, 3), (first, 3), (None, 3)):
            store.hset(keys.job_peers(self.JOB_ID), "p1", text)
            assert self.shown(board) == expected

    def test_a_later_start_counts_before_any_number_of_writes(self, store: MemoryStore) -> None:
        self.told(store, 1, 2, 3)
        board, anew = Board(store), Board(store)
        assert self.shown(board) == 3
        anew.begin(2)
        anew.report(self.JOB_ID, PeerState(peer_id="p1", share=Share(start=0, end=9)))
        assert self.shown(board) == 0

    def test_a_read_that_fails_forgets_nothing(self, store: MemoryStore) -> None:
        first, _ = self.told(store, 1, 2)
        board = Board(store)
        assert self.shown(board) == 2
        store.fail_next()
        with pytest.raises(StoreError):
            board.states(self.JOB_ID)
        store.hset(keys.job_peers(self.JOB_ID), "p1", first)
        assert self.shown(board) == 2

    def test_of_a_peer_of_the_earlier_application_what_is_there_counts(
        self, store: MemoryStore
    ) -> None:
        board = Board(store)
        assert board.states(RUNNING)["peer1"].generated_ok == 5
        record = json.loads(store.hget(keys.job_peers(RUNNING), "peer1")) | {"generatedOk": 4}
        store.hset(keys.job_peers(RUNNING), "peer1", json.dumps(record))
        assert board.states(RUNNING)["peer1"].generated_ok == 4

    def test_what_was_taken_away_is_gone(self, store: MemoryStore) -> None:
        self.told(store, 1)
        board = Board(store)
        assert self.shown(board) == 1
        board.take_away(self.JOB_ID, "p1")
        assert board.states(self.JOB_ID) == {}

    def test_a_state_that_did_not_change_is_the_same_object(self, store: MemoryStore) -> None:
        self.told(store, 1)
        board = Board(store)
        assert board.states(self.JOB_ID)["p1"] is board.states(self.JOB_ID)["p1"]

    def test_hashes_that_were_not_read_for_long_are_forgotten(self, store: MemoryStore) -> None:
        first, _ = self.told(store, 1, 2)
        board = Board(store)
        self.shown(board)
        for number in range(MAX_SEEN):
            board.states(f"job_2_{number}")
        store.hset(keys.job_peers(self.JOB_ID), "p1", first)
        assert self.shown(board) == 1


class TestLastWords:
    """What this peer said stays on its own disk, whatever becomes of the write."""

    JOB_ID = "job_1_aaaaaa"
    STATE = PeerState(peer_id="p1", share=Share(start=0, end=9), generated_ok=4)

    @pytest.fixture
    def desk(self) -> MemoryStore:
        return MemoryStore()

    def board(self, store: MemoryStore, desk: MemoryStore, inc: int = 3) -> Board:
        board = Board(store, said=Said(desk=desk, clock=HandClock()))
        board.begin(inc)
        return board

    def test_they_are_known_though_the_write_failed(
        self, store: MemoryStore, desk: MemoryStore
    ) -> None:
        board = self.board(store, desk)
        word = Word(peer_id="p1", asked=CANCEL)
        for act in (partial(board.report, self.JOB_ID, self.STATE),
                    partial(board.say, self.JOB_ID, word)):
            store.fail_next()
            with pytest.raises(StoreError):
                act()
        again = self.board(store, desk, inc=4)
        assert again.last_state(self.JOB_ID, "p1") == replace(self.STATE, inc=4)
        assert again.last_word(self.JOB_ID, "p1") == replace(word, inc=4)
        assert again.last_state(self.JOB_ID, "p2") is None
        assert store.hgetall(keys.job_peers(self.JOB_ID)) == {}

    def test_said_again_they_are_the_same_under_a_new_mark(
        self, store: MemoryStore, desk: MemoryStore
    ) -> None:
        self.board(store, desk).report(self.JOB_ID, self.STATE)
        place = Place(hkey=keys.job_peers(self.JOB_ID), field="p1")
        before = store.hget(place.hkey, place.field)
        again = self.board(store, desk, inc=4)
        again.say_again(place)
        assert store.hget(place.hkey, place.field) != before
        assert replace(again.states(self.JOB_ID)["p1"], rev=0) == replace(self.STATE, inc=4)

    def test_an_entry_is_kept_unless_it_is_written_for_another(
        self, store: MemoryStore, desk: MemoryStore
    ) -> None:
        board = self.board(store, desk)
        job = replace(board.jobs()[FINISHED], inc=1)
        board.publish(job, again=True)
        assert board.last_entry(FINISHED) is None
        board.publish(job)
        assert board.last_entry(FINISHED) == replace(job, inc=3)

    def test_of_a_job_that_is_deleted_they_are_forgotten_but_for_what_was_asked(
        self, store: MemoryStore, desk: MemoryStore
    ) -> None:
        board = self.board(store, desk)
        job = replace(board.jobs()[FINISHED], inc=1)
        board.publish(job)
        board.report(job.id, self.STATE)
        board.say(job.id, Word(peer_id="p1", asked=CANCEL))
        board.take_away(job.id, "p1")
        board.take_down(job)
        assert board.last_entry(job.id) is board.last_state(job.id, "p1") is None
        assert board.last_word(job.id, "p1") is not None

    def test_what_the_board_shows_is_adopted_only_where_there_is_none(
        self, store: MemoryStore, desk: MemoryStore
    ) -> None:
        board = self.board(store, desk)
        board.adopt(self.JOB_ID, state=self.STATE, word=None)
        assert board.last_word(self.JOB_ID, "p1") is None
        board.adopt(self.JOB_ID, state=replace(self.STATE, generated_ok=1), word=None)
        assert board.last_state(self.JOB_ID, "p1") == replace(self.STATE, inc=3)

    def test_where_no_node_can_miss_anything_none_are_kept(self, store: MemoryStore) -> None:
        board = Board(store)
        board.report(self.JOB_ID, self.STATE)
        board.adopt(self.JOB_ID, state=self.STATE, word=None)
        assert board.last_state(self.JOB_ID, "p1") is None


class TestSeal:
    """Neighbours on a node can write our keys; they can't make our seal."""

    HERE, OTHERS = Seal("of all replicas"), Seal("of a neighbour")

    def _boards(self, store: MemoryStore) -> tuple[Board, Board]:
        return Board(store, seal=self.HERE), Board(store, seal=self.OTHERS)

    def _ours(self, store: MemoryStore) -> Job:
        """A job that was made by us."""
        return replace(Board(store).jobs()[RUNNING], id="job_1795332063592_90b3db", inc=1)

    def test_what_one_replica_writes_another_reads(self, store: MemoryStore) -> None:
        here, job = Board(store, seal=self.HERE), self._ours(store)
        there = Board(store, seal=Seal("of all replicas"))
        here.publish(job)
        here.report(job.id, here.states(RUNNING)["peer1"])
        here.say(job.id, Word(peer_id="peer1", asked=CANCEL))
        here.beat(Beat(peer_id="peer1", seq=1, version="1", at=NOW))
        assert job.id in there.jobs()
        assert there.job(job.id) is not None
        assert set(there.states(job.id)) == {"peer1"}
        assert asked_of(there, job.id) == {"peer1": CANCEL}
        assert set(there.beats()) == {"peer1"}

    def test_what_a_neighbour_writes_in_our_name_is_ignored(self, store: MemoryStore) -> None:
        here, neighbour = self._boards(store)
        job = self._ours(store)
        for board in (neighbour, Board(store)):  # with a seal of its own, and with none
            board.publish(job)
            board.report(RUNNING, replace(here.states(RUNNING)["peer1"], peer_id="peer3"))
            board.say(job.id, Word(peer_id="peer1", asked=CANCEL))
            board.beat(Beat(peer_id="peer1", seq=1, version="1", at=NOW))
            assert job.id not in here.jobs()
            assert here.job(job.id) is None
            assert "peer3" not in here.states(RUNNING)
            assert here.words(job.id) == {}
            assert here.beats() == {}

    def test_a_job_of_ours_never_counts_in_the_earlier_applications_form(
        self, store: MemoryStore
    ) -> None:
        here, job = Board(store, seal=self.HERE), self._ours(store)
        here.publish(job)
        here.report(job.id, here.states(RUNNING)["peer1"])
        assert job.id in here.jobs()
        forged = job_record(replace(job, status="failed", inc=0))
        store.hset(keys.JOBS, job.id, dumps(forged))
        store.hset(keys.job_peers(job.id), "peer2",
                   store.hget(keys.job_peers(RUNNING), "peer2"))
        assert job.id not in here.jobs()
        assert set(here.states(job.id)) == {"peer1"}

    def test_the_earlier_applications_jobs_are_read_and_stay_as_they_are(
        self, store: MemoryStore
    ) -> None:
        here = Board(store, seal=self.HERE)
        job = here.jobs()[RUNNING]
        here.report(RUNNING, here.states(RUNNING)["peer1"])
        here.publish(job)
        assert here.jobs()[RUNNING] == job
        assert set(here.states(RUNNING)) == {"peer1", "peer2"}
        assert json.loads(store.hget(keys.JOBS, RUNNING)).keys().isdisjoint({"inc", "rev", "mac"})
