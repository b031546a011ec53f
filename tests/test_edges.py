"""Any text at all, where text comes in from outside: read or refused, never a crash."""

from __future__ import annotations

from ipaddress import ip_network
from urllib.parse import urlsplit

from hypothesis import example, given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from datagen import settings
from datagen.api.headers import (
    client_address,
    is_loopback,
    origin_problem,
    safe_next,
    same_origin,
    token_of,
)
from datagen.domain import tokens
from datagen.domain.errors import SettingsError
from datagen.environment import VARIABLES

NAMES = st.sampled_from([name for one in VARIABLES for name in (one.name, *one.aliases)])
SECRETS = [one.name for one in VARIABLES if one.secret]
VALUES = st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]),
                 max_size=40) | st.sampled_from([
    "0", "1", "-1", "1e999", "nan", "inf", "9" * 400, "http://h:1", "http://u:p@h", "http://[::1]:9",
    "http://[", "$X", "${DATAGEN_APP_PORT}", "$$", "[]", '["a"]', "{}", "[" * 9_000, "10.0.0.0/8",
    "::/0", "1.2.3.4/99", "٣", "a,b", "..", "/x", "true", "💥"])
ASCII = st.text(st.characters(max_codepoint=255), max_size=60)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
@example({"DATAGEN_UI_TEST_PRESET": "[" * 9_000})
@example({"R1EN_CHAINSTORE_PEERS": "[" * 9_000})
@example({"DATAGEN_MAX_RECORDS_PER_JOB": "9" * 5_000})
@example({"DATAGEN_INFERENCE_TIMEOUT_SECONDS": "nan"})
def test_any_environment_is_settings_or_a_list_of_problems(environment: dict[str, str]) -> None:
    problems = ["none"]
    try:
        settings.load(environment, in_container=False)
    except SettingsError as exc:
        problems = [*exc.problems]
    assert problems
    assert all(problem.strip() for problem in problems)


@given(st.sampled_from(SECRETS), st.dictionaries(NAMES, VALUES, max_size=3))
def test_no_secret_is_in_problems_settings_or_what_is_in_force(
    name: str, environment: dict[str, str]
) -> None:
    secret = "PLANTED-in-the-environment-0123456789"
    try:
        found = settings.load(environment | {name: secret}, in_container=False)
        said = repr(found) + repr(found.in_force) + repr(found.warnings)
    except SettingsError as exc:
        said = str(exc)
    assert secret not in said


@given(st.text() | st.from_regex(r"dgp_[0-9a-f]{12}_[\w-]{43}~.{0,70}"))
def test_a_personal_token_is_what_we_spell_and_nothing_else(text: str) -> None:
    found = tokens.parts(text)
    assert found is None or tokens.spelled(*found) == text


@given(ASCII, ASCII, ASCII)
def test_a_header_of_any_bytes_is_read(one: str, two: str, three: str) -> None:
    raw = [(name, value.encode("latin-1")) for name, value in (
        (b"authorization", f"Bearer {one}"), (b"cookie", f"datagen_session={two}; {three}"),
        (b"origin", one), (b"host", two), (b"x-forwarded-for", f"{one}, {two}"),
        (b"sec-fetch-site", three))]
    headers = Headers(raw=raw)
    token_of(headers)
    same_origin(headers)
    origin_problem(headers)
    is_loopback(one)
    said = client_address({"type": "http", "client": ("127.0.0.1", 1), "headers": raw},
                          [ip_network("127.0.0.0/8")])
    assert said == "unknown" or ":" in said or said.replace(".", "").isdigit()


def test_who_a_request_is_from_is_an_address_and_no_text_behind_one() -> None:
    for said in ("fe80::1%<b>x</b>", "fe80::1%eth0, 127.0.0.1", "x"):
        raw = [(b"x-forwarded-for", said.encode())]
        assert client_address({"type": "http", "client": ("127.0.0.1", 1), "headers": raw},
                              [ip_network("127.0.0.0/8")]) == "unknown"


@given(ASCII.map("/{}".format) | st.text(max_size=60) | st.sampled_from([
    "//evil.test", "/\\evil.test", "/\t/evil.test", "/%2f/evil.test", "/..//evil.test",
    "///evil.test", "/login?next=/", "/x\r\nSet-Cookie: a=b", "http://evil.test", "/a?b=//evil"]))
def test_where_one_goes_after_signing_in_is_on_this_site(path: str) -> None:
    there = safe_next(path)
    assert there.startswith("/")
    assert not there.startswith(("//", "/\\"))
    assert there.isascii()
    assert there.isprintable()
    assert not urlsplit(there).netloc
