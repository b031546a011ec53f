"""Connections to addresses that people typed: real sockets, a real DNS server, real TLS."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from datagen.adapters.outgoing import (
    ANSWER_LIMIT,
    Got,
    LookUp,
    Outgoing,
    is_loopback,
    proxy_for,
    proxy_secrets,
)
from datagen.adapters.wire import MOST_BYTES, MOST_INTERIM
from datagen.domain import addresses
from datagen.domain.errors import AddressForbidden, ModelUnreachable, ReplyUnusable
from tests.addresses import FORBIDDEN_NUMBERS, MISSPELLED, NO_PORTS

ALLOWED, CANARY = "127.0.0.2", "127.0.0.1"  # one that may be reached, and one that may not
INSIDE = (ip_network(f"{ALLOWED}/32"),)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Raw:
    """Listens on one port of both addresses and counts who came where."""

    port: int = 0
    answer: bytes = OK
    came: list[str] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came.append(writer.get_extra_info("sockname")[0])
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head)
                writer.write(self.answer)
                await writer.drain()
                if b"close" in self.answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    raw = Raw()
    one = await asyncio.start_server(raw.serve, CANARY, 0, ssl=tls)
    raw.port = one.sockets[0].getsockname()[1]
    two = await asyncio.start_server(raw.serve, ALLOWED, raw.port, ssl=tls)
    async with one, two:
        yield raw


class Rebinding(asyncio.DatagramProtocol):
    """A DNS server that answers each question with the next of its lists of addresses."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        numbers = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        answer = dns.message.make_response(question)
        for number in numbers:
            kind = "AAAA" if ":" in number else "A"
            answer.answer.append(dns.rrset.from_text(question.question[0].name, 0, "IN", kind,
                                                     number))
        self._transport.sendto(answer.to_wire(), addr)  # type: ignore[attr-defined]  # set at the start


@asynccontextmanager
async def naming(*answers: list[str]) -> AsyncIterator[tuple[Rebinding, LookUp]]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Rebinding(*answers), local_addr=("127.0.0.1", 0))
    at = transport.get_extra_info("sockname")

    async def look_up(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
        got = await dns.asyncquery.udp(dns.message.make_query(host, "A"), at[0], port=at[1],
                                       timeout=5)
        found = [str(item) for rrset in got.answer for item in rrset]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, one) for one in found]

    try:
        yield server, look_up
    finally:
        transport.close()


@asynccontextmanager
async def opened(look_up: LookUp | None = None, *, inside=INSIDE, timeout: float = 5,
                 **more) -> AsyncIterator[Outgoing]:
    out = Outgoing(timeout=timeout, inside=inside, look_up=look_up, **more)
    try:
        yield out
    finally:
        await out.aclose()


async def get(out: Outgoing, url: str, *, own: bool = False) -> Got:
    return await out.send("GET", url, own=own, who="The server", headers={})


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    async with listening() as running:
        yield running


async def test_a_name_that_is_allowed_first_and_forbidden_later_never_leads_there(raw: Raw) -> None:
    async with naming([ALLOWED], [CANARY]) as (server, look_up), opened(look_up) as out:
        assert (await get(out, f"http://rebind.example:{raw.port}/")).status == 200
        assert server.asked == 1  # once: what was checked is what was called
        assert raw.came == [ALLOWED]
    async with naming([ALLOWED], [CANARY]) as (server, look_up):
        for forbidden in (False, True):  # as after the name was forgotten
            async with opened(look_up) as out:
                if forbidden:
                    with pytest.raises(AddressForbidden, match="What its name leads to"):
                        await get(out, f"http://rebind.example:{raw.port}/")
                else:
                    await get(out, f"http://rebind.example:{raw.port}/")
    assert raw.came == [ALLOWED, ALLOWED]


@pytest.mark.parametrize("numbers", [
    [CANARY], [ALLOWED, CANARY], [CANARY, ALLOWED], [ALLOWED, "10.0.0.1"], [ALLOWED, "::1"],
    [ALLOWED, "169.254.169.254"], [ALLOWED, "::ffff:127.0.0.2"], ["1.1.1.1", CANARY],
    ["64:ff9b::808:808"], ["2002:7f00:1::"], ["fe80::1"], ["::"], ["0.0.0.0"],
])
async def test_one_forbidden_address_of_a_name_is_enough(raw: Raw, numbers: list[str]) -> None:
    async with naming(numbers) as (_, look_up), opened(look_up) as out:
        with pytest.raises(AddressForbidden):
            await get(out, f"http://mixed.example:{raw.port}/")
    assert raw.came == []


