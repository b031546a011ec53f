"""What any test may use: the sample model behind a real HTTP server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from datagen.model.sample import SampleEngine
from datagen.model.server import create_app, run_in_thread


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
