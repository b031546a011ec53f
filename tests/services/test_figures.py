"""The figures behind charts: each job once, in its day, and what is not known said to be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.figures import Effort, Window, figures, when
from datagen.domain.jobs import Job
from datagen.domain.usage import Usage
from datagen.services.figures import Figures
from datagen.services.patience import Patience
from tests import golden
from tests.services.job_world import ANN, BOB, World

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ZONES = [UTC, ZoneInfo("Pacific/Auckland"), ZoneInfo("America/St_Johns")]


def job(at: datetime | None, ok: int = 3, failed: int = 1, *, over: bool = True) -> Job:
    moment = at or NOW
    return Job(id=f"job_{id(moment)}", owner="ann", title="t", total_records=9, peers=("p1",),
               status="succeeded" if over else "running", total_ok=ok, total_failed=failed,
               details_cid="c", created_at=moment, schema_generated_at=moment, updated_at=moment,
               finished_at=at if over else None)


def test_a_job_counts_in_the_day_that_its_end_has_in_the_readers_zone() -> None:
    late = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)
    for zone, day in ((UTC, 26), (ZoneInfo("Europe/Bucharest"), 27)):
        window = Window.until(NOW, steps=3, step="day", zone=zone)
        steps = figures([job(late)], window, {}).steps
        assert [one.day for one, sums in steps.items() if sums.jobs] == [day]
        assert len(steps) == 3


def test_a_running_job_counts_by_its_latest_progress_and_an_end_without_a_time_nowhere() -> None:
    running, lost = job(NOW, over=False), job(None)
    assert when(running) == NOW
    found = figures([running, lost], Window.until(NOW, steps=2, step="day", zone=UTC), {})
    assert sum(one.jobs for one in found.steps.values()) == 1
    assert (found.undated.jobs, found.undated.ok, found.undated.failed) == (1, 3, 1)


def test_months_have_their_own_length() -> None:
    window = Window.until(NOW, steps=12, step="month", zone=UTC)
    starts = list(window.starts())
    assert (starts[0].isoformat(), starts[-1].isoformat()) == ("2025-12-01", "2026-11-01")
    assert len(starts) == 12
    assert window.start_of(datetime(2025, 12, 31, 23, tzinfo=UTC)) == starts[0]
    assert window.start_of(datetime(2025, 11, 30, tzinfo=UTC)) is None


@given(hours=st.lists(st.integers(0, 24 * 400), max_size=30), zone=st.sampled_from(ZONES),
       steps=st.integers(1, 40), step=st.sampled_from(["day", "month"]))
def test_every_job_is_in_one_step_or_before_them_all(
    hours: list[int], zone: ZoneInfo, steps: int, step: str
) -> None:
    window = Window.until(NOW, steps=steps, step=step, zone=zone)
    jobs = [job(NOW - timedelta(hours=ago)) for ago in hours]
    found = figures(jobs, window, {})
    assert list(found.steps) == list(window.starts())
    assert len(found.steps) == steps
    inside = [one for one in jobs if window.start_of(one.finished_at or NOW)]
    assert sum(one.jobs for one in found.steps.values()) == len(inside)
    assert sum(one.ok for one in found.steps.values()) == 3 * len(inside)
    assert all(one.finished_at and one.finished_at.astimezone(zone).date() < window.first
               for one in jobs if one not in inside)


def test_what_is_known_of_peers_adds_up_and_what_is_not_is_counted() -> None:
    jobs = [replace(job(NOW), id=f"job_{name}") for name in "abc"]
    usage = Usage(calls=4, prompt_tokens=10, completion_tokens=5)
    found = figures(jobs, Window.until(NOW, steps=1, step="day", zone=UTC), {
        "job_a": {"p1": Effort(ok=2, failed=1, usage=usage), "p2": Effort(ok=1, failed=0,
                                                                       usage=usage)},
        "job_b": {"p1": Effort(ok=3, failed=1, usage=None)}})
    assert (found.peers["p1"].ok, found.peers["p1"].failed, found.peers["p1"].jobs) == (5, 2, 2)
    assert found.peers["p2"].usage == usage
    (day,) = found.steps.values()
    assert day.usage == usage + usage
    assert (found.unread, found.uncounted) == (1, 2)


# ------------------------------------------------------------------- of a store


def window(world: World) -> Window:
    return Window.until(world.clock.now(), steps=1, step="day", zone=UTC)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def seen(world: World) -> Figures:
    return Figures(jobs=world.jobs, board=world.board, clock=world.clock,
                   patience=Patience(None, clock=world.clock))


def test_a_user_sees_their_own_and_an_admin_everybodys(world: World) -> None:
    world.dataset([{"name": "a"}, "No."], draft_id="x")
    world.dataset([{"name": "b"}], draft_id="y", owner=BOB)
    service = seen(world)
    (own,), (all_of_them,) = (service.seen_by(user, window(world)).steps.values()
                              for user in (ANN, BOB))
    assert (own.jobs, own.ok, own.failed) == (1, 1, 1)
    assert (all_of_them.jobs, all_of_them.ok, all_of_them.failed) == (2, 2, 1)


def test_each_finished_job_is_looked_up_once(world: World) -> None:
    for name in "xyz":
        world.dataset([{"name": "a"}], draft_id=name)
    service = seen(world)
    first = service.seen_by(ANN, window(world))
    assert (first.peers["local"].jobs, first.unread) == (3, 0)
    before = world.store.reads
    assert service.seen_by(ANN, window(world)) == first
    assert world.store.reads == before


def test_a_running_job_is_told_by_what_its_peers_say_now(world: World) -> None:
    job_id = world.confirmed(records=9)
    world.take_over()
    world.report(job_id, ok=4, failed=1, usage=Usage(calls=5, prompt_tokens=50))
    world.jobs.invalidate()
    found = seen(world).seen_by(ANN, window(world))
    assert (found.peers["local"].ok, found.peers["local"].failed) == (4, 1)
    assert found.peers["local"].usage.prompt_tokens == 50
    assert found.uncounted == 0


def test_peers_that_can_not_be_read_leave_the_days_as_they_are(world: World) -> None:
    world.dataset([{"name": "a"}])
    world.jobs.list(ANN)
    world.store.fail_next()
    service = seen(world)
    found = service.seen_by(ANN, window(world))
    assert (found.unread, found.uncounted, found.peers) == (1, 1, {})
    assert sum(one.ok for one in found.steps.values()) == 1
    assert service.seen_by(ANN, window(world)).unread == 0  # the next look finds them


def test_an_earlier_applications_tokens_are_not_known(tmp_path: Path) -> None:
    world = World(tmp_path)
    golden.seed(golden.RUNNING_RUN, world.store, world.files)
    all_of_it = Window.until(NOW, steps=30, step="day", zone=UTC)
    found = seen(world).seen_by(BOB, all_of_it)
    assert sum(one.jobs for one in found.steps.values()) == found.uncounted == 2
    assert sum(one.usage.tokens for one in found.steps.values()) == 0
