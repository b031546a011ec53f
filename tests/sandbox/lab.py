"""A network in virtual time: hours pass in no time, and nothing ever waits."""

from __future__ import annotations

from typing import Any

from datagen.sandbox import Answer, Behaviour, Call, Network, Plan, VirtualTime
from datagen.sandbox.answers import Api
from datagen.sandbox.calls import ROUTES


class Lab:
    """``nodes`` nodes that behave as told; by default each names all others as peers."""

    def __init__(self, nodes: int = 2, *, seed: int = 1, **switches: Any) -> None:
        self.time = VirtualTime()
        self.network = Network(
            Plan(nodes=nodes, seed=seed, behaviour=Behaviour(**switches)), self.time)
        self.peers = list(self.network.peer_ids)

    def begin(self, node: int, op: str, api: Api | None = None, **args: Any) -> list[Answer]:
        """Make a call; its answer comes into the list as time passes."""
        answers: list[Answer] = []
        api = api or ("cstore" if op in ROUTES["cstore"] else "r1fs")
        self.network.submit(node, Call(api=api, op=op, args=args), answers.append)
        return answers

    def ask(self, node: int, op: str, **args: Any) -> Answer:
        """Make a call and let time pass until it is answered."""
        answers = self.begin(node, op, **args)
        while not answers:
            assert self.time.step(), f"{op} is never answered"
        return answers[0]

    def seconds(self, node: int, op: str, **args: Any) -> float:
        """How long a call takes, in seconds of the network."""
        start = self.time.now()
        self.ask(node, op, **args)
        return round(self.time.now() - start, 6)

    def hset(self, node: int, key: str, value: Any, *, hkey: str = "h", peers: Any = None) -> Any:
        """Write a field, by default to all; the result."""
        peers = self.peers if peers is None else peers
        return self.ask(node, "hset", hkey=hkey, key=key, value=value,
                        chainstore_peers=peers).result

    def hget(self, node: int, key: str, *, hkey: str = "h") -> Any:
        return self.ask(node, "hget", hkey=hkey, key=key).result

    def settle(self) -> None:
        """Let everything arrive that is on its way."""
        while self.time.step():
            pass
