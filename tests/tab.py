"""A page as its browser gets it, over the websocket."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.testclient import TestClient
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ORIGIN = "http://localhost:8501"
STREAM = "ws://localhost:8501/_stcore/stream"


def drawn(client: TestClient, token: str | None, page: str, query: str) -> str:
    """Everything a browser gets of a page."""
    return shown(client, {"origin": ORIGIN} | ({} if token is None else {
        "cookie": f"datagen_session={token}", "authorization": f"Bearer {token}"}), page, query)


def shown(client: TestClient, headers: Mapping[str, str], page: str = "", query: str = "") -> str:
    """The same with any headers."""
    with client.websocket_connect(STREAM, headers=dict(headers)) as socket:
        message = BackMsg()
        message.rerun_script.page_name = page.strip("/")
        message.rerun_script.query_string = query
        socket.send_bytes(message.SerializeToString())
        seen = ""
        while True:
            forward = ForwardMsg()
            forward.ParseFromString(socket.receive_bytes())
            seen += str(forward.delta)
            if forward.WhichOneof("type") == "script_finished":
                return seen
