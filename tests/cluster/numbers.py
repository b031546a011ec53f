"""A model whose record says which one was asked for: mix-ups, losses and repetitions show."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from datagen.domain.chat import Message
from datagen.model.answers import Answer, Usage

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"],
          "additionalProperties": False}
_FIELDS = {"fields": [{"name": "n", "type": "integer", "description": "a number"}]}


class Numbers:
    """The engine of one replica's model server; knows how often each record was asked for."""

    def __init__(self, unusable: Iterable[int] = ()) -> None:
        """``unusable``: the indices whose answers don't fit the schema, until ``mend``."""
        self.asked: Counter[tuple[str, int]] = Counter()  # by the job's description and index
        self.times: list[float] = []  # when each of those calls was answered, monotonic seconds
        self._unusable = frozenset(unusable)
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._lock = threading.Lock()

    def hang(self) -> None:
        """No call is answered until ``go_on``."""
        self._goes_on.clear()

    def go_on(self) -> None:
        self._goes_on.set()

    def mend(self) -> None:
        """From now on every answer is usable."""
        self._unusable = frozenset()

    def answer(self, messages: Sequence[Message], schema: Mapping[str, Any] | None, *,
               max_tokens: int, temperature: float) -> Answer:
        text = messages[-1].content
        record = re.search(r"Record (\d+) of", text)
        if record is None:
            return _said(_FIELDS)
        job = re.search(r'Description: """(.*?)"""', text)
        assert job
        index = int(record[1]) - 1
        with self._lock:
            self.asked[job[1], index] += 1
        self._goes_on.wait()
        with self._lock:
            self.times.append(time.monotonic())
        return _said({"n": "none" if index in self._unusable else index})


def _said(value: Mapping[str, Any]) -> Answer:
    return Answer(json.dumps(value), "stop", Usage(1, 1))
