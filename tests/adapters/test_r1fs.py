"""The R1FS adapter against a scripted node on loopback: forms, cache, patience, dead files."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import json
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from datagen.adapters import r1fs_calls
from datagen.adapters.clock import HandClock
from datagen.adapters.r1fs import R1fs
from datagen.domain.errors import NotThere, StoreError, StoreFull
from tests.adapters.odd_node import RESET, Asked, OddNode, Reply, odd_node, raw, told

CID = "QmTzQ1Nc4Wmi8Yt2vKmJd7RhPqSx5UoLbEfGa3HkMnXwZy"
MISSING = raw({"error": {"status": 404, "message": "get_file failed", "detail": "not found"}}, 404)
PATH = told({"file_path": f"/{CID}", "meta": {"filename": "a.txt"}})


def stream(content: bytes = b"content", **more: Any) -> Reply:
    return Reply(content, headers={"Content-Type": "application/octet-stream"}, **more)


def coded(content: bytes = b"content") -> Reply:
    return told({"file_base64_str": base64.b64encode(content).decode(), "filename": "a.txt"})


@pytest.fixture
def node() -> Iterator[OddNode]:
    with odd_node() as serving:
        yield serving


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


Make = Callable[..., R1fs]


@pytest.fixture
def make(node: OddNode, clock: HandClock, tmp_path: Path) -> Iterator[Make]:
    """An adapter whose naps let its clock pass."""
    with ExitStack() as ends:
        def made(**more: Any) -> R1fs:
            given = {"cache_dir": tmp_path / "cache", "clock": clock, "nap": clock.advance,
                     "chance": lambda: 0.5}
            files = R1fs(node.url, **(given | more))
            ends.callback(files.close)
            return files

        yield made


@pytest.fixture
def files(make: Make) -> R1fs:
    return make()


def read(files: R1fs, cid: str = CID) -> bytes:
    with files.open(cid) as content:
        return content.read()


def kept(tmp_path: Path) -> list[str]:
    return sorted(entry.name for entry in (tmp_path / "cache").iterdir())


def form_of(asked: Asked) -> dict[str, Message]:
    """The parts of a multipart body, by name."""
    head = f"Content-Type: {asked.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + asked.body)
    assert message.is_multipart()
    return {str(part.get_param("name", header="Content-Disposition")): part
            for part in message.iter_parts()}


# Adding.


def test_a_small_file_goes_up_in_base64(files: R1fs, node: OddNode) -> None:
    node.answers(told({"cid": CID}))
    assert files.add(io.BytesIO(b"content"), "job_1_0xai_A-b.jsonl") == CID
    assert node.calls == ["add_file_base64"]
    assert node.asked[0].json == {"file_base64_str": base64.b64encode(b"content").decode(),
                                  "filename": "job_1_0xai_A-b.jsonl"}


def test_a_large_file_goes_up_as_a_stream(files: R1fs, node: OddNode) -> None:
    node.answers(told({"cid": CID, "message": "ok"}))
    content = os.urandom(r1fs_calls.SMALL + 1)
    assert files.add(io.BytesIO(content), "big.jsonl") == CID
    assert node.calls == ["add_file"]
    assert int(node.asked[0].headers["Content-Length"]) == len(node.asked[0].body)
    form = form_of(node.asked[0])
    assert form["file"].get_filename() == "big.jsonl"
    assert form["file"].get_payload(decode=True) == content
    assert json.loads(cast("str", form["body"].get_payload())) == {"filename": "big.jsonl"}


def test_the_limit_itself_still_goes_up_in_base64(files: R1fs, node: OddNode) -> None:
    node.answers(told({"cid": CID}))
    files.add(io.BytesIO(b"x" * r1fs_calls.SMALL), "a.txt")
    assert node.calls == ["add_file_base64"]


def test_the_secret_goes_along_with_either_form(make: Make, node: OddNode) -> None:
    files = make(secret="hush")
    node.answers(told({"cid": CID}))
    files.add(io.BytesIO(b"x"), "a.txt")
    files.add(io.BytesIO(b"x" * (r1fs_calls.SMALL + 1)), "b.txt")
    assert node.asked[0].json["secret"] == "hush"
    body = form_of(node.asked[1])["body"].get_payload()
    assert json.loads(cast("str", body)) == {"filename": "b.txt", "secret": "hush"}


@pytest.mark.parametrize("size", [7, r1fs_calls.SMALL + 1])
def test_what_was_added_is_read_without_asking(
    files: R1fs, node: OddNode, tmp_path: Path, size: int
) -> None:
    node.answers(told({"cid": CID}))
    files.add(io.BytesIO(b"x" * size), "a.txt")
    assert read(files) == b"x" * size
    assert len(node.asked) == 1
    assert kept(tmp_path) == [CID]


@pytest.mark.parametrize("reply", [
    told({"cid": None}), told({"error": "x"}), told({"error": "x", "cid": None}), told(None),
    told({"cid": "../../etc/passwd"}), told({"cid": 5}), told(CID), Reply(b"no"),
    raw({"error": {"status": 404, "message": "not found"}}, 404), Reply(b"", 500), RESET,
], ids=lambda reply: repr(reply.body)[:40])
@pytest.mark.parametrize("size", [7, r1fs_calls.SMALL + 1])
def test_without_a_cid_nothing_was_added(
    files: R1fs, node: OddNode, tmp_path: Path, reply: Reply, size: int
) -> None:
    node.answers(reply)
    with pytest.raises(StoreError):
        files.add(io.BytesIO(b"x" * size), "a.txt")
    assert kept(tmp_path) == []


@pytest.mark.parametrize("trouble", [
    told({"cid": None}), told({"error": "x"}), raw({"detail": [{"msg": "x"}]}, 422),
    Reply(b"", 503), Reply(b"", 504), RESET,
], ids=lambda reply: f"{reply.status} {reply.body!r}"[:40])
def test_a_small_file_is_sent_again_where_that_can_help(
    files: R1fs, node: OddNode, trouble: Reply
) -> None:
    node.answers(trouble, trouble, told({"cid": CID}))
    assert files.add(io.BytesIO(b"content"), "a.txt") == CID
    assert len({asked.body for asked in node.asked}) == 1


def test_a_small_file_is_sent_seven_times_at_most(files: R1fs, node: OddNode) -> None:
    node.answers(Reply(b"", 500))
    with pytest.raises(StoreError, match="look at the node's log"):
        files.add(io.BytesIO(b"content"), "a.txt")
    assert len(node.asked) == 7


def test_a_large_file_is_sent_once(files: R1fs, node: OddNode) -> None:
    node.answers(Reply(b"", 500))
    with pytest.raises(StoreError):
        files.add(io.BytesIO(b"x" * (r1fs_calls.SMALL + 1)), "a.txt")
    assert len(node.asked) == 1


def test_a_file_whose_server_took_long_to_give_up_is_not_sent_again(
    files: R1fs, node: OddNode, clock: HandClock
) -> None:
    def long(asked: Asked) -> Reply:
        clock.advance(6)
        return Reply(b"", 504)

    node.script = long
    with pytest.raises(StoreError, match="in time"):
        files.add(io.BytesIO(b"content"), "a.txt")
    assert len(node.asked) == 1


def test_an_empty_file_is_refused_here_as_there(files: R1fs, node: OddNode) -> None:
    with pytest.raises(StoreError, match="empty"):
        files.add(io.BytesIO(b""), "a.txt")
    assert node.asked == []


class _Breaks(io.RawIOBase):
    """Gives ``size`` bytes, then fails."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            raise ConnectionResetError("the source went away")
        given = min(size, self._left)
        self._left -= given
        return b"x" * given


