"""What the stores of all nodes share: nodes, time, chance, the record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from datagen.sandbox.answers import Answer, Api, Call
from datagen.sandbox.behaviour import Behaviour
from datagen.sandbox.clock import Time
from datagen.sandbox.plan import Plan
from datagen.sandbox.record import Record

HISTORY = 100  # changes of one hash that a stale hsync can go back

State = Literal["up", "down", "hangs"]
Deliver = Callable[[Answer], None]


@dataclass(frozen=True, kw_only=True)
class File:
    """An immutable file of R1FS."""

    cid: str
    name: str
    content: bytes = field(repr=False)
    secret: str | None = field(repr=False)
    yaml: bool  # added by add_yaml
    added_at: float  # seconds of the network
    added_by: int  # node


@dataclass(eq=False, kw_only=True)
class Ticket:
    """A call on its way through a node."""

    call: Call
    deliver: Deliver
    entry: dict[str, Any]  # of the record
    over: bool = False


@dataclass(kw_only=True)
class Desk:
    """The calls of one API of a node: those it handles, and those that wait."""

    busy: list[Ticket] = field(default_factory=list)
    waiting: deque[Ticket] = field(default_factory=deque)
    serving: bool = False  # the loop that takes the next one runs


@dataclass(eq=False, kw_only=True)
class Node:
    """One node: what it stores outlives a stop, what it was doing doesn't."""

    index: int
    peer_id: str
    behaviour: Behaviour
    state: State = "up"
    hashes: dict[str | None, dict[str, Any]] = field(default_factory=dict)  # None: plain keys
    history: dict[str | None, deque[tuple[str, Any]]] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)  # pinned here
    arriving: int = 0  # messages on their way to it
    desks: dict[Api, Desk] = field(default_factory=lambda: {"cstore": Desk(), "r1fs": Desk()})


class World:
    """The nodes and what they have in common. Not thread-safe: the network guards it."""

    def __init__(self, plan: Plan, time: Time) -> None:
        self.plan = plan
        self.time = time
        self.record = Record()
        self.nodes = tuple(
            Node(index=index, peer_id=plan.peer_id(index), behaviour=plan.behaviour)
            for index in range(plan.nodes)
        )
        self.by_peer = {node.peer_id: node for node in self.nodes}
        self._luck: dict[tuple[int, str], Random] = {}

    def luck(self, node: Node, purpose: str) -> Random:
        """Chance of its own for each purpose: what one asks doesn't shift the others' luck."""
        return self._luck.setdefault(
            (node.index, purpose),
            Random(f"{self.plan.seed}:{node.index}:{purpose}"),  # noqa: S311 - repeatable
        )

    def happens(self, node: Node, purpose: str, rate: float) -> bool:
        return rate > 0 and self.luck(node, purpose).random() < rate

    def delay(self, node: Node) -> float:
        """Seconds the next message of ``node`` takes."""
        jitter = node.behaviour.replication_jitter
        return node.behaviour.replication_delay + (
            self.luck(node, "delay").uniform(0, jitter) if jitter else 0)
