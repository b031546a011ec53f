"""Schemathesis with all its checks against the whole API, as each kind of caller.

It has an environment of its own, which ``make install`` makes. ``python -m tests.api_spec
--seconds 300`` shares the time among all callers.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from datagen.domain.api.description import openapi
from datagen.domain.users import User
from tests.api_fuzz import PASSWORD, Site, opened

PROGRAM = Path(__file__).parent.parent / ".venv" / "schemathesis" / "bin" / "schemathesis"
# read and run: ada's tokens; root: an admin.
WHO = ("stranger", "ada", "ben", "read", "run", "root")
# A call that is as described may still be wrong where no pattern can say what is right: the
# characters of a name, a token that somebody made up, two fields that have to agree.
_CONFIG = """
[[operations]]
include-operation-id = [
    "post_auth_register", "post_auth_register_resend", "post_auth_password", "delete_auth_sessions",
    "post_tasks_schema", "post_tasks_confirm", "post_user_settings", "post_user_models",
    "post_user_tokens"]
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 404, 409, 429, 502, 503]

[[operations]]
include-path-regex = "^/api/tasks/{id}/"
parameters."path.id" = { dictionary = "jobs", probability = 0.8 }
"""
# Ada and ben must not see what is the other's.
_SIGNED_IN = """
[auth.wfc]
path = "people.json"
user = "%s"
refresh_interval = 1
peers = ["ada", "ben"]
"""
_LIMITS = {f"DATAGEN_REGISTER_{name}": "100000"
           for name in ("RATE_MAX_PER_IP", "RATE_MAX_PER_EMAIL", "RESEND_MAX_PER_IP",
                        "RESEND_MAX_PER_EMAIL")}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to."""

    passed: bool
    cases: int  # calls made and judged
    said: str  # all it wrote


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Site, str]]:
    """The app on a free port of this machine, and where."""
    with opened(folder, **_LIMITS) as (site, client), \
            socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(client.app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield site, f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def judge(
    site: Site, origin: str, who: str, *, seconds: int, seed: int, more: Sequence[str] = ()
) -> Outcome:
    """Have ``who`` call everything for so long; ``more``: further options of Schemathesis."""
    jobs = site.jobs if who in {"ada", "read", "run"} else [
        site.confirmed(User(name=who, role="user")) for _ in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        files = {"openapi.json": json.dumps(openapi()), "people.json": json.dumps(_people(site)),
                 "schemathesis.toml":
                     f"dictionaries.jobs.values = {json.dumps([*jobs, site.others])}\n"
                 + (_SIGNED_IN % who if who != "stranger" else "") + _CONFIG}
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        # To others than admins, and to tokens, what they may not do is not even there.
        checks = [] if who == "root" else [
            "--exclude-checks", "unsupported_method,allow_header_conformance"]
        ran = subprocess.run(
            [PROGRAM, "run", "openapi.json", "--url", origin, "--checks", "all", *checks,
             "--max-time", str(seconds), "--seed", str(seed), "--continue-on-failure",
             "--suppress-health-check", "all", *more],
            cwd=folder, capture_output=True, text=True, timeout=seconds + 120, check=False)
    said = ran.stdout + ran.stderr
    cases = re.search(r"(\d+) generated", said)
    return Outcome(passed=ran.returncode == 0, said=said, cases=int(cases[1]) if cases else 0)


def _people(site: Site) -> dict[str, list[dict[str, object]]]:
    """How each gets in, as Web Fuzzing Commons writes it."""
    return {"auth": [
        *({"name": name, "loginEndpointAuth": {
            "endpoint": "/api/auth/login", "verb": "POST", "contentType": "application/json",
            "payloadRaw": json.dumps({"username": name, "password": PASSWORD}),
            "expectCookies": True}} for name in ("ada", "ben", "root")),
        *({"name": scope, "fixedHeaders": [
            {"name": "Authorization", "value": f"Bearer {site.tokens[scope]}"}]}
            for scope in ("read", "run")),
    ]}


def main() -> int:
    """Exit status: 0 if all held."""
    asked = argparse.ArgumentParser(prog="python -m tests.api_spec")
    asked.add_argument("--seconds", type=int, default=300)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--who", choices=WHO, action="append")
    options = asked.parse_args()
    logging.disable(logging.CRITICAL)
    callers, passed = options.who or WHO, True
    for who in callers:
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (site, origin):
            outcome = judge(site, origin, who, seconds=max(1, options.seconds // len(callers)),
                            seed=options.seed)
        passed = passed and outcome.passed
        sys.stdout.write(f"{who}: {outcome.cases:,} calls, seed {options.seed}: "
                         f"{'all checks held' if outcome.passed else outcome.said}\n")
        sys.stdout.flush()
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
