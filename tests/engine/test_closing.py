"""How a round ends: an edition is made of what is stored, and its peers agree on it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryFiles
from datagen.domain import editions
from datagen.domain.asked import NOTHING, Asked, Request
from datagen.domain.editions import Vote, Word
from datagen.domain.errors import NotThere, StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.folds import Case
from datagen.domain.jobs import Edition, Job, Part, PeerState, shares
from datagen.engine import sealing
from datagen.engine.closing import LAST_PARTS, Closing
from datagen.engine.journal import failed_line, ok_line
from datagen.engine.sealing import make_edition
from datagen.engine.shelf import PATIENCE, TRIES, Shelf
from datagen.engine.stillness import Stillness
from datagen.protocol.manifests import check_edition, edition_lines, read_manifest
from tests.editions import sealed
from tests.engine.workbench import START, job_of

PATIENT = 600.0  # seconds
END = Request(at=START + timedelta(seconds=30), by="ada")
CANCELLED, DELETED, CLOSED = Asked(cancel=END), Asked(delete=END), Asked(close=END)
RETRIED = Asked(retry=END)


class Files(MemoryFiles):
    """What one replica can read of the common files."""

    def __init__(self, common: MemoryFiles) -> None:
        super().__init__()
        self._files = common._files
        self.away: set[str] = set()

    def open(
        self, cid: str, *, most: int | None = None, ours: bool = True, sha256: str | None = None
    ) -> BinaryIO:
        if cid in self.away:
            raise NotThere("There is no file with this id.")
        return super().open(cid, most=most, ours=ours, sha256=sha256)


@dataclass
class Later:
    """Errands that are run when a test says so."""

    waiting: dict[str, Callable[[], object]] = field(default_factory=dict)

    def add(self, name: str, work: Callable[[], object], *, longest: float = 0.0,
            mark: object = None) -> None:
        self.waiting.setdefault(name, work)

    def run(self) -> None:
        for name, work in list(self.waiting.items()):
            try:
                work()
            except (StoreError, NotThere):
                continue
            del self.waiting[name]


class Peers:
    """The peers of a job, each with its own closing; what one says another hears when it looks."""

    def __init__(self, cache: Path, job: Job) -> None:
        self.job, self.cache, self.clock = job, cache, HandClock()
        self.common = MemoryFiles()
        self.states: dict[str, PeerState] = {}
        self.words: dict[str, Word] = {}
        self.here: dict[str, Asked] = {}
        self.new_disks: set[str] = set()
        self.files = {peer: Files(self.common) for peer in job.peers}
        self.errands = {peer: Later() for peer in job.peers}
        self.shelves = {peer: Shelf(self.files[peer], self.clock) for peer in job.peers}
        self.closings = {peer: self._closing(peer, PATIENT) for peer in job.peers}

    def _closing(self, peer: str, patience: float) -> Closing:
        return Closing(
            peer_id=peer, files=self.files[peer], shelf=self.shelves[peer],
            errands=self.errands[peer],  # run by hand
            clock=self.clock, still=Stillness(), cache=self.cache, patience=patience)

    def never_patient(self) -> None:
        self.closings = {peer: self._closing(peer, 0.0) for peer in self.job.peers}

    def made(self, peer: str, *, ok: int | None = None, failed: int = 0, end: int = 20,
             number: int = 0, **changes: Any) -> str:
        """It stored so many records of its share and is done with it; the id of the file."""
        share = shares(self.job.total_records, self.job.peers)[peer]
        ok = len(share) - failed if ok is None else ok
        lines = [ok_line(share.start + at, {"by": peer}) for at in range(ok)]
        lines += [failed_line(share.start + ok + at, f"{peer} failed.", "") for at in range(failed)]
        cid = ""
        if lines:
            cid = self.common.add(io.BytesIO(b"".join(line + b"\n" for line in lines)),
                                  f"{peer}{number}")
        part = Part(start=share.start, end=share.end, cid=cid, ok=ok, failed=failed, round=number,
                    whole=number > 0 or ok + failed == len(share))
        before = self.states.get(peer) or PeerState(peer_id=peer, share=share, inc=1)
        self.states[peer] = replace(
            before, parts=(*before.parts, part), generated_ok=ok, generated_failed=failed,
            started_at=before.started_at or START + timedelta(seconds=end - 10),
            finished_at=START + timedelta(seconds=end), result_cid=cid or None, **changes)
        return cid

    def all_made(self) -> None:
        for peer in self.job.peers:
            if len(shares(self.job.total_records, self.job.peers)[peer]):
                self.made(peer)

    def case(self, here: Asked = NOTHING, words: Mapping[str, Word] | None = None) -> Case:
        return Case(job=self.job, states=self.states, here=here,
                    words=self.words if words is None else words)

    def look(self, *peers: str, words: Mapping[str, Word] | None = None) -> None:
        """Each of these looks, says its word, and does its errands."""
        for peer in peers or self.job.peers:
            known = {**(self.words if words is None else words)}
            if peer in self.words:
                known[peer] = self.words[peer]
            self.words[peer] = self.closings[peer].word(
                self.case(self.here.get(peer, NOTHING), known),
                mine=self.words.get(peer, Word(peer_id=peer)),
                made_here=peer == self.job.creator and peer not in self.new_disks)
            self.errands[peer].run()

    def watch(self, seconds: float, *peers: str) -> None:
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            self.look(*peers)
            self.clock.advance(10.0)

    @property
    def edition(self) -> Edition | None:
        return self.case().edition

    def sealed(self) -> Edition:
        assert self.edition is not None
        return self.edition

    def lines(self) -> list[ResultLine]:
        return list(edition_lines(self.common, self.sealed()))


@pytest.fixture
def three(tmp_path: Path) -> Peers:
    return Peers(tmp_path, job_of(total=9, peers=("a", "b", "c"), creator="a"))


@pytest.fixture
def five(tmp_path: Path) -> Peers:
    return Peers(tmp_path, job_of(total=5, peers=tuple("abcde"), creator="a"))


def make(peers: Peers, here: Asked = NOTHING) -> Edition:
    """What the first peer would put up now."""
    me = peers.job.peers[0]
    return make_edition(peers.case(here), peers.shelves[me], peers.files[me], by=me,
                        clock=peers.clock, cache=peers.cache)


class TestEdition:
    """What is made of the parts that are there."""

    def test_of_all_records_it_succeeded(self, three: Peers) -> None:
        three.made("a", ok=2, failed=1, end=50)
        three.made("b", end=22)
        three.made("c", end=30)
        edition = make(three)
        assert (edition.status, edition.error, edition.round, edition.by) == (
            "succeeded", None, 0, "a")
        assert (edition.ok, edition.failed) == (8, 1)
        assert edition.started_at == START + timedelta(seconds=12)
        assert edition.finished_at == START + timedelta(seconds=50)
        assert (edition.forced, edition.cancelled_at, edition.cancelled_by) == (False, None, None)
        check_edition(three.common, edition)
        lines = list(edition_lines(three.common, edition))
        assert [line.i for line in lines] == list(range(9))
        assert [line.ok for line in lines].count(False) == 1

    def test_its_manifest_says_what_it_is(self, three: Peers) -> None:
        three.all_made()
        edition = make(three)
        record = json.loads(three.common.open(edition.manifest_cid).read())
        assert (record["job"], record["round"], record["by"], record["ok"], record["failed"]) == (
            three.job.id, 0, "a", 9, 0)

    def test_the_fields_of_records_are_told_unless_they_are_too_many(
        self, three: Peers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        three.all_made()
        assert read_manifest(three.common, make(three)).keys == ("by",)
        monkeypatch.setattr(sealing, "MAX_KEYS", 1)
        assert read_manifest(three.common, make(three)).keys is None

    def test_of_a_job_with_one_file_that_file_is_the_dataset(self, tmp_path: Path) -> None:
        alone = Peers(tmp_path, job_of(total=3, peers=("a",), creator="a"))
        cid = alone.made("a")
        before = len(alone.common._files)
        edition = make(alone)
        assert read_manifest(alone.common, edition).cid == cid
        assert len(alone.common._files) == before + 1  # the manifest
        check_edition(alone.common, edition)

    def test_without_one_good_record_it_failed_and_says_why(self, three: Peers) -> None:
        for peer in "abc":
            three.made(peer, ok=0, failed=3)
        edition = make(three)
        assert (edition.status, edition.ok, edition.failed) == ("failed", 0, 9)
        assert "no answer of the model fits the schema" in (edition.error or "")
        assert "c failed." in (edition.error or "")

    def test_a_peer_without_records_blocks_nobody(self, tmp_path: Path) -> None:
        peers = Peers(tmp_path, job_of(total=1, peers=("a", "b"), creator="a"))
        peers.made("a")
        assert make(peers).status == "succeeded"

    def test_a_cancelled_one_says_who_ended_it_and_how_far_it_was(self, three: Peers) -> None:
        three.made("a", ok=2, failed=1)
        three.made("b", ok=1)
        edition = make(three, CANCELLED)
        assert (edition.status, edition.cancelled_at, edition.cancelled_by) == (
            "failed", END.at, "ada")
        assert edition.error == "Cancelled by ada after 4 of 9 records. What was generated is kept."
        assert (edition.ok, edition.failed) == (3, 1)
        assert edition.finished_at == three.clock.now()
        assert len(list(edition_lines(three.common, edition))) == 4

    def test_cancelled_with_failures_alone_nothing_is_said_to_be_kept(self, three: Peers) -> None:
        three.made("a", ok=0, failed=2)
        assert make(three, CANCELLED).error == "Cancelled by ada after 2 of 9 records."

    def test_cancelled_before_anything_was_made_it_says_that_and_has_no_dataset(
        self, three: Peers
    ) -> None:
        three.made("a", ok=0)
        edition = make(three, CANCELLED)
        assert edition.error == "Cancelled by ada before the first record."
        assert (edition.ok, edition.failed) == (0, 0)
        assert read_manifest(three.common, edition).cid is None
        assert list(edition_lines(three.common, edition)) == []

    def test_nobody_started_nobody_says_when(self, three: Peers) -> None:
        edition = make(three, CANCELLED)
        assert edition.started_at is None

    def test_cancelled_after_its_last_record_it_succeeded(self, three: Peers) -> None:
        three.all_made()
        edition = make(three, CANCELLED)
        assert (edition.status, edition.error, edition.cancelled_by) == ("succeeded", None, None)

    def test_what_is_not_all_and_was_not_cancelled_is_no_edition(self, three: Peers) -> None:
        three.made("a")
        with pytest.raises(StoreError, match="can't be read here"):
            make(three)

    def test_of_a_retry_it_is_of_the_whole_dataset(self, three: Peers) -> None:
        three.made("a", ok=1, failed=2)
        three.made("b")
        three.made("c")
        first = make(three)
        three.job = editions_job(three.job, first)
        three.clock.advance(1_000)
        three.made("a", ok=2, number=1)
        for peer in "bc":
            three.made(peer, ok=0, number=1)
        edition = make(three, RETRIED)
        assert (edition.round, edition.ok, edition.failed, edition.status) == (1, 8, 1, "succeeded")
        assert edition.started_at == first.started_at
        assert edition.finished_at == three.clock.now()
        assert [line.i for line in edition_lines(three.common, edition)] == list(range(9))

    def test_a_retry_of_a_job_with_one_file_holds_what_was_good_before(
        self, tmp_path: Path
    ) -> None:
        alone = Peers(tmp_path, job_of(total=3, peers=("a",), creator="a"))
        alone.made("a", ok=1, failed=2)
        alone.job = editions_job(alone.job, make(alone))
        cid = alone.common.add(io.BytesIO(ok_line(2, {"by": "again"}) + b"\n"), "again")
        alone.states["a"] = replace(alone.states["a"], parts=(
            Part(start=0, end=3, cid=cid, ok=1, failed=0, round=1),))
        edition = make(alone, RETRIED)
        assert [(line.i, line.ok) for line in edition_lines(alone.common, edition)] == [
            (0, True), (1, False), (2, True)]

    def test_a_file_that_is_away_leaves_nothing_half_made(self, three: Peers) -> None:
        three.all_made()
        three.files["a"].away.add(three.states["b"].result_cid or "")
        before = set(three.common._files)
        with pytest.raises(StoreError):
            make(three)
        assert set(three.common._files) == before


def editions_job(job: Job, edition: Edition) -> Job:
    return replace(job, status=edition.status, edition=edition)


class TestAgreement:
    def test_the_creator_puts_up_an_edition_and_the_others_take_it(self, three: Peers) -> None:
        three.all_made()
        three.look("a")
        assert three.words["a"].vote is None  # it is being made
        three.look("a")
        vote = three.words["a"].vote
        assert vote is not None
        assert vote == Vote(round=0, taken=vote.taken)
        assert three.edition is None
        three.look("b")
        assert three.edition is None  # it reads it first
        three.look("b")
        assert three.sealed().by == "a"
        three.look()
        assert {word.ended for word in three.words.values()} == {three.sealed()}
        assert [line.data for line in three.lines()] == [
            {"by": peer} for peer in "abc" for _ in range(3)]

    def test_nothing_is_put_up_before_all_is_there(self, three: Peers) -> None:
        three.made("a")
        three.made("b")
        three.watch(10 * PATIENT)
        assert three.edition is None
        assert all(word.vote is None for word in three.words.values())

    def test_nobody_takes_what_it_can_not_read(self, three: Peers) -> None:
        three.all_made()
        three.look("a")
        three.look("a")
        vote = three.words["a"].vote
        assert vote is not None
        assert vote.taken is not None
        for away in (vote.taken.manifest_cid, read_manifest(three.common, vote.taken).cid or ""):
            three.files["b"].away = {away}
            three.watch(100.0, "b")
            assert three.words["b"].vote is None
        three.files["b"].away = set()
        three.watch(20.0, "b")
        assert three.edition == vote.taken

    def test_a_job_of_one_peer_ends_by_itself_on_any_disk(self, tmp_path: Path) -> None:
        alone = Peers(tmp_path, job_of(total=3, peers=("a",), creator="a"))
        alone.new_disks.add("a")
        alone.all_made()
        alone.look("a")
        alone.look("a")
        assert alone.sealed().status == "succeeded"

    def test_a_creator_with_a_new_disk_asks_first(self, three: Peers) -> None:
        """It may have put something up before, of which it knows nothing."""
        three.new_disks.add("a")
        three.all_made()
        three.look("a")
        assert three.words["a"].vote == Vote(round=0, promised=1)
        three.watch(30.0, "a")
        assert three.words["a"].vote == Vote(round=0, promised=1)
        three.look("b")
        three.look("a", "a", "b", "b")
        assert (three.sealed().by, three.words["a"].vote.ballot) == ("a", 1)

    def test_two_others_close_it_in_the_place_of_a_silent_creator(self, three: Peers) -> None:
        three.all_made()
        three.watch(1.25 * PATIENT - 20.0, "b", "c")
        assert three.edition is None
        assert three.words["b"].vote is None
        three.watch(200.0, "b", "c")
        assert three.sealed().by == "b"

    def test_the_next_one_does_when_the_first_of_them_is_silent_too(self, five: Peers) -> None:
        five.all_made()
        five.watch(2.5 * PATIENT, "c", "d", "e")
        assert five.sealed().by == "c"

    def test_nobody_does_where_nobody_is_ever_given_up(self, three: Peers) -> None:
        three.never_patient()
        three.all_made()
        three.watch(100 * PATIENT, "b", "c")
        assert all(word.vote is None for word in three.words.values())

    def test_what_the_creator_put_up_is_what_the_others_finish(self, three: Peers) -> None:
        three.all_made()
        three.look("a")
        three.look("a")  # and is heard no more
        vote = three.words["a"].vote
        assert vote is not None
        three.watch(4 * PATIENT, "b", "c")
        assert three.edition == vote.taken

    def test_nobody_puts_up_again_what_it_can_not_read(self, five: Peers) -> None:
        five.all_made()
        five.look("a", "a", "b", "b")  # who took it; too few, and a is heard no more
        vote = five.words["b"].vote
        assert vote is not None
        assert vote.taken is not None
        for peer in "cd":
            five.files[peer].away = {vote.taken.manifest_cid}
        five.watch(1.6 * PATIENT, "c", "d")
        five.watch(PATIENT / 2, "b", "c")
        vote_of_c = five.words["c"].vote
        assert vote_of_c is not None
        assert (vote_of_c.promised, vote_of_c.taken) == (3, None)
        for peer in "cd":
            five.files[peer].away = set()
        five.watch(100.0, "b", "c", "d")
        assert five.edition == vote.taken

    def test_one_that_can_not_be_read_for_long_binds_no_quorum_that_did_not_take_it(
        self, three: Peers
    ) -> None:
        """As where a node gives other bytes of it to all but its own peer, for ever."""
        three.all_made()
        part = next(part.cid for peer, part in three.case().parts() if peer == "b")
        three.files["a"].away.add(part)
        while not ((vote := three.words.get("b", Word(peer_id="b")).vote) and vote.taken):
            three.watch(10, "a", "c", "b")  # a can't make one, so b does
        for peer in "ac":
            three.files[peer].away = {vote.taken.manifest_cid}
        three.watch(0.9 * PATIENT)
        assert three.edition is None
        three.shelves["a"].stored(part)  # that share was made again
        three.watch(4 * PATIENT)
        assert three.sealed().manifest_cid != vote.taken.manifest_cid
        three.watch(PATIENT)  # b takes it too
        assert {word.ended for word in three.words.values()} == {three.sealed()}

    def test_an_edition_of_the_creator_that_nobody_else_can_read_is_replaced(
        self, three: Peers
    ) -> None:
        three.all_made()
        three.look("a", "a")
        vote = three.words["a"].vote
        assert vote is not None
        assert vote.taken is not None
        part = next(part.cid for peer, part in three.case().parts() if peer == "a")
        for peer in "bc":
            three.files[peer].away = {vote.taken.manifest_cid, part}
        three.watch(8 * PATIENT)  # also while they can't make one of their own
        assert three.edition is None
        for peer in "bc":
            three.files[peer].away.discard(part)
            three.shelves[peer].stored(part)  # that share was made again
        three.watch(2 * PATIENT)
        assert three.sealed().by == "b"

    def test_who_took_what_is_up_asks_for_nothing_higher(self, five: Peers) -> None:
        """A higher ballot of theirs would only keep those from their turn who can't read it."""
        five.all_made()
        five.look("a", "a", "b", "b")  # who took it; too few
        five.watch(10 * PATIENT, "a", "b")
        for peer in "ab":
            vote = five.words[peer].vote
            assert vote is not None
            assert (vote.promised, vote.ballot) == (0, 0)

    def test_too_few_never_agree(self, three: Peers) -> None:
        three.all_made()
        three.watch(20 * PATIENT, "b")
        assert three.edition is None
        three.watch(PATIENT, "b", "c")
        assert three.edition is not None

    def test_a_creator_that_was_away_closes_it_though_others_tried_meanwhile(
        self, tmp_path: Path
    ) -> None:
        """The other one can't alone, and may never come back."""
        two = Peers(tmp_path, job_of(total=4, peers=("a", "b"), creator="a"))
        two.all_made()
        two.watch(5 * PATIENT, "b")
        assert two.words["b"].vote is not None
        assert two.words["b"].vote.promised > 1
        two.watch(PATIENT + 50.0, "a")
        assert two.sealed().by == "a"

    def test_the_creators_late_edition_does_not_undo_what_others_agreed_on(
        self, three: Peers
    ) -> None:
        three.all_made()
        before = dict(three.words)
        three.look("a", words=before)
        three.watch(2 * PATIENT, "b", "c")
        agreed = three.sealed()
        three.look("a", words=before)  # it heard nothing of all that
        assert three.edition == agreed
        three.look()
        three.look()
        assert {word.ended for word in three.words.values()} == {agreed}

    def test_of_an_earlier_job_the_first_of_its_peers_decides(self, tmp_path: Path) -> None:
        old = Peers(tmp_path, replace(job_of(total=4, peers=("a", "b")), inc=0))
        old.all_made()
        old.watch(10 * PATIENT, "b")
        assert old.edition is None
        old.look("a")
        old.look("a")
        assert old.sealed().by == "a"

    def test_who_is_no_peer_of_the_job_passes_on_what_was_asked_and_votes_not(
        self, three: Peers
    ) -> None:
        three.all_made()
        stranger = Closing(
            peer_id="x", files=three.common, shelf=three.shelves["a"],
            errands=Later(),  # run by hand
            clock=three.clock, still=Stillness(), cache=three.cache, patience=PATIENT)
        word = stranger.word(three.case(CANCELLED), mine=Word(peer_id="x"), made_here=False)
        assert word == Word(peer_id="x", asked=CANCELLED)

    def test_a_deleted_job_needs_no_dataset_any_more(self, three: Peers) -> None:
        three.all_made()
        three.here = dict.fromkeys("abc", DELETED)
        three.watch(100.0)
        assert three.edition is None
        assert three.words["b"].asked == DELETED

    def test_what_one_replica_was_asked_all_say(self, three: Peers) -> None:
        three.here["c"] = CANCELLED
        three.look("c", "b", "a")
        assert {word.asked for word in three.words.values()} == {CANCELLED}

    def test_a_part_that_can_not_be_read_here_is_waited_for(self, three: Peers) -> None:
        three.all_made()
        lost = three.states["b"].result_cid or ""
        three.files["a"].away.add(lost)
        three.watch(PATIENCE * TRIES, "a")
        assert three.shelves["a"].unreadable() == {lost}
        assert three.words["a"].vote is None
        three.watch(2 * PATIENT, "b", "c")  # who can read it close it meanwhile
        assert three.sealed().by == "b"

    def test_the_next_round_is_agreed_on_like_the_first(self, three: Peers) -> None:
        three.made("a", ok=2, failed=1)
        three.made("b")
        three.made("c")
        three.watch(60.0)
        first = three.sealed()
        three.job = editions_job(three.job, first)
        three.new_disks.add("a")  # there is no note any more that it was made here
        three.here["b"] = RETRIED
        three.look()
        assert three.case().round == 1
        three.made("a", ok=3, number=1)
        for peer in "bc":
            three.made(peer, ok=0, number=1)
        three.watch(100.0)
        assert (three.sealed().round, three.sealed().ok) == (1, 9)
        assert {word.ended for word in three.words.values()} == {three.sealed()}


