"""Settings in, services out: the only place that chooses adapters."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from datagen import settings as environment
from datagen.adapters.chat import HttpChat
from datagen.adapters.clock import SystemClock
from datagen.adapters.crypto import Argon2Hasher, JwtSigner
from datagen.adapters.local import LocalFiles, LocalStore
from datagen.adapters.sample import SampleModel
from datagen.domain.errors import Conflict, SettingsError, StoreError
from datagen.model.sample import illustrate
from datagen.ports import ChatModel, Clock
from datagen.protocol.board import Board
from datagen.services.accounts import Accounts
from datagen.services.datasets import Datasets
from datagen.services.drafts import Drafts
from datagen.services.generation import Generation
from datagen.services.jobs import Jobs
from datagen.settings import Settings

_LOG = logging.getLogger(__name__)

SAMPLE_LATENCY = 0.2  # seconds, as a quick server: progress is there to be watched
MOCK_ACCOUNTS = (("admin", "admin", "admin"), ("test_user", "testtest", "user"))


@dataclass(frozen=True, kw_only=True)
class Services:
    """What pages, routes, the worker and the command line may use."""

    settings: Settings
    clock: Clock
    chat: ChatModel
    accounts: Accounts
    drafts: Drafts
    jobs: Jobs
    datasets: Datasets
    generation: Generation
    illustrate: Callable[[Mapping[str, Any]], Any]  # an example record of a schema, at once
    store: LocalStore

    def close(self) -> None:
        """Release the store's files."""
        self.store.close()


def build(settings: Settings) -> Services:
    """Wire one replica. Raises SettingsError, StoreError."""
    if not settings.local:
        raise SettingsError([
            "A Ratio1 node is configured (EE_CHAINSTORE_API_URL, EE_R1FS_API_URL), but this "
            "version keeps everything on one machine: unset these variables."
        ])
    for warning in settings.warnings:
        _LOG.warning(warning)
    _make_private(settings.data_dir)
    _make_private(settings.cache_dir)
    clock = SystemClock()
    store = LocalStore(settings.data_dir / "store.sqlite3")
    files = LocalFiles(settings.data_dir / "files", log_calls=settings.log_files)
    board = Board(store)
    chat: ChatModel = (
        SampleModel(latency=SAMPLE_LATENCY, timeout=settings.inference_timeout)
        if settings.mock_model
        else HttpChat(timeout=settings.inference_timeout, own=settings.endpoint,
                      log=settings.log_inference, clock=clock)
    )
    signer = JwtSigner(
        settings.session_secret or _kept(settings.data_dir / "session_secret"), clock
    )
    accounts = Accounts(
        store=store, desk=store, clock=clock, signer=signer, hkey=settings.auth_hkey,
        hasher=Argon2Hasher(settings.auth_pepper or _kept(settings.data_dir / "auth_pepper")),
    )
    if settings.mock_store:
        _make_mock_accounts(accounts)
    drafts = Drafts(chat=chat, signer=signer, clock=clock, endpoint=settings.endpoint,
                    max_records=settings.max_records_per_job, peer_id=settings.peer_id)
    jobs = Jobs(board=board, desk=store, files=files, drafts=drafts, clock=clock,
                peers=settings.peers, peer_id=settings.peer_id,
                max_records=settings.max_records_per_job,
                active_poll=settings.active_poll_seconds,
                idle_poll=settings.idle_poll_seconds)
    return Services(
        settings=settings, clock=clock, chat=chat, accounts=accounts, drafts=drafts, jobs=jobs,
        datasets=Datasets(jobs=jobs, files=files, cache_dir=settings.cache_dir),
        generation=Generation(settings=settings, board=board, desk=store, files=files,
                              chat=chat, clock=clock),
        illustrate=illustrate,
        store=store,
    )


@cache
def shared() -> Services:
    """The services of this process, made at the first call."""
    return build(environment.load())


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as exc:
        raise StoreError(
            f"The folder {folder} can't be made ({exc.strerror}). "
            "Make it writable, or name another with DATAGEN_DATA_DIR."
        ) from exc
    if owner != os.getuid():
        raise StoreError(f"The folder {folder} belongs to somebody else; it is not used.")


def _kept(path: Path) -> str:
    """A secret made once and kept; processes that start together agree on it."""
    try:
        if path.exists():
            return path.read_text()
        made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(48))
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(made, path)  # whole or not at all, and the first one stands
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return path.read_text()
    except OSError as exc:
        raise StoreError(f"{path} can't be written ({exc.strerror}).") from exc


def _make_mock_accounts(accounts: Accounts) -> None:
    known = {account.name for account in accounts.list()}
    for name, password, role in MOCK_ACCOUNTS:
        if name not in known:
            with suppress(Conflict):  # another process of this run was quicker
                accounts.create(name, password, role="admin" if role == "admin" else "user")
