"""cancel, retry, close and delete from the command line."""

from __future__ import annotations

import io
import json
import re
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from datagen import bootstrap, cli, settings
from datagen.cli import jobs, spec
from datagen.domain.folds import Case
from datagen.domain.users import User
from datagen.services.jobs import JobView
from tests.cli.test_cli_interrupt import started
from tests.engine.workbench import details_of, job_of

ADMIN = User(name="admin", role="admin")


class Terminal(io.StringIO):
    """A person's answers."""

    def isatty(self) -> bool:
        return True


def waiting_job() -> str:
    """A job that nobody works on."""
    asked = spec.load("loans.yaml")
    with closing(bootstrap.build(settings.load())) as services:
        draft = services.drafts.given(ADMIN, asked.request, asked.schema or {})
        return services.jobs.confirm(ADMIN, services.drafts.sign(ADMIN, draft))


def wait_for_a_record(job_id: str) -> None:
    deadline, tick = time.monotonic() + 20, threading.Event()
    with closing(bootstrap.build(settings.load())) as services:
        while not services.jobs.get(ADMIN, job_id).progress.done:
            assert time.monotonic() < deadline
            tick.wait(0.05)
            services.jobs.invalidate()


def listed(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert cli.main(["jobs"]) == 0
    return capsys.readouterr().out


def test_a_job_cancelled_while_generate_watches_ends_it_with_what_is_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with started(folder, "loans.yaml", "--records", "200", "-o", "x.jsonl",
                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        job_id = process.stderr.readline().split()[1].rstrip(":")
        wait_for_a_record(job_id)
        assert cli.main(["cancel", job_id]) == 0
        assert "keeps what was generated" in capsys.readouterr().out
        said = process.communicate(timeout=20)[0]
        assert process.returncode == 3
    assert "Cancelled by admin after" in said
    kept = len((folder / "x.jsonl").read_text().splitlines())
    assert f"{kept} of 200" in said
    assert 1 <= kept < 200
    assert "cancelled" in listed(capsys)
    assert cli.main(["cancel", job_id]) == 1
    assert "over" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_without_a_worker_a_request_waits_and_says_what_carries_it_out(
    capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = waiting_job()
    assert cli.main(["cancel", "latest"]) == 0
    assert "as soon as a worker runs" in capsys.readouterr().out
    assert "cancelling" in listed(capsys)
    assert cli.main(["generate", "--resume", job_id]) == 3
    told = capsys.readouterr()
    assert "being cancelled" in told.err
    assert "before the first record" in told.out
    assert "export" not in told.out


@pytest.mark.usefixtures("folder")
def test_a_cancelled_job_gets_what_it_lacks_in_another_round(
    capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = waiting_job()
    assert cli.main(["cancel", job_id]) == 0
    assert cli.main(["generate", "--resume", job_id]) == 3
    capsys.readouterr()

    assert cli.main(["retry", "latest"]) == 0

    assert "as soon as a worker runs" in capsys.readouterr().out
    assert cli.main(["show", "latest"]) == 0
    shown = capsys.readouterr().out
    assert "0 of 4 records, round 2" in shown
    assert re.search(r"^Round +2$", shown, re.MULTILINE)
    assert cli.main(["show", "latest", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["round"], told["asked"]["retry"]["by"]) == (1, "admin")
    assert cli.main(["generate", "--resume", job_id, "-o", "x.jsonl"]) == 0
    assert len(Path("x.jsonl").read_text().splitlines()) == 4
    assert cli.main(["retry", job_id]) == 1
    assert "nothing to retry" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_job_that_ends_by_itself_is_not_closed_by_hand(
    capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = waiting_job()
    assert cli.main(["close", job_id]) == 1
    assert "cancel it if it should end now" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_json_tells_whether_anybody_carries_it_out(capsys: pytest.CaptureFixture[str]) -> None:
    job_id = waiting_job()
    for what, arguments in (("cancel", []), ("delete", ["--yes"])):
        assert cli.main([what, job_id, "--json", *arguments]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "job": job_id, "asked": what, "worker": False}


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("YES\n", 0), ("\n", 1), ("n\n", 1)])
def test_deleting_names_the_job_and_asks_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    typed: str, code: int,
) -> None:
    waiting_job()
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert cli.main(["delete", "latest"]) == code
    assert "Loans" in capsys.readouterr().err
    assert ("Loans" in listed(capsys)) == (code == 1)


@pytest.mark.usefixtures("folder")
def test_where_nobody_can_be_asked_nothing_is_deleted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting_job()
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert cli.main(["delete", "latest"]) == 1
    assert "--yes" in capsys.readouterr().err
    assert "Loans" in listed(capsys)


@pytest.mark.parametrize("arguments", [["cancel"], ["retry"], ["close"], ["delete", "--yes"]])
@pytest.mark.usefixtures("folder")
def test_nobody_ends_the_job_of_another(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = waiting_job()
    cli.main(["accounts", "create", "eve"])
    capsys.readouterr()
    assert cli.main([*arguments, job_id, "--user", "eve"]) == 1
    assert "no such job among yours" in capsys.readouterr().err


def test_helpers_and_an_end_that_needs_a_hand_are_told() -> None:
    job = job_of(1, total=10)
    view = JobView(job=job, progress=Case(job=job).progress, helpers={"b": "a"}, round=1,
                   not_closed="Complete, not closed: 2 of 3 peers can't be reached.")
    facts = jobs._facts(view, details_of(job))
    assert ("Status", "not closed") in facts
    assert ("Round", "2") in facts
    assert ("Helping", "a helps b") in facts
    assert any("round 2" in text and "can't be reached" in text for _, text in facts)