@pytest.mark.parametrize("size", [4, r1fs_calls.SMALL + 5])
def test_a_source_that_breaks_is_never_sent(
    files: R1fs, node: OddNode, tmp_path: Path, size: int
) -> None:
    with pytest.raises(ConnectionResetError):
        files.add(cast("BinaryIO", _Breaks(size)), "a.txt")
    assert node.asked == []
    assert kept(tmp_path) == []


@pytest.mark.parametrize(("filename", "sent"), [
    ("", "file"), ("..", "file"), ("../../etc/passwd", "_.._etc_passwd"), (".ssh", "ssh"),
    ('a"\r\nX: y', "a___X__y"), ("ü☃.jsonl", "__.jsonl"), ("x" * 5000, "x" * 120),
])
def test_a_file_name_is_made_harmless(
    files: R1fs, node: OddNode, filename: str, sent: str
) -> None:
    node.answers(told({"cid": CID}))
    files.add(io.BytesIO(b"x"), filename)
    assert node.asked[0].json["filename"] == sent


def test_a_full_cache_disk_does_not_fail_what_was_stored(
    files: R1fs, node: OddNode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    node.answers(told({"cid": CID}))
    monkeypatch.setattr("datagen.adapters.whole_files.os.write", full)
    assert files.add(io.BytesIO(b"x"), "a.txt") == CID
    assert "is not kept in the cache" in caplog.text
    node.answers(stream())
    with pytest.raises(StoreFull):
        files.open(CID)


# Reading: the forms.


@pytest.mark.parametrize("headers", [
    {"Content-Type": "application/octet-stream"}, {"Content-Type": "Application/Octet-Stream; a=b"},
    {"Content-Type": "application/json", "x-meta": "{}"},
], ids=str)
def test_a_server_that_streams_is_read_as_a_stream(
    files: R1fs, node: OddNode, headers: dict[str, str]
) -> None:
    node.answers(Reply(b'{"a":1}', headers=headers))
    assert read(files) == b'{"a":1}'
    assert [(asked.method, asked.call, asked.query) for asked in node.asked] == [
        ("GET", "get_file", {"cid": CID})]


@pytest.mark.parametrize("instead", [PATH, raw({"file_path": "/x", "meta": {}}), Reply(b"", 404),
                                     Reply(b"", 405)], ids=["path", "raw path", "404", "405"])
def test_a_server_that_does_not_stream_is_remembered(
    files: R1fs, node: OddNode, instead: Reply
) -> None:
    node.script = lambda asked: instead if asked.call == "get_file" else coded()
    assert read(files) == b"content"
    assert read(files, "x" * 40) == b"content"
    assert node.calls == ["get_file", "get_file_base64", "get_file_base64"]
    assert node.asked[1].json == {"cid": CID}


def test_a_form_that_stops_working_is_forgotten(files: R1fs, node: OddNode) -> None:
    streams = True

    def script(asked: Asked) -> Reply:
        if asked.call == "get_file":
            return stream() if streams else PATH
        return Reply(b"", 404) if streams else coded()

    node.script = script
    for number, streams in enumerate([True, False, False, True, True]):  # noqa: B007 - read by the script
        assert read(files, f"{number}" * 40) == b"content"
    assert node.calls == ["get_file", "get_file", "get_file_base64", "get_file_base64",
                          "get_file_base64", "get_file", "get_file"]


def test_a_server_that_offers_no_form_is_told(files: R1fs, node: OddNode) -> None:
    node.answers(raw({"detail": "Not Found"}, 404))
    with pytest.raises(StoreError, match="EE_R1FS_API_URL"):
        files.open(CID)
    assert node.calls == ["get_file", "get_file_base64"]


def test_a_large_answer_in_base64_is_decoded_as_it_comes(
    files: R1fs, node: OddNode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(r1fs_calls, "_IN_MEMORY", 1000)
    content = os.urandom(5001)

    def script(asked: Asked) -> Reply:
        if asked.call == "get_file":
            return PATH
        whole = cast("bytes", coded(content).body)
        return Reply(iter([whole[:1001], *(whole[at:at + 399] for at in range(1001, 9999, 399)
                                           if whole[at:])]))

    node.script = script
    assert read(files) == content
    assert kept(tmp_path) == [CID]


@pytest.mark.parametrize("body", [
    b'{"result":{"file_base64_str":"' + b"A" * 2000,  # no end
    b'{"result":{"file_base64_str":"' + b"A" * 999 + b"!" + b"A" * 1000 + b'"}}',
    b'{"result":{"file_base64_str":"' + b"A" * 2001 + b'"}}',
    b'{"result":{"filename":"\\"file_base64_str\\":\\"AAAA\\"' + b"x" * 2000 + b'"}}',
    b" " * 2000,
], ids=["no end", "no base64", "no length", "in a name", "nothing"])
def test_a_large_answer_without_a_whole_file_in_it_is_none(
    files: R1fs, node: OddNode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: bytes
) -> None:
    monkeypatch.setattr(r1fs_calls, "_IN_MEMORY", 1000)
    node.script = lambda asked: PATH if asked.call == "get_file" else Reply(body)
    with pytest.raises(StoreError, match="something unknown"):
        files.open(CID)
    assert kept(tmp_path) == []


@pytest.mark.parametrize("trouble", [
    stream(b"half", promised=100), stream(b""), told({"file_path": None, "meta": None}),
    told({"cid": None}), Reply(b"<html>"), told({"error": "x"}), Reply(b"", 503), RESET,
], ids=lambda reply: f"{reply.status} {reply.body!r}"[:40])
def test_trouble_with_a_stream_is_waited_out_and_leaves_no_half_file(
    files: R1fs, node: OddNode, tmp_path: Path, trouble: Reply
) -> None:
    node.answers(trouble, trouble, stream())
    assert read(files) == b"content"
    assert kept(tmp_path) == [CID]


@pytest.mark.parametrize("trouble", [
    told({"file_base64_str": "!!!"}), told({"file_base64_str": None}), told({"cid": None}),
    told({"file_base64_str": ""}), told([]), told({"error": "x"}), Reply(b"", 500),
], ids=lambda reply: repr(reply.body)[:40])
def test_trouble_with_base64_is_waited_out(files: R1fs, node: OddNode, trouble: Reply) -> None:
    node.answers(PATH, trouble, trouble, coded())
    assert read(files) == b"content"


def test_trouble_that_stays_is_told_and_does_not_condemn_the_file(
    files: R1fs, node: OddNode
) -> None:
    node.answers(Reply(b"", 500))
    with pytest.raises(StoreError, match="look at the node's log") as caught:
        files.open(CID)
    assert not isinstance(caught.value, NotThere)
    assert len(node.asked) == 7
    node.answers(stream())
    assert read(files) == b"content"


@pytest.mark.parametrize("form", ["stream", "base64", "large base64"])
def test_a_file_beyond_the_limit_is_cut_off(
    make: Make, node: OddNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    content = b"x" * 3_000_000
    if form == "large base64":
        monkeypatch.setattr(r1fs_calls, "_IN_MEMORY", 1000)
    node.script = lambda asked: (coded(content) if asked.call == "get_file_base64" else
                                 stream(content) if form == "stream" else PATH)
    with pytest.raises(StoreError, match="more than DataGen takes"):
        make(max_file_bytes=1_000_000).open(CID)
    assert kept(tmp_path) == []


@pytest.mark.parametrize("answer", [stream, coded])
def test_of_a_file_larger_than_it_may_be_little_is_fetched(
    make: Make, node: OddNode, tmp_path: Path, answer: Callable[..., Reply]
) -> None:
    node.script = lambda asked: (PATH if asked.call == "get_file" and answer is coded
                                 else answer(b"x" * 6_000_000))
    with pytest.raises(StoreError, match="more than DataGen takes"):
        make().open(CID, most=1000)
    assert kept(tmp_path) == []


@pytest.mark.parametrize("cid", ["", ".", "..", "../x", "a/b", "short", "a" * 129, "ü" * 40,
                                 "a" * 40 + "\n", "a" * 40 + "&secret=x", "\x00" * 40], ids=repr)
def test_what_is_no_cid_is_never_asked_for(files: R1fs, node: OddNode, cid: str) -> None:
    with pytest.raises(NotThere):
        files.open(cid)
    with pytest.raises(NotThere):
        files.verify(cid)
    files.remove(cid)
    assert node.asked == []


# The secret.


def test_a_secret_stays_out_of_the_address(make: Make, node: OddNode) -> None:
    node.answers(coded())
    assert read(make(secret="hush")) == b"content"
    assert node.calls == ["get_file_base64"]
    assert node.asked[0].json == {"cid": CID, "secret": "hush"}


def test_a_secret_is_in_the_address_where_there_is_no_other_way(
    make: Make, node: OddNode
) -> None:
    node.script = lambda asked: stream() if asked.call == "get_file" else Reply(b"", 404)
    assert read(make(secret="hush")) == b"content"
    assert node.asked[1].query == {"cid": CID, "secret": "hush"}


@pytest.mark.parametrize("refusal", [MISSING, told({"error": "can't be decrypted"}),
                                     Reply(b"", 500), Reply(b"", 400)],
                         ids=["404", "200", "500", "400"])
def test_a_file_added_without_a_secret_stays_readable(
    make: Make, node: OddNode, refusal: Reply
) -> None:
    node.script = lambda asked: (refusal if b"hush" in asked.body else
                                 stream() if asked.call == "get_file" else coded())
    assert read(make(secret="hush")) == b"content"
    assert not any("secret" in asked.query for asked in node.asked)


def test_what_somebody_else_named_is_opened_without_our_secret(
    make: Make, node: OddNode, tmp_path: Path
) -> None:
    node.script = lambda asked: (coded(b"ours") if b"secret" in asked.body else
                                 raw({"detail": {"error": "can't be decrypted"}}, 500))
    files = make(secret="hush")
    assert read(files) == b"ours"
    with pytest.raises(StoreError):
        files.open(CID, ours=False)

    node.script = lambda asked: stream(b"everybody's")
    with files.open(CID, ours=False) as content:
        assert content.read() == b"everybody's"
    assert read(files) == b"ours"  # kept apart
    assert len(kept(tmp_path)) == 2
    node.script = lambda asked: told({"success": True})
    files.remove(CID)
    assert kept(tmp_path) == []


def test_a_timeout_is_not_tried_again_without_the_secret(make: Make, node: OddNode) -> None:
    node.answers(Reply(b"", 504))
    with pytest.raises(StoreError, match="in time"):
        make(secret="hush").open(CID)
    assert {asked.json.get("secret") for asked in node.asked} == {"hush"}


def test_copies_of_another_secret_are_not_used(make: Make, node: OddNode, tmp_path: Path) -> None:
    node.script = lambda asked: coded() if asked.call == "get_file_base64" else PATH
    for secret in ("one", "two", None):
        assert read(make(secret=secret)) == b"content"
    assert len(kept(tmp_path)) == 3
    assert not any("one" in name or "two" in name for name in kept(tmp_path))


# The cache.


def test_what_was_read_is_not_asked_for_again_by_any_process(
    make: Make, node: OddNode, tmp_path: Path
) -> None:
    node.answers(stream())
    assert read(make()) == read(make()) == b"content"
    assert len(node.asked) == 1
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "cache" / CID).stat().st_mode) == 0o600


CONTENT = hashlib.sha256(b"content").hexdigest()


def test_another_file_than_was_stored_is_not_there_and_not_kept(
    make: Make, node: OddNode, tmp_path: Path
) -> None:
    files = make(patience=0, pause=0)
    node.answers(stream(b"another"), stream(b"content"), stream(b"a third"))
    with pytest.raises(NotThere, match="not the one that was stored"):
        files.open(CID, sha256=CONTENT)
    assert kept(tmp_path) == []
    for _ in range(2):
        with files.open(CID, sha256=CONTENT) as content:
            assert content.read() == b"content"
    assert len(node.asked) == 2


def test_a_copy_that_is_another_file_is_fetched_anew(
    make: Make, node: OddNode, tmp_path: Path
) -> None:
    """As what was read before anybody said which bytes it should have."""
    files = make()
    node.answers(stream(b"another"), stream(b"content"), told({"success": True}))
    assert read(files) == b"another"
    with files.open(CID, sha256=CONTENT) as content:
        assert content.read() == b"content"
    files.remove(CID)
    assert kept(tmp_path) == []


def test_a_copy_is_compared_once_and_serves_both(
    make: Make, node: OddNode, tmp_path: Path
) -> None:
    files = make()
    node.answers(stream())
    assert read(files) == b"content"
    for _ in range(2):
        with files.open(CID, sha256=CONTENT) as content:
            assert content.read() == b"content"
    assert kept(tmp_path) == [CID, f"{CID}-{CONTENT}"]
    assert read(files) == b"content"
    assert len(node.asked) == 1


def test_a_copy_has_its_name_only_once_a_power_cut_can_not_halve_it(
    make: Make, node: OddNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, list[str]]] = []  # bytes, and what had a name by then
    sync = os.fsync

    def watched(handle: int) -> None:
        synced.append((os.fstat(handle).st_size, kept(tmp_path)))
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    node.answers(stream(b"x" * 400))
    make().open(CID).close()
    size, named = synced[0]
    assert size == 400
    assert CID not in named


