"""What --help shows can be typed as it stands; completion knows every command."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from datagen import cli
from datagen.cli.completion import script

ROOT = Path(__file__).parents[2]
HEAVY = {"jsonschema", "yaml", "aiohttp", "pandas", "polars", "pyarrow", "cryptography",
         "json_repair", "streamlit", "sqlite3", "asyncio"}


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)


def examples() -> list[str]:
    texts = [parser.epilog or "" for parser in parsers(cli.build_parser())]
    readme = (ROOT / "README.md").read_text()
    found = re.findall(r"python -m datagen (\w[^`\n;#&]*)", "\n".join([*texts, readme]))
    return sorted({line.split(" >>")[0].strip() for line in found})


@pytest.mark.parametrize("line", examples())
def test_an_example_can_be_typed_as_it_stands(line: str) -> None:
    asked = cli.build_parser().parse_args(shlex.split(line))
    assert asked.run
    if getattr(asked, "spec", None):
        assert (ROOT / asked.spec).is_file()


def test_there_are_examples_of_every_command_that_takes_arguments() -> None:
    for parser in parsers(cli.build_parser()):
        takes = [action for action in parser._actions
                 if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)]
        if takes:
            assert "python -m datagen" in (parser.epilog or ""), parser.prog


def test_help_loads_nothing_heavy() -> None:
    code = ("import sys; from datagen import cli\n"
            "try: cli.main(['generate', '--help'])\n"
            "except SystemExit: pass\n"
            "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert not loaded & HEAVY
    assert "examples:" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ge"], "generate"),
        (["accounts", "re"], "reset"),
        (["completion", "z"], "zsh"),
        (["generate", "--see"], "--seed"),
        (["export", "latest", "--format", "par"], "parquet"),
        (["accounts", "create", "--role", "a"], "admin"),
        (["generate", ""], ""),  # files, then
    ],
)
def test_bash_completes_commands_options_and_choices(
    tmp_path: Path, words: list[str], expected: str
) -> None:
    asks = (f"COMP_WORDS=(datagen {shlex.join(words)}); COMP_CWORD={len(words)}; _datagen; "
            'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", f"{script(cli.build_parser())}\n{asks}"], cwd=tmp_path,
                          capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def test_both_shells_get_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "bash"]) == 0
    bash = capsys.readouterr().out
    assert cli.main(["completion", "zsh"]) == 0
    assert capsys.readouterr().out.endswith(bash)
