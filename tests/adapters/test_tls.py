"""Model servers with odd certificates and odd TLS, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL

from datagen.adapters import outgoing, tls
from datagen.adapters.outgoing import Outgoing
from datagen.domain.errors import ModelUnreachable
from tests.certificates import Signer, alone, authority

HERE, NAME = "127.0.0.2", "models.example"
HOSTILE = "<b>x</b>\nforged line \x1b[31m"
ROOT = authority()
BETWEEN = ROOT.signs(common_name="between", ca=True)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def look_up(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    return [(socket.AF_INET, HERE)]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
    writer.close()


async def outcome(
    context: ssl.SSLContext | None, *, host: str = NAME, serve: Serve = answer
) -> int | str:
    """The status of an answer, or what is said when there is none."""
    server = await asyncio.start_server(serve, HERE, 0, ssl=context)
    out = Outgoing(timeout=5, inside=(ip_network(f"{HERE}/32"),), look_up=look_up,
                   verify=tls.context(ROOT.pem))
    try:
        async with server:
            url = f"https://{host}:{server.sockets[0].getsockname()[1]}/"
            return (await out.send("GET", url, own=False, who="It", headers={})).status
    except ModelUnreachable as exc:
        return str(exc)
    finally:
        await out.aclose()


@pytest.mark.parametrize(("shown", "host"), [
    (ROOT.signs(names=[NAME]), NAME),
    (ROOT.signs(names=["*.models.example"]), "a.models.example"),
    (ROOT.signs(numbers=[HERE]), HERE),
], ids=["its name", "a wildcard", "its address"])
async def test_a_certificate_for_what_was_asked_for_is_taken(
    shown: Signer, host: str, tmp_path: Path
) -> None:
    assert await outcome(shown.serves(tmp_path), host=host) == 200


async def test_one_that_another_signed_between_is_taken_when_both_are_shown(
    tmp_path: Path
) -> None:
    shown = BETWEEN.signs(names=[NAME])
    assert await outcome(shown.serves(tmp_path, BETWEEN), host=NAME) == 200
    assert "the certificates between" in str(await outcome(shown.serves(tmp_path)))


@pytest.mark.parametrize(("shown", "host", "said"), [
    (ROOT.signs(names=[NAME], days=(-9, -1)), NAME, "has expired"),
    (ROOT.signs(names=[NAME], days=(2, 9)), NAME, "is not valid yet"),
    (alone(NAME), NAME, "from nobody this machine knows"),
    (authority("another").signs(names=[NAME]), NAME, "from nobody this machine knows"),
    (authority().signs(names=[NAME]), NAME, "is not valid. "),
    (ROOT.signs(names=[NAME]).signs(names=[NAME]), NAME, "from nobody this machine knows"),
    (ROOT.signs(names=["other.example"]), NAME, "for another name"),
    (ROOT.signs(names=["<b>x</b>.example"], common_name=HOSTILE), NAME, "for another name"),
    (ROOT.signs(names=["models.example\0.evil.example"]), NAME, "for another name"),
    (ROOT.signs(names=["*.example"]), "a.b.example", "for another name"),
    (ROOT.signs(names=["*"]), NAME, "for another name"),
    (ROOT.signs(common_name=NAME), NAME, "for another name"),
    (ROOT.signs(names=[HERE]), HERE, "for another name"),
    (ROOT.signs(names=[NAME]), HERE, "for another name"),
    (ROOT.signs(names=[NAME], key=rsa.generate_private_key(65537, 1024)), NAME, "too weak"),
], ids=["expired", "not yet", "self-signed", "unknown", "a false signature",
        "signed by a server", "other", "hostile", "a null", "a deep wildcard",
        "a wildcard for all", "a common name alone",
        "an address as a name", "a name for an address", "a short key"])
async def test_any_other_is_refused_in_a_sentence_of_its_own(
    shown: Signer, host: str, said: str, tmp_path: Path
) -> None:
    told = str(await outcome(shown.serves(tmp_path), host=host))
    assert told.startswith("It can't be trusted: its certificate ")
    assert said in told
    assert told.isprintable()
    assert "<" not in told


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def leaves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def older(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.write(b"\x15\x03\x01\x00\x02\x02\x46")  # the alert "protocol version", of TLS 1.0
    await writer.drain()
    writer.close()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.write(b"\x16\x03\x03")
    with suppress(OSError):
        await reader.read()
    writer.close()


@pytest.mark.parametrize(("serve", "said"), [
    (plain, r"it speaks no TLS here. Is http:// meant?"),
    (leaves, "it broke off before the encryption stood"),
    (older, "it speaks only a TLS older than 1.2"),
])
async def test_a_server_without_sound_tls_is_told_what_is_wrong(serve: Serve, said: str) -> None:
    assert str(await outcome(None, serve=serve)).startswith(f"It can't be reached: {said}")


async def test_a_handshake_that_does_not_go_on_is_given_up(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "CONNECT_TIMEOUT", 0.2)
    assert "no connection within 0.2 s" in str(await outcome(None, serve=drips))


async def test_a_chain_without_end_is_refused(tmp_path: Path) -> None:
    many = [ROOT.signs(common_name=f"{n} " * 15, ca=True) for n in range(300)]
    told = str(await outcome(ROOT.signs(names=[NAME]).serves(tmp_path, *many)))
    assert "no encryption that both take" in told


def test_a_server_that_asks_to_begin_the_encryption_anew_gets_a_no(tmp_path: Path) -> None:
    """It could ask for ever, and each time costs a handshake."""
    shown = ROOT.signs(numbers=[HERE])
    shown.serves(tmp_path)
    theirs = SSL.Context(SSL.TLS_SERVER_METHOD)
    theirs.set_max_proto_version(SSL.TLS1_2_VERSION)
    theirs.use_certificate_file(str(next(tmp_path.iterdir())))
    theirs.use_privatekey_file(str(next(tmp_path.iterdir())))
    server = SSL.Connection(theirs, None)
    server.set_accept_state()
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = tls.context(ROOT.pem).wrap_bio(back, there, server_hostname=HERE)

    def exchanged() -> bytes:
        """What the client answers to what the server has to say."""
        for step in (server.do_handshake, lambda: back.write(server.bio_read(100_000)),
                     lambda: client.read(1)):
            with suppress(ssl.SSLWantReadError, SSL.WantReadError):
                step()
        said = there.read()
        if said:
            server.bio_write(said)
        return said

    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    server.bio_write(there.read())
    while exchanged():
        continue
    server.renegotiate()
    alert = exchanged()
    assert alert[0] == 0x15  # an alert, no handshake
