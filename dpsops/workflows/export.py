"""`device export`: what a factory gives to its devices, from the vault; and on request no key stays in the vault."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass

from cryptography import x509

from dpsops.azure.leaf_vault import LeafVaults
from dpsops.errors import Missing, Refused
from dpsops.fleet import engine
from dpsops.fleet.count import Count
from dpsops.model.action import Failed
from dpsops.model.device import KEY_TAG, ON_DEVICE, SecretVersion
from dpsops.model.run import Run
from dpsops.pki import exports
from dpsops.pki.names import DeviceId


@dataclass(frozen=True, slots=True)
class Exported:
    """A device's bundle was exported. `path`: of its file; `written`: it was not there before; `key_removed`: from the vault."""

    device: DeviceId
    path: str
    written: bool
    key_removed: bool


Deliver = Callable[[DeviceId, str], tuple[str, bool]]
"""Writes a device's bundle, given as PEM, and returns the path of its file and whether it was not there before. It raises an
`Error` if there is a file with anything else."""


def export(
    run: Run, leaves: LeafVaults, devices: Collection[DeviceId], deliver: Deliver, *, remove_key: bool
) -> Iterator[Exported | Failed]:
    """Delivers the newest bundle of each device; one for which that fails stops no other. One request for a device, with
    `remove_key` a few more: then the vault keeps the certificate and its chain in a new version of the secret, and the versions
    with a key are disabled, so that nobody can read it any more.

    A run that was interrupted is completed by the next: a file that holds this bundle counts as delivered.
    """

    async def one(device: DeviceId) -> AsyncIterator[Exported]:
        bundle = await leaves.bundle(device)
        path, written = deliver(device, bundle)
        removed = remove_key and await _remove_key(leaves, device, bundle)
        yield Exported(device, path, written, removed)

    count = Count(run, "exported", len(devices))
    for result in engine.each(run, devices, one):
        count.add()
        yield result
    count.end()


async def _remove_key(leaves: LeafVaults, device: DeviceId, bundle: str) -> bool:
    """Removes the private key of a device from the vault; whether there was one."""
    versions = await leaves.history(device)
    if not versions:
        raise Missing(f"somebody has removed the secret of {device} in the meantime", "'dpsops device list' shows what is there")
    newest = versions[0]
    if newest.leaf is None or newest.leaf.blocked:
        raise Refused(f"{device} is blocked, so its secret stays as it is", f"dpsops device unblock {device}")
    if exports.has_key(bundle):
        certificates = exports.without_key(bundle)
        leaf = x509.load_pem_x509_certificate(certificates.encode())
        known = newest.leaf
        await leaves.put(device, certificates, leaf, known.generation, known.before, vault=newest.vault, key_on_device=True)
    with_key = [version for version in versions if _may_have_key(version)]
    for version in with_key:
        await leaves.disable(device, version)
    return bool(with_key)


def _may_have_key(version: SecretVersion) -> bool:
    return version.tags.get(KEY_TAG) != ON_DEVICE
