"""Somebody who works on several replicas with one session, over the real HTTP API."""

from __future__ import annotations

import string
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import requests

from datagen.cli.sandbox import ADMIN_PASSWORD
from tests.cluster.numbers import SCHEMA

LETTERS = string.ascii_uppercase  # of the replicas, as the command names them
ENDS = frozenset({"succeeded", "failed"})


def wait_for(
    condition: Callable[[], Any], what: str | Callable[[], str], seconds: float = 60,
    every: float = 0.05,
) -> Any:
    """The first true value of ``condition``; an AssertionError says ``what`` did not come."""
    deadline, tick = time.monotonic() + seconds, threading.Event()
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not within {seconds:.0f} s: {what if isinstance(what, str) else what()}")
        tick.wait(every)
    return found


class Person:
    """Signs in once, and tries again where a replica says that this may help."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = urls
        self.session = requests.Session()
        self.session.trust_env = False
        self.post(0, "/api/auth/login", username="admin", password=ADMIN_PASSWORD)

    def post(self, replica: int, path: str, **body: Any) -> Any:
        return self._answer("POST", replica, path, json=body).json()

    def get(self, replica: int, path: str) -> requests.Response:
        return self._answer("GET", replica, path)

    def _answer(self, method: str, replica: int, path: str, **more: Any) -> requests.Response:
        heard = "nothing"

        def tried() -> requests.Response | None:
            nonlocal heard
            try:
                answer = self.session.request(method, self.urls[replica] + path, timeout=60, **more)
            except requests.RequestException as exc:
                heard = type(exc).__name__
                return None
            assert answer.status_code in {200, 202, 404, 502, 503}, answer.text
            heard = f"{answer.status_code} {answer.text[:200]}"
            return answer if answer.ok else None

        found: requests.Response = wait_for(tried, lambda: (
            f"an answer of {LETTERS[replica]} to {method} {path} (heard: {heard})"))
        return found

    def draft(self, replica: int, records: int, description: str = "A number.") -> str:
        """The token of a draft; the model knows the job by its description."""
        return str(self.post(
            replica, "/api/tasks/schema", title="Numbers", totalRecords=records,
            description=description, instructions="Fields: n")["draftToken"])

    def confirm(self, replica: int, token: str) -> str:
        """The id of the job that the draft becomes."""
        return str(self.post(replica, "/api/tasks/confirm", draftToken=token,
                             schema=SCHEMA)["jobId"])

    def job(self, replica: int, job_id: str) -> dict[str, Any]:
        """What a replica tells of the job, once it has heard of it."""
        return dict(self.get(replica, f"/api/tasks/{job_id}").json())

    def ended(
        self, job_id: str, seconds: float = 60, *, replicas: Sequence[int] | None = None,
        round_: int = 0,
    ) -> list[dict[str, Any]]:
        """What each of the replicas (default: all) says once that round is over for all of them."""
        asked = range(len(self.urls)) if replicas is None else replicas
        said: list[dict[str, Any]] = []

        def seen() -> bool:
            said[:] = [self.job(replica, job_id)["job"] for replica in asked]
            return all(job["status"] in ENDS and job.get("round", 0) >= round_ for job in said)

        def last() -> str:
            each = ", ".join(
                f"{LETTERS[replica]} {job['status']} {job['totalGenerated']}"
                f"/{job['totalRecords']}" + (f" round {job['round']}" if "round" in job else "")
                for replica, job in zip(asked, said, strict=True))
            return f"the end of {f'round {round_}' if round_ else 'the job'}; {each}"

        wait_for(seen, last, seconds, every=0.2)
        return said

    def exports(self, job_id: str, replicas: Sequence[int] | None = None) -> list[bytes]:
        """The JSON export of each of the replicas (default: all)."""
        return [self.get(replica, f"/api/tasks/{job_id}/export?format=json").content
                for replica in (range(len(self.urls)) if replicas is None else replicas)]