def test_the_cache_lets_go_of_what_was_not_used_for_the_longest_time(
    make: Make, node: OddNode, tmp_path: Path
) -> None:
    node.answers(stream(b"x" * 400))
    files = make(max_cache_bytes=1000)
    now = time.time()
    for age, name in ((30, "a"), (20, "b")):
        files.open(name * 40).close()
        os.utime(tmp_path / "cache" / (name * 40), (now - age, now - age))
    files.open("a" * 40).close()  # b is now the older one
    with files.open("b" * 40) as reading:
        os.utime(tmp_path / "cache" / ("b" * 40), (now - 20, now - 20))
        files.open("c" * 40).close()
        assert kept(tmp_path) == ["a" * 40, "c" * 40]
        assert reading.read() == b"x" * 400


def test_a_file_larger_than_the_cache_is_read_all_the_same(
    make: Make, node: OddNode, tmp_path: Path
) -> None:
    node.answers(stream(b"x" * 400))
    assert read(make(max_cache_bytes=100)) == b"x" * 400
    assert kept(tmp_path) == []


def test_leftovers_of_a_killed_process_go_a_day_later(make: Make, tmp_path: Path) -> None:
    make()
    for name, age in (("old.part", 2 * 86_400), ("young.part", 10)):
        (tmp_path / "cache" / name).write_bytes(b"half")
        os.utime(tmp_path / "cache" / name, (time.time() - age,) * 2)
    make()
    assert kept(tmp_path) == ["young.part"]


