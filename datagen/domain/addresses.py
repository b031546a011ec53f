"""Which addresses the model server of a person may have: none that only this machine reaches.

Whoever types an address has this server call it. So it must not lead to this machine, into its
own networks, or to what a cloud keeps there for the machine alone. A name is judged by where
it leads at the moment of the call (``adapters/outgoing.py``), a number here already.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]

VARIABLE = "DATAGEN_ALLOW_PRIVATE_INFERENCE_URLS"
NOT_SPELLED = ("Enter an address such as https://host:8000/v1, without user name, password, ? or "
               "#, and in plain letters (other alphabets as xn--).")
NO_PORT = "Model servers are called on port 80, 443, or one from 1024 on that no other service has."
FORBIDDEN = ("{} is on this machine or in a private network, where no user's model server may be. "
             f"Whoever runs DataGen can allow networks with {VARIABLE}.")


def _nets(*texts: str) -> Networks:
    return tuple(ip_network(text) for text in texts)


# The IANA registries of special addresses; what is not in use at all counts as special too.
_SPECIAL = _nets(
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)
_IN_USE = IPv6Network("2000::/3")  # all of IPv6 that is given out
# Not even where a network that holds them is allowed: no address of a model server; some hand
# the machine's own credentials to whoever asks; some of IPv6 stand for an IPv4 address.
_NEVER = _nets(
    "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "100.100.100.200/32",
    "::/96", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128",
    "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16",
)
_LOOPBACK = IPv6Address("::1")  # stands for no other, though ::/96 holds it

# Ports of services that are not web servers and take orders from who can reach them: browsers'
# list, and databases and controllers beside it.
_TAKEN = frozenset({
    1719, 1720, 1723, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060,
    5061, 5432, 5672, 5900, 6000, 6379, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042,
    9092, 9200, 9300, 10080, 10250, 10255, 11211, 15672, 27017,
})
_WEB = frozenset({80, 443})

_URL = re.compile(r"(https?)://(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::([0-9]{1,5}))?"
                  r"((?:/[a-z0-9._~+,=:-]*)*)", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


class Spelled(NamedTuple):
    """An address, taken apart."""

    host: str  # without brackets
    address: Address | None  # where the host is a number
    port: int


def spelled(url: str) -> Spelled | None:
    """The parts of an address that every program reads alike; None for any other text."""
    found = _URL.fullmatch(url)
    if found is None:
        return None
    scheme, host, port, path = found.groups()
    number = int(port) if port else 443 if scheme.lower() == "https" else 80
    if not 0 < number < 65536 or "//" in path or {".", ".."} & set(path.split("/")):
        return None
    try:
        if host.startswith("["):
            return Spelled(host[1:-1], IPv6Address(host[1:-1]), number)
        if _NUMBER.fullmatch(host.rpartition(".")[2]):  # a number in any spelling
            return Spelled(host, IPv4Address(host), number)
    except ValueError:
        return None
    return Spelled(host, None, number) if all(map(_LABEL.fullmatch, host.split("."))) else None


def allowed(address: Address, inside: Networks = ()) -> bool:
    """Whether a person's model server may be there.

    ``inside``: networks that whoever runs this server allows.
    """
    if getattr(address, "scope_id", None) is not None:
        return False
    if _in(address, _NEVER) and address != _LOOPBACK:
        return False
    if _in(address, inside):
        return True
    return not _in(address, _SPECIAL) and (address.version == 4 or address in _IN_USE)


def port_allowed(port: int) -> bool:
    """Whether a model server may be on this port."""
    return port in _WEB or (port >= 1024 and port not in _TAKEN)


def fault(url: str, inside: Networks = ()) -> str | None:
    """What is wrong with the address of a person's model server; None = nothing so far."""
    parts = spelled(url)
    if parts is None:
        return NOT_SPELLED
    if not port_allowed(parts.port):
        return NO_PORT
    if parts.address is not None and not allowed(parts.address, inside):
        return FORBIDDEN.format(parts.host)
    return None


def _in(address: Address, nets: Networks) -> bool:
    return any(address in net for net in nets)
