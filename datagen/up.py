"""``python -m datagen up``: look before starting, start, say how to sign in, stop in order."""

from __future__ import annotations

import errno
import http.client
import math
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from datagen.domain.errors import Conflict, NotThere
from datagen.privacy import keep_private
from datagen.settings import LOOPBACK_HOSTS, Settings
from datagen.supervise import Program, Say, Supervised, chosen, parse_procfile

LOOK_SECONDS = 0.1  # between two looks at a web process that is starting
SLOW_SECONDS = 30  # a start that takes longer is worth a word


def up(settings: Settings, say: Say, procfile: Path = Path("Procfile"), *,
       attached: bool = False) -> None:
    """Run the Procfile's processes until SIGINT, SIGTERM or SIGHUP.

    ``attached`` to the program that started us: its end, the end of our standard input, is
    ours, and the way in is one line. Raises Conflict before anything was started, and when
    the supervisor ends.
    """
    keep_private()
    stop = asked_to_stop()
    if attached:
        threading.Thread(target=_end_with_starter, args=(stop,), daemon=True).start()
    programs = read_programs(settings, procfile)
    problems = preflight(settings, programs)
    if problems:
        raise Conflict("\n".join(problems))
    for warning in settings.warnings:
        say(f"Note: {warning}")
    with _data_folder(settings) as folder:
        check_folders(settings)
        say("DataGen is starting…")
        running = Supervised(programs, folder / "run", say)
        try:
            sign_in = first_sign_in(settings)  # while the processes start
            shown = (f"Ready on {address(settings)}; sign in {sign_in}" if attached
                     else banner(settings, programs, sign_in))
            _watch(settings, running, stop, shown, say)
        finally:
            say("DataGen is stopping…")
            running.stop()
    say("DataGen has stopped.")


def read_programs(settings: Settings, procfile: Path) -> tuple[Program, ...]:
    """The Procfile's programs that this configuration needs. Raises NotThere, InputError."""
    try:
        text = procfile.read_text()
    except OSError as exc:
        raise NotThere(
            f"There is no readable {procfile} here: start DataGen in its own folder."
        ) from exc
    wanted = settings.own_model and not settings.mock_model
    return chosen(parse_procfile(text), without=() if wanted else ("model",))


def preflight(settings: Settings, programs: tuple[Program, ...]) -> list[str]:
    """What stands in the way of starting on these ports, one sentence each."""
    wanted = {"web": (settings.app_host, settings.app_port, "DATAGEN_APP_PORT"),
              "model": ("127.0.0.1", settings.model_port, "DATAGEN_MODEL_PORT")}
    ports = [wanted[program.name] for program in programs if program.name in wanted]
    return [problem for host, port, name in ports
            if (problem := port_problem(host, port, name, f"{name}={port + 100} make run"))]


def port_problem(host: str, port: int, chosen_with: str, example: str) -> str | None:
    """Why nothing can listen there, in a sentence that says how to choose another port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed one lingers
        try:
            probe.bind((host, port))
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                return (f"Port {port} is already in use, perhaps by another DataGen: stop that, "
                        f"or choose another port, as in {example}.")
            if exc.errno == errno.EACCES:
                return (f"Port {port} needs more rights than you have: choose one above 1023 "
                        f"with {chosen_with}.")
            return (f"DATAGEN_APP_HOST={host} is not an address of this machine: "
                    "use 127.0.0.1, or 0.0.0.0 for every address.")
    return None


def check_folders(settings: Settings) -> None:
    """Make the folders of the data. Raises Conflict where nothing can be written."""
    for folder, variable in ((settings.data_dir, "DATAGEN_DATA_DIR"),
                             (settings.cache_dir, "DATAGEN_LOCAL_CACHE_DIR")):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as exc:
            raise Conflict(
                f"The folder {folder} can't be written ({exc.strerror}): "
                f"make it writable, or name another one with {variable}."
            ) from exc


@contextmanager
def _data_folder(settings: Settings) -> Iterator[Path]:
    """The data folder; a throwaway store's is emptied before and removed after."""
    folder = settings.data_dir
    if not settings.mock_store:
        yield folder
        return
    if folder.is_symlink() or (folder.exists() and folder.stat().st_uid != os.getuid()):
        raise Conflict(f"{folder} belongs to somebody else: remove it, then start again.")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def first_sign_in(settings: Settings) -> str:
    """Make sure that somebody can sign in; say how. A new password is in it, this once."""
    if settings.mock_store:  # every process that opens a throwaway store makes them
        return "admin with password admin, or test_user with testtest"
    if not settings.local:  # the accounts are those of the network; the worker makes the first
        return f"with an account of this network of peers; which: {ourselves()} accounts list"
    from datagen.bootstrap import build  # late: it takes half a second

    with closing(build(settings)) as services:
        password = services.accounts.init(settings.bootstrap_admin_password)
    if password is not None:
        return (f"admin with password {password}\n"
                "            (shown only now: only a hash of it is kept)")
    return f"as before; forgot it?  {ourselves()} accounts reset admin"


def ourselves() -> str:
    """How to call this command line, as short as it goes."""
    python = Path(sys.executable)
    here = Path.cwd()
    return f"{python.relative_to(here) if python.is_relative_to(here) else python} -m datagen"


def _watch(
    settings: Settings, running: Supervised, stop: threading.Event, shown: str, say: Say
) -> None:
    """Wait for the first healthy answer, show the way in, then wait for the end."""
    late = time.monotonic() + SLOW_SECONDS
    while not stop.is_set() and running.alive() and not healthy(settings):
        stop.wait(LOOK_SECONDS)
        if time.monotonic() > late:
            say("The web process does not answer yet; the lines above may say why.")
            late = math.inf
    say(shown)  # always: it may hold the only copy of a password
    while not stop.wait(LOOK_SECONDS):
        if not running.alive():
            raise Conflict("The supervisor ended unexpectedly: start DataGen again.")


def _near(host: str) -> str:
    """The name by which this machine reaches what listens on ``host``, ready for a URL."""
    if host in LOOPBACK_HOSTS - {"::1"} or host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host


def address(settings: Settings) -> str:
    """Where the web process is found from this machine."""
    return f"http://{_near(settings.app_host)}:{settings.app_port}"


def healthy(settings: Settings) -> bool:
    """Whether the web process answers on ``/health``."""
    with closing(
        http.client.HTTPConnection(_near(settings.app_host), settings.app_port, timeout=2)
    ) as connection:
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def banner(settings: Settings, programs: tuple[Program, ...], sign_in: str) -> str:
    """The address, the way in, and who answers as the model."""
    if settings.mock_model:
        model = "the built-in sample model"
    elif not settings.own_model:
        model = settings.endpoint.base_url + settings.endpoint.path
    elif find_spec("xllamacpp") is None:
        model = "the built-in sample model (no build of the local one for this machine)"
    else:
        model = "the small local one; DATAGEN_INFERENCE_BASE_URL connects a real one"
    names = ", ".join(program.name for program in programs)
    return (
        f"\n  Open      {address(settings)}"
        f"\n  Sign in   {sign_in}"
        f"\n  Model     {model}"
        f"\n  Running   {names}; Ctrl-C stops all\n"
    )


def asked_to_stop() -> threading.Event:
    """An event that the usual signals set."""
    stop = threading.Event()

    def note(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGTERM, note)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, note)
    return stop


def _end_with_starter(stop: threading.Event) -> None:
    """Our standard input is a pipe that the program that started us holds as long as it lives."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    stop.set()
