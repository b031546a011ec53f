"""The main thing people do: from sign-in to a CSV that holds what the schema asks."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from playwright.sync_api import Locator, Page, expect

import tests.browser.files as files
from tests.browser.live import Server, draft_example, sign_in

GRID_ROW = 33  # pixels


def json_box(page: Page) -> Locator:
    """The newest one: while the page redraws, the box it replaces is still there."""
    return page.get_by_label("JSON Schema").first


def schema_json(page: Page) -> dict[str, Any]:
    expect(json_box(page)).to_have_value(re.compile(r"^{.*}$", re.DOTALL))
    return json.loads(json_box(page).input_value())


def from_sign_in_to_a_csv(
    page: Page, server: Server, account: tuple[str, str], folder: Path,
    mid_job: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """The records that somebody got who had no job yet; ``mid_job`` happens while they are made."""
    sign_in(page, server, *account)
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
    number = page.get_by_role("spinbutton", name="Number of records")
    number.fill("1000001")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Create dataset").click()
    expect(page.get_by_text("records are allowed per job").first).to_be_visible()
    number.fill("100")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Create dataset").click()
    page.get_by_role("tab", name="Progress").wait_for()
    expect(page.get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", re.compile(r"[1-9]\d?(\.\d+)?"))  # neither 0 nor 100: it moves
    mid_job()
    page.get_by_role("button", name="Open table").wait_for()
    expect(page.get_by_text("is ready: 100 records")).to_be_visible()

    page.get_by_role("button", name="Open table").click()
    page.get_by_role("tab", name="Columns").wait_for()
    expect(page.get_by_text("100 rows").first).to_be_visible()
    download = files.taken(page, "CSV")
    assert download.suggested_filename == "Support tickets.csv"
    download.save_as(folder / "tickets.csv")
    rows = list(csv.DictReader(io.StringIO((folder / "tickets.csv").read_text())))

    files.taken(page, "JSON").save_as(folder / "tickets.json")
    records = json.loads((folder / "tickets.json").read_text())
    assert len(rows) == len(records) == 100
    assert list(rows[0]) == list(schema["properties"])
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for record in records:
        validator.validate(record)
    return records
