"""A folder and a store of its own for commands that run in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from datagen import cli

SPEC = """\
title: Loans
description: One loan of a book.
instructions: "Fields: book, member, pages (1 to 900), open, true or false."
records: 4
seed: 7
schema:
  type: object
  properties:
    book: {type: string}
    pages: {type: integer, minimum: 1, maximum: 900}
    open: {type: boolean}
  required: [book, pages]
"""


def prepare(folder: Path, environ: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("DATAGEN_", "R1EN_", "EE_"))]:
        environ.delenv(name)
    environ.setenv("DATAGEN_DATA_DIR", str(folder / "data"))
    environ.setenv("DATAGEN_MOCK_INFERENCE_API", "1")
    environ.chdir(folder)
    (folder / "loans.yaml").write_text(SPEC)
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and ``loans.yaml``; the sample model answers."""
    return prepare(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same with a finished job of four records."""
    with pytest.MonkeyPatch.context() as environ:
        folder = prepare(tmp_path_factory.mktemp("made"), environ)
        assert cli.main(["generate", "loans.yaml", "--output", "loans.json"]) == 0
        yield folder
