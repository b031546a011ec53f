"""What a tab asks for: all of a page, or a part of it that is drawn by itself."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg

_OF_A_PART = 0.4  # a page that is watched draws one every second


def runs_of(message: bytes) -> float:
    """How much of a page the message asks to run; 1 = all of it, or Streamlit has to say."""
    said = BackMsg()
    try:
        said.ParseFromString(message)
    except DecodeError:
        return 1.0
    return _OF_A_PART if said.rerun_script.fragment_id else 1.0
