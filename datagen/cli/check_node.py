"""``check`` on a Ratio1 node: its stores, this peer's place among the others, the clocks."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING

import requests

from datagen.adapters.clock import SystemClock
from datagen.adapters.cstore import CStore
from datagen.adapters.r1fs import R1fs
from datagen.cli.finding import Finding
from datagen.domain.errors import StoreError, StoreUnconfirmed
from datagen.protocol.board import Board
from datagen.protocol.fields import to_iso
from datagen.protocol.seal import Seal

if TYPE_CHECKING:
    from datagen.settings import Settings

ANSWER_WITHIN = 10.0  # seconds
MAX_SKEW = timedelta(seconds=60)  # between two clocks: beats are told apart from older ones
SILENT_AFTER = timedelta(minutes=5)
PROBE = "datagen:check"  # hash, peer id -> the moment of the last check


def findings(settings: Settings) -> Iterator[Finding]:
    """What was looked at; writes a field and a file, and takes both away again."""
    for name, url, variable in (
        ("CStore", settings.cstore_url, "EE_CHAINSTORE_API_URL"),
        ("R1FS", settings.r1fs_url, "EE_R1FS_API_URL"),
    ):
        answers = yield from _status(name, url or "", variable)
        if not answers:
            continue
        if name == "CStore":
            yield from _cstore(settings)
        else:
            yield _r1fs(settings)
    yield from _addresses(settings)


def _status(name: str, url: str, variable: str) -> Generator[Finding, None, bool]:
    """Whether the service answers at all, how, and what its clock says; returns the first."""
    now = datetime.now(UTC)
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{url}/get_status", timeout=ANSWER_WITHIN,
                                 allow_redirects=False)
    except requests.RequestException as exc:
        yield Finding(what=name, state="wrong", found=f"{url} gives no answer "
                      f"({type(exc).__name__})",
                      do=f"Start the node, or correct {variable}.")
        return False
    if answer.status_code != 200:
        yield Finding(what=name, state="wrong",
                      found=f"{url} answers with HTTP {answer.status_code}",
                      do=f"Check that {variable} names the node's {name}, and the node's log.")
        return False
    if _is_error(answer.content):
        yield Finding(what=name, state="wrong", found=f"{url} answers errors as HTTP 200",
                      do="Look at the node's log: it runs, but this service does not work.")
        return False
    yield Finding(what=name, state="ok", found=f"{url} answers")
    yield from _clock(name, answer.headers.get("Date"), now)
    return True


def _is_error(body: bytes) -> bool:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return False
    result = data.get("result", data) if isinstance(data, dict) else None
    return isinstance(result, dict) and bool(result.get("error"))


def _clock(name: str, date: str | None, now: datetime) -> Iterator[Finding]:
    """A finding where the node's clock and ours are far apart."""
    theirs = None
    with suppress(ValueError, TypeError):
        theirs = parsedate_to_datetime(date or "")
    if theirs is not None and theirs.tzinfo is not None and abs(theirs - now) > MAX_SKEW:
        seconds = (theirs - now).total_seconds()
        yield Finding(what="clock", state="wrong",
                      found=f"the clock of {name}'s machine is {abs(seconds):,.0f} s "
                            f"{'ahead of' if seconds > 0 else 'behind'} this one",
                      do="Set both by NTP: sessions and signs of life carry times.")