class TestCancelled:
    def test_it_ends_at_once_when_all_stopped(self, three: Peers) -> None:
        three.here["a"] = CANCELLED
        for peer in "abc":
            three.made(peer, ok=1)
        three.watch(30.0)
        assert (three.sealed().cancelled_by, three.sealed().ok) == ("ada", 3)

    def test_for_others_it_waits_a_minute_and_no_longer(self, three: Peers) -> None:
        three.here["a"] = CANCELLED
        three.made("a", ok=2)
        three.watch(LAST_PARTS, "a", "b")
        assert three.edition is None
        three.made("b", ok=1)
        three.watch(40.0, "a", "b")
        assert three.sealed().ok == 3

    def test_for_its_own_share_it_waits_as_long_as_it_takes(self, three: Peers) -> None:
        three.here["a"] = CANCELLED
        three.made("b", ok=1)
        three.made("c", ok=1)
        three.watch(10 * LAST_PARTS, "a")
        assert three.words["a"].vote is None

    def test_who_heard_of_it_before_the_creator_is_believed(self, three: Peers) -> None:
        three.here["c"] = CANCELLED
        for peer in "abc":
            three.made(peer, ok=1)
        three.look("c")
        three.watch(40.0, "a", "b")
        assert three.sealed().cancelled_by == "ada"


