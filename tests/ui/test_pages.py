"""Every page in its states, run by Streamlit itself."""

from __future__ import annotations

import html
import threading
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from datagen.adapters.local import LocalStore
from datagen.domain.errors import CutOff, ModelUnreachable, StoreError
from datagen.domain.users import User
from datagen.services import beginning, building
from tests.ui.replica import ADA, BEN, ROOT, World, schema_json, signed_in

PAGES = ("jobs", "new", "job", "dataset", "models", "metrics", "account", "admin", "api_docs")


def texts(at: AppTest) -> str:
    """Everything the page says."""
    kinds = ("title", "markdown", "caption", "info", "warning", "error", "text", "html",
             "button", "expander", "metric", "page_link")
    found = []
    for kind in kinds:
        for item in at.get(kind):
            found += [str(getattr(item, name, "")) for name in ("label", "value", "body")]
    return "\n".join(found)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_script_run_alone_shows_a_stranger_nothing(page: str, world: World) -> None:
    at = AppTest.from_file(str(ROOT / f"pages/{page}.py"), default_timeout=20)
    at.user = {}

    at.run()

    assert [item.value for item in at.info] == [
        "Your session ended. Taking you to the sign-in page …"
    ]
    assert not at.button
    assert not at.text_input


@pytest.mark.parametrize("page", ["", *PAGES])
def test_the_frame_shows_a_stranger_nothing(page: str, world: World) -> None:
    at = world.open(page, user=None)

    assert "Your session ended" in at.info[0].value
    assert not at.button


def test_an_expired_session_ends_the_run(world: World) -> None:
    at = world.open()
    at.user = signed_in(ADA, seconds=-1)

    at.run()

    assert "Your session ended" in at.info[0].value


def test_a_replica_that_may_not_know_who_signed_out_shows_why_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise CutOff("Nobody is heard.")

    at = world.open("jobs")
    monkeypatch.setattr(world.services.accounts, "session_alive", refuse)

    at.run()

    assert at.exception  # streamlit_app.py has say_broken tell it
    assert not at.button


def test_a_user_without_jobs_is_offered_three_examples(world: World) -> None:
    at = world.open("jobs")

    assert not at.exception
    assert [b.label for b in at.button].count("Use this example") == 3


def test_one_click_on_an_example_fills_the_form(world: World) -> None:
    at = world.open("jobs")
    next(b for b in at.button if b.label == "Use this example").click()
    at.run()

    at.switch_page(str(ROOT / "pages/new.py")).run()

    assert at.text_input(key="form_title").value == "Support tickets"
    assert at.text_area(key="form_instructions").value
    assert at.number_input(key="form_records").value == 20


def test_an_empty_form_says_at_each_field_what_is_missing(world: World) -> None:
    at = world.open("new")

    next(b for b in at.button if b.label == "Draft schema").click()
    at.run()

    wrong = [m.value for m in at.markdown if ":red[" in m.value]
    assert len(wrong) == 3  # title, description, instructions


def test_a_model_that_is_away_leaves_the_form_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise ModelUnreachable("The model server at 127.0.0.1:1 can't be reached.")

    monkeypatch.setattr(type(world.services.chat), "complete", away)
    at = world.open("new")
    at.text_input(key="form_title").set_value("Birds")
    at.text_area(key="form_description").set_value("One bird seen in a garden")
    at.text_area(key="form_instructions").set_value("Vary the species")

    next(b for b in at.button if b.label == "Draft schema").click()
    at.run()

    assert "can't be reached" in at.error[0].value.replace("\\", "")
    assert ModelUnreachable.advice in at.error[0].value.replace("\\", "")
    assert at.text_input(key="form_title").value == "Birds"


def drafted(world: World) -> AppTest:
    at = world.open("new")
    at.text_input(key="form_title").set_value("Birds")
    at.text_area(key="form_description").set_value("One bird seen in a garden")
    at.text_area(key="form_instructions").set_value("Fields: species, count, seen_on")
    next(b for b in at.button if b.label == "Draft schema").click()
    return at.run()


