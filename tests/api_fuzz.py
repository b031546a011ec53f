"""Calls made of the API's description, right and wrong ones, against the whole app.

One seed makes one sequence of calls: ``python -m tests.api_fuzz --seconds 300 --seed 1``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote, urlencode

import httpx2
from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.testclient import TestClient

from datagen import bootstrap, settings
from datagen.adapters.memory import MemoryMailer
from datagen.api.routes import build_middleware, build_routes
from datagen.domain.api.description import OPERATIONS, Operation
from datagen.domain.api.examples import BODIES
from datagen.domain.api.scopes import audience, opens
from datagen.domain.requests import DraftRequest
from datagen.domain.users import User
from datagen.services.delays import Delays
from tests.api_description import described

PASSWORD = "a password of some length"
WHO = ("anonymous", "ada", "read", "run", "root")  # read and run: ada's tokens; root: an admin
ODD = (None, True, 0, -1, 1, 2**31, 2**63, 1e308, 0.5, "", " ", "x", "\x00", "ä\u202e𝔘", "\ud800",
       "a" * 5_000, "../../etc/passwd", "<script>", "=1+1", "%00", "null", [], {}, [[]], {"": None},
       "http://127.0.0.1:1/", "http://169.254.169.254/", "file:///etc/passwd", "read", "admin")
QUICK = 0.0  # seconds that the sample model takes


class PlainHasher:
    """Hashes nothing: thousands of sign-ins in seconds."""

    def __init__(self, *_: object) -> None:
        return

    def hash(self, password: str, *, purpose: str | None = None) -> dict[str, Any]:
        return {"algo": "plain", "hash": password, "salt": "", "version": 1, "params": {}}

    def verify(self, password: str, record: Any) -> bool:
        return record is not None and record["hash"] == password


@dataclass(kw_only=True)
class Call:
    """One request; ``body`` None = none is sent."""

    who: str
    method: str
    path: str  # with its query
    template: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    fits: bool | None = None  # whether the body is what is asked for; None = no JSON is sent


class Site:
    """The app on a store of its own, and somebody of each kind."""

    def __init__(self, services: bootstrap.Services) -> None:
        self.services = services
        for name in ("ada", "ben", "cleo"):
            services.accounts.create(name, PASSWORD)
        services.accounts.create("root", PASSWORD, role="admin")
        self.passwords = dict.fromkeys(("ada", "root"), PASSWORD)
        ada = User(name="ada", role="user")
        self.tokens = {"read": services.tokens.create(ada, "reads", "read").text,
                       "run": services.tokens.create(ada, "runs", "run").text}
        self.jobs = [self._finished(ada), self.confirmed(ada)]
        self.others = self.confirmed(User(name="ben", role="user"))
        self.profile, self.token_id, self.session_id, self.draft = "", "", "", ""
        for name in self.passwords:
            self.sign_in(name)

    def sign_in(self, name: str) -> None:
        self.tokens[name] = self.services.accounts.sign_in(name, self.passwords[name])[0]

    def _draft(self, user: User) -> str:
        drafts = self.services.drafts
        draft = asyncio.run(drafts.draft(user, DraftRequest(
            title="Tickets", total_records=2, description="A ticket", instructions="Vary.")))
        return drafts.sign(user, draft)

    def confirmed(self, user: User) -> str:
        return self.services.jobs.confirm(user, self._draft(user))

    def _finished(self, user: User) -> str:
        job_id, jobs = self.confirmed(user), self.services.jobs

        async def work() -> None:
            stop = asyncio.Event()
            task = asyncio.create_task(self.services.generation.run(stop))
            async with asyncio.timeout(30):
                while not jobs.get(user, job_id).job.is_over:
                    await asyncio.sleep(0.02)
                    jobs.invalidate()
            stop.set()
            await task

        asyncio.run(work())
        return job_id

    def learn(self, call: Call, answer: httpx2.Response) -> None:
        """What the next calls may name, and what this one ended."""
        said = answer.json() if answer.headers.get("content-type") == "application/json" else {}
        if call.template.startswith("/api/auth/") and answer.status_code in {200, 204}:
            if call.template == "/api/auth/password":
                self.passwords[call.who] = json.loads(call.body or b"{}")["newPassword"]
            if call.method != "GET" and call.who in self.passwords:
                self.sign_in(call.who)
        elif answer.status_code in {200, 201} and isinstance(said, dict):
            self.draft = said.get("draftToken", self.draft)
            self.jobs = ([*self.jobs[:5], said["jobId"]] if "jobId" in said else self.jobs)
            self.profile = next((one["id"] for one in said.get("profiles", ())), self.profile)
            self.token_id = said["id"] if "token" in said else self.token_id


class Maker:
    """Makes calls, each from what the description says it takes."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site, self._dice = site, random.Random(seed)

    def call(self) -> Call:
        dice = self._dice
        (method, template), one = dice.choice(list(OPERATIONS.items()))
        call = Call(who=dice.choice(WHO), method=method, template=template,
                    path=self._path(method, template) + self._query(one))
        if one.body is not None or dice.random() < (0.5 if method == "DELETE" else 0.1):
            self._send(call, one)
        if dice.random() < 0.05:
            call.headers["origin"] = dice.choice(["http://localhost:8501", "http://elsewhere",
                                                  "null"])
        return call

    def _path(self, method: str, template: str) -> str:
        site, dice = self._site, self._dice
        known = site.jobs if method != "DELETE" else site.jobs[1:]  # the first alone has a dataset
        job = dice.choice([*known, *known, site.others, "job_1_abc", "x", "%2e%2e",
                           quote("\u202e<b>"), "a" * 300])
        name = dice.choice(["cleo", "nobody", "x" * 300, quote("ä b")])
        return template.replace("{id}", job).replace("{username}", name)

    def _query(self, one: Operation) -> str:
        dice, said = self._dice, {}
        for name, shape in one.query.items():
            if dice.random() < 0.4:
                said[name] = self._value(name, shape) if dice.random() < 0.7 else dice.choice(ODD)
        if dice.random() < 0.05:
            said["unknown"] = dice.choice(ODD)
        if str(said.get("username")) in WHO:
            said["username"] = "cleo"
        query = urlencode({name: str(value).encode("utf-8", "replace").decode()
                           for name, value in said.items()})
        return f"?{query}" if query else ""

    def _send(self, call: Call, one: Operation) -> None:
        dice, shape = self._dice, one.body or {"type": "object"}
        call.headers["content-type"] = "application/json" if dice.random() < 0.95 else \
            dice.choice(["text/plain", "application/x-www-form-urlencoded", "", "json"])
        if dice.random() < 0.06:
            call.body = dice.choice([b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 20_000,
                                     b'{"a":NaN}', b'{"title":"\\ud800"}', b"x" * 1_100_000])
            return
        body = self._body(call, shape)
        call.body = json.dumps(body).encode()
        if one.body is not None and b"ud800" not in call.body:  # which no JSON may hold
            call.fits = Draft202012Validator(dict(one.body)).is_valid(body)

    def _body(self, call: Call, shape: Mapping[str, Any]) -> dict[str, Any]:
        dice = self._dice
        body = {} if dice.random() < 0.5 else dict(BODIES.get((call.method, call.template), {}))
        for name, inner in shape.get("properties", {}).items():
            if name in shape.get("required", ()) or dice.random() < 0.3:
                body[name] = self._value(name, inner)
        for _ in range(dice.choice([0, 0, 0, 1, 1, 3])):  # and what is wrong with it
            name = dice.choice([*shape.get("properties", ()), "id", "name", "x"])
            if dice.random() < 0.3:
                body.pop(name, None)
            else:
                body[name] = dice.choice(ODD)
        if call.template.startswith("/api/admin/") and str(body.get("username")) in WHO:
            body["username"] = "cleo"  # nobody here ends what the other calls need
        return body

    def _value(self, name: str, shape: Mapping[str, Any]) -> Any:
        """Something that fits, of what there is where that is named."""
        dice, site = self._dice, self._site
        known = {"draftToken": site.draft, "profileId": site.profile,
                 "username": dice.choice(["ada", "ada", f"guest{dice.randrange(999)}"]),
                 "previousDraftToken": site.draft, "password": PASSWORD,
                 "currentPassword": site.passwords["ada"], "newPassword": "another long password",
                 "baseUrl": "http://model.invalid", "inferenceBaseUrl": "http://model.invalid",
                 "email": f"x{dice.randrange(99)}@example.com", "id": site.token_id}
        if name in known and dice.random() < 0.8:
            return known[name]
        return self._any(shape)

    def _any(self, shape: Mapping[str, Any]) -> Any:
        dice = self._dice
        if "anyOf" in shape:
            return self._any(dice.choice(shape["anyOf"]))
        if "enum" in shape:
            return dice.choice(shape["enum"])
        match shape.get("type"):
            case "string":
                least, most = shape.get("minLength", 0), shape.get("maxLength", 40)
                size = dice.choice([least, max(least, 1), min(most, 12), min(most, 9_000)])
                return "".join(dice.choice("abc XYZ_-.09é<'") for _ in range(size))
            case "integer":
                low = shape.get("minimum", 0)
                return dice.choice([low, low + 1, min(shape.get("maximum", 200), low + 50)])
            case "boolean":
                return dice.random() < 0.5
            case _:
                return dice.choice([{}, {"temperature": 0.5}, {"type": "object", "properties": {
                    "a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}])


def check(call: Call, answer: httpx2.Response) -> None:
    """Raises AssertionError where the answer is not one that the description allows."""
    described(answer)
    status, one = answer.status_code, OPERATIONS[call.method, call.template]
    who = audience(call.method, call.template, is_open=one.is_open)
    assert status not in {500, 503}, "the store and the model are there"
    if status < 400:
        assert who == "everybody" or call.who != "anonymous", "a stranger was let in"
        assert who != "admin" or call.who == "root", "somebody is no admin"
        if call.who in {"read", "run"} and who != "everybody":
            assert opens(call.who, call.method, call.template), "a token opens too much"
        assert call.fits is not False, "a body was taken that does not fit its shape"
    if status == 400 and call.fits is False:
        said = answer.json()
        assert said.get("details") or said["error"].startswith("This draft"), "which field is it?"
    if status == 429:
        assert int(answer.headers["retry-after"]) > 0


@contextmanager
def opened(folder: Path, **others: str) -> Iterator[tuple[Site, TestClient]]:
    """The app with all that may be called, but neither hashing nor a mail server nor waits.

    ``others``: settings of it.
    """
    with ExitStack() as stack:
        for target, name, value in (
            (bootstrap, "Argon2Hasher", PlainHasher), (bootstrap, "SAMPLE_LATENCY", QUICK),
            (bootstrap, "SmtpMailer", lambda _: MemoryMailer()),
            (Delays, "begin", lambda *_: 0.0),
        ):
            stack.enter_context(mock.patch.object(target, name, value))
        services = bootstrap.build(settings.load({
            "DATAGEN_DATA_DIR": str(folder), "DATAGEN_MOCK_INFERENCE_API": "1",
            "DATAGEN_JOB_POLL_SECONDS": "0.1", **others}, in_container=False))
        stack.callback(services.close)
        app = Starlette(routes=build_routes(services, services.settings),
                        middleware=build_middleware(services, services.settings))
        client = stack.enter_context(TestClient(
            app, base_url="http://localhost:8501", follow_redirects=False,
            client=("127.0.0.1", 50000)))
        client.headers.pop("accept", None)
        yield Site(services), client


def fuzz(folder: Path, seed: int, *, seconds: float, most: int | None = None) -> Counter[str]:
    """Make calls until the time is up; answers by operation and status.

    Raises AssertionError with the call for the first answer that is wrong.
    """
    seen: Counter[str] = Counter()
    with opened(folder) as (site, client):
        maker, until = Maker(site, seed), time.monotonic() + seconds
        while time.monotonic() < until and (most is None or seen.total() < most):
            call = maker.call()
            headers = dict(call.headers)
            if call.who in site.tokens:
                headers["authorization"] = f"Bearer {site.tokens[call.who]}"
            client.cookies.clear()
            answer = client.request(call.method, call.path, content=call.body, headers=headers)
            seen[f"{call.method} {call.template} {answer.status_code}"] += 1
            try:
                check(call, answer)
            except AssertionError as exc:
                said = f"{answer.status_code} {answer.text[:500]}"
                raise AssertionError(
                    f"seed {seed}, call {seen.total()}: {call}\n{said}\n{exc}") from exc
            site.learn(call, answer)
    return seen


def main() -> None:
    """For as long as one likes."""
    asked = argparse.ArgumentParser(prog="python -m tests.api_fuzz")
    asked.add_argument("--seconds", type=float, default=300)
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        seen = fuzz(Path(folder), options.seed, seconds=options.seconds)
    for name, times in sorted(seen.items()):
        sys.stdout.write(f"{times:7,}  {name}\n")
    sys.stdout.write(f"{seen.total():,} answers, seed {options.seed}: each as described.\n")


if __name__ == "__main__":
    main()
