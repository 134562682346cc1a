"""The least that a leaf costs a client: a key, and the two requests over bare aiohttp, without what makes it a certificate.

It makes an EC key on P-256, writes it as PEM, hashes as many bytes as a certificate has with the public key among them, asks the
vault to sign the hash, and stores a secret that is as large as a device's bundle, with as many tags. It builds and verifies no
certificate, paces nothing and asks for nothing again. `python -m bench.bare` measures it beside an embedded Azure without limits.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.served import Server, served, settle

VAULT = "kv-bench"
URL = f"https://{VAULT}.vault.azure.net"
CONTENT_TYPE = "application/x-pem-file"
SETTINGS = f"""
location = "westeurope"
resource_group = "rg-bench"
vault = {{ name = "{VAULT}" }}
dps = {{ name = "dps-bench" }}
hub = [{{ name = "iot-bench" }}]
root = {{ key = "EC-P256" }}
"""

_VERSION = "7.4"
WARM_UP = 64  # leaves that are not counted: connections are made, and code is loaded
_TBS = b"\0" * 330  # what a device certificate has beside its public key


@dataclass(frozen=True, slots=True)
class Cost:
    """What so many leaves took: by the clock, of this process's CPU and of the server's, in seconds."""

    leaves: int
    elapsed: float
    cpu: float
    server: float

    @property
    def rate(self) -> float:
        """Leaves a second."""
        return self.leaves / self.elapsed

    @property
    def milliseconds(self) -> float:
        """This process's CPU time for a leaf."""
        return 1000 * self.cpu / self.leaves


def measure(leaves: int, in_flight: int) -> Cost:
    """What leaves cost, beside an embedded Azure that has no limits."""
    with tempfile.TemporaryDirectory() as directory:
        settle(Path(directory), SETTINGS)
        with served(Path(directory), unlimited=True) as server:
            return asyncio.run(measured(server, leaves, in_flight))


@dataclass(frozen=True, slots=True)
class Secret:
    """What a device's secret has: as much as dpsops stores."""

    device: str
    value: str
    tags: dict[str, str]
    expires: int


class Calls(Protocol):
    """The two calls to the vault. `chain`: what stands for the certificates in a bundle."""

    chain: str

    async def sign(self, digest: bytes) -> bytes:
        """The signature of the root's key: r and s of 32 bytes each."""

    async def store(self, secret: Secret) -> None:
        """Stores a secret."""


async def leaf(calls: Calls, device: str) -> None:
    """A key, a signature, a secret."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    digest = hashlib.sha256(_TBS + public).digest()
    hashed = digest.hex().upper()
    signed = await calls.sign(digest)
    assert len(signed) == 64, "r and s of 32 bytes each"
    tags = {"dpsops": "device", "device": device, "generation": "1", "serial": hashed[:40], "thumbprint": hashed}
    await calls.store(Secret(device, private.decode() + calls.chain, tags, int(time.time()) + 31_536_000))


class Vault:
    """The vault, over one session."""

    def __init__(self, session: aiohttp.ClientSession, token: str) -> None:
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.key = ""
        self.chain = ""

    async def look(self) -> None:
        """Finds the root: its key signs, and its certificate stands for those in a bundle."""
        found = await self._ask("GET", f"{URL}/certificates/root-g1", None)
        self.key = found["kid"]
        lines = base64.encodebytes(base64.b64decode(found["cer"])).decode()
        self.chain = f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n" * 2

    async def sign(self, digest: bytes) -> bytes:
        """The signature of the root's key."""
        signed = await self._ask("POST", f"{self.key}/sign", {"alg": "ES256", "value": _text(digest)})
        return base64.urlsafe_b64decode(signed["value"] + "==")

    async def store(self, secret: Secret) -> None:
        """Stores a secret."""
        document = {
            "value": secret.value,
            "contentType": CONTENT_TYPE,
            "attributes": {"exp": secret.expires},
            "tags": secret.tags,
        }
        await self._ask("PUT", f"{URL}/secrets/device-{secret.device}", document)

    async def _ask(self, method: str, url: str, document: object) -> Any:
        body = None if document is None else json.dumps(document).encode()
        async with self._session.request(method, f"{url}?api-version={_VERSION}", data=body, headers=self._headers) as answer:
            content = await answer.read()
            if answer.status != 200:
                raise ConnectionError(f"the vault answers {answer.status} to {method}")
            return json.loads(content)


async def _token(session: aiohttp.ClientSession, variables: Mapping[str, str]) -> str:
    """Source: Microsoft identity platform, "OAuth 2.0 client credentials flow"."""
    form = {
        "grant_type": "client_credentials",
        "client_id": variables["AZURE_CLIENT_ID"],
        "client_secret": variables["AZURE_CLIENT_SECRET"],
        "scope": "https://vault.azure.net/.default",
    }
    url = f"https://login.microsoftonline.com/{variables['AZURE_TENANT_ID']}/oauth2/v2.0/token"
    async with session.post(url, data=form) as answer:
        if answer.status != 200:
            raise ConnectionError(f"the sign-in is answered {answer.status}")
        return str(json.loads(await answer.read())["access_token"])


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@asynccontextmanager
async def looked_at(server: Server, in_flight: int) -> AsyncIterator[tuple[aiohttp.ClientSession, str, Vault]]:
    """A session beside a server that has a root, its token, and the vault with the root."""
    connector = aiohttp.TCPConnector(limit=in_flight, ssl=ssl.create_default_context(cafile=server.variables["SSL_CERT_FILE"]))
    async with aiohttp.ClientSession(connector=connector, proxy=server.variables["HTTPS_PROXY"]) as session:
        token = await _token(session, server.variables)
        vault = Vault(session, token)
        await vault.look()
        yield session, token, vault


async def measured(server: Server, leaves: int, in_flight: int) -> Cost:
    """The same, beside a server that has a root. Raises `ConnectionError` if it refuses anything."""
    async with looked_at(server, in_flight) as (_, _, vault):
        return await cost(vault, "bare", server, leaves, in_flight)


async def cost(calls: Calls, name: str, server: Server, leaves: int, in_flight: int) -> Cost:
    """What leaves cost by these calls, after some that are not counted. `name`: what the devices' names begin with."""
    await _issue(calls, f"{name}-warm", WARM_UP, in_flight)
    begun, cpu, of_server = time.perf_counter(), time.process_time(), server.cpu()
    await _issue(calls, name, leaves, in_flight)
    return Cost(leaves, time.perf_counter() - begun, time.process_time() - cpu, server.cpu() - of_server)


async def _issue(calls: Calls, name: str, leaves: int, in_flight: int) -> None:
    numbers = iter(range(leaves))

    async def work() -> None:
        for number in numbers:  # shared: each takes the next
            await leaf(calls, f"{name}-{number}")

    ended = await asyncio.gather(*(work() for _ in range(in_flight)), return_exceptions=True)
    for error in ended:  # only now: no request is broken off, and all connections are closed with the session
        if error is not None:
            raise error


def main() -> None:
    """Prints what a leaf costs."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare", description=__doc__, allow_abbrev=False)
    parser.add_argument("--leaves", type=int, default=2000)
    parser.add_argument("--in-flight", type=int, default=32)
    asked = parser.parse_args()
    cost = measure(asked.leaves, asked.in_flight)
    print(f"{cost.milliseconds:.2f} ms of CPU a leaf")
    print(f"{cost.rate:.0f} leaves a second; the server took {cost.server / cost.elapsed:.0%} of a core")


if __name__ == "__main__":
    main()