def test_a_draft_shows_its_schema_and_can_be_created(world: World) -> None:
    at = drafted(world)

    assert not at.exception
    assert '"species"' in schema_json(at).value
    next(b for b in at.button if b.label == "Create dataset").click()
    at.run()

    jobs = world.services.jobs.list(ADA)
    assert [view.job.title for view in jobs] == ["Birds"]


@pytest.mark.parametrize("seed", [7, None])
def test_the_seed_that_stands_in_the_form_goes_with_the_job(
    world: World, seed: int | None
) -> None:
    at = drafted(world)
    at.number_input(key="form_seed").set_value(seed)
    next(b for b in at.button if b.label == "Create dataset").click()
    at.run()

    [view] = world.services.jobs.list(ADA)
    asked = world.services.jobs.details(ADA, view.job.id)
    assert asked.inference.parameters == ({} if seed is None else {"seed": seed})


@pytest.mark.parametrize(("field", "value", "said"), [
    ("form_records", 10**6, "records are allowed per job"),
    ("form_records", 0, "Enter a whole number from 1 to"),
    ("form_seed", -1, "seed"),
    ("form_seed", 2**31, "seed"),
])
def test_a_number_out_of_bounds_is_told_and_never_replaced(
    world: World, field: str, value: int, said: str
) -> None:
    at = drafted(world)
    at.number_input(key=field).set_value(value)
    next(b for b in at.button if b.label == "Create dataset").click()
    at.run()

    assert not world.services.jobs.list(ADA)
    assert said in " ".join(item.value for item in [*at.markdown, *at.error])


def test_drafting_again_keeps_count(world: World) -> None:
    at = drafted(world)

    next(b for b in at.button if b.label == "Draft again").click()
    at.run()
    next(b for b in at.button if b.label == "Create dataset").click()
    at.run()

    assert world.services.jobs.list(ADA)[0].job.schema_refreshes == 1


def test_broken_json_keeps_its_text_and_says_the_line(world: World) -> None:
    at = drafted(world)

    schema_json(at).set_value('{\n  "type": "object",,\n}').run()

    assert any("Line 2" in m.value.replace("\\", "") for m in at.markdown)
    assert ",," in schema_json(at).value
    assert next(b for b in at.button if b.label == "Create dataset").disabled


def test_edited_json_becomes_the_schema_of_the_job(world: World) -> None:
    at = drafted(world)
    edited = ('{"type": "object", "additionalProperties": false, "required": ["wings"], '
              '"properties": {"wings": {"type": "integer", "minimum": 0, "maximum": 2}}}')

    schema_json(at).set_value(edited).run()
    next(b for b in at.button if b.label == "Create dataset").click()
    at.run()

    job = world.services.jobs.list(ADA)[0].job
    assert list(world.services.jobs.details(ADA, job.id).schema["properties"]) == ["wings"]


def test_a_schema_that_cannot_work_names_the_field_and_cannot_be_created(world: World) -> None:
    at = drafted(world)
    bounds = '{"type": "integer", "minimum": 5, "maximum": 1}'
    wrong = f'{{"type": "object", "properties": {{"n": {bounds}}}}}'

    schema_json(at).set_value(wrong).run()

    assert any("`n`" in m.value for m in at.markdown if ":red[" in m.value)
    assert next(b for b in at.button if b.label == "Create dataset").disabled


def test_a_waiting_job_shows_on_its_card_and_page(world: World) -> None:
    job_id = world.confirm("<b>Tick*ts*</b>")

    card, page = world.open("jobs"), world.open("job", id=job_id)

    assert not card.exception
    assert not page.exception
    assert "&lt;b&gt;Tick*ts*&lt;/b&gt;" in texts(page)
    assert "Queued" in texts(page)


def test_a_finished_job_offers_its_table_and_downloads(world: World) -> None:
    job_id = world.finish(records=6)

    at = world.open("job", id=job_id)

    assert not at.exception
    assert "Open table" in [b.label for b in at.button]
    assert "6 / 6" in texts(at)


def test_a_dataset_is_shown_as_a_table(world: World) -> None:
    job_id = world.finish(records=6)

    at = world.open("dataset", id=job_id)

    assert not at.exception
    assert len(at.dataframe[0].value) == 6
    assert "6 rows" in texts(at)


