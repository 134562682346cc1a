"""What the vault has of a fleet, looked at device by device, and judged by openssl."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from dpsops.azure.clients import Clients, connect
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.cli.connection import event_loop
from dpsops.fleet import engine
from dpsops.model.run import Run
from dpsops.pki import chains
from dpsops.pki.names import DeviceId
from dpsops.settings import LOCAL, load

_BATCH = 500


@contextmanager
def connected(place: Path, variables: Mapping[str, str]) -> Iterator[tuple[Run, Clients]]:
    """A connection to the served embedded Azure of a directory."""
    clients = connect(load(LOCAL, place / "infra"), variables, proxied=True)
    with closing(clients), event_loop(clients.pool) as loop:
        yield Run(clients.environment, lambda: datetime.now(UTC), clients.sleep, loop), clients


def bundles(run: Run, clients: Clients, devices: Sequence[DeviceId]) -> dict[DeviceId, str]:
    """The newest bundle of each device. Raises the first error."""
    leaves, found = LeafVaults(clients), dict[DeviceId, str]()

    async def fetch(device: DeviceId) -> None:
        found[device] = await leaves.bundle(device)

    _all(run, devices, fetch)
    return found


def versions(run: Run, clients: Clients, devices: Sequence[DeviceId]) -> dict[DeviceId, int]:
    """How many versions the secret of each device has."""
    leaves, found = LeafVaults(clients), dict[DeviceId, int]()

    async def count(device: DeviceId) -> None:
        found[device] = len(await leaves.versions(device))

    _all(run, devices, count)
    return found


def faults(place: Path, found: Mapping[DeviceId, str]) -> list[str]:
    """What is wrong with the bundles: openssl verifies each certificate now, for a TLS client, up to the root of its bundle,
    which all have in common; the certificate is the device's, and so is the key."""
    folder, said = place / "bundles", list[str]()
    folder.mkdir(exist_ok=True)
    roots = {text[text.rindex("-----BEGIN CERTIFICATE-----") :] for text in found.values()}
    if len(roots) != 1:
        return [f"the bundles end with {len(roots)} roots"]
    (folder / "root.pem").write_text(roots.pop(), encoding="ascii")
    for device, text in found.items():
        (folder / f"{device}.pem").write_text(text[text.index("-----BEGIN CERTIFICATE-----") :], encoding="ascii")
        leaf = x509.load_pem_x509_certificates(text.encode())[0]
        key = load_pem_private_key(text.encode(), None)
        if chains.common_name(leaf.subject) != device:
            said.append(f"{device} has the certificate of {chains.common_name(leaf.subject)}")
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not chains.same_key(key.public_key(), leaf.public_key()):
            said.append(f"{device} has the key of another certificate")
    names = [f"{device}.pem" for device in found]
    for begin in range(0, len(names), _BATCH):
        said += _refused(folder, names[begin : begin + _BATCH])
    return said


def _refused(folder: Path, names: Sequence[str]) -> list[str]:
    command = ["openssl", "verify", "-purpose", "sslclient", "-CAfile", "root.pem", *names]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    good = {line.removesuffix(": OK") for line in done.stdout.splitlines() if line.endswith(": OK")}
    return [f"openssl refuses {name}" for name in names if name not in good]


def _all(run: Run, devices: Sequence[DeviceId], act: Callable[[DeviceId], Awaitable[None]]) -> None:
    async def one(device: DeviceId) -> AsyncIterator[None]:
        await act(device)
        yield

    for result in engine.each(run, devices, one):
        assert result is None, result
