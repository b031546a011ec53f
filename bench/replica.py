"""One replica on a folder of its own: the real worker process, and jobs as people make them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.dataset import DESCRIPTION, INSTRUCTIONS, SCHEMA, TITLE
from bench.endpoint import OPENAI_PATH, Endpoint
from bench.processes import Usage, forget_peak, running, usage
from bench.whole import fault_in
from datagen import bootstrap, settings
from datagen.domain.requests import DraftRequest
from datagen.domain.users import User
from datagen.services.views import JobView

ADA = User(name="ada", role="user")
LOOK_EVERY = 0.2  # seconds
READY_WITHIN, STUCK_AFTER = 30.0, 3600.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Made:
    """What one job took of the worker."""

    job_id: str
    records: int
    seconds: float  # from the confirmation to the end of the job
    used: Usage  # of the worker's process in that time


class Replica:
    """The services of a web process, and a worker beside them."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.environment = {
            "DATAGEN_DATA_DIR": str(folder / "data"), "DATAGEN_MAX_RECORDS_PER_JOB": "1000000",
            **variables,
        }
        self.services = bootstrap.build(settings.load(self.environment, in_container=False))

    def confirm(self, records: int, seed: int = 1) -> str:
        """A person orders the dataset; the id of the job."""
        request = DraftRequest(title=TITLE, total_records=records, description=DESCRIPTION,
                               instructions=INSTRUCTIONS, parameters={"seed": seed})
        draft = self.services.drafts.given(ADA, request, SCHEMA)
        return self.services.jobs.confirm(ADA, self.services.drafts.sign(ADA, draft))

    def view(self, job_id: str) -> JobView:
        """The job as its page shows it now."""
        self.services.jobs.invalidate()
        return self.services.jobs.get(ADA, job_id)

    def until(self, what: Callable[[], bool], worker: subprocess.Popen[str],
              seconds: float = STUCK_AFTER) -> None:
        """Wait for something. Raises RuntimeError where the worker ends before, or is late."""
        end = time.monotonic() + seconds
        while not what():
            if worker.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the worker ended, or is stuck")
            time.sleep(LOOK_EVERY)

    def make(self, records: int, worker: subprocess.Popen[str], seed: int = 1) -> Made:
        """Have a job made from its confirmation to its end."""
        forget_peak(worker.pid)
        before, begun = usage(worker.pid), time.monotonic()
        job_id = self.confirm(records, seed)
        self.until(lambda: self.view(job_id).job.is_over, worker)
        return Made(job_id=job_id, records=records, seconds=time.monotonic() - begun,
                    used=usage(worker.pid).since(before))

    def faults(self, made: Made) -> str:
        """What is wrong with the dataset, all of it read and checked; "" when nothing is."""
        job = self.view(made.job_id).job
        if (job.total_ok, job.total_failed) != (made.records, 0):
            return f"{job.total_ok} good and {job.total_failed} failed of {made.records}"
        return fault_in(self.services.datasets.lines(ADA, made.job_id), made.records)

    def close(self) -> None:
        self.services.close()


@contextmanager
def replica(folder: Path, model: Endpoint, *, in_flight: int, path: str = OPENAI_PATH,
            **variables: str) -> Iterator[tuple[Replica, subprocess.Popen[str]]]:
    """A replica with its worker ready, until the block ends."""
    here = Replica(folder, {
        "DATAGEN_INFERENCE_BASE_URL": model.base_url, "DATAGEN_INFERENCE_PATH": path,
        "DATAGEN_MAX_IN_FLIGHT": str(in_flight), **variables,
    })
    log = folder / "worker.log"
    try:
        with running("worker.py", environment=here.environment, log=log) as worker:
            here.until(lambda: "is ready" in log.read_text(), worker, READY_WITHIN)
            yield here, worker
    finally:
        here.close()
