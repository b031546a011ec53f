"""How many calls at once one model server gets: found out from its answers, nothing else.

Pure decisions, O(1) per answer. Three signs are read:

- It refuses (429, 503): the level halves, climbs back with every answer to just below where
  it was refused, stays there, and now and then tries a little more.
- Its answers get later: once more calls at once bring no more answers per second (Little's
  law: answers per second = calls at once / seconds per answer), the lowest level is looked
  for that brings nearly as many, and kept; now and then more, or less, is tried.
- Nothing comes back to anybody: the level halves as well, and climbs back with every answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

FIRST = 8  # calls at once to a server of which nothing is known
NODE_FIRST = 1  # a node runs one after another, and drops what waits too long
_GOOD_GAIN = 0.6  # part of the gain there could be that shows at a glance that more is better
_ANY_GAIN = 0.15  # ... and that shows it after a longer look
_NEARLY = 0.93  # of the most answers per second: fewer calls at once are as good
_LATER = 1.3  # times as late as it once was: perhaps fewer would do
_ERROR = 0.04  # of a mean: standard error that a longer look tries for
_WEIGHT = 0.2  # of the latest round, in what is usual at a level
_HOLD = 16  # rounds that a level is kept before another is tried; doubles to:
_LONGEST_HOLD = 256


class _Phase(Enum):
    GROW = "growing while every step pays"
    CHECK = "looking longer whether the last step paid"
    SINK = "looking whether fewer do as well"
    BACK = "climbing back to where it was"
    HOLD = "staying"
    MORE = "trying a little more"
    LESS = "trying a little less"


@dataclass(kw_only=True, slots=True)
class _Look:
    """Answers to calls that began at one level: more of them where they differ much."""

    skip: int  # the first of them met the level before
    least: int
    most: int
    seen: int = 0
    total: float = 0.0  # seconds
    squares: float = 0.0

    def add(self, seconds: float) -> bool:
        """Whether there are enough."""
        self.seen += 1
        if self.seen > self.skip:
            self.total += seconds
            self.squares += seconds * seconds
        count = self.seen - self.skip
        if count < self.least:
            return False
        spread = self.squares * count / max(self.total * self.total, 1e-12) - 1
        return count >= self.most or spread <= _ERROR * _ERROR * count

    def mean(self) -> float:
        return max(self.total / (self.seen - self.skip), 1e-6)


class Level:
    """Starts low or where it was last; ``value`` is what counts."""

    def __init__(self, *, first: int, most: int, quick: float = math.inf) -> None:
        """``quick``: seconds per answer when the server had little to do, if known."""
        self.value = max(1, min(first, most))
        self.mark = 0  # a call keeps the one it began with: it tells levels apart
        self._most = most
        self._quick = quick
        self._cut_at = 0  # calls from before this mark met the level before the last cut
        self._goal = self.value  # to climb back to
        self._ceiling = math.inf  # refused above it
        self._hold, self._rounds = _HOLD, 0
        self._usual = 0.0  # seconds per answer over the latest rounds; 0 = there was none
        self._next_is_more = True
        self._is_new = True  # still on the way up for the first time: a glance is enough
        self._waits = False  # with fewer calls at once it brought as many answers before
        self._before = 0, 0.0  # the level compared with, and its answers per second
        self._look = _Look(skip=0, least=1, most=1)
        self._begin(_Phase.GROW)

    @property
    def quick(self) -> float:
        """Seconds per answer when it was least busy; infinite = not known yet."""
        return self._quick

    @property
    def kept(self) -> int:
        """The level to begin with another time: not one that is just tried, or climbed from."""
        if self._phase is _Phase.BACK:
            return self._goal
        tries = self._phase in {_Phase.MORE, _Phase.LESS, _Phase.SINK, _Phase.CHECK}
        return self._before[0] if tries and self._before[0] else self.value

    @property
    def is_tried(self) -> bool:
        """Whether anything was learned since the start."""
        return self.mark > 0 or self._rounds > 0 or self._before[0] > 0

    def bound(self, most: int) -> None:
        """More than ``most`` is never allowed from now on."""
        self._most = most
        if self.value > most:
            self._move(most, _Phase.HOLD)

    def answered(self, mark: int, seconds: float | None, *, full: bool) -> None:
        """A call that began at ``mark`` took so long; ``full``: no more were allowed then.

        None = there is no telling how long the server took.
        """
        if self._phase is _Phase.BACK:
            if mark >= self._cut_at:
                self._climb()
        elif mark == self.mark:
            if not full:  # too little was asked of it to learn anything
                self._begin(self._phase)
            elif seconds is not None and self._look.add(seconds):
                self._weigh(self._look.mean())

    def refused(self, mark: int, others: int) -> None:
        """A call that began at ``mark`` was refused while ``others`` were under way."""
        if mark < self._cut_at:  # one of the same burst: it says where the limit really is
            self._ceiling = max(1, min(self._ceiling, others))
            self._goal = int(min(self._goal, self._ceiling))
            return
        if self._phase is _Phase.MORE:
            self._hold = min(2 * self._hold, _LONGEST_HOLD)
        self._ceiling = self._goal = max(1, min(others, self.value))
        self._cut()

    def lost(self, mark: int, others: int) -> None:
        """Nothing came of any call since one began at ``mark``; ``others`` were under way."""
        if mark >= self._cut_at and others:
            self._goal = max(1, (self.value if self._phase is not _Phase.BACK else self._goal)
                             * 3 // 4)
            self._cut()

    def _cut(self) -> None:
        self.mark += 1
        self._cut_at = self.mark
        self.value = max(1, self.value // 2)
        self._phase = _Phase.BACK
        self._climb(0)

    def _climb(self, step: int = 1) -> None:
        self.value = max(self.value, min(self.value + step, self._goal))
        if self.value >= self._goal:
            self._rounds = 0
            self._move(self.value, _Phase.HOLD)

    # What a look shows.

    def _weigh(self, mean: float) -> None:
        rate = self.value / mean
        self._quick = min(self._quick, mean)
        match self._phase:
            case _Phase.GROW | _Phase.CHECK:
                self._after_growth(rate)
            case _Phase.SINK:
                self._after_sinking(rate)
            case _Phase.HOLD:
                self._after_a_round(mean)
            case _Phase.MORE:
                self._after_more(rate)
            case _Phase.LESS:
                self._after_less(rate, mean)

    def _after_growth(self, rate: float) -> None:
        level, before = self._before
        could = self.value / level - 1 if level else 0.0
        gain = rate / before - 1 if before else 0.0
        enough = _GOOD_GAIN if self._phase is _Phase.GROW else _ANY_GAIN
        if gain >= enough * could:
            self._before = (self.value, rate)
            self._grow()
        elif self._phase is _Phase.GROW:
            self._is_new = False
            self._begin(_Phase.CHECK)
        else:
            self._before, self._waits = (self.value, rate), False
            self._sink()

    def _grow(self) -> None:
        above = int(min(2 * self.value, self._most, self._ceiling))
        if above > self.value:
            self._move(above, _Phase.GROW if self._is_new else _Phase.CHECK)
        else:
            self._settle()

    def _sink(self) -> None:
        """Try the level that would do if nothing had to wait."""
        top, best = self._before
        self._move(max(1, min(math.ceil(best * self._quick), top * 3 // 4)), _Phase.SINK)

    def _after_sinking(self, rate: float) -> None:
        top, best = self._before
        if rate >= _NEARLY * best:
            self._waits = True
            self._before = (self.value, best)
            if self.value > 1:
                self._move(self.value * 3 // 4, _Phase.SINK)
            else:
                self._settle()
        elif self._waits:
            self._move(top, _Phase.HOLD)
        elif best / rate - 1 >= _GOOD_GAIN * (top / self.value - 1):
            self.value = top  # the look before that one was mistaken: it did pay
            self._grow()
        elif self.value * 5 < top * 4:
            self._move(math.ceil(math.sqrt(self.value * top)), _Phase.SINK)
        else:
            self._settle()

    def _settle(self) -> None:
        self._hold, self._rounds, self._is_new = _HOLD, 0, False
        self._begin(_Phase.HOLD)

    def _after_a_round(self, mean: float) -> None:
        self._rounds += 1
        self._usual += _WEIGHT * (mean - self._usual) if self._usual else mean
        mean = self._usual  # one round that was late by chance decides nothing
        self._before = (self.value, self.value / mean)
        if self._rounds < self._hold:
            self._begin(_Phase.HOLD)
            return
        self._rounds = 0
        less = (self._waits or mean > _LATER * self._quick) and self.value > 1
        more = self.value < self._most
        self._next_is_more = not (self._next_is_more and less)
        if more and (self._next_is_more or not less):
            small = max(1, self.value // 16)
            step = small if self._ceiling <= self._most else max(1, self.value // 2)
            self._move(min(self._most, self.value + step), _Phase.MORE)
        elif less:
            self._move(max(1, self.value * 3 // 4), _Phase.LESS)
        else:
            self._begin(_Phase.HOLD)

    def _after_more(self, rate: float) -> None:
        level, before = self._before
        if self.value > self._ceiling:  # not refused: the limit is a higher one
            self._ceiling = self.value
        gain, could = rate / before - 1, self.value / level - 1
        if gain >= _GOOD_GAIN * could:
            self._ceiling = math.inf if self._ceiling <= self.value else self._ceiling
            self._before = (self.value, rate)
            self._grow()
        elif gain >= 2 * _ANY_GAIN * could:
            self._before, self._waits = (self.value, rate), False
            self._sink()
        else:
            self._hold = min(2 * self._hold, _LONGEST_HOLD)
            self._move(level, _Phase.HOLD)

    def _after_less(self, rate: float, mean: float) -> None:
        level, before = self._before
        self._waits = rate >= _NEARLY * before
        if self._waits:
            self._settle()
            return
        self._quick = mean  # it is as quick as it gets now
        self._hold = min(2 * self._hold, _LONGEST_HOLD)
        self._move(level, _Phase.HOLD)

    # Another level, or another look.

    def _move(self, value: int, phase: _Phase) -> None:
        self.value = value
        self.mark += 1
        self._usual = 0.0
        self._begin(phase)
        if phase is _Phase.HOLD:
            self._look.skip = value

    def _begin(self, phase: _Phase) -> None:
        self._phase, level = phase, self.value
        if phase is _Phase.GROW:
            self._look = _Look(skip=0, least=max(4, level // 2), most=max(4, level))
        elif phase is _Phase.HOLD:
            self._look = _Look(skip=0, least=level, most=level)
        else:
            self._look = _Look(skip=level, least=max(8, level), most=max(64, 4 * level))
