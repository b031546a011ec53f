"""The line to one model endpoint: its troubles are waited out here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from datagen.domain.chat import ChatCall, ChatReply, Endpoint
from datagen.domain.errors import (
    DatagenError,
    ModelError,
    ModelOverloaded,
    ModelRefused,
    ModelRejected,
    ReplyUnusable,
)
from datagen.engine.pace import Backoff, Pace
from datagen.engine.tally import Tally, clip
from datagen.ports import ChatModel

_LOG = logging.getLogger(__name__)
MAX_RETRY_AFTER = 600.0  # seconds; a server can't send us to sleep for longer
MAX_REJECTIONS = 3  # of one record, with answers to others in between


class Line:
    """Calls of one share to one endpoint.

    A fault holds back all calls; one record then tries again after a pause, and the
    first answer lets the others go on.
    """

    def __init__(
        self, *, model: ChatModel, endpoint: Endpoint, slots: asyncio.Semaphore, tally: Tally,
        pace: Pace, look_up: Callable[[], Endpoint] | None = None,
    ) -> None:
        """``slots``: the worker's calls in flight, shared by all its shares.

        ``look_up``: the endpoint as of now (blocking), asked once a key was refused.
        """
        self._model, self._endpoint, self._slots = model, endpoint, slots
        self._look_up, self._refused = look_up, False
        self._tally, self._pace = tally, pace
        self._passing = Backoff(pace)  # faults that end by themselves
        self._lasting = Backoff(pace, first=10.0, cap=120.0)  # those that need a person
        self._probing = asyncio.Lock()
        self._pause: float | None = None  # seconds until the next try; None = all is well
        self._faults = 0
        self._answers = 0
        # By index: how often it was rejected, each time with answers to others in between,
        # and all answers by then.
        self._rejected: dict[int, tuple[int, int]] = {}

    async def complete(
        self, call: ChatCall, index: int, attempt: int, stop: asyncio.Event
    ) -> ChatReply | None:
        """The answer, however long it takes; None when ``stop`` came first.

        Raises ReplyUnusable: the server answered, but not with a text; or it rejects this
        record again and again, though not the others.
        """
        self._rejected.pop(index, None)
        while not stop.is_set():
            if self._pause is None:
                reply = await self._try(call, index, attempt)
            else:
                async with self._probing:
                    if self._pause is None:
                        continue
                    await self._pace.pause(self._pause, stop)
                    if stop.is_set():
                        break
                    await self._renew()
                    reply = await self._try(call, index, attempt)
            if reply is not None:
                return reply
        return None

    async def _renew(self) -> None:
        """Take the key that its owner may have put in place of a refused one."""
        if self._refused and self._look_up is not None:
            try:
                self._endpoint = await self._pace.aside(self._look_up)
            except DatagenError as exc:
                _LOG.debug("The endpoint can't be looked up again: %s", exc)
        self._refused = False

    async def _try(self, call: ChatCall, index: int, attempt: int) -> ChatReply | None:
        """One call; None when it met a fault of the endpoint."""
        async with self._slots:
            faults = self._faults
            try:
                with self._tally.calling(index, attempt):
                    reply = await self._model.complete(self._endpoint, call)
            except ReplyUnusable:
                self._works(faults)
                raise
            except ModelError as exc:
                self._fails(exc, faults)
                if isinstance(exc, ModelRejected):
                    self._give_up_alone(exc, index)
                return None
        self._works(faults)
        self._tally.answered(reply)
        return reply

    def _give_up_alone(self, exc: ModelRejected, index: int) -> None:
        """Raises ReplyUnusable once the fault is plainly this record's, not the endpoint's."""
        count, answers = self._rejected.get(index, (0, -1))
        if self._answers > answers:
            self._rejected[index] = (count + 1, self._answers)
        if count + 1 >= MAX_REJECTIONS and self._answers > answers:
            raise ReplyUnusable(str(exc)) from exc

    def _works(self, faults: int) -> None:
        self._answers += 1
        if faults == self._faults:  # not a call from before the fault
            self._pause = None
            self._passing.reset()
            self._lasting.reset()
            self._tally.trouble("model", None)

    def _fails(self, exc: ModelError, faults: int) -> None:
        message = str(exc).strip() or "The model server did not answer as it should."
        advice = "" if exc.advice in message else f" {exc.advice}"
        tail = f"{advice} DataGen keeps trying."
        self._tally.trouble("model", clip(message, spare=len(tail)) + tail)
        if faults == self._faults:  # one pause for all the calls that met the same fault
            self._refused = isinstance(exc, ModelRefused)
            lasting = isinstance(exc, ModelRefused | ModelRejected)
            self._pause = (self._lasting if lasting else self._passing).next()
            self._faults += 1
        if isinstance(exc, ModelOverloaded) and exc.retry_after is not None:
            self._pause = max(self._pause or 0.0, min(exc.retry_after, MAX_RETRY_AFTER))