async def test_no_spelling_reaches_what_listens_on_this_machine(raw: Raw) -> None:
    """Each with the port of the server that would answer, where the spelling has one."""
    urls = {url.replace(":8000", f":{raw.port}") for url in (*MISSPELLED, *FORBIDDEN_NUMBERS)}
    urls |= {f"{url}:{raw.port}" for url in MISSPELLED if url.count(":") == 1}
    urls |= set(NO_PORTS)
    assert len(urls) > 200
    async with opened(inside=()) as out:
        for url in sorted(urls):
            with pytest.raises(AddressForbidden):
                await get(out, url)
    assert raw.came == []


async def test_localhost_by_the_systems_own_resolver_is_forbidden_by_where_it_leads(
    raw: Raw
) -> None:
    async with opened(inside=()) as out:
        with pytest.raises(AddressForbidden, match="What its name leads to"):
            await get(out, f"http://localhost:{raw.port}/")
    assert raw.came == []


async def test_the_socket_itself_is_guarded_should_the_spelling_ever_slip_through(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "fault", lambda url, inside: None)
    async with opened() as out:
        for url in (f"http://{CANARY}:{raw.port}/", f"http://{ALLOWED}:6379/"):
            with pytest.raises(AddressForbidden):
                await get(out, url)
        for number in ("127.1", "2130706433", "0x7f.1", "017700000001", "[::ffff:127.0.0.1]"):
            with pytest.raises(ModelUnreachable):
                await get(out, f"http://{number}:{raw.port}/")
    assert raw.came == []


async def test_the_servers_own_endpoint_may_be_anywhere(raw: Raw) -> None:
    async with opened(inside=()) as out:
        assert (await get(out, f"http://{CANARY}:{raw.port}/", own=True)).body == b"{}"
        with pytest.raises(AddressForbidden):  # nor does its open connection serve others
            await get(out, f"http://{CANARY}:{raw.port}/")
    assert raw.came == [CANARY]


async def test_a_redirect_to_a_forbidden_address_is_not_followed(raw: Raw) -> None:
    raw.answer = (f"HTTP/1.1 302 Found\r\nLocation: http://{CANARY}:{raw.port}/secret\r\n"
                  "Content-Length: 0\r\n\r\n").encode()
    async with opened() as out:
        assert (await get(out, f"http://{ALLOWED}:{raw.port}/")).status == 302
    assert raw.came == [ALLOWED]


async def test_no_cookie_comes_back(raw: Raw) -> None:
    raw.answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}"
    async with opened() as out:
        for _ in range(2):
            await get(out, f"http://{ALLOWED}:{raw.port}/")
    assert raw.came == [ALLOWED]  # one connection for both
    assert not any(b"cookie" in head.lower() for head in raw.requests)


