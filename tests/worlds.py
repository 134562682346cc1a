"""The three worlds in which the tests of workflows run: the embedded Azure, a recording of it, the real Azure.

A test asks a `World` for a `Connection` and never knows which one it is in. Time is the world's: whatever dpsops
or the SDKs wait for, they wait for by moving a clock.
"""

from __future__ import annotations

import asyncio
import atexit
import base64
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenCredential, TokenRequestOptions
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.azure.clients import Clients
from dpsops.azure.new_roles import NewRoles
from dpsops.azure.pool import Pool
from dpsops.azure.sign_in import to_authority
from dpsops.azure.transport import Transport, new_session
from dpsops.azure.waits import Waiting
from dpsops.azure.wire import Wire
from dpsops.cli.connection import Connection
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Clock, Timings
from dpsops.model.run import Run
from dpsops.pki.entropy import Entropy
from dpsops.settings import Environment
from tests.direct import DirectAdapter
from tests.plain_sender import PlainSender

BEGINNING = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""The time at the beginning of every test, except on the real Azure."""

SLOW = Timings(operation=40, certificate=12, role=95, deletion=15)
"""About as slow as the real Azure."""

_SIGNED_IN = 600  # seconds of the world's clock; a token is valid for an hour


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as `--verbose` would show it."""

    method: str
    host: str
    path: str
    status: int

    @property
    def writes(self) -> bool:
        """Whether it may have changed something. What-ifs, signatures and queries are POSTs that change nothing."""
        reads = self.path.lower().endswith(("/whatif", "/sign", "/query"))
        return self.method not in ("GET", "HEAD") and self.status < 400 and not reads


class Stopwatch(Transport):
    """The transport of a test: it records the answers, and moves the clock instead of waiting."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        super().__init__(waiting=Waiting(now=clock.now), **options)
        self.clock = clock
        self.exchanges: list[Exchange] = []

    def sleep(self, duration: float) -> None:
        """Moves the clock."""
        self.clock.advance(self.waiting.pause(duration))

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Sends a request and records its answer."""
        response = super().send(request, **kwargs)
        address = urlsplit(request.url)
        self.exchanges.append(Exchange(request.method, address.netloc, address.path, response.status_code))
        return response


def pool_over(transport: Transport) -> Callable[[TokenCredential, NewRoles], Pool]:
    """Makes the pool of a world: over its transport, without a pace, because its clock moves only when somebody waits."""

    async def sleep(seconds: float) -> None:
        transport.sleep(seconds)

    def pool(credential: TokenCredential, roles: NewRoles) -> Pool:
        sender, waiting = PlainSender(transport), transport.waiting
        return Pool(sender, credential, transport.waits, roles, waiting.now, sleep, paced=False, waiting=waiting)

    return pool


def unpooled(credential: TokenCredential, roles: NewRoles) -> Pool:
    """A pool of clients that send nothing for devices."""
    return pool_over(Transport())(credential, roles)


_LOOPS: list[asyncio.AbstractEventLoop] = []


def idle_loop() -> asyncio.AbstractEventLoop:
    """An event loop that runs nothing: in a test a command can run inside another one."""
    found = next((loop for loop in _LOOPS if not loop.is_running()), None)
    if found is None:
        found = asyncio.new_event_loop()
        _LOOPS.append(found)
        atexit.register(found.close)
    return found


_Result = TypeVar("_Result")


def waited(work: Coroutine[Any, Any, _Result]) -> _Result:
    """The result of a piece of work for one device."""
    return idle_loop().run_until_complete(work)


def environment(**changes: Any) -> Environment:
    """A small environment: one hub, an RSA-2048 root."""
    document: dict[str, Any] = {
        "name": "test",
        "location": "westeurope",
        "resource_group": "rg-dpsops-test",
        "vault": {"name": "kv-dpsops-test", "purge_protection": False, "soft_delete_days": 7},
        "dps": {"name": "dps-dpsops-test"},
        "hub": [{"name": "iot-dpsops-test"}],
        "root": {"key": "RSA-2048"},
    }
    return Environment.model_validate(document | changes)


def predictable_entropy(seed: int = 1) -> Entropy:
    """The same serial numbers and keys each time: a recorded signature is valid only for the bytes that were signed."""
    random = Random(seed)  # noqa: S311

    def key() -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(random.getrandbits(255) + 1, ec.SECP256R1())

    return Entropy(serial=lambda: random.getrandbits(158) + (1 << 158), key=key)


