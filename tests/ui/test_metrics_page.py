"""The metrics page in its states: nothing yet, figures, a store that is away, whose they are."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from datagen.adapters.local import LocalStore
from datagen.domain.errors import StoreError
from datagen.domain.users import User
from tests.ui.replica import ADA, BEN, World

ROOT_USER = User(name="root", role="admin")


def said(at: AppTest) -> str:
    return "\n".join(html.unescape(item.proto.body) for item in at.get("html"))


def figure(at: AppTest, label: str) -> str:
    return next(metric.value for metric in at.metric if metric.label == label)


def test_before_the_first_job_the_page_says_what_will_be_here(world: World) -> None:
    at = world.open("metrics")

    assert not at.exception
    assert "You have no jobs yet" in at.info[0].value
    assert not at.metric


def test_a_finished_job_is_in_the_totals_the_charts_and_the_table(world: World) -> None:
    world.finish(records=6)
    at = world.open("metrics")

    assert not at.exception
    assert (figure(at, "Jobs"), figure(at, "Records made")) == ("1", "6")
    assert len(at.get("vega_lite_chart")) == 2  # records, tokens
    by_day, by_peer = (frame.value for frame in at.dataframe)
    assert by_day["Good"].sum() == by_peer["Good"].sum() == 6
    assert by_day["Calls"].sum() == by_peer["Calls"].sum() > 0
    assert "Failed" not in by_day  # not asked for: DATAGEN_SHOW_FAILURES


def test_failed_records_show_where_they_are_asked_for(world: World) -> None:
    world.finish(records=2)
    object.__setattr__(world.services.settings, "show_failures", True)

    assert "Failed" in world.open("metrics").dataframe[0].value


def test_everybody_sees_their_own_and_an_admin_all(world: World) -> None:
    world.finish(records=2)
    world.services.accounts.create("root", "a password of some length", role="admin")

    assert "You have no jobs yet" in world.open("metrics", user=BEN).info[0].value
    at = world.open("metrics", user=ROOT_USER)
    assert figure(at, "Records made") == "2"
    assert "model calls in all" in said(at)
    assert "model calls in all" not in said(world.open("metrics", user=ADA))


def test_what_only_the_totals_hold_is_named(world: World) -> None:
    world.services.jobs.delete(ADA, world.finish(records=2))
    world.finish("More", records=2)
    world.services.accounts.create("root", "a password of some length", role="admin")
    at = world.open("metrics", user=ROOT_USER)

    assert figure(at, "Jobs") == "2"
    assert "The totals hold 1 job more than the charts can show" in said(at)
    assert "Jobs that you deleted are not counted." in said(world.open("metrics"))


def test_a_window_without_jobs_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.finish(records=2)
    at = world.open("metrics")
    views = world.services.jobs.list(ADA)
    old = tuple(replace(view, job=replace(view.job, finished_at=datetime(2020, 1, 1, tzinfo=UTC)))
                for view in views)
    monkeypatch.setattr(world.services.jobs, "list", lambda _: old)
    at.run()

    assert "No job of these 14 days" in at.info[0].value
    assert not at.get("vega_lite_chart")


def test_a_store_that_is_away_is_told_and_the_page_goes_on_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("The disk is gone.")

    world.finish(records=2)
    world.services.jobs._snapshots._last = None
    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "hgetall", away)
        at = world.open("metrics")
    assert not at.exception
    assert [item.value.partition(";")[0] for item in at.info] == [
        "The totals can't be shown yet", "The charts can't be shown yet"]
    at.run()
    assert figure(at, "Records made") == "2"
