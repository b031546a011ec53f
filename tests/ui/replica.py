"""A whole replica in one process, for pages run by Streamlit's AppTest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from datagen.bootstrap import Services
from datagen.domain.requests import DraftRequest
from datagen.domain.users import User

ROOT = Path(__file__).parents[2]
ADA = User(name="ada", role="user")
BEN = User(name="ben", role="user")


@dataclass(frozen=True, kw_only=True)
class World:
    """The services the pages use, and what tests do with them."""

    services: Services

    def open(self, page: str = "", user: User | None = ADA, **query: str) -> AppTest:
        """A page inside its frame, as the signed-in user sees it first."""
        at = AppTest.from_file(str(ROOT / "datagen/ui/shell.py"), default_timeout=20)
        at.user = signed_in(user) if user else {}
        for name, value in query.items():
            at.query_params[name] = value
        if page:
            at.switch_page(str(ROOT / f"pages/{page}.py"))
        return at.run()

    def confirm(self, title: str = "Tickets", *, user: User = ADA, records: int = 6) -> str:
        """A job that waits for a worker."""
        drafts = self.services.drafts
        draft = asyncio.run(drafts.draft(user, DraftRequest(
            title=title, total_records=records, description="A support ticket",
            instructions="Vary them.")))
        return self.services.jobs.confirm(user, drafts.sign(user, replace(draft, title=title)))

    def work(self, done: Callable[[], bool]) -> None:
        """Run the worker until ``done``."""

        async def run() -> None:
            stop = asyncio.Event()
            task = asyncio.create_task(self.services.generation.run(stop))
            async with asyncio.timeout(30):
                while not done():
                    await asyncio.sleep(0.05)
            stop.set()
            await task

        asyncio.run(run())

    def finish(self, title: str = "Tickets", **options: object) -> str:
        """A job that a worker has finished."""
        job_id = self.confirm(title, **options)

        def over() -> bool:
            self.services.jobs.invalidate()
            return self.services.jobs.get(ADA, job_id).job.is_over

        self.work(over)
        return job_id


def schema_json(at: AppTest) -> Any:
    """The box with the drafted schema."""
    return next(area for area in at.text_area if (area.key or "").startswith("schema_json_"))


def signed_in(user: User, *, seconds: float = 3600) -> dict[str, str]:
    """What the gate's headers make of ``st.user``."""
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"name": user.name, "role": user.role, "session": "s" * 64,
            "expires": str(int(expires.timestamp()))}
