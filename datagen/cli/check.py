"""``check``: what is configured, what answers, what is wrong, and what to do about it."""

from __future__ import annotations

import argparse
import shutil
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from datagen.cli.finding import Finding
from datagen.cli.terminal import PROG, columns, command, say, say_json
from datagen.domain.errors import DatagenError, SettingsError

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.settings import Settings

CONNECT_WITHIN = 5.0  # seconds
LOW_SPACE = 200 * 1024 * 1024  # bytes


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = command(commands, "check", _check, "tell what is configured, reachable and wrong",
                     "check", "check --json")
    parser.epilog = (parser.epilog or "") + "\n\nexit status: 0 nothing is wrong, 1 something is"


def _check(asked: argparse.Namespace) -> int:
    findings = list(_findings())
    wrong = any(finding.state == "wrong" for finding in findings)
    if asked.json:
        say_json({"ok": not wrong, "findings": [
            {"what": f.what, "state": f.state, "found": f.found, "do": f.do or None}
            for f in findings
        ]})
        return int(wrong)
    say(columns([(f.state, f.what, f.found) for f in findings]))
    todo = [f for f in findings if f.do]
    for finding in todo:
        say(f"\n{finding.what}: {finding.do}")
    return int(wrong)


def _findings() -> Iterator[Finding]:
    from datagen import settings as environment

    try:
        settings = environment.load()
    except SettingsError as exc:
        for problem in exc.problems:
            yield Finding(what="settings", state="wrong", found=problem,
                          do="Change the variable, then check again.")
        return
    yield Finding(what="settings", state="ok", found="readable")
    for name in settings.short_secrets:
        yield Finding(what="settings", state="wrong", found=f"{name} is shorter than 32 bytes",
                      do="Make a longer one (openssl rand -base64 48). With the old one as "
                         "DATAGEN_SESSION_SECRET_PREVIOUS nobody has to sign in again.")
    if not settings.local:
        from datagen.cli.check_node import findings

        yield from findings(settings)
    yield from _store(settings)
    yield _space(settings)
    yield _model(settings)
    yield _web(settings)


def _store(settings: Settings) -> Iterator[Finding]:
    """The store and what it tells; nothing is made that isn't there."""
    from contextlib import closing

    if settings.local and not settings.data_dir.exists():
        yield Finding(what="store", state="note", found=f"{settings.data_dir} is not there yet",
                      do="The first start or job makes it: make run.")
        return
    from datagen.bootstrap import build

    try:
        with closing(build(settings)) as services:
            yield from _inside(services, settings)
    except DatagenError as exc:
        yield Finding(what="store", state="wrong", found=str(exc),
                      do="DATAGEN_DATA_DIR names the folder; another one may be used."
                      if settings.local else "Jobs and accounts can't be read without it.")


def _inside(services: Services, settings: Settings) -> Iterator[Finding]:
    accounts = services.accounts.list()
    views = services.jobs.snapshot().views.values()
    waiting = sum(not view.job.is_over for view in views)
    yield Finding(what="store", state="ok",
                  found=f"{settings.data_dir if settings.local else 'shared'}, "
                        f"{len(views):,} jobs, {waiting:,} of them open")
    if any(account.role == "admin" and account.active for account in accounts):
        yield Finding(what="accounts", state="ok", found=f"{len(accounts):,}, an admin among them")
    else:
        yield Finding(what="accounts", state="note", found="no admin can sign in",
                      do=f"{PROG} accounts reset admin makes one" + (
                          ", as the first `make run` does." if settings.local else
                          ", as the worker does from R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD once "
                          "every listed peer was asked."))
    services.directory.known(accounts)  # reads what is stored about people
    yield from _left_out(services)
    if not services.generation.is_running():
        yield Finding(what="worker", state="note", found="none runs",
                      do="make run starts one; the command generate does the work itself.")
    elif services.generation.stands_aside():
        yield Finding(what="worker", state="wrong",
                      found=f"waits, for another one works as peer {settings.peer_id} elsewhere",
                      do="Stop one of them, or set R1EN_HOST_ADDR to an id of its own: no two "
                         "replicas may have one.")
    else:
        yield Finding(what="worker", state="ok", found=f"works as peer {settings.peer_id}")


def _left_out(services: Services) -> Iterator[Finding]:
    """What lies in our keys and is not ours, of all that was read by now."""
    kinds = services.foreign.counts()
    if not kinds:
        return
    number = sum(kinds.values())
    where = ", ".join(f"{kinds[kind]:,} in {kind}" for kind in sorted(kinds))
    yield Finding(what="foreign values", state="note",
                  found=f"{number:,} in the store's keys {'is' if number == 1 else 'are'} "
                        f"ignored: {where}",
                  do="They do no harm: another program wrote there, or a write was damaged. "
                     "Warnings on standard error name the first of them.")


def _space(settings: Settings) -> Finding:
    folder = next(path for path in (settings.data_dir, *settings.data_dir.parents)
                  if path.exists())
    free = shutil.disk_usage(folder).free
    low = free < LOW_SPACE
    return Finding(what="disk", state="wrong" if low else "ok",
                   found=f"{free // 1024**2:,} MiB free",
                   do="Free some space, or name another folder with DATAGEN_DATA_DIR."
                   if low else "")


def _model(settings: Settings) -> Finding:
    if settings.mock_model:
        return Finding(what="model", state="ok", found="the built-in sample model; its records "
                                                       "fit the schema and mean nothing")
    endpoint = settings.endpoint
    address = f"{endpoint.base_url}{endpoint.path} ({endpoint.dialect} dialect)"
    trouble = _unreachable(endpoint.base_url)
    if trouble is None:
        key = "with a key" if endpoint.api_key else "without a key"
        return Finding(what="model", state="ok", found=f"{address} is reachable, {key}")
    if settings.own_model:
        return Finding(
            what="model", state="wrong", found=f"the local model does not run ({trouble})",
            do=f"make run or {PROG} model starts it; DATAGEN_INFERENCE_BASE_URL names another; "
               "DATAGEN_MOCK_INFERENCE_API=1 answers with the sample model.",
        )
    return Finding(what="model", state="wrong", found=f"{address}: {trouble}",
                   do="Start that server, or name another with DATAGEN_INFERENCE_BASE_URL.")


def _web(settings: Settings) -> Finding:
    host = settings.app_host
    wildcard = host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    url = f"http://{'localhost' if wildcard else f'[{host}]' if ':' in host else host}" \
          f":{settings.app_port}"
    if _unreachable(url) is None:
        return Finding(what="web", state="ok", found=f"something listens on {url}")
    return Finding(what="web", state="note", found=f"nothing listens on {url}",
                   do="make run starts it; the command line works without.")


def _unreachable(url: str) -> str | None:
    """Why no connection can be made, in a few words; None when it can."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=CONNECT_WITHIN):
            return None
    except TimeoutError:
        return "no answer in time"
    except socket.gaierror:
        return "no such host"
    except OSError as exc:
        return (exc.strerror or "not reachable").lower()
