"""CStore over a node's HTTP API: keys and hashes that its peers copy from one another.

What CStore promises is little (WIRE.md, 1). A write that returns is held by one other node,
not by all; the same value once more is answered well and sent to nobody, so whoever says a
thing again changes its bytes. Reads are this node's own copy, which may be old.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from datagen.adapters.foreign import VALUE_LIMIT, Foreign, printable
from datagen.adapters.node_answers import Answer, NodeError, Service, Why, fields_of, result_of
from datagen.adapters.node_http import STATUS_TIMEOUT, NodeHttp
from datagen.adapters.turns import Turns
from datagen.domain.errors import StoreError, StoreUnconfirmed
from datagen.ports import Clock

_LOG = logging.getLogger(__name__)

_TRIES = 7  # of a read
_PAUSE = 0.1  # seconds before a second try, doubled before each further one
_LONGEST_PAUSE = 0.4  # seconds
_UNSENT_PAUSE = 0.2  # seconds before a write that never left goes out once more
# A hash with a field of this name can't be read as a whole any more: the node takes it for
# the status of its answer (WIRE.md, 1).
_POISON = "status_code"


class CStore:
    """A HashStore on a Ratio1 node. Raises StoreError, StoreUnconfirmed for a lonely write.

    ``peers``: the ids of all replicas, this one's included. ``confirmation``: seconds after
    which a ``false`` means that no other node confirmed the write in time; before, that
    there was none to ask.
    """

    def __init__(
        self, url: str, *, peers: tuple[str, ...], clock: Clock,
        read_timeout: float = 40.0, write_timeout: float = 45.0, confirmation: float = 5.0,
        nap: Callable[[float], None] = time.sleep, chance: Callable[[], float] = random.random,
    ) -> None:
        self._service = Service(
            name="The shared store", url=url, variable="EE_CHAINSTORE_API_URL"
        )
        self._http = NodeHttp(self._service, clock=clock)
        self._peers = list(peers)
        self._clock = clock
        self._read_timeout = read_timeout  # seconds, as the others
        self._write_timeout = write_timeout
        self._confirmation = confirmation
        self._nap = nap
        self._chance = chance
        self._turns = Turns()
        self._foreign = Foreign()

    @property
    def foreign(self) -> int:
        """How many places were seen to hold a value that can't be DataGen's."""
        return self._foreign.count

    def get(self, key: str) -> str | None:
        value = self._read("get", {"key": key}, result_of)
        return self._foreign.sifted(key, {"": value}).get("")

    def hget(self, hkey: str, field: str) -> str | None:
        value = self._read("hget", {"hkey": hkey, "key": field}, result_of)
        return self._foreign.sifted(hkey, {field: value}).get(field)

    def hgetall(self, hkey: str) -> dict[str, str]:
        query = {"hkey": hkey}
        try:
            fields = self._read("hgetall", query, fields_of)
        except NodeError as exc:
            if exc.status is None or not self._cured(hkey):
                raise
            fields = self._read("hgetall", query, fields_of)
        else:
            if fields is None and self._cured(hkey):  # it said 404
                fields = self._read("hgetall", query, fields_of)
        return self._foreign.sifted(hkey, fields or {})

    def _cured(self, hkey: str) -> bool:
        """Whether somebody's field made the hash unreadable, which is taken away now.

        Anybody could end all work for good with it. Raises StoreError.
        """
        place = {"hkey": hkey, "key": _POISON}
        try:
            found = result_of(self._http.get("hget", place, timeout=STATUS_TIMEOUT))
        except NodeError:
            return False
        if found is None:
            return False
        _LOG.warning("A field named %s, which is not DataGen's, made %s unreadable. It is taken "
                     "away.", _POISON, printable(hkey))
        self._write("hset", place, None)
        return True

    def set(self, key: str, value: str | None) -> None:
        self._write("set", {"key": key}, value)

    def hset(self, hkey: str, field: str, value: str | None) -> None:
        if field == _POISON and value is not None:
            raise StoreError(f"The shared store can't hold anything by the name of {_POISON}: "
                             "all beside it would become unreadable. Choose another name.")
        self._write("hset", {"hkey": hkey, "key": field}, value)

    def hsync(self, hkey: str, peer: str) -> bool:
        """Let the node fetch a hash from ``peer``; False: it didn't answer, or the node can't.

        Raises StoreError when it is this node that doesn't answer. Beware: what is fetched
        may be old, and overwrites what is newer (WIRE.md, 1).
        """
        body = {"hkey": hkey, "chainstore_peers": [peer]}
        try:
            with self._turns:
                result = result_of(self._http.post("hsync", body, timeout=self._write_timeout))
        except NodeError as exc:
            if exc.status is None:
                raise
            return False
        source = result.get("source_peer") if isinstance(result, dict) else None
        return isinstance(source, str) and _bare(source) == _bare(peer)

    def status(self) -> None:
        """Return if the store answers. Raises StoreError."""
        self._http.status()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._http.close()

    def _read(
        self, call: str, query: Mapping[str, str], meaning: Callable[[Answer], Any]
    ) -> Any:
        """What a read answers; None for what is not there.

        Said again where that can help: a node may answer 500 while a write goes on. Never
        after a long wait, for the next call would wait behind the same one.
        """
        deadline = self._clock.monotonic() + self._read_timeout
        for number in range(1, _TRIES + 1):
            began = self._clock.monotonic()
            left = deadline - began
            try:
                return meaning(self._http.get(call, query, timeout=max(left, 0.1)))
            except NodeError as exc:
                if exc.why is Why.ABSENT and exc.status == 404:
                    return None
                pause = min(_PAUSE * 2 ** (number - 1), _LONGEST_PAUSE) * (0.5 + self._chance())
                took = self._clock.monotonic() - began
                if number == _TRIES or not exc.may_pass(took) or pause >= left - took:
                    raise
            self._nap(pause)
        raise AssertionError("the last try returns or raises")

    def _write(self, call: str, place: Mapping[str, str], value: str | None) -> None:
        """Write once. An answer that was lost is not asked for again with equal bytes: the
        node would answer well, and still nobody else would have the value. Who can change
        them learns from ``passing`` whether to say it again."""
        if value is not None and len(value.encode()) > VALUE_LIMIT:
            raise StoreError("A value of more than 1 MiB can't be stored: nodes don't pass it on.")
        body = {**place, "value": value, "chainstore_peers": self._peers}
        with self._turns:
            began = self._clock.monotonic()
            try:
                stored = self._sent(call, body)
            except NodeError as exc:
                exc.passing = exc.why is not Why.UNSENT and exc.may_pass(
                    self._clock.monotonic() - began)
                raise
            took = self._clock.monotonic() - began
        if stored is False and took >= self._confirmation:
            raise StoreUnconfirmed(
                f"{self._service} keeps the value, but no other node has confirmed it yet. "
                "Check that the peers in R1EN_CHAINSTORE_PEERS are online."
            )
        if stored is False:
            raise StoreError(
                f"{self._service} stored nothing, for it has no other node to send to. "
                "Check R1EN_CHAINSTORE_PEERS."
            )
        if stored is not True:
            raise NodeError(self._service, Why.UNREADABLE, status=200)

    def _sent(self, call: str, body: Mapping[str, Any]) -> Any:
        try:
            answer = self._http.post(call, body, timeout=self._write_timeout)
        except NodeError as exc:
            if exc.why is not Why.UNSENT:
                raise
            self._nap(_UNSENT_PAUSE * (0.5 + self._chance()))
            answer = self._http.post(call, body, timeout=self._write_timeout)
        return result_of(answer)


def _bare(peer: str) -> str:
    return peer.removeprefix("0xai_")
