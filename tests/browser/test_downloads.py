"""The download box: every form, opened as people open it; what a running job has so far."""

from __future__ import annotations

import io
import json
import re
import zipfile

import openpyxl
import pandas as pd
from playwright.sync_api import Page, expect
from pyarrow import parquet

import tests.browser.files as files
from tests.browser.live import Server, start_job


def test_a_dataset_is_taken_in_every_form(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    start_job(page, server, newcomer, 12)
    page.get_by_role("button", name="Open table").wait_for()

    records = json.loads(files.taken(page, "JSON").path().read_text())
    lines = files.taken(page, "JSON Lines").path().read_text().splitlines()
    frame = pd.read_csv(files.taken(page, "CSV").path())
    table = parquet.read_table(files.taken(page, "Parquet").path())
    workbook = io.BytesIO(files.taken(page, "Excel").path().read_bytes())
    sheet = openpyxl.load_workbook(workbook)["Data"]
    bundle = files.taken(page, "bundle")

    assert [json.loads(one) for one in lines] == records
    assert len(records) == len(frame) == table.num_rows == sheet.max_row - 1 == 12
    head = [cell.value for cell in sheet[1]]
    assert list(records[0]) == list(frame.columns) == table.column_names == head
    assert bundle.suggested_filename == "Support tickets.zip"
    with zipfile.ZipFile(bundle.path()) as archive:
        assert {"README.md", "data.parquet", "SHA256SUMS"} <= set(archive.namelist())
    rows = page.get_by_text(re.compile(r"^12 rows · about [\d.]+ kB as JSON Lines$"))
    expect(rows).to_be_visible()


def test_options_of_the_box_change_the_file(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    start_job(page, server, newcomer, 3)
    page.get_by_role("button", name="Open table").wait_for()
    link = files.link(page, "CSV")
    expect(page.get_by_text("CSV gets an apostrophe")).to_be_visible()
    files.open_options(page)
    page.get_by_text("Semicolon").click()
    page.get_by_text("Keep texts from running").click()
    expect(link).to_have_attribute("href", re.compile("safe=false.*delimiter=semicolon"))
    expect(page.get_by_text("CSV gets an apostrophe")).to_be_hidden()
    assert ";" in files.taken(page, "CSV").path().read_text().splitlines()[0]


def test_of_a_running_job_there_is_a_file_that_says_so(
    page: Page, server: Server, newcomer: tuple[str, str]
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    start_job(page, server, newcomer, 800)
    page.get_by_role("button", name="Download what is there").click()
    expect(page.get_by_text(re.compile(r"of 800 records so far"))).to_be_visible()
    download = files.taken(page, "CSV")
    assert download.suggested_filename == "Support tickets-partial.csv"
    assert 0 < len(pd.read_csv(download.path())) < 800
