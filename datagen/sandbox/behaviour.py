"""The switches: how a node behaves. Without any of them it is kind: quick and right.

All seconds are seconds of the network; a sandbox that runs at ``scale`` 100 shows 30 of them
in 0.3 real ones. A rate is the share of cases, 0 to 1, drawn from the seed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from datagen.domain.errors import InputError

CSTORE_FORMS = ("result", "detail", "validation", "error", "text", "timeout", "reset")
R1FS_FORMS = (*CSTORE_FORMS, "null")  # null: 200 with {"cid": null}

_Clean = Callable[[Any], Any]  # the value as it is kept; ValueError: what it has to be


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise ValueError("a number of at least 0")
    return float(value)


def _rate(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1")
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - a value that came as JSON
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**40:  # True is 1
        raise ValueError("a whole number of at least 0")
    return int(value)


def _nodes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not all(type(item) is int for item in value):
        raise ValueError("a list of node numbers, such as [0, 2]")
    return tuple(value)


def _one_of(*choices: str) -> _Clean:
    def clean(value: Any) -> str:
        if value not in choices:
            raise ValueError(" or ".join(choices))
        return str(value)

    return clean


def _errors(*forms: str) -> _Clean:
    def clean(value: Any) -> dict[str, float]:
        says = f"a rate, or an object of rates by form ({', '.join(forms)})"
        try:
            rates = {form: _rate(rate) for form, rate in value.items()} if isinstance(
                value, Mapping) else dict.fromkeys(forms, _rate(value))
        except ValueError as exc:
            raise ValueError(says) from exc
        if not set(rates) <= set(forms) or sum(rates.values()) > 1 + 1e-9:
            raise ValueError(f"{says}; together at most 1")
        return rates

    return clean


def _switch(default: Any, clean: _Clean, means: str) -> Any:
    kept = clean(default)
    return field(default_factory=lambda: kept, metadata={"clean": clean, "means": means})


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How one node behaves. Raises InputError for a value that doesn't fit its switch."""

    raw: bool = _switch(False, _flag, "answers in RAW mode: fields of an object result stand at "
                        "top level among the node's own")
    latency: float = _switch(0, _number, "seconds an answer is on its way; others go on meanwhile")
    serial: bool = _switch(True, _flag, "each API of a node handles one call at a time")
    write_seconds: float = _switch(0.1, _number, "seconds a CStore write takes at least")
    confirm_seconds: float = _switch(30, _number, "seconds a write waits for a confirmation before "
                                     "it answers false; also hsync for a peer")
    witness: bool = _switch(True, _flag, "one more default target, outside of the sandbox, that "
                            "confirms and keeps silent")
    default_targets: tuple[int, ...] = _switch((), _nodes, "nodes that get every write of this "
                                               "one, whatever its chainstore_peers say")
    replication_delay: float = _switch(0, _number, "seconds a message to another node takes")
    replication_jitter: float = _switch(0, _number, "up to so many seconds more, by chance")
    reorder: bool = _switch(False, _flag, "a message may overtake another between the same nodes "
                            "(needs replication_jitter)")
    loss: float = _switch(0, _rate, "rate of messages that never arrive")
    phantom: float = _switch(0, _rate, "rate of writes that answer true though nobody else "
                           "got them")
    message_limit: int = _switch(2_000_000, _count, "bytes; a value, or a hash for hsync, that is "
                                 "larger is not sent")
    shuffle_fields: bool = _switch(True, _flag, "hgetall gives the fields in any order")
    show_nulls: bool = _switch(False, _flag, "hgetall shows deleted fields as null")
    hgetall_500: float = _switch(0, _rate, "rate of hgetall calls that answer 500 while a write "
                                 "goes on at the node or is arriving")
    stale_hsync: int = _switch(0, _count, "as a source of hsync, the node gives its hash as it was "
                               "so many changes before")
    old_node: bool = _switch(False, _flag, "knows no hsync: 404")
    cstore_errors: Mapping[str, float] = _switch(
        {}, _errors(*CSTORE_FORMS), "rate of CStore calls that fail, by form; a plain number is "
        "the rate of each form")
    r1fs_errors: Mapping[str, float] = _switch(
        {}, _errors(*R1FS_FORMS), "the same for R1FS, with the form null besides")
    errors_applied: float = _switch(0.5, _rate, "share of such failures whose call was carried "
                                    "out all the same")
    timeout_after: float = _switch(0, _number, "seconds before a failure of the form timeout (504) "
                                   "answers; a real node: 120")
    file_seconds: float = _switch(0, _number, "seconds an R1FS call takes")
    file_delay: float = _switch(0, _number, "seconds until other nodes can fetch a new file")
    slow_files: float = _switch(0, _rate, "rate of files that other nodes fetch slowly")
    slow_seconds: float = _switch(20, _number, "seconds such a fetch takes")
    dead_files: float = _switch(0, _rate, "rate of files that other nodes can never fetch")
    wrong_files: float = _switch(0, _rate, "rate of files that other nodes get with other digits")
    missing: str = _switch("404", _one_of("404", "result"), "how a missing file is told: as 404, "
                           "or as 200 with result.error")
    missing_after: float = _switch(0, _number, "seconds a node looks for a missing file; a real "
                                   "node: up to 90 and more")
    get_file: str = _switch("bytes", _one_of("bytes", "path"), "get_file streams the bytes, or "
                            "answers {file_path, meta} without them")
    fn_required: bool = _switch(False, _flag, "add_json and add_yaml refuse a call without fn")
    sort_json: bool = _switch(False, _flag, "add_json stores the object with sorted keys")
    check_secrets: bool = _switch(True, _flag, "a file opens only with the secret it was added "
                                  "with; false: a server that doesn't encrypt")
    base64_limit: int = _switch(16_000_000, _count, "bytes; a larger body of an R1FS call other "
                                "than add_file is refused with 413")

    def __post_init__(self) -> None:
        for switch in fields(self):
            try:
                kept = switch.metadata["clean"](getattr(self, switch.name))
            except ValueError as exc:
                raise InputError(f"The switch {switch.name} takes {exc}.") from exc
            object.__setattr__(self, switch.name, kept)

    def changed(self, /, **switches: Any) -> Behaviour:
        """The same with some switches set. Raises InputError, also for an unknown name."""
        unknown = sorted(set(switches) - SWITCHES.keys())
        if unknown:
            raise InputError(f"There is no switch {', '.join(unknown)}. "
                             f"There are {', '.join(SWITCHES)}.")
        return replace(self, **switches)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


SWITCHES = {switch.name: str(switch.metadata["means"]) for switch in fields(Behaviour)}


def read_setting(text: str) -> tuple[str, Any]:
    """``name=value`` as name and value: JSON where it is some, else a text. Raises InputError."""
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"{text} sets nothing: write name=value, such as loss=0.1.")
    try:
        return name.strip(), json.loads(value)
    except ValueError:  # a word, such as path
        return name.strip(), value.strip()
