"""What goes to and fro between a tab and its page, as far as the gate has to know."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from datagen.domain.turns import Asked, Reader, Told

_OF_A_PART = 0.4  # a page that is watched draws one every second
_PRESSES = ("trigger_value", "string_trigger_value", "json_trigger_value")


def asked(message: bytes) -> Asked:
    """What a tab's message asks for; all of a page where only Streamlit can tell."""
    said = BackMsg()
    try:
        said.ParseFromString(message)
    except DecodeError:
        return Asked()
    if said.WhichOneof("type") != "rerun_script":
        return Asked()
    run = said.rerun_script
    by_hand = not run.is_auto_rerun
    pressed = any(map(_is_press, run.widget_states.widgets))
    return Asked(share=_OF_A_PART if run.fragment_id else 1.0, by_hand=by_hand,
                 first=by_hand and bool(pressed or run.fragment_id), part=run.fragment_id,
                 page=run.page_script_hash)


def told(message: bytes) -> Told | None:
    """Which run a page's message begins or ends; None = neither, or another one follows."""
    said = ForwardMsg()
    try:
        said.ParseFromString(message)
    except DecodeError:
        return None
    parts = frozenset(said.metadata.run.fragment_ids)
    kind = said.WhichOneof("type")
    if kind == "new_session":
        return Told(ends=False, parts=parts, page=said.new_session.page_script_hash)
    if kind == "script_finished" and said.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
        return Told(ends=True, parts=parts)
    return None


def _is_press(state: WidgetState) -> bool:
    return state.WhichOneof("value") in _PRESSES


READER = Reader(asked=asked, told=told)
