"""What befalls a job of three replicas, and what has to come of it: one scenario each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from datagen.sandbox.behaviour import CSTORE_FORMS, R1FS_FORMS
from tests.cluster.world import PEER_DEAD_SECONDS, World

RECORDS = 300
A, B, C = range(3)
STORE_DOWN_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A job that is confirmed on A, unless ``makers`` says otherwise, and its end."""

    name: str
    befalls: Callable[[World, str], None] = lambda world, job_id: None  # while the job runs
    switches: Mapping[str, Any] = field(default_factory=dict)  # of all nodes, from the beginning
    records: int = RECORDS  # of each job
    makers: tuple[int, ...] = (A,)  # who confirms a job each, all at the same moment
    ghost: int | None = None  # the replica that lists a peer that never existed
    unusable: frozenset[int] = frozenset()  # indices whose first answers don't fit the schema
    round_: int = 0  # that it ends with
    cancelled: bool = False
    seconds: float = 90  # it may take


def _errors(rate: float) -> dict[str, Any]:
    """That share of all calls fails, each form as often as the others."""
    return {"cstore_errors": dict.fromkeys(CSTORE_FORMS, rate / len(CSTORE_FORMS)),
            "r1fs_errors": dict.fromkeys(R1FS_FORMS, rate / len(R1FS_FORMS))}


def _killed_for_good(world: World, job_id: str) -> None:
    world.reached(RECORDS * 3 // 10)
    world.replicas[B].kill()


def _killed_and_back(world: World, job_id: str) -> None:
    _killed_for_good(world, job_id)
    world.pass_time(1.5 * PEER_DEAD_SECONDS)  # the others have begun to help
    world.replicas[B].start()


def _restarted(world: World, job_id: str) -> None:
    _killed_for_good(world, job_id)
    world.replicas[B].start()


def _all_killed_and_back(world: World, job_id: str) -> None:
    world.reached(RECORDS * 3 // 10)
    for replica in world.replicas:
        replica.kill()
    for replica in world.replicas:
        replica.start()


def _model_hangs(world: World, job_id: str) -> None:
    world.reached(RECORDS * 3 // 10)
    world.models[C].hang()


def _store_down(world: World, job_id: str) -> None:
    world.reached(RECORDS * 3 // 10)
    for node in (A, B, C):
        world.sandbox.network.stop(node)
    world.pass_time(STORE_DOWN_SECONDS)
    for node in (A, B, C):
        world.sandbox.network.start(node)


def _disk_wiped(world: World, job_id: str) -> None:
    world.reached(RECORDS // 2)
    world.replicas[C].kill()
    world.replicas[C].wipe()
    world.replicas[C].start()


def _cancelled(world: World, job_id: str) -> None:
    world.reached(RECORDS // 2)
    world.person.post(C, f"/api/tasks/{job_id}/cancel")


def _retried(world: World, job_id: str) -> None:
    said = world.person.ended(job_id, 90)
    failed = [job["totalFailed"] for job in said]
    assert failed == [RECORDS // 5] * 3, f"the first round ended with {failed} failed records"
    for model in world.models:
        model.mend()
    edition = world.person.exports(job_id)
    world.person.post(B, f"/api/tasks/{job_id}/retry")
    assert world.person.exports(job_id) == edition, "the old edition goes before there is a new one"


def _files_lost(node: int, **switches: Any) -> Callable[[World, str], None]:
    """What that node stored, and stores from then on, is of no use to the others."""
    def befalls(world: World, job_id: str) -> None:
        world.reached(RECORDS // 10)  # the others have read what they are to make
        world.sandbox.network.set(node, **switches)

    return befalls


SCENARIOS = (
    Scenario(name="none"),
    Scenario(name="5 % store errors", switches=_errors(0.05)),
    Scenario(name="20 % store errors", switches=_errors(0.2)),
    Scenario(name="2 s replication delay", switches={"replication_delay": 2}),
    Scenario(name="one killed at 30 %, never back", befalls=_killed_for_good),
    Scenario(name="one killed at 30 %, back after 15 s", befalls=_killed_and_back),
    Scenario(name="all killed at 30 % and back", befalls=_all_killed_and_back),
    Scenario(name="one replica's model hangs from 30 % on", befalls=_model_hangs),
    Scenario(name=f"all nodes down for {STORE_DOWN_SECONDS} s", befalls=_store_down, seconds=150),
    Scenario(name="crossed writes", switches={
        "replication_delay": 0.5, "replication_jitter": 2, "reorder": True}),
    Scenario(name="stale hsync, one killed and back", switches={"stale_hsync": 20},
             befalls=_restarted),
    Scenario(name="a disk wiped at 50 %", befalls=_disk_wiped),
    Scenario(name="nobody else gets what one node stores", seconds=240,
             befalls=_files_lost(B, dead_files=1)),
    Scenario(name="the others get other bytes of what one node stores", seconds=240,
             befalls=_files_lost(B, wrong_files=1)),
    Scenario(name="the same of the node where the job was made", seconds=240,
             befalls=_files_lost(A, wrong_files=1)),
    Scenario(name="1 record on 3 peers", records=1),
    Scenario(name="two jobs at once, one lists a peer that never existed", records=150,
             makers=(A, B), ghost=B),
    Scenario(name="cancel at 50 % on another replica", befalls=_cancelled, cancelled=True),
    Scenario(name="retry after 20 % failures", befalls=_retried, round_=1,
             unusable=frozenset(range(0, RECORDS, 5))),
)
