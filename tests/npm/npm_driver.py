"""The npm packages, called from Python: one Node.js process that answers line by line."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).parent
ADMIN_PASSWORD = "the first password of admin"  # as the npm library finds it in its environment
MISSING = object()  # what a call gave that answered JavaScript's undefined


class NpmError(Exception):
    """What a package threw."""

    def __init__(self, *, name: str, message: str, code: str | None = None,
                 status: int | None = None) -> None:
        super().__init__(message)
        self.name, self.code, self.status = name, code, status


@dataclass(frozen=True, kw_only=True)
class Npm:
    """A running ``driver.js``; calls go to one node of a sandbox."""

    stdin: IO[str]
    stdout: IO[str]
    log: Path  # what Node.js wrote to its standard error
    options: dict[str, Any]

    def on(self, **options: Any) -> Npm:
        """The same process with these options of the packages besides."""
        return replace(self, options={**self.options, **options})

    def cstore(self, call: str, **arguments: Any) -> Any:
        return self._call("cstore", call, [arguments])

    def r1fs(self, call: str, **arguments: Any) -> Any:
        return self._call("r1fs", call, [arguments])

    def auth(self, call: str, *arguments: Any) -> Any:
        return self._call("auth", call, arguments)

    def _call(self, service: str, call: str, arguments: Any) -> Any:
        """What it answered. Raises NpmError."""
        self.stdin.write(json.dumps({
            "service": service, "call": call, "args": arguments, "options": self.options,
        }) + "\n")
        self.stdin.flush()
        line = self.stdout.readline()
        assert line, f"Node.js has ended:\n{self.log.read_text()}"
        answer = json.loads(line)
        if "error" in answer:
            raise NpmError(**answer["error"])
        return answer.get("result", MISSING)
