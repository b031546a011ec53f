"""Pages that draw what a stranger wrote: no exception, and none of it becomes markup."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from streamlit.testing.v1 import AppTest

from datagen.protocol import keys
from tests.hostile.test_board_keys import JOB, STATE, wicked_jobs, wicked_states
from tests.hostile.wicked import (
    ANSI,
    BIDI,
    FORMULA,
    IMAGE,
    MARKDOWN,
    NAMES,
    SCRIPT,
    TEXTS,
    changed,
)
from tests.ui.replica import ADA, World

AS_HTML = re.compile(r"<script>alert|<img src=x")
AS_MARKDOWN = re.compile(
    r"(?<!\\)(?:<script>alert|<img src=x|\]\(javascript|:red\[x|!\[i|\*\*b)")
DRAWN = ("title", "markdown", "caption", "info", "warning", "error", "success")


def assert_harmless(at: AppTest) -> None:
    """No exception, and nothing of a stranger's is Markdown or HTML to the browser."""
    assert not at.exception
    for element in at.get("html"):
        assert not AS_HTML.search(element.proto.body), element.proto.body[:300]
    markdown = [str(element.value) for kind in DRAWN for element in at.get(kind)]
    markdown += [box.label for box in at.expander]
    markdown += [element.proto.label for element in at.get("page_link")]
    for text in markdown:
        assert not AS_MARKDOWN.search(text), text[:300]


def plant(world: World, hkey: str, field: str, text: str) -> None:
    with suppress(UnicodeEncodeError):  # no store on a disk could hold it
        world.services.jobs._board._store.hset(hkey, field, text)


def states(*words: str) -> Iterator[str]:
    """Words of a peer that hold these texts wherever a text may be."""
    for word in words:
        yield json.dumps({
            **STATE, "finishedAt": None, "trouble": word, "inc": 0, "coerced": {word: 2**52},
            "errors": [{"index": 2**52, "message": word}], "calls": 2**53 - 1,
            "inFlight": [{"index": 2**52, "attempt": 2**53 - 1,
                          "startedAt": "2999-12-31T23:59:59.999Z"}],
            "tokens": {"prompt": 2**53 - 1, "completion": 2**53 - 1},
            "startedAt": "1970-01-01T00:00:00.000Z", "lastUpdateAt": "2999-12-31T23:59:59.999Z",
        })


WORDS = [SCRIPT, IMAGE, MARKDOWN, FORMULA, ANSI, BIDI, "\x00", "`code` ``", "x" * 20_000]


@pytest.fixture
def wild(world: World) -> World:
    """Ada's jobs as a stranger would have them."""
    for name, text in wicked_jobs():
        plant(world, keys.JOBS, name, text.replace('"ann"', '"ada"'))
    for number, word in enumerate(WORDS):
        for status in ("running", "failed", "succeeded"):
            name = f"job_5_{number}_{status}"
            plant(world, keys.JOBS, name, json.dumps({
                **JOB, "id": name, "owner": "ada", "title": word[:1_000], "status": status,
                "error": word, "totalRecords": 10_000_000, "totalOk": 2**53 - 1,
                "createdAt": "2999-12-31T23:59:59.999Z", "jobStartedAt": "2999-01-01T00:00:00Z",
                "jobFinishedAt": "1970-01-01T00:00:00Z"}))
            (said,) = states(word)
            plant(world, keys.job_peers(name), "local", said)
    world.services.jobs.invalidate()
    return world


def test_the_list_of_jobs(wild: World) -> None:
    at = wild.open("jobs")
    assert_harmless(at)
    assert len(wild.services.jobs.list(ADA)) > 100
    last = -(-len(wild.services.jobs.list(ADA)) // 10)
    for page in (2, last // 2, last):
        at.session_state["jobs_page"] = page
        assert_harmless(at.run())


def test_the_page_of_each_kind_of_job(wild: World) -> None:
    found = [view.job.id for view in wild.services.jobs.list(ADA)]
    ours = [job_id for job_id in found if job_id.startswith("job_5_")]
    assert len(ours) >= 2 * len(WORDS)
    for job_id in ours[::3] + [job_id for job_id in found if job_id not in ours][::60]:
        assert_harmless(wild.open("job", id=job_id))


def test_a_job_whose_peers_hash_is_full_of_strangers(world: World) -> None:
    plant(world, keys.JOBS, "job_1_good", json.dumps({**JOB, "owner": "ada"}))
    for name, text in wicked_states():
        plant(world, keys.job_peers("job_1_good"), name, text)
    at = world.open("job", id="job_1_good")
    assert_harmless(at)
    assert len(at.dataframe) == 1  # the job's own peers; nobody else's failures or troubles
    assert not any("alert" in warning.value for warning in at.warning)


def test_an_address_that_names_no_job(world: World) -> None:
    for name in [name for name in NAMES if len(name) < 1_000 and name.isascii()][::3]:
        at = world.open("job", id=name)
        assert_harmless(at)
        assert any("no such job" in info.value for info in at.info)


def test_what_a_job_was_asked_may_say_anything(world: World) -> None:
    for number, word in enumerate(WORDS):
        name = f"job_6_{number}"
        content = json.dumps({
            "id": name, "owner": "ada", "description": word, "instructions": word,
            "schema": {"type": "object", "properties": {word[:50]: {"description": word}}},
            "inference": {"baseUrl": word[:900], "path": word[:900], "model": word[:900],
                          "parameters": {word: word}},
            "createdAt": "2026-01-01T00:00:00.000Z"})
        cid = world.services.jobs._files.add(io.BytesIO(content.encode()), "details.json")
        plant(world, keys.JOBS, name,
              json.dumps({**JOB, "id": name, "owner": "ada", "jobDetailsCid": cid}))
    world.services.jobs.invalidate()
    for number in range(len(WORDS)):
        at = world.open("job", id=f"job_6_{number}")
        assert_harmless(at)
        assert not at.error


def test_a_dataset_of_any_texts(world: World) -> None:
    job_id = world.finish(records=6)
    job = world.services.jobs.get(ADA, job_id).job
    lines = [changed({"i": i, "ok": True}, "data", json.dumps({word: word, "name": word}))
             for i, word in enumerate(TEXTS[:4])]
    lines += [json.dumps({"i": i, "ok": False, "error": word, "raw": word * 3})
              for i, word in ((4, SCRIPT), (5, MARKDOWN))]
    cid = world.services.jobs._files.add(io.BytesIO("\n".join(lines).encode()), "x.jsonl")
    board = world.services.jobs._board
    state = json.loads(board._store.hgetall(keys.job_peers(job_id))["local"])
    plant(world, keys.job_peers(job_id), "local", json.dumps({**state, "resultCid": cid}))
    plant(world, keys.JOBS, job_id, json.dumps({
        **json.loads(board._store.hgetall(keys.JOBS)[job_id]), "totalOk": 4, "totalFailed": 2,
        "title": MARKDOWN}))
    world.services.jobs._finals._kept._values.clear()
    world.services.jobs.invalidate()
    assert job.id == job_id
    for page in ("job", "dataset"):
        at = world.open(page, id=job_id)
        assert_harmless(at)
        assert not at.error
