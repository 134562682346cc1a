"""The options of `dpsops local serve`: whom it lets in, how many, and that it shows what comes in."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from dpsops.emulator.door import Listen


def read_listen(address: str | None, https: int | None, mqtt: int | None) -> Listen | None:
    """Where the doors are to be; None if nobody asked for any. Raises `InvalidInput`."""
    from dpsops.emulator.door import Listen

    if address is None:
        if https is not None or mqtt is not None:
            raise InvalidInput("--https-port and --mqtt-port need --listen", "add --listen 127.0.0.1")
        return None
    try:
        ip_address(address)
    except ValueError as cause:
        raise InvalidInput(f"{address} is no IP address", "pass one of this machine: --listen 127.0.0.1") from cause
    return Listen(address, 443 if https is None else https, 8883 if mqtt is None else mqtt)


def options_of(listen: Listen | None) -> list[str]:
    """The options that say the same to another process."""
    if listen is None:
        return []
    return ["--listen", listen.address, "--https-port", str(listen.https), "--mqtt-port", str(listen.mqtt)]


def warn_of_others(listen: Listen | None) -> None:
    """Whoever reaches the embedded Azure can register devices in it: an address that others can reach is worth a warning."""
    if listen is not None and not ip_address(listen.address).is_loopback:
        text = f"other machines can reach the embedded Azure at {listen.address}; nothing but its own credentials protects it"
        print(f"dpsops: warning: {text}", file=sys.stderr, flush=True)


def write_line(line: str) -> None:
    """Writes a line of the log. If nobody reads it any more, the embedded Azure goes on without."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def open_many_files() -> None:
    """Lets this process open as many files as the system allows it: each client has one, and the usual 1,024 are few devices."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY if most == resource.RLIM_INFINITY else min(most, _MANY)
    with suppress(OSError, ValueError):  # then as many as it may open already
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


_MANY = 65_536
