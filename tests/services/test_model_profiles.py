"""What a user may do with model profiles."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from itertools import count
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.adapters.vault import AesVault
from datagen.domain.bounds import Most
from datagen.domain.chat import ChatCall, ChatReply, Endpoint, Trial
from datagen.domain.errors import Conflict, InputError, ModelUnreachable, NotThere, TooManyTries
from datagen.domain.requests import DraftRequest
from datagen.protocol import keys
from datagen.protocol.audit import AuditBook
from datagen.protocol.board import Board
from datagen.protocol.profiles import ProfileBook
from datagen.services import profiles as service
from datagen.services.allowances import Allowances
from datagen.services.audit import Audit
from datagen.services.patience import Patience
from datagen.services.profiles import ModelProfiles, ProfileRequest
from tests import golden
from tests.services.job_world import ANN, BOB

OWN = Endpoint(base_url="http://127.0.0.1:8502", path="/v1/chat/completions", api_key="own-key")
ASKED = ProfileRequest(name="Mine", base_url="https://llm.example/v1", path="/chat/completions",
                       model="m", api_key="sk-1")
DRAFT = DraftRequest(title="t", total_records=1, description="d", instructions="i",
                     use_external_api=True)
TRIAL = Trial(reply=ChatReply(text="{}"), form="json_schema", seconds=0.5)


class Probe:
    """Remembers whom it was to ask."""

    def __init__(self) -> None:
        self.asked: list[Endpoint] = []
        self.hangs = False

    async def try_out(self, endpoint: Endpoint, call: ChatCall) -> Trial:
        self.asked.append(endpoint)
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        return TRIAL

    async def models(self, endpoint: Endpoint) -> tuple[str, ...]:
        self.asked.append(endpoint)
        return ("a", "b")


class World:
    def __init__(self, **more: Any) -> None:
        self.store, self.clock, self.probe = MemoryStore(), HandClock(), Probe()
        board, patience = Board(self.store), Patience(None, clock=self.clock)
        book = ProfileBook(board=board, desk=self.store, peer_id="p1",
                           vault=AesVault("s" * 32, purpose="tests"))
        self.audit = Audit(book=AuditBook(board=board, desk=self.store, peer_id="p1"),
                           peers=("p1",), clock=self.clock, patience=patience)
        ids = count(1)
        given: dict[str, Any] = {"inside": (), "most": 3} | more
        self.profiles = ModelProfiles(
            book=book, probe=self.probe, own=OWN, clock=self.clock,
            patience=patience, audit=self.audit, new_id=lambda: f"id{next(ids)}", **given)

    def key(self, profile_id: str = "id1") -> str | None:
        found = self.profiles.opened(ANN).get(profile_id)
        assert found is not None
        return found.api_key


@pytest.fixture
def world() -> World:
    return World()


def fields(error: InputError) -> list[str]:
    return [problem.path for problem in error.problems]


def test_a_new_one_becomes_the_active_one(world: World) -> None:
    first = world.profiles.save(ANN, ASKED)
    second = world.profiles.save(ANN, replace(ASKED, name="Other"))
    found = world.profiles.seen_by(ANN)
    assert [p.name for p in found.all] == ["Mine", "Other"]
    assert found.active_id == second.id != first.id
    world.profiles.save(ANN, replace(ASKED, id=first.id, name="Again", api_key=None))
    assert world.profiles.seen_by(ANN).active_id == second.id
    assert world.profiles.seen_by(BOB).all == ()


def test_the_audit_log_tells_who_changed_models_and_nothing_of_them(world: World) -> None:
    profile_id = world.profiles.save(ANN, ASKED).id
    world.clock.advance(1)
    world.profiles.delete(ANN, profile_id)
    with pytest.raises(NotThere):
        world.profiles.delete(ANN, profile_id)
    events = world.audit.latest()
    assert [(event.what, event.who, event.about) for event in events] == [
        ("model deleted", "ann", ""), ("model saved", "ann", "")]


def test_the_key_stays_until_another_is_entered_or_it_is_dropped(world: World) -> None:
    profile_id = world.profiles.save(ANN, ASKED).id
    edit = replace(ASKED, id=profile_id, api_key=None, model="n", path="/other")
    world.profiles.save(ANN, edit)
    assert world.key() == "sk-1"
    world.profiles.save(ANN, replace(edit, api_key="sk-2"))
    assert world.key() == "sk-2"
    world.profiles.save(ANN, replace(edit, drops_key=True))
    assert world.key() is None


@pytest.mark.parametrize("base_url", [
    "https://llm.example:8443/v1", "http://llm.example/v1", "https://evil.example/v1"])
def test_another_origin_asks_for_the_key_again(world: World, base_url: str) -> None:
    profile_id = world.profiles.save(ANN, ASKED).id
    moved = replace(ASKED, id=profile_id, base_url=base_url, api_key=None)
    with pytest.raises(InputError, match="goes nowhere else") as caught:
        world.profiles.save(ANN, moved)
    assert fields(caught.value) == ["apiKey"]
    world.profiles.save(ANN, replace(moved, api_key="sk-new"))
    assert world.key() == "sk-new"


async def test_what_is_being_entered_takes_no_key_to_another_origin_either(world: World) -> None:
    profile_id = world.profiles.save(ANN, ASKED).id
    moved = replace(ASKED, id=profile_id, base_url="https://evil.example", api_key=None)
    for ask in (world.profiles.try_out, world.profiles.models):
        with pytest.raises(InputError, match="goes nowhere else"):
            await ask(ANN, moved)
    assert world.probe.asked == []


async def test_a_trial_uses_what_is_entered_and_the_key_that_is_there(world: World) -> None:
    assert await world.profiles.try_out(ANN, ASKED) == TRIAL
    profile_id = world.profiles.save(ANN, ASKED).id
    await world.profiles.try_out(ANN, replace(ASKED, id=profile_id, api_key=None, model="n"))
    await world.profiles.models(ANN, ProfileRequest(id=profile_id))
    await world.profiles.models(ANN)
    assert [(e.model, e.api_key, e.key_url) for e in world.probe.asked] == [
        ("m", "sk-1", "https://llm.example/v1"), ("n", "sk-1", "https://llm.example/v1"),
        ("m", "sk-1", "https://llm.example/v1"), ("m", "sk-1", "https://llm.example/v1")]


async def test_so_many_tests_and_lists_in_an_hour() -> None:
    clock = HandClock()
    world = World(allowances=Allowances(clock=clock, most=Most(model_tests_per_hour=3)))
    await world.profiles.try_out(ANN, ASKED)
    await world.profiles.models(ANN, ASKED)
    await world.profiles.models(ANN)
    for ask in (world.profiles.try_out(ANN, ASKED), world.profiles.models(ANN)):
        with pytest.raises(TooManyTries):
            await ask
    assert len(world.probe.asked) == 3  # nobody was called
    await world.profiles.models(BOB)


async def test_without_a_profile_the_servers_own_models_are_listed(world: World) -> None:
    assert await world.profiles.models(ANN) == ("a", "b")
    assert world.probe.asked == [OWN]


async def test_a_server_that_hangs_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "TRIAL_SECONDS", 0.01)
    world.probe.hangs = True
    with pytest.raises(ModelUnreachable, match=r"within 0\.01 s"):
        await world.profiles.try_out(ANN, ASKED)


def test_there_is_a_limit_which_says_what_to_do(world: World) -> None:
    for _ in range(3):
        profile = world.profiles.save(ANN, ASKED)
    with pytest.raises(Conflict, match="3 model profiles are the most"):
        world.profiles.save(ANN, ASKED)
    world.profiles.save(ANN, replace(ASKED, id=profile.id, name="changed"))
    world.profiles.delete(ANN, profile.id)
    world.profiles.save(ANN, ASKED)


def test_somebody_elses_profile_is_not_there(world: World) -> None:
    profile_id = world.profiles.save(ANN, ASKED).id
    for act in (lambda: world.profiles.save(BOB, replace(ASKED, id=profile_id)),
                lambda: world.profiles.activate(BOB, profile_id),
                lambda: world.profiles.delete(BOB, profile_id),
                lambda: world.profiles.chosen(BOB, replace(DRAFT, profile_id=profile_id)),
                lambda: asyncio.run(world.profiles.try_out(BOB, ProfileRequest(id=profile_id))),
                lambda: asyncio.run(world.profiles.models(BOB, ProfileRequest(id=profile_id)))):
        with pytest.raises(NotThere):
            act()
    assert world.probe.asked == []


def test_the_active_one_is_chosen_unless_another_is_named(world: World) -> None:
    with pytest.raises(InputError, match="Choose a model profile"):
        world.profiles.chosen(ANN, DRAFT)
    first, second = (world.profiles.save(ANN, replace(ASKED, name=name)) for name in "ab")
    assert world.profiles.chosen(ANN, DRAFT) == world.profiles.seen_by(ANN).get(second.id)
    named = world.profiles.chosen(ANN, replace(DRAFT, profile_id=first.id))
    assert named is not None
    assert named.name == "a"
    assert world.profiles.chosen(ANN, replace(DRAFT, use_external_api=False)) is None
    world.profiles.activate(ANN, None)
    assert world.profiles.seen_by(ANN).active is None
    world.profiles.activate(ANN, first.id)
    assert world.profiles.seen_by(ANN).active_id == first.id


def test_an_address_in_a_request_is_not_a_profiles(world: World) -> None:
    world.profiles.save(ANN, ASKED)
    assert world.profiles.chosen(ANN, replace(DRAFT, base_url="https://evil.example")) is None
    same = world.profiles.chosen(ANN, replace(DRAFT, base_url="https://llm.example/v1"))
    assert same is not None


def test_addresses_in_our_own_network_are_refused_unless_allowed(world: World) -> None:
    inner = replace(ASKED, base_url="http://127.0.0.1:9000")
    with pytest.raises(InputError, match="DATAGEN_ALLOW_PRIVATE_INFERENCE_URLS"):
        world.profiles.save(ANN, inner)
    World(inside=(ip_network("127.0.0.0/8"),)).profiles.save(ANN, inner)


def test_what_the_earlier_application_kept_is_there_and_is_sealed_by_any_change(
    world: World
) -> None:
    stored = golden.vector("user_settings_users_index_session")["settings_raw"]
    world.store.set(keys.user_settings("ann"), stored)
    assert [p.name for p in world.profiles.seen_by(ANN).all] == ["Prof A", "Prof B"]
    world.profiles.activate(ANN, "90840b5479c2")
    assert "PLAINTEXT" not in repr(world.store.notes(keys.DESK_PROFILES))
    assert world.key("90840b5479c2") == "sk-PLAINTEXT-A"


@pytest.mark.parametrize("passed", [0, -3_600])
def test_a_change_counts_though_a_clock_ahead_of_ours_dated_the_one_before(
    world: World, passed: float
) -> None:
    profile_id = world.profiles.save(ANN, ASKED).id
    world.clock.advance(passed)
    world.profiles.save(ANN, replace(ASKED, id=profile_id, name="later"))
    assert world.profiles.seen_by(ANN).all[0].name == "later"
