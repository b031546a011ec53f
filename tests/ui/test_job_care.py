"""Finding a job among many, renaming it, making the same again."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from datagen.ui import job_filter
from tests.ui.replica import ADA, BEN, World
from tests.ui.test_job_actions import asked, click
from tests.ui.test_pages import texts

TITLES = ("Support tickets", "Shop reviews", "Support chats", "Patients", "Cafés")


def many(world: World) -> None:
    for title in TITLES:
        world.confirm(title, records=2)
    world.services.jobs.invalidate()


def links(at: AppTest) -> list[str]:
    return [link.label.strip("*").replace("\\", "") for link in at.get("page_link")]


def test_a_few_jobs_need_no_search(world: World) -> None:
    for title in TITLES[: job_filter.FEW]:
        world.confirm(title)
    world.services.jobs.invalidate()
    at = world.open()
    assert len(links(at)) == job_filter.FEW
    assert not at.text_input


def test_many_are_searched_filtered_and_put_in_order(world: World) -> None:
    many(world)
    at = world.open()
    assert not at.exception
    assert links(at) == list(reversed(TITLES))

    at.text_input(key="jobs_search").set_value("support").run()
    assert links(at) == ["Support chats", "Support tickets"]
    assert "2 of 5 jobs" in texts(at)

    at.selectbox(key="jobs_order").set_value("title").run()
    assert links(at) == ["Support chats", "Support tickets"]
    at.selectbox(key="jobs_order").set_value("oldest").run()
    assert links(at) == ["Support tickets", "Support chats"]


def test_where_nothing_matches_there_is_a_way_back(world: World) -> None:
    many(world)
    at = world.open()
    at.text_input(key="jobs_search").set_value("zebras").run()
    assert links(at) == []
    assert "No job of yours matches" in texts(at)

    click(at, "Show all jobs")

    assert len(links(at)) == len(TITLES)
    assert at.text_input(key="jobs_search").value == ""


def test_a_job_is_renamed_and_files_and_list_follow(world: World) -> None:
    job_id = world.confirm("Tickets")
    at = click(world.open("job", id=job_id), "Rename")
    assert at.text_input[0].value == "Tickets"

    at = asked("ask_for_title", job_id)
    at.text_input[0].set_value("<b>Chats</b>")
    click(at, "Rename it")

    assert not at.exception
    assert world.services.jobs.known(ADA, job_id).job.title == "<b>Chats</b>"
    assert "&lt;b&gt;Chats" in texts(world.open("job", id=job_id))


def test_a_title_that_is_none_is_refused_where_it_was_typed(world: World) -> None:
    job_id = world.confirm("Tickets")
    at = asked("ask_for_title", job_id)
    at.text_input[0].set_value("  ")
    click(at, "Rename it")
    assert "Enter a title" in texts(at)
    assert world.services.jobs.known(ADA, job_id).job.title == "Tickets"


def test_the_same_again_opens_the_new_page_with_all_that_was_asked(world: World) -> None:
    job_id = world.finish("Tickets", records=7)

    at = world.open("new", like=job_id)

    assert not at.exception
    assert at.text_input(key="form_title").value == "Tickets"
    assert at.text_area(key="form_instructions").value == "Vary them."
    assert at.number_input(key="form_records").value == 7
    assert "like" not in at.query_params
    at.number_input(key="form_records").set_value(3)
    click(at, "Create dataset")
    first, second = world.services.jobs.list(ADA)
    assert (first.job.total_records, second.job.id) == (3, job_id)
    jobs = world.services.jobs
    assert jobs.details(ADA, first.job.id).schema == jobs.details(ADA, job_id).schema


def test_the_job_of_another_is_nothing_to_start_from(world: World) -> None:
    job_id = world.confirm("Secret plans", user=BEN)
    at = world.open("new", like=job_id)
    assert not at.exception
    assert at.text_input(key="form_title").value == ""
    assert "not among yours" in texts(at)
