"""SECURITY.md names a test for every threat, and the tests that it names are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests import addresses
from tests.ui import matrix_rows

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[list[str]]:
    """Cells of every line of the tables, their headings aside."""
    lines = [line for line in TEXT.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines
            if "---" not in line and "shown by" not in line]


def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_threat_names_a_test() -> None:
    found = rows()
    assert len(found) > 40
    for row in found:
        assert len(row) == 3, row
        assert NAMED.search(row[2]), row[0]


def test_every_named_test_is_there() -> None:
    named = NAMED.findall(TEXT)
    assert len(named) > 60
    assert [one for one in named if one[1] not in names_in(one[0])] == []
    assert {name for _, name in named if not name.startswith("test_")} == set()


def test_no_figure_claims_more_than_there_is() -> None:
    spellings = sum(map(len, (addresses.MISSPELLED, addresses.FORBIDDEN_NUMBERS,
                              addresses.NO_PORTS)))
    people = len((*matrix_rows.OUTSIDERS, *matrix_rows.PEOPLE, *matrix_rows.SCRIPTS, "ada"))
    for pattern, there_are in ((r"(\d+) spellings", spellings), (r"x (\d+) identities", people),
                               (r"(\d+) routes and pages", len(matrix_rows.ROWS))):
        claimed = re.search(pattern, TEXT)
        assert claimed, pattern
        assert int(claimed[1]) <= there_are, pattern
