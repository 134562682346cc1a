"""The device API over MQTT. Source: "Communicate with your DPS using the MQTT protocol".

A certificate or a signature is judged when its device registers, and a refusal is an answer with a body. CONNECT is refused,
without a reason, only where user name, client identifier and certificate or signature do not agree, or the ID scope is
unknown. Both were seen.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import parse_qs, unquote

from cryptography import x509

from dpsops.emulator.documents import JSON
from dpsops.emulator.dps.attestation import Proof
from dpsops.emulator.dps.device_registration import API_VERSIONS, Answer, look_up, register
from dpsops.emulator.dps.keys import is_for
from dpsops.emulator.dps.state import DOMAIN, reachable_service, service_of_scope
from dpsops.emulator.http import Refusal
from dpsops.emulator.microsoft_devices.proof import common_name
from dpsops.emulator.mqtt_endpoint import WEBSOCKET, Connect, ConnectionRefused, Endpoint, ProtocolViolation
from dpsops.emulator.post import Publication
from dpsops.emulator.world import World

_SERVER_UNAVAILABLE, _NOT_AUTHORIZED = 3, 5  # MQTT 3.1.1, 3.2.2.3
_GLOBAL = f"global{DOMAIN}"
_USERNAME = re.compile(r"(?P<scope>[^/]+)/registrations/(?P<registration>[^/]+)/(?P<query>.+)")
_FILTER = "$dps/registrations/res/#"
_REGISTER = re.compile(r"\$dps/registrations/PUT/iotdps-register/\?\$rid=(?P<rid>[^&]+)")
_LOOK_UP = re.compile(
    r"\$dps/registrations/GET/iotdps-get-operationstatus/\?\$rid=(?P<rid>[^&]+)&operationId=(?P<operation>[^&]+)"
)


class DpsEndpoint:
    """All services. A session: {"scope", "registration", "version", "chain" (base64 of DER, leaf first), "signature"}."""

    host = re.compile(rf"[a-z0-9-]+{re.escape(DOMAIN)}")
    websockets = (WEBSOCKET, "/mqtt")  # the latter is where Microsoft's client for Java goes

    def connect(self, world: World, connect: Connect) -> JSON:
        """Accepts a client that names a service and has a certificate with its registration ID, or a signature for that as its
        password: this attests nothing yet (observed for both).
        """
        username = _USERNAME.fullmatch(connect.username)
        versions = [] if username is None else parse_qs(username["query"]).get("api-version", [])
        if username is None or len(versions) != 1 or versions[0] not in API_VERSIONS:
            raise ConnectionRefused(
                _NOT_AUTHORIZED, "the user name is not SCOPE/registrations/ID/api-version=VERSION, with a version that is known"
            )
        named = None if connect.host == _GLOBAL else reachable_service(world, connect.host.removesuffix(DOMAIN))
        service = service_of_scope(world, username["scope"])
        if service is None or (connect.host != _GLOBAL and service != named):
            raise ConnectionRefused(_SERVER_UNAVAILABLE, "there is no DPS with the ID scope of the user name at this host")
        registration = username["registration"]
        if connect.chain:
            named_so = _name_of(connect.chain).lower() == registration.lower()
            proof = "the common name of its certificate"
        else:
            named_so = is_for(service, registration, connect.password)
            proof = "what its signature is for"
        if connect.client_id != registration:
            raise ConnectionRefused(_NOT_AUTHORIZED, "the client identifier is not the registration ID of the user name")
        if not named_so:
            raise ConnectionRefused(_NOT_AUTHORIZED, f"{proof} is not the registration ID of the user name")
        return {
            "scope": username["scope"],
            "registration": registration,
            "version": versions[0],
            "chain": [base64.b64encode(each).decode() for each in connect.chain],
            "signature": connect.password,
        }

    def subscribe(self, world: World, session: JSON, topic_filter: str, _qos: int) -> bool:
        """Grants the one filter that answers come under, while there is the service."""
        return topic_filter == _FILTER and service_of_scope(world, session["scope"]) is not None

    def unsubscribe(self, world: World, session: JSON, topic_filter: str) -> None:
        """Nothing is kept of a subscription."""

    def publish(self, world: World, session: JSON, topic: str, payload: bytes) -> Sequence[Publication]:
        """Takes a registration, or a question about one, and answers it. Raises `ProtocolViolation`."""
        scope, registration = session["scope"], session["registration"]
        proof = Proof([base64.b64decode(each) for each in session["chain"]], session["signature"])

        def begin() -> Answer:
            return register(world, scope, registration, proof, payload, version=session["version"])

        def ask(operation: str) -> Answer:
            return look_up(world, scope, registration, operation, proof, version=session["version"])

        if found := _REGISTER.fullmatch(topic):
            return [_answer(world, found["rid"], begin)]
        if found := _LOOK_UP.fullmatch(topic):
            return [_answer(world, found["rid"], partial(ask, unquote(found["operation"])))]
        raise ProtocolViolation(f"no topic '{topic}'")

    def acknowledge(self, world: World, session: JSON, receipt: str) -> None:
        """No answer has a receipt."""

    def wake(self, world: World, session: JSON) -> None:
        """Nothing is sent that was not asked for."""

    def disconnect(self, world: World, session: JSON) -> None:
        """Nothing is kept of a connection."""


def _name_of(chain: Sequence[bytes]) -> str:
    """The common name of the leaf; the empty string where there is none."""
    try:
        return common_name(x509.load_der_x509_certificate(chain[0])) if chain else ""
    except ValueError:
        return ""


def _answer(world: World, rid: str, ask: Callable[[], Answer]) -> Publication:
    """The answer under the request's ID, which goes back as it came; a refusal undoes what was begun."""
    try:
        with world.state.attempt():
            answer = ask()
    except Refusal as refused:
        wait = refused.response.headers.get("Retry-After")
        answer = Answer(refused.response.status, refused.response.body, None if wait is None else int(wait))
    pause = "" if answer.retry_after is None else f"&retry-after={answer.retry_after}"
    return Publication(f"$dps/registrations/res/{answer.status}/?$rid={rid}{pause}", json.dumps(answer.body).encode())


DPS_ENDPOINT: Endpoint = DpsEndpoint()
