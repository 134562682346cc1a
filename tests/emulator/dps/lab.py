"""A provisioning service without a network: its service API asked and its devices played, at a time that only a test moves."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dpsops.emulator.azure import Azure
from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.mqtt import DPS_ENDPOINT
from dpsops.emulator.dps.service import DEVICE_SERVICE, SERVICE
from dpsops.emulator.http import Request, Response
from dpsops.emulator.iothub.devices import find_device
from dpsops.emulator.iothub.state import load_hub
from dpsops.emulator.mqtt_endpoint import Connect
from dpsops.emulator.post import Publication
from dpsops.emulator.world import World
from tests.emulator.dps.issuers import Chain, pem
from tests.emulator.microsoft_devices.control_plane import ControlPlane, encoded
from tests.emulator.microsoft_devices.signatures import sign

DPS = "dps1"
HOST = f"{DPS}.azure-devices-provisioning.net"
GLOBAL = "global.azure-devices-provisioning.net"
VERSION = "2021-10-01"
OWNER = "provisioningserviceowner"


def group_of(*names: str, identifier: str = "fleet", **settings: Any) -> JSON:
    """A group of what the named certificates of the service have signed."""
    references = dict(zip(("primary", "secondary"), names, strict=False))
    return {"enrollmentGroupId": identifier, "attestation": {"type": "x509", "x509": {"caReferences": references}}, **settings}


def group_below(*certificates: x509.Certificate, identifier: str = "fleet", **settings: Any) -> JSON:
    """A group of what these certificates have signed."""
    return {"enrollmentGroupId": identifier, "attestation": _x509("signingCertificates", certificates), **settings}


def individual(registration_id: str, *certificates: x509.Certificate, **settings: Any) -> JSON:
    """An individual enrollment of these leaves."""
    return {"registrationId": registration_id, "attestation": _x509("clientCertificates", certificates), **settings}


def _x509(member: str, certificates: Chain) -> JSON:
    given = {place: {"certificate": pem(each)} for place, each in zip(("primary", "secondary"), certificates, strict=False)}
    return {"type": "x509", "x509": {member: given}}


@dataclass(slots=True)
class Lab:
    """One provisioning service, `DPS`, with `hubs` linked to it, each with its weight."""

    hubs: Mapping[str, int] = field(default_factory=lambda: {"hub1": 1})
    arm: ControlPlane = field(default_factory=ControlPlane)
    azure: Azure = field(init=False)
    keys: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.hubs:
            self.arm.hub(name)
        self.link(self.hubs)
        services = [SERVICE, DEVICE_SERVICE]
        self.azure = Azure(
            self.arm.database,
            self.arm.clock,
            self.arm.timings,
            services=services,
            endpoints=[DPS_ENDPOINT],
            habits=self.arm.habits,
        )
        self.read_keys()

    def link(self, hubs: Mapping[str, int], **properties: Any) -> JSON:
        """Links these hubs, and no others, and returns the service."""
        links = [
            {"connectionString": self.arm.connection_string(name), "location": "westeurope", "allocationWeight": weight}
            for name, weight in hubs.items()
        ]
        return self.arm.service(DPS, iotHubs=links, **properties)

    def read_keys(self) -> None:
        """The service's primary keys by policy, from now on those that there are now."""
        listed = self.arm.call("POST", f"/provisioningServices/{DPS}/listkeys", version="2022-12-12").body["value"]
        self.keys = {each["keyName"]: each["primaryKey"] for each in listed}

    @property
    def scope(self) -> str:
        """The service's ID scope."""
        shown = self.arm.call("GET", f"/provisioningServices/{DPS}", version="2022-12-12").body
        return str(shown["properties"]["idScope"])

    @contextmanager
    def world(self) -> Iterator[World]:
        """The world inside one transaction."""
        with self.arm.world() as world:
            yield world

    def upload(self, name: str, certificate: x509.Certificate, *, verified: bool = True) -> None:
        """Puts a certificate into the service, in the place of an older one of that name."""
        path = f"/provisioningServices/{DPS}/certificates/{name}"
        found = self.arm.call("GET", path, version="2022-12-12")
        condition = {"if-match": found.body["etag"]} if found.status == 200 else {}
        body = {"properties": {"certificate": encoded(certificate), "isVerified": verified}}
        assert self.arm.call("PUT", path, body, version="2022-12-12", headers=condition).status == 200

    def delete_certificate(self, name: str) -> None:
        """Takes a certificate out of the service."""
        path = f"/provisioningServices/{DPS}/certificates/{name}"
        assert self.arm.call("DELETE", path, version="2022-12-12", headers={"if-match": "*"}).status == 200

    def signed(self, policy: str = OWNER, resource: str = HOST, lifetime: float = 3600) -> str:
        """An `Authorization` header with that policy's signature."""
        return sign(resource, self.keys[policy], self.arm.clock.now() + lifetime, policy)

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
        chain: Chain = (),
    ) -> Response:
        """The answer to a request, which the service's owner has signed unless `authorization` says otherwise."""
        url = urlsplit(path)
        query = {"api-version": version} | dict(parse_qsl(url.query, keep_blank_values=True))
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = {"content-type": "application/json"} if content else {}
        sent = {"authorization": self.signed() if authorization is None else authorization, **kind, **(headers or {})}
        presented = tuple(each.public_bytes(Encoding.DER) for each in chain)
        return self.azure.handle(Request(method, host, url.path, query, sent, content, chain=presented))

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The body of an answer that has to be a success."""
        answer = self.call(method, path, body, **options)
        assert answer.status < 300, answer
        return answer.body

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str]:
        """Code and message of an answer that has to be a refusal."""
        answer = self.call(method, path, body, **options)
        code, message = refusal_of(answer)
        assert answer.headers["x-ms-error-code"] == str(code)
        return code, message

    def enroll(self, body: JSON, etag: str | None = None, *, version: str = VERSION) -> JSON:
        """Writes a group or an individual enrollment, and returns it as the answer shows it."""
        group = body.get("enrollmentGroupId")
        path = f"/enrollments/{body['registrationId']}" if group is None else f"/enrollmentGroups/{group}"
        shown = self.ok("PUT", path, body, headers={} if etag is None else {"if-match": etag}, version=version)
        assert isinstance(shown, dict)
        return shown

    def register(self, registration_id: str, chain: Chain, *, version: str = VERSION, scope: str = "", **body: Any) -> Response:
        """What a device is told that registers over HTTPS."""
        path = f"/{scope or self.scope}/registrations/{registration_id}/register"
        sent = {"registrationId": registration_id, **body}
        return self.call("PUT", path, sent, authorization="", version=version, host=GLOBAL, chain=chain)

    def poll(self, registration_id: str, operation: str, chain: Chain, *, version: str = VERSION) -> Response:
        """What a device is told that asks how its registration goes."""
        path = f"/{self.scope}/registrations/{registration_id}/operations/{operation}"
        return self.call("GET", path, authorization="", version=version, host=GLOBAL, chain=chain)

    def provision(self, registration_id: str, chain: Chain, *, version: str = VERSION, **body: Any) -> JSON:
        """The outcome of a registration that is not refused, once it is over."""
        begun = self.register(registration_id, chain, version=version, **body)
        assert begun.status == 202, begun
        self.arm.clock.advance(self.arm.timings.operation)
        over = self.poll(registration_id, begun.body["operationId"], chain, version=version)
        assert over.status == 200, over
        assert isinstance(over.body, dict)
        return over.body

    def assigned(self, registration_id: str, chain: Chain) -> str:
        """The name of the hub that a device is assigned to."""
        outcome = self.provision(registration_id, chain)
        assert outcome["status"] == "assigned", outcome
        return str(outcome["registrationState"]["assignedHub"]).removesuffix(".azure-devices.net")

    def identity(self, hub: str, device: str) -> JSON | None:
        """A device's identity in a hub."""
        with self.world() as world:
            found = load_hub(world, hub)
            return None if found is None else find_device(world, found, device)

    def connect(
        self,
        registration_id: str,
        chain: Chain,
        *,
        scope: str = "",
        host: str = GLOBAL,
        username: str | None = None,
        client_id: str | None = None,
        password: str = "",
    ) -> JSON:
        """The session of a device that is accepted over MQTT, as the SDK connects."""
        sdk = "api-version=2019-03-31&ClientVersion=azure-iot-device-provisioning-py%2F2.14.0"
        name = f"{scope or self.scope}/registrations/{registration_id}/{sdk}" if username is None else username
        presented = tuple(each.public_bytes(Encoding.DER) for each in chain)
        packet = Connect(host, registration_id if client_id is None else client_id, name, password, presented, False, 60)
        request = Request("CONNECT", host, packet.client_id)
        return self.azure.mqtt(request, lambda endpoint, world: endpoint.connect(world, packet))

    def subscribe(self, session: JSON, topic_filter: str) -> bool:
        """Whether the filter is granted."""
        request = Request("SUBSCRIBE", GLOBAL, topic_filter)
        return self.azure.mqtt(request, lambda endpoint, world: endpoint.subscribe(world, session, topic_filter, 1))

    def publish(self, session: JSON, topic: str, payload: bytes = b" ") -> list[Publication]:
        """What is answered to a message."""
        request = Request("PUBLISH", GLOBAL, topic, body=payload)
        return list(self.azure.mqtt(request, lambda endpoint, world: endpoint.publish(world, session, topic, payload)))


def refusal_of(answer: Response) -> tuple[int, str]:
    """Code and message of a refusal, in the shape that all of them have."""
    assert answer.status >= 400, answer
    assert set(answer.body) == {"errorCode", "trackingId", "message", "timestampUtc"}
    assert answer.body["errorCode"] // 1000 == answer.status
    return answer.body["errorCode"], answer.body["message"]


def signature_key(text: str) -> bytes:
    """The bytes of a key that is shown in base64."""
    return base64.b64decode(text, validate=True)


MakeLab = Callable[..., Lab]
