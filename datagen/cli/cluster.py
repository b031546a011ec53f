"""``cluster``: several replicas on this machine, each on a node of a sandbox of its own."""

from __future__ import annotations

import argparse
import os
import shlex
import string
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datagen.cli.sandbox import ADMIN_PASSWORD, described
from datagen.cli.terminal import PROG, command, say
from datagen.domain.errors import Conflict, InputError

if TYPE_CHECKING:
    from datagen.sandbox import Sandbox
    from datagen.settings import Settings

LOOK_SECONDS = 0.1  # between two looks at replicas that are starting
STOP_SECONDS = 15  # a replica has this long; it gives its own processes up to 12

# Unless the environment says otherwise: jobs that run long enough to be watched, quick looks, and
# help for who is gone (that takes both: three times the timeout may pass before it).
WATCHABLE = {"DATAGEN_MOCK_INFERENCE_API": "1", "DATAGEN_MAX_IN_FLIGHT": "2",
             "DATAGEN_MAX_RECORDS_PER_JOB": "5000", "DATAGEN_ACTIVE_POLL_SECONDS": "1",
             "DATAGEN_IDLE_POLL_SECONDS": "2", "DATAGEN_JOB_POLL_SECONDS": "1",
             "DATAGEN_PEER_DEAD_SECONDS": "40", "DATAGEN_INFERENCE_TIMEOUT_SECONDS": "10"}


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = command(
        commands, "cluster", _cluster,
        "start several replicas that share their work, on a sandbox; Ctrl-C stops all",
        "cluster", "cluster --replicas 5 --port 8601",
        "cluster --set cstore_errors=0.01 --set replication_delay=2", as_json=False,
    )
    parser.add_argument("--replicas", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--port", type=int, default=8501, metavar="FIRST",
                        help="of the first replica, the others follow; default: 8501")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="any switch of docs/sandbox.md; may be given several times")
    parser.add_argument("--keep", type=Path, metavar="DIR",
                        help="keep the replicas' folders there; what the nodes stored goes anyway")


def _cluster(asked: argparse.Namespace) -> None:
    from datagen.sandbox import Behaviour, Plan, running
    from datagen.sandbox.behaviour import read_setting
    from datagen.up import asked_to_stop

    switches = dict(read_setting(setting) for setting in asked.set)
    plan = Plan(nodes=asked.replicas, behaviour=Behaviour().changed(**switches))
    if not 1 <= asked.port <= 65_536 - 2 * plan.nodes:
        raise InputError(f"The first port is a number from 1 to {65_536 - 2 * plan.nodes}.")
    with _folder(asked.keep) as folder, running(plan) as sandbox:
        places = _places(sandbox, Path(folder), asked.port)
        _prepare(places)
        stop = asked_to_stop()
        with _started(places, stop) as replicas:
            if _wait_until_ready(sandbox, replicas, stop):
                say(_text(replicas, sandbox.control_url))
            stop.wait()
    say("All replicas have stopped." + (f" Their folders: {asked.keep}" if asked.keep else ""))


def _folder(kept: Path | None) -> AbstractContextManager[str | Path]:
    """Where the replicas' folders go. Raises Conflict."""
    if kept is None:
        return tempfile.TemporaryDirectory(prefix="datagen-cluster-", ignore_cleanup_errors=True)
    try:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise Conflict(f"The folder {kept} can't be made ({exc.strerror}): name another one "
                       "with --keep.") from exc
    return nullcontext(kept.absolute())


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What one replica is started with."""

    letter: str
    folder: Path
    variables: Mapping[str, str]  # what makes a shell this replica's; no secret of the person's
    environment: Mapping[str, str]  # all that it is started with
    settings: Settings


def _places(sandbox: Sandbox, folder: Path, port: int) -> list[_Place]:
    """Raises SettingsError where the environment we were started in doesn't fit."""
    from datagen import settings

    # Handed on to the replicas, not read; a real node's addresses would go over the sandbox's.
    ours = {name: value for name, value in os.environ.items()  # noqa: TID251 - as said above
            if not name.startswith(("EE_", "R1EN_", "CSTORE_", "R1FS_"))}
    known = {name for variable in settings.VARIABLES if not variable.secret
             for name in (variable.name, *variable.aliases)}
    chosen = WATCHABLE | {name: value for name, value in ours.items() if name in known}
    places = []
    for index, node in enumerate(described(sandbox)["nodes"]):
        letter = string.ascii_uppercase[index]
        variables = chosen | node["environment"] | {
            "DATAGEN_MOCK_CSTORE": "0",
            "DATAGEN_APP_HOST": "127.0.0.1",  # everybody knows the password
            "DATAGEN_APP_PORT": str(port + index),
            "DATAGEN_MODEL_PORT": str(port + len(sandbox.nodes) + index),
            "DATAGEN_DATA_DIR": str(folder / letter),
            "DATAGEN_LOCAL_CACHE_DIR": str(folder / letter / "cache"),
        }
        environment = ours | variables
        places.append(_Place(letter=letter, folder=folder / letter, variables=variables,
                             environment=environment, settings=settings.load(environment)))
    return places


