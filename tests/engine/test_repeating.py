"""Last words are said again a few at a time, and to whoever may have missed them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryFiles, MemoryStore
from datagen.domain.asked import Asked, Request
from datagen.domain.editions import Word
from datagen.domain.errors import StoreUnconfirmed
from datagen.domain.jobs import Job, PeerState, shares
from datagen.engine.repeating import ALONE, BEATS_EVERY, PER_LOOK, Repeating
from datagen.engine.returning import SILENT
from datagen.protocol import keys
from datagen.protocol.board import Beat, Board
from datagen.protocol.said import FIRST_PAUSE, KEPT, Place, Said
from tests.editions import sealed
from tests.engine.workbench import START, job_of

PEERS = ("local", "second", "third")
ASKED = Asked(cancel=Request(at=START, by="ada"))


class Node(MemoryStore):
    """Notes what is written, and may be cut off from all others."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[tuple[str, str]] = []
        self.is_alone = False

    def hset(self, hkey: str, field: str, value: str | None) -> None:
        super().hset(hkey, field, value)
        self.written.append((hkey, field))
        if self.is_alone:
            raise StoreUnconfirmed("Nobody else has it.")


class Replica:
    """Peer ``local`` of three, whose worker looks at the board now and then."""

    def __init__(self) -> None:
        self.node, self.desk, self.clock = Node(), MemoryStore(), HandClock()
        self.others = Board(self.node)  # as other replicas' words come in
        self.seq = 0  # of their last beats
        self.start()

    def start(self, *, inc: int = 5) -> None:
        """A life of its worker begins."""
        self.said = Said(desk=self.desk, clock=self.clock)
        self.board = Board(self.node, said=self.said)
        self.board.begin(inc)
        self.repeating = Repeating(peer_id="local", board=self.board, said=self.said,
                                   clock=self.clock)

    def job(self, number: int = 1, *, creator: str = "local", **changes: Any) -> Job:
        """One on the board that its creator wrote there."""
        job = replace(job_of(number, peers=PEERS, creator=creator, cid="c"), **changes)
        (self.board if creator == "local" else self.others).publish(job)
        return job

    def state(self, job: Job, peer: str = "local", **changes: Any) -> PeerState:
        share = shares(job.total_records, job.peers)[peer]
        return replace(PeerState(peer_id=peer, share=share, owner=job.owner), **changes)

    def beat(self, peer: str, *, inc: int = 1, seq: int = 1) -> None:
        theirs = Board(self.node)
        theirs.begin(inc)
        theirs.beat(Beat(peer_id=peer, seq=seq, version="1", at=self.clock.now()))

    def tick(self) -> None:
        """Half a minute, in which the other peers beat."""
        self.clock.advance(BEATS_EVERY)
        self.seq += 1
        for peer in PEERS[1:]:
            self.beat(peer, seq=self.seq)

    def look(self, *running: str, gone: Collection[str] = (), leaving: Collection[str] = (),
             jobs: Collection[Job] | None = None) -> list[tuple[str, str]]:
        """What one look at the board writes again."""
        self.node.written.clear()
        found = self.board.jobs() if jobs is None else {job.id: job for job in jobs}
        self.repeating.begin()
        self.repeating.some(found, running, gone=gone, leaving=leaving)
        return list(self.node.written)

    def settle(self) -> None:
        """All that was said so far has been said again often, and everybody is known."""
        for _ in range(30):
            self.tick()
            self.look()
        for place in (Place(hkey=hkey, field=field)
                      for hkey, fields in self.node._hashes.items() for field in fields):
            for _ in range(20):
                self.said.was_said(place)
        assert self.look() == []


@pytest.fixture
def replica() -> Replica:
    return Replica()


def of(*jobs: Job) -> list[tuple[str, str]]:
    return [(keys.JOBS, job.id) for job in jobs]


def test_what_was_said_is_written_again_in_other_bytes(replica: Replica) -> None:
    job = replica.job()
    replica.board.report(job.id, replica.state(job, generated_ok=3))
    assert replica.look() == []
    before = replica.node.hget(keys.job_peers(job.id), "local")

    replica.clock.advance(FIRST_PAUSE)
    written = replica.look()

    assert written == [(keys.job_peers(job.id), "local"), (keys.user_jobs("ada"), job.id),
                       *of(job)]
    after = replica.node.hget(keys.job_peers(job.id), "local")
    assert after != before  # equal bytes go nowhere
    assert replica.board.states(job.id)["local"].generated_ok == 3


