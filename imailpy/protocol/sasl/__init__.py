"""
SASL: who is there, and can it be proven [RFC4422].

`offered` tells which mechanisms a connection may use, `server` begins an
exchange on our side, `client` one on the other side. All of it is pure:
octets in, a step out; base64 and the words around it are the host
protocol's, secrets are asked for, nonces are handed in.
"""

from imailpy.protocol.sasl.bearer import refusal
from imailpy.protocol.sasl.client import (
    ClientExchange,
    ServerRefused,
    best,
    client,
)
from imailpy.protocol.sasl.mechanisms import offered, server
from imailpy.protocol.sasl.prepare import Unpreparable, prepared
from imailpy.protocol.sasl.scram import make_secret
from imailpy.protocol.sasl.steps import (
    Challenge,
    CheckExternal,
    CheckPassword,
    CheckToken,
    Exchange,
    Failed,
    FindSecret,
    Proven,
    Step,
)

__all__ = [
    "Challenge",
    "CheckExternal",
    "CheckPassword",
    "CheckToken",
    "ClientExchange",
    "Exchange",
    "Failed",
    "FindSecret",
    "Proven",
    "ServerRefused",
    "Step",
    "Unpreparable",
    "best",
    "client",
    "make_secret",
    "offered",
    "prepared",
    "refusal",
    "server",
]
