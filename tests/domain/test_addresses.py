"""No spelling of an address leads a person's request into our own networks."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datagen.domain.addresses import FORBIDDEN, NO_PORT, allowed, fault, spelled
from tests.addresses import FORBIDDEN_NUMBERS, MISSPELLED, NO_PORTS, REACHABLE

EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@pytest.mark.parametrize("url", MISSPELLED)
def test_what_programs_may_read_differently_is_no_address(url: str) -> None:
    assert spelled(url) is None
    assert fault(url, EVERYWHERE) is not None


@pytest.mark.parametrize("url", FORBIDDEN_NUMBERS)
def test_a_number_in_our_own_networks_is_refused_and_says_what_helps(url: str) -> None:
    parts = spelled(url)
    assert parts is not None
    assert fault(url) == FORBIDDEN.format(parts.host)


@pytest.mark.parametrize("url", NO_PORTS)
def test_a_port_of_another_service_is_refused(url: str) -> None:
    assert fault(url, EVERYWHERE) == NO_PORT


@pytest.mark.parametrize("url", REACHABLE)
def test_the_usual_addresses_pass(url: str) -> None:
    assert fault(url) is None


@pytest.mark.parametrize("number", [
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.170.2", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "100.100.100.200", "::", "::7f00:1", "::ffff:10.0.0.1",
    "::ffff:0:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::", "2001:0:a00:1::",
    "fe80::1", "fe80::1%eth0", "2600::1%eth0", "fec0::1", "ff02::1", "fd00:ec2::254",
])
def test_some_are_refused_whatever_networks_are_allowed(number: str) -> None:
    assert not allowed(ip_address(number), EVERYWHERE)


def test_an_allowed_network_lets_in_what_it_holds_and_nothing_else() -> None:
    inside = (ip_network("10.1.0.0/16"), ip_network("fd12::/16"), ip_network("::1/128"))
    assert all(allowed(ip_address(one), inside)
               for one in ("10.1.2.3", "fd12::8", "::1", "1.1.1.1"))
    assert not any(allowed(ip_address(one), inside)
                   for one in ("10.2.0.1", "127.0.0.1", "fd13::1", "::2", "::ffff:10.1.2.3"))


@given(st.ip_addresses())
@example(ip_address("100.64.0.1"))
@example(ip_address("192.88.99.1"))
def test_whatever_the_library_calls_not_global_is_refused(number) -> None:
    if allowed(number):
        assert number.is_global
        assert not number.is_multicast


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://"]))
def test_any_text_is_judged(text: str, scheme: str) -> None:
    found = fault(scheme + text)
    assert found is None or len(found) < 200
