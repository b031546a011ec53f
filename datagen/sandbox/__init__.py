"""A stand-in for a Ratio1 edge network: CStore and R1FS of several nodes on this machine.

``docs/sandbox.md`` tells how to use it; ``network.py`` is the model, ``server.py`` its HTTP.
"""

from datagen.sandbox.answers import Answer, Call
from datagen.sandbox.behaviour import Behaviour
from datagen.sandbox.clock import RealTime, VirtualTime
from datagen.sandbox.network import Network
from datagen.sandbox.plan import Plan
from datagen.sandbox.server import Address, Sandbox, running

__all__ = [
    "Address",
    "Answer",
    "Behaviour",
    "Call",
    "Network",
    "Plan",
    "RealTime",
    "Sandbox",
    "VirtualTime",
    "running",
]
