"""What people and operators write by hand: specs, schemas, samples, descriptions, settings."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from datagen import settings
from datagen.cli import spec
from datagen.domain import requests
from datagen.domain.errors import InputError, ReplyUnusable, SettingsError
from datagen.domain.exact import RecordValidator
from datagen.domain.schema import (
    apply_rows,
    problems,
    read_draft,
    read_pasted,
    rows,
    sanitise,
    warnings,
)
from datagen.model import fieldlist
from datagen.model.sample import draft as sample_draft
from tests.guided.models import FORMATS, SCHEMAS
from tests.guided.target import Target, target, text, value

_FOLDER = tempfile.TemporaryDirectory()
_SPEC = """title: Tickets
description: d
instructions: i
records: 5
mode: dataset
seed: 7
inference: {base_url: "https://h.example", model: m, temperature: 0.5}
schema:
  type: object
  properties:
    a: {type: string, enum: [yes, no]}
"""


@target("spec", "a YAML file is a spec that the API takes or refuses, or InputError with its place",
        [_SPEC, "a: &a [*a]", "a: !!python/name:os.system x", "%YAML 1.1\n--- x", "- &a 1\n- *a",
         _SPEC + "x: 2026-01-01\n? [a]\n: b"])
def yaml_spec(data: bytes) -> None:
    file = Path(_FOLDER.name, "spec.yaml")
    file.write_bytes(data)
    try:
        found = spec.load(str(file))
    except InputError as exc:
        assert str(exc).startswith(str(file))
        return
    json.dumps(found.schema, allow_nan=False)
    try:
        requests.check(found.request, max_records=1_000)
        if found.schema is not None:
            wrong = problems(sanitise(found.schema))
            assert not wrong or str(found.schema_fault(wrong))
    except InputError as exc:
        assert str(found.request_fault(exc))


@target("environment", "an environment is settings or a list of problems", [
    {"DATAGEN_APP_PORT": "8501", "DATAGEN_TRUSTED_PROXIES": "10.0.0.0/8"},
    {"R1EN_CHAINSTORE_PEERS": '["a"]', "DATAGEN_INFERENCE_API_URL": "http://u:p@h:1"},
    {"DATAGEN_MAX_RECORDS_PER_JOB": "200", "DATAGEN_DATA_DIR": "$HOME/x"}])
def environment(data: bytes) -> None:
    found = value(data)
    if not isinstance(found, dict):
        return
    said = {k: v for k, v in found.items() if isinstance(v, str) and "\0" not in k + v}
    try:
        assert settings.load(said, in_container=False)
    except SettingsError as exc:
        assert exc.problems
        assert all(one.strip() for one in exc.problems)


@target("schema", "a schema is judged, shown as a table and taken from it again, whatever it is",
        [*SCHEMAS.values(), {"type": "object", "properties": {"a": {"pattern": "(a+)+$"}}},
         {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}},
          "$defs": {"b": {"minimum": 1}}}])
def schema(data: bytes) -> None:
    found = value(data)
    wrong = problems(found)
    assert all(one.message.strip() for one in wrong)
    try:
        clean = sanitise(found)
    except InputError:
        return
    assert sanitise(clean) == clean
    warnings(clean)
    table = rows(clean)
    if wrong or problems(clean):
        return
    try:
        again = apply_rows(clean, table)
    except InputError:
        return
    assert again == clean


@target("pasted", "records that somebody pastes fit the schema that is made of them, in which "
        "nothing is wrong; all else is InputError",
        ["a,b\n1,x\n2,y", 'a;b\n"1;2";x', '{"a":1}\n{"a":2}', '[{"a":[1,"x"]}]', "a\tb\ntrue\t[1]",
         json.dumps(SCHEMAS["ticket"])])
def pasted(data: bytes) -> None:
    try:
        found = read_pasted(text(data))
    except InputError as exc:
        assert str(exc)
        return
    json.dumps(found.schema, allow_nan=False)
    if found.kind == "schema":
        assert sanitise(found.schema) == found.schema
        return  # what is wrong with it, its owner is told
    assert problems(found.schema) == ()
    records = value(data)
    judge = RecordValidator(found.schema, format_checker=FORMATS)
    for record in records if isinstance(records, list) else [records]:
        assert not isinstance(record, dict) or judge.is_valid(record)


@target("field-list", "fields that a description lists have names and limits that agree, and make "
        "a draft", [
    "Fields: sku; price with amount (5 to 900) and currency (EUR or USD); tags, a list of words",
    "Each ticket has an id, an age from 5 to 90, a name of up to 40 characters. It is spam or ham.",
    "columns: a (up to 7 characters), b (one of x, y), c (1.5 to 2.5)",
    f"Fields: age (5 to {'9' * 400}); b", f"Fields: a (up to {'9' * 5_000} characters); b",
    "Fields: a (-5 to -2 characters); tags, a list of 3 to 5 words"])
def field_list(data: bytes) -> None:
    said = text(data)
    for field in (*fieldlist.listed(said), *fieldlist.mentioned(said)):
        assert field["name"].strip("_[].")
        for low, high in (("minimum", "maximum"), ("minLength", "maxLength")):
            if low in field and high in field:
                assert field[low] <= field[high]
        json.dumps(field, allow_nan=False)
    fieldlist.classes(said)
    for dataset_mode in (False, True):
        made = sample_draft.draft_schema(said, dataset_mode=dataset_mode)
        assert made["properties"]
        try:
            read_draft(json.dumps(made, allow_nan=False), dataset_mode=dataset_mode)
        except ReplyUnusable as exc:
            assert str(exc)


TARGETS: tuple[Target, ...] = (yaml_spec, environment, schema, pasted, field_list)