def test_a_file_that_takes_long_keeps_nobody_from_another(files: R1fs, node: OddNode) -> None:
    may_end, has_begun = threading.Event(), threading.Event()

    def script(asked: Asked) -> Reply:
        if asked.query["cid"] == CID:
            has_begun.set()
            may_end.wait(10)
        return stream()

    node.script = script
    slow = threading.Thread(target=read, args=(files,))
    slow.start()
    has_begun.wait(10)
    try:
        for n in range(200):
            assert read(files, f"another{n:040}") == b"content"
        assert slow.is_alive()
    finally:
        may_end.set()
        slow.join()


def test_many_who_want_one_file_ask_for_it_once(files: R1fs, node: OddNode) -> None:
    everybody = threading.Barrier(8)

    def script(asked: Asked) -> Reply:
        return stream()

    def want() -> None:
        everybody.wait()
        assert read(files) == b"content"

    node.script = script
    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(node.asked) == 1


# Files that can't be had, yet or ever.


ABSENT = {"404": MISSING, "200": told({"error": "r1fs get_file failed: not found"}),
          "node": told({"error": f"Failed to retrieve file with CID '{CID}'. The file may not "
                                 "exist or the IPFS download failed.", "file_path": None})}


@pytest.mark.parametrize("reply", ABSENT.values(), ids=ABSENT)
def test_a_fresh_file_is_waited_for(
    files: R1fs, node: OddNode, clock: HandClock, reply: Reply
) -> None:
    node.script = lambda asked: reply if clock.monotonic() < 10 else stream()
    assert read(files) == b"content"
    assert 10 <= clock.monotonic() <= 20
    assert len(node.asked) <= 8


