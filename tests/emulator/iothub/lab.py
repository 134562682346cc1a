"""Hubs without a network: the service API asked, and the MQTT end spoken to, at a time that only a test moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator import rbac
from dpsops.emulator.azure import Azure
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.tokens import issue_token
from dpsops.emulator.iothub.mqtt import HubEndpoint
from dpsops.emulator.iothub.service import SERVICE
from dpsops.emulator.iothub.state import load_hub
from dpsops.emulator.mqtt_endpoint import Connect, ConnectionRefused
from dpsops.emulator.post import Publication
from dpsops.emulator.principal import Principal
from dpsops.emulator.world import World
from tests.emulator.microsoft_devices.control_plane import GROUP, NOW, ControlPlane
from tests.emulator.microsoft_devices.signatures import sign
from tests.emulator.tokens import token_key

HUB = "hub1"
HOST = f"{HUB}.azure-devices.net"
KEEPER = Principal("aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002", "tenant")
REGISTRY_CONTRIBUTOR = "4ea46cd5-c1b2-4a8e-910b-273211f9ce47"
TWIN_CONTRIBUTOR = "494bdba2-168f-4f31-a0a1-191d2f7c028c"
DATA_READER = "b447c946-2db7-41ec-983d-d8bf3b1c77e3"
DATA_CONTRIBUTOR = "4fc6c259-987e-4a07-842e-c321cc9d413f"
AUDIENCE = "https://iothubs.azure.net"
VERSION = "2021-04-12"
NO_RULES = {"applyToBuiltInEventHubEndpoint": False, "ipRules": []}
"""A network rule set that refuses everyone."""

_ENDPOINT = HubEndpoint()


@dataclass(slots=True)
class Lab:
    """One hub, `HUB`, of one unit."""

    arm: ControlPlane = field(default_factory=ControlPlane)
    sku: str = "S1"
    azure: Azure = field(init=False)

    def __post_init__(self) -> None:
        self.make_hub(HUB)
        self.azure = Azure(
            self.arm.database, self.arm.clock, self.arm.timings, self.arm.habits, services=[SERVICE], endpoints=[_ENDPOINT]
        )
        with self.world() as world:
            world.state.put("identityKey", "key", token_key())

    @contextmanager
    def world(self) -> Iterator[World]:
        """The world inside one transaction."""
        with self.azure.database.transaction() as state:
            yield World(state, self.arm.clock.now(), self.arm.timings, self.azure.meter, self.arm.habits)

    def make_hub(self, name: str, *, units: int = 1) -> None:
        """A hub of the lab's SKU, created or changed, and active."""
        body = {"location": "westeurope", "sku": {"name": self.sku, "capacity": units}, "properties": {}}
        assert self.arm.call("PUT", f"/IotHubs/{name}", body).status == 201
        self.arm.clock.advance(self.arm.timings.operation)

    def hub(self, name: str = HUB) -> JSON:
        """The hub's document."""
        with self.world() as world:
            hub = load_hub(world, name)
        assert hub is not None
        return hub

    def key(self, policy: str) -> str:
        """The primary key of a shared access policy of `HUB`."""
        keys = {each["keyName"]: each["primaryKey"] for each in self.hub()["policies"]}
        return str(keys[policy])

    def signed(self, policy: str = "iothubowner", resource: str = HOST, lifetime: float = 3600) -> str:
        """An `Authorization` header with that policy's signature."""
        return sign(resource, self.key(policy), self.arm.clock.now() + lifetime, policy)

    def bearer(self, caller: Principal = KEEPER, audience: str = AUDIENCE) -> str:
        """An `Authorization` header with a token of Entra ID's."""
        with self.world() as world:
            return f"Bearer {issue_token(world, caller, audience)}"

    def assign(self, role: str, principal: Principal = KEEPER) -> None:
        """Gives a principal a role on everything in the group."""
        scope = GROUP.partition("/providers")[0].lower()
        assignment = {"principal": principal.object_id, "role": role, "scope": scope, "created": self.arm.clock.now()}
        with self.world() as world:
            world.state.put(rbac.ASSIGNMENT, f"{scope}/{principal.object_id}/{role}", assignment)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        authorization: str | None = None,
        version: str = VERSION,
        host: str = HOST,
    ) -> Response:
        """The answer of the hub to a request that its owner has signed, unless `authorization` says otherwise.

        `path` is encoded as in a URL, and decoded as the server does it.
        """
        url = urlsplit(f"https://{host}{path}")
        query = {"api-version": version} | dict(parse_qsl(url.query, keep_blank_values=True))
        signed = self.signed(resource=host) if authorization is None else authorization
        content = b"" if body is None else json.dumps(body).encode()
        kind = {"content-type": "application/json"} if content else {}
        sent = {"authorization": signed, **kind, **(headers or {})}
        return self.azure.handle(Request(method, host, unquote(url.path), query, sent, content))

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The body of an answer that has to be a success."""
        answer = self.call(method, path, body, **options)
        assert answer.status < 300, answer
        return answer.body

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str]:
        """Status and message of an answer that has to be a refusal, in the shape that all of them have."""
        answer = self.call(method, path, body, **options)
        assert answer.status >= 400, answer
        assert answer.body["ExceptionMessage"].startswith("Tracking ID:")
        assert answer.body["Message"].startswith(f"ErrorCode:{answer.headers['iothub-errorcode']};")
        return answer.status, answer.body["Message"]

    def create(self, device: str = "d1", **body: Any) -> JSON:
        """A new device, as the answer to its creation shows it."""
        created = self.ok("PUT", f"/devices/{quote(device, safe='')}", {"deviceId": device} | body)
        assert isinstance(created, dict)
        return created

    def connect(
        self,
        device: str = "d1",
        *chain: x509.Certificate,
        password: str = "",
        host: str = HOST,
        client_id: str | None = None,
        username: str | None = None,
        clean_session: bool = True,
    ) -> JSON:
        """The session of a device that is accepted."""
        name = username if username is not None else f"{host}/{device}/?api-version=2019-10-01&DeviceClientType=py%2F2.14.0"
        encoded = tuple(each.public_bytes(Encoding.DER) for each in chain)
        packet = Connect(host, device if client_id is None else client_id, name, password, encoded, clean_session, 60)
        request = Request("CONNECT", host, packet.client_id)
        return self.azure.mqtt(request, lambda endpoint, world: endpoint.connect(world, packet))

    def subscribe(self, session: JSON, topic_filter: str) -> bool:
        """Whether the filter is granted."""
        request = Request("SUBSCRIBE", HOST, topic_filter)
        return self.azure.mqtt(request, lambda endpoint, world: endpoint.subscribe(world, session, topic_filter, 1))

    def unsubscribe(self, session: JSON, topic_filter: str) -> None:
        """Ends a subscription."""
        request = Request("UNSUBSCRIBE", HOST, topic_filter)
        self.azure.mqtt(request, lambda endpoint, world: endpoint.unsubscribe(world, session, topic_filter))

    def publish(self, session: JSON, topic: str, payload: bytes = b"") -> list[Publication]:
        """What the hub answers."""
        request = Request("PUBLISH", HOST, topic, body=payload)
        return list(self.azure.mqtt(request, lambda endpoint, world: endpoint.publish(world, session, topic, payload)))

    def acknowledge(self, session: JSON, publication: Publication) -> None:
        """What the hub has sent is acknowledged."""
        request = Request("PUBACK", HOST, publication.receipt)
        self.azure.mqtt(request, lambda endpoint, world: endpoint.acknowledge(world, session, publication.receipt))

    def listen(self, session: JSON) -> list[Publication]:
        """What the hub pushes to a session from now on, whatever it has subscribed to."""
        heard: list[Publication] = []
        self.azure.exchange.open(session["connection"], heard.append)
        return heard

    def disconnect(self, session: JSON) -> None:
        """Ends a session."""
        self.azure.mqtt_ended(HOST, session)


def thumbprint(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm | None = None) -> str:
    """A certificate's thumbprint, SHA-256 unless another is asked for, in upper-case hex."""
    return certificate.fingerprint(algorithm or hashes.SHA256()).hex().upper()


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate and its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, name: str = "Test Root") -> Issuer:
        """A self-signed CA."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _build((name, key), (name, key), ca=True, days=(-10, 10)))

    def issue(self, name: str, *, days: tuple[int, int] = (-1, 1), ca: bool = False) -> Issuer:
        """A certificate with this CN, valid between these days from `NOW` on, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = str(self.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
        return Issuer(key, _build((name, key), (issuer, self.key), ca=ca, days=days))

    def leaf(self, name: str, *, days: tuple[int, int] = (-1, 1)) -> x509.Certificate:
        """The same, for a key that is thrown away."""
        return self.issue(name, days=days).certificate


_Named = tuple[str, ec.EllipticCurvePrivateKey]


def _build(subject: _Named, issuer: _Named, *, ca: bool, days: tuple[int, int]) -> x509.Certificate:
    now = datetime.fromtimestamp(NOW, UTC)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name, _ in (subject, issuer)]
    return (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(subject[1].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer[1], hashes.SHA256())
    )


ROOT = Issuer.make()
LEAF = ROOT.leaf("d1")
EVENTS = "devices/d1/messages/events/"


def self_signed(lab: Lab, *certificates: x509.Certificate, device: str = "d1", **body: Any) -> None:
    """A device that is known by these certificates' thumbprints, the primary first."""
    names = ("primaryThumbprint", "secondaryThumbprint")
    prints = dict(zip(names, (thumbprint(each) for each in certificates), strict=False))
    lab.create(device, authentication={"type": "selfSigned", "x509Thumbprint": prints}, **body)


def refusal(connect: Callable[[], JSON]) -> int:
    """The return code of a CONNECT that has to be refused."""
    with pytest.raises(ConnectionRefused) as refused:
        connect()
    return refused.value.code
