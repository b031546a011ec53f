"""A dataset of a million records: files, pages and merging, beside what polars takes for it.

Each figure comes from a process of its own, which ``python -m bench.exports FOLDER WHAT`` is;
ours and that of polars take turns, and of each the better of two counts.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from bench.dataset import DESCRIPTION, INSTRUCTIONS, SCHEMA, TITLE, record
from bench.processes import ROOT, clean_environment
from bench.table import Figure

RECORDS = 1_000_000
PEERS = ("first", "second", "third")
TIMES, MEMORY = 2.0, 300.0  # of polars' seconds; MB
FIRST_BYTE, FIRST_PAGE = 0.1, 0.5  # seconds
_ROUNDS = 2
_JOB = "job_1000000000000_000000"


def measure() -> Iterator[Figure]:
    """The dataset is made once, by the code that ends a job of three peers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = _in_a_process(folder, "make")
        yield Figure(what="merging three peers' files into 1 M ordered records",
                     value=made["seconds"], unit="s", note=f"{made['peak']:.0f} MB at most")
        for form in ("csv", "parquet"):
            yield from _beside_polars(folder, form)
        for form in ("json", "jsonl"):
            said = _in_a_process(folder, form)
            yield Figure(what=f"1 M records to {form}: seconds", value=said["seconds"], unit="s",
                         note=f"{said['peak']:.0f} MB at most")
            yield Figure(what=f"1 M records to {form}: first byte", value=said["first"] * 1000,
                         unit="ms", most=FIRST_BYTE * 1000)
        pages = _in_a_process(folder, "pages")
        for what, most in (("first page, nothing prepared", FIRST_PAGE), ("page 9,000", FIRST_PAGE),
                           ("page sorted by a number", None), ("page of a search", FIRST_PAGE)):
            yield Figure(what=f"1 M records: {what}", value=pages[what] * 1000, unit="ms",
                         most=most and most * 1000)
        yield Figure(what="1 M records: table and pages, most memory", value=pages["peak"],
                     unit="MB")


def _beside_polars(folder: Path, form: str) -> Iterator[Figure]:
    ours, polars = [], []
    for _ in range(_ROUNDS):
        polars.append(_in_a_process(folder, f"polars-{form}"))
        ours.append(_in_a_process(folder, form))
    best, other = (min(one["seconds"] for one in found) for found in (ours, polars))
    peak, first = max(one["peak"] for one in ours), min(one["first"] for one in ours)
    yield Figure(what=f"1 M records to {form}: times polars' own streaming", value=best / other,
                 most=TIMES, note=f"{best:.1f} s beside {other:.1f} s, nothing prepared")
    yield Figure(what=f"1 M records to {form}: most memory", value=peak, unit="MB", most=MEMORY)
    yield Figure(what=f"1 M records to {form}: first byte", value=first * 1000, unit="ms",
                 most=FIRST_BYTE * 1000)


def _in_a_process(folder: Path, what: str) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603 - this module
        [sys.executable, "-m", "bench.exports", str(folder), what], cwd=ROOT, check=True,
        env=clean_environment({"DATAGEN_DATA_DIR": str(folder / "data"),
                               "DATAGEN_LOCAL_CACHE_DIR": str(folder / "cache"),
                               "DATAGEN_MAX_RECORDS_PER_JOB": str(RECORDS)}),
        stdout=subprocess.PIPE)
    return {**json.loads(done.stdout)}


# ------------------------------------------------------------- in that process


def main(folder: Path, what: str) -> None:
    """Prints what it took as JSON."""
    acts: dict[str, Callable[[Path], dict[str, float]]] = {
        "make": _make, "pages": _pages, "polars-csv": _polars_csv,
        "polars-parquet": _polars_parquet}
    said = acts[what](folder) if what in acts else _export(folder, what)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({**said, "peak": peak}))


