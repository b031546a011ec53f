"""Parts of many peers as one stream, and those that can't be read."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryFiles
from datagen.domain.asked import Asked, Request
from datagen.domain.errors import StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.folds import Case
from datagen.domain.jobs import Job, Part, PeerState, shares
from datagen.engine.journal import failed_line, ok_line
from datagen.engine.shelf import LOST, PATIENCE, TRIES, FileError, Shelf, written
from tests.editions import sealed
from tests.engine.workbench import START, job_of

PEERS = ("a", "b")
JOB = job_of(total=10, peers=PEERS, creator="a")  # of which a has 0 to 5, b 5 to 10


class Desk:
    """Peers' files and a shelf that reads them."""

    def __init__(self, job: Job = JOB) -> None:
        self.job, self.files, self.clock = job, MemoryFiles(), HandClock()
        self.shelf = Shelf(self.files, self.clock)
        self.states = {peer: PeerState(peer_id=peer, share=share, inc=1)
                       for peer, share in shares(job.total_records, job.peers).items()}
        self._names = itertools.count()

    def part(self, start: int, end: int, *lines: bytes, **changes: Any) -> Part:
        """A file with these lines, else one that holds ``x`` for each index."""
        lines = lines or tuple(ok_line(i, {"n": "x"}) for i in range(start, end))
        content = b"".join(line + b"\n" for line in lines)
        cid = self.files.add(io.BytesIO(content), f"{next(self._names)}")
        good, bad = content.count(b'"ok":true'), content.count(b'"ok":false')
        return replace(Part(start=start, end=end, cid=cid, ok=good, failed=bad), **changes)

    def stored(self, peer: str, *parts: Part) -> None:
        before = self.states[peer]
        self.states[peer] = replace(before, parts=(*before.parts, *parts))

    def case(self, **known: Any) -> Case:
        return Case(job=self.job, states=self.states, **known)

    def merged(self, **known: Any) -> list[ResultLine]:
        return list(self.shelf.merged(self.case(**known)))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def indices(lines: list[ResultLine]) -> list[int]:
    return [line.i for line in lines]


class TestOnePart:
    def test_it_is_read_in_order_and_no_further_than_its_range(self, desk: Desk) -> None:
        part = desk.part(2, 5, *(ok_line(i, {"n": i}) for i in range(1, 6)), ok=3)
        assert indices(list(desk.shelf.lines(part))) == [2, 3, 4]

    def test_each_index_comes_once(self, desk: Desk) -> None:
        part = desk.part(0, 3, *(ok_line(i, {"n": n}) for n, i in enumerate([0, 1, 1, 0, 2])), ok=3)
        assert [line.data for line in desk.shelf.lines(part)] == [{"n": 0}, {"n": 1}, {"n": 4}]

    @pytest.mark.parametrize("rubbish", [b"", b"?", b"[]", b'{"i":1,"ok":tr', b"\x00" * 99])
    def test_what_is_no_line_is_passed_over(self, desk: Desk, rubbish: bytes) -> None:
        part = desk.part(0, 2, ok_line(0, {}), rubbish, ok_line(1, {}), ok=2)
        assert indices(list(desk.shelf.lines(part))) == [0, 1]

    def test_without_a_file_it_holds_nothing(self, desk: Desk) -> None:
        assert list(desk.shelf.lines(Part(start=0, end=5, cid="", ok=0, failed=0))) == []

    def test_one_that_holds_less_than_it_says_is_refused_at_its_end(self, desk: Desk) -> None:
        lines = desk.shelf.lines(desk.part(0, 3, ok_line(0, {}), ok=2))
        assert next(lines).i == 0
        with pytest.raises(FileError, match="fewer"):
            next(lines)

    def test_in_one_of_the_earlier_application_what_is_torn_is_a_failed_record(
        self, desk: Desk
    ) -> None:
        part = desk.part(0, 4, ok_line(1, {}), b'{"i":2,"ok":tr', ok=4)
        lines = list(desk.shelf.lines(part, ours=False))
        assert [(line.i, line.ok, line.error) for line in lines] == [
            (0, False, LOST), (1, True, None), (2, False, LOST), (3, False, LOST)]


