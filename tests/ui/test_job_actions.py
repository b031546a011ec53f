"""Cancelling and deleting on the pages: asked first, then shown at once."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from datagen.adapters.local import LocalStore
from datagen.domain.errors import StoreError
from datagen.domain.users import User
from tests.ui.replica import ADA, World, signed_in
from tests.ui.test_pages import texts


def click(at: AppTest, label: str) -> AppTest:
    [button] = [b for b in at.button if b.label == label]
    button.click()
    return at.run()


def _script(question: str, job_id: str) -> None:
    from datagen.domain.users import User
    from datagen.ui import job_actions
    from datagen.ui.session import app

    getattr(job_actions, question)(app().jobs.get(User(name="ada", role="user"), job_id))


def asked(question: str, job_id: str, *, user: User | None = ADA) -> AppTest:
    """The question alone: AppTest runs whole pages, and a dialog is a part of one."""
    at = AppTest.from_function(_script, args=(question, job_id))
    at.user = signed_in(user) if user else {}
    return at.run()


def labels(at: AppTest) -> list[str]:
    return [b.label for b in at.button]


def cancelled(world: World, *, after: int = 3, records: int = 200) -> str:
    """A job that was cancelled when ``after`` records were there."""
    job_id = world.confirm(records=records)
    jobs = world.services.jobs

    def over() -> bool:
        jobs.invalidate()
        view = jobs.get(ADA, job_id)
        if view.progress.done >= after and not view.job.is_over and not view.is_ending:
            jobs.cancel(ADA, job_id)
        return view.job.is_over

    world.work(over)
    return job_id


def test_cancel_asks_first_and_says_what_is_kept(world: World) -> None:
    job_id = world.confirm("<b>Tick*ts*</b>", records=6)

    at = click(world.open("job", id=job_id), "Cancel")

    assert not at.exception
    assert {"Cancel the job", "Let it run"} <= set(labels(at))
    assert r"\*ts\*" in texts(at)
    assert "0 of 6 records" in texts(at)
    assert "kept" in texts(at)
    assert not world.services.jobs.get(ADA, job_id).is_ending


def test_letting_it_run_asks_for_nothing(world: World) -> None:
    job_id = world.confirm()
    at = click(asked("ask_to_cancel", job_id), "Let it run")
    assert not at.exception
    assert not world.services.jobs.get(ADA, job_id).is_ending


def test_a_job_that_was_asked_to_end_says_so_until_it_ends(world: World) -> None:
    job_id = world.confirm()

    at = click(asked("ask_to_cancel", job_id), "Cancel the job")

    assert not at.exception
    assert world.services.jobs.get(ADA, job_id).is_ending
    at = world.open("job", id=job_id)
    assert "was asked to end the job" in texts(at)
    assert [b.disabled for b in at.button if b.label == "Cancel"] == [True]
    assert "Cancelling" in texts(world.open("jobs"))


@pytest.mark.parametrize("question", ["ask_to_cancel", "ask_to_delete"])
def test_a_question_left_open_after_the_session_ended_does_nothing(
    question: str, world: World
) -> None:
    job_id = world.confirm()
    at = asked(question, job_id, user=None)
    assert "Your session ended" in at.info[0].value
    assert not at.button


def test_a_cancelled_job_offers_what_there_is_and_is_no_failure(world: World) -> None:
    job_id = cancelled(world)

    at = world.open("job", id=job_id)

    assert not at.exception
    assert not at.error
    assert "Cancelled by ada after" in texts(at)
    assert {"Open table", "Delete"} <= set(labels(at))
    assert "Cancel" not in labels(at)
    assert [box.label for box in at.expander] == ["Options"]  # of downloads; no list of failures
    assert "Cancelled" in texts(world.open("jobs"))
    table = world.open("dataset", id=job_id)
    assert not table.exception
    assert len(table.dataframe[0].value) == world.services.jobs.get(ADA, job_id).job.total_ok
    assert "cancelled after" in texts(table)


def test_a_job_cancelled_before_its_first_record_has_no_table(world: World) -> None:
    job_id = world.confirm()
    world.services.jobs.cancel(ADA, job_id)
    world.work(lambda: not world.services.jobs.get(ADA, job_id).is_ending
               or world.services.jobs.invalidate() or False)

    at = world.open("job", id=job_id)

    assert not at.exception
    assert "before the first record" in texts(at)
    assert "Open table" not in labels(at)
    assert "cancelled before it had a record" in texts(world.open("dataset", id=job_id))


def test_delete_names_the_job_and_says_that_it_is_for_good(world: World) -> None:
    job_id = world.finish("Tickets", records=6)

    at = click(world.open("job", id=job_id), "Delete")

    assert not at.exception
    assert "**Tickets**, its 6 records" in texts(at)
    assert "can't be undone" in texts(at)
    assert world.services.jobs.get(ADA, job_id).job.total_ok == 6


def test_a_deleted_job_is_on_no_page_from_then_on(world: World) -> None:
    job_id = world.finish("Tickets", records=6)

    click(asked("ask_to_delete", job_id), "Delete for good")

    event = world.services.audit.latest()[0]
    assert (event.what, event.who, event.about) == ("dataset deleted", "ada", job_id)

    assert world.services.jobs.list(ADA) == ()
    assert "Tickets" not in texts(world.open("jobs"))
    for page in ("job", "dataset"):
        assert "There is no such" in world.open(page, id=job_id).info[0].value


@pytest.mark.parametrize(("question", "yes"), [
    ("ask_to_cancel", "Cancel the job"), ("ask_to_delete", "Delete for good"),
])
def test_a_store_that_is_away_keeps_the_question_open_and_says_why(
    question: str, yes: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.confirm()
    at = asked(question, job_id)

    def away(*_: object) -> None:
        raise StoreError("The disk is gone.")

    monkeypatch.setattr(LocalStore, "put_once", away)
    at = click(at, yes)

    assert not at.exception
    assert "disk is gone" in at.error[0].value.replace("\\", "")
    assert yes in labels(at)


def test_a_job_that_ended_in_the_meantime_is_no_error(world: World) -> None:
    job_id = world.finish(records=4)

    at = click(asked("ask_to_cancel", job_id), "Cancel the job")

    assert not at.exception
    assert not at.error
    assert world.services.jobs.get(ADA, job_id).job.status == "succeeded"
