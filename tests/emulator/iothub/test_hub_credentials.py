"""A device renews its certificate at the hub: every order and every refusal that a public write-up of the hub's tests lists."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.emulator.documents import JSON
from dpsops.emulator.habits import Habits
from dpsops.emulator.iothub.devices import provision, remove
from dpsops.emulator.microsoft_devices.issuance import issue, policy_of
from dpsops.emulator.mqtt_endpoint import ProtocolViolation
from dpsops.emulator.post import Publication
from dpsops.emulator.world import Timings
from tests.emulator.dps.requests import forged, read_issued, request_of, text_of
from tests.emulator.iothub.lab import HOST, LEAF, Issuer, Lab, refusal, self_signed
from tests.emulator.microsoft_devices.control_plane import ControlPlane
from tests.emulator.microsoft_devices.signatures import sign

FILTER = "$iothub/credentials/res/#"
POLICY = policy_of("sub", "plant-1", "plant-ca", "monthly")
SECONDS = 60


@pytest.fixture
def slow() -> Lab:
    """A hub that takes `SECONDS` to issue a certificate, and has a device with a policy."""
    return prepared(Timings(renewal=SECONDS))


def prepared(timings: Timings, habits: Habits | None = None) -> Lab:
    """A hub with the device `d1`, to which certificates are issued."""
    return Lab(arm=ControlPlane(timings=timings, habits=habits or Habits()))


def onboard(lab: Lab, device: str = "d1") -> x509.Certificate:
    """What DPS does with a device that has asked for a certificate; the certificate."""
    hub = lab.hub()
    with lab.world() as world:
        issued = issue(world, POLICY, ec.generate_private_key(ec.SECP256R1()).public_key(), device)
        provision(world, hub, device, "", issued=issued)
    return read_issued([issued.leaf])[0]


def connect(lab: Lab, *chain: x509.Certificate, version: str = "2025-08-01-preview", clean_session: bool = True) -> JSON:
    """The session of `d1`."""
    return lab.connect("d1", *chain, username=f"{HOST}/d1/?api-version={version}", clean_session=clean_session)


def topic(rid: str) -> str:
    """Where a request is published."""
    return f"$iothub/credentials/POST/issueCertificate/?$rid={rid}"


def request(**changes: Any) -> bytes:
    """A request as a device publishes it."""
    body = {"id": "d1", "csr": text_of(request_of("d1"))} | changes
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()


def read(answer: Publication) -> tuple[int, str, JSON]:
    """Status, request ID and body."""
    status, _, rid = answer.topic.removeprefix("$iothub/credentials/res/").partition("/?$rid=")
    return int(status), rid, json.loads(answer.payload)


def ask(lab: Lab, session: JSON, payload: bytes | None = None, rid: str = "r-1") -> tuple[int, str, JSON]:
    """What is answered at once."""
    (answer,) = lab.publish(session, topic(rid), request() if payload is None else payload)
    return read(answer)


def subscribed(lab: Lab) -> tuple[JSON, list[Publication]]:
    """A session of `d1` that has subscribed, and what it is sent."""
    session = connect(lab, onboard(lab))
    heard = lab.listen(session)
    assert lab.subscribe(session, FILTER)
    return session, heard


def test_a_device_is_heard_and_gets_its_certificate() -> None:
    lab = prepared(Timings())
    session, heard = subscribed(lab)
    key = ec.generate_private_key(ec.SECP384R1())
    status, rid, accepted = ask(lab, session, request(csr=text_of(request_of("d1", key))), rid="a%2Fb")
    assert (status, rid) == (202, "a%2Fb")
    assert accepted.keys() == {"correlationId", "operationExpires"}
    assert accepted["operationExpires"] == "2024-05-08T07:07:40.000000000Z"
    ((status, rid, body),) = map(read, heard)
    assert (status, rid) == (200, "a%2Fb")
    assert body.keys() == {"correlationId", "certificates"}
    assert body["correlationId"] == accepted["correlationId"]
    leaf, issuer, root = read_issued(body["certificates"])
    assert leaf.public_key() == key.public_key()
    leaf.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(root)
    assert lab.publish(session, "devices/d1/messages/events/") == []  # the present connection goes on
    assert connect(lab, leaf, issuer, root)["method"] == "x509Certificate"


def test_it_may_renew_one_after_the_other() -> None:
    lab = prepared(Timings())
    session, heard = subscribed(lab)
    for rid in ("1", "2"):
        assert ask(lab, session, rid=rid)[0] == 202
    assert [read(each)[:2] for each in heard] == [(200, "1"), (200, "2")]


def test_a_slow_one_comes_with_whatever_is_next(slow: Lab) -> None:
    session, heard = subscribed(slow)
    assert ask(slow, session)[0] == 202
    slow.arm.clock.advance(SECONDS - 1)
    slow.publish(session, "devices/d1/messages/events/")
    assert heard == []
    slow.arm.clock.advance(1)
    slow.publish(session, "devices/d1/messages/events/")
    slow.publish(session, "devices/d1/messages/events/")
    assert [read(each)[0] for each in heard] == [200]


def test_the_connection_is_looked_after_when_it_is_ready(slow: Lab) -> None:
    session, heard = subscribed(slow)
    seconds: list[float] = []
    slow.azure.exchange.open(session["connection"], heard.append, seconds.append)
    assert ask(slow, session)[0] == 202
    assert seconds == [SECONDS]
    slow.arm.clock.advance(SECONDS - 1)
    slow.azure.mqtt_woken(HOST, session)
    assert (seconds, heard) == ([SECONDS, 1], [])
    slow.arm.clock.advance(1)
    slow.azure.mqtt_woken(HOST, session)
    slow.azure.mqtt_woken(HOST, session)
    assert [read(each)[0] for each in heard] == [200]
    assert seconds == [SECONDS, 1]
    hub = slow.hub()
    with slow.world() as world:
        remove(world, hub, "d1")
    with pytest.raises(ProtocolViolation):
        slow.azure.mqtt_woken(HOST, session)


BAD = [
    (b"", 400_004, "payload is missing. Include"),
    (b'{"id": "d1", "csr":', 400_006, ""),
    (b"\xff", 400_006, ""),
    (b'["not", "an", "object"]', 400_004, "'id' field does not match the authenticated device ID."),
    (b'"d1"', 400_004, "'id' field does not match the authenticated device ID."),
    (request(csr=""), 400_004, "'csr' field is invalid or missing."),
    (request(csr=...), 400_004, "'csr' field is invalid or missing."),
    (request(csr=7), 400_004, "'csr' field is invalid or missing."),
    (request(csr="A" * 10_240), 400_004, "'csr' field exceeds maximum allowed length."),
    (request(csr="not-valid-base64!!@@##"), 400_004, "'csr' field is not valid base64."),
    (request(id="wrong-device"), 400_004, "'id' field does not match the authenticated device ID."),
    (request(id=""), 400_004, "'id' field is invalid or missing."),
    (request(id=...), 400_004, "'id' field is invalid or missing."),
    (request(id=1), 400_004, "'id' field is invalid or missing."),
    (request(unknownField="value"), 400_004, "payload contains an unknown field."),
    *(
        (request(replace=each), 400_004, "'replace' field has an invalid format.")
        for each in ("123", "-abc", "abc-", "a" * 37, "", "a_bc", 7)
    ),
]


@pytest.mark.parametrize(("payload", "code", "words"), BAD)
def test_what_is_wrong_is_refused_at_once(slow: Lab, payload: bytes, code: int, words: str) -> None:
    session, _ = subscribed(slow)
    status, rid, body = ask(slow, session, payload)
    assert (status, rid, body["errorCode"], body["info"]) == (400, "r-1", code, None)
    assert body.keys() == {"errorCode", "message", "trackingId", "timestampUtc", "info"}
    assert body["message"].startswith(f"Issue certificate request {words}" if words else "cannot decode json format")
    assert ask(slow, session)[0] == 202  # nothing was begun


@pytest.mark.parametrize("csr", [b"nothing", forged("d1"), request_of("d2"), request_of("D1")])
def test_a_request_that_does_not_verify_is_refused_later(slow: Lab, csr: bytes) -> None:
    session, heard = subscribed(slow)
    accepted = ask(slow, session, request(csr=text_of(csr)))
    assert (accepted[0], heard) == (202, [])
    slow.arm.clock.advance(SECONDS)
    slow.publish(session, "devices/d1/messages/events/")
    ((status, rid, body),) = map(read, heard)
    assert (status, rid, body["errorCode"]) == (400, "r-1", 400_037)
    assert body["message"].startswith("Unable to complete the certificate request at this time.")
    info = {"credentialError": "400000", "credentialMessage": "CSR did not pass verification"}
    assert body["info"] == info | {"correlationId": accepted[2]["correlationId"]}
    assert ask(slow, session)[0] == 202


def test_one_at_a_time_unless_it_takes_the_place_of_the_other(slow: Lab) -> None:
    session, heard = subscribed(slow)
    first = ask(slow, session, rid="first")[2]
    status, rid, body = ask(slow, session, rid="second")
    assert (status, rid, body["errorCode"]) == (409, "second", 409_004)
    assert body["info"] == {"requestId": "first", **first}
    status, _, body = ask(slow, session, request(replace="other"), rid="third")
    assert (status, body["errorCode"], body["info"]) == (412, 412_001, {"requestId": "other"})
    slow.arm.clock.advance(SECONDS / 2)
    assert ask(slow, session, request(replace="first"), rid="fourth")[0] == 202
    assert ask(slow, session, request(replace="*"), rid="fifth")[0] == 202
    slow.arm.clock.advance(SECONDS / 2)
    slow.publish(session, "devices/d1/messages/events/")
    assert heard == []  # those whose place was taken get no answer
    slow.arm.clock.advance(SECONDS / 2)
    slow.publish(session, "devices/d1/messages/events/")
    assert [read(each)[:2] for each in heard] == [(200, "fifth")]


def test_nothing_to_replace(slow: Lab) -> None:
    session, _ = subscribed(slow)
    status, _, body = ask(slow, session, request(replace="db8c0f73-ac73-4b90-bba4-8a26ae2fcb27"))
    assert (status, body["errorCode"]) == (412, 412_001)
    assert body["info"] == {"requestId": "db8c0f73-ac73-4b90-bba4-8a26ae2fcb27"}
    assert ask(slow, session, request(replace="*"), rid="first")[0] == 202
    slow.arm.clock.advance(12 * 3600)  # the first one has expired
    assert ask(slow, session, request(replace="first"), rid="r-2")[0] == 412
    assert ask(slow, session, rid="r-3")[0] == 202


def test_without_an_id_or_a_subscription_there_is_no_answer_and_nothing_is_begun(slow: Lab) -> None:
    session = connect(slow, onboard(slow))
    heard = slow.listen(session)
    assert slow.publish(session, topic("r-1"), request()) == []
    assert slow.subscribe(session, FILTER)
    assert slow.publish(session, "$iothub/credentials/POST/issueCertificate/", request()) == []
    slow.arm.clock.advance(SECONDS)
    slow.publish(session, "devices/d1/messages/events/")
    assert heard == []
    assert ask(slow, session)[0] == 202


def test_or_the_connection_ends() -> None:
    lab = prepared(Timings(), Habits(unheard_requests="dropped"))
    session = connect(lab, onboard(lab))
    with pytest.raises(ProtocolViolation):
        lab.publish(session, topic("r-1"), request())
    lab.subscribe(session, FILTER)
    with pytest.raises(ProtocolViolation):
        lab.publish(session, "$iothub/credentials/POST/issueCertificate/", request())
    assert ask(lab, session)[0] == 202


def test_it_waits_until_the_device_has_subscribed_again(slow: Lab) -> None:
    session, heard = subscribed(slow)
    accepted = ask(slow, session)[2]
    slow.unsubscribe(session, FILTER)
    slow.arm.clock.advance(SECONDS)
    slow.publish(session, "devices/d1/messages/events/")
    assert heard == []
    assert slow.subscribe(session, FILTER)
    assert [read(each)[2]["correlationId"] for each in heard] == [accepted["correlationId"]]


def test_it_waits_for_another_connection_and_no_longer_than_it_is_valid(slow: Lab) -> None:
    certificate = onboard(slow)
    for late in (False, True):
        session = connect(slow, certificate)
        slow.subscribe(session, FILTER)
        assert ask(slow, session)[0] == 202
        slow.disconnect(session)
        slow.arm.clock.advance(12 * 3600 if late else SECONDS)
        session = connect(slow, certificate)
        heard = slow.listen(session)
        slow.publish(session, "devices/d1/messages/events/")
        assert heard == []
        slow.subscribe(session, FILTER)
        assert [read(each)[0] for each in heard] == ([] if late else [200])


def test_in_a_session_that_goes_on_it_comes_without_a_subscription(slow: Lab) -> None:
    certificate = onboard(slow)
    session = connect(slow, certificate, clean_session=False)
    slow.subscribe(session, FILTER)
    assert ask(slow, session)[0] == 202
    slow.disconnect(session)
    slow.arm.clock.advance(SECONDS)
    session = connect(slow, certificate, clean_session=False)
    heard = slow.listen(session)
    slow.azure.mqtt_woken(HOST, session)  # as a server does it at the beginning of each connection
    assert [read(each)[0] for each in heard] == [200]


@pytest.mark.parametrize("version", ["2021-04-12", "2020-09-30"])
def test_an_older_version_has_no_such_topics(slow: Lab, version: str) -> None:
    certificate = onboard(slow)
    with pytest.raises(ProtocolViolation):
        slow.subscribe(connect(slow, certificate, version=version), FILTER)
    with pytest.raises(ProtocolViolation):
        slow.publish(connect(slow, certificate, version=version), topic("r-1"), request())


def test_a_device_without_a_policy_gets_none(slow: Lab) -> None:
    self_signed(slow, LEAF)
    session = connect(slow, LEAF)
    slow.subscribe(session, FILTER)
    status, _, body = ask(slow, session)
    assert (status, body["errorCode"]) == (400, 400_040)


def test_a_device_that_loses_its_policy_meanwhile_gets_none(slow: Lab) -> None:
    session, heard = subscribed(slow)
    ask(slow, session)
    hub = slow.hub()
    with slow.world() as world:
        provision(world, hub, "d1", "AB" * 32)
    slow.arm.clock.advance(SECONDS)
    slow.publish(session, "devices/d1/messages/events/")
    assert read(heard[0])[2]["errorCode"] == 400_037


def test_the_basic_tier_has_none() -> None:
    lab = Lab(sku="B1")
    with pytest.raises(ProtocolViolation):
        lab.subscribe(connect(lab, onboard(lab)), FILTER)


def test_a_device_that_is_deleted_has_asked_for_nothing(slow: Lab) -> None:
    session, _ = subscribed(slow)
    ask(slow, session)
    slow.disconnect(session)
    hub = slow.hub()
    with slow.world() as world:
        remove(world, hub, "d1")
    session, heard = subscribed(slow)
    slow.arm.clock.advance(SECONDS)
    slow.publish(session, "devices/d1/messages/events/")
    assert heard == []


def test_the_hub_accepts_what_the_policy_s_own_ca_has_issued_to_this_device() -> None:
    lab = prepared(Timings())
    first, second = onboard(lab), onboard(lab)
    other = onboard(lab, "d2")
    assert connect(lab, first)
    assert connect(lab, second)
    assert refusal(lambda: connect(lab, other)) == 5
    assert refusal(lambda: connect(lab, Issuer.make().leaf("d1"))) == 5
    with lab.world() as world:
        elsewhere = issue(world, policy_of("sub", "plant-1", "plant-ca", "weekly"), first.public_key(), "d1")  # type: ignore[arg-type]
    chain = read_issued([elsewhere.leaf, elsewhere.issuer, elsewhere.root])
    assert refusal(lambda: connect(lab, *chain)) == 5
    lab.arm.clock.advance(31 * 86_400)
    assert refusal(lambda: connect(lab, first)) == 5


def test_or_the_newest_alone() -> None:
    lab = prepared(Timings(), Habits(issued_trust="thumbprint"))
    onboarded = onboard(lab)
    session = connect(lab, onboarded)
    heard = lab.listen(session)
    lab.subscribe(session, FILTER)
    assert ask(lab, session)[0] == 202
    renewed = read_issued(read(heard[0])[2]["certificates"])[0]
    assert lab.publish(session, "devices/d1/messages/events/") == []
    assert refusal(lambda: connect(lab, onboarded)) == 5
    assert connect(lab, renewed)


def test_a_device_that_signs_in_with_a_key_gets_none(slow: Lab) -> None:
    onboard(slow)
    shown = slow.ok("GET", "/devices/d1")
    keys = {name: base64.b64encode(bytes(32)).decode() for name in ("primaryKey", "secondaryKey")}
    changed = shown | {"authentication": {"type": "sas", "symmetricKey": keys}}
    slow.ok("PUT", "/devices/d1", changed, headers={"if-match": "*"})
    password = sign(f"{HOST}/devices/d1", keys["primaryKey"], slow.arm.clock.now() + 60, "")
    session = slow.connect("d1", username=f"{HOST}/d1/?api-version=2025-08-01-preview", password=password)
    slow.subscribe(session, FILTER)
    assert ask(slow, session)[2]["errorCode"] == 400_040
