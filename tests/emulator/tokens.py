"""The key that signs the tokens of the labs."""

from __future__ import annotations

from functools import cache

from dpsops.emulator.documents import JSON
from dpsops.emulator.identity.tokens import signing_key
from dpsops.emulator.state import Database
from dpsops.emulator.world import World


@cache
def token_key() -> JSON:
    """The document of one key for all labs: making one takes longer than most tests. Its kind is `identityKey`, its key `key`."""
    with Database(None).transaction() as state:
        signing_key(World(state, 0.0))
        ((_, document),) = state.list("identityKey")
    return document
