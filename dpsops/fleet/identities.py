"""The device identities of a hub, for commands that concern many: by its query, a hundred with each request.

A hub whose query this identity may not use, or which has none, is read one by one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from dpsops.azure.hub import Hubs
from dpsops.errors import Denied, Error, Throttled, Unavailable, Unreadable
from dpsops.fleet import engine
from dpsops.model.identity import HubIdentity
from dpsops.model.run import Run


class Identities:
    """The identities of one hub, as far as its pages were read. `complete`: there are no more pages."""

    def __init__(self, run: Run, hubs: Hubs, host: str) -> None:
        self._run = run
        self._host = host
        self._pages: AsyncIterator[list[HubIdentity]] = hubs.pages(host)
        self._found: dict[str, HubIdentity] = {}
        self.begun = self.complete = False

    def has(self, device: str) -> bool:
        """Whether it is known if the device has an identity, and which."""
        return self.complete or device in self._found

    def take(self, device: str) -> HubIdentity | None:
        """The identity of a device, or None if the query has not shown it."""
        return self._found.pop(device, None)

    def read(self) -> None:
        """Reads a page. If the query is not possible, it says so, and is complete."""
        self.begun = True
        try:
            page = engine.wait(self._run, anext(self._pages, None))
        except Error as error:
            if not is_no_query(error):
                raise
            self._run.progress(f"reading the devices of {self._host} one by one, because it takes no query: {error.line}")
            page = None
        if page is None:
            self.complete = True
            return
        self._found |= {identity.device: identity for identity in page}


def is_no_query(error: Error) -> bool:
    """Whether an error says that a hub takes no query of this identity, so that its devices can still be read one by one."""
    if isinstance(error, Denied):
        return error.role_missing
    return not isinstance(error, Throttled | Unavailable | Unreadable)