@dataclass(slots=True)
class World:
    """Where a test runs. `embedded` is the Azure of the embedded world, for tests that need access to its state."""

    clients: Callable[[Environment], Clients]
    clock: Clock
    transport: Stopwatch
    environment: Environment
    embedded: EmbeddedAzure | None = None
    entropy: Entropy = field(default_factory=predictable_entropy)
    said: list[str] = field(default_factory=list)
    sign_out: Callable[[], None] = lambda: None

    def connect(self, settings: Environment | None = None) -> Connection:
        """A new invocation, like a new process: new clients, the same Azure; signed in, unless `sign_out` was called before."""
        forget_challenges()
        self.transport.exchanges.clear()
        self.transport.waits = (settings or self.environment).waits
        self.transport.waiting.say = self.said.append
        clients = self.clients(settings or self.environment)
        run = Run(
            clients.environment,
            clock=lambda: datetime.fromtimestamp(self.clock.now(), UTC),
            sleep=clients.sleep,
            loop=idle_loop(),
            at_once=1,
            entropy=self.entropy,
            progress=self.said.append,
        )
        return Connection(run, clients, self.wire)

    @property
    def wire(self) -> Wire:
        """How a device reaches this world."""
        waits, waiting = self.transport.waits, self.transport.waiting
        if self.embedded is None:
            return Wire(waits=waits, waiting=waiting)
        return Wire(self.embedded.proxy_url, str(self.embedded.authority_file), waits, waiting)

    @property
    def exchanges(self) -> list[Exchange]:
        """The requests since the last `connect`, without the sign-in, the vault's challenges and the polls of operations."""
        polls = ("/operationstatuses/", "/operationresults/", "/provisioningserviceoperationresults/")
        return [
            exchange
            for exchange in self.transport.exchanges
            if exchange.host != "login.microsoftonline.com"
            and not (exchange.host.endswith(".vault.azure.net") and exchange.status == 401)
            and not any(poll in exchange.path.lower() for poll in polls)
        ]


def forget_challenges() -> None:
    """Clears the vaults' challenges, which the SDKs store for the life of the process; a new invocation has none."""
    from azure.keyvault.certificates._shared import http_challenge_cache as of_certificates
    from azure.keyvault.keys._shared import http_challenge_cache as of_keys
    from azure.keyvault.secrets._shared import http_challenge_cache as of_secrets

    for cache in (of_certificates, of_keys, of_secrets):
        cache.clear()


def embedded_world(azure: EmbeddedAzure, settings: Environment | None = None, *, direct: bool = False) -> World:
    """The world of a running embedded Azure, over a real socket, or `direct` (devices always use a socket)."""
    session = new_session()
    session.trust_env = False
    if direct:
        session.mount("https://", DirectAdapter(azure.azure))
    else:
        session.proxies = {"https": azure.proxy_url}
    clock = azure.azure.clock
    transport = Stopwatch(clock, session=session, session_owner=False, connection_verify=str(azure.authority_file))
    account = _Account(azure, transport)
    world = World(
        lambda settings: Clients(settings, SUBSCRIPTION, account.credential(), transport, pool_over(transport)),
        clock, transport, settings or environment(), azure,
    )  # fmt: skip
    return replace(world, sign_out=account.sign_out)


class _Account:
    """The credential of a world, which keeps its tokens from one invocation to the next, as `az login` does."""

    def __init__(self, azure: EmbeddedAzure, transport: Stopwatch) -> None:
        self._azure = azure
        self._transport = transport
        self._credential: TokenCredential | None = None
        self._since = 0.0

    def sign_out(self) -> None:
        """The next credential has no token."""
        self._credential = None

    def credential(self) -> TokenCredential:
        """The present one; after a while a new one, because it looks at the real clock to see whether a token expires."""
        now = self._azure.azure.clock.now()
        if self._credential is None or now - self._since > _SIGNED_IN:
            identity = OPERATOR.tenant_id, OPERATOR.app_id, self._azure.client_secret
            self._credential, self._since = ClientSecretCredential(*identity, **to_authority(self._transport)), now
        return self._credential


def start_embedded(directory: Path, timings: Timings = SLOW) -> EmbeddedAzure:
    """An embedded Azure whose clock moves only when dpsops waits."""
    return EmbeddedAzure(directory / ".dpsops", clock=Clock(frozen_at=BEGINNING.timestamp()), timings=timings)


class RecordedCredential:
    """The credential of a recording: a token with the right claims and without a signature."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token that no service would accept."""
        return AccessToken(_unsigned_token(), int(time.time()) + 3600)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """The same, in the SDK's newer form."""
        return AccessTokenInfo(_unsigned_token(), int(time.time()) + 3600)


def _unsigned_token() -> str:
    claims = json.dumps({"oid": OPERATOR.object_id, "idtyp": "app"}).encode()
    return f"none.{base64.urlsafe_b64encode(claims).decode()}.none"


def recorded_world() -> World:
    """The world of a cassette: no server, no network, no sign-in."""
    session = new_session()
    session.trust_env = False
    clock = Clock(frozen_at=BEGINNING.timestamp())
    transport = Stopwatch(clock, session=session, session_owner=False)
    credential: TokenCredential = RecordedCredential()
    return World(
        lambda settings: Clients(settings, SUBSCRIPTION, credential, transport, pool_over(transport)),
        clock, transport, environment(),
    )  # fmt: skip


def azure_world(subscription: str, suffix: str) -> World:
    """The real Azure, under names that end in `suffix`, in real time."""
    settings = environment()
    settings = settings.model_copy(
        update={
            "resource_group": f"{settings.resource_group}-{suffix}",
            "vault": settings.vault.model_copy(update={"name": f"kv-dpsops-{suffix}"}),
            "dps": settings.dps.model_copy(update={"name": f"dps-dpsops-{suffix}"}),
            "hub": [hub.model_copy(update={"name": f"iot-dpsops-{suffix}"}) for hub in settings.hub],
        }
    )
    transport = _RealTime(Clock(), session=new_session(), session_owner=False)
    credential = DefaultAzureCredential()
    world = World(
        lambda wanted: Clients(wanted, subscription, credential, transport, pool_over(transport)), Clock(), transport, settings
    )
    return replace(world, entropy=Entropy())


class _RealTime(Stopwatch):
    def sleep(self, duration: float) -> None:
        """Really waits."""
        time.sleep(self.waiting.pause(duration))
