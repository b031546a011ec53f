"""What the page about the API draws: each route with who may call it, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import streamlit as st

from datagen.domain.api.description import OPERATIONS, Operation, statuses, told
from datagen.domain.api.examples import curl, fields, words
from datagen.domain.api.scopes import Audience, audience
from datagen.domain.users import User
from datagen.ui import components
from datagen.ui.words import plain

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Jobs and datasets": ("/api/tasks", "/api/metrics"),
    "Model profiles": ("/api/user/settings", "/api/user/models"),
    "Your account": ("/api/auth", "/api/user/tokens"),
    "Administration": ("/api/admin",),
    "This server": ("/health", "/api/health", "/api/openapi.json"),
}
BADGES: Mapping[Audience, str] = {
    "everybody": ":gray-badge[open to all]", "read": ":green-badge[token: read]",
    "run": ":blue-badge[token: run]", "session": ":orange-badge[sign-in]",
    "admin": ":red-badge[admins]",
}


def origin() -> str:
    """Where this server is, as the reader's browser found it."""
    parts = urlsplit(st.context.url or "http://localhost:8501")
    return f"{parts.scheme}://{parts.netloc}"


def shown_to(user: User) -> Iterator[tuple[str, list[tuple[str, str, Operation, Audience]]]]:
    """The groups and their routes; those of admins are there for admins alone."""
    for group, prefixes in GROUPS.items():
        found = [(method, path, one, audience(method, path, is_open=one.is_open))
                 for (method, path), one in OPERATIONS.items() if path.startswith(prefixes)]
        if user.role != "admin":
            found = [row for row in found if row[3] != "admin"]
        if found:
            yield group, found


def draw(user: User, job_id: str | None) -> None:
    """All routes; ``job_id``: of the job that the examples name."""
    here = origin()
    for group, rows in shown_to(user):
        st.subheader(group, anchor=False)
        for method, path, one, who in rows:
            label = f"`{method} {path}` {BADGES[who]} {plain(one.does)}"
            with st.expander(label):
                st.code(curl(method, path, who, origin=here, job_id=job_id, is_file=one.is_file),
                        language="bash", wrap_lines=True)
                _details(method, one)


def _details(method: str, one: Operation) -> None:
    takes = [{"Name": name, "In": "body", "Takes": said, "Needed": needed}
             for name, said, needed in fields(one.body or {})]
    takes += [{"Name": name, "In": "query", "Takes": words(shape), "Needed": name in one.needs}
              for name, shape in one.query.items()]
    if takes:
        components.table(takes, {"Needed": st.column_config.CheckboxColumn(width="small")})
    gives = "a file" if one.is_file else "nothing" if one.answer is None else \
        ", ".join(name for name, _, _ in fields(one.answer)) or "an object"
    components.quiet(f"Answers {one.status}: {gives}.")
    components.quiet("Else " + " · ".join(
        f"{status} {told(status).rstrip('.').replace('`', '')}"
        for status in statuses(method, one) if status != one.status))
