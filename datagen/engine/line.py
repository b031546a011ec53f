"""The line from one share to its model endpoint: its troubles are waited out here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

from datagen.domain.chat import ChatCall, ChatReply, Endpoint
from datagen.domain.errors import (
    DatagenError,
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelRejected,
    ModelUnreachable,
    ReplyUnusable,
)
from datagen.engine.blame import Blame
from datagen.engine.counts import Counts
from datagen.engine.limiter import Party, Slot
from datagen.engine.limiters import Limiters
from datagen.engine.pace import Backoff, Pace
from datagen.engine.tally import Tally, clip
from datagen.engine.tokens import in_reply, of_prompt
from datagen.ports import ChatModel

_LOG = logging.getLogger(__name__)
MAX_RETRY_AFTER = 600.0  # seconds; a server can't send us to sleep for longer
LEAST_LONE, MOST_LONE = 3, 8  # calls that came to nothing, less those answered: it is the server
MAX_UNUSABLE = 10  # answers without a text in a row: from then on it is the server's fault
TOLD_AFTER = 3  # refusals in a row, or seconds that a server wants to be left alone


class Line:
    """Calls of one share to one endpoint.

    How many there may be at once says the endpoint's limiter. A call that came to nothing is
    made again. Where most do, or where the server is plainly away, that is a fault: it holds
    back all calls of this share; one record then tries again after a pause, and the first answer
    lets the others go on. Nobody holds a slot meanwhile.
    """

    def __init__(
        self, *, model: ChatModel, endpoint: Endpoint, limiters: Limiters, tally: Tally,
        pace: Pace, counts: Counts | None = None, look_up: Callable[[], Endpoint] | None = None,
    ) -> None:
        """``counts``: the worker's, beside those of ``tally``.

        ``look_up``: the endpoint as of now (blocking), asked once a key was refused.
        """
        self._model, self._endpoint, self._limiters = model, endpoint, limiters
        self._look_up, self._refused = look_up, False
        self._tally, self._pace = tally, pace
        self._counts = (tally.counts, counts or Counts())
        self._limiter = limiters.of(endpoint)
        self._party = Party()
        self._passing = Backoff(pace)  # faults that end by themselves
        self._lasting = Backoff(pace, first=10.0, cap=120.0)  # those that need a person
        self._probing = asyncio.Lock()
        self._pause: float | None = None  # seconds until the next try; None = all is well
        self._faults = self._answers = 0
        self._unusable = 0  # answers without a text since the last one with
        self._lone = 0  # calls that came to nothing, less those answered; never below 0
        self._blame = Blame()
        self._of_no_use: dict[str, int] = {}  # answers to a call under way, by its name

    def __enter__(self) -> Line:
        """The share begins to make calls."""
        self._limiter.join(self._party)
        self._tally.allowed = self._allowed
        for counts in self._counts:
            counts.opened(self._pace.clock.monotonic())
        return self

    def __exit__(self, *_: object) -> None:
        """It makes no more."""
        self._limiter.leave(self._party)
        self._tally.allowed = None
        for counts in self._counts:
            counts.closed(self._pace.clock.monotonic())

    async def complete(
        self, call: ChatCall, index: int, attempt: int, stop: asyncio.Event,
        twin: Callable[[int], ChatCall] | None = None,
    ) -> ChatReply | None:
        """The answer, however long it takes; None when ``stop`` came first.

        ``twin``: the n-th call like this one, for another record. Where the server takes
        neither, the fault isn't this record's.

        Raises ReplyUnusable: the server answered, but not with a text; or it rejects this
        record, or fails on it, again and again, though not on the others.
        """
        try:
            return await self._completed(call, index, attempt, stop, twin)
        finally:
            self._blame.forget(index)
            self._of_no_use.pop(call.name, None)

    async def _completed(
        self, call: ChatCall, index: int, attempt: int, stop: asyncio.Event,
        twin: Callable[[int], ChatCall] | None,
    ) -> ChatReply | None:
        while not stop.is_set():
            if self._pause is None:
                if pause := self._blame.apart(index):
                    await self._pace.pause(pause, stop)
                    if stop.is_set():
                        break
                reply = await self._try(call, index, attempt, stop)
            else:
                async with self._probing:
                    if self._pause is None:
                        continue
                    await self._pace.pause(self._pause, stop)
                    if stop.is_set():
                        break
                    await self._renew()
                    if twin and (other := self._blame.twin(index)):
                        await self._try_twin(twin(other), index, attempt, stop)
                        continue
                    reply = await self._try(call, index, attempt, stop)
            if reply is not None:
                return reply
        return None

    async def _try_twin(
        self, call: ChatCall, index: int, attempt: int, stop: asyncio.Event
    ) -> None:
        """See whether the server takes another record's call now; nothing is made of it."""
        now = replace(call, name=f"{call.name} {self._pace.clock.now().isoformat()}")
        with contextlib.suppress(ReplyUnusable):  # it takes it
            await self._try(now, index, attempt, stop, is_twin=True)
        self._of_no_use.pop(now.name, None)

    async def _renew(self) -> None:
        """Take the key that its owner may have put in place of a refused one."""
        if self._refused and self._look_up is not None:
            try:
                self._endpoint = await self._pace.aside(self._look_up)
            except DatagenError as exc:
                _LOG.debug("The endpoint can't be looked up again: %s", exc)
            limiter = self._limiters.of(self._endpoint)
            if limiter is not self._limiter:
                self._limiter.leave(self._party)
                self._limiter, self._party = limiter, Party()
                self._limiter.join(self._party)
        self._refused = False

    async def _try(
        self, call: ChatCall, index: int, attempt: int, stop: asyncio.Event, *,
        is_twin: bool = False,
    ) -> ChatReply | None:
        """One call; None when it met a fault of the endpoint, or ``stop`` came first.

        Raises ReplyUnusable.
        """
        faults = self._faults
        slot = await self._limiter.enter(self._party, of_prompt(call) + call.max_tokens)
        if stop.is_set() or self._faults != faults:  # who waited must not run into the same
            self._limiter.give_back(slot)
            return None
        try:
            reply = await self._called(call, index, attempt)
        except ReplyUnusable as exc:
            self._limiter.answered(slot, of_prompt(call))
            self._no_text(exc, faults)
            return None
        except ModelOverloaded as exc:
            await self._yield(slot, exc, stop)
            return None
        except ModelRejected as exc:
            self._limiter.give_back(slot)
            self._fails(exc, faults)
            if not is_twin:
                self._put_down(exc, index)
            return None
        except (ModelFailed, ModelUnreachable) as exc:
            is_fault = self._comes_to_nothing(exc, slot, faults)
            if not is_twin and not is_fault:
                self._put_down(exc, index)
            return None
        except ModelError as exc:
            self._limiter.lost(slot)
            self._fails(exc, faults)
            return None
        except BaseException:
            self._limiter.give_back(slot)
            raise
        self._unusable = 0
        self._works(faults)
        self._account(slot, call, reply)
        return reply

    async def _called(self, call: ChatCall, index: int, attempt: int) -> ChatReply:
        """The model's answer; the call shows as under way meanwhile."""
        clock = self._pace.clock
        for counts in self._counts:
            counts.called(clock.monotonic())
        self._tally.begin(index, attempt)
        if again := self._of_no_use.get(call.name, 0):
            call = replace(call, again=again)
        try:
            return await self._model.complete(self._endpoint, call)
        except ModelUnreachable:
            raise  # its answer may still come
        except ModelError:
            self._of_no_use[call.name] = again + 1
            raise
        finally:
            self._tally.end(index)
            for counts in self._counts:
                counts.ended(clock.monotonic())

    def _account(self, slot: Slot, call: ChatCall, reply: ChatReply) -> None:
        """Count a reply's tokens: as the server says, else as they are estimated."""
        prompt, completion, estimated = in_reply(call, reply)
        for counts in self._counts:
            counts.answered(prompt, completion, estimated)
        self._limiter.answered(slot, prompt + completion)

    async def _yield(self, slot: Slot, exc: ModelOverloaded, stop: asyncio.Event) -> None:
        """A call was refused: its slot stays taken for a moment."""
        after = exc.retry_after
        hold = self._limiter.refused(
            slot, None if after is None else min(after, MAX_RETRY_AFTER))
        if max(self._limiter.refusals, after or 0.0) >= TOLD_AFTER:
            self._tell(exc)
        try:
            if hold:
                await self._pace.pause(hold, stop)
        finally:
            self._limiter.give_back(slot)

    def _no_text(self, exc: ReplyUnusable, faults: int) -> None:
        """Raises it, unless there have been too many in a row: then it is a fault."""
        for counts in self._counts:
            counts.answered(0, 0, 0)
        if not exc.cut:
            self._unusable += 1
            if self._unusable > MAX_UNUSABLE:
                self._fails(exc, faults)
                return
        self._works(faults)
        raise exc

    def _comes_to_nothing(self, exc: ModelError, slot: Slot, faults: int) -> bool:
        """Whether that is the endpoint's fault; else it befell this one call among others."""
        self._lone += 1
        is_away = isinstance(exc, ModelUnreachable) and self._limiter.is_silent(slot)
        is_fault = is_away or self._lone >= max(LEAST_LONE, min(MOST_LONE, self._allowed()))
        if is_fault:
            self._limiter.lost(slot)
            self._fails(exc, faults)
        else:
            self._limiter.give_back(slot)
        return is_fault

    def _put_down(self, exc: ModelError, index: int) -> None:
        """Raises ReplyUnusable once the fault is plainly this record's, not the endpoint's."""
        if self._blame.puts(exc, index, self._answers):
            raise ReplyUnusable(str(exc)) from exc

    def _works(self, faults: int) -> None:
        self._answers += 1
        self._lone = max(0, self._lone - 1)
        if faults == self._faults:  # not a call from before the fault
            if self._pause is not None:
                self._pause, self._lone = None, 0
            self._passing.reset()
            self._lasting.reset()
            self._tally.trouble("model", None)

    def _fails(self, exc: ModelError, faults: int) -> None:
        self._tell(exc)
        if faults == self._faults:  # one pause for all the calls that met the same fault
            self._refused = isinstance(exc, ModelRefused)
            lasting = isinstance(exc, ModelRefused | ModelRejected | ReplyUnusable)
            self._pause = (self._lasting if lasting else self._passing).next()
            self._faults += 1

    def _tell(self, exc: ModelError) -> None:
        message = str(exc).strip() or "The model server did not answer as it should."
        advice = "" if exc.advice in message else f" {exc.advice}"
        tail = f"{advice} DataGen keeps trying."
        self._tally.trouble("model", clip(message, spare=len(tail)) + tail)

    def _allowed(self) -> int:
        """Calls at once to this endpoint, as things are."""
        return self._limiter.level.value
