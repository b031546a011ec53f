"""Parameters of model calls that people may set, and their bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from datagen.domain.errors import Problem


class _Bounds(NamedTuple):
    low: float
    high: float
    whole: bool = False


PARAMETERS: Mapping[str, _Bounds] = {  # bounds of the node's call (WIRE.md 3) and of OpenAI's
    "temperature": _Bounds(0, 1.5),
    "max_tokens": _Bounds(16, 4096, whole=True),
    "top_p": _Bounds(0.01, 1),
    "repeat_penalty": _Bounds(0.1, 2),
    "presence_penalty": _Bounds(-2, 2),
    "frequency_penalty": _Bounds(-2, 2),
    "seed": _Bounds(0, 2**31 - 1, whole=True),
    "top_k": _Bounds(0, 10_000, whole=True),
    "min_p": _Bounds(0, 1),
    "repetition_penalty": _Bounds(0.1, 2),
    "max_completion_tokens": _Bounds(16, 65_536, whole=True),  # in place of max_tokens
}
MAX_STOPS = 4
MAX_STOP = 100  # characters
EFFORTS = ("none", "minimal", "low", "medium", "high")


def wrong_parameters(parameters: object, where: str = "inferenceParams") -> Iterator[Problem]:
    """What is wrong with the parameters of model calls; ``where``: the field they stand in."""
    if parameters is None:
        return
    if not isinstance(parameters, Mapping):
        yield Problem(path=where, message='This must be a JSON object, for example '
                                          '{"temperature": 0.7}.')
        return
    for name, value in parameters.items():
        message = None if value is None else _wrong(name, value)
        if message:
            yield Problem(path=f"{where}.{str(name)[:60]}", message=message)


def _wrong(name: object, value: object) -> str | None:
    if name == "reasoning_effort":
        return None if value in EFFORTS else f"This must be one of {', '.join(EFFORTS)}."
    if name == "stop":
        stops = value if isinstance(value, list) else [value]
        fits = 0 < len(stops) <= MAX_STOPS and all(
            isinstance(stop, str) and 0 < len(stop) <= MAX_STOP for stop in stops
        )
        return None if fits else f"This must be a text, or a list of at most {MAX_STOPS}."
    bounds = PARAMETERS.get(name) if isinstance(name, str) else None
    if bounds is None:
        known = ", ".join([*PARAMETERS, "reasoning_effort", "stop"])
        return f"This parameter is not known. Use {known}."
    kinds = int if bounds.whole else (int, float)
    fits = (isinstance(value, kinds) and not isinstance(value, bool)
            and bounds.low <= value <= bounds.high)  # never true of NaN
    kind = "a whole number" if bounds.whole else "a number"
    return None if fits else f"This must be {kind} from {bounds.low:g} to {bounds.high:g}."