class TestUnreadable:
    """A file counts as lost only after some patience; and again as there once it is read."""

    PART = Part(start=0, end=5, cid="away", ok=5, failed=0)

    def fails(self, desk: Desk, part: Part = PART) -> None:
        with pytest.raises(FileError, match="can't be read here yet"):
            list(desk.shelf.lines(part))

    def test_after_several_tries_over_a_while(self, desk: Desk) -> None:
        for _ in range(TRIES - 1):
            self.fails(desk)
        desk.clock.advance(PATIENCE)
        assert desk.shelf.unreadable() == set()
        self.fails(desk)
        assert desk.shelf.unreadable() == {"away"}

    def test_not_after_many_tries_at_once(self, desk: Desk) -> None:
        for _ in range(10 * TRIES):
            self.fails(desk)
        desk.clock.advance(PATIENCE - 1)
        assert desk.shelf.unreadable() == set()

    def test_a_store_that_fails_makes_no_file_unreadable(self, desk: Desk) -> None:
        part = desk.part(0, 5)
        for _ in range(TRIES):
            desk.files.fail_next()
            self.fails(desk, part)
            desk.clock.advance(PATIENCE)
        assert desk.shelf.unreadable() == set()

    def test_one_that_is_short_counts_as_one_that_is_away(self, desk: Desk) -> None:
        part = replace(desk.part(0, 5), ok=4)
        for _ in range(TRIES):
            with pytest.raises(FileError):
                list(desk.shelf.lines(part))
            desk.clock.advance(PATIENCE)
        assert desk.shelf.unreadable() == {part.cid}

    def test_so_does_one_that_holds_other_lines_than_were_stored(self, desk: Desk) -> None:
        """Sound ones, as many, of the same indices: of another job, or an older round."""
        content = b"".join(ok_line(i, {"n": "x"}) + b"\n" for i in range(5))
        part = desk.part(0, 5, sha256=hashlib.sha256(content).hexdigest())
        assert len(list(desk.shelf.lines(part))) == 5
        desk.files.put(part.cid, content.replace(b'"x"', b'"y"'))
        for _ in range(TRIES):
            with pytest.raises(FileError, match="not the one that was stored"):
                next(desk.shelf.lines(part))
            desk.clock.advance(PATIENCE)
        assert desk.shelf.unreadable() == {part.cid}

    def test_one_that_comes_back_is_there_again(self, desk: Desk) -> None:
        for _ in range(TRIES):
            self.fails(desk)
            desk.clock.advance(PATIENCE)
        desk.files.put("away", b"".join(ok_line(i, {}) + b"\n" for i in range(5)))
        assert len(list(desk.shelf.lines(self.PART))) == 5
        assert desk.shelf.unreadable() == set()

    def test_so_is_one_that_was_stored_again(self, desk: Desk) -> None:
        for _ in range(TRIES):
            self.fails(desk)
            desk.clock.advance(PATIENCE)
        desk.shelf.stored("away")
        assert desk.shelf.unreadable() == set()

    def test_the_others_go_on_without_it(self, desk: Desk) -> None:
        desk.stored("a", self.PART)
        desk.stored("b", desk.part(5, 10))
        with pytest.raises(StoreError):
            desk.merged()
        for _ in range(TRIES):
            self.fails(desk)
            desk.clock.advance(PATIENCE)
        assert indices(desk.merged()) == [5, 6, 7, 8, 9]


