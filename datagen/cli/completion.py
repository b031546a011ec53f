"""``completion``: a script that completes our commands and options in bash and zsh."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datagen
from datagen.cli.terminal import command, say

_BASH = r"""# DataGen in this shell: the command `datagen` and its completion.
datagen() {{
  PYTHONPATH={root}${{PYTHONPATH:+:$PYTHONPATH}} {python} -m datagen "$@"
}}
_datagen() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" place="" words=""
  local i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place ${{COMP_WORDS[i]}}" in
{steps}
    esac
  done
  case "$place $before" in
{values}
    *)
      case "$place" in
{options}
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _datagen datagen  # default: files, where nothing of ours fits
"""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = command(commands, "completion", _completion,
                     "print a script that completes commands in your shell",
                     "completion bash >>~/.bashrc", "completion zsh >>~/.zshrc", as_json=False)
    parser.add_argument("shell", choices=("bash", "zsh"))


def _completion(asked: argparse.Namespace) -> None:
    from datagen.cli import build_parser

    if asked.shell == "zsh":
        say("autoload -U +X compinit bashcompinit && compinit && bashcompinit")
    say(script(build_parser()).rstrip("\n"))


def script(parser: argparse.ArgumentParser) -> str:
    """The bash script for all commands of the parser; zsh runs it with bashcompinit."""
    steps, values, options = [], [], []
    for place, here in _places(parser, ""):
        if place:
            steps.append(f'      "{place.rpartition(" ")[0]} {place.rpartition(" ")[2]}") '
                         f'place="{place}" ;;')
        dashed = " ".join(o for action in here._actions for o in action.option_strings)
        options.append(f'      "{place}") words="{" ".join(_actions(here))}"\n'
                       f'        [[ "$word" == -* ]] && words="{dashed}" ;;')
        for action in here._actions:
            if action.option_strings and action.choices:
                names = "|".join(f'"{place} {option}"' for option in action.option_strings)
                values.append(f'    {names}) words="{" ".join(map(str, action.choices))}" ;;')
    return _BASH.format(
        root=shlex.quote(str(Path(datagen.__file__).parents[1])),
        python=shlex.quote(sys.executable),
        steps="\n".join(steps), values="\n".join(values), options="\n".join(options),
    )


def _places(
    parser: argparse.ArgumentParser, place: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command with where it stands, such as `` accounts list``."""
    yield place, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _places(inner, f"{place} {name}")


def _actions(parser: argparse.ArgumentParser) -> list[str]:
    """What may stand here without dashes: commands, or the choices of an argument."""
    return [str(choice) for action in parser._actions
            if not action.option_strings and action.choices for choice in action.choices]
