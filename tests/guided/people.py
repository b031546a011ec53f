"""What people and scripts send: requests, headers, addresses, titles."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import yarl
from starlette.datastructures import Headers
from starlette.requests import Request

from datagen.api import downloads, headers, inputs, profiles, tasks
from datagen.domain import (
    addresses,
    profile_requests,
    requests,
    signing_up,
)
from datagen.domain import downloads as names
from datagen.domain.chat import Endpoint
from datagen.domain.errors import InputError
from datagen.domain.jobs import JobDetails
from datagen.domain.schema import (
    problems,
    sanitise,
)
from datagen.protocol import details as kept_details
from datagen.protocol import fields
from datagen.protocol import settings as kept
from tests.addresses import FORBIDDEN_NUMBERS, MISSPELLED
from tests.guided.models import SCHEMAS, finished
from tests.guided.target import Target, target, text, texts, value, values

_AT = datetime(2026, 11, 22, tzinfo=UTC)
_OWN = Endpoint(base_url="http://127.0.0.1:1", path="/create_chat_completion", model=None,
                dialect="ratio1")


_INSIDE = (ip_network("10.1.0.0/16"),)


@target("address", "an address that is allowed leads where every program reads it to lead, and to "
        "no address that is not the world's",
        ["https://host.example:8000/v1", "http://8.8.8.8:8000", "http://[2606:4700::1]/", "http://10.1.2.3",
         *MISSPELLED[::6], *FORBIDDEN_NUMBERS[::6]])
def address(data: bytes) -> None:
    said = text(data)
    parts = addresses.spelled(said)
    if addresses.fault(said, _INSIDE) is None:
        assert parts is not None
        split, used = urlsplit(said), yarl.URL(said)
        if parts.address is None:
            assert split.hostname == used.host == parts.host.lower()
        else:  # some spell it anew
            assert ip_address(split.hostname) == ip_address(used.host) == parts.address
        assert (split.port or {"http": 80, "https": 443}[split.scheme]) == used.port == parts.port
        assert not split.username
        assert not split.query
        _leads_out(parts.host, known=parts.address is not None)
    for size in (4, 16):
        if len(data) >= size:
            number = ip_address(data[:size])
            assert not addresses.allowed(number) or _is_outside(number)


def _leads_out(host: str, *, known: bool) -> None:
    """A host that some program takes for a number is one to us, and the world's."""
    try:
        number = ip_address(host)
    except ValueError:
        try:
            socket.inet_aton(host)
        except OSError:
            return
        raise AssertionError("a number to some") from None
    assert known
    assert number in _INSIDE[0] or _is_outside(number)


def _is_outside(number: Any) -> bool:
    inner = [getattr(number, name, None) for name in ("ipv4_mapped", "sixtofour", "teredo")]
    return (number.is_global and not number.is_multicast and not number.is_reserved
            and not any(inner))


_TRUSTED = (ip_network("127.0.0.0/8"), ip_network("fe80::/10"))


@target("headers", "any headers are read; who a request is from is an address or unknown, and "
        "where one goes next is on this site",
        [["Bearer x", "datagen_session=x", "http://h", "h:1", "1.2.3.4, 127.0.0.1", "/job?id=1"],
         ["", "", "null", "[::1]:8501", "fe80::1%x, ::1, 127.0.0.1", "//x"]])
def request_headers(data: bytes) -> None:
    said = texts(data, 6)
    raw = [(name, one.encode("latin-1", "replace")) for name, one in zip(
        (b"authorization", b"cookie", b"origin", b"host", b"x-forwarded-for", b"x-forwarded-proto"),
        said, strict=True)]
    found = Headers(raw=raw)
    headers.token_of(found)
    headers.origin_problem(found)
    scope = {"type": "http", "scheme": "http", "client": ("127.0.0.1", 1), "headers": raw}
    headers.loses_cookie(scope, _TRUSTED)
    client = headers.client_address(scope, _TRUSTED)
    assert client == "unknown" or ip_address(client)
    assert client.isprintable()
    assert len(client) <= 45
    if headers.same_origin(found):
        assert urlsplit(said[2]).netloc
    there = headers.safe_next(said[5])
    assert there.startswith("/")
    assert not there.startswith(("//", "/\\"))
    assert there.isascii()
    assert there.isprintable()
    assert not urlsplit(there).netloc


@target("query", "a query is a wish we know, a number in its bounds, or InputError",
        [{"format": "csv", "delimiter": "tab", "limit": "5"}, {"limit": "9" * 5_000},
         {"format": "x", "limit": "-1"}, {"limit": "٣"}])