async def test_the_proxy_of_the_environment_is_for_the_own_endpoint_only(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{ALLOWED}:{raw.port}")
    async with naming([ALLOWED]) as (server, look_up), opened(look_up) as out:
        await get(out, f"http://models.example:{raw.port}/x")
        assert server.asked == 1
        await get(out, "http://models.example:9/x", own=True)
    assert [head.split(b" ")[1] for head in raw.requests] == [b"/x", b"http://models.example:9/x"]


@pytest.mark.parametrize("body", [
    b"x" * (ANSWER_LIMIT + 1), gzip.compress(b"\0" * (200 * ANSWER_LIMIT))])
async def test_an_answer_is_bounded_unpacked_as_well(raw: Raw, body: bytes) -> None:
    packed = b"Content-Encoding: gzip\r\n" if body[:2] == b"\x1f\x8b" else b""
    raw.answer = (b"HTTP/1.1 200 OK\r\n" + packed + b"Content-Length: %d\r\n\r\n" % len(body)
                  + body)
    async with opened() as out:
        with pytest.raises(ReplyUnusable, match="larger than 1 MiB"):
            await get(out, f"http://{ALLOWED}:{raw.port}/")


async def test_endless_headers_are_refused(raw: Raw) -> None:
    raw.answer = b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n"
    async with opened() as out:
        with pytest.raises(ModelUnreachable):
            await get(out, f"http://{ALLOWED}:{raw.port}/")


@pytest.mark.parametrize("head", [
    b"HTTP/1.1 100 Continue\r\n\r\n" * 11, b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" * 100_000,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * MOST_BYTES,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * MOST_BYTES,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * MOST_BYTES])
async def test_what_is_sent_beside_the_body_is_bounded_as_well(raw: Raw, head: bytes) -> None:
    raw.answer = head
    async with opened() as out:
        with pytest.raises(ModelUnreachable, match="without end"):
            await get(out, f"http://{ALLOWED}:{raw.port}/")


async def test_a_few_interim_answers_are_passed_over(raw: Raw) -> None:
    raw.answer = b"HTTP/1.1 102 Processing\r\n\r\n" * MOST_INTERIM + OK
    async with opened() as out:
        for _ in range(3):
            assert (await get(out, f"http://{ALLOWED}:{raw.port}/")).body == b"{}"
    assert raw.came == [ALLOWED]


async def test_an_answer_that_nobody_asked_for_answers_nothing() -> None:
    """It comes while the connection waits for the next question."""
    is_read, closed = asyncio.Event(), asyncio.Queue[None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await is_read.wait()
        writer.write(OK.replace(b"{}", b"[]"))
        await reader.read()  # until it is closed
        writer.close()
        closed.put_nowait(None)

    server = await asyncio.start_server(serve, ALLOWED, 0)
    url = f"http://{ALLOWED}:{server.sockets[0].getsockname()[1]}/"
    async with server, asyncio.timeout(5):
        async with opened() as out:
            assert (await get(out, url)).body == b"{}"
            is_read.set()
            await closed.get()
            assert (await get(out, url)).body == b"{}"
        await closed.get()


async def test_an_answer_that_never_ends_is_given_up(raw: Raw) -> None:
    raw.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"
    async with opened(timeout=0.3) as out:
        with pytest.raises(ModelUnreachable, match=r"did not answer within 0\.3 s"):
            await get(out, f"http://{ALLOWED}:{raw.port}/")


async def test_a_name_nobody_knows_says_so() -> None:
    async def nowhere(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async with opened(nowhere) as out:
        with pytest.raises(ModelUnreachable, match="its name is not known"):
            await get(out, "http://nowhere.example/")


@dataclass(frozen=True)
class Certified:
    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    """A certificate for models.example, and a client that knows who signed it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "models.example")])
    now = datetime.now(UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("models.example")]),
                           critical=False)
            .sign(key, hashes.SHA256()))
    pem = made.public_bytes(serialization.Encoding.PEM)
    path: Path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(pem + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    return Certified(server, ssl.create_default_context(cadata=pem.decode()))


async def test_certificates_are_verified_for_the_name_not_the_address(certified: Certified) -> None:
    async with listening(certified.server) as raw, naming([ALLOWED]) as (_, look_up):
        async with opened(look_up, verify=certified.client) as out:
            assert (await get(out, f"https://models.example:{raw.port}/")).status == 200
            for other in ("other.example", ALLOWED):
                with pytest.raises(ModelUnreachable, match="can't be trusted"):
                    await get(out, f"https://{other}:{raw.port}/")
        async with opened(look_up) as out:  # nobody this machine knows
            with pytest.raises(ModelUnreachable, match="can't be trusted"):
                await get(out, f"https://models.example:{raw.port}/")
    assert len(raw.requests) == 1


async def test_a_server_without_tls_says_so() -> None:
    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(greet, ALLOWED, 0)
    async with plain, opened() as out:
        with pytest.raises(ModelUnreachable, match=r"Is http:// meant\?"):
            await get(out, f"https://{ALLOWED}:{plain.sockets[0].getsockname()[1]}/")


async def test_other_loops_use_the_same_and_leave_nothing_open(raw: Raw) -> None:
    out = Outgoing(timeout=5, inside=INSIDE)
    url = f"http://{ALLOWED}:{raw.port}/"
    await get(out, url)
    for _ in range(2):
        assert (await asyncio.to_thread(lambda: asyncio.run(get(out, url)))).body == b"{}"
    assert len(out._open) == 1
    await out.aclose()
    assert not out._open
    with pytest.raises(ModelUnreachable, match="stopping"):
        await get(out, url)


def test_what_opens_the_proxy_is_known_in_every_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://us:pass%40word@127.0.0.1:1")
    assert set(proxy_secrets("http://models.example/x")) == {
        "pass@word", "pass%40word", "dXM6cGFzc0B3b3Jk"}
    assert proxy_secrets("http://127.0.0.1/x") == proxy_secrets("https://models.example") == ()


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str | None]]:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "direct.example")
    return proxy_for


def test_proxies_of_the_environment_are_for_others_only(proxied) -> None:
    assert proxied("http://models.example/x") == "http://proxy.example:3128"
    assert proxied("http://direct.example/x") is None
    assert proxied("http://127.0.0.1:8502/x") is None
    assert proxied("http://[bad") is None


@pytest.mark.parametrize(("host", "answer"), [
    ("localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True),
    ("model.localhost", True), ("10.0.0.1", False), ("models.example", False), ("", False)])
def test_loopback_is_told_from_the_rest(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer
    assert ip_address("127.0.0.1").is_loopback
