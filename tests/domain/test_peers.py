"""Peers have names that fit into a line."""

from __future__ import annotations

from datagen.domain.peers import peer_name


def test_an_address_is_shortened_in_its_middle_and_a_short_id_is_not() -> None:
    assert peer_name("0xai_AwHspsh8cK4PQCLjBT82BR5_-wQrQle_a5cYYZUI6kFA") == "0xai_AwHs…6kFA"
    assert peer_name("local") == "local"
