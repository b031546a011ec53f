"""What the commands say and share: sentences, JSON, the store the environment names."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from datagen.domain.errors import DatagenError, InputError, ModelError

if TYPE_CHECKING:
    from datagen.bootstrap import Services


def say(text: str) -> None:
    """One thing on standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One thing for the person, on standard error: what is piped on stays clean."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def say_json(value: Any) -> None:
    """A value for a program, on standard output."""
    say(json.dumps(value, ensure_ascii=True, indent=2))  # any terminal can show it


def sentence(exc: DatagenError) -> str:
    """What to tell the person: the message, then each thing that is wrong."""
    lines = [str(exc)]
    if isinstance(exc, InputError):
        lines += [
            f"  {problem.path}: {problem.message}" if problem.path else f"  {problem.message}"
            for problem in exc.problems
        ]
    if isinstance(exc, ModelError) and exc.advice not in lines[0]:
        lines.append(exc.advice)
    return "\n".join(lines)


@contextmanager
def opened() -> Iterator[Services]:
    """The services of the store that the environment names. Raises SettingsError, StoreError."""
    from datagen import settings
    from datagen.bootstrap import build

    with closing(build(settings.load())) as services:
        yield services
