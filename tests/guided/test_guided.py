"""The targets hold, and each of them notices a fault of what it judges."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from tests.guided.drive import by_hypothesis, drive
from tests.guided.maze import maze
from tests.guided.targets import TARGETS

_SECONDS = 5  # that each target is driven for by ``make deep``

Fault = Callable[..., Any]  # takes what is there, then what that takes


def _gives(answer: object) -> Fault:
    """It answers the same to everything."""
    return lambda _, *__, **___: answer


# By target: the module, what in it, and the fault that is planted there.
PLANTED: Mapping[str, tuple[str, str, Fault]] = {
    "job-values": ("datagen.protocol.details", "from_iso", lambda real, text: real(text.strip())),
    "people-values": ("datagen.protocol.tokens", "optional_iso", lambda _, text: text[:4] and None),
    "sealed": ("datagen.protocol.seal", "Seal._mac",
               lambda real, self, hkey, field, text: real(self, "", field, text)),
    "store-answer": ("datagen.adapters.foreign", "_is_ours",
                     lambda _, name, value: isinstance(value, str)),
    "lines": ("datagen.protocol.lines", "is_odd", _gives(False)),
    "journal": ("datagen.engine.journal", "_checked",
                lambda _, entry: entry[9:].removesuffix(b"\n")),
    "chat-answer": ("datagen.adapters.chat_replies", "clean", lambda _, text, *a: text[:240]),
    "polled": ("datagen.adapters.chat_polled", "_inner", lambda _, got: json.loads(got.body)),
    "node-answer": ("datagen.adapters.node_answers", "_parsed", lambda real, body: real(body)["a"]),
    "chat-request": ("datagen.model.wire", "_response_format",
                     lambda _, value: (value["type"], value.get("schema"))),
    "reply": ("datagen.domain.records", "Validity.errors", _gives(())),
    "coercion": ("datagen.domain.coercion", "_as", lambda _, name, value, **o: [[value]]),
    "draft": ("datagen.domain.schema.draft", "problems", _gives(())),
    "token": ("datagen.adapters.crypto", "_is_seconds", _gives(True)),
    "sealed-key": ("datagen.adapters.vault", "_place", _gives(b"")),
    "password": ("datagen.adapters.crypto", "_whole",
                 lambda _, params, name, *a: int(params.get(name, 1))),
    "htpasswd": ("datagen.domain.htpasswd", "_why_not", lambda _, stored, more: stored),
    "address": ("datagen.domain.addresses", "allowed", _gives(True)),
    "headers": ("datagen.api.headers", "_is_plain", _gives(True)),
    "query": ("datagen.api.inputs", "whole_in", lambda _, query, name, default, **__: int(
        query.get(name, default))),
    "request": ("datagen.domain.requests", "wrong_parameters", _gives(())),
    "profile": ("datagen.domain.profile_requests", "_texts", _gives(())),
    "sign-up": ("datagen.domain.signing_up", "email_problem", _gives(None)),
    "file-name": ("datagen.domain.downloads", "_tidy", lambda _, name: name),
    "spec": ("datagen.cli.marks", "_check", _gives(None)),
    "environment": ("datagen.settings", "SettingsError", _gives(ValueError("x"))),
    "schema": ("datagen.domain.schema.check", "_clean",
               lambda real, node: {**real(node), "title": str(node)}),
    "pasted": ("datagen.domain.schema.infer", "_kinds", lambda real, values: real(values[:1])),
    "field-list": ("datagen.model.fieldlist", "_ranged", lambda _, hint, name, numbers: {
        "type": "number", "minimum": float(numbers[1]), "maximum": float(numbers[1]) - 1}),
    "csv": ("datagen.domain.cells", "defused", lambda _, value: value),
    "table": ("datagen.services.quick", "_unescaped", lambda _, part: part),
    "search": ("datagen.services.tables", "_found",
               lambda real, table, search: real(table, f"{search}x")),
}


def plant(patch: pytest.MonkeyPatch, module: str, what: str, fault: Fault) -> None:
    holder: Any = importlib.import_module(module)
    *inside, name = what.split(".")
    for one in inside:
        holder = getattr(holder, one)
    real = getattr(holder, name)
    planted = partial(fault, real)
    patch.setattr(holder, name, (lambda *a, **o: planted(*a, **o)) if inside else planted)


def test_every_target_has_a_fault_to_notice() -> None:
    assert set(PLANTED) == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_for_its_own_seeds(name: str) -> None:
    for content in TARGETS[name].seeds:
        TARGETS[name].judge(content)


@pytest.mark.parametrize("name", PLANTED)
def test_a_target_notices_a_planted_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, *PLANTED[name])
    outcome = by_hypothesis(TARGETS[name], seed=1, most=400)
    assert outcome.fault
    assert outcome.found is not None


def test_where_there_is_no_atheris_hypothesis_drives_the_same(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.guided.drive.has_atheris", lambda: False)
    assert "said" in drive(maze, seconds=0, seed=1).fault
    held = drive(TARGETS["query"], seconds=0, seed=1)
    assert (held.fault, held.runs > 1_000) == ("", True)


@pytest.mark.deep
def test_the_driver_that_is_here_tells_what_broke_the_rule() -> None:
    outcome = drive(maze, seconds=20, seed=1)
    assert "RuntimeError: said" in outcome.fault
    assert outcome.found is not None
    assert outcome.found.startswith(b"nobody")


@pytest.mark.deep
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_for_whatever_is_found_in_some_seconds(name: str) -> None:
    outcome = drive(TARGETS[name], seconds=_SECONDS, seed=1)
    assert not outcome.fault, (outcome.fault, outcome.found)
    assert outcome.runs > 0
