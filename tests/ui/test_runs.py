"""What a tab's message asks for, as the gate counts it."""

from __future__ import annotations

from streamlit.proto.BackMsg_pb2 import BackMsg

from datagen.ui.runs import runs_of


def test_a_part_of_a_page_counts_less_than_the_whole() -> None:
    whole, part = BackMsg(), BackMsg()
    whole.rerun_script.query_string = "id=1"
    part.rerun_script.fragment_id = "abc"
    assert 0 < runs_of(part.SerializeToString()) < runs_of(whole.SerializeToString()) == 1


def test_whatever_is_no_message_counts_as_a_whole_page() -> None:
    assert [runs_of(data) for data in (b"", b"\xff" * 50, b"run")] == [1, 1, 1]
