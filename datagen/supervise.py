"""The Procfile's processes under a supervisor, from its lines to the last goodbye."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datagen.domain.errors import InputError

Say = Callable[[str], None]

STOP_SECONDS = 6  # a process has this long to end by itself; the worker needs up to 5
_LINE = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):\s*(\S.*)")
_SHELL = re.compile(r"[$`;&|<>#(){}*?]")
_CONTROL = {n: None for n in (*range(32), 127) if n != 9}  # keeps tabs


@dataclass(frozen=True, kw_only=True)
class Program:
    """One line of the Procfile."""

    name: str
    command: tuple[str, ...]  # ``python`` as first word means our own interpreter


def parse_procfile(text: str) -> tuple[Program, ...]:
    """The programs in order. Raises InputError naming the line that does not fit.

    Commands run without a shell, so that a signal reaches the program itself.
    """
    programs: dict[str, Program] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(f"Procfile, line {number}: expected `name: command`.")
        name, command = match.groups()
        if name in programs:
            raise InputError(f"Procfile, line {number}: {name} is there twice.")
        if _SHELL.search(command):
            raise InputError(f"Procfile, line {number}: {name} may use no shell characters.")
        try:
            words = tuple(shlex.split(command))
        except ValueError as exc:
            raise InputError(f"Procfile, line {number}: a quote is not closed.") from exc
        programs[name] = Program(name=name, command=words)
    if not programs:
        raise InputError("The Procfile names no process.")
    return tuple(programs.values())


def configuration(
    programs: Sequence[Program], outputs: Mapping[str, int], stop_seconds: int = STOP_SECONDS
) -> str:
    """Supervisor's configuration; ``outputs`` maps each name to the descriptor of its log."""
    lines = [
        "[supervisord]",
        "nodaemon=true",
        "loglevel=error",
        "logfile=/dev/null",
        "logfile_maxbytes=0",
        "pidfile=%(here)s/supervisord.pid",
        "minfds=256",
        "minprocs=1",
        'environment=PYTHONUNBUFFERED="1"',
        *(["user=root"] if os.getuid() == 0 else []),  # said on purpose, or it is warned about
        "[group:datagen]",  # one group, so that all are stopped at once
        f"programs={','.join(program.name for program in programs)}",
    ]
    for program in programs:
        lines += [
            f"[program:{program.name}]",
            f"command={_command(program.command)}",
            "autorestart=true",
            "startsecs=1",
            "startretries=1000000000",  # never gives up
            f"stopwaitsecs={stop_seconds}",
            "stopasgroup=true",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile=/dev/fd/{outputs[program.name]}",
            "stdout_logfile_maxbytes=0",
        ]
    return "\n".join(lines) + "\n"


def _command(words: Sequence[str]) -> str:
    quoted = [shlex.quote(word).replace("%", "%%") for word in words]
    if words[0] in {"python", "python3"}:
        quoted[0] = "%(ENV_DATAGEN_PYTHON)s"
    return " ".join(quoted)


class Supervised:
    """The programs, running and restarted until ``stop``; their lines go to ``say``."""

    def __init__(
        self, programs: Sequence[Program], folder: Path, say: Say,
        stop_seconds: int = STOP_SECONDS,
    ) -> None:
        """Start them. ``folder`` gets the configuration; only we may look into it."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        width = max(len(program.name) for program in programs)
        pipes = {program.name: os.pipe() for program in programs}
        config = folder / "supervisord.conf"
        outputs = {name: write for name, (_, write) in pipes.items()}
        config.write_text(configuration(programs, outputs, stop_seconds))
        self._stop_seconds = stop_seconds
        self._stopping = False
        self._process = subprocess.Popen(  # noqa: S603 - our own module, our own file
            [sys.executable, "-m", "datagen.supervisord", str(config)],
            stdin=subprocess.PIPE,  # its end tells the supervisor that we are gone
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=list(outputs.values()),
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop the rest in order
        )
        for write in outputs.values():
            os.close(write)
        self._readers = [
            threading.Thread(target=self._pass_on, daemon=True,
                             args=(read, f"{name:<{width}} | ", say))
            for name, (read, _) in pipes.items()
        ]
        if self._process.stdout is not None:
            own = os.dup(self._process.stdout.fileno())
            self._readers.append(
                threading.Thread(target=self._pass_on, daemon=True, args=(own, "", say))
            )
        for reader in self._readers:
            reader.start()

    def _pass_on(self, descriptor: int, prefix: str, say: Say) -> None:
        with open(descriptor, errors="replace") as lines:
            for line in lines:
                if prefix or not self._stopping:
                    say(prefix + line.translate(_CONTROL))

    def alive(self) -> bool:
        """Whether the supervisor itself still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End every program, by force where it does not end by itself."""
        self._stopping = True
        with self._process:  # closes its pipes
            self._process.terminate()
            try:
                self._process.wait(timeout=self._stop_seconds + 6)
            except subprocess.TimeoutExpired:
                self._process.kill()
        for reader in self._readers:
            reader.join(timeout=2)


def chosen(programs: Iterable[Program], *, without: Iterable[str]) -> tuple[Program, ...]:
    """The programs but for those named in ``without``."""
    left_out = set(without)
    return tuple(program for program in programs if program.name not in left_out)
