"""Which share an idle peer helps: one on which nobody got on for long."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from datagen.domain.folds import Case
from datagen.engine.stillness import Stillness


def share_to_help(
    case: Case, me: str, *, without: Collection[str], still: Stillness, limit: float
) -> str | None:
    """The peer whose share ``me`` should work on now; None = nobody needs it. Ask at every look.

    ``without``: ids of files that can't be read; ``limit``: seconds without progress from
    which on a share needs help, 0 = never. One helper after the other gets its turn, in an
    order that all know: who comes later waits whether those before get on.
    """
    found = []
    for peer, share in case.shares.items():
        if peer == me or case.is_covered(share, without):
            continue
        waited = still.of((case.job.id, case.round, peer), case.signs(peer), case.read_at)
        if not limit or waited < limit:
            continue
        turn = _turns(case, peer).index(me)
        if waited >= limit * (1 + turn / 2):
            found.append((turn, peer))
    return min(found)[1] if found else None


def _turns(case: Case, peer: str) -> list[str]:
    """The other peers in the order in which they help this one."""
    def lot(helper: str) -> bytes:
        return hashlib.sha256(f"{case.job.id}\n{peer}\n{helper}".encode()).digest()

    return sorted((one for one in case.job.peers if one != peer), key=lot)
