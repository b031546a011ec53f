"""What replicas say of a job: heard from all, kept here, and told to those who don't know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.asked import NOTHING, Asked, Request
from datagen.domain.editions import Vote, Word
from datagen.domain.folds import Case
from datagen.domain.jobs import Edition, Job, PeerState, shares
from datagen.engine.hearing import Hearing
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.requests import asked_here
from datagen.protocol.said import Said
from tests.engine.workbench import START, job_of

JOB = job_of(peers=("local", "other"), creator="local")
CANCEL = Asked(cancel=Request(at=START, by="ada"))
DELETE = Asked(delete=Request(at=START, by="bob"))


def edition(number: int = 0) -> Edition:
    return Edition(round=number, by="other", status="succeeded", ok=9, failed=1,
                   manifest_cid="m", sha256="0" * 64, finished_at=START)


class Replica:
    """Peer ``local`` on a node that it shares with others."""

    def __init__(self) -> None:
        self.node, self.desk, self.clock = MemoryStore(), MemoryStore(), HandClock()
        self.others = Board(self.node)
        self.start(3)

    def start(self, inc: int, *, remembers: bool = True) -> None:
        said = Said(desk=self.desk, clock=self.clock) if remembers else None
        self.board = Board(self.node, said=said)
        self.board.begin(inc)
        self.hearing = Hearing(peer_id="local", board=self.board, desk=self.desk)

    def case(self, here: Asked = NOTHING, job: Job = JOB) -> Case:
        return self.hearing.case(job, here)

    def state(self, peer: str = "local", **changes: Any) -> PeerState:
        share = shares(JOB.total_records, JOB.peers)[peer]
        return replace(PeerState(peer_id=peer, share=share, owner=JOB.owner), **changes)

    def shown(self) -> Word:
        return Board(self.node).words(JOB.id)["local"]

    def is_written_again(self, word: Word) -> bool:
        """Whether saying this makes a write."""
        before = self.node.hget(keys.job_control(JOB.id), "local")
        self.case()
        self.hearing.say(JOB.id, word)
        return self.node.hget(keys.job_control(JOB.id), "local") != before


@pytest.fixture
def replica() -> Replica:
    return Replica()


def test_all_that_its_peers_say_is_heard_and_nothing_else(replica: Replica) -> None:
    replica.others.report(JOB.id, replica.state("other", generated_ok=2))
    replica.others.report(JOB.id, PeerState(peer_id="x", share=replica.state().share))
    replica.others.say(JOB.id, Word(peer_id="other", asked=CANCEL))
    case = replica.case(DELETE)
    assert list(case.states) == ["other"]
    assert case.asked == CANCEL.joined(DELETE)
    assert case.words["local"] == Word(peer_id="local")


class TestOwnWords:
    """Of this peer its own disk knows best, whatever the node shows."""

    def test_a_node_that_shows_an_older_state_is_not_believed(self, replica: Replica) -> None:
        replica.others.report(JOB.id, replica.state(generated_ok=1))
        older = replica.node.hget(keys.job_peers(JOB.id), "local")
        replica.board.report(JOB.id, replica.state(generated_ok=4))
        replica.node.hset(keys.job_peers(JOB.id), "local", older)
        replica.start(4)
        assert replica.case().states["local"].generated_ok == 4
        state = replica.hearing.own_state(JOB.id)
        assert state is not None
        assert state.generated_ok == 4

    def test_where_nothing_is_kept_the_node_is(self, replica: Replica) -> None:
        replica.start(4, remembers=False)
        replica.board.report(JOB.id, replica.state(generated_ok=4))
        assert replica.case().states["local"].generated_ok == 4

    def test_what_was_done_for_another_owner_is_known_but_not_heard(
        self, replica: Replica
    ) -> None:
        replica.board.report(JOB.id, replica.state(owner="mallory"))
        assert replica.case().states == {}
        state = replica.hearing.own_state(JOB.id)
        assert state is not None
        assert state.owner == "mallory"

    def test_a_disk_that_is_an_older_one_takes_nothing_back(self, replica: Replica) -> None:
        first = Word(peer_id="local", asked=CANCEL, vote=Vote(round=0, promised=2))
        replica.board.say(JOB.id, first)
        put_back = dict(replica.desk.notes(keys.DESK_SAID))
        then = replace(first, asked=CANCEL.joined(DELETE), ended=edition(),
                       vote=Vote(round=0, promised=2, ballot=2, taken=edition()))
        replica.board.say(JOB.id, then)
        for name, text in put_back.items():
            replica.desk.keep(keys.DESK_SAID, name, text)
        replica.start(5)
        assert replace(replica.case().words["local"], inc=0, rev=0) == then

    def test_nor_does_a_node_that_shows_an_older_one(self, replica: Replica) -> None:
        replica.board.say(JOB.id, Word(peer_id="local", vote=Vote(round=0, promised=2)))
        older = replica.node.hget(keys.job_control(JOB.id), "local")
        then = Word(peer_id="local", asked=CANCEL, vote=Vote(round=1), ended=edition())
        replica.board.say(JOB.id, then)
        replica.node.hset(keys.job_control(JOB.id), "local", older)
        replica.start(5)
        assert replace(replica.case().words["local"], inc=0, rev=0) == then


class TestNotes:
    """What others were asked is kept on our own disk, as if it had been asked here."""

    def test_once(self, replica: Replica) -> None:
        replica.others.say(JOB.id, Word(peer_id="other", asked=CANCEL))
        replica.case()
        assert asked_here(replica.desk) == {JOB.id: CANCEL}
        notes = replica.desk.notes(keys.DESK_ASKED)
        replica.case(asked_here(replica.desk)[JOB.id])
        assert replica.desk.notes(keys.DESK_ASKED) == notes

    def test_not_what_is_past(self, replica: Replica) -> None:
        over = replace(JOB, status="succeeded", edition=edition())
        replica.others.say(JOB.id, Word(peer_id="other", asked=CANCEL))
        replica.case(job=over)
        assert asked_here(replica.desk) == {}

    def test_what_opens_another_round_is_not_past(self, replica: Replica) -> None:
        over = replace(JOB, status="succeeded", edition=edition())
        retry = Asked(retry=Request(at=START, by="ada"))
        replica.others.say(JOB.id, Word(peer_id="other", asked=CANCEL.joined(retry)))
        replica.case(job=over)
        assert asked_here(replica.desk) == {JOB.id: retry}


class TestSaying:
    WORD = Word(peer_id="local", asked=CANCEL)

    def test_it_is_said_unless_the_node_shows_it(self, replica: Replica) -> None:
        assert replica.is_written_again(self.WORD)
        assert not replica.is_written_again(self.WORD)
        assert replica.is_written_again(replace(self.WORD, ended=edition()))
        assert replica.shown().ended == edition()

    def test_who_has_nothing_to_say_says_nothing(self, replica: Replica) -> None:
        assert not replica.is_written_again(Word(peer_id="local"))

    def test_what_the_node_lost_is_said_again(self, replica: Replica) -> None:
        assert replica.is_written_again(self.WORD)
        replica.start(4)
        replica.node.hset(keys.job_control(JOB.id), "local", None)
        assert replica.is_written_again(self.WORD)

    def test_of_jobs_that_are_not_looked_at_any_more_nothing_is_kept_in_memory(
        self, replica: Replica
    ) -> None:
        replica.board.report(JOB.id, replica.state())
        replica.case()
        replica.hearing.forget({JOB.id})
        assert replica.hearing.own_state(JOB.id) is not None
        replica.hearing.forget(())
        assert replica.hearing.own_state(JOB.id) is None


def test_of_a_job_whose_entry_is_gone_what_was_asked_is_passed_on(replica: Replica) -> None:
    replica.board.say(JOB.id, Word(peer_id="local", vote=Vote(round=0, promised=2)))
    replica.others.say(JOB.id, Word(peer_id="other", asked=CANCEL))
    replica.hearing.pass_on(JOB.id, DELETE)
    shown = replica.shown()
    assert (shown.asked, shown.vote) == (CANCEL.joined(DELETE), None)
    before = replica.node.hget(keys.job_control(JOB.id), "local")
    replica.hearing.pass_on(JOB.id, DELETE)
    assert replica.node.hget(keys.job_control(JOB.id), "local") == before
