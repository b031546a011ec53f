"""What a sandbox is made from; everything in it follows from the seed."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from datagen.domain.errors import InputError
from datagen.sandbox.behaviour import Behaviour

MAX_NODES = 20
AUTH_HKEY = "sandbox:auth"
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Raises InputError for a plan nobody can carry out."""

    nodes: int = 1
    seed: int | str = 1  # of all chance, of the peer ids and of the secrets
    scale: float = 1.0  # seconds of the network per real second
    behaviour: Behaviour = field(default_factory=Behaviour)  # of each node at the start
    first_port: int | None = None  # the others follow; None = free ones

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= MAX_NODES:
            raise InputError(f"A sandbox has 1 to {MAX_NODES} nodes.")
        if not 0.001 <= self.scale <= 100_000:
            raise InputError("The scale is a number from 0.001 to 100000.")
        last = 65_535 - 2 * self.nodes
        if self.first_port is not None and not 1 <= self.first_port <= last:
            raise InputError(f"The first port is a number from 1 to {last}.")

    def peer_id(self, node: int) -> str:
        """A node's address: a point of secp256k1, as the network's own tools accept it."""
        number = int.from_bytes(self._digest(f"node {node}"), "big") % (_ORDER - 1) + 1
        public = ec.derive_private_key(number, ec.SECP256K1()).public_key()
        point = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return f"0xai_{base64.urlsafe_b64encode(point).decode()}"

    def secret(self, purpose: str) -> str:
        """A secret for development only: whoever knows the seed knows it."""
        return f"sandbox-only-{self._digest(purpose).hex()}"

    def _digest(self, purpose: str) -> bytes:
        return hashlib.sha256(f"{self.seed}:{purpose}".encode()).digest()
