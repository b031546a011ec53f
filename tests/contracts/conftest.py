"""Which adapters must pass the suites of this folder: one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from datagen.adapters.local import LocalFiles, LocalStore
from datagen.adapters.memory import MemoryFiles, MemoryStore

HASH_STORES: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: MemoryStore(),
    "local": lambda folder: LocalStore(folder / "store.sqlite3"),
}
DESKS = HASH_STORES
FILE_STORES: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: MemoryFiles(),
    "local": lambda folder: LocalFiles(folder / "files"),
}


@pytest.fixture(params=HASH_STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with closing(HASH_STORES[request.param](tmp_path)) as made:
        yield made


@pytest.fixture(params=DESKS)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with closing(DESKS[request.param](tmp_path)) as made:
        yield made


@pytest.fixture(params=FILE_STORES)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return FILE_STORES[request.param](tmp_path)
