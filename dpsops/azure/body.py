"""How large an answer may be: one without end, or a small one that unpacks to a large one, must not fill the memory."""

from __future__ import annotations

from dpsops.errors import Unreadable

MOST_BYTES = 32 << 20
"""Of one answer, unpacked. The largest that Azure documents are smaller: a template has 4 MB at most (Azure Resource Manager,
"Resolve errors for job size exceeded"), and a page of 100 whole device twins 7.2 MB, each with 8 KB of tags, 32 KB of desired
and 32 KB of reported properties ("Understand and use device twins in IoT Hub"). The metadata of twins counts towards no limit,
so there is room for four times that."""

_HINT = "run the command again; if it fails again, check whether a proxy changes the answers: --verbose shows each request"


class Body:
    """The body of an answer of a host, as far as it was read."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._parts = bytearray()

    def add(self, part: bytes) -> None:
        """Adds what was read next. Raises `Unreadable` if there is more than any answer of Azure has."""
        self._parts += part
        if len(self._parts) > MOST_BYTES:
            raise Unreadable(
                f"an answer of {self._host} has more than {MOST_BYTES >> 20} MB, so it was not read to its end",
                _HINT,
            )

    @property
    def content(self) -> bytes:
        """All that was read."""
        return bytes(self._parts)