def test_one_look_writes_a_few_and_the_newest_first(replica: Replica) -> None:
    jobs = [replica.job(number, status="failed") for number in range(1, 7)]
    replica.clock.advance(FIRST_PAUSE)
    first, second = replica.look(), replica.look()
    assert len(first) == len(second) == PER_LOOK
    assert [field for _, field in first[::2]] == [job.id for job in jobs[:2:-1]]
    assert not set(first) & set(second)


def test_what_our_node_lost_is_put_back(replica: Replica) -> None:
    job = replica.job(status="failed")
    replica.settle()
    replica.node.hset(keys.JOBS, job.id, None)
    assert replica.look() == of(job)
    assert replica.board.job(job.id) == replace(job, inc=5, rev=replica.board.jobs()[job.id].rev)


def test_the_state_of_a_share_that_is_worked_on_is_left_to_who_does(replica: Replica) -> None:
    job = replica.job(creator="third")
    replica.board.report(job.id, replica.state(job))
    replica.clock.advance(FIRST_PAUSE)
    assert replica.look(job.id) == []
    assert replica.look() == [(keys.job_peers(job.id), "local")]


def test_what_is_said_beside_a_share_is_repeated_while_the_share_is_worked_on(
    replica: Replica,
) -> None:
    job = replica.job(creator="third")
    replica.board.say(job.id, Word(peer_id="local", asked=ASKED))
    replica.clock.advance(FIRST_PAUSE)
    assert replica.look(job.id) == [(keys.job_control(job.id), "local")]


class TestDeleted:
    """Of a job that is deleted nothing is said any more but that it was."""

    def said_of(self, replica: Replica) -> Job:
        job = replica.job(status="failed")
        replica.board.report(job.id, replica.state(job))
        replica.board.say(job.id, Word(peer_id="local", asked=ASKED))
        replica.clock.advance(FIRST_PAUSE)
        return job

    def test_for_good(self, replica: Replica) -> None:
        job = self.said_of(replica)
        assert replica.look(gone={job.id}) == [(keys.job_control(job.id), "local")]
        assert replica.board.last_state(job.id, "local") is None

    def test_on_its_way_out_it_is_not_put_back(self, replica: Replica) -> None:
        job = self.said_of(replica)
        assert of(job)[0] in replica.look(leaving={job.id})
        replica.clock.advance(1_000)
        written = replica.look(leaving={job.id}, jobs=())
        assert written == [(keys.job_control(job.id), "local")]


class TestWhoIsBack:
    """A node that was away gets nothing of what it missed."""

    @pytest.fixture
    def job(self, replica: Replica) -> Job:
        job = replica.job(status="failed")
        replica.settle()
        return job

    def test_a_peer_that_beats_after_a_silence_is_told_all(
        self, replica: Replica, job: Job
    ) -> None:
        replica.clock.advance(SILENT)
        replica.tick()
        assert set(replica.look()) == {*of(job), (keys.user_jobs("ada"), job.id)}

    def test_a_peer_that_beats_on_is_told_nothing(self, replica: Replica, job: Job) -> None:
        for _ in range(30):
            replica.tick()
            assert replica.look() == []

    def test_a_worker_that_started_anew_is_told_all(self, replica: Replica, job: Job) -> None:
        replica.clock.advance(BEATS_EVERY)
        replica.beat("second", inc=2)
        assert of(job)[0] in replica.look()

    def test_our_own_beat_is_nobodys_return(self, replica: Replica, job: Job) -> None:
        replica.beat("local")
        replica.look()
        for inc in range(2, 9):
            replica.tick()
            replica.beat("local", inc=inc)
            assert replica.look() == []

    def test_a_creator_that_started_anew_may_have_lost_its_jobs(self, replica: Replica) -> None:
        theirs = replica.job(2, creator="second")
        replica.settle()
        replica.clock.advance(BEATS_EVERY)
        replica.beat("second", inc=2)
        assert of(theirs)[0] in replica.look()
        assert replica.board.last_entry(theirs.id) is None  # it is not our word

    def test_nobody_elses_start_costs_a_creator_its_jobs(self, replica: Replica) -> None:
        theirs = replica.job(2, creator="second")
        replica.settle()
        replica.clock.advance(BEATS_EVERY)
        replica.beat("third", inc=2)
        assert of(theirs)[0] not in replica.look()

    def test_but_not_those_that_are_deleted(self, replica: Replica) -> None:
        theirs = replica.job(2, creator="second")
        replica.settle()
        replica.clock.advance(BEATS_EVERY)
        replica.beat("second", inc=2)
        assert of(theirs)[0] not in replica.look(gone={theirs.id})