class TestMerged:
    def test_whoever_stored_it_all_comes_in_order_and_once(self, desk: Desk) -> None:
        desk.stored("b", desk.part(5, 10), desk.part(3, 5))
        desk.stored("a", desk.part(0, 4))
        assert indices(desk.merged()) == list(range(10))

    def test_of_two_records_a_good_one_counts_then_the_owners_then_the_earlier_peers(
        self, desk: Desk
    ) -> None:
        bad, good = failed_line(0, "no", ""), ok_line(0, {"n": "b"})
        desk.stored("a", desk.part(0, 1, bad), desk.part(6, 7, ok_line(6, {"n": "a"})),
                    desk.part(1, 2, ok_line(1, {"n": "a"})))
        desk.stored("b", desk.part(0, 1, good), desk.part(6, 7, ok_line(6, {"n": "b"})),
                    desk.part(1, 2, ok_line(1, {"n": "b"})))
        assert {line.i: line.data for line in desk.merged()} == {
            0: {"n": "b"}, 1: {"n": "a"}, 6: {"n": "b"}}

    def test_of_one_peers_two_records_all_choose_the_same_by_content(self) -> None:
        found = set()
        for order in itertools.permutations([{"n": 1}, {"n": 2}, {"n": 3}]):
            desk = Desk()
            desk.stored("a", *(desk.part(0, 1, ok_line(0, data)) for data in order))
            found |= {json.dumps(line.data) for line in desk.merged()}
        assert len(found) == 1

    def test_a_new_round_is_laid_over_the_edition_before(self, desk: Desk) -> None:
        lines = [ok_line(i, {"n": "old"}) if i % 3 else failed_line(i, "old", "")
                 for i in range(10)]
        desk.job = sealed(JOB, desk.files, b"".join(line + b"\n" for line in lines))
        again = Asked(retry=Request(at=START, by="ada"))
        desk.stored("a", desk.part(0, 5), desk.part(0, 5, ok_line(0, {"n": "new"}),
                                                    failed_line(3, "new", ""), round=1))
        merged = {line.i: line for line in desk.merged(here=again)}
        assert sorted(merged) == list(range(10))
        assert (merged[0].ok, merged[0].data) == (True, {"n": "new"})
        assert (merged[3].ok, merged[3].error) == (False, "new")
        assert (merged[1].data, merged[6].error) == ({"n": "old"}, "old")

    def test_of_a_peer_of_the_earlier_application_the_file_is_read_as_its_own(
        self, desk: Desk
    ) -> None:
        part = desk.part(0, 5, ok_line(0, {}), ok=5)
        desk.states["a"] = replace(desk.states["a"], inc=0, finished_at=START,
                                   result_cid=part.cid, generated_ok=5)
        assert [line.error for line in desk.merged()] == [None, *[LOST] * 4]

    @given(st.lists(st.tuples(st.sampled_from(PEERS), st.sets(st.integers(0, 9)), st.booleans()),
                    max_size=8))
    @settings(max_examples=60)
    def test_of_any_parts_all_indices_come_once_and_good_ones_are_never_lost(
        self, stored: list[tuple[str, set[int], bool]]
    ) -> None:
        desk, good = Desk(), set[int]()
        held = set[int]()
        for peer, span, ok in stored:
            lines = [ok_line(i, {}) if ok else failed_line(i, "no", "") for i in sorted(span)]
            desk.stored(peer, desk.part(0, 10, *lines, whole=False) if lines
                        else Part(start=0, end=0, cid="", ok=0, failed=0))
            held |= span
            good |= span if ok else set()
        merged = desk.merged()
        assert indices(merged) == sorted(held)
        assert {line.i for line in merged if line.ok} == good


@pytest.mark.parametrize("line", [
    ok_line(3, {"a": ["é", 1, None]}), failed_line(4, "It did not fit.", "raw"),
    failed_line(4, "It did not fit.", ""),
])
def test_a_line_that_was_read_is_written_as_it_was(desk: Desk, line: bytes) -> None:
    (read,) = desk.shelf.lines(desk.part(0, 9, line))
    assert written(read) == line
