"""Which adapters must pass the suites of this folder: one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from datagen.adapters.local import LocalFiles, LocalStore
from datagen.adapters.memory import MemoryFiles, MemoryStore
from tests.contracts.nodes import node_files, node_store

Making = Callable[[Path], AbstractContextManager[Any]]
DESKS: dict[str, Making] = {
    "memory": lambda folder: closing(MemoryStore()),
    "local": lambda folder: closing(LocalStore(folder / "store.sqlite3")),
}
HASH_STORES: dict[str, Making] = {
    **DESKS,
    "node": lambda folder: node_store(),
}
FILE_STORES: dict[str, Making] = {
    "memory": lambda folder: nullcontext(MemoryFiles()),
    "local": lambda folder: nullcontext(LocalFiles(folder / "files")),
    "node": node_files,
}


@pytest.fixture(params=HASH_STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with HASH_STORES[request.param](tmp_path) as made:
        yield made


@pytest.fixture(params=DESKS)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with DESKS[request.param](tmp_path) as made:
        yield made


@pytest.fixture(params=FILE_STORES)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with FILE_STORES[request.param](tmp_path) as made:
        yield made
