"""How far a job is, on a terminal and in a log."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from datagen.cli.progress import Progress
from datagen.cli.terminal import clean, columns
from datagen.domain.folds import Progress as Done
from datagen.domain.jobs import Job, PeerState, Share, Status
from datagen.services.jobs import JobView

AT = datetime(2026, 1, 1, tzinfo=UTC)


def view(done: int, *, failed: int = 0, status: Status = "running", trouble: str | None = None,
         **said: Any) -> JobView:
    job = Job(id="job_1", owner="ada", title="T", status=status, total_records=20,
              peers=("local",), details_cid="", created_at=AT, schema_generated_at=AT,
              updated_at=AT)
    state = PeerState(peer_id="local", share=Share(start=0, end=20), trouble=trouble)
    progress = Done(status=status, ok=done - failed, failed=failed, total=20, started_at=AT,
                    finished_at=None, in_flight=())
    return JobView(job=job, progress=progress, states={"local": state}, **said)


def shown(*views: JobView, live: bool, every: float = 1.0, width: int = 80) -> str:
    stream = io.StringIO()
    progress = Progress(stream, live=live, columns=width)
    for number, one in enumerate(views):
        progress.show(one, 100 + number * every)
    return stream.getvalue()


def test_a_log_gets_a_line_when_something_changed_but_not_every_moment() -> None:
    views = [view(0, status="queued"), view(1), view(2), view(2), view(20, status="succeeded")]
    assert shown(*views, live=False).splitlines() == [
        "0 of 20 records, waiting for its turn", "20 of 20 records"]
    assert len(shown(*views, live=False, every=6).splitlines()) == 4


def test_a_terminal_has_one_line_that_moves_and_never_wraps() -> None:
    text = shown(view(10, failed=2, rate=2.0, eta=5.0), live=True)
    assert text == ("\r\x1b[2K[###########-----------] 10 of 20 records, 2 failed, "
                    "2.0 per second, 5.0 s left")
    wide = view(10, trouble="The model server is away. " * 9)
    assert len(shown(wide, live=True, width=60).removeprefix("\r\x1b[2K")) == 59


@pytest.mark.parametrize("live", [True, False])
def test_what_a_server_says_never_steers_the_terminal(live: bool) -> None:
    text = shown(view(3, trouble="\x1b]0;gotcha\x07\rAll done\x9b2J"), live=live)
    assert "\x1b]" not in text
    assert "\x9b" not in text
    assert text.count("\r") == live
    assert clean("a\tb\nc\u202e") == "a\tb\nc?"


def test_columns_are_aligned_and_texts_stay_on_their_line() -> None:
    assert columns([("a", "bb", "c\nd"), ("aaa", "b", "")]) == "a    bb  c d\naaa  b"