def _cstore(settings: Settings) -> Iterator[Finding]:
    clock = SystemClock()
    with closing(CStore(settings.cstore_url or "", peers=settings.listed_peers, clock=clock,
                        read_timeout=ANSWER_WITHIN)) as store:
        try:
            beats = Board(store, seal=Seal(settings.auth_pepper or "")).beats()
            strange = Board(store).beats().keys() - beats.keys()  # sealed with something else
        except StoreError as exc:
            yield Finding(what="CStore reads", state="wrong", found=str(exc),
                          do="Look at the node's log.")
            return
        yield Finding(what="CStore reads", state="ok", found="a hash can be read")
        yield _write(store, settings.peer_id)
        for peer in settings.peers:
            if peer == settings.peer_id:
                continue
            beat = beats.get(peer)
            if peer in strange:
                yield Finding(what="peer", state="wrong",
                              found=f"what {peer} writes does not hold our seal",
                              do="Set R1EN_CSTORE_AUTH_SECRET to the same on all peers. If it "
                                 "is, somebody else writes in its name.")
            elif beat is None:
                yield Finding(what="peer", state="note", found=f"{peer} was never seen",
                              do="Start its worker, or take it out of R1EN_CHAINSTORE_PEERS "
                                 "on all peers.")
            elif clock.now() - beat.at > SILENT_AFTER:
                yield Finding(what="peer", state="note",
                              found=f"{peer} was last seen at {to_iso(beat.at)}",
                              do="Look whether its worker runs and its node is connected.")
            elif beat.at - clock.now() > MAX_SKEW:
                yield Finding(what="clock", state="wrong",
                              found=f"the clock of peer {peer} is ahead: it was seen at "
                                    f"{to_iso(beat.at)}", do="Set both by NTP.")
            else:
                yield Finding(what="peer", state="ok",
                              found=f"{peer} is alive, version {beat.version}")


def _write(store: CStore, peer_id: str) -> Finding:
    """Write a field, as every process does all the time."""
    begun = monotonic()
    try:
        store.hset(PROBE, peer_id, to_iso(datetime.now(UTC)))
        store.hset(PROBE, peer_id, None)
    except StoreUnconfirmed as exc:
        return Finding(what="CStore writes", state="wrong", found=str(exc),
                       do="Work goes on here; the other peers see nothing of it. Look whether "
                          "their nodes run and are connected.")
    except StoreError as exc:
        return Finding(what="CStore writes", state="wrong", found=str(exc),
                       do="R1EN_CHAINSTORE_PEERS must list the peers' ids, the same on all.")
    milliseconds = (monotonic() - begun) / 2 * 1000
    return Finding(what="CStore writes", state="ok",
                   found=f"another node confirms, {milliseconds:,.0f} ms each")


def _r1fs(settings: Settings) -> Finding:
    """Store a file, read it back, take it away."""
    files = R1fs(settings.r1fs_url or "", cache_dir=settings.cache_dir / "r1fs",
                 clock=SystemClock(), secret=settings.r1fs_secret,
                 log_calls=settings.log_files, patience=0.0)
    try:
        cid = files.add(io.BytesIO(to_iso(datetime.now(UTC)).encode()), "datagen_check.txt")
        files.verify(cid)
        files.remove(cid)
    except StoreError as exc:
        return Finding(what="R1FS files", state="wrong", found=str(exc),
                       do="Look at the node's log; R1FS must be able to store and return files.")
    return Finding(what="R1FS files", state="ok", found="a file comes back as it was stored")


def _addresses(settings: Settings) -> Iterator[Finding]:
    """Whether the ``ratio1`` package takes the peers' ids for addresses."""
    wrong = not_addresses(settings.peers)
    if wrong:
        yield Finding(what="peers", state="wrong",
                      found=f"{', '.join(wrong)}: not an address of a Ratio1 node",
                      do="R1EN_HOST_ADDR and R1EN_CHAINSTORE_PEERS hold addresses such as "
                         "0xai_A…, as the node shows its own.")
    else:
        yield Finding(what="peers", state="ok",
                      found=f"{len(settings.peers)}, this one is {settings.peer_id}")


def not_addresses(peers: tuple[str, ...]) -> list[str]:
    """Those that the ``ratio1`` package does not accept."""
    depth = sys.getrecursionlimit()
    from ratio1.bc import DefaultBlockEngine  # late: it takes seconds and 150 MB

    sys.setrecursionlimit(depth)  # it raises it so far that a deeply nested value ends the process

    class Reader(DefaultBlockEngine):  # type: ignore[misc]  # the package has no types
        """Reads addresses; makes no key and touches no file, as the real one would."""

        def __new__(cls) -> Reader:
            return object.__new__(cls)

        def __init__(self) -> None:
            return

        def P(self, *_: object, **__: object) -> None:  # noqa: N802 - the package's way to print
            return

    reader = Reader()
    return [peer for peer in peers if not reader.address_is_valid(peer)]
