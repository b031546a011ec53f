"""The job's page tells a trouble and a reason once, however many records it costs."""

from __future__ import annotations

from dataclasses import replace

from datagen.domain.jobs import PeerState, Share
from datagen.model.sample import Faults
from datagen.ui import job_failures
from datagen.ui.words import plain
from tests.ui.replica import ADA, World


def test_failures_of_a_finished_job_are_grouped_with_examples(world: World) -> None:
    job_id = world.confirm(records=12)
    world.services.chat._faults = Faults(rate=0.7, kinds=("not_json", "extra_field"), seed=1)  # type: ignore[attr-defined]  # the sample model's
    world.work(lambda: world.services.jobs.invalidate() or over(world, job_id))

    at = world.open("job", id=job_id)

    assert not at.exception
    boxes = [box for box in at.expander if box.label != "Options"]  # that is of downloads
    labels = [box.label for box in boxes]
    groups = world.services.datasets.failure_groups(ADA, job_id)
    assert len(labels) == len(groups)
    assert 1 <= len(labels) <= 2
    assert all(label.split()[0] == str(group.count)
               for label, group in zip(labels, groups, strict=True))
    assert sum(group.count for group in groups) == world.services.jobs.get(
        ADA, job_id).job.total_failed > 2
    assert any("I am sorry" in block.value for box in boxes for block in box.code)


def test_all_failures_of_a_large_group_can_be_seen_page_by_page(world: World) -> None:
    job_id = world.confirm(records=30)
    world.services.chat._faults = Faults(rate=1.0, kinds=("not_json",), seed=1)  # type: ignore[attr-defined]  # the sample model's
    world.work(lambda: world.services.jobs.invalidate() or over(world, job_id))

    many = world.services.datasets.failure_groups(ADA, job_id)[0]
    assert many.count > job_failures.EACH
    last = world.services.datasets.failures_of(
        ADA, job_id, many.reason, offset=many.count - 1, limit=2)

    at = world.open("job", id=job_id)
    assert len(at.expander[0].code) == len(many.examples)
    at.expander[0].button[0].click()
    at.run()

    assert not at.exception
    assert len(at.expander[0].code) == job_failures.EACH
    key, last_page = job_failures.page_key(job_id, many.reason), -(-many.count // job_failures.EACH)
    at.session_state[key] = last_page
    at.run()
    assert f"Record {last[0].index + 1}:" in at.expander[0].markdown[-1].value


def over(world: World, job_id: str) -> bool:
    return world.services.jobs.get(ADA, job_id).job.is_over


def test_one_trouble_of_many_peers_is_one_warning(world: World) -> None:
    job_id = world.confirm(records=6)
    trouble = "The model server at h:1 is overloaded (429). DataGen keeps trying."
    states = {
        peer: PeerState(peer_id=peer, share=Share(start=0, end=6), inc=1, rev=1,
                        started_at=world.services.clock.now(), trouble=trouble)
        for peer in ("a", "b", "c")
    }
    jobs = world.services.jobs
    real = jobs.get
    jobs.get = lambda *asked: replace(real(*asked), states=states)  # this instance's

    at = world.open("job", id=job_id)

    assert not at.exception
    assert [box.value for box in at.warning if "overloaded" in box.value] == [
        f"{plain(trouble)} On 3 peers."]
