"""What people do, in a real browser, against real processes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from playwright.sync_api import Browser, Page, expect

import tests.browser.files as files
from tests.browser.journey import from_sign_in_to_a_csv, schema_json
from tests.browser.live import PATIENCE, Server, sign_in, start_job

pytestmark = pytest.mark.browser


def test_from_sign_in_to_a_csv_that_holds_what_the_schema_asks(
    page: Page, server: Server, newcomer: tuple[str, str], tmp_path: Path
) -> None:
    from_sign_in_to_a_csv(page, server, newcomer, tmp_path)


def test_a_dropped_or_chosen_sample_becomes_a_schema_without_a_description(
    page: Page, server: Server, tmp_path: Path
) -> None:
    sample, latin = tmp_path / "garden_birds.csv", tmp_path / "latin.csv"
    sample.write_text("species,count,seen_on\nwren,2,2026-01-05\nrobin,1,2026-02-07\n")
    latin.write_bytes("name\nJosé\n".encode("latin-1"))
    sign_in(page, server)
    page.get_by_role("link", name="New dataset").first.click()
    page.get_by_text("Start from a schema or a sample").click()
    box = page.get_by_label("Choose a file")
    expect(page.get_by_text("at most 500 KB")).to_be_visible()  # its script says so: it listens

    dropped = page.evaluate_handle(
        "() => { const files = new DataTransfer();"
        "  files.items.add(new File(['x'.repeat(500001)], 'large.csv')); return files; }")
    box.dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.get_by_text("large.csv is larger than 500 KB")).to_be_visible()
    box.set_input_files(latin)
    expect(page.get_by_text("latin.csv is not UTF-8 text")).to_be_visible()
    box.set_input_files(sample)

    fields = schema_json(page)["properties"]
    assert list(fields) == ["species", "count", "seen_on"]
    assert fields["seen_on"] == {"type": "string", "format": "date"}
    page.get_by_text("What you asked for").click()
    expect(page.get_by_label("Title")).to_have_value("Garden birds")
    expect(page.get_by_role("button", name="Create dataset")).to_be_enabled()


def test_a_running_job_is_cancelled_its_records_are_taken_and_it_is_deleted(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    start_job(page, server, newcomer, 800)
    expect(page.get_by_text(re.compile(r"^[1-9]\d\d / 800$"))).to_be_visible()

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()

    expect(page.get_by_test_id("stAlert").get_by_text(
        re.compile(r"Cancelled by .* after \d+ of 800 records"))).to_be_visible()
    records = json.loads(files.taken(page, "JSON").path().read_text())
    assert 100 <= len(records) < 800
    page.get_by_role("button", name="Open table").click()
    expect(page.get_by_text(f"{len(records)} rows").first).to_be_visible()
    address = page.url.replace("/dataset", "/job")
    page.get_by_role("button", name="Job", exact=True).click()

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()

    expect(page.get_by_text("You have no jobs yet")).to_be_visible()
    page.goto(address)
    expect(page.get_by_text("There is no such job among yours")).to_be_visible()
    job_id = address.split("id=")[1]
    assert page.request.get(f"{server.url}/api/tasks/{job_id}").status == 404


def test_a_wrong_password_says_so_and_keeps_the_name(page: Page, server: Server) -> None:
    sign_in(page, server, "admin", "not this one")

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("User name")).to_have_value("admin")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")


def test_signing_out_ends_the_session_and_back_shows_nothing(page: Page, server: Server) -> None:
    sign_in(page, server)
    page.get_by_role("link", name="New dataset").first.wait_for()

    page.get_by_role("button", name="admin").click()
    page.get_by_text("Sign out").click()

    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto(f"{server.url}/new")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_an_open_tab_whose_session_expires_ends_on_the_sign_in_page(
    page: Page, server: Server, data_dir: Path
) -> None:
    now = datetime.now(UTC)
    token = jwt.encode(
        {"username": "admin", "role": "admin", "iat": int(now.timestamp()),
         "exp": int((now + timedelta(seconds=8)).timestamp())},
        (data_dir / "session_secret").read_text(), algorithm="HS256")
    page.context.add_cookies([{"name": "datagen_session", "value": token, "url": server.url}])

    page.goto(server.url)
    page.get_by_role("link", name="New dataset").first.wait_for()

    expect(page.get_by_text("Your session ended")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_tab_that_was_offline_while_its_session_ended_ends_on_the_sign_in_page(
    page: Page, server: Server, browser: Browser
) -> None:
    sign_in(page, server)
    page.get_by_role("link", name="New dataset").first.wait_for()
    cookie = next(c for c in page.context.cookies() if c["name"] == "datagen_session")
    page.context.set_offline(True)
    elsewhere = browser.new_context()
    elsewhere.add_cookies([cookie])
    answer = elsewhere.request.post(f"{server.url}/api/auth/logout", data={})
    assert answer.ok
    elsewhere.close()

    page.context.set_offline(False)

    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_second_user_sees_none_of_it(page: Page, server: Server, browser: Browser) -> None:
    sign_in(page, server)
    page.get_by_role("link", name="New dataset").first.click()
    page.get_by_label("Title").fill("Private plans")
    page.get_by_label("What is one record?").fill("One plan")
    page.get_by_label("Instructions").fill("Vary the plans")
    page.get_by_role("button", name="Draft schema").click()
    page.get_by_role("button", name="Create dataset").click()
    page.get_by_role("button", name="Open table").wait_for()
    job_id = page.url.split("id=")[1]

    other = browser.new_context()
    try:
        theirs = other.new_page()
        theirs.set_default_timeout(PATIENCE)
        sign_in(theirs, server, "test_user", "testtest")
        expect(theirs.get_by_text("You have no jobs yet")).to_be_visible()
        for path in ("job", "dataset"):
            theirs.goto(f"{server.url}/{path}?id={job_id}")
            expect(theirs.get_by_text(re.compile("There is no such"))).to_be_visible()
            expect(theirs.get_by_text("Private plans")).to_have_count(0)
        for route in ("", "/export?format=csv"):
            answer = other.request.get(f"{server.url}/api/tasks/{job_id}{route}")
            assert answer.status == 404
        assert other.request.get(f"{server.url}/api/tasks").json() == {"jobs": []}
    finally:
        other.close()


def test_a_link_to_a_job_leads_through_sign_in_to_that_job(
    page: Page, server: Server, browser: Browser
) -> None:
    elsewhere = browser.new_context()
    try:
        call = elsewhere.request.post
        assert call(f"{server.url}/api/auth/login",
                    data={"username": "admin", "password": "admin"}).ok
        draft = call(f"{server.url}/api/tasks/schema", data={
            "title": "Linked <b>birds</b>", "totalRecords": 2, "description": "a bird",
            "instructions": "vary"}).json()
        job_id = call(f"{server.url}/api/tasks/confirm",
                      data={"draftToken": draft["draftToken"]}).json()["jobId"]
    finally:
        elsewhere.close()

    page.goto(f"{server.url}/job?id={job_id}")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill("admin")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_text("Linked <b>birds</b>").first).to_be_visible()
    assert page.url == f"{server.url}/job?id={job_id}"


def test_a_deep_link_leads_through_sign_in_to_its_page(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/new")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill("admin")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("button", name="Draft schema")).to_be_visible()
    assert page.url == f"{server.url}/new"