@pytest.mark.parametrize("reply", ABSENT.values(), ids=ABSENT)
def test_a_file_that_stays_away_is_not_there(
    files: R1fs, node: OddNode, clock: HandClock, reply: Reply
) -> None:
    node.answers(reply)
    with pytest.raises(NotThere):
        files.open(CID)
    assert clock.monotonic() <= 20


def test_where_a_person_waits_it_is_asked_for_once(make: Make, node: OddNode) -> None:
    node.answers(MISSING)
    with pytest.raises(NotThere):
        make(patience=0).open(CID)
    assert len(node.asked) == 1


def test_a_dead_file_is_left_alone_for_a_while_that_grows(
    make: Make, node: OddNode, clock: HandClock
) -> None:
    files = make(patience=0, pause=5)
    node.answers(MISSING)
    pauses = []
    for _ in range(7):
        with pytest.raises(NotThere):
            files.open(CID)
        asked, began = len(node.asked), clock.monotonic()
        while len(node.asked) == asked:
            clock.advance(1)
            for attempt in (files.open, files.verify):
                with pytest.raises(NotThere):
                    attempt(CID)
        pauses.append(clock.monotonic() - began)
        clock.advance(1000)
    assert pauses[:2] == [5, 20]
    assert max(pauses) == 80


def slowly(clock: HandClock, answer: Reply) -> Callable[[Asked], Reply]:
    """A node that takes two minutes."""
    def slow(asked: Asked) -> Reply:
        clock.advance(120)
        return answer

    return slow


