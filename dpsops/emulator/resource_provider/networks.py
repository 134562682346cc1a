"""Networks that a resource is open to: whether an address is in one, and what a list of IP filter rules says of it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, ip_address, ip_network

from dpsops.emulator.documents import JSON


def is_within(address: str, network: str) -> bool:
    """Whether an address is one of a network, which is an address or a range (`203.0.113.0/24`); an unreadable one has none."""
    try:
        return ip_address(address) in ip_network(network, strict=False)
    except ValueError:
        return False


def is_network(text: str) -> bool:
    """Whether a text is an IPv4 address or a range of them."""
    try:
        IPv4Network(text, strict=False)
    except ValueError:
        return False
    return True


def is_accepted(address: str, rules: Iterable[JSON]) -> bool:
    """What IP filter rules say: the first whose network has the address decides, and where none has it, it is accepted.

    Source: "Use IP filters" of IoT Hub and of DPS.
    """
    matching = (rule["action"] for rule in rules if is_within(address, rule["ipMask"]))
    return next(matching, "Accept") == "Accept"
