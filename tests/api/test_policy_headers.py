"""What every answer tells browsers, caches and strangers."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

HTML = {"accept": "text/html,application/xhtml+xml"}
ORIGIN = "http://localhost:8501"
PRIVATE = ("/", "/job?id=job_1_a", "/api/auth/me", "/api/nothing", "/media/x.svg",
           "/_stcore/host-config", "/login", "/health", "/auth/logout")


def rules_of(answer: Any) -> dict[str, list[str]]:
    parts = answer.headers["content-security-policy"].split("; ")
    return {name: values for name, *values in (part.split() for part in parts)}


@pytest.mark.parametrize("path", PRIVATE)
@pytest.mark.parametrize("signed_in", [True, False])
def test_answers_stay_out_of_caches_frames_and_foreign_hands(
    site: Any, path: str, *, signed_in: bool
) -> None:
    with site.client(signed_in=signed_in) as client:
        headers = client.get(path, headers=HTML).headers

    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "base-uri 'none'" in headers["content-security-policy"]


def test_what_is_the_same_for_everybody_may_be_kept(ann: TestClient) -> None:
    for path in ("/static/js/x.js", "/app/static/inter.woff2"):
        assert "cache-control" not in ann.get(path).headers


def test_the_page_runs_the_scripts_it_came_with_and_no_other(ann: TestClient) -> None:
    spec = find_spec("streamlit")
    assert spec
    assert spec.origin
    index = (Path(spec.origin).parent / "static/index.html").read_text()
    inline = re.findall(r"<script>(.*?)</script>", index, re.DOTALL)
    hashes = ["'sha256-" + base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() + "'"
              for t in inline]

    rules = rules_of(ann.get("/", headers=HTML))

    assert inline
    assert set(hashes) < set(rules["script-src"])
    assert "'unsafe-inline'" not in rules["script-src"]
    assert "'unsafe-eval'" not in rules["script-src"]
    assert rules["default-src"] == ["'none'"]
    for name, values in rules.items():
        assert not any("*" in value or "http" in value for value in values), name


def test_the_sign_in_page_runs_no_script_at_all(anonymous: TestClient) -> None:
    rules = rules_of(anonymous.get("/login"))

    assert rules["default-src"] == ["'none'"]
    assert "script-src" not in rules


@pytest.mark.parametrize(("url", "peer", "forwarded", "told"), [
    ("https://datagen.example", "192.0.2.1", "", True),
    ("http://datagen.example", "10.1.2.3", "https", True),  # a proxy we trust says so
    ("http://datagen.example", "10.2.2.3", "https", False),  # anybody could say so
    ("http://datagen.example", "10.1.2.3", "http", False),
    ("http://datagen.example", "10.1.2.3", "", False),
    ("https://localhost:8501", "127.0.0.1", "", False),  # other programs live there, too
])
def test_only_https_may_follow_https(
    site: Any, url: str, peer: str, forwarded: str, *, told: bool
) -> None:
    with site.client(url=url, peer=peer) as client:
        answer = client.get("/login", headers={"x-forwarded-proto": forwarded})

    said = answer.headers.get("strict-transport-security", "")
    assert said.startswith("max-age=") if told else said == ""
