"""Every example that --help shows, run as it stands, in one folder and in this order."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from datagen import cli

ROOT = Path(__file__).parents[2]
ELSEWHERE = ("accounts import",  # needs a file of passwords; its own tests have one
             "cancel", "retry", "close",  # need a job that is not done, as their own tests have
             "sandbox", "cluster", "up")  # run until Ctrl-C, which their own tests press


def shown(parser: argparse.ArgumentParser) -> Iterator[str]:
    for line in re.findall(r"python -m datagen (.*)", parser.epilog or ""):
        yield line.partition(" >>")[0]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from shown(inner)


def test_what_help_shows_works(made: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (made / "examples").symlink_to(ROOT / "examples")
    lines = [line for line in shown(cli.build_parser()) if not line.startswith(ELSEWHERE)]
    assert len(lines) > 12
    for line in lines:
        assert cli.main(shlex.split(line)) == 0, line
    assert (made / "tickets.csv").read_bytes()
    assert (made / "spam.parquet").read_bytes().startswith(b"PAR1")
