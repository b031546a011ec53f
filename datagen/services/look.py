"""One look at the board, at once where the store is far away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from datagen.domain.editions import Word
from datagen.domain.jobs import Job, PeerState, in_turn
from datagen.protocol.board import Beat, Board
from datagen.services.patience import Patience


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was to be seen."""

    jobs: Mapping[str, Job]  # by id
    beats: Mapping[str, Beat]  # by peer id; none where no job is open
    states: Mapping[str, Mapping[str, PeerState]]  # of each open job in turn, by peer id
    words: Mapping[str, Mapping[str, Word]]  # of the same


def look(
    board: Board, patience: Patience, *, beside: Mapping[str, Job], without: Collection[str],
    likely: Collection[str], reopened: Collection[str],
) -> Look:
    """What is on the board now. Raises StoreError.

    ``beside``: jobs that may not be there yet; ``without``: ids of those nobody may see;
    ``likely``: ids of those that were open of late. The fields of these are read together
    with the list, so that a slow store is waited for once. ``reopened``: ids of those that
    may be open though the list has their end.
    """
    found: dict[str, Job] = {}
    beats: dict[str, Beat] = {}
    states: dict[str, Mapping[str, PeerState]] = {}
    words: dict[str, Mapping[str, Word]] = {}

    def states_of(job_id: str) -> None:
        states[job_id] = board.states(job_id)

    def words_of(job_id: str) -> None:
        words[job_id] = board.words(job_id)

    def of_jobs(job_ids: Collection[str]) -> list[Callable[[], None]]:
        signs = [lambda: beats.update(board.beats())] if job_ids and not beats else []
        return [*signs, *(partial(of_job, job_id) for job_id in job_ids
                          for of_job in (states_of, words_of))]

    foreseen = {*beside, *likely}.difference(without)
    patience.together([lambda: found.update(board.jobs()), *of_jobs(foreseen)])
    jobs = {job_id: job for job_id, job in {**beside, **found}.items() if job_id not in without}
    still_open = [job.id for job in in_turn(list(jobs.values()))
                  if not job.is_over or job.id in reopened]
    patience.together(of_jobs([job_id for job_id in still_open if job_id not in states]))
    return Look(jobs=jobs, beats=beats,
                states={job_id: states[job_id] for job_id in still_open},
                words={job_id: words[job_id] for job_id in still_open})
