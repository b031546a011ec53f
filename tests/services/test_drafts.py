"""Drafts: one call each, signed for one user on one replica, for half an hour."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import JwtSigner
from datagen.domain.chat import ChatCall, ChatReply, Endpoint
from datagen.domain.errors import (
    Conflict,
    InputError,
    ModelError,
    ModelUnreachable,
    NotThere,
    ReplyUnusable,
)
from datagen.domain.users import User
from datagen.services.drafts import Draft, DraftRequest, Drafts

ANN, BOB = User(name="ann", role="user"), User(name="bob", role="admin")
OWN = Endpoint(base_url="http://127.0.0.1:31234", path="/create_chat_completion",
               api_key="secret-key")
FIELDS = json.dumps({"fields": [{"name": "name", "type": "string"}]})
REQUEST = DraftRequest(title="Lamps", total_records=20, description="One lamp.",
                       instructions="Vary the size.")


class ScriptedChat:
    """Answers with the next text, or raises the next error; each call takes two seconds."""

    def __init__(self, clock: HandClock, *answers: str | ModelError) -> None:
        self._clock = clock
        self.answers = list(answers)
        self.calls: list[tuple[Endpoint, ChatCall]] = []

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        self.calls.append((endpoint, call))
        self._clock.advance(2)
        answer = self.answers.pop(0) if self.answers else FIELDS
        if isinstance(answer, ModelError):
            raise answer
        return ChatReply(text=answer, finish_reason="stop")

    async def aclose(self) -> None:
        """Nothing to close."""


class World:
    def __init__(self, *answers: str | ModelError) -> None:
        self.clock = HandClock()
        self.signer = JwtSigner("s" * 40, self.clock)
        self.chat = ScriptedChat(self.clock, *answers)
        self.drafts = self.replica("peer1")

    def replica(self, peer_id: str) -> Drafts:
        return Drafts(chat=self.chat, signer=self.signer, clock=self.clock, endpoint=OWN,
                      max_records=200, peer_id=peer_id)

    async def draft(self, **changes: Any) -> Draft:
        return await self.drafts.draft(ANN, replace(REQUEST, **changes))


@pytest.fixture
def world() -> World:
    return World()


async def test_a_draft_is_one_call_for_any_json_object(world: World) -> None:
    draft = await world.draft()
    [(endpoint, call)] = world.chat.calls
    assert endpoint == OWN
    assert call.schema is None
    assert call.temperature <= 0.3
    assert call.max_tokens == 2048
    assert draft.schema["properties"] == {"name": {"type": "string"}}
    assert draft.schema_duration_ms == 2_000
    assert (draft.schema_refreshes, draft.failed_attempts) == (0, 0)
    assert draft.owner == "ann"


async def test_others_are_answered_while_a_long_reply_is_read() -> None:
    slow = {"type": "string", "pattern": "(a?)" * 240}  # some hundredths of a second each
    world = World(json.dumps({"type": "object", "properties": {f"f{n}": slow for n in range(20)}}))
    begun = asyncio.create_task(world.draft())
    turns = 0
    while not begun.done():
        await asyncio.sleep(0)
        turns += 1
    assert (await begun).schema["properties"]
    assert turns > 100


def test_a_schema_of_ones_own_makes_a_draft_without_any_call(world: World) -> None:
    draft = world.drafts.given(ANN, REQUEST, {"type": "object"})
    assert world.chat.calls == []
    assert world.drafts.read(ANN, world.drafts.sign(ANN, draft)) == draft
    with pytest.raises(InputError):
        world.drafts.given(ANN, replace(REQUEST, title=""), {"type": "object"})


async def test_what_does_not_fit_is_told_before_any_call(world: World) -> None:
    with pytest.raises(InputError) as caught:
        await world.draft(title="", total_records=201)
    assert [p.path for p in caught.value.problems] == ["title", "totalRecords"]
    assert world.chat.calls == []


async def test_parameters_meant_for_records_stay_out_of_the_draft_call(world: World) -> None:
    parameters = {"temperature": 1.2, "max_tokens": 100, "stop": "x", "seed": 4}
    draft = await world.draft(parameters=parameters)
    assert draft.inference.parameters == parameters
    assert world.chat.calls[0][1].parameters == {"seed": 4}


async def test_the_key_is_in_no_draft_and_goes_to_no_other_server(world: World) -> None:
    draft = await world.draft(base_url="https://other.example/v1", model="big")
    assert world.chat.calls[0][0].api_key is None
    assert draft.inference.base_url == "https://other.example/v1"
    assert "secret-key" not in repr(draft) + str(world.signer.read(world.drafts.sign(ANN, draft)))


async def test_a_token_gives_the_whole_draft_back(world: World) -> None:
    draft = await world.draft(dataset_mode=True, parameters={"seed": 1})
    assert world.drafts.read(ANN, world.drafts.sign(ANN, draft)) == draft
    assert draft.changes
    assert isinstance(draft.changes, tuple)


async def test_the_users_edits_travel_in_a_fresh_token(world: World) -> None:
    draft = replace(await world.draft(), schema={"type": "object", "properties": {"x": {}}})
    world.clock.advance(29 * 60)
    token = world.drafts.sign(ANN, draft)
    world.clock.advance(29 * 60)
    assert world.drafts.read(ANN, token).schema == draft.schema


async def test_a_draft_ends_after_half_an_hour(world: World) -> None:
    token = world.drafts.sign(ANN, await world.draft())
    world.clock.advance(30 * 60 + 1)
    with pytest.raises(InputError, match="This draft has expired; draft it again"):
        world.drafts.read(ANN, token)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\x00"])
def test_what_is_no_token_is_no_draft(world: World, token: str) -> None:
    with pytest.raises(InputError, match="draft it again"):
        world.drafts.read(ANN, token)


def test_a_session_is_no_draft(world: World) -> None:
    now = int(world.clock.now().timestamp())
    token = world.signer.sign({"typ": "session", "username": "ann", "role": "user",
                               "owner": "ann", "iat": now, "exp": now + 99})
    with pytest.raises(InputError, match="not a draft"):
        world.drafts.read(ANN, token)


def test_a_draft_of_another_version_is_to_be_drafted_again(world: World) -> None:
    now = int(world.clock.now().timestamp())
    token = world.signer.sign({"typ": "draft", "owner": "ann", "draftId": "d", "peer": "peer1",
                               "iat": now, "exp": now + 99, "draft": {"title": 1}})
    with pytest.raises(InputError, match="draft it again"):
        world.drafts.read(ANN, token)


async def test_a_draft_is_its_owners_alone(world: World) -> None:
    draft = await world.draft()
    token = world.drafts.sign(ANN, draft)
    for forbidden in (lambda: world.drafts.read(BOB, token),
                      lambda: world.drafts.sign(BOB, draft)):
        with pytest.raises(NotThere):
            forbidden()
    with pytest.raises(NotThere):
        await world.drafts.draft(BOB, replace(REQUEST, previous_token=token))


async def test_another_replica_says_where_the_draft_can_be_confirmed(world: World) -> None:
    token = world.drafts.sign(ANN, await world.draft())
    with pytest.raises(Conflict, match="peer1"):
        world.replica("peer2").read(ANN, token)


async def test_drafting_again_is_the_same_draft_counted_and_asked_in_other_words(
    world: World,
) -> None:
    first = await world.draft()
    second = await world.draft(previous_token=world.drafts.sign(ANN, first), title="Lights")
    third = await world.draft(previous_token=world.drafts.sign(ANN, second))
    assert first.id == second.id == third.id
    assert first.created_at == third.created_at
    assert [d.schema_refreshes for d in (first, second, third)] == [0, 1, 2]
    assert second.title == "Lights"
    assert len({call.messages[-1].content for _, call in world.chat.calls}) == 3


async def test_two_drafts_of_one_request_are_two_drafts(world: World) -> None:
    assert (await world.draft()).id != (await world.draft()).id


async def test_calls_that_give_no_schema_are_counted() -> None:
    world = World("I can't.", ModelUnreachable("No answer."), FIELDS, FIELDS)
    with pytest.raises(ReplyUnusable) as caught:
        await world.draft()
    assert caught.value.advice
    with pytest.raises(ModelUnreachable):
        await world.draft()
    assert (await world.draft()).failed_attempts == 2
    assert (await world.draft()).failed_attempts == 0
    assert len(world.chat.calls) == 4


async def test_a_users_failures_are_not_anothers() -> None:
    world = World("no", FIELDS)
    with pytest.raises(ReplyUnusable):
        await world.draft()
    assert (await world.drafts.draft(BOB, REQUEST)).failed_attempts == 0


async def test_in_dataset_mode_the_named_classes_are_the_labels_values(world: World) -> None:
    draft = await world.draft(dataset_mode=True, instructions="label: spam or ham")
    assert draft.schema["properties"]["label"]["enum"] == ["spam", "ham"]


OWN_SCHEMA = {"type": "object", "title": "Lamps of ours",
              "properties": {"watt": {"type": "integer"}}}
BLANK = replace(REQUEST, title="", description="", instructions="")


def test_a_schema_of_ones_own_becomes_a_draft_without_a_call(world: World) -> None:
    draft = world.drafts.from_schema(ANN, REQUEST, OWN_SCHEMA)

    assert world.chat.calls == []
    assert draft.schema_duration_ms == 0
    assert draft.schema["properties"] == OWN_SCHEMA["properties"]
    assert (draft.title, draft.description, draft.instructions) == (
        "Lamps", "One lamp.", "Vary the size.")
    assert world.drafts.read(ANN, world.drafts.sign(ANN, draft)) == draft


def test_empty_texts_say_what_the_schema_says_of_itself(world: World) -> None:
    draft = world.drafts.from_schema(ANN, BLANK, OWN_SCHEMA)

    assert draft.title == "Lamps of ours"
    assert "Lamps of ours" in draft.description
    assert draft.instructions


def test_a_schema_without_a_title_needs_one_from_the_request(world: World) -> None:
    with pytest.raises(InputError) as caught:
        world.drafts.from_schema(ANN, BLANK, {"type": "object", "properties": {"a": {}}})

    assert "title" in {problem.path for problem in caught.value.problems}


def test_in_dataset_mode_a_schema_of_ones_own_gets_its_label(world: World) -> None:
    request = replace(REQUEST, dataset_mode=True, instructions="label: warm or cold")

    draft = world.drafts.from_schema(ANN, request, OWN_SCHEMA)

    assert draft.schema["properties"]["label"]["enum"] == ["warm", "cold"]
    assert draft.schema["required"] == ["label"]
    assert draft.changes


def test_a_schema_that_cannot_work_yet_is_a_draft_for_its_owner_to_mend(world: World) -> None:
    odd = {"type": "object", "properties": {"a": {"type": "odd"}}}

    assert world.drafts.from_schema(ANN, REQUEST, odd).schema["properties"] == odd["properties"]
    with pytest.raises(InputError):
        world.drafts.from_schema(ANN, REQUEST, {"a": float("nan")})
