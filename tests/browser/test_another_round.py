"""A job some of whose records fail, and what its owner does about it, in a real browser."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import tests.browser.files as files
from datagen.domain.chat import Message
from datagen.model.answers import Answer, Usage
from datagen.model.server import create_app, run_in_thread
from tests.browser.live import Server, sign_in, up

pytestmark = pytest.mark.browser

RECORDS = 30


class Moody:
    """Numbers its records, every third of them only once it is well."""

    well = False

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.goes_on.set()

    def answer(self, messages: Sequence[Message], schema: Mapping[str, Any] | None, *,
               max_tokens: int, temperature: float) -> Answer:
        asked = re.search(r"Record (\d+) of", messages[-1].content)
        if asked is None:
            fields = [{"name": "n", "type": "integer", "description": "a number"}]
            return Answer(json.dumps({"fields": fields}), "stop", Usage(1, 1))
        self.goes_on.wait(60)
        number = int(asked[1])
        text = json.dumps({"n": number}) if self.well or number % 3 else "I would rather not."
        return Answer(text, "stop", Usage(1, 1))


@pytest.fixture
def model() -> Iterator[tuple[Moody, str]]:
    engine = Moody()
    url, stop = run_in_thread(create_app(engine, latency=0.3))
    yield engine, url
    engine.goes_on.set()
    stop()


@pytest.fixture
def moody(model: tuple[Moody, str], tmp_path: Path) -> Iterator[Server]:
    with up({"DATAGEN_MOCK_CSTORE": "1", "DATAGEN_INFERENCE_BASE_URL": model[1],
             "DATAGEN_INFERENCE_PATH": "/v1/chat/completions"}, tmp_path / "log") as running:
        yield running


def numbers(page: Page) -> list[int]:
    """What the dataset holds that can be downloaded now."""
    return [record["n"] for record in json.loads(files.taken(page, "JSON").path().read_text())]


def test_failed_records_are_made_again_while_the_dataset_stays(
    page: Page, moody: Server, model: tuple[Moody, str]
) -> None:
    sign_in(page, moody)
    page.get_by_role("link", name="New dataset").first.click()
    page.get_by_label("Title").fill("Numbers")
    page.get_by_label("What is one record?").fill("One number")
    page.get_by_label("Instructions").fill("Fields: n")
    page.get_by_role("spinbutton", name="Number of records").fill(str(RECORDS))
    page.get_by_role("button", name="Draft schema").click()
    page.get_by_role("button", name="Create dataset").click()
    again = page.get_by_role("button", name="Retry 10 failed records")
    again.wait_for()
    good = [n for n in range(1, RECORDS + 1) if n % 3]
    assert numbers(page) == good

    again.click()
    model[0].well = True
    model[0].goes_on.clear()
    page.get_by_role("button", name="Generate them").click()

    expect(page.get_by_text("Round 2: making 10 records again")).to_be_visible()
    assert numbers(page) == good
    model[0].goes_on.set()
    expect(page.get_by_text(f"is ready: {RECORDS} records")).to_be_visible()
    expect(again).to_have_count(0)
    assert numbers(page) == list(range(1, RECORDS + 1))
