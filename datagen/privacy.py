"""What a process of ours leaves on its machine is nobody else's."""

from __future__ import annotations

import os
import resource


def keep_private() -> None:
    """Files it makes are its owner's alone, and a crash writes no memory to the disk.

    Programs that it starts inherit both.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
