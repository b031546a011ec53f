"""What is used, counted call by call."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.chat import ChatCall, ChatReply, Message
from datagen.domain.usage import Usage
from datagen.engine.counts import Counts
from datagen.engine.tokens import estimated, in_reply

CALL = ChatCall(messages=(Message(role="user", content="x" * 10), Message(
    role="system", content="y" * 6)))


def test_time_with_a_call_under_way_is_work_and_all_else_is_waiting() -> None:
    counts = Counts()
    counts.opened(10.0)
    counts.called(12.0)
    counts.called(13.0)
    counts.ended(15.0)
    counts.ended(16.0)
    counts.closed(20.0)
    usage = counts.usage(99.0)
    assert (usage.waiting_ms, usage.working_ms) == (6_000, 4_000)
    assert usage.calls == 2


def test_it_goes_on_from_where_it_was() -> None:
    before = Usage(calls=3, attempts=2, prompt_tokens=5, completion_tokens=7, estimated_tokens=1,
                   waiting_ms=1_001, working_ms=29)
    assert Counts(before).usage(5.0) == before


@given(st.lists(st.tuples(st.sampled_from("ocaeu"), st.floats(0, 10)), max_size=60))
def test_no_count_ever_shrinks(steps: list[tuple[str, float]]) -> None:
    counts, now, open_ones, calls, before = Counts(), 0.0, 0, 0, Usage()
    for what, seconds in steps:
        now += seconds
        if what == "o":
            counts.opened(now)
            open_ones += 1
        elif what == "c":
            counts.called(now)
            calls += 1
        elif what == "a":
            counts.answered(3, 2, 1)
        elif what == "e" and calls:
            counts.ended(now)
            calls -= 1
        elif what == "u" and open_ones:
            counts.closed(now)
            open_ones -= 1
        after = counts.usage(now)
        assert before.joined(after) == after
        assert after.waiting_ms + after.working_ms <= 1_000 * now + 1
        before = after


def test_tokens_are_as_the_server_says_else_estimated_and_marked() -> None:
    def counted(text: str = "z" * 9, **said: int) -> tuple[int, int, int]:
        return in_reply(CALL, ChatReply(text=text, **said))

    assert counted(prompt_tokens=5, completion_tokens=0) == (5, 0, 0)
    assert counted(prompt_tokens=5) == (5, 3, 3)
    assert counted(completion_tokens=5) == (4, 5, 4)
    assert counted() == (4, 3, 7)
    assert counted("", prompt_tokens=-5, completion_tokens=2) == (0, 2, 0)
    assert [estimated(length) for length in (0, 1, 4, 5)] == [0, 1, 1, 2]
