"""The app of ``streamlit_app.py`` itself, attacked from outside and by another user."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime

from datagen.api.gate_rules import OPEN
from datagen.domain.requests import DraftRequest
from tests.tab import ORIGIN, STREAM
from tests.ui.replica import ADA, BEN, ROOT, World

HTML = {"accept": "text/html"}
PASSWORD = "a password of some length"
PAGES = ("", "jobs", "new", "models", "job", "dataset", "metrics", "account")


def token_of(world: World, name: str = ADA.name) -> str:
    return world.services.accounts.sign_in(name, PASSWORD)[0]


def cookie(token: str) -> dict[str, str]:
    return {"cookie": f"datagen_session={token}"}


def false_tokens(world: World) -> dict[str, str]:
    """Tokens that look like one and are none."""
    claims = {"username": "ada", "role": "admin", "iat": 1, "exp": 9_999_999_999, "typ": "session"}
    good = token_of(world)
    head, body, mark = good.split(".")
    draft = asyncio.run(world.services.drafts.draft(ADA, DraftRequest(
        title="t", total_records=1, description="a bird", instructions="vary")))
    gone = token_of(world)
    world.services.accounts.sign_out(gone)
    return {
        "garbage": "x.y.z", "empty": "..", "huge": "a" * 60_000, "non-ascii": "é.é.é",
        "unsigned": jwt.encode(claims, None, algorithm="none"),
        "other secret": jwt.encode(claims, "another secret of thirty-two bytes", "HS256"),
        "other algorithm": jwt.encode(claims, "x" * 64, "HS512"),
        "cut": f"{head}.{body}", "mark changed": f"{head}.{body}.{mark[:-4]}AAAA",
        "padded": f"{good}=", "draft": world.services.drafts.sign(ADA, draft), "signed out": gone,
    }


def calls_of(app: Any) -> Iterator[tuple[str, str]]:
    """Every method and path the app answers, with something in place of each parameter."""
    for route in app._build_starlette_app().routes:
        if isinstance(route, Mount):
            yield from (("GET", path) for path in (
                *(f"/{page}" for page in PAGES), "/index.html", "/static/js/x.js", "/pages/new.py",
                "//login", "/login/", "/Login", "/login/..", "/health/", "/%2flogin", "/login;x",
                "/login.", "/health%00", "/.streamlit/config.toml", "/datagen/settings.py",
            ))
        elif isinstance(route, Route):
            path = re.sub(r"\{[^}]+\}", "x", route.path)
            yield from ((method, path) for method in sorted(route.methods or ()))
        else:
            assert isinstance(route, WebSocketRoute)
            assert STREAM.endswith(route.path)


def test_no_route_answers_to_who_has_no_session_whatever_is_shown_instead(
    world: World, client: TestClient
) -> None:
    calls = sorted(set(calls_of(client.app)))
    shown = [{}, HTML, {"x-datagen-user": "ada", "x-datagen-session": "s"}]
    for name, token in false_tokens(world).items():
        if name not in {"huge", "non-ascii"}:
            shown.append({"authorization": f"Bearer {token}"})
        shown.append(cookie(token))
    seen_open = set()
    for method, path in calls:
        plain = ("GET" if method == "HEAD" else method, path)
        if plain in OPEN:
            seen_open.add(plain)
            continue
        for headers in shown:
            answer = client.request(method, path, headers=[
                (k.encode(), v.encode("latin-1")) for k, v in {**headers, "origin": ORIGIN}.items()
            ])
            assert answer.status_code in {303, 401}, (method, path, headers)
            assert "ada" not in answer.text

    assert seen_open == OPEN
    assert len(calls) > 60


def test_no_false_token_opens_the_websocket(world: World, client: TestClient) -> None:
    for token in (None, *false_tokens(world).values()):
        headers = {} if token is None else {"cookie": f"datagen_session={token}".encode("latin-1")}
        with pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)), \
                client.websocket_connect(STREAM, headers=headers):
            pass


def rerun(socket: Any, page: str = "", query: str = "", fragment: str = "",
          **triggers: Any) -> list[ForwardMsg]:
    """One run of a page, or of one of its fragments: all that the browser gets of it."""
    ask(socket, page, query, fragment, **triggers)
    return answers(socket)


def ask(socket: Any, page: str, query: str = "", fragment: str = "", **triggers: Any) -> None:
    message = BackMsg()
    for widget, value in triggers.items():
        state = message.rerun_script.widget_states.widgets.add(id=widget)
        state.json_trigger_value = json.dumps([value])
    message.rerun_script.page_name = page
    message.rerun_script.query_string = query
    message.rerun_script.fragment_id = fragment
    socket.send_bytes(message.SerializeToString())


def answers(socket: Any) -> list[ForwardMsg]:
    seen: list[ForwardMsg] = []
    while not seen or seen[-1].WhichOneof("type") != "script_finished":
        forward = ForwardMsg()
        forward.ParseFromString(socket.receive_bytes())
        seen.append(forward)
    return seen


def session_of(seen: list[ForwardMsg]) -> str:
    return next(m.new_session.initialize.session_id for m in seen
                if m.WhichOneof("type") == "new_session")


def test_a_session_of_streamlit_can_be_taken_up_by_its_user_only(
    world: World, client: TestClient
) -> None:
    ada, ben = token_of(world), token_of(world, BEN.name)
    with client.websocket_connect(STREAM, headers=cookie(ada)) as socket:
        first = session_of(rerun(socket))
        again = {"sec-websocket-protocol": f"streamlit, x, {first}"}
        with client.websocket_connect(STREAM, headers=cookie(ben) | again) as other:
            assert session_of(rerun(other)) != first  # while it is open
        assert session_of(rerun(socket)) == first  # and undisturbed

    with client.websocket_connect(STREAM, headers=cookie(ben) | again) as socket:
        assert session_of(rerun(socket)) != first
    with client.websocket_connect(STREAM, headers=cookie(token_of(world)) | again) as socket:
        assert session_of(rerun(socket)) != first  # signed in anew: what was is over
    with client.websocket_connect(STREAM, headers=cookie(ada) | again) as socket:
        assert session_of(rerun(socket)) == first


@pytest.mark.parametrize("page", ["", "job"])
def test_an_open_tab_gets_nothing_more_once_its_session_ended(
    world: World, client: TestClient, page: str
) -> None:
    token, job_id = token_of(world), world.confirm("Secret plans")
    with client.websocket_connect(STREAM, headers=cookie(token)) as socket:
        before = rerun(socket, page, f"id={job_id}")
        fragments = {m.delta.fragment_id for m in before if m.delta.fragment_id}
        alive = [rerun(socket, page, f"id={job_id}", fragment) for fragment in fragments]
        world.services.accounts.sign_out(token)
        dead = [rerun(socket, page, f"id={job_id}", fragment) for fragment in fragments]
        dead.append(rerun(socket, page, f"id={job_id}"))

    assert "Secret plans" in str(before)
    assert len(fragments) >= 2
    assert any("dg-badge dg-" in str(seen) or "metric" in str(seen) for seen in alive)
    for seen in dead:
        told = str([m.delta for m in seen if m.WhichOneof("type") == "delta"])
        assert "Secret plans" not in told
        assert "metric" not in told
        assert "dg-badge dg-" not in told


def test_a_file_reaches_the_tab_it_was_chosen_in_and_is_gone_after_the_run(
    world: World, client: TestClient
) -> None:
    sample = '[{"robins": 1, "seen_by": "PLANTED"}]'
    with client.websocket_connect(STREAM, headers=cookie(token_of(world))) as socket, \
            client.websocket_connect(STREAM, headers=cookie(token_of(world, BEN.name))) as other:
        box = next(m.delta.new_element.bidi_component.id for m in rerun(socket, "new")
                   if m.delta.new_element.WhichOneof("type") == "bidi_component")
        rerun(other, "new")

        events = f"$$STREAMLIT_INTERNAL_KEY_{box}__events"
        file = {"name": "garden.json", "text": sample}
        ask(socket, "new", **{events: {"event": "file", "value": file}})
        while "robins" not in (shown := str(answers(socket))):
            pass  # the run that took the file; the next one shows the schema
        theirs = str(rerun(other, "new"))

        tabs = [info.session for info in Runtime.instance()._session_mgr.list_sessions()]
        kept = str([(tab.session_state, tab._client_state) for tab in tabs])

    assert "PLANTED" not in shown
    assert "robins" not in theirs
    assert len(tabs) == 2
    assert "robins" in kept
    assert "PLANTED" not in kept


def test_a_message_beyond_the_limit_ends_its_connection_and_no_other(
    world: World, client: TestClient
) -> None:
    limit = config.get_option("server.maxWidgetStateSize") * 1_000_000  # bytes
    assert limit <= 4_000_000
    with client.websocket_connect(STREAM, headers=cookie(token_of(world))) as socket, \
            client.websocket_connect(STREAM, headers=cookie(token_of(world))) as other:
        socket.send_bytes(b"x" * (limit + 1))
        with pytest.raises(WebSocketDisconnect) as caught:
            list(iter(socket.receive_bytes, None))  # until it ends

        assert caught.value.code == 1009
        assert rerun(other, "new")


def test_no_private_byte_is_in_the_media_store(world: World, client: TestClient) -> None:
    job_id = world.finish("Secret plans", records=6)
    static = {file.read_bytes() for file in (ROOT / "datagen/ui/static").iterdir()}
    with client.websocket_connect(STREAM, headers=cookie(token_of(world))) as socket:
        for page in PAGES:
            seen = rerun(socket, page, f"id={job_id}")
            assert "exception" not in str([m.delta.new_element for m in seen])
        kept = Runtime.instance().media_file_mgr._storage._files_by_id  # type: ignore[attr-defined]  # its only window

        assert {file.content for file in kept.values()} <= static


def test_other_users_get_404_for_every_address_of_a_job(
    world: World, client: TestClient
) -> None:
    job_id = world.finish("Secret plans", records=6)
    for path in (f"/api/tasks/{job_id}", f"/api/tasks/{job_id}/export",
                 f"/api/tasks/{job_id}/export?format=csv"):
        mine = client.get(path, headers=cookie(token_of(world)))
        theirs = client.get(path, headers=cookie(token_of(world, BEN.name)))
        none = client.get(path.replace(job_id, job_id[:-1] + "x"),
                          headers=cookie(token_of(world, BEN.name)))

        assert mine.status_code == 200
        assert theirs.status_code == none.status_code == 404
        assert theirs.text == none.text
    assert client.get("/api/tasks", headers=cookie(token_of(world, BEN.name))).json() == {
        "jobs": []}


def test_a_draft_is_good_for_its_owner_and_a_session_is_no_draft(
    world: World, client: TestClient
) -> None:
    asked = {"title": "Birds", "totalRecords": 2, "description": "a bird", "instructions": "vary"}
    ada, ben = token_of(world), token_of(world, BEN.name)
    draft = client.post("/api/tasks/schema", json=asked, headers=cookie(ada)).json()["draftToken"]

    def confirm(draft_token: str, session: str) -> Any:
        return client.post("/api/tasks/confirm", json={"draftToken": draft_token},
                           headers=cookie(session))

    assert confirm(draft, ben).status_code == 404
    assert confirm(ada, ada).status_code == 400
    assert confirm(f"{draft}x", ada).status_code == 400
    first = confirm(draft, ada)
    assert first.status_code == 200
    assert confirm(draft, ada).json() == first.json()
    again = client.post("/api/tasks/schema", json={**asked, "previousDraftToken": draft},
                        headers=cookie(ben))
    assert again.status_code == 404


def test_every_fragment_asks_for_the_session() -> None:
    found = 0
    for file in (*(ROOT / "pages").glob("*.py"), *(ROOT / "datagen/ui").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and any(
                "fragment" in ast.unparse(mark) for mark in node.decorator_list
            ):
                found += 1
                first = "".join(map(ast.unparse, node.body[:2]))
                assert "require_user()" in first or "is_alive()" in first, (file.name, node.name)
    assert found >= 3


def test_who_signs_out_on_a_page_or_takes_or_deletes_a_dataset_is_in_the_audit_log(
    world: World, client: TestClient
) -> None:
    job_id, token = world.finish(), token_of(world)
    headers = {"authorization": f"Bearer {token}"}
    for path in ("export?format=csv", "records", "records?offset=3"):
        assert client.get(f"/api/tasks/{job_id}/{path}", headers=headers).status_code == 200
    assert client.get("/api/tasks/job_1_none/records", headers=headers).status_code == 404
    assert client.delete(f"/api/tasks/{job_id}", headers=headers).status_code == 204
    with client.websocket_connect(STREAM, headers={**cookie(token), "origin": ORIGIN}) as socket:
        menu = next(m.delta.new_element.menu_button.id for m in rerun(socket)
                    if m.delta.new_element.menu_button.id)
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add(id=menu)
        state.string_trigger_value.data = "Sign out"
        socket.send_bytes(message.SerializeToString())
        answers(socket)
    events = world.services.audit.latest()
    assert {(one.what, one.about, one.times) for one in events} == {
        ("dataset exported", job_id, 1), ("records read", job_id, 1),
        ("dataset deleted", job_id, 1), ("signed out", "", 1)}
    assert len(events) == 5
