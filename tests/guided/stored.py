"""What lies in the shared store, in journals and in files: neighbours and accidents write there."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from datagen.adapters import foreign
from datagen.domain.jobs import Share
from datagen.engine import journal
from datagen.protocol import (
    audit,
    board,
    codec,
    details,
    fields,
    lines,
    people,
    revoked,
    seal,
    settings,
    tokens,
    usage,
    words,
)
from datagen.services import account_records, waiting
from tests.guided.target import Target, target, text, texts, value

_AT = "2026-11-22T07:20:59.915Z"
_ID, _CID, _SHA = "job_1795332059915_e062d0", "7f06ce509171b208f6a99fb3c94a2618", "ab" * 32
_EDITION = {"round": 1, "by": "peer1", "forced": True, "status": "succeeded", "ok": 5, "failed": 0,
            "manifestCid": _CID, "sha256": _SHA, "startedAt": _AT, "finishedAt": _AT,
            "error": "e", "cancelledAt": _AT, "cancelledBy": "ada"}
_ASKED = {"at": _AT, "by": "ada", "round": 1}
_JOB = {
    "id": _ID, "owner": "ada", "title": "t", "status": "running", "totalRecords": 5,
    "datasetMode": True, "peers": ["peer1", "peer2"], "totalGenerated": 5, "totalOk": 4,
    "totalFailed": 1, "jobDetailsCid": _CID, "createdAt": _AT, "schemaGeneratedAt": _AT,
    "schemaDurationMs": 45, "schemaRefreshes": 1, "updatedAt": _AT, "jobStartedAt": _AT,
    "jobFinishedAt": _AT, "recordsDurationMs": 929, "error": "e", "cancelledAt": _AT,
    "cancelledBy": "ada", "renamed": {"at": _AT, "by": "ada"}, "creator": "peer1",
    "edition": _EDITION, "inc": 3, "rev": 4}
_PEER = {
    "peerId": "peer1", "assigned": 3, "range": {"start": 0, "end": 3}, "generatedOk": 2,
    "generatedFailed": 1, "startedAt": _AT, "lastUpdateAt": _AT, "finishedAt": _AT,
    "resultCid": _CID, "errorsCid": _CID, "errors": [{"index": 1, "message": "m"}],
    "inFlight": [{"index": 1, "attempt": 1, "startedAt": _AT}], "underWay": 1, "allowed": 2,
    "calls": 1, "attempts": 2, "tokens": {"prompt": 1, "completion": 2, "estimated": 0},
    "waitingMs": 5, "workingMs": 6, "coerced": {"a": 1}, "trouble": "t", "owner": "ada",
    "parts": [{"from": 0, "to": 3, "cid": _CID, "round": 0, "ok": 2, "failed": 1, "partial": True}],
    "effort": {"of": "peer2", "round": 0, "ok": 1, "failed": 0}, "inc": 1, "rev": 2}
_WORD = {"peerId": "peer1", "cancel": _ASKED, "retry": _ASKED, "close": _ASKED, "delete": _ASKED,
         "rename": {**_ASKED, "title": "t"}, "inc": 1, "rev": 2, "ended": _EDITION,
         "vote": {"round": 1, "promised": 2, "ballot": 1, "taken": _EDITION}}
_DETAILS = {
    "id": _ID, "owner": "ada", "description": "d", "instructions": "i",
    "schema": {"type": "object"},
    "inference": {"useExternalApi": True, "profileId": "p", "baseUrl": "http://h", "path": "/x",
                  "model": "m", "parameters": {"top_p": 1}, "own": True, "dialect": "openai"},
    "datasetMode": True, "createdAt": _AT, "schemaGeneratedAt": _AT, "schemaDurationMs": 45,
    "schemaRefreshes": 0}
_TOTALS = {"totalJobs": 1, "totalRecordsRequested": 2, "totalRecordsGenerated": 2, "activeJobs": 0,
           "failedJobs": 0, "lastJobAt": _AT}
_BEAT = {"inc": 1, "seq": 2, "version": "1", "at": _AT, "revoked": {"ab" * 12: 1795332059},
         "vitals": {"storeCalls": 1, "storeErrors": 0, "trouble": "t", "troubleAt": _AT}}
_PROFILE = {"id": "p", "name": "n", "baseUrl": "http://h", "apiKey": "k", "model": "m",
            "path": "/x", "createdAt": _AT, "updatedAt": _AT, "dialect": "ratio1",
            "parameters": {"top_p": 1}, "requestsPerMinute": 1, "tokensPerMinute": 1,
            "maxInFlight": 1, "polled": True}
_PROFILES = {"owner": "ada", "profiles": [_PROFILE], "activeProfileId": "p", "activeAt": _AT,
             "gone": [{"id": "q", "at": _AT}]}
_TOKENS = {"tokens": [{"id": "ab" * 6, "name": "n", "scope": "run", "digest": _SHA,
                       "createdAt": _AT, "expiresAt": _AT, "endedAt": _AT, "usedAt": _AT}]}
_USER = {"username": "ada", "email": "ada@example.com", "name": "Ada", "country": "AT",
         "createdAt": _AT, "jobCount": 1}
_FAILURE = {"email": "ada@example.com", "username": "ada", "attempts": 1, "status": "s",
            "failedAt": _AT, "passwordEncrypted": "x", "passwordMark": "y"}
_ACCOUNT = {"type": "simple", "password": None, "role": "admin", "createdAt": _AT,
            "updatedAt": _AT, "metadata": {
                "datagen": {"mustChangePassword": True, "sessionsEndedAt": _AT},
                "importedPassword": {"algo": "bcrypt", "at": _AT, "hash": "$2b$04$" + "a" * 21
                                     + "." + "a" * 31}}}
_PAGE = {"number": 1, "events": [{"at": _AT, "what": "signed in", "who": "ada", "about": "a",
                                  "address": "10.0.0.1", "times": 2}]}

Load = Callable[[str], Any]
Record = Callable[[Any], Mapping[str, Any]]
_WAITING = waiting.Waiting("auth", None)


def _kept(load: Load, record: Record, said: str) -> None:
    """It is refused with ValueError, or what is written of it reads the same for ever."""
    try:
        found = load(said)
    except ValueError:
        return
    once = fields.dumps(record(found))
    once.encode()
    again = load(once)
    assert fields.dumps(record(again)) == once


def _job_kinds() -> Iterator[tuple[Load, Record]]:
    yield codec.load_job, codec.job_record
    yield codec.load_peer, codec.peer_record
    yield details.load_details, details.details_record
    yield codec.load_totals, codec.totals_record
    yield words.load_word, lambda word: {
        **words.word_record(word), "inc": word.inc, "rev": word.rev}
    yield (lambda said: words.load_edition(fields.load_object(said))), words.edition_record
    yield usage.load_usage, usage.usage_record


@target("job-values", "a value of a job in the shared store is refused with ValueError, or what we "
        "write of it reads the same", [_JOB, _PEER, _WORD, _DETAILS, _TOTALS, _EDITION, _BEAT])
def job_values(data: bytes) -> None:
    said = text(data)
    for load, record in _job_kinds():
        _kept(load, record, said)
    for also in (partial(board._load_beat, "peer1"), partial(usage.load_usage_of, said[:140])):
        _refused_or_read(also, said)


@target("people-values", "a value about a person in the shared store is refused with ValueError, "
        "or what we write of it reads the same",
        [_PROFILES, {**_PROFILE}, _TOKENS, _USER, _FAILURE, _ACCOUNT, _PAGE, '"ada"', "ada"])
def people_values(data: bytes) -> None:
    said = text(data)
    _kept(partial(settings.load_kept, "ada"), partial(settings.kept_record, "ada"), said)
    _kept(settings.load_profiles, settings.earlier_record, said)
    _kept(tokens.load_tokens, lambda some: {"tokens": list(map(tokens._record, some))}, said)
    _kept(audit.load_page, lambda page: {
        "number": page[0], "events": list(map(audit._record, page[1]))}, said)
    _kept(lambda some: revoked.load_revoked(fields.load_object(some)), revoked.revoked_record, said)
    for load in (partial(people.load_user, "ada"), partial(people._load_hint, "ada@example.com"),
                 partial(people.load_mail_failure, "ada@example.com")):
        _refused_or_read(load, said)
    account = _refused_or_read(
        lambda some: account_records.load_account("ada", some, _WAITING), said)
    if account is not None:
        assert account.stamp
        assert "importedPassword" not in account.account.metadata


def _refused_or_read(load: Load, said: str) -> Any:
    try:
        return load(said)
    except ValueError:
        return None


@target("sealed", "a seal holds for the very place and text it was made for, and for no other",
        [["datagen:jobs", "job_1", '{"a":1}'], ["h", "f", '{"a":1,"mac":"' + "0" * 32 + '"}']])
def sealed(data: bytes) -> None:
    hkey, name, said = texts(data, 3)
    if not said.startswith("{") or not said.endswith("}") or len(said) < 3:
        return  # objects are sealed, and no empty ones
    ours = seal.Seal("s" * 32)
    made = ours.put_on(hkey, name, said)
    assert ours.holds(hkey, name, made)
    assert not ours.holds(hkey, name, said)
    for place in ((name + "x", hkey), (hkey, name + "x")):
        assert not ours.holds(*place, made)
    for at in {0, len(made) // 2, len(made) - 1}:
        other = made[:at] + ("~" if made[at] != "~" else "!") + made[at + 1:]
        assert not ours.holds(hkey, name, other)


@target("store-answer", "of a hash in the store only texts that can be written down are kept",
        [{"a": "b", "c": None, "d": 5}, '{"\\ud800": "x", "y": "\\ud800"}'])
def store_answer(data: bytes) -> None:
    found = value(data)
    if not isinstance(found, dict):
        return
    kept = foreign.Foreign().sifted("h", found)
    for name, said in kept.items():
        assert len(f"{said}".encode()) <= foreign.VALUE_LIMIT
        assert name.encode() is not None
    assert foreign.printable(text(data)).isprintable()


_LINES = (b'{"i":0,"ok":true,"data":{"a":1,"b":"x"}}\n{"i":1,"ok":false,"error":"e","raw":"r"}\n',
          b'{"i":0,"ok":true,"data":{"a":1.0,"b":[1e22,null]}}',
          b'{"i":2,"ok":true,"data":{"a":-0.0}}',
          b'{"i":3,"ok":true,"data":{"a":"\xed\xa0\x80"}}',
          b'{"i":3,"ok":true,"data":{"a":123456789012345678901234567890}}')


@target("lines", "stored lines read the same by the quick and by the exact reader, however they "
        "are cut into blocks", _LINES)
def stored_lines(data: bytes) -> None:
    for line in data.split(b"\n"):
        found = lines.read_line(line)
        assert repr(found) == repr(lines._read_exactly(line))
        assert found is None or json.dumps(found.data, ensure_ascii=False).encode()
    whole = repr(list(lines.lines_of(data)))
    for size in (1 + len(data) // 40, 64):
        cut = b"".join(lines.blocks(BytesIO(data), size=size, first=size))
        assert cut == data
    assert repr(list(lines.result_lines(BytesIO(data)))) == whole


_SPACE = tempfile.TemporaryDirectory()
_OURS = journal.ok_line(2, {"a": "ours"})


@target("journal", "whatever lies around an entry of a journal costs that entry nothing",
        [json.dumps(["", ""]), json.dumps(["\n00000000 {}\n", "torn"]),
         json.dumps([f"{zlib.crc32(_OURS):08x} {_OURS.decode()}", "x"])])
def journal_around(data: bytes) -> None:
    before, after = texts(data, 2)
    folder = Path(_SPACE.name, "journal")
    folder.mkdir(exist_ok=True)
    entry = b"\n%08x %b\n" % (zlib.crc32(_OURS), _OURS)
    for codecs in ("utf-8", "utf-16-le"):
        around = [part.encode(codecs, "surrogatepass") for part in (before, after)]
        (folder / journal.JOURNAL).write_bytes(around[0] + entry + around[1])
        opened = journal.Journal(folder, Share(start=0, end=4), read_only=True)
        try:
            assert not opened.lacks(2)
            out = BytesIO()
            opened.ordered(out, Share(start=2, end=3))
            assert out.getvalue() == _OURS + b"\n"
            opened.errors(BytesIO())
        finally:
            opened.close()


TARGETS: tuple[Target, ...] = (
    job_values, people_values, sealed, store_answer, stored_lines, journal_around)
