"""What a leaf costs dpsops, beside bare aiohttp and azure-core's own asynchronous clients making the same two requests.

Each takes its turns beside an embedded Azure without limits, in the state after `up`, so that none has more to list than another.
The leaves of a turn are issued in this process, after some that are not counted: connections are made then, and code is loaded.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Self

from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport
from azure.keyvault.keys.crypto import SignatureAlgorithm
from azure.keyvault.keys.crypto.aio import CryptographyClient
from azure.keyvault.secrets.aio import SecretClient

from bench import bare
from bench.bare import SETTINGS, WARM_UP, Cost, Secret
from bench.served import Server, served, settle
from dpsops.azure.clients import connect
from dpsops.azure.dps import Dps
from dpsops.azure.hub import Hubs
from dpsops.azure.leaf_signer import LeafSigner
from dpsops.azure.leaf_vault import LeafVaults
from dpsops.azure.root_vault import RootVault
from dpsops.cli.connection import event_loop
from dpsops.model.device import Issued
from dpsops.model.run import Run
from dpsops.pki.names import device_id
from dpsops.settings import LOCAL, load
from dpsops.workflows.issue import issue

UNLIMITED = "limits = { secret_creates = 1000000, secret_operations = 1000000, signatures = 1000000, dps_operations = 1000000 }\n"

_TURNS, _LEAVES, _IN_FLIGHT = 5, 300, 32


@dataclass(frozen=True, slots=True)
class Costs:
    """The CPU of the client for a leaf, in milliseconds: of each turn. Each turn has its place in the three lists."""

    ours: list[float]
    bare: list[float]
    azure_core: list[float]

    @property
    def over_bare(self) -> float:
        """How much more dpsops takes than bare aiohttp: the median of the turns."""
        return median(ours / theirs for ours, theirs in zip(self.ours, self.bare, strict=True))


def measure(turns: int = _TURNS, leaves: int = _LEAVES) -> Costs:
    """The costs, in turns."""
    costs = Costs([], [], [])
    with tempfile.TemporaryDirectory() as directory:
        saved = Path(directory) / "saved"
        saved.mkdir()
        settle(saved, SETTINGS + UNLIMITED)
        for _ in range(turns):
            costs.bare.append(_turn(saved, lambda server, _: asyncio.run(bare.measured(server, leaves, _IN_FLIGHT))))
            costs.ours.append(_turn(saved, lambda server, place: measured(server, place, leaves)))
            costs.azure_core.append(_turn(saved, lambda server, _: asyncio.run(_by_azure_core(server, leaves))))
    return costs


def _turn(saved: Path, act: Callable[[Server, Path], Cost]) -> float:
    place = saved.with_name("place")
    shutil.copytree(saved, place)
    with served(place, unlimited=True) as server:
        cost = act(server, place)
    shutil.rmtree(place)
    return cost.milliseconds


def measured(server: Server, place: Path, leaves: int) -> Cost:
    """What leaves cost dpsops. Raises `RuntimeError` if one is not issued."""
    clients = connect(load(LOCAL, place / "infra"), server.variables, proxied=True)
    with closing(clients), event_loop(clients.pool) as loop:
        run = Run(clients.environment, lambda: datetime.now(UTC), clients.sleep, loop)
        planes = RootVault(clients), LeafSigner(clients), LeafVaults(clients), Dps(clients), Hubs(clients)
        _issue(run, planes, "warm", WARM_UP)
        begun, cpu, of_server = time.perf_counter(), time.process_time(), server.cpu()
        _issue(run, planes, "ours", leaves)
        return Cost(leaves, time.perf_counter() - begun, time.process_time() - cpu, server.cpu() - of_server)


def _issue(run: Run, planes: tuple[RootVault, LeafSigner, LeafVaults, Dps, Hubs], name: str, leaves: int) -> None:
    results = list(issue(run, *planes, [device_id(f"{name}-{number}") for number in range(leaves)]))
    if sum(isinstance(result, Issued) for result in results) != leaves:
        raise RuntimeError(f"not all leaves are issued: {results[-1]}")


async def _by_azure_core(server: Server, leaves: int) -> Cost:
    """The two calls over azure-core's pipeline and Key Vault's clients."""
    async with bare.looked_at(server, _IN_FLIGHT) as (session, token, vault):
        transport = AioHttpTransport(session=session, session_owner=False)
        credential = _Credential(token)
        signing = CryptographyClient(vault.key, credential, transport=transport)
        secrets = SecretClient(bare.URL, credential, transport=transport)
        async with signing, secrets:
            return await bare.cost(_AzureCore(vault.chain, signing, secrets), "core", server, leaves, _IN_FLIGHT)


@dataclass(frozen=True, slots=True)
class _Credential:
    token: str

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken(self.token, int(time.time()) + 3600)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *ignored: object) -> None:
        pass


@dataclass(slots=True)
class _AzureCore:
    """The two calls by the SDKs."""

    chain: str
    signing: CryptographyClient
    secrets: SecretClient

    async def sign(self, digest: bytes) -> bytes:
        return (await self.signing.sign(SignatureAlgorithm.es256, digest)).signature

    async def store(self, secret: Secret) -> None:
        expires = datetime.fromtimestamp(secret.expires, UTC)
        await self.secrets.set_secret(
            f"device-{secret.device}", secret.value, content_type=bare.CONTENT_TYPE, expires_on=expires, tags=secret.tags
        )


def main() -> None:
    """Prints what a leaf costs."""
    parser = argparse.ArgumentParser(prog="python -m bench.leaf_cost", description=__doc__, allow_abbrev=False)
    parser.add_argument("--turns", type=int, default=_TURNS)
    parser.add_argument("--leaves", type=int, default=_LEAVES)
    asked = parser.parse_args()
    costs = measure(asked.turns, asked.leaves)
    for name, of_turns in (("dpsops", costs.ours), ("bare aiohttp", costs.bare), ("azure-core", costs.azure_core)):
        print(f"{name:<14} {median(of_turns):.2f} ms of CPU a leaf ({min(of_turns):.2f} to {max(of_turns):.2f})")
    print(f"dpsops / bare aiohttp: {costs.over_bare:.2f}")


if __name__ == "__main__":
    main()