def test_what_cost_the_node_much_time_is_left_alone_for_longer(
    make: Make, node: OddNode, clock: HandClock
) -> None:
    node.script = slowly(clock, MISSING)
    files = make(patience=0)
    with pytest.raises(NotThere):
        files.open(CID)
    clock.advance(1100)
    with pytest.raises(NotThere, match="again in"):
        files.open(CID)
    assert len(node.asked) == 1
    node.answers(stream())
    clock.advance(200)
    assert read(files) == b"content"


def test_what_perhaps_waited_for_another_call_only_is_asked_for_sooner(
    make: Make, node: OddNode, clock: HandClock
) -> None:
    node.script = slowly(clock, Reply(b"", 504))
    files = make(patience=0)
    with pytest.raises(StoreError, match="did not answer in time"):
        files.open(CID)
    clock.advance(100)
    with pytest.raises(StoreError, match="again in"):
        files.open(CID)
    node.answers(stream())
    clock.advance(50)
    assert read(files) == b"content"


def test_a_file_without_any_answer_counts_as_not_there_in_the_end(
    make: Make, node: OddNode, clock: HandClock
) -> None:
    files = make(patience=0)
    node.script = slowly(clock, Reply(b"", 504))
    for expected in (StoreError, StoreError, NotThere):
        for _ in range(2):  # asked for, and not asked for again
            with pytest.raises(expected):
                files.open(CID)
        clock.advance(3600)
    assert len(node.asked) == 3


