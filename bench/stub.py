"""Issuing with a stub of the two calls: all of a fleet's memory and most of its CPU, without a network and without a wait.

`python -m bench.stub 10000` issues so many devices as `dpsops device issue --from FILE` does, and prints the process's peak
memory and the CPU time of a leaf, as JSON. The root's key is here and really signs; the limits are those of Azure, beside a clock
that moves when somebody waits.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.core.credentials import AccessToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import utils as asymmetric_utils

from bench.served import ROOT
from dpsops.azure.clients import Clients
from dpsops.azure.dps import Dps
from dpsops.azure.exchange import Answer, Ask
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_signer import LeafSigner
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.azure.pool import Pool
from dpsops.azure.transport import Transport
from dpsops.cli.connection import event_loop
from dpsops.cli.many import Devices
from dpsops.cli.wanted import wanted_devices
from dpsops.model.device import Issued, Issuer, Order
from dpsops.model.root import RootVersion
from dpsops.model.run import Run
from dpsops.model.shards import WHOLE
from dpsops.pki import profiles
from dpsops.pki.entropy import Entropy
from dpsops.settings import Environment
from dpsops.steps.issue_leaf import LeafIssuer

_SETTINGS = {
    "name": "bench",
    "location": "westeurope",
    "resource_group": "rg-bench",
    "vault": {"name": "kv-bench"},
    "dps": {"name": "dps-bench"},
    "hub": [{"name": "iot-bench"}],
    "root": {"key": "EC-P256"},
}


@dataclass(frozen=True, slots=True)
class Footprint:
    """What issuing so many devices takes: memory at its peak, in MiB; CPU for a leaf, in milliseconds."""

    devices: int
    peak: float
    milliseconds: float


def measure(devices: int) -> Footprint:
    """The footprint, in a process of its own."""
    command = [sys.executable, "-m", "bench.stub", str(devices)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Footprint(**json.loads(done.stdout))


@dataclass(slots=True)
class _Clock:
    """Seconds that pass when somebody waits."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


class _Credential:
    def get_token(self, *_: str, **__: object) -> AccessToken:
        """A token that nobody looks at."""
        return AccessToken("none", int(time.time()) + 3600)


@dataclass(slots=True)
class _Stub:
    """Answers at once: nothing is there yet, every digest is signed, every secret is stored."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    async def __call__(self, ask: Ask, seconds: float) -> Answer:  # noqa: ARG002
        """The answer, after the others had their turn."""
        await asyncio.sleep(0)
        return Answer(ask, 200, {}, self._document(ask))

    def _document(self, ask: Ask) -> bytes:
        path = ask.url.partition("?")[0]
        if path.endswith("/sign"):
            digest = base64.urlsafe_b64decode(json.loads(ask.content)["value"] + "==")
            signed = self.key.sign(digest, ec.ECDSA(asymmetric_utils.Prehashed(hashes.SHA256())))
            r, s = asymmetric_utils.decode_dss_signature(signed)
            value = base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).rstrip(b"=").decode()
            return json.dumps({"kid": path.removesuffix("/sign"), "value": value}).encode()
        if ask.method == "PUT":
            return json.dumps({"id": f"{path}/{hash(path):032x}", "attributes": {"enabled": True}}).encode()
        return b"[]" if path.endswith("/query") else b'{"value": [], "nextLink": null}'

    async def close(self) -> None:
        """There is nothing to close."""


def _issue(devices: int) -> float:
    """Seconds of CPU for all. Raises `RuntimeError` if one is not issued."""
    environment, stub, clock = Environment.model_validate(_SETTINGS), _Stub(), _Clock()
    clients = Clients(
        environment, "none", _Credential(), Transport(environment.waits),
        lambda credential, roles: Pool(stub, credential, environment.waits, roles, clock.now, clock.sleep),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as directory, event_loop(clients.pool) as loop, closing(clients):
        source = Path(directory) / "devices.txt"
        with source.open("w", encoding="utf-8") as file:
            file.writelines(f"press-{number:07}\n" for number in range(devices))
        run = Run(environment, lambda: datetime.now(UTC), clients.sleep, loop)
        issuer = _issuer(stub.key)
        step = LeafIssuer(run, LeafSigner(clients), LeafVaults(clients), Dps(clients), Hubs(clients), lambda: issuer)
        begun = time.process_time()
        with wanted_devices((), source, environment, shard=WHOLE, keep_going=False) as roster:
            issued = sum(isinstance(result, Issued) for result in step.issue(Devices(roster), Order.ISSUE))
        if issued != devices:
            raise RuntimeError(f"{issued} of {devices} devices are issued")
        return time.process_time() - begun


def _issuer(key: ec.EllipticCurvePrivateKey) -> Issuer:
    wanted = profiles.Root(profiles.root_subject("bench", 1), key.public_key(), timedelta(days=3650))
    root = profiles.issue_root(wanted, key, serial=Entropy().serial(), now=datetime.now(UTC).replace(microsecond=0))
    version = RootVersion("root-g1", True, {}, root, "https://kv-bench.vault.azure.net/keys/root-g1/1")
    return Issuer(version, 1, (root,), (1,))


def _peak() -> float:
    """The most memory that this process had so far, in MiB. Source: proc(5), `VmHWM`."""
    line = next(line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Prints the footprint."""
    parser = argparse.ArgumentParser(prog="python -m bench.stub", description=__doc__, allow_abbrev=False)
    parser.add_argument("devices", type=int)
    devices = parser.parse_args().devices
    seconds = _issue(devices)
    print(json.dumps({"devices": devices, "peak": round(_peak(), 1), "milliseconds": round(1000 * seconds / devices, 3)}))


if __name__ == "__main__":
    main()
