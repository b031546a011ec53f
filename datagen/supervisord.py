"""Supervisor as we run it: ``python -m datagen.supervisord CONFIG``, started by ``up``.

Four things differ from the ``supervisord`` command: the pause before a restart never
grows past ``LONGEST_PAUSE``, the terminal gets one plain sentence per process that died,
the whole set ends when the process that started it is gone, and it notices within a tenth
of a second what happens.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from typing import Any

from supervisor.options import ProcessConfig, ServerOptions
from supervisor.poller import Poller
from supervisor.process import Subprocess
from supervisor.states import ProcessStates
from supervisor.supervisord import Supervisor

LONGEST_PAUSE = 3  # seconds; a dead process is back within 5
TICK = 0.1  # seconds until a signal or an end is noticed: a platform gives all of us five
PYTHON = "DATAGEN_PYTHON"  # stands in CONFIG for the interpreter that runs us


class PatientProcess(Subprocess):  # type: ignore[misc]  # supervisor has no stubs
    backoff: int  # failed starts in a row
    delay: float  # when the next start is due, in Unix time
    laststart: float

    def change_state(self, new_state: int, expected: bool = True) -> Any:
        changed = super().change_state(new_state, expected)
        if new_state == ProcessStates.BACKOFF:
            # Supervisor waits one second longer after every failed start, without end.
            self.backoff = min(self.backoff, LONGEST_PAUSE)
            self.delay = min(self.delay, self.laststart + LONGEST_PAUSE)
            _say(f"{self.config.name} stopped at its start; it is tried again.")
        elif new_state == ProcessStates.EXITED:
            _say(f"{self.config.name} stopped; it is started again.")
        return changed


class _Config(ProcessConfig):  # type: ignore[misc]  # supervisor has no stubs
    def make_process(self, group: Any = None) -> PatientProcess:
        process = PatientProcess(self)
        process.group = group
        return process


class _Poller(Poller):  # type: ignore[misc]  # supervisor has no stubs
    def poll(self, timeout: float) -> Any:
        return super().poll(min(timeout, TICK))


class _Options(ServerOptions):  # type: ignore[misc]  # supervisor has no stubs
    def __init__(self) -> None:
        super().__init__()
        # As an expansion, a path with spaces or comment signs survives the config file.
        self.environ_expansions[f"ENV_{PYTHON}"] = shlex.quote(sys.executable)
        self.poller = _Poller(self)

    def processes_from_section(
        self, parser: Any, section: str, group_name: str, klass: Any = None
    ) -> Any:
        ours = _Config if klass in {None, ProcessConfig} else klass
        return super().processes_from_section(parser, section, group_name, ours)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def _end_with_starter() -> None:
    """Our standard input is a pipe that ``up`` holds open as long as it lives."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main(config: str) -> None:
    """Run until SIGTERM; every process is stopped then."""
    options = _Options()
    options.realize(["-n", "-c", config], doc=__doc__)
    options.first, options.test = True, False
    threading.Thread(target=_end_with_starter, daemon=True).start()
    Supervisor(options).main()


if __name__ == "__main__":
    main(sys.argv[1])
