"""The command line: ``python -m datagen …``.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from datagen import __version__
from datagen.cli import accounts, check, cluster, completion, generate, jobs, sandbox
from datagen.cli.terminal import command, note, say, sentence
from datagen.domain.errors import DatagenError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status.

    0, 1 after one clear sentence on standard error, 2 for wrong usage, or what the
    command says.
    """
    asked = build_parser().parse_args(arguments)
    try:
        return asked.run(asked) or 0
    except DatagenError as exc:
        note(sentence(exc))
        return 1
    except KeyboardInterrupt:
        return 130  # what a shell reports for a command stopped by Ctrl-C
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our lines has gone; nobody is left to tell
        return 1


def build_parser() -> argparse.ArgumentParser:
    """All commands with their options; each has ``run``, which answers an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m datagen", description="Describe a record, get a dataset."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = command(commands, "up", _up, "start everything the Procfile names; Ctrl-C stops it",
                 "up", as_json=False)
    up.add_argument("--attached", action="store_true",
                    help="for programs: stop at the end of standard input too, show no banner")
    model = commands.add_parser("model", help="serve the local model alone")
    model.set_defaults(run=_model)
    generate.add(commands)
    jobs.add(commands)
    accounts.add(commands)
    check.add(commands)
    sandbox.add(commands)
    cluster.add(commands)
    completion.add(commands)
    version = commands.add_parser("version", help="say which version this is")
    version.set_defaults(run=lambda _: say(f"DataGen {__version__}"))
    return parser


def _up(asked: argparse.Namespace) -> None:
    from datagen import settings
    from datagen.up import up

    up(settings.load(), say, attached=asked.attached)


def _model(_: argparse.Namespace) -> None:
    from datagen import settings
    from datagen.model.local import serve

    serve(settings.load())
