"""What the request's headers say: token, origin, transport; and the session cookie."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from datagen.domain.tokens import PREFIX as PERSONAL

COOKIE = "datagen_session"
DEVICE = "datagen_device"
COOKIE_LIFE = 7 * 24 * 3600  # seconds, as long as the token
DEVICE_LIFE = 180 * 24 * 3600  # likewise
MAX_NEXT = 2000  # characters of a path to return to

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]

_LEFT = "datagen_left"
Left = Literal["bye", "ended"]  # signed out, or over by itself
_FOREIGN = "This request came from another site, so nothing was done."
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
FORM_TYPES = frozenset({
    "application/x-www-form-urlencoded", "multipart/form-data", "text/plain",
})  # what a foreign page can send without asking


def token_of(headers: Headers) -> str | None:
    """The bearer token, else the session cookie's; a personal token is never a cookie."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    found = cookie_parser(headers.get("cookie", "")).get(COOKIE) or None
    return None if found is None or found.startswith(PERSONAL) else found


def content_type(headers: Headers) -> str:
    """The media type of the body, lower-cased and without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def origin_problem(headers: Headers, *, is_form_page: bool = False) -> str | None:
    """Why an unsafe request may not come from where it comes from; None if it may.

    API.md, last paragraph. ``is_form_page``: the sign-in form, the one place where a form
    is what we expect; it still has to name its origin.
    """
    if "origin" in headers:
        return None if same_origin(headers) else _FOREIGN
    site = headers.get("sec-fetch-site")
    if site is not None:
        return None if site in {"same-origin", "none"} else _FOREIGN
    kind = content_type(headers)
    if is_form_page:
        return "This form works from its own page only; scripts use the API."
    if kind in FORM_TYPES:
        return "A script must send JSON, with the header Content-Type: application/json."
    return None


def same_origin(headers: Headers) -> bool:
    """Whether the one Origin names the one Host, whatever the scheme."""
    origins, hosts = headers.getlist("origin"), headers.getlist("host")
    if len(origins) != 1 or len(hosts) != 1:
        return False
    try:
        origin, host = urlsplit(origins[0]), urlsplit(f"//{hosts[0]}")
        default = _PORTS.get(origin.scheme)
        return (
            default is not None
            and bool(origin.hostname)
            and origin.hostname == host.hostname
            and (origin.port or default) == (host.port or default)
        )
    except ValueError:
        return False


def is_encrypted(scope: Scope, trusted: Networks) -> bool:
    """Whether the browser spoke HTTPS, to us or to a proxy we trust."""
    if scope["scheme"] in {"https", "wss"}:
        return True
    client = scope.get("client")
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "")
    if not client or forwarded.partition(",")[0].strip().lower() != "https":
        return False
    return _is_in(client[0], trusted)


def client_address(scope: Scope, trusted: Networks) -> str:
    """Where the request came from: what trusted proxies say of it, else who is connected."""
    client = scope.get("client")
    address = client[0] if client else ""
    said = Headers(scope=scope).getlist("x-forwarded-for")
    hops = [hop.strip() for line in said for hop in line.split(",")]
    while hops and _is_in(address, trusted):
        address = hops.pop()
        if not _is_plain(address):
            return "unknown"
    return address


def _is_plain(address: str) -> bool:
    """Whether it is an address and nothing else: behind ``%`` any text may stand."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return "%" not in address


def _is_in(address: str, networks: Networks) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks)


def host_name(host: str) -> str:
    """The name in a Host header, without its port; "" where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a Host header names this very machine, as its user sees it."""
    name = host_name(host)
    try:
        return (
            name == "localhost"
            or name.endswith(".localhost")
            or ipaddress.ip_address(name).is_loopback
        )
    except ValueError:
        return False


def _is_here(scope: Scope) -> bool:
    return is_loopback(Headers(scope=scope).get("host", ""))


def loses_cookie(scope: Scope, trusted: Networks) -> bool:
    """Whether the browser would drop our Secure cookie: plain HTTP to another machine."""
    return not is_encrypted(scope, trusted) and not _is_here(scope)


def is_secure(scope: Scope, trusted: Networks) -> bool:
    """Whether a cookie is for HTTPS only: unless it is plain HTTP to this very machine."""
    return is_encrypted(scope, trusted) or not _is_here(scope)


def set_session(response: Response, token: str, scope: Scope, trusted: Networks) -> None:
    """Put the token in the cookie."""
    response.set_cookie(COOKIE, token, max_age=COOKIE_LIFE, path="/", httponly=True,
                        samesite="lax", secure=is_secure(scope, trusted))


def set_device(response: Response, text: str, scope: Scope, trusted: Networks) -> None:
    """Have the browser keep that this account signed in with it."""
    response.set_cookie(DEVICE, text, max_age=DEVICE_LIFE, path="/login", httponly=True,
                        samesite="strict", secure=is_secure(scope, trusted))


def clear_session(response: Response, why: Left = "ended") -> None:
    """Take the cookie back, and keep for a moment why it is gone.

    A tab may ask its way out twice at once, and only the later answer is shown.
    """
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    response.set_cookie(_LEFT, why, max_age=30, path="/auth/logout", httponly=True,
                        samesite="lax")


def why_left(headers: Headers) -> Left | None:
    """Why the session of a tab that asks its way out again is gone; None = not known."""
    said = cookie_parser(headers.get("cookie", "")).get(_LEFT)
    return "bye" if said == "bye" else "ended" if said == "ended" else None


def came_from(headers: Headers) -> str:
    """The page of ours that led here, which a browser tells to us alone; else the start page."""
    try:
        page = urlsplit(headers.get("referer", ""))
        host = urlsplit(f"//{headers.get('host', '')}")
        if page.scheme not in {"http", "https"} or page.netloc != host.netloc:
            return "/"
    except ValueError:
        return "/"
    return safe_next(page.path + (f"?{page.query}" if page.query else ""))


def safe_next(path: str | None) -> str:
    """Where to go after signing in: a path of this site, else the start page.

    Browsers read a backslash as a slash and drop tabs and line ends, so none may be there.
    """
    if not path or len(path) > MAX_NEXT or not path.startswith("/") or path.startswith("//"):
        return "/"
    if "\\" in path or any(ord(char) <= 32 or ord(char) == 127 for char in path):
        return "/"
    if path.startswith(("/login", "/signup", "/password", "/auth/", "/api/")):
        return "/"
    return quote(path, safe="/?&=%#+,;:@!$'()*~[]", errors="replace")