def test_one_dead_file_does_not_keep_others_away(make: Make, node: OddNode) -> None:
    files = make(patience=0)
    node.script = lambda asked: MISSING if asked.query["cid"] == CID else stream()
    with pytest.raises(NotThere):
        files.open(CID)
    assert read(files, "x" * 40) == b"content"


def test_what_is_added_is_dead_no_more(make: Make, node: OddNode, tmp_path: Path) -> None:
    files = make(patience=0)
    node.answers(MISSING, told({"cid": CID}), stream())
    with pytest.raises(NotThere):
        files.verify(CID)
    files.add(io.BytesIO(b"content"), "a.txt")
    files.verify(CID)


# Verifying, removing, status.


def test_verifying_reads_from_the_store_whatever_the_cache_holds(
    files: R1fs, node: OddNode
) -> None:
    node.answers(told({"cid": CID}), stream(), MISSING)
    files.add(io.BytesIO(b"content"), "a.txt")
    files.verify(CID)
    with pytest.raises(NotThere):
        files.verify(CID)
    assert read(files) == b"content"


def test_another_content_than_was_added_is_no_proof(
    files: R1fs, node: OddNode, tmp_path: Path
) -> None:
    node.answers(told({"cid": CID}), stream(b"something else"))
    files.add(io.BytesIO(b"content"), "a.txt")
    with pytest.raises(StoreError, match="another content"):
        files.verify(CID)
    (tmp_path / "cache" / CID).unlink()
    files.verify(CID)  # nothing to compare with


