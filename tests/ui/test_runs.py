"""What a tab and its page tell each other, as the gate reads it."""

from __future__ import annotations

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from datagen.domain.turns import Asked, Told
from datagen.ui.runs import asked, told

NOISE = (b"", b"\xff" * 50, b"run")


def run(*, part: str = "", page: str = "") -> BackMsg:
    message = BackMsg()
    message.rerun_script.fragment_id = part
    message.rerun_script.page_script_hash = page
    return message


def test_a_part_of_a_page_counts_less_than_the_whole() -> None:
    whole, part = (asked(run(part=part).SerializeToString()) for part in ("", "abc"))
    assert 0 < part.share < whole.share == 1


def test_a_button_goes_first_and_a_switch_does_not() -> None:
    message = run(page="a")
    message.rerun_script.widget_states.widgets.add(id="switch").bool_value = True
    assert asked(message.SerializeToString()) == Asked(by_hand=True, page="a")
    message.rerun_script.widget_states.widgets.add(id="button").trigger_value = True
    assert asked(message.SerializeToString()) == Asked(by_hand=True, first=True, page="a")


def test_a_click_in_a_part_goes_first_and_a_part_that_draws_itself_does_not() -> None:
    message = run(part="box")
    assert asked(message.SerializeToString()).first
    message.rerun_script.is_auto_rerun = True
    said = asked(message.SerializeToString())
    assert not said.first
    assert not said.by_hand


def test_a_run_that_is_followed_by_another_has_not_ended() -> None:
    message = ForwardMsg()
    message.metadata.run.fragment_ids.append("box")
    message.new_session.page_script_hash = "a"
    assert told(message.SerializeToString()) == Told(
        ends=False, parts=frozenset({"box"}), page="a")
    message.script_finished = ForwardMsg.FINISHED_EARLY_FOR_RERUN
    assert told(message.SerializeToString()) is None
    message.script_finished = ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
    assert told(message.SerializeToString()) == Told(ends=True, parts=frozenset({"box"}))


def test_whatever_is_no_message_counts_as_a_whole_page_and_ends_nothing() -> None:
    assert [asked(data) for data in NOISE] == [Asked()] * 3
    assert [told(data) for data in NOISE] == [None] * 3