def _prepare(places: Sequence[_Place]) -> None:
    """Make the folders. Raises Conflict where a port is taken or a folder can't be written."""
    from datagen.up import check_folders, port_problem, read_programs

    read_programs(places[0].settings, Path("Procfile"))
    first = places[0].settings.app_port
    example = f"{PROG} cluster --port {first + 100}"
    problems = [port_problem(here.app_host, here.app_port, "--port", example)
                for here in (place.settings for place in places)]
    if any(problems):
        raise Conflict("\n".join(filter(None, problems)))
    for place in places:
        check_folders(place.settings)
        lines = [f"export {name}={shlex.quote(value)}" for name, value in place.variables.items()]
        (place.folder / "environment").write_text("\n".join(lines) + "\n")


class _Replica:
    """One ``up`` that runs; its lines get its letter."""

    def __init__(self, place: _Place, stop: threading.Event) -> None:
        self.place = place
        self._stop = stop
        self.process = subprocess.Popen(
            [sys.executable, "-m", "datagen", "up", "--attached"], env=place.environment,
            stdin=subprocess.PIPE,  # its end tells the replica that we are gone
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
            start_new_session=True,  # Ctrl-C reaches us alone
        )
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    def _pass_on(self) -> None:
        for line in self.process.stdout or ():
            say(f"{self.place.letter} | {line.rstrip()}")
        self.process.wait()
        if not self._stop.is_set():
            say(f"{self.place.letter} has ended and is left so. In another terminal this brings "
                f"it back:\n    {_again(self.place)}")

    def end(self) -> None:
        """Have it end by itself, else by force."""
        with self.process:  # closes its pipes
            try:
                self.process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
            self._reader.join(timeout=2)


@contextmanager
def _started(places: Sequence[_Place], stop: threading.Event) -> Iterator[list[_Replica]]:
    """All of them, running until the end of the block; ``stop`` is set then."""
    replicas: list[_Replica] = []
    try:
        replicas += (_Replica(place, stop) for place in places)
        yield replicas
    finally:
        stop.set()
        for replica in replicas:
            replica.process.terminate()
        for replica in replicas:
            replica.end()


def _wait_until_ready(
    sandbox: Sandbox, replicas: Sequence[_Replica], stop: threading.Event
) -> bool:
    """Whether all that run came up, the account on every node among it, before ``stop``."""
    from datagen.sandbox.plan import AUTH_HKEY
    from datagen.up import healthy

    def ready(index: int, replica: _Replica) -> bool:
        return replica.process.poll() is not None or (
            healthy(replica.place.settings)
            and bool(sandbox.network.dump(index)["hashes"].get(AUTH_HKEY)))

    while not stop.wait(LOOK_SECONDS):
        if all(ready(index, replica) for index, replica in enumerate(replicas)):
            return True
    return False


def _help(settings: Settings) -> str:
    """What becomes of the work of one that is gone."""
    from datagen.services.generation import dead_after

    seconds = dead_after(settings)
    if not seconds:
        return "its share waits for it."
    return f"who is idle helps its share after {seconds:g} s without progress."


def _again(place: _Place) -> str:
    """The line that starts a replica by hand."""
    from datagen.up import ourselves

    environment = shlex.quote(str(place.folder / "environment"))
    return f"sh -c {shlex.quote(f'. {environment} && exec {ourselves()} up')}"


def _text(replicas: Sequence[_Replica], control: str) -> str:
    """The ways in, and how to break something: the last replica and its node."""
    from datagen.domain.peers import peer_name
    from datagen.up import address

    last, node = replicas[-1], len(replicas) - 1
    letter = last.place.letter
    addresses = [f"  {replica.place.letter}         {address(replica.place.settings)}  "
                 f"{peer_name(replica.place.settings.peer_id)}" for replica in replicas]
    return "\n".join(["", *addresses, f"""
  Sign in   admin with password {ADMIN_PASSWORD}; once: a session holds on all of them
  Node      curl -s {control}/stop -d '{{"node": {node}}}'
            takes {letter}'s node away, /start brings it back; more: docs/sandbox.md
  Replica   kill {last.process.pid}
            ends {letter} for good; {_help(last.place.settings)}
            This brings it back in another terminal:
            {_again(last.place)}
  Running   Ctrl-C stops all
"""])