class TestOrphans:
    """Entries of jobs whose creator may not say them again."""

    def test_the_peer_after_the_creator_repeats_them_too(self, replica: Replica) -> None:
        job = replica.job(creator="third", status="failed")
        replica.look()
        replica.clock.advance(FIRST_PAUSE)
        assert replica.look() == of(job)

    def test_the_others_do_when_it_is_silent(self, replica: Replica) -> None:
        job = replica.job(creator="second", status="failed")
        replica.beat("second")
        for _ in range(9):
            replica.tick()
            assert replica.look() == []
        for _ in range(int(SILENT / BEATS_EVERY) + 2):
            replica.clock.advance(BEATS_EVERY)
            written = replica.look()
        assert written == of(job)

    def test_an_entry_with_a_later_end_is_never_written_over(self, replica: Replica) -> None:
        """Who comes back with an older disk doesn't know of that end."""
        job = replica.job(1)
        over = sealed(job, MemoryFiles(), b'{"i":0,"ok":true,"data":{}}\n')
        replica.others.begin(9)
        replica.others.publish(over)
        replica.clock.advance(FIRST_PAUSE)
        assert of(job)[0] in replica.look()
        entry = replica.board.job(job.id)
        assert entry is not None
        assert entry.edition == over.edition

    def test_jobs_of_strangers_and_of_the_earlier_application_are_left_alone(
        self, replica: Replica
    ) -> None:
        replica.job(1, creator="third", peers=("second", "third"))
        replica.job(2, creator="third", inc=0)
        for _ in range(10):
            replica.clock.advance(BEATS_EVERY)
            assert replica.look() == []


class TestLostDisk:
    """What our node shows of us is taken for our last word."""

    def lose(self, replica: Replica) -> None:
        replica.desk = MemoryStore()
        replica.start(inc=9)

    def test_a_finished_share_and_what_was_said_are_remembered(self, replica: Replica) -> None:
        job = replica.job(creator="third")
        replica.board.report(job.id, replica.state(job, finished_at=START, generated_ok=4))
        replica.board.say(job.id, Word(peer_id="local", asked=ASKED))
        self.lose(replica)
        replica.look()
        state, word = (last(job.id, "local") for last in
                       (replica.board.last_state, replica.board.last_word))
        assert state is not None
        assert word is not None
        assert (state.generated_ok, word.asked) == (4, ASKED)
        assert replica.board.last_state(job.id, "third") is None

    def test_a_share_in_the_making_is_begun_anew(self, replica: Replica) -> None:
        job = replica.job(creator="third")
        replica.board.report(job.id, replica.state(job, generated_ok=3))
        self.lose(replica)
        replica.look()
        assert replica.board.last_state(job.id, "local") is None

    def test_what_is_old_is_not_read(self, replica: Replica) -> None:
        job = replica.job(creator="third")
        replica.board.say(job.id, Word(peer_id="local", asked=ASKED))
        replica.clock.advance(KEPT.total_seconds() + 10_000)
        self.lose(replica)
        replica.look()
        assert replica.board.last_word(job.id, "local") is None

    def test_a_disk_that_holds_anything_is_believed_before_the_node(
        self, replica: Replica
    ) -> None:
        job = replica.job(creator="third")
        replica.others.say(job.id, Word(peer_id="local"))  # an older one
        replica.board.say(job.id, Word(peer_id="local", asked=ASKED))
        replica.start(inc=9)
        replica.look()
        last = replica.board.last_word(job.id, "local")
        assert last is not None
        assert last.asked == ASKED


def test_where_nobody_confirms_anything_it_is_tried_once_a_minute(replica: Replica) -> None:
    for number in range(1, 4):
        replica.job(number, status="failed")
    replica.clock.advance(FIRST_PAUSE)
    replica.node.is_alone = True
    assert len(replica.look()) == 1
    replica.clock.advance(ALONE - 1)
    assert replica.look() == []
    replica.clock.advance(1)
    replica.node.is_alone = False
    assert len(replica.look()) == PER_LOOK
