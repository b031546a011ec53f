"""Files that take a while to make: made once in the background, told how far, then served."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from datagen.domain.errors import Conflict, DatagenError, StoreError
from datagen.services.locks import Locks

AT_ONCE = 2  # made together, one of each user; others wait for their turn
OF_ONE = 6  # of one user, those that wait included
MAX_WAITING = 60  # of all
_PATIENCE = 3_600.0  # seconds somebody waits for one

Make: TypeAlias = Callable[[Path, Callable[[float], None]], None]  # fills a file, tells how far


@dataclass(kw_only=True)
class Preparation:
    """A file on its way; read from any thread."""

    path: Path
    owner: str
    share: float = 0.0  # of the work that is done, 0-1
    error: DatagenError | None = None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def is_ready(self) -> bool:
        """Whether the file is there."""
        return self.over.is_set() and self.error is None

    def told(self, share: float) -> None:
        """So much of it is done."""
        self.share = min(max(share, 0.0), 1.0)


class Preparations:
    """The files of one process. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Path, Preparation] = {}
        self._turns = threading.Semaphore(AT_ONCE)
        self._own = Locks()  # by user

    def ask(self, path: Path, make: Make, *, owner: str) -> Preparation:
        """The file at ``path``, begun now unless it is there or on its way.

        ``owner``: the user who waits for it. Raises Conflict while too many others wait.
        """
        with self._lock:
            known = self._running.get(path)
            if known is not None:
                return known
            preparation = Preparation(path=path, owner=owner)
            if path.exists():
                preparation.share = 1.0
                preparation.over.set()
                return preparation
            if sum(one.owner == owner for one in self._running.values()) >= OF_ONE:
                raise Conflict(f"{OF_ONE} files are being prepared for you. Wait until one of "
                               "them is ready.")
            if len(self._running) >= MAX_WAITING:
                raise Conflict("Many files are being prepared right now. Try again in a minute.")
            self._running[path] = preparation
        threading.Thread(target=self._run, args=(preparation, make), daemon=True,
                         name="prepare a file").start()
        return preparation

    def wait(self, preparation: Preparation) -> Path:
        """The file once it is there. Raises what kept it from being made."""
        if not preparation.over.wait(_PATIENCE):
            raise StoreError("Preparing this file takes too long.")
        if preparation.error is not None:
            raise preparation.error
        return preparation.path

    def _run(self, preparation: Preparation, make: Make) -> None:
        try:
            with self._own.of(preparation.owner), self._turns:
                make(preparation.path, preparation.told)
            preparation.share = 1.0
        except DatagenError as exc:
            preparation.error = exc
        except Exception as exc:  # noqa: BLE001 - told to who waits
            preparation.error = StoreError(
                f"This file can't be prepared: DataGen met a fault of its own "
                f"({type(exc).__name__}).")
            preparation.error.__cause__ = exc
        finally:
            with self._lock:
                del self._running[preparation.path]
            preparation.over.set()
