"""What is left open at the end of an invocation: nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

from azure.core.credentials import AccessToken

from dpsops.azure.new_roles import NewRoles
from dpsops.azure.transport import Transport
from dpsops.cli.connection import event_loop
from tests.worlds import pool_over


class _Nobody:
    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        raise AssertionError("nothing is sent")


def test_a_list_that_was_not_read_to_its_end_is_closed() -> None:
    transport, happened = Transport(), list[str]()
    pool = pool_over(transport)(_Nobody(), NewRoles(list, print, 0.0))

    async def pages() -> AsyncIterator[int]:
        try:
            for page in range(3):
                yield page
        finally:
            happened.append("closed")

    whole = pages()

    async def first() -> int:
        return await anext(whole)

    with event_loop(pool) as loop:
        assert loop.run_until_complete(first()) == 0
        assert happened == []
    assert happened == ["closed"]
