"""What people do, in a real browser, against real processes."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from jsonschema import Draft202012Validator
from live import PATIENCE, Server, draft_example, sign_in
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser

GRID_ROW = 33  # pixels


def json_box(page: Page) -> Locator:
    """The newest one: while the page redraws, the box it replaces is still there."""
    return page.get_by_label("JSON Schema").first


def schema_json(page: Page) -> dict[str, object]:
    expect(json_box(page)).to_have_value(re.compile(r"^{.*}$", re.DOTALL))
    return json.loads(json_box(page).input_value())


def test_from_sign_in_to_a_csv_that_holds_what_the_schema_asks(
    page: Page, server: Server, newcomer: tuple[str, str], tmp_path: Path
) -> None:
    sign_in(page, server, *newcomer)
    draft_example(page, "Support tickets")

    # the JSON changes the table, the table changes the JSON
    schema = schema_json(page)
    schema["properties"]["stars"] = {"type": "integer", "minimum": 1, "maximum": 5}
    schema["required"].append("stars")
    json_box(page).fill(json.dumps(schema))
    page.keyboard.press("Control+Enter")
    grid = page.get_by_test_id("stDataFrame")
    expect(grid.locator('[role="gridcell"]', has_text="stars")).to_be_attached()
    grid.hover()
    page.get_by_role("button", name="Add row").click()
    row = len(schema["properties"])  # the new one, below all others
    grid.click(position={"x": 80, "y": GRID_ROW * (row + 1.5)})
    page.keyboard.press("Enter")  # opens the cell
    page.locator("textarea.gdg-input").fill("mood")
    page.keyboard.press("Enter")
    expect(json_box(page)).to_have_value(re.compile('"mood"'))
    with_mood = schema_json(page)
    page.get_by_role("button", name="Undo").click()
    expect(json_box(page)).to_have_value(re.compile(r'^(?!.*"mood").*"stars"', re.DOTALL))
    assert "stars" in schema_json(page)["properties"]
    json_box(page).fill(json.dumps(with_mood))
    page.keyboard.press("Control+Enter")
    expect(grid.locator('[role="gridcell"]', has_text="mood")).to_be_attached()
    schema = schema_json(page)

    page.get_by_text("What you asked for").click()
    page.get_by_role("spinbutton", name="Number of records").fill("100")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Create dataset").click()
    page.get_by_role("tab", name="Progress").wait_for()
    expect(page.get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", re.compile(r"[1-9]\d?(\.\d+)?"))  # neither 0 nor 100: it moves
    page.get_by_role("button", name="Open table").wait_for()
    expect(page.get_by_text("is ready: 100 records")).to_be_visible()

    page.get_by_role("button", name="Open table").click()
    page.get_by_role("tab", name="Columns").wait_for()
    expect(page.get_by_text("100 rows").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == "Support tickets.csv"
    download.value.save_as(tmp_path / "tickets.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "tickets.csv").read_text())))

    with page.expect_download() as download:
        page.get_by_role("link", name="Download JSON").click()
    download.value.save_as(tmp_path / "tickets.json")
    records = json.loads((tmp_path / "tickets.json").read_text())
    assert len(rows) == len(records) == 100
    assert list(rows[0]) == list(schema["properties"])
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for record in records:
        validator.validate(record)


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
    sign_in(page, server, *newcomer)
    draft_example(page, "Support tickets")
    page.get_by_text("What you asked for").click()
    page.get_by_role("spinbutton", name="Number of records").fill("800")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Create dataset").click()
    page.get_by_role("tab", name="Progress").wait_for()
    expect(page.get_by_text(re.compile(r"^[1-9]\d\d / 800$"))).to_be_visible()

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the job").click()

    expect(page.get_by_test_id("stAlert").get_by_text(
        re.compile(r"Cancelled by .* after \d+ of 800 records"))).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download JSON").click()
    records = json.loads(download.value.path().read_text())
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


def test_a_deep_link_leads_through_sign_in_to_its_page(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/new")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill("admin")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("button", name="Draft schema")).to_be_visible()
    assert page.url == f"{server.url}/new"