def test_of_a_large_dataset_the_first_rows_are_shown_while_its_table_is_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, build = threading.Event(), building.build

    def held(*rest: Any) -> None:
        assert may.wait(30)
        build(*rest)

    monkeypatch.setattr(beginning, "LARGE", 5)
    monkeypatch.setattr(building, "build", held)
    job_id = world.finish(records=6)
    at = world.open("dataset", id=job_id)
    may.set()
    assert not at.exception
    assert len(at.dataframe[0].value) == 6
    assert "These are the first rows" in texts(at)
    assert not at.text_input  # nothing to search with yet


def test_an_unfinished_dataset_points_to_its_progress(world: World) -> None:
    job_id = world.confirm()

    at = world.open("dataset", id=job_id)

    assert "isn't finished yet" in at.info[0].value


def away(*_: object) -> None:
    raise StoreError("The disk is gone.")


@pytest.mark.parametrize(("page", "told"), [
    ("jobs", "Your jobs can't be shown yet"), ("job", "This job can't be shown yet"),
    ("dataset", "The dataset can't be read yet"),
])
def test_a_page_that_can_not_be_shown_yet_says_so_and_tries_again(
    page: str, told: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.confirm()
    world.services.jobs._snapshots._last = None  # as in a web process that just started
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "hgetall", away)
        at = world.open(page, id=job_id)

    assert not at.exception
    assert at.info[0].value.startswith(f"{told}; this page tries again by itself.")
    at.run()
    assert not any(told in item.value for item in at.info)


def test_a_finished_job_shows_while_what_its_peers_did_can_not_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.finish(records=6)
    world.services.jobs._finals._kept._values.clear()  # nobody looked at it for long
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "hgetall", away)
        at = world.open("job", id=job_id)

    assert not at.exception
    assert [m.value for m in at.metric][:2] == ["6 / 6", "0"]
    said = [item.proto.body for item in at.get("html")]
    assert any("What each peer did can't be read yet" in html.unescape(body) for body in said)
    assert not at.dataframe
    at.run()
    assert at.dataframe  # the peers


def test_what_was_asked_for_can_be_missing_without_taking_the_page_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.finish(records=2)
    with monkeypatch.context() as patch:
        patch.setattr(type(world.services.jobs), "details", away)
        at = world.open("job", id=job_id)

    assert not at.exception
    assert [item.value.partition(";")[0] for item in at.info] == [
        "What was asked for can't be read yet"] * 2
    assert [m.value for m in at.metric][:2] == ["2 / 2", "0"]


@pytest.mark.parametrize(("local", "told"), [
    (True, "The store can't be read since"), (False, "The shared store can't be reached since"),
])
def test_a_store_that_goes_away_leaves_the_last_picture_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, *, local: bool, told: str
) -> None:
    world.confirm("Tickets")
    at = world.open("jobs")
    object.__setattr__(world.services.settings, "local", local)
    monkeypatch.setattr(LocalStore, "hgetall", away)
    world.services.jobs.invalidate()
    at.run()

    assert not at.exception
    assert any(item.value.startswith(told) for item in at.warning)
    assert "Tickets" in texts(at)


def test_the_number_of_failed_records_shows_only_where_it_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.finish(records=2)
    hidden = [metric.label for metric in world.open("jobs").metric]

    object.__setattr__(world.services.settings, "show_failures", True)
    shown = [metric.label for metric in world.open("jobs").metric]

    assert "Records failed" not in hidden
    assert "Records failed" in shown


@pytest.mark.parametrize("page", ["job", "dataset"])
@pytest.mark.parametrize("user", [BEN, User(name="ben", role="admin")])
def test_somebody_elses_job_does_not_exist(page: str, user: User, world: World) -> None:
    job_id = world.confirm("Secret plans")

    at = world.open(page, user=user, id=job_id)

    assert "There is no such" in at.info[0].value
    assert "Secret plans" not in texts(at)


@pytest.mark.parametrize("page", ["job", "dataset"])
@pytest.mark.parametrize("job_id", ["", "../../etc", "job_1_x", "<script>"])
def test_an_id_that_is_none_leads_back_to_the_jobs(page: str, job_id: str, world: World) -> None:
    at = world.open(page, id=job_id)

    assert not at.exception
    assert "There is no such" in at.info[0].value
