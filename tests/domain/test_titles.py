"""Whoever renamed a job where, it has one title: the one that was given last."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.asked import Asked, Rename
from datagen.domain.titles import is_named, named
from tests.engine.workbench import START, job_of

RENAMES = st.builds(
    Rename, at=st.integers(0, 3).map(lambda s: START + timedelta(seconds=s)),
    by=st.sampled_from(["ann", "bob"]), title=st.sampled_from(["A", "B", "C"]))


@given(st.lists(RENAMES), st.randoms())
def test_in_any_order_and_however_often_the_latest_title_is_the_jobs(
    renames: list[Rename], luck: Random
) -> None:
    job = job_of()
    for one in renames:
        job = named(job, one)
    shuffled = [*renames, *renames]
    luck.shuffle(shuffled)
    other = job_of()
    for one in shuffled:
        other = named(other, one)
    assert job == other
    assert job.title == (max(renames).title if renames else job_of().title)
    assert all(is_named(job, one) for one in renames)


@given(RENAMES, RENAMES)
def test_two_replicas_that_join_what_they_were_asked_agree(a: Rename, b: Rename) -> None:
    assert Asked(rename=a).joined(Asked(rename=b)).rename == max(a, b)
    assert Asked(rename=a).after(5).rename == a


@given(RENAMES)
def test_an_entry_of_the_earlier_application_does_not_say_when_it_was_renamed(
    rename: Rename
) -> None:
    job = named(replace(job_of(), inc=0), rename)
    assert (job.title, job.renamed) == (rename.title, None)
    assert is_named(job, rename)
