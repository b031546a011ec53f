"""A disk that fills up in mid-job: a small file system of its own, which takes root to mount."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from datagen.domain.chat import Message
from datagen.model.answers import Answer
from tests.test_worker_process import Numbers, Site, wait_for

TOTAL = 400


class Wide(Numbers):
    """Numbers in much white space: raw replies of failures fill a disk soon."""

    def answer(self, messages: Sequence[Message], schema: Mapping[str, Any] | None, *,
               max_tokens: int, temperature: float) -> Answer:
        said = super().answer(messages, schema, max_tokens=max_tokens, temperature=temperature)
        if json.loads(said.text)["n"] % 2:
            return said
        return Answer(json.dumps({"n": "x" * 7_000}), "stop", said.usage)  # kept, since it fails


@pytest.fixture(params=["the journal's disk", "the disk that holds everything"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, bool]]:
    """A file system of 1 MB, and whether the store lies on it too."""
    whole = request.param == "the disk that holds everything"
    folder = tmp_path / ("data" if whole else "small")
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", folder], check=True)
    yield folder, whole
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_a_full_disk_pauses_a_job_with_its_reason_and_room_lets_it_go_on(
    small: tuple[Path, bool], tmp_path: Path
) -> None:
    folder, whole = small
    site = Site(tmp_path)
    try:
        site.serve(Wide(), latency=0.01)
        job = site.hand_over(TOTAL)
        site.start(**({} if whole else {"DATAGEN_LOCAL_CACHE_DIR": str(folder)}))
        if whole:  # then nothing can be said of it on that disk, but in the log
            wait_for(lambda: "full" in site.log(0), "the reason", 120)
        else:
            wait_for(lambda: (state := site.state(job)) and "is full" in (state.trouble or ""),
                     "the reason", 120)
        assert not site.is_over(job)
        assert site.workers[0].poll() is None

        subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)

        wait_for(lambda: site.is_over(job), "the end of the job", 120)
        lines = site.lines(job)
        assert [line["i"] for line in lines] == list(range(TOTAL))
        assert all(line["data"] == {"n": line["i"]} for line in lines if line["ok"])
        assert sum(line["ok"] for line in lines) == TOTAL // 2
    finally:
        site.close()