class TestClosedByAPerson:
    """Where no quorum is left."""

    def test_it_ends_with_what_is_there(self, three: Peers) -> None:
        three.all_made()
        three.watch(5 * PATIENT, "b")
        three.here["b"] = CLOSED
        three.watch(20.0, "b")
        edition = three.sealed()
        assert (edition.forced, edition.by, edition.status) == (True, "b", "succeeded")
        check_edition(three.common, edition)

    def test_with_what_it_took_already_if_there_is_such(self, five: Peers) -> None:
        five.all_made()
        five.look("a", "a", "b", "b")
        put_up = five.words["a"].vote
        assert put_up is not None
        assert put_up.taken is not None
        assert five.edition is None
        five.here["b"] = CLOSED
        five.look("b")
        assert five.sealed() == replace(put_up.taken, forced=True, by="b")

    def test_of_a_cancelled_one_the_last_parts_are_waited_for_as_ever(self, three: Peers) -> None:
        three.here["b"] = CANCELLED.joined(CLOSED)
        three.made("b", ok=1)
        three.watch(LAST_PARTS, "b")
        assert three.edition is None
        three.watch(30.0, "b")
        assert three.sealed().forced

    def test_not_before_all_is_there(self, three: Peers) -> None:
        three.made("a")
        three.here["a"] = CLOSED
        three.watch(100.0, "a")
        assert three.edition is None

    def test_a_request_made_elsewhere_closes_nothing_here(self, three: Peers) -> None:
        three.all_made()
        three.words["c"] = Word(peer_id="c", asked=CLOSED)
        three.watch(100.0, "b")
        assert three.edition is None
        assert three.words["b"].asked == CLOSED

    def test_nor_does_one_for_an_earlier_round(self, three: Peers) -> None:
        three.job = sealed(three.job, three.common,
                           b"".join(ok_line(i, {}) + b"\n" for i in range(9)))
        three.here["b"] = RETRIED.joined(CLOSED)
        for peer in "abc":
            three.made(peer, ok=0, number=1)
        three.watch(100.0, "b")
        assert three.sealed().round == 0

    def test_it_stands_when_the_others_come_back_and_agreed_on_another(
        self, three: Peers
    ) -> None:
        three.all_made()
        three.here["b"] = CLOSED
        three.watch(20.0, "b")
        closed = three.words.pop("b")
        three.watch(60.0, "a", "c")
        assert not three.sealed().forced
        three.words["b"] = closed
        assert three.sealed() == closed.ended
        three.look()
        assert {word.ended for word in three.words.values()} == {closed.ended}


def test_what_is_forgotten_is_made_again_and_waited_for_anew(three: Peers) -> None:
    three.all_made()
    three.watch(1.2 * PATIENT, "b", "c")
    for peer in "bc":
        three.closings[peer].forget(three.job.id)
    three.watch(1.2 * PATIENT, "b", "c")
    assert three.edition is None


@pytest.mark.parametrize("is_forgotten", [True, False])
def test_an_errand_of_a_round_that_has_ended_does_nothing(
    three: Peers, is_forgotten: bool
) -> None:
    three.all_made()
    closing, errands = three.closings["a"], three.errands["a"]
    closing.word(three.case(), mine=Word(peer_id="a"), made_here=True)
    if is_forgotten:
        closing.forget(three.job.id)
    else:
        over = editions_job(three.job, make(three))
        closing.word(Case(job=over, states=three.states), mine=Word(peer_id="a"), made_here=True)
    three.files["a"].fail_next()  # which it would meet
    errands.run()
    assert errands.waiting == {}


def test_the_first_of_two_ballots_is_the_lower(three: Peers) -> None:
    assert [editions.own_ballot(three.job, peer, 0) for peer in "abc"] == [1, 2, 3]
