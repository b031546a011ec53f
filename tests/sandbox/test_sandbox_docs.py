"""docs/sandbox.md names every switch as it is, and tests that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

from datagen.sandbox import Behaviour
from datagen.sandbox.behaviour import SWITCHES
from datagen.sandbox.calls import ROUTES

HERE = Path(__file__).parent
DOC = (HERE.parents[1] / "docs" / "sandbox.md").read_text()


def section(title: str) -> str:
    return DOC.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_switch_stands_there_with_its_default_and_meaning() -> None:
    defaults = Behaviour().as_json()
    expected = [[f"`{name}`", f"`{json.dumps(defaults[name])}`", means]
                for name, means in SWITCHES.items()]
    assert rows("Switches") == expected


def test_what_it_does_is_shown_by_tests_that_exist() -> None:
    shown = rows("What it does, and the test that shows it")
    assert len(shown) > 40
    for semantics, *_, tests in shown:
        named = re.findall(r"`(\w+\.py)::(\w+)`", tests)
        assert named, semantics
        for file, test in named:
            assert f"\ndef {test}(" in (HERE / file).read_text(), test


def test_every_switch_is_shown_by_a_test() -> None:
    shown = rows("What it does, and the test that shows it")
    assert {name for row in shown for name in re.findall(r"`(\w+)`", row[1])} == set(SWITCHES)


def test_the_control_routes_are_all_there() -> None:
    from datagen.sandbox import Network, Plan, VirtualTime
    from datagen.sandbox.control import control_app

    app = control_app(Network(Plan(), VirtualTime()))
    served = {(next(iter(route.methods - {"HEAD"})), route.path)  # type: ignore[attr-defined]  # all are routes
              for route in app.routes}
    told = {tuple(match) for match in re.findall(r"`(GET|POST|DELETE) (/\w+)", section(
        "Control routes"))}
    assert told == served


def test_the_python_example_runs() -> None:
    code = section("In Python").partition("```python\n")[2].partition("```")[0]
    exec(compile(code, "docs/sandbox.md", "exec"), {})


def test_every_route_of_both_apis_is_called_by_a_test() -> None:
    tests = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    for op in {op for routes in ROUTES.values() for op in routes}:
        assert f'"{op}"' in tests, op
