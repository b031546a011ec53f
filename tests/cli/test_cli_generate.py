"""A dataset without a browser: from the file of words to the file of records."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from datagen import bootstrap, cli, settings
from datagen.model.sample import Faults

ROOT = Path(__file__).parents[2]


@contextmanager
def running_worker() -> Iterator[None]:
    """A worker of its own, as ``worker.py`` runs it."""
    ready, stops = threading.Event(), []

    async def work() -> None:
        with closing(bootstrap.build(settings.load())) as services:
            stop = asyncio.Event()
            stops.append((asyncio.get_running_loop(), stop))
            task = asyncio.create_task(services.generation.run(stop))
            while not Path("data/cache/local.starts").exists():
                await asyncio.sleep(0.01)
            ready.set()
            await task

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        loop, stop = stops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def starts(folder: Path) -> int:
    """The number of the last start of a worker on this store."""
    return int((folder / "data" / "cache" / "local.starts").read_text())


def test_a_job_ends_in_a_file_and_a_summary(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["generate", "loans.yaml", "--records", "5", "--output", "loans.csv"]) == 0
    told = capsys.readouterr()
    assert "5 of 5" in told.out
    assert "loans.csv" in told.out
    assert "5 of 5 records" in told.err
    rows = list(csv.DictReader((folder / "loans.csv").read_text().splitlines()))
    assert len(rows) == 5
    assert all(1 <= int(row["pages"]) <= 900 for row in rows)
    assert [path.name for path in folder.glob("*.csv*")] == ["loans.csv"]


def test_a_running_worker_does_the_work(folder: Path) -> None:
    with running_worker():
        before = starts(folder)
        assert cli.main(["generate", "loans.yaml", "--output", "loans.jsonl"]) == 0
    assert starts(folder) == before
    assert len((folder / "loans.jsonl").read_text().splitlines()) == 4


def test_without_a_schema_the_model_drafts_one(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    example = ROOT / "examples" / "spam_or_ham.yaml"
    assert cli.main(["generate", str(example), "--records", "3", "-o", "-", "--format",
                     "parquet"]) == 0
    told = capsysbinary.readouterr()
    table = parquet.read_table(io.BytesIO(told.out))
    assert table.num_rows == 3
    assert "label" in table.column_names
    assert b"3 of 3" in told.err  # nothing but the file goes to standard output


def test_json_tells_a_program_everything(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["generate", "loans.yaml", "--json", "-o", "x.json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["job"]["status"] == "succeeded"
    assert (told["file"], told["failures"]) == ("x.json", [])
    assert len(json.loads((folder / "x.json").read_text())) == 4


def test_failed_records_make_status_3_and_tell_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    sample_server: Any,
) -> None:
    address, _ = sample_server(faults=Faults(rate=1, kinds=("not_json",)))
    monkeypatch.setenv("DATAGEN_MOCK_INFERENCE_API", "0")
    monkeypatch.setenv("DATAGEN_INFERENCE_BASE_URL", address)
    monkeypatch.setenv("DATAGEN_INFERENCE_PATH", "/v1/chat/completions")
    assert cli.main(["generate", "loans.yaml", "-o", "x.csv"]) == 3
    told = capsys.readouterr().out
    assert "0 of 4" in told
    assert "4 x " in told
    assert not (folder / "x.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["loans.yaml", "-o", "x.doc"], "end it with .json"),
        (["loans.yaml", "-o", "none/x.csv"], "no folder none"),
        (["loans.yaml", "--json", "-o", "-"], "choose one"),
        (["loans.yaml", "--records", "500"], "loans.yaml:4:10: records: At most 200"),
        (["none.yaml"], "none.yaml can't be read"),
        (["loans.yaml", "--user", "nobody"], "no account named"),
        (["--resume", "job_1"], "no such job"),
        ([], "Name a YAML file"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_work_is_told_before_anything_is_made(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["generate", *arguments]) == 1
    assert says in capsys.readouterr().err
    assert cli.main(["jobs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_schema_that_cannot_work_is_told_at_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / "loans.yaml").read_text().replace("maximum: 900", "maximum: 0")
    (folder / "loans.yaml").write_text(text)
    assert cli.main(["generate", "loans.yaml"]) == 1
    assert "loans.yaml:10:12: pages: " in capsys.readouterr().err


def test_the_job_belongs_to_whom_it_was_made_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["accounts", "create", "ann"]) == 0
    assert cli.main(["generate", "loans.yaml", "--user", "Ann", "-o", "x.csv"]) == 0
    capsys.readouterr()
    assert cli.main(["jobs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert cli.main(["jobs", "--user", "ann", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["owner"] == "ann"
    assert cli.main(["accounts", "deactivate", "ann"]) == 0
    assert cli.main(["generate", "loans.yaml", "--user", "ann"]) == 1
    assert "deactivated" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_local_model_that_does_not_run_is_told_with_what_starts_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # never listens
        monkeypatch.setenv("DATAGEN_MOCK_INFERENCE_API", "0")
        monkeypatch.setenv("DATAGEN_MODEL_PORT", str(probe.getsockname()[1]))
        assert cli.main(["draft", str(ROOT / "examples" / "products.yaml")]) == 1
    assert "python -m datagen model` starts it" in capsys.readouterr().err


def test_draft_shows_the_schema_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["draft", str(ROOT / "examples" / "support_tickets.yaml")]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"]["priority"]["enum"] == ["low", "normal", "high", "urgent"]
    assert cli.main(["draft", str(ROOT / "examples" / "spam_or_ham.yaml"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "label" in told["schema"]["required"]
    assert cli.main(["jobs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
