"""One click after another: what a tab asks for, what its page tells, and whose turn it is.

A browser tells the press of a button once, and Streamlit stops the run of a page as soon as the
page is asked for anew: a second click could take the first one's place before it did anything.
Clicks in a part of a page that come while it is drawn are merged, and one may get lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A message of a tab."""

    share: float = 1.0  # how much of a page it has drawn
    by_hand: bool = False  # somebody clicked; else a part of the page draws itself anew
    first: bool = False  # what is clicked next has to wait for it: a button, or in a part
    part: str = ""  # what is drawn alone
    page: str = ""  # on which it was clicked, or where a link leads


@dataclass(frozen=True, kw_only=True)
class Told:
    """A message of the page that begins or ends a run."""

    ends: bool
    parts: frozenset[str] = frozenset()  # none = the whole page
    page: str = ""  # of a beginning


def _heard(message: bytes) -> Asked:
    return Asked()


def _silent(message: bytes) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What the messages of a tab and of its page say: who draws the pages knows."""

    asked: Callable[[bytes], Asked] = _heard
    told: Callable[[bytes], Told | None] = _silent  # None = neither begins nor ends a run


DEAF = Reader()  # where no pages are drawn


class Turn:
    """Whose turn it is in one tab: the click under way, or whatever comes next."""

    def __init__(self) -> None:
        self.click: Asked | None = None  # whose run is not over
        self.page = ""  # that was drawn for it
        self._has_begun = False

    def asked(self, said: Asked) -> None:
        """It was passed on."""
        if said.first:
            self.click, self.page, self._has_begun = said, said.page, False

    def told(self, said: Told) -> None:
        """The page did so."""
        if self.click is None or (said.parts and self.click.part not in said.parts):
            return
        if not said.ends:
            self._has_begun, self.page = True, said.page
        elif self._has_begun:
            self.click = None
