"""What was asked of the sandbox: a bounded log and counters, without values and secrets."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from datagen.sandbox.answers import Answer, Call

LOG_SIZE = 20_000  # calls remembered
MAX_PREFIXES = 1_000  # counted one by one; what comes then counts as "…"
_SHOWN = 300  # characters of a key


class Record:
    """Not thread-safe: the network guards it."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._log: deque[dict[str, Any]] = deque(maxlen=LOG_SIZE)
        self._cstore: Counter[tuple[int, str, str]] = Counter()  # by node, prefix, op
        self._r1fs: Counter[tuple[int, str]] = Counter()  # by node, op
        self._prefixes: set[str] = set()
        self.messages: Counter[str] = Counter(sent=0, lost=0, too_large=0)

    def begin(self, at: float, node: int, call: Call) -> dict[str, Any]:
        """Count a call and note it; its entry is completed by ``end``."""
        if call.api == "r1fs":
            self._r1fs[node, call.op] += 1
        else:
            self._cstore[node, self._prefix(call), call.op] += 1
        key = call.args.get("hkey", call.args.get("key", call.args.get("cid")))
        field = call.args.get("key") if "hkey" in call.args else None
        entry = {
            "at": round(at, 3), "node": node, "api": call.api, "op": call.op,
            "key": _text(key), "field": _text(field),
            "bytes": call.size, "status": None, "form": None, "ms": None,
        }
        self._log.append(entry)
        return entry

    def end(self, entry: dict[str, Any], at: float, answer: Answer) -> None:
        entry |= {"status": answer.status, "form": answer.form,
                  "ms": round((at - entry["at"]) * 1000)}

    def log(self) -> list[dict[str, Any]]:
        """The last calls, oldest first; ``status`` None = no answer yet, 0 = none ever."""
        return [dict(entry) for entry in self._log]

    def counters(self, node: int | None) -> dict[str, Any]:
        """Calls of a node, or of all, since the last ``clear``.

        CStore by key prefix and op, R1FS by op, and the messages between all nodes.
        """
        cstore: dict[str, Counter[str]] = {}
        for (at, name, op), calls in sorted(self._cstore.items()):
            if node in {None, at}:
                cstore.setdefault(name, Counter())[op] += calls
        r1fs: Counter[str] = Counter()
        for (at, op), calls in sorted(self._r1fs.items()):
            if node in {None, at}:
                r1fs[op] += calls
        return {"cstore": {name: dict(ops) for name, ops in cstore.items()},
                "r1fs": dict(r1fs), "messages": dict(self.messages)}

    def _prefix(self, call: Call) -> str:
        name = prefix(str(call.args.get("hkey", call.args.get("key", ""))))
        if len(self._prefixes) < MAX_PREFIXES:
            self._prefixes.add(name)
        return name if name in self._prefixes else "…"


def prefix(key: str) -> str:
    """What keys are counted by: the first two parts, ``datagen:job`` of ``datagen:job:7:peers``."""
    return ":".join(key.split(":")[:2])[:_SHOWN]


def _text(key: Any) -> str | None:
    return None if key is None else str(key)[:_SHOWN]
