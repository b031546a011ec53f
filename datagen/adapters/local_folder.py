"""The data folder of this replica: its owner's alone, with the secret that is made for it."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from datagen.domain.errors import StoreError


def make_private(folder: Path) -> None:
    """Make the folder, its owner's alone. Raises StoreError, for one that is another's too."""
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


def kept_secret(path: Path) -> str:
    """A secret made once and kept; processes that start together agree on it.

    Raises StoreError.
    """
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
            with suppress(FileExistsError):  # the first one stands
                os.link(made, path)  # whole or not at all
        finally:
            made.unlink()
        return path.read_text()
    except OSError as exc:
        raise StoreError(f"{path} can't be written ({exc.strerror}).") from exc
