"""Peer ids that the network's own tools accept, and secrets; all from the seed."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from datagen.domain.errors import InputError
from datagen.sandbox import Plan


def test_a_peer_id_is_a_point_of_secp256k1() -> None:
    plan = Plan(nodes=20)
    ids = [plan.peer_id(node) for node in range(20)]
    for peer_id in ids:
        assert re.fullmatch(r"0xai_A[A-Za-z0-9_-]{43}", peer_id)
        point = base64.urlsafe_b64decode(peer_id.removeprefix("0xai_"))
        assert len(point) == 33
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), point)  # as ratio1 does
    assert len(set(ids)) == 20


def test_ids_and_secrets_follow_from_the_seed() -> None:
    one, same, other = Plan(seed=1), Plan(seed="1"), Plan(seed=2)
    assert one.peer_id(0) == same.peer_id(0) != other.peer_id(0)
    assert one.secret("auth") == same.secret("auth") != other.secret("auth")
    assert one.secret("auth") != one.secret("session")


@pytest.mark.parametrize("wrong", [
    {"nodes": 0}, {"nodes": 21}, {"scale": 0}, {"scale": 1e9}, {"scale": float("nan")},
    {"first_port": 0}, {"first_port": 65_535},
])
def test_a_plan_nobody_can_carry_out_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Plan(**wrong)


def test_the_last_port_is_the_highest() -> None:
    assert Plan(nodes=2, first_port=65_531)  # 4 ports of nodes, and the control's: 65535
