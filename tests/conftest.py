"""What any test may use: the sample model behind a real HTTP server; how Hypothesis works."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from datagen.model.sample import SampleEngine
from datagen.model.server import create_app, run_in_thread

for _name in [*os.environ]:  # how somebody here runs DataGen is nothing to the tests
    if _name.startswith(("DATAGEN_", "EE_", "R1EN_")):
        del os.environ[_name]

settings.register_profile(
    "datagen", max_examples=40,
    deadline=None, suppress_health_check=[HealthCheck.too_slow],  # cores may be busy
    derandomize=bool(os.environ.get("CI")),  # the same examples for the same commit
)
settings.load_profile("datagen")

NODE_JS_EXPECTED = bool(shutil.which("node") or os.environ.get("CI"))
collect_ignore = [] if NODE_JS_EXPECTED else ["npm"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not NODE_JS_EXPECTED:
        terminalreporter.write_line(
            "tests/npm was left out, as there is no Node.js here: install version 18 or newer with "
            "npm (Debian, Ubuntu: apt install nodejs npm), then run make test again.", yellow=True,
        )


@pytest.fixture
def sample_server() -> Iterator[Callable[..., tuple[str, Any]]]:
    """``sample_server(**options)`` -> (base URL, app); options as of ``create_app``.

    Another engine goes in as ``engine=``. Every server stops after the test.
    """
    with ExitStack() as stops:
        def start(engine: Any = None, **options: Any) -> tuple[str, Any]:
            app = create_app(engine or SampleEngine(), **options)
            base_url, stop = run_in_thread(app)
            stops.callback(stop)
            return base_url, app

        yield start
