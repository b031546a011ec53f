"""CStore: each node has a replica; writes are sent around, and the last to arrive stands."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from datagen.sandbox.answers import UNKNOWN, Call, ok, wrong
from datagen.sandbox.world import HISTORY, Deliver, Node, World

ABSENT: Any = object()  # no value was ever written; None is one that was deleted
WITNESS = "witness"
Target = Node | str  # a str: the witness, or a peer that nobody knows


class CStore:
    """The semantics of CStore. ``run`` answers a call by calling ``done``, now or later."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._last_arrival: dict[tuple[int, int | str], float] = {}
        self._ops: dict[str, Callable[[Node, Call, Deliver], None]] = {
            "get": self._get, "hget": self._get, "set": self._write, "hset": self._write,
            "hgetall": self._hgetall, "hsync": self._hsync, "get_status": _status,
        }

    def run(self, node: Node, call: Call, done: Deliver) -> None:
        self._ops[call.op](node, call, done)

    def disturbed(self, node: Node, call: Call) -> bool:
        """Whether an hgetall meets a write that goes on, and fails of it."""
        if call.op != "hgetall":
            return False
        writes = any(ticket.call.op in {"set", "hset"} for ticket in node.desks["cstore"].busy)
        return (writes or node.arriving > 0) and self._world.happens(
            node, "hgetall", node.behaviour.hgetall_500)

    # Reading: from this node's own replica, whatever others have.

    def _get(self, node: Node, call: Call, done: Deliver) -> None:
        value = node.hashes.get(call.args.get("hkey"), {}).get(call.args["key"])
        done(ok(value))

    def _hgetall(self, node: Node, call: Call, done: Deliver) -> None:
        fields = list(node.hashes.get(call.args["hkey"], {}).items())
        if not node.behaviour.show_nulls:
            fields = [(name, value) for name, value in fields if value is not None]
        if node.behaviour.shuffle_fields:
            self._world.luck(node, "order").shuffle(fields)
        done(ok(dict(fields)))

    # Writing.

    def _write(self, node: Node, call: Call, done: Deliver) -> None:
        time, behaviour = self._world.time, node.behaviour
        hkey, field, value = call.args.get("hkey"), call.args["key"], call.args["value"]
        targets = self._targets(node, call.args.get("chainstore_peers") or ())
        if not targets:
            done(ok(False))
            return
        start = time.now()
        soonest = start + behaviour.write_seconds

        def confirm() -> None:
            time.at(max(time.now(), soonest), lambda: done(ok(True)))

        if node.hashes.get(hkey, {}).get(field, ABSENT) == value:
            confirm()  # equal to what is here: nothing is sent
            return
        _put(node, hkey, field, value)
        if self._world.happens(node, "phantom", behaviour.phantom):
            confirm()
            return
        if _size(value) > behaviour.message_limit:
            self._world.record.messages["too_large"] += 1
        else:
            for target in targets:
                self._send(node, target, (hkey, field, value), confirm)
        time.at(start + max(behaviour.confirm_seconds, behaviour.write_seconds),
                lambda: done(ok(False)))

    def _targets(self, node: Node, peers: Sequence[str]) -> list[Target]:
        """Who gets a write: those it names and the node's own targets, itself aside."""
        behaviour, nodes = node.behaviour, self._world.nodes
        own = [nodes[index].peer_id for index in behaviour.default_targets
               if 0 <= index < len(nodes)]
        names = [*peers, *own, *([WITNESS] if behaviour.witness else [])]
        return [self._world.by_peer.get(name, name) for name in dict.fromkeys(names)
                if name != node.peer_id]

    def _send(
        self, node: Node, target: Target, change: tuple[str | None, str, Any],
        confirm: Callable[[], None],
    ) -> None:
        """One message; whether it arrives is known to the sender only by ``confirm``."""
        world, messages = self._world, self._world.record.messages
        messages["sent"] += 1
        reachable = isinstance(target, Node) or target == WITNESS
        if not reachable or world.happens(node, "loss", node.behaviour.loss):
            messages["lost"] += 1
            return
        arrival = world.time.now() + world.delay(node)
        link = (node.index, target.index if isinstance(target, Node) else target)
        if not node.behaviour.reorder:
            arrival = max(arrival, self._last_arrival.get(link, 0.0))
        self._last_arrival[link] = arrival
        if isinstance(target, Node):
            target.arriving += 1
        world.time.at(arrival, lambda: self._arrive(target, change, confirm))

    def _arrive(
        self, target: Target, change: tuple[str | None, str, Any], confirm: Callable[[], None]
    ) -> None:
        if isinstance(target, Node):
            target.arriving -= 1
            if target.state != "up":  # nobody sends it again
                self._world.record.messages["lost"] += 1
                return
            _put(target, *change)
        confirm()

    # Copying a hash from somebody else.

    def _hsync(self, node: Node, call: Call, done: Deliver) -> None:
        world, hkey = self._world, call.args["hkey"]
        if node.behaviour.old_node:
            done(UNKNOWN)
            return
        asked = call.args.get("chainstore_peers")
        peers = asked if asked is not None else [other.peer_id for other in world.nodes]
        others = [world.by_peer[peer] for peer in dict.fromkeys(peers)
                  if peer in world.by_peer and peer != node.peer_id]
        world.luck(node, "hsync").shuffle(others)  # who answers first

        def give() -> None:
            source = next((other for other in others if self._gives(other, hkey)), None)
            if source is None:
                world.time.at(start + node.behaviour.confirm_seconds,
                              lambda: done(wrong(f"hsync of {hkey}: no peer answered in time.")))
                return
            fields = _as_it_was(source, hkey)
            world.time.at(world.time.now() + world.delay(source),
                          lambda: self._merge(node, hkey, source, fields, done))

        start = world.time.now()
        world.time.at(start + world.delay(node), give)

    def _gives(self, source: Node, hkey: str) -> bool:
        behaviour = source.behaviour
        return (source.state == "up" and not behaviour.old_node
                and _size(source.hashes.get(hkey, {})) <= behaviour.message_limit
                and not self._world.happens(source, "loss", behaviour.loss))

    def _merge(
        self, node: Node, hkey: str, source: Node, fields: dict[str, Any], done: Deliver
    ) -> None:
        for field, value in fields.items():  # whatever stands here, newer or deleted
            _put(node, hkey, field, value)
        done(ok({"hkey": hkey, "source_peer": source.peer_id, "merged_fields": len(fields)}))


def _put(node: Node, hkey: str | None, field: str, value: Any) -> None:
    fields = node.hashes.setdefault(hkey, {})
    if hkey is not None:
        past = node.history.setdefault(hkey, deque(maxlen=HISTORY))
        past.append((field, fields.get(field, ABSENT)))
    fields[field] = value


def _as_it_was(node: Node, hkey: str) -> dict[str, Any]:
    """A node's hash, as many changes ago as its behaviour says."""
    fields = dict(node.hashes.get(hkey, {}))
    past = list(node.history.get(hkey, ()))
    for field, before in reversed(past[max(0, len(past) - node.behaviour.stale_hsync):]):
        if before is ABSENT:
            fields.pop(field, None)
        else:
            fields[field] = before
    return fields


def _size(value: Any) -> int:
    """Bytes of a value on the wire."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _status(node: Node, _: Call, done: Deliver) -> None:
    done(ok({"ok": True, "message": f"CStore of the sandbox's node {node.index}."}))