def query(data: bytes) -> None:
    found = value(data)
    said = {str(k): v for k, v in found.items() if isinstance(v, str)} \
        if isinstance(found, dict) else {"limit": text(data)}
    with suppress(InputError):
        wish = downloads.read_wish(said)
        assert wish.form in names.FORMS
        assert wish.delimiter in {",", ";", "\t"}
    with suppress(InputError):
        assert 1 <= inputs.whole_in(said, "limit", 50, least=1, most=1_000) <= 1_000


_BODY = {
    "title": "t", "totalRecords": 5, "description": "d", "instructions": "i", "datasetMode": True,
    "useExternalApi": False, "inferenceBaseUrl": "https://h.example", "inferencePath": "/v1",
    "inferenceModel": "m", "inferenceParams": {"top_p": 0.5, "stop": ["x"], "seed": 1},
    "schema": SCHEMAS["ticket"]}


def _body(data: bytes) -> Any:
    """The JSON object a request carries, as the API reads it; None where it is refused."""
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    try:
        return finished(inputs.read_json(Request(scope, receive)))
    except InputError:
        return None


@target("request", "what the API takes as a job reads again from its file, the same; all else is "
        "InputError", [_BODY, {**_BODY, "inferenceBaseUrl": None, "inferencePath": None}])
def request(data: bytes) -> None:
    body = _body(data)
    if body is None:
        return
    try:
        asked = requests.check(tasks._asked(body), max_records=1_000)
        inference = requests.inference_for(asked, _OWN)
        schema = sanitise(body.get("schema"))
    except InputError as exc:
        assert str(exc)
        return
    if problems(schema):
        return
    details = JobDetails(
        id="job_1", owner="ada", description=asked.description, instructions=asked.instructions,
        schema=schema, inference=inference, dataset_mode=asked.dataset_mode, created_at=_AT,
        schema_generated_at=_AT, schema_duration_ms=1, schema_refreshes=0)
    said = fields.dumps(kept_details.details_record(details))
    found = kept_details.load_details(said)
    assert fields.dumps(kept_details.details_record(found)) == said
    assert (found.description, found.instructions, found.inference) == (
        details.description, details.instructions, replace(inference))


_PROFILE = {"name": "n", "baseUrl": "https://h.example", "path": "/v1/chat/completions",
            "model": "m", "apiKey": "k", "dialect": "openai", "parameters": {"top_p": 0.5},
            "requestsPerMinute": 5, "maxInFlight": 2, "polled": False}


@target("profile", "what the API takes as a model profile reads again from the store, the same; "
        "all else is InputError", [_PROFILE, {"profile": _PROFILE}])
def profile(data: bytes) -> None:
    body = _body(data)
    if body is None:
        return
    try:
        found = profile_requests.check(profiles._asked(body), default_path="/v1/chat/completions")
    except InputError as exc:
        assert str(exc)
        return
    record = {"owner": "ada", "profiles": [{
        "id": found.id or "p", "name": found.name, "baseUrl": found.base_url, "path": found.path,
        "model": found.model, "parameters": dict(found.parameters)}]}
    read = kept.load_kept("ada", fields.dumps(record)).all
    assert len(read) == 1
    assert read[0].base_url == found.base_url
    assert dict(read[0].parameters) == dict(found.parameters)


@target("sign-up", "an address that is taken for a mail is one, in one header line",
        [["Ada", "ada@example.com", "AT"], ["x", "a@b\r\nBcc: c@d.e", "y"]])
def sign_up(data: bytes) -> None:
    try:
        found = signing_up.check(*values(data, 3))
    except InputError:
        return
    assert found.email.isascii()
    assert found.email.isprintable()
    assert found.email.count("@") == 1
    mail = Message()
    mail["To"] = found.email
    assert mail.as_string().count("\n") == 2


@target("file-name", "the name of a download is one plain header, and no path", [
    ["Ünï/cödé", "csv"], ["..", "json"], ['a"; filename="b.exe', "zip"], ["\r\nX: y", "csv"]])
def file_name(data: bytes) -> None:
    title, mark = texts(data, 2)
    said = names.attachment_name(title, "csv", mark="" if mark == "" else "-partial")
    assert said.isascii()
    assert said.isprintable()
    header = Message()
    header["Content-Disposition"] = said
    for name in (header.get_filename(), said.split('"')[1]):
        assert name
        assert name.endswith(".csv")
        assert not name.startswith(".")
        assert not set(name) & set('\\/:*?"<>|\r\n\0')


TARGETS: tuple[Target, ...] = (
    address, request_headers, query, request, profile, sign_up, file_name)
