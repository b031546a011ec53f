"""``sandbox`` prints what a developer pastes, serves until Ctrl-C, and says what is wrong."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from datagen import cli

ROOT = Path(__file__).parents[2]


@contextmanager
def started(line: str) -> Iterator[subprocess.Popen[str]]:
    """The command of an example, as it stands."""
    with subprocess.Popen([sys.executable, "-m", "datagen", *shlex.split(line)], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    said = ""
    while words not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def stopped(process: subprocess.Popen[str], how: signal.Signals) -> str:
    process.send_signal(how)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    return errors


def examples() -> list[str]:
    commands = next(action for action in cli.build_parser()._actions
                    if isinstance(action, argparse._SubParsersAction))
    return re.findall(r"python -m datagen (.*)", commands.choices["sandbox"].epilog or "")


@pytest.mark.parametrize("line", examples())
def test_an_example_runs_and_ends_cleanly(line: str) -> None:
    with started(line) as process:
        until(process, "}\n" if "--json" in line else "Ctrl-C stops it.")
        assert stopped(process, signal.SIGINT) == (
            "The sandbox has stopped; what it stored is gone.\n")


def test_the_printed_lines_are_an_environment_that_works() -> None:
    with started("sandbox --nodes 2 --seed x --scale 100") as process:
        said = until(process, "Ctrl-C stops it.")
        node = said.partition("# node 1\n")[2].partition("\n\n")[0]
        printed = subprocess.run(["bash", "-c", f"{node}\nenv"], capture_output=True, text=True,
                                 check=True, env={"PATH": os.environ["PATH"]}).stdout
        environment = dict(line.split("=", 1) for line in printed.splitlines())
        peers = json.loads(environment["R1EN_CHAINSTORE_PEERS"])
        assert peers[1] == environment["R1EN_HOST_ADDR"]
        assert environment["R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD"] == "sandbox-only"
        assert len(environment["DATAGEN_SESSION_SECRET"]) >= 32
        assert environment["DATAGEN_SESSION_SECRET"] != environment["R1EN_CSTORE_AUTH_SECRET"]
        assert environment["R1EN_CSTORE_AUTH_HKEY"]
        written = requests.post(environment["EE_CHAINSTORE_API_URL"] + "/set", timeout=20, json={
            "key": "k", "value": "v", "chainstore_peers": peers})
        assert written.json()["result"] is True
        assert requests.get(environment["EE_R1FS_API_URL"] + "/get_status", timeout=20).ok
        shown = re.findall(r"#   (curl .*)", said)
        answers = [subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout
                   for line in shown]
        assert json.loads(answers[0])["cstore"] == {"k": {"set": 1}}
        assert json.loads(answers[1]) == {"ok": True}
        stopped(process, signal.SIGTERM)


def test_json_says_the_same_on_its_first_line_and_switches_hold() -> None:
    with started("sandbox --nodes 1 --json --raw --latency 0.01 --set loss=0.5 "
                 "--set get_file=path") as process:
        told = json.loads(until(process, "\n"))
        assert urlsplit(told["nodes"][0]["environment"]["EE_CHAINSTORE_API_URL"]).port
        state = requests.get(told["controlUrl"] + "/state?node=0", timeout=20).json()
        behaviour = state["behaviour"]
        assert [behaviour[name] for name in ("raw", "latency", "loss", "get_file")] == [
            True, 0.01, 0.5, "path"]
        stopped(process, signal.SIGINT)


@pytest.mark.parametrize(("line", "says"), [
    ("--nodes 0", "1 to 20 nodes"), ("--set loss=2", "loss takes a number from 0 to 1"),
    ("--set los=2", "no switch los"), ("--set loss", "name=value"), ("--scale 0", "scale"),
    ("--ports 70000", "first port"), ("--latency -1", "latency takes"),
])
def test_what_does_not_fit_is_told_in_a_sentence(
    line: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sandbox", *line.split()]) == 1
    assert says in capsys.readouterr().err