def _make(folder: Path) -> dict[str, float]:
    """Three peers' parts, the second one's in the way of the third; then the job's end."""
    from dataclasses import replace

    from datagen.adapters.clock import SystemClock
    from datagen.adapters.local import LocalFiles, LocalStore
    from datagen.domain.folds import Case, ended
    from datagen.domain.jobs import Inference, Job, JobDetails, Part, PeerState, shares
    from datagen.engine.sealing import make_edition
    from datagen.engine.shelf import Shelf
    from datagen.protocol.board import Board
    from datagen.protocol.details import details_record

    now, data = datetime.now(UTC), folder / "data"
    for part in (data, folder / "cache"):
        part.mkdir(mode=0o700)
    files, clock = LocalFiles(data / "files"), SystemClock()
    details = JobDetails(
        id=_JOB, owner="ada", description=DESCRIPTION, instructions=INSTRUCTIONS, schema=SCHEMA,
        inference=Inference(base_url="http://127.0.0.1:9", path="/"), dataset_mode=False,
        created_at=now, schema_generated_at=now, schema_duration_ms=1, schema_refreshes=0)
    content = json.dumps(details_record(details)).encode()
    job = Job(id=_JOB, owner="ada", title=TITLE, status="running", total_records=RECORDS,
              peers=PEERS, details_cid=files.add(io.BytesIO(content), "details.json"),
              created_at=now, schema_generated_at=now, updated_at=now, creator=PEERS[0], inc=1)
    states = {}
    for peer, share in shares(RECORDS, PEERS).items():
        start = share.start - (1_000 if peer == PEERS[2] else 0)  # it helped another
        cid = files.add(cast("BinaryIO", _Lines(start, share.end)), f"{peer}.jsonl")
        states[peer] = PeerState(
            peer_id=peer, share=share, generated_ok=len(share), finished_at=now, inc=1,
            owner="ada", parts=(Part(start=start, end=share.end, cid=cid, ok=share.end - start,
                                     failed=0),))
    started = time.perf_counter()
    edition = make_edition(Case(job=job, states=states), Shelf(files, clock), files,
                           by=PEERS[0], clock=clock, cache=folder / "cache")
    seconds = time.perf_counter() - started
    store = LocalStore(data / "store.sqlite3")
    Board(store).publish(ended(replace(job, peers=("local",)), edition))
    store.close()
    return {"seconds": seconds}


class _Lines(io.RawIOBase):
    """Result lines as a stream that nobody holds whole."""

    def __init__(self, start: int, end: int) -> None:
        self._made = (f'{{"i":{i},"ok":true,"data":{_compact(i)}}}\n'.encode()
                      for i in range(start, end))
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        parts, had = [self._rest], len(self._rest)
        while had < size and (line := next(self._made, b"")):
            parts.append(line)
            had += len(line)
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]


def _compact(index: int) -> str:
    """As the worker writes it."""
    return record(index).replace('": ', '":').replace(', "', ',"')


def _services() -> Any:
    from datagen import settings
    from datagen.bootstrap import build

    return build(settings.load())


def _export(folder: Path, what: str) -> dict[str, float]:
    from datagen.domain.downloads import Form, Wish
    from datagen.domain.users import User
    from datagen.services.beginning import load

    form = cast("Form", what)
    for table in (folder / "cache").glob("datasets/*"):
        table.unlink()
    services, user = _services(), User(name="ada", role="user")
    services.jobs.list(user)
    load()  # as the web process does once it listens
    started = time.perf_counter()
    export = services.datasets.export(user, _JOB, Wish(form=form, safe=True, skip_failed=True))
    chunks = iter(export.chunks)
    with (folder / f"ours.{form}").open("wb") as out:
        out.write(next(chunks))
        first = time.perf_counter() - started
        out.writelines(chunks)
    seconds = time.perf_counter() - started
    return {"first": first, "seconds": seconds}


def _pages(folder: Path) -> dict[str, float]:
    from datagen.domain.users import User
    from datagen.services.beginning import load

    for table in (folder / "cache").glob("datasets/*"):
        table.unlink()
    services, user = _services(), User(name="ada", role="user")
    services.jobs.list(user)
    load()  # as the web process does once it listens
    wishes: dict[str, dict[str, Any]] = {
        "first page, nothing prepared": {}, "page 9,000": {"offset": 9_000 * 100, "limit": 100},
        "page sorted by a number": {"sort": "minutes_spent"},
        "page of a search": {"search": "0999999"}}
    said = {}
    for name, wish in wishes.items():
        started = time.perf_counter()
        services.datasets.page(user, _JOB, **wish)
        said[name] = time.perf_counter() - started
        if not wish:
            services.datasets.profile(user, _JOB)  # what else the page shows
    return said


def _scanned(folder: Path) -> Any:
    import polars as pl

    largest = max((folder / "data" / "files").iterdir(), key=lambda file: file.stat().st_size)
    return pl.scan_ndjson(largest).select(pl.col("data")).unnest("data")


def _polars_csv(folder: Path) -> dict[str, float]:
    import polars as pl

    started = time.perf_counter()
    _scanned(folder).with_columns(pl.col("tags").list.join("|")).sink_csv(folder / "polars.csv")
    return {"seconds": time.perf_counter() - started}


def _polars_parquet(folder: Path) -> dict[str, float]:
    started = time.perf_counter()
    _scanned(folder).sink_parquet(folder / "polars.parquet")
    return {"seconds": time.perf_counter() - started}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
