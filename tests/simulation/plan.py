"""What befalls one world, drawn from its seed: who works, what is asked, what goes wrong when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """A job that somebody confirms."""

    at: float  # virtual seconds, as everywhere
    creator: str
    total: int


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that happens to the world, or is asked of it."""

    at: float
    what: str
    who: str = ""  # the replica
    value: float = 0.0
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One world."""

    seed: str
    peers: tuple[str, ...]
    jobs: tuple[JobPlan, ...]
    faults: tuple[Fault, ...]  # in the order of their time
    heals_at: float
    floor: float  # seconds that a wait takes at least
    answer_seconds: float  # a model call takes up to so many
    loses: float  # rate of messages that never arrive
    keeps: float  # rate of writes that stay on their node
    forgets: bool  # what a node misses while it is away never comes
    overtakes: bool  # a later message may come before an earlier one of the same field
    dead_files: float  # rate of files that for long nobody but their own node can fetch

    def without(self, left_out: frozenset[int]) -> Plan:
        """The same world without the faults of these numbers."""
        kept = tuple(fault for number, fault in enumerate(self.faults) if number not in left_out)
        return Plan(**{**self.__dict__, "faults": kept})


def drawn(seed: str) -> Plan:
    """The world of this seed."""
    luck = Random(f"{seed}:plan")
    peers = tuple("ABCDEFG"[: luck.choice((1, 1, 2, 2, 3, 3, 3, 4, 5, 7))])
    heals_at = luck.uniform(10, 120)
    apart = Random(f"{seed}:apart")
    long = len(peers) > 2 and apart.random() < 0.25
    jobs_until = heals_at / 2
    heals_at += apart.uniform(100, 300) if long else 0.0
    jobs = tuple(
        JobPlan(at=luck.uniform(0, jobs_until), creator=luck.choice(peers),
                total=luck.choice((luck.randint(1, 5), luck.randint(1, 25), luck.randint(1, 60))))
        for _ in range(luck.choice((1, 1, 1, 2, 3)))
    )
    begins_at = min(job.at for job in jobs)  # before, there is little to break
    faults = [fault for peer in peers for fault in _of_peer(luck, peer, begins_at, heals_at)]
    faults += _of_network(luck, peers, heals_at)
    faults += [fault for number in range(len(jobs)) for fault in _asked(luck, number, peers)]
    faults += _coming_apart(apart, peers, heals_at) if long else ()
    faults += _for_good(Random(f"{seed}:losses"), peers, heals_at)
    renames = Random(f"{seed}:renames")
    faults += [fault for number in range(len(jobs)) for fault in _renamed(renames, number, peers)]
    messages = Random(f"{seed}:messages")
    # Who loses the node, the disk and the time all at once can't know how often it started.
    on_time = [peer for peer in peers
               if not any(fault.what == "clock jumps" for fault in faults if fault.who == peer)]
    if on_time and messages.random() < 0.15 and (len(peers) > 1 or not _loses_all(faults)):
        faults.append(Fault(at=messages.uniform(0, heals_at), what="wipe node",
                            who=messages.choice(on_time)))
    return Plan(
        seed=seed, peers=peers, jobs=jobs, heals_at=heals_at,
        dead_files=messages.choice((0.0, 0.0, 0.1)),
        loses=messages.choice((0.0, 0.0, 0.1)), keeps=messages.choice((0.0, 0.0, 0.1)),
        forgets=messages.random() < 0.5, overtakes=messages.random() < 0.5,
        floor=luck.choice((4.0, 8.0, 12.0)), answer_seconds=luck.choice((0.5, 2.0, 6.0)),
        faults=tuple(sorted(faults, key=lambda fault: (fault.at, fault.what, fault.who))),
    )


def _loses_all(faults: list[Fault]) -> bool:
    return any(fault.what in {"lose disk", "restore"} for fault in faults)


def _of_peer(luck: Random, peer: str, begin: float, end: float) -> Iterator[Fault]:
    for _ in range(luck.choice((0, 0, 1, 1, 2, 3))):
        at = luck.uniform(begin, end)
        what = luck.choice(("kill", "power cut", "kill soon", "kill soon", "stop"))
        yield Fault(at=at, what=what, who=peer, value=luck.randint(1, 80))
        yield Fault(at=at + luck.uniform(0.5, 30), what="start", who=peer)
    if luck.random() < 0.2:
        at = luck.uniform(0, end)
        yield Fault(at=at, what="node down", who=peer)
        yield Fault(at=at + luck.uniform(1, 60), what="node up", who=peer)
    if luck.random() < 0.2:
        yield Fault(at=luck.uniform(0, end), what="clock jumps", who=peer,
                    value=luck.choice((-1, 1)) * luck.choice((2.0, 600.0, 90_000.0)))


def _of_network(luck: Random, peers: tuple[str, ...], end: float) -> Iterator[Fault]:
    for what, most in (("errors", 0.5), ("slow", 15.0), ("delay", 40.0), ("file delay", 60.0),
                       ("model errors", 0.4), ("model hangs", 0.1), ("unusable answers", 0.5)):
        if luck.random() < 0.25:
            at = luck.uniform(0, end)
            yield Fault(at=at, what=what, value=luck.uniform(0, most))
            yield Fault(at=at + luck.uniform(5, 60), what=what)
    if len(peers) > 1 and luck.random() < 0.3:
        at = luck.uniform(0, end)
        apart = frozenset(luck.sample(peers, luck.randint(1, len(peers) - 1)))
        yield Fault(at=at, what="cut", names=apart)
        yield Fault(at=at + luck.uniform(5, 60), what="cut")


def _coming_apart(luck: Random, peers: tuple[str, ...], end: float) -> Iterator[Fault]:
    """One cut after the other, each long enough that those on one side give up the other."""
    at = luck.uniform(5, 40)
    while at < end:
        names = frozenset(luck.sample(peers, luck.randint(1, len(peers) - 1)))
        yield Fault(at=at, what="cut", names=names)
        at += luck.choice((luck.uniform(3, 20), luck.uniform(20, 60), luck.uniform(80, 200)))


def _asked(luck: Random, job: int, peers: tuple[str, ...]) -> Iterator[Fault]:
    """A person who asks for the end of job number ``job``, on any replica, and perhaps another."""
    for what, rate in (("cancel", 0.25), ("cancel", 0.05), ("delete", 0.15), ("delete", 0.05),
                       ("retry", 0.3)):
        if luck.random() < rate:
            yield Fault(at=luck.uniform(1, 150), what=what, who=luck.choice(peers), value=job)


def _renamed(luck: Random, job: int, peers: tuple[str, ...]) -> Iterator[Fault]:
    """A person who gives job number ``job`` another title, on any replica, and perhaps again."""
    for rate in (0.3, 0.3, 0.1):
        if luck.random() < rate:
            yield Fault(at=luck.uniform(1, 200), what="rename", who=luck.choice(peers), value=job)


def _for_good(luck: Random, peers: tuple[str, ...], end: float) -> Iterator[Fault]:
    """A disk that is lost, full, or an older one; a worker or a machine that never comes back."""
    if luck.random() < 0.2:
        at, who = luck.uniform(0, end), luck.choice(peers)
        yield Fault(at=at, what="lose disk", who=who)
        yield Fault(at=at + luck.uniform(0.5, 40), what="start", who=who)
    if luck.random() < 0.15:
        at, who = luck.uniform(0, end / 2), luck.choice(peers)
        yield Fault(at=at, what="back up", who=who)
        yield Fault(at=luck.uniform(at + 5, end + 10), what="restore", who=who)
    if luck.random() < 0.15:
        at, who = luck.uniform(0, end), luck.choice(peers)
        yield Fault(at=at, what="disk full", who=who)
        yield Fault(at=at + luck.uniform(5, 60), what="disk free", who=who)
    if len(peers) > 1 and luck.random() < 0.25:
        yield Fault(at=luck.uniform(0, end), what=luck.choice(("die", "die with its node")),
                    who=luck.choice(peers))
