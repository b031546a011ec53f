"""The API's description names every route that there is, and no other."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from datagen.domain.api.description import OPERATIONS, openapi

PAGES = {"/login", "/auth/logout", "/password", "/signup", "/signup/resend"}  # forms, for people
REST = "/api/{rest:path}"  # what is not there


def test_every_route_is_described_and_every_description_is_a_route(site: Any) -> None:
    routes = {(method, route.path) for route in site.routes
              for method in route.methods or () if method != "HEAD"}
    found = {(method, path) for method, path in routes if path not in PAGES | {REST}}
    assert found == set(OPERATIONS)


def test_the_description_is_served_and_whole(ann: TestClient) -> None:
    answer = ann.get("/api/openapi.json")
    assert answer.json() == openapi()
    assert answer.json()["openapi"] == "3.1.0"
    for path, methods in answer.json()["paths"].items():
        for one in methods.values():
            assert one["summary"]
            named = {p["name"] for p in one["parameters"] if p["in"] == "path"}
            assert all(f"{{{name}}}" in path for name in named)
            assert "401" in one["responses"]


def test_every_shape_is_json_schema() -> None:
    for one in OPERATIONS.values():
        for shape in (one.body, one.answer, *one.query.values()):
            if shape is not None:
                Draft202012Validator.check_schema(json.loads(json.dumps(shape)))
