"""The stores of all nodes as a model: CStore and R1FS as WIRE.md, 1 and 2, has them.

Reads are local. A write stands here at once and is sent to the others; the last to arrive
stands on each. Equal bytes are sent to nobody. A node handles one call at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, BinaryIO, Protocol

from datagen.domain.errors import NotThere, StoreError, StoreUnconfirmed
from tests.simulation.virtual import give_way

CONFIRM = 30.0  # seconds a write waits for another node that has it
GIVE_UP = 40.0  # seconds a caller waits for a node that is busy
Place = tuple[str | None, str]  # hash (None: plain keys) and field
_ABSENT = object()


@dataclass(kw_only=True)
class Weather:
    """How the network is right now."""

    errors: float = 0.0  # rate of calls that fail: before, in the middle of, or after their work
    slow: float = 0.0  # up to so many seconds more for a call
    delay: float = 0.2  # up to so many seconds a message takes
    file_delay: float = 0.0  # up to so many seconds until others see a new file


@dataclass(eq=False, kw_only=True)
class Node:
    """One node: its replica of the store and the files it pinned."""

    name: str
    up: bool = True
    hashes: dict[str | None, dict[str, str | None]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    free_at: float = 0.0  # when the calls before are answered
    held: list[tuple[str, Place, str | None]] = field(default_factory=list)  # (from, what)


class Watcher(Protocol):
    """Who is told of everything that changes."""

    def count(self, what: str) -> None: ...
    def note(self, who: str, what: str, *more: Any) -> None: ...
    def written(self, writer: str, place: Place, text: str | None) -> None: ...
    def arrived(self, node: str, place: Place, before: str | None, text: str | None) -> None: ...
    def read(self, reader: str, hkey: str, texts: Mapping[str, str]) -> None: ...


class Network:
    """Nodes, and the messages between them."""

    def __init__(
        self, names: tuple[str, ...], *, loop: asyncio.AbstractEventLoop, seed: str,
        watch: Watcher, loses: float, forgets: bool, overtakes: bool, keeps: float,
        dead_files: float,
    ) -> None:
        """``loses``: rate of messages lost; ``forgets``: those to a node that can't be reached
        are lost, else they come once it can; ``overtakes``: also within one field; ``keeps``:
        rate of writes that stay on their node, besides those of calls that fail.
        """
        self.nodes = {name: Node(name=name) for name in names}
        self.weather = Weather()
        self.loop, self.watch = loop, watch
        self.luck = Random(f"{seed}:network")
        self._loses, self._forgets, self._overtakes = loses, forgets, overtakes
        self.keeps, self._dead_files = keeps, dead_files
        self._cut: frozenset[str] = frozenset()  # apart from the others
        self._latest: dict[tuple[str, str, Place], float] = {}  # arrival of the last message
        self._seen_at: dict[str, float] = {}  # file -> when others may fetch it

    # What is done to it.

    def set_up(self, name: str, up: bool) -> None:
        self.nodes[name].up = up
        self._flush()

    def calm_down(self) -> None:
        """Every message arrives from now on, and every new file."""
        self._loses = self.keeps = self._dead_files = 0.0

    def cut_off(self, names: frozenset[str]) -> None:
        """Let these and the others hear nothing of each other; an empty set heals it."""
        self._cut = names
        self._flush()

    def reaches(self, one: str, other: str) -> bool:
        return (one in self._cut) == (other in self._cut)

    def _flush(self) -> None:
        for node in self.nodes.values():
            waiting, node.held = node.held, []
            for sender, place, text in waiting:
                self._arrive(sender, node, place, text)

    # Messages.

    def put(self, node: Node, place: Place, text: str | None) -> None:
        fields = node.hashes.setdefault(place[0], {})
        before = fields.get(place[1])
        fields[place[1]] = text
        self.watch.arrived(node.name, place, before, text)

    def send(self, sender: str, place: Place, text: str | None) -> float:
        """Send a write to all others; seconds until one of them has it."""
        now, soonest = self.loop.time(), CONFIRM if len(self.nodes) > 1 else 0.1
        for node in self.nodes.values():
            if node.name == sender:
                continue
            if self._loses and self.luck.random() < self._loses:
                self.watch.count("lost message")
                continue
            arrival = now + 0.01 + self.luck.random() * self.weather.delay
            link = (sender, node.name, place)
            if not self._overtakes:
                arrival = max(arrival, self._latest.get(link, 0.0) + 1e-4)
            self._latest[link] = arrival
            self.loop.call_at(arrival, self._arrive, sender, node, place, text)
            if node.up and self.reaches(sender, node.name):
                soonest = min(soonest, arrival - now)
        return soonest

    def _arrive(self, sender: str, node: Node, place: Place, text: str | None) -> None:
        if node.up and self.reaches(sender, node.name):
            self.put(node, place, text)
        elif self._forgets:
            self.watch.count("missed message")
        else:
            self.watch.count("held message")
            node.held.append((sender, place, text))

    # Files.

    def add_file(self, node: Node, name: str, content: bytes) -> str:
        cid = f"Qm{self.luck.getrandbits(64):016x}"
        node.files[cid] = content
        late = self.luck.random() * self.weather.file_delay
        if self._dead_files and self.luck.random() < self._dead_files:
            self.watch.count("file nobody else can fetch for long")
            late = 240.0
        self._seen_at[cid] = self.loop.time() + late
        self.watch.note(node.name, "stores", name, cid)
        return cid

    def is_late(self, name: str) -> bool:
        """Whether some file of that node can't be fetched by others yet."""
        return any(self._seen_at[cid] > self.loop.time() for cid in self.nodes[name].files)

    def file(self, node: Node, cid: str) -> bytes:
        """Its content; what was fetched stays. Raises NotThere."""
        if cid not in node.files:
            for other in self.nodes.values():
                if (cid in other.files and other.up and self.reaches(node.name, other.name)
                        and self.loop.time() >= self._seen_at[cid]):
                    node.files[cid] = other.files[cid]
                    break
            else:
                raise NotThere("There is no file with this id, or no node gives it.")
        return node.files[cid]


