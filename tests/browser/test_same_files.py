"""One example and one seed give one file, whoever asks: a person, a script, a terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import APIRequestContext, Page, expect

import tests.browser.files as files
from datagen.domain.examples import EXAMPLES, Example
from tests.browser.live import OURS, ROOT, Server, sign_in, use_example

pytestmark = pytest.mark.browser

SEED = 7
FORMS = ("json", "csv")
AS_THE_PAGE_DOES = "failed=skip&safe=true"  # options of its download links
SPECS = ("support_tickets.yaml", "products.yaml", "spam_or_ham.yaml")  # in the examples' order


@pytest.mark.parametrize(("example", "spec"), [
    pytest.param(example, spec, id=spec,
                 marks=() if spec == "products.yaml" else pytest.mark.deep)  # 10 s each
    for example, spec in zip(EXAMPLES, SPECS, strict=True)
])
def test_page_api_and_command_line_give_equal_files_for_equal_seeds(
    page: Page, server: Server, newcomer: tuple[str, str], tmp_path: Path,
    example: Example, spec: str,
) -> None:
    sign_in(page, server, *newcomer)

    by_page = from_page(page, example, tmp_path)
    with ThreadPoolExecutor() as pool:
        command = pool.submit(from_command, server, newcomer[0], spec, tmp_path)
        by_api = from_api(page.request, server, example)
        by_command = command.result()

    assert len(json.loads(by_page["json"])) == example.records
    assert len(list(csv.DictReader(io.StringIO(by_page["csv"].decode())))) == example.records
    assert by_api == by_page
    assert by_command == by_page


def from_page(page: Page, example: Example, folder: Path) -> dict[str, bytes]:
    """What a person downloads who fills in the seed and presses the buttons."""
    use_example(page, example.title)
    page.get_by_role("spinbutton", name="Seed").fill(str(SEED))
    page.get_by_role("button", name="Draft schema").click()
    page.get_by_role("button", name="Create dataset").click()
    page.get_by_role("button", name="Open table").click()
    page.get_by_role("tab", name="Columns").wait_for()
    taken = {}
    for form in FORMS:
        with page.expect_download() as download:
            link = files.link(page, form.upper())
            expect(link).to_have_attribute("href", re.compile(f"{form}&{AS_THE_PAGE_DOES}$"))
            link.click()
        download.value.save_as(folder / f"page.{form}")
        taken[form] = (folder / f"page.{form}").read_bytes()
    return taken


def from_api(http: APIRequestContext, server: Server, example: Example) -> dict[str, bytes]:
    """What a script gets that knows the API and the example's words."""
    def call(path: str, body: Any = None) -> Any:
        answer = http.fetch(f"{server.url}/api/tasks{path}", method="POST" if body else "GET",
                            data=body)
        assert answer.ok, answer.text()
        return answer

    drafted = call("/schema", {
        "title": example.title, "description": example.description,
        "instructions": example.instructions, "totalRecords": example.records,
        "datasetMode": example.dataset_mode, "inferenceParams": {"seed": SEED},
    }).json()
    job_id = call("/confirm", {"draftToken": drafted["draftToken"]}).json()["jobId"]
    pause, deadline = threading.Event(), time.monotonic() + 60
    while call(f"/{job_id}").json()["job"]["status"] != "succeeded":
        assert time.monotonic() < deadline
        pause.wait(0.1)
    return {form: call(f"/{job_id}/export?format={form}&{AS_THE_PAGE_DOES}").body()
            for form in FORMS}


def from_command(server: Server, user: str, spec: str, folder: Path) -> dict[str, bytes]:
    """What somebody gets who has the example's file and a terminal."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(OURS)} | {
        "DATAGEN_MOCK_CSTORE": "1", "DATAGEN_MOCK_INFERENCE_API": "1",
        "DATAGEN_APP_PORT": server.url.rsplit(":", 1)[1],
    }

    def run(*words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "datagen", *words, "--user", user, "--safe", "--json"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    files = {form: folder / f"command.{form}" for form in FORMS}
    job = run("generate", f"examples/{spec}", "--seed", str(SEED),
              "--output", str(files["json"]))["job"]
    run("export", job["id"], "--output", str(files["csv"]))
    return {form: file.read_bytes() for form, file in files.items()}
