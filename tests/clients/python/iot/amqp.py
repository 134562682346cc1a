"""`azure-iot-hub` over AMQP, and over AMQP in WebSockets: neither is there, and the client is told so at once."""

from __future__ import annotations

import time

from azure.iot.hub import IoTHubRegistryManager
from uamqp import TransportType

from tests.clients.python.saying import GROUND, attempt

AT_ONCE = 5.0
"""Seconds: the client tries again by itself."""


def main() -> None:
    """Both ways."""
    for transport in (TransportType.Amqp, TransportType.AmqpOverWebsocket):
        with attempt("AMQP refused", "azure-iot-hub"):
            begun = time.monotonic()
            refusal = refused(transport)
            seconds = time.monotonic() - begun
            assert seconds < AT_ONCE, f"only after {seconds:.0f} s: {refusal}"


def refused(transport: TransportType) -> str:
    """What the client says when it sends a message."""
    try:
        registry = IoTHubRegistryManager.from_connection_string(GROUND["hub"]["connection"], transport)
        registry.send_c2d_message("mill-1", "hello")
    except Exception as error:
        return str(error)
    raise AssertionError(f"{transport} was taken")


if __name__ == "__main__":
    main()