class NodeStores:
    """HashStore and FileStore of one process at its node.

    ``step`` is called before and after each call has its effect: whoever owns the process
    can end it there. ``calm``: a process whose calls take no time and never fail.
    """

    def __init__(
        self, network: Network, name: str, *, step: Callable[[], None] = lambda: None,
        calm: bool = False,
    ) -> None:
        self._net, self._node = network, network.nodes[name]
        self._step, self._calm = step, calm

    # HashStore.

    def get(self, key: str) -> str | None:
        return self._call(lambda: self._node.hashes.get(None, {}).get(key))

    def set(self, key: str, value: str | None) -> None:
        self._write((None, key), value)

    def hget(self, hkey: str, name: str) -> str | None:
        return self._call(lambda: self._node.hashes.get(hkey, {}).get(name))

    def hset(self, hkey: str, name: str, value: str | None) -> None:
        self._write((hkey, name), value)

    def hgetall(self, hkey: str) -> dict[str, str]:
        def read() -> dict[str, str]:
            fields = [(name, text) for name, text in self._node.hashes.get(hkey, {}).items()
                      if text is not None]
            if len(fields) > 1:
                self._net.luck.shuffle(fields)
            return dict(fields)

        found = self._call(read)
        if not self._calm:
            self._net.watch.read(self._node.name, hkey, found)
        return found

    def hsync(self, hkey: str, peer: str) -> bool:
        return self._call(lambda: False)

    # FileStore.

    def add(self, source: BinaryIO, filename: str) -> str:
        content = source.read()
        return self._call(lambda: self._net.add_file(self._node, filename, content))

    def open(
        self, cid: str, *, most: int | None = None, ours: bool = True, sha256: str | None = None
    ) -> BinaryIO:
        content = self._call(lambda: self._net.file(self._node, cid))
        if sha256 not in {None, hashlib.sha256(content).hexdigest()}:
            raise NotThere("The file with this id is not the one that was stored.")
        return io.BytesIO(content)

    def verify(self, cid: str) -> None:
        self._call(lambda: self._net.file(self._node, cid))

    def remove(self, cid: str) -> None:
        self._call(lambda: self._node.files.pop(cid, None))

    # One call.

    def _call(self, act: Callable[[], Any]) -> Any:
        self._step()
        fails = self._reached()
        if fails and self._net.luck.random() < 0.7:
            raise self._failed()
        result = act()
        self._step()
        if fails:
            raise self._failed()
        return result

    def _write(self, place: Place, text: str | None) -> None:
        net, node = self._net, self._node
        self._step()
        fails = self._reached()
        luck = net.luck.random() if fails else 1.0
        if luck < 0.5:
            raise self._failed()
        old = node.hashes.get(place[0], {}).get(place[1], _ABSENT)
        net.watch.written(node.name, place, text)
        took = 0.1
        if old != text:
            net.put(node, place, text)
            if luck < 0.75 or (net.keeps and net.luck.random() < net.keeps):
                net.watch.count("write that was not sent")
                raise self._failed()
            took = net.send(node.name, place, text)
        self._step()
        if not self._calm:
            node.free_at = net.loop.time() + took
            give_way(took)
            self._step()
        if fails:
            raise self._failed()
        if took >= CONFIRM:
            net.watch.count("unconfirmed write")
            raise StoreUnconfirmed("No other node has confirmed it yet.")

    def _reached(self) -> bool:
        """Wait until the node takes the call; whether it will fail. Raises StoreError."""
        net, node = self._net, self._node
        if self._calm:
            return False
        now = net.loop.time()
        wait = max(0.0, node.free_at - now)
        if wait > GIVE_UP:
            give_way(GIVE_UP)
            self._step()
            raise StoreError("The node does not answer.")
        if net.weather.slow:
            wait += net.luck.random() * net.weather.slow
            node.free_at = now + wait
        if wait or net.luck.random() < 0.2:
            give_way(wait or 0.01)
            self._step()
        if not node.up:
            raise StoreError("The node is away.")
        return bool(net.weather.errors) and net.luck.random() < net.weather.errors

    def _failed(self) -> StoreError:
        self._net.watch.count("failed store call")
        return StoreError("The store failed.")
