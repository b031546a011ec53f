"""jobs, show and export; and the same job over HTTP."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import closing
from pathlib import Path

import pytest
from pyarrow import parquet
from starlette.applications import Starlette
from starlette.testclient import TestClient

from datagen import bootstrap, cli, settings
from datagen.api.routes import build_middleware, build_routes
from datagen.cli import spec

pytestmark = pytest.mark.usefixtures("made")


def test_jobs_are_listed_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["jobs", "--json"]) == 0
    [job] = json.loads(capsys.readouterr().out)
    assert (job["title"], job["status"], job["totalOk"]) == ("Loans", "succeeded", 4)
    assert cli.main(["jobs"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["JOB", "STATUS"]
    assert row.split()[:3] == [job["id"], "succeeded", "4/4"]


def test_show_tells_what_was_asked_and_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "latest"]) == 0
    shown = capsys.readouterr().out
    assert "4 of 4 records" in shown
    assert "One loan of a book." in shown
    assert '"maximum": 900' in shown
    assert cli.main(["show", "latest", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"job", "peers", "details"}
    assert told["details"]["inference"]["parameters"] == {"seed": 7}


def test_every_form_holds_the_same_records(
    made: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    contents = {}
    for form in ("json", "jsonl", "csv", "parquet"):
        assert cli.main(["export", "latest", "-o", "-", "--format", form]) == 0
        contents[form] = capsysbinary.readouterr().out
        assert cli.main(["export", "latest", "-o", f"same.{form}"]) == 0
        assert (made / f"same.{form}").read_bytes() == contents[form]
    records = json.loads(contents["json"])
    assert len(records) == 4
    assert [json.loads(line) for line in contents["jsonl"].splitlines()] == records
    assert parquet.read_table(io.BytesIO(contents["parquet"])).to_pylist() == records
    rows = list(csv.DictReader(io.StringIO(contents["csv"].decode())))
    assert [row["pages"] for row in rows] == [str(record["pages"]) for record in records]
    assert json.loads((made / "loans.json").read_bytes()) == records


def test_an_export_to_a_file_tells_a_program_what_it_wrote(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", "latest", "-o", "told.csv", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == (made / "told.csv").stat().st_size
    assert (told["records"], told["failed"], told["format"]) == (4, 0, "csv")


def test_a_device_is_written_to_never_replaced() -> None:
    assert cli.main(["export", "latest", "-o", "/dev/null", "--format", "csv"]) == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("command", ["show", "export"])
@pytest.mark.parametrize("whose", [["--user", "eve"], []])
def test_nobody_sees_the_jobs_of_another(
    command: str, whose: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["accounts", "create", "eve"])
    assert cli.main(["jobs", "--json"]) == 0
    job_id = re.search(r"job_\w+", capsys.readouterr().out)
    assert job_id is not None
    name = job_id.group() if whose else "job_1_000000"
    assert cli.main([command, name, *whose]) == 1
    assert "no such job among yours" in capsys.readouterr().err


def test_the_api_makes_the_same_file_for_the_same_seed(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = spec.load("loans.yaml")
    cli.main(["accounts", "reset", "admin", "--json"])
    password = json.loads(capsys.readouterr().out)["password"]
    with closing(bootstrap.build(settings.load())) as services:
        app = Starlette(routes=build_routes(services, services.settings),
                        middleware=build_middleware(services, services.settings))
        browser = TestClient(app, base_url="http://localhost:8501")
        browser.post("/api/auth/login", json={"username": "admin", "password": password})
        drafted = browser.post("/api/tasks/schema", json={
            "title": "Loans over HTTP", "description": asked.request.description,
            "instructions": asked.request.instructions, "totalRecords": 4,
            "inferenceParams": {"seed": 7},
        }).json()
        job_id = browser.post("/api/tasks/confirm", json={
            "draftToken": drafted["draftToken"], "schema": asked.schema,
        }).json()["jobId"]
        assert cli.main(["generate", "--resume", job_id, "-o", "http.csv"]) == 0
        services.jobs.invalidate()
        taken = browser.get(f"/api/tasks/{job_id}/export?format=json").content
    assert taken == (made / "loans.json").read_bytes()
