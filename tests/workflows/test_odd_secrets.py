"""A vault that answers a secret in other types: every reader of a secret says that the answer cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dpsops.cli.connection import Connection
from dpsops.emulator.azure import Azure
from dpsops.emulator.http import Request, Response
from dpsops.errors import Unreadable
from tests.workflows.commands import issue_to, renew
from tests.workflows.doing import PRESS, fetched
from tests.worlds import World, waited

READERS: dict[str, Callable[[Connection], object]] = {
    "bundle": lambda to: fetched(to, PRESS),
    "chain": lambda to: waited(to.leaves.chain(PRESS)),
    "history": lambda to: waited(to.leaves.history(PRESS)),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_secret_of_another_type_is_unreadable(quick: World, reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = quick.connect()
    issue_to(connection, PRESS)
    renew(connection, PRESS, again=True)  # two of the same second: the newest is asked for
    handle = Azure.handle

    def odd(azure: Azure, request: Request) -> Response:
        answer = handle(azure, request)
        if not request.path.rstrip("/").endswith(f"/secrets/device-{PRESS}"):
            return answer
        return replace(answer, body={"value": [1], "id": [2], "attributes": []})

    monkeypatch.setattr(Azure, "handle", odd)
    with pytest.raises(Unreadable):
        READERS[reader](quick.connect())
