"""A dataset on its way into a file, or to whoever reads standard output."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path

from datagen.domain.downloads import DELIMITERS, FORMS, Form, Wish
from datagen.domain.errors import Conflict, InputError

STDOUT = "-"


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", "-o", metavar="FILE",
                        help="where the records go; - is standard output")
    parser.add_argument("--format", choices=FORMS,
                        help="form of the records (by the file's ending; json for -)")
    parser.add_argument("--safe", action="store_true",
                        help="in CSV and Excel, keep spreadsheets from running texts as formulas")
    parser.add_argument("--delimiter", choices=tuple(DELIMITERS), default="comma",
                        help="between the cells of CSV")
    parser.add_argument("--bom", action="store_true",
                        help="begin CSV with the mark by which Excel knows UTF-8")
    parser.add_argument("--nested", choices=("json", "columns"), default="json",
                        help="nested objects in CSV, Parquet and Excel: as JSON, or a column "
                             "for each field")


def wish_of(asked: argparse.Namespace, form: Form) -> Wish:
    """The file that the options describe."""
    return Wish(form=form, safe=asked.safe, delimiter=DELIMITERS[asked.delimiter], bom=asked.bom,
                spread=asked.nested == "columns", partial=getattr(asked, "partial", False),
                skip_failed=getattr(asked, "failed", "skip") == "skip")


def form_of(output: str, wanted: str | None) -> Form:
    """The form asked for, or the one the file's ending names. Raises InputError."""
    ending = Path(output).suffix.lower().lstrip(".")
    form = wanted or ("json" if output == STDOUT else "bundle" if ending == "zip" else ending)
    if form not in FORMS:
        raise InputError(
            f"{output} does not say which form it should have: end it with "
            f".{', .'.join(FORMS[:-1])} or .zip, or add --format."
        )
    return form


def check_place(output: str) -> None:
    """Raises Conflict where no file can be written: better now than after an hour."""
    path = Path(output)
    if output == STDOUT:
        return
    if path.is_dir():
        raise Conflict(f"{output} is a folder: name a file in it.")
    if not path.parent.is_dir():
        raise Conflict(f"There is no folder {path.parent}: make it first, or name another.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise Conflict(f"{output} can't be written: name a file elsewhere.")


def write(chunks: Iterable[bytes], output: str) -> int:
    """Write all of it, a file whole or not at all; how many bytes. Raises Conflict."""
    path = Path(output)
    try:
        if output == STDOUT:
            size = sum(map(sys.stdout.buffer.write, chunks))
            sys.stdout.buffer.flush()
        elif path.exists() and not path.is_file():  # a pipe or a device stays what it is
            with path.open("wb") as out:
                size = sum(map(out.write, chunks))
        else:
            size = _whole(chunks, path)
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise Conflict(
            f"{output} can't be written ({exc.strerror}). The records are kept: name another "
            "file with the command export."
        ) from exc
    return size


def _whole(chunks: Iterable[bytes], path: Path) -> int:
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with made.open("xb") as out:
            size = sum(map(out.write, chunks))
        made.replace(path.resolve())
    finally:
        made.unlink(missing_ok=True)
    return size