@pytest.mark.parametrize("reply", [told({"cid": CID, "success": True}), MISSING,
                                   told({"error": "not found"})], ids=["there", "404", "200"])
def test_removing_takes_the_nodes_copy_and_the_cached_one(
    files: R1fs, node: OddNode, tmp_path: Path, reply: Reply
) -> None:
    node.answers(stream(), reply)
    read(files)
    files.remove(CID)
    assert kept(tmp_path) == []
    assert (node.asked[1].call, node.asked[1].json) == ("delete_file", {"cid": CID})


def test_a_removal_that_failed_is_told(files: R1fs, node: OddNode) -> None:
    node.answers(Reply(b"", 500))
    with pytest.raises(StoreError):
        files.remove(CID)


def test_status_is_any_200(files: R1fs, node: OddNode) -> None:
    node.answers(Reply(b"?"), Reply(b"?", 500))
    files.status()
    with pytest.raises(StoreError, match="The file store at 127"):
        files.status()


# The log.


def test_calls_are_logged_when_asked_without_contents_or_secrets(
    make: Make, node: OddNode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    files = make(log_calls=True, secret="hush", patience=0)
    node.answers(told({"cid": CID}), told({"cid": CID}), MISSING)
    files.add(io.BytesIO(b"confidential"), "a.txt")
    files.remove(CID)
    with pytest.raises(NotThere):
        files.open(CID)
    assert [line for line in caplog.messages if line.startswith("File")] == [
        "File call: add_file_base64 a.txt ...",
        f"File call done: add_file_base64 a.txt: {CID}, 12 bytes",
        f"File call: delete_file {CID} ...",
        f"File call done: delete_file {CID}: ",
        f"File call: get_file_base64 {CID} ...",
        f"File call failed: get_file_base64 {CID}: NodeError",
        f"File call: get_file {CID} ...",
        f"File call failed: get_file {CID}: NodeError",
    ]
    assert "hush" not in caplog.text
    assert "confidential" not in caplog.text
    assert base64.b64encode(b"confidential").decode()[:8] not in caplog.text


def test_nothing_is_logged_unless_asked(
    files: R1fs, node: OddNode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    node.answers(stream())
    read(files)
    assert caplog.messages == []
