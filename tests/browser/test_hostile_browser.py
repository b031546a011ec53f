"""Hostile text in everything a person or a model may write, on every page, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect

from datagen import bootstrap, settings
from datagen.bootstrap import Services
from datagen.domain.errors import Conflict, InputError
from datagen.domain.profile_requests import ProfileRequest
from datagen.domain.requests import DraftRequest
from datagen.domain.users import User
from tests.browser.live import Server, sign_in, wait_for
from tests.browser.watcher import watch

RAN = "window.ranHere=1"
TEXTS = [
    f"<script>{RAN}</script>", f"<img src=x onerror={RAN}>", f"<svg onload={RAN}>",
    f'"><iframe srcdoc="<script>parent.{RAN}</script>">', "<style>*{display:none}</style>",
    "<link rel=stylesheet href=http://evil.test/a.css>", '<a href="javascript:alert(1)">press</a>',
    "![i](http://evil.test/i.png)", "[press](javascript:alert(1))", "[press](http://evil.test/)",
    "<http://evil.test/>", "http://evil.test/auto", "# heading", "**bold** _it_ ~~gone~~ `code`",
    "$\\href{javascript:alert(1)}{x}$", "$$\\includegraphics{http://evil.test/x}$$",
    ":material/delete: :red[red] :blue-background[b] :small[s] :smile:", "| a | b |\n|---|---|",
    "&lt;b&gt; &#x3c;script&#x3e;", "{{7*7}} ${7*7} #{7*7}", "\u202egnp.exe\u2066\u200f\u200b",
    '=HYPERLINK("http://evil.test","x")', "__proto__", "constructor", "../../../etc/passwd",
    "a\r\nSet-Cookie: datagen_session=x", "\x1b[31mred\x1b]0;title\x07", "x" * 150, "﷽" * 40,
]
EVE = User(name="eve", role="user")
PASSWORD = "a long password"


@pytest.fixture
def services(server: Server) -> Iterator[Services]:
    """On the store of the running server."""
    built = bootstrap.build(settings.load({
        "DATAGEN_MOCK_CSTORE": "1", "DATAGEN_MOCK_INFERENCE_API": "1",
        "DATAGEN_APP_PORT": server.url.rsplit(":", 1)[1],
    }, in_container=False))
    yield built
    built.close()


def make_job(services: Services, number: int, text: str) -> str | None:
    """A job with the text wherever one fits; None where it is refused as it is."""
    schema = {
        "type": "object", "title": text, "description": text,
        "properties": {
            "said": {"type": "string", "enum": [text, f"{text} too"], "description": text},
            **({text[:60]: {"type": "integer", "description": text}} if text.isprintable() else {}),
        },
        "required": ["said"], "additionalProperties": False,
    }
    with suppress(InputError):
        draft = services.drafts.given(EVE, DraftRequest(
            title=f"{number} {text}"[:200], total_records=2, description=text,
            instructions=text), schema)
        return services.jobs.confirm(EVE, services.drafts.sign(EVE, draft))
    return None


def make_people(services: Services) -> None:
    """Accounts as a stranger signs up, tokens as their owner calls them."""
    for number, text in enumerate(TEXTS):
        services.accounts.create(f"user-{number}", PASSWORD, metadata={
            "name": text, "email": f"{number}{text}", "country": text})
        with suppress(InputError, Conflict):  # some are no names; 20 are the most
            services.tokens.create(EVE, text[:60], "read")


def assert_nothing_runs(page: Page, path: str) -> None:
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    page.get_by_test_id("stMain").get_by_role("button").first.wait_for()
    assert page.evaluate("window.ranHere") is None, path
    foreign = page.evaluate("""() => [...document.querySelectorAll("[src],[href]")]
        .map((e) => e.src || e.href).filter((u) => typeof u === "string" &&
          (u.includes("evil.test") || u.startsWith("javascript:")))""")
    assert foreign == [], path
    assert page.get_by_test_id("stException").count() == 0, path


def test_no_text_is_markup_on_any_page(
    page: Page, server: Server, services: Services
) -> None:
    services.accounts.create(EVE.name, PASSWORD)
    made = {text: make_job(services, number, text) for number, text in enumerate(TEXTS)}
    job_ids = [job_id for job_id in made.values() if job_id]
    for text in TEXTS[:8]:
        with suppress(InputError):
            services.profiles.save(EVE, ProfileRequest(
                name=text[:60], base_url="http://model.invalid", model=text[:60]))

    def over() -> bool:
        services.jobs.invalidate()
        return all(view.job.is_over for view in services.jobs.list(EVE))

    wait_for(over, 90)
    watcher = watch(page, server.url)
    sign_in(page, server, EVE.name, PASSWORD)
    page.get_by_role("link", name="New dataset").first.wait_for()
    looks = [f"/job?id={job_id}" for job_id in job_ids[::3]] + [
        f"/dataset?id={job_id}" for job_id in job_ids[1::3]] + ["/jobs", "/models", "/new"]
    for path in looks:
        page.goto(f"{server.url}{path}")
        assert_nothing_runs(page, path)

    assert "\n".join(watcher.seen()) == ""
    assert len(job_ids) >= len(TEXTS) - 4, json.dumps([t for t, j in made.items() if not j])


def test_no_name_of_a_person_or_a_token_is_markup(
    page: Page, server: Server, services: Services
) -> None:
    with suppress(Conflict):  # the other test made her
        services.accounts.create(EVE.name, PASSWORD)
    services.accounts.create("root", PASSWORD, role="admin")
    make_people(services)
    watcher = watch(page, server.url)
    sign_in(page, server, "root", PASSWORD)
    page.get_by_role("link", name="New dataset").first.wait_for()
    for text in ("", "evil.test", "onerror", "<"):
        page.goto(f"{server.url}/admin")
        page.get_by_placeholder("User name, name").fill(text)
        page.get_by_placeholder("User name, name").press("Enter")
        assert_nothing_runs(page, f"/admin {text}")
    assert page.get_by_text("<img src=x onerror=").count() > 0  # shown as it was written
    page.context.clear_cookies()
    sign_in(page, server, EVE.name, PASSWORD)
    page.get_by_role("link", name="New dataset").first.wait_for()
    page.goto(f"{server.url}/account")
    assert_nothing_runs(page, "/account")
    assert "\n".join(watcher.seen()) == ""
