"""What replicas say of jobs beside their shares, on its way between this desk and the board.

All methods block. Raises StoreError.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from datagen.domain.asked import NOTHING, Asked, Request
from datagen.domain.editions import Word
from datagen.domain.folds import Case
from datagen.domain.jobs import Job, PeerState, heard
from datagen.domain.titles import is_named
from datagen.ports import Desk
from datagen.protocol.board import Board
from datagen.protocol.requests import ask_here


class Hearing:
    """Reads all that is said of a job, and says what this replica knows of it."""

    def __init__(self, *, peer_id: str, board: Board, desk: Desk) -> None:
        self._peer_id, self._board, self._desk = peer_id, board, desk
        self._states: dict[str, PeerState | None] = {}  # the same
        self._shown: dict[str, Word | None] = {}  # of us, by our node, by job id
        self._unsure: set[str] = set()  # jobs of which the store failed to take what we said

    def case(self, job: Job, here: Asked) -> Case:
        """All that is known of one job; of this peer, its own last words.

        What others were asked is kept on our own disk, too.
        """
        states, words = self._board.states(job.id), self._board.words(job.id)
        self._shown[job.id] = words.get(self._peer_id)
        state = self._board.last_state(job.id, self._peer_id)
        if state is not None:  # whatever the node shows
            states[self._peer_id] = state
        words[self._peer_id] = self._own(job.id, words)
        case = Case(job=job, states=heard(job, states), words=words, here=here)
        self._note(case, here)
        self._states[job.id] = states.get(self._peer_id)
        return case

    def own_state(self, job_id: str) -> PeerState | None:
        """What this peer last said of its work on a job, as of the last look at it.

        Whoever its owner was.
        """
        return self._states.get(job_id)

    def forget(self, kept: Collection[str]) -> None:
        """Only the jobs with these ids are looked at from now on."""
        for known in (self._shown, self._states):
            for job_id in known.keys() - set(kept):
                del known[job_id]

    def say(self, job_id: str, word: Word) -> None:
        """Tell the others, unless our node shows it already, as of the last look."""
        shown = self._shown.get(job_id)
        known = shown is not None and replace(shown, inc=0, rev=0) == replace(word, inc=0, rev=0)
        if known and job_id not in self._unsure:
            return
        if shown is None and word == Word(peer_id=self._peer_id):
            return
        self._unsure.add(job_id)  # a node that fails may show it and have told nobody
        self._board.say(job_id, word)
        self._unsure.discard(job_id)

    def pass_on(self, job_id: str, here: Asked) -> None:
        """Tell the others what was asked of a job whose entry is gone."""
        words = self._board.words(job_id)
        self._shown[job_id] = words.get(self._peer_id)
        word = self._own(job_id, words)
        asked = here
        for one in words.values():
            asked = asked.joined(one.asked)
        self.say(job_id, replace(word, asked=asked, vote=None))

    def remind(self, job: Job, now: datetime) -> None:
        """Tell again that a job was deleted: somebody has not heard of it."""
        word = self._own(job.id, self._board.words(job.id))
        asked = Asked(delete=word.asked.delete or Request(at=now, by=job.owner))
        self._board.say(job.id, Word(peer_id=self._peer_id, asked=word.asked.joined(asked)))

    def _own(self, job_id: str, words: dict[str, Word]) -> Word:
        """All that this peer ever said: its disk may be an older one, put back; or its node."""
        last = self._board.last_word(job_id, self._peer_id)
        shown = words.get(self._peer_id)
        if last is None or shown is None:
            return last or shown or Word(peer_id=self._peer_id)
        return replace(
            last, asked=last.asked.joined(shown.asked),
            vote=max((vote for vote in (last.vote, shown.vote) if vote), default=None,
                     key=lambda vote: (vote.round, vote.promised, vote.ballot, bool(vote.taken))),
            ended=max((one for one in (last.ended, shown.ended) if one), default=None,
                      key=lambda edition: (edition.round, edition.forced)),
        )

    def _note(self, case: Case, here: Asked) -> None:
        ended = case.edition.round if case.edition else -1
        news = case.asked.after(ended)
        if is_named(case.job, news.rename):
            news = replace(news, rename=None)
        if news != here.after(ended) and news != NOTHING:
            ask_here(self._desk, case.job.id, news)
