"""A reply may cost so much time and no more, whatever the schema makes of it."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from typing import Any

import pytest

from datagen.domain.chat import ChatReply
from datagen.domain.records import Accepted, RecordReader, Rejected
from datagen.engine.bounded import read_in_time

SECONDS = 0.2
_TWICE = {"properties": {"a": {"$ref": "#/$defs/n"}}}
RECURSIVE = {
    "$defs": {"n": {"anyOf": [{**_TWICE, "required": ["y"]}, {**_TWICE, "required": ["z"]}]}},
    "properties": {"a": {"$ref": "#/$defs/n"}},
}


def of(**field: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": field}}


# A reference: else the quick validator would be through in milliseconds.
UNIQUE = {**of(uniqueItems=True, **{"$ref": "#/$defs/any"}), "$defs": {"any": True}}


# A timer that rings inside a callback of the interpreter is lost there, and rings again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("schema", "text"), [
    (of(pattern="^(a+)+$"), json.dumps({"a": "a" * 60 + "!"})),
    (of(pattern="^a*a*a*a*a*a*b$"), json.dumps({"a": "a" * 2000})),
    (UNIQUE, json.dumps({"a": [1, *({"b": i} for i in range(15_000))]})),
    (of(format="uri-template"), json.dumps({"a": "{" * 200_000})),
    (RECURSIVE, '{"a":' * 60 + "1" + "}" * 60),
])
def test_a_check_without_end_is_ended(schema: dict[str, Any], text: str) -> None:
    begun = time.process_time()

    verdict = read_in_time(RecordReader(schema), ChatReply(text=text), SECONDS)

    assert time.process_time() - begun < SECONDS + 2
    assert isinstance(verdict, Rejected)
    assert "takes too long" in verdict.reason
    assert verdict.raw == text[:8192]


def test_an_honest_reply_is_read_and_nothing_rings_later() -> None:
    verdict = read_in_time(RecordReader(of(type="integer")), ChatReply(text='{"a": 1}'), SECONDS)

    assert verdict == Accepted(data={"a": 1})
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    signal.raise_signal(signal.SIGVTALRM)  # one that comes late does nothing


class Deaf(RecordReader):
    """Some library in it takes the alarm for a fault of its own, and goes on."""

    def read(self, reply: ChatReply) -> Accepted | Rejected:
        with contextlib.suppress(BaseException):
            while True:
                pass
        return super().read(reply)


def test_an_alarm_that_was_not_heard_counts_all_the_same() -> None:
    verdict = read_in_time(Deaf(of(type="integer")), ChatReply(text='{"a": 1}'), SECONDS)

    assert isinstance(verdict, Rejected)
    assert "takes too long" in verdict.reason


def test_outside_the_main_thread_a_reply_is_read_all_the_same() -> None:
    found: list[object] = []
    reader = RecordReader(of(type="integer"))
    thread = threading.Thread(
        target=lambda: found.append(read_in_time(reader, ChatReply(text='{"a": 1}'))))

    thread.start()
    thread.join()

    assert found == [Accepted(data={"a": 1})]
