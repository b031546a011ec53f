"""People who are quicker than the server: no click of theirs is lost, and nothing they typed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocket, expect

import tests.browser.files as files
from tests.browser.live import Server, draft_example, sign_in, start_job, up, use_example
from tests.model_process import MODEL, model_process

pytestmark = pytest.mark.browser


def web_of(server: Server) -> int:
    """The id of its web process."""
    found = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True,
                           check=True).stdout
    rows = [line.split(None, 2) for line in found.splitlines()[1:]]
    family = {str(server.process.pid)}
    for _ in range(3):  # up, the supervisor, its programs
        family |= {pid for pid, parent, _ in rows if parent in family}
    [web] = [int(pid) for pid, _, args in rows if pid in family and "streamlit_app.py" in args]
    return web


@contextmanager
def held_up(server: Server) -> Iterator[None]:
    """The web process stands still, as under great load; what was clicked reaches it at once."""
    web = web_of(server)
    os.kill(web, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(web, signal.SIGCONT)


def test_a_button_does_its_work_though_something_else_is_clicked_at_once(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    sign_in(page, server, *newcomer)
    use_example(page, "Support tickets")
    _press_and_touch(page, server, "Draft schema")
    page.get_by_role("button", name="Create dataset").wait_for()
    page.get_by_text("What you asked for").click()
    expect(page.get_by_role("switch", name="Dataset mode")).to_be_checked()


def test_who_clicks_once_more_on_a_page_that_was_left_is_not_taken_back(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    sign_in(page, server, *newcomer)
    draft_example(page, "Support tickets")
    page.get_by_text("What you asked for").click()
    _press_and_touch(page, server, "Create dataset")
    page.get_by_role("button", name="Open table").wait_for()


def test_two_options_changed_at_once_both_change_the_file(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    sign_in(page, server, *newcomer)
    draft_example(page, "Support tickets")
    page.get_by_role("button", name="Create dataset").click()
    page.get_by_role("button", name="Open table").wait_for()
    link = files.link(page, "CSV")
    files.open_options(page)
    with held_up(server):
        page.get_by_text("Semicolon").click()
        page.get_by_text("Keep texts from running").click()
    expect(link).to_have_attribute("href", re.compile("safe=false.*delimiter=semicolon"))


def test_a_slow_draft_comes_though_the_form_is_changed_meanwhile(
    page: Page, tmp_path: Path
) -> None:
    with model_process("a key", latency=3) as model, up({
        "DATAGEN_MOCK_CSTORE": "1", "DATAGEN_INFERENCE_BASE_URL": model,
        "DATAGEN_INFERENCE_PATH": "/v1/chat/completions", "DATAGEN_INFERENCE_MODEL": MODEL,
        "DATAGEN_INFERENCE_API_KEY": "a key",
    }, tmp_path / "terminal.txt") as server:
        sign_in(page, server)
        use_example(page, "Support tickets")
        page.get_by_role("button", name="Draft schema").click()
        page.get_by_text("The model drafts a schema").wait_for()
        page.get_by_text("Dataset mode").click()
        page.get_by_label("Title").fill("Tickets of mine")
        page.keyboard.press("Tab")
        page.get_by_role("button", name="Create dataset").wait_for()
        page.get_by_text("What you asked for").click()
        expect(page.get_by_role("switch", name="Dataset mode")).to_be_checked()
        expect(page.get_by_label("Title")).to_have_value("Tickets of mine")


def test_a_job_that_ends_takes_neither_a_question_away_nor_what_was_typed(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    _run(page, server, newcomer, 300)
    page.get_by_role("button", name="Rename").click()
    title = page.get_by_role("dialog").get_by_label("Title")
    title.fill("Tickets of mine")
    expect(page.get_by_text("300 / 300")).to_be_visible()
    expect(title).to_have_value("Tickets of mine")
    page.get_by_role("button", name="Rename it").click()
    page.get_by_text("Tickets of mine is ready: 300 records").wait_for()
    page.get_by_role("button", name="Open table").wait_for()


def test_a_job_that_ends_takes_no_question_of_another_page_away(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    _run(page, server, newcomer, 120)
    tabs: list[WebSocket] = []
    page.on("websocket", lambda tab: tabs.append(tab))
    page.goto(f"{server.url}/account")
    page.get_by_role("button", name="Sign out everywhere").click()
    keep = page.get_by_role("button", name="Keep them")
    keep.wait_for()
    while page.request.get(f"{server.url}/api/tasks").json()["jobs"][0]["status"] == "running":
        tabs[-1].wait_for_event("framereceived")
    for _ in range(3):  # what the page says of itself, every 5 s
        tabs[-1].wait_for_event("framereceived")
    keep.click()
    page.get_by_text("is ready: 120 records").wait_for()


def test_the_download_box_stays_open_when_the_job_ends(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    _run(page, server, newcomer, 500)
    page.get_by_role("button", name="Download what is there").click()
    files.open_options(page)
    page.get_by_text("Semicolon").click()
    page.get_by_role("button", name="Open table").wait_for()
    link = page.get_by_role("link", name="Download CSV")
    expect(link).to_have_attribute("href", re.compile("safe=true&delimiter=semicolon"))
    expect(link).to_be_visible()


def _run(page: Page, server: Server, who: tuple[str, str], records: int) -> None:
    """A job that is under way, with some records."""
    start_job(page, server, who, records)
    page.get_by_role("button", name="Download what is there").wait_for()


def _press_and_touch(page: Page, server: Server, button: str) -> None:
    """Both before the server hears of the first."""
    mode = page.get_by_text("Dataset mode")
    mode.wait_for()
    with held_up(server):
        page.get_by_role("button", name=button).click()
        mode.click()


def test_what_is_being_written_outlives_a_reload_and_a_killed_server_and_no_sign_out(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    sign_in(page, server, *newcomer)
    draft_example(page, "Support tickets")
    page.reload()
    page.get_by_text("What you asked for").click()
    expect(page.get_by_label("Title")).to_have_value("Support tickets")
    page.get_by_label("Instructions").fill("Fields: subject, half a wo")  # not sent yet

    os.kill(web_of(server), signal.SIGKILL)
    expect(page.get_by_text("The connection to DataGen is lost.")).to_be_visible()
    form = page.get_by_text("What you asked for")
    expect(page.get_by_label("Instructions")).to_be_hidden()  # the page is drawn anew, folded
    expect(page.get_by_text("The connection to DataGen is lost.")).to_be_hidden()
    form.click()
    expect(page.get_by_label("Instructions")).to_have_value("Fields: subject, half a wo")
    expect(page.get_by_role("button", name="Create dataset")).to_be_visible()

    page.get_by_role("button", name=newcomer[0]).click()
    page.get_by_text("Sign out", exact=True).click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
