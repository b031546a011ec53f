"""A small measurement from end to end: real worker, real server, real bare loops."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.bare import CLIENTS
from bench.dataset import SCHEMA, index_of, record
from bench.endpoint import NODE_PATH, OPENAI_PATH, endpoint
from bench.processes import running
from bench.replica import replica
from bench.table import Figure, saved, told
from bench.whole import fault_in
from datagen.domain.exports import ResultLine
from datagen.domain.schema.check import problems


def test_the_schema_that_is_measured_is_one_that_people_may_use() -> None:
    assert problems(SCHEMA) == ()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_bare_loop_makes_every_record_once(client: str, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with endpoint(latency=0.01) as model, running(
        "-m", "bench.bare", client, model.base_url + OPENAI_PATH, "8", "40", str(out),
    ) as process:
        assert process.stdout
        used = json.loads(process.stdout.read())
        counts = model.counts()

    made = sorted(index_of(json.loads(line)["data"]) for line in out.read_text().splitlines())
    assert made == list(range(40))
    assert (counts["answered"], counts["peak"]) == (40, 8)
    assert used["peak"] > 10


@pytest.mark.parametrize("path", [OPENAI_PATH, NODE_PATH])
def test_the_worker_makes_a_whole_dataset_and_is_measured(path: str, tmp_path: Path) -> None:
    with endpoint(latency=0.01) as model, replica(
        tmp_path, model, in_flight=8, path=path,
    ) as (here, worker):
        made = here.make(40, worker)
        fault, counts = here.faults(made), model.counts()

    assert fault == ""
    assert (counts["records"], counts["repeated"]) == (40, 0)
    assert made.used.cpu > 0
    assert made.used.peak > 10


def line(index: int, **changes: object) -> ResultLine:
    return ResultLine(i=index, ok=True, data={**json.loads(record(index)), **changes})


@pytest.mark.parametrize(("lines", "fault"), [
    ([line(0), line(1), line(2)], ""),
    ([line(0), line(1)], "2 records of 3"),
    ([], "0 records of 3"),
    ([line(0), line(1), line(2), line(3)], "more records"),
    ([line(0), line(2), line(1)], "record 1 is not where"),
    ([line(0), line(0), line(2)], "record 1 is not where"),
    ([line(0), line(1, priority="none"), line(2)], "record 1 does not fit"),
    ([line(0), line(1), line(2, customer_email="nobody")], "record 2 does not fit"),
    ([line(0), ResultLine(i=1, ok=False, error="No."), line(2)], "record 1 does not fit"),
])
def test_a_dataset_is_whole_when_each_record_is_there_once_in_order_and_fits(
    lines: list[ResultLine], fault: str
) -> None:
    told = fault_in(lines, 3)
    assert fault in told
    assert bool(told) == bool(fault)


def test_a_target_that_is_missed_shows_in_the_table() -> None:
    rows = told([Figure(what="speed", value=0.5, least=0.9),
                 Figure(what="cost", value=0.5, unit="s", most=0.6)])

    assert rows[2:] == ["| speed | 0.500  | ≥ 0.9 ✗ |  |", "| cost | 0.500 s | ≤ 0.6 |  |"]


def test_a_saved_table_stands_before_the_older_ones() -> None:
    text = "# Title\n\n<!-- the newest first -->\n"

    text = saved(saved(text, "then", ["| a |"]), "now", ["| b |"])

    assert text.index("# Title") < text.index("### now\n\n| b |") < text.index("### then\n\n| a |")
