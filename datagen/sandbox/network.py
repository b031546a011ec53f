"""The edge network as a model: nodes that take calls, and what is done to them.

It knows no HTTP and reads no clock but the one it is given: with ``VirtualTime`` hours pass
in no time and everything repeats by its seed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from datagen.domain.errors import InputError
from datagen.sandbox.answers import RESET, Answer, Call, Form, trouble
from datagen.sandbox.behaviour import Behaviour
from datagen.sandbox.clock import Due, Time
from datagen.sandbox.cstore import CStore
from datagen.sandbox.files import Files
from datagen.sandbox.plan import Plan
from datagen.sandbox.world import Deliver, Desk, File, Node, State, Ticket, World

OnState = Callable[[int, State], None]


class Network:
    """Thread-safe. Raises InputError for a node that isn't there and for a wrong switch."""

    def __init__(self, plan: Plan, time: Time) -> None:
        self._lock = threading.RLock()
        self._time = time
        self._world = World(plan, _Guarded(time, self._lock))
        self._plan = plan
        self._cstore = CStore(self._world)
        self._run = {"cstore": self._cstore.run, "r1fs": Files(self._world).run}
        self._changing = threading.Lock()  # one change of a state at a time, its telling included
        self._on_state: OnState = lambda node, state: None

    @property
    def peer_ids(self) -> tuple[str, ...]:
        return tuple(node.peer_id for node in self._world.nodes)

    def watch_states(self, on_state: OnState) -> None:
        """Have a node's new state told, after it holds; it may not change states itself."""
        self._on_state = on_state

    # Calls.

    def submit(self, node: int, call: Call, deliver: Deliver) -> None:
        """Take a call; ``deliver`` gets its answer, now or later, or never while it hangs."""
        with self._lock:
            target = self._node(node)
            entry = self._world.record.begin(self._time.now(), node, call)
            ticket = Ticket(call=call, deliver=deliver, entry=entry)
            if target.state == "down":
                self._answer(target, ticket, RESET)
            elif target.state == "up":
                self._take(target, ticket)

    def refused(self, node: int, call: Call, answer: Answer) -> None:
        """Note a call that was no call of the API and got its answer at once."""
        with self._lock:
            now = self._time.now()
            self._world.record.end(self._world.record.begin(now, node, call), now, answer)

    def _take(self, node: Node, ticket: Ticket) -> None:
        if self._cstore.disturbed(node, ticket.call):
            self._answer(node, ticket, Answer(
                form="detail", status=500, message="dictionary changed size during iteration"))
            return
        node.desks[ticket.call.api].waiting.append(ticket)
        self._serve(node, node.desks[ticket.call.api])

    def _serve(self, node: Node, desk: Desk) -> None:
        """Begin waiting calls as far as they may begin; one loop, however many are at once over."""
        if desk.serving:
            return
        desk.serving = True
        while desk.waiting and not (node.behaviour.serial and desk.busy):
            ticket = desk.waiting.popleft()
            desk.busy.append(ticket)
            self._begin(node, ticket)
        desk.serving = False

    def _begin(self, node: Node, ticket: Ticket) -> None:
        run, call = self._run[ticket.call.api], ticket.call
        form = self._failure(node, call)
        if form is None:
            run(node, call, lambda answer: self._finish(node, ticket, answer))
            return
        answer = trouble(form, self._world.luck(node, "trouble"))

        def fail(_: Answer | None = None) -> None:
            wait = node.behaviour.timeout_after if form == "timeout" else 0
            self._world.time.at(self._time.now() + wait,
                                lambda: self._finish(node, ticket, answer))

        if self._world.happens(node, "applied", node.behaviour.errors_applied):
            run(node, call, fail)
        else:
            fail()

    def _failure(self, node: Node, call: Call) -> Form | None:
        """The form in which this call fails by chance, if it does."""
        behaviour = node.behaviour
        rates = behaviour.cstore_errors if call.api == "cstore" else behaviour.r1fs_errors
        if not rates:
            return None
        left = self._world.luck(node, f"{call.api} errors").random()
        for form, rate in rates.items():
            left -= rate
            if left < 0:
                return form  # type: ignore[return-value]  # Behaviour takes no other forms
        return None

    def _finish(self, node: Node, ticket: Ticket, answer: Answer) -> None:
        if ticket.over:  # answered before, or its node was stopped
            return
        desk = node.desks[ticket.call.api]
        desk.busy.remove(ticket)
        self._answer(node, ticket, answer)
        self._serve(node, desk)

    def _answer(self, node: Node, ticket: Ticket, answer: Answer) -> None:
        ticket.over = True

        def deliver() -> None:
            self._world.record.end(ticket.entry, self._time.now(), answer)
            ticket.deliver(answer)

        if node.behaviour.latency and answer is not RESET:
            self._world.time.at(self._time.now() + node.behaviour.latency, deliver)
        else:
            deliver()

    # What is done to the network.

    def set(self, /, node: int | None = None, **switches: Any) -> None:
        """Set switches of a node, or of all of them."""
        with self._lock:
            nodes = self._world.nodes if node is None else (self._node(node),)
            changed = [(each, each.behaviour.changed(**switches)) for each in nodes]
            for each, behaviour in changed:
                each.behaviour = behaviour

    def stop(self, node: int, *, hang: bool = False) -> None:
        """Take a node offline: connections are refused, or with ``hang`` never answered.

        What it was doing is lost; what it stored stays.
        """
        self._change(node, "hangs" if hang else "down")

    def start(self, node: int) -> None:
        """Bring a node back. Nobody sends it what it missed."""
        self._change(node, "up")

    def load(
        self, node: int, *, keys: Mapping[str, Any] = {},
        hashes: Mapping[str, Mapping[str, Any]] = {},
        files: Mapping[str, tuple[str, bytes]] = {},
    ) -> None:
        """Put into a node what was stored elsewhere; of files by their CID, name and content.

        No other node is told, and nothing is counted.
        """
        with self._lock:
            target = self._node(node)
            for name, fields in ((None, keys), *hashes.items()):
                target.hashes.setdefault(name, {}).update(fields)
            for cid, (filename, content) in files.items():
                target.files[cid] = File(
                    cid=cid, name=filename, content=content, secret=None, yaml=False,
                    added_at=self._time.now(), added_by=node)

    def heal(self) -> None:
        """All nodes up, all switches as the plan has them. What was lost stays lost."""
        with self._lock:
            for node in self._world.nodes:
                node.behaviour = self._plan.behaviour
        for node in self._world.nodes:
            self.start(node.index)

    def _change(self, index: int, state: State) -> None:
        with self._changing:
            with self._lock:
                node = self._node(index)
                if node.state == state:
                    return
                node.state = state
                for desk in node.desks.values():
                    dropped = [*desk.busy, *desk.waiting]
                    desk.busy.clear()
                    desk.waiting.clear()
                    for ticket in dropped:
                        self._answer(node, ticket, RESET)
            self._on_state(index, state)

    # What can be seen of it.

    def behaviour(self, node: int) -> Behaviour:
        with self._lock:
            return self._node(node).behaviour

    def dump(self, node: int) -> dict[str, Any]:
        """What a node has: its keys, hashes (None = deleted) and files, without their bytes."""
        with self._lock:
            seen = self._node(node)
            hashes = {name: dict(fields) for name, fields in seen.hashes.items()
                      if name is not None}
            return {
                "node": node, "peer_id": seen.peer_id, "state": seen.state,
                "keys": dict(seen.hashes.get(None, {})), "hashes": hashes,
                "files": {file.cid: {"name": file.name, "bytes": len(file.content)}
                          for file in seen.files.values()},
            }

    def log(self) -> list[dict[str, Any]]:
        with self._lock:
            return self._world.record.log()

    def counters(self, node: int | None = None) -> dict[str, Any]:
        """Calls of a node, or of all, since the last ``clear_log``."""
        with self._lock:
            return self._world.record.counters(None if node is None else self._node(node).index)

    def clear_log(self) -> None:
        """Forget the log and begin to count anew."""
        with self._lock:
            self._world.record.clear()

    def _node(self, index: int) -> Node:
        if type(index) is not int or not 0 <= index < len(self._world.nodes):
            raise InputError(f"There is no node {index}: they are 0 to "
                             f"{len(self._world.nodes) - 1}.")
        return self._world.nodes[index]


class _Guarded:
    """The given time; what is due is done under the network's lock."""

    def __init__(self, time: Time, lock: threading.RLock) -> None:
        self._time = time
        self._lock = lock
        self.now = time.now

    def at(self, when: float, due: Due) -> None:
        def locked() -> None:
            with self._lock:
                due()

        self._time.at(when, locked)
