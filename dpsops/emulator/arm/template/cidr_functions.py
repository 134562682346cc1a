"""The functions of IP address ranges.

Source: "CIDR functions for ARM templates" of the Resource Manager documentation. A range whose address is not its first, and
one so small that no address between its ends is left, are refused: what Azure makes of them is not known here.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from dpsops.emulator.arm.template.function import INT, TEXT, Function

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(value: str) -> _Network:
    if "/" not in value:
        raise ValueError(f"'{value}' is no range of IP addresses in CIDR notation")
    found = ipaddress.ip_network(value)
    if found.num_addresses < 4:
        raise ValueError(f"which addresses of the small range '{value}' are usable is not known here")
    return found


def _parse(value: str) -> dict[str, Any]:
    """Of an IPv6 range, which has no broadcast address, every address is usable."""
    found = _network(value)
    first, last = found.network_address, found.broadcast_address
    shown: dict[str, Any] = {"network": str(first), "netmask": str(found.netmask)}
    if found.version == 4:
        shown["broadcast"] = str(last)
        first, last = first + 1, last - 1
    return shown | {"firstUsable": str(first), "lastUsable": str(last), "cidr": found.prefixlen}


def _subnet(value: str, prefix: int, index: int) -> str:
    found = _network(value)
    if not found.prefixlen <= prefix <= found.max_prefixlen:
        raise ValueError(f"the range '{value}' has no subnets of the length '{prefix}'")
    if not 0 <= index < 1 << (prefix - found.prefixlen):
        raise ValueError(f"the range '{value}' has no subnet '{index}' of the length '{prefix}'")
    return f"{found.network_address + (index << (found.max_prefixlen - prefix))}/{prefix}"


def _host(value: str, index: int) -> str:
    """The first host is the address after the network's own."""
    found = _network(value)
    if not 0 <= index < found.num_addresses - 2:
        raise ValueError(f"the range '{value}' has no host '{index}'")
    return str(found.network_address + 1 + index)


CIDR_FUNCTIONS = (
    Function("parseCidr", _parse, (TEXT,)),
    Function("cidrSubnet", _subnet, (TEXT, INT, INT)),
    Function("cidrHost", _host, (TEXT, INT)),
)
