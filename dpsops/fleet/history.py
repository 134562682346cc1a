"""All certificates that devices have in the vaults, for those of which the tags of the newest one do not say it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

from dpsops.azure.leaf_vault import LeafVaults
from dpsops.errors import Error
from dpsops.fleet import engine
from dpsops.model.action import Failed
from dpsops.model.device import Leaf
from dpsops.model.run import Run
from dpsops.pki.names import DeviceId


def read(run: Run, vaults: LeafVaults, devices: Iterable[str]) -> Iterator[tuple[str, tuple[Leaf, ...]]]:
    """Each device with its certificates in enabled versions of its secret, the newest first; one request for each. Raises `Error`
    if one cannot be read: then nobody knows what the device may use."""

    async def one(device: DeviceId) -> AsyncIterator[tuple[str, tuple[Leaf, ...]]]:
        yield device, await vaults.leaves(device)

    for result in engine.each(run, map(DeviceId, devices), one):
        if isinstance(result, Failed):
            raise Error(f"the certificates of {result.device} cannot be read: {result.reason}", "run the command again")
        yield result
