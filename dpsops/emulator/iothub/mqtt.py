"""The MQTT end of hubs: connecting devices, their messages, and their twins.

Where another API would answer with an error MQTT has no words, and the hub closes the connection: for a topic that it does
not know or that is another device's, a subscription that it does not grant, a message too large or above a rate, and for a
device that has been disabled, deleted, or has connected again elsewhere.
Source: "Communicate with an IoT hub using the MQTT protocol".
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import quote, unquote

from dpsops.emulator.documents import JSON, parse_json
from dpsops.emulator.iothub import credentials, devicebound, limits, messages, methods, twins
from dpsops.emulator.iothub.access import is_open, reachable_hub
from dpsops.emulator.iothub.authentication import NotAuthenticated, Username, authenticate
from dpsops.emulator.iothub.devices import find_device, keep_message, save_device, why_not_enabled
from dpsops.emulator.iothub.state import DEVICE_HOST, hub_name
from dpsops.emulator.iothub.telemetry import MAX_SIZE, InvalidProperties, new_message, size_of
from dpsops.emulator.iothub.twins import InvalidTwin
from dpsops.emulator.mqtt_endpoint import WEBSOCKET, Connect, ConnectionRefused, Endpoint, ProtocolViolation
from dpsops.emulator.post import Publication
from dpsops.emulator.world import World

_IDENTIFIER_REJECTED, _SERVER_UNAVAILABLE, _BAD_USERNAME, _NOT_AUTHORIZED = 2, 3, 4, 5  # MQTT 3.1.1, 3.2.2.3
_TWIN_GET = re.compile(r"\$iothub/twin/GET/\?\$rid=(?P<rid>[^&]+)")
_TWIN_PATCH = re.compile(r"\$iothub/twin/PATCH/properties/reported/\?\$rid=(?P<rid>[^&]+)(&\$version=(?P<version>\d{1,10}))?")
_METHOD_ANSWER = re.compile(r"\$iothub/methods/res/(?P<status>-?\d{1,10})/\?\$rid=(?P<rid>[^&]+)")
_FILTERS = ("$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#", methods.FILTER)


class HubEndpoint:
    """All hubs. A session: {"hub", "device", "generation", "connection", "expiry" (epoch s, or null), "method", "version"}."""

    host = DEVICE_HOST
    websockets = (WEBSOCKET,)

    def connect(self, world: World, connect: Connect) -> JSON:
        """Accepts the devices that exist, are enabled, and authenticate; refuses all others with 5, without a reason.

        That a user name without host, device and API version is refused with 4, and a client identifier that is not
        the device's with 2, is a guess.
        """
        username = Username.parse(connect.username)
        if username is None:
            raise ConnectionRefused(
                _BAD_USERNAME, "the user name is not HOST/DEVICE/?api-version=VERSION, with a version of the hub's"
            )
        if connect.client_id != username.device:
            raise ConnectionRefused(_IDENTIFIER_REJECTED, "the client identifier is not the device ID of the user name")
        hub = reachable_hub(world, hub_name(connect.host))
        if hub is None or username.host != connect.host:
            raise ConnectionRefused(_NOT_AUTHORIZED, "the host of the user name is another than that of the connection")
        if not is_open(world, hub):
            raise ConnectionRefused(_NOT_AUTHORIZED, "the hub's network rules keep the client out")
        if not limits.take(world, hub, limits.CONNECTIONS):
            raise ConnectionRefused(_SERVER_UNAVAILABLE, "too many connections in a second")
        device = find_device(world, hub, username.device)
        if device is None or device["status"] != "enabled":
            raise ConnectionRefused(_NOT_AUTHORIZED, why_not_enabled(device))
        try:
            authenticated = authenticate(world, hub, device, connect.host, connect.chain, connect.password)
        except NotAuthenticated as refused:
            raise ConnectionRefused(_NOT_AUTHORIZED, str(refused)) from refused
        connection = secrets.token_hex(8)
        resumed = not connect.clean_session and bool(device.get("persistent"))
        filters = device["filters"] if resumed else {}
        device |= {"connection": connection, "connectionUpdated": world.now, "lastActivity": world.now}
        save_device(world, hub, device | {"filters": filters, "persistent": not connect.clean_session})
        return {
            "hub": hub["name"],
            "device": device["deviceId"],
            "generation": device["generationId"],
            "connection": connection,
            "expiry": authenticated.expiry,
            "method": authenticated.method,
            "version": username.version,
        } | ({"granted": filters} if resumed else {})

    def subscribe(self, world: World, session: JSON, topic_filter: str, qos: int) -> bool:
        """Grants the documented filters. Raises `ProtocolViolation` for all others."""
        hub, device = _present(world, session)
        known = (*_FILTERS, devicebound.filter_of(device["deviceId"]))
        if topic_filter not in (known if session["version"] < credentials.SINCE else (*known, credentials.FILTER)):
            raise ProtocolViolation(f"no filter '{topic_filter}'")
        _require_standard(hub)
        device["filters"] = device["filters"] | {topic_filter: qos}
        save_device(world, hub, device)
        _send_waiting(world, hub, device, topic_filter)
        return True

    def unsubscribe(self, world: World, session: JSON, topic_filter: str) -> None:
        """Whatever was sent under the filter before may still come."""
        hub, device = _present(world, session)
        left = {each: qos for each, qos in device["filters"].items() if each != topic_filter}
        save_device(world, hub, device | {"filters": left})

    def publish(self, world: World, session: JSON, topic: str, payload: bytes) -> Sequence[Publication]:
        """Takes a message, or a request about twin or credential, and answers the latter. Raises `ProtocolViolation`."""
        hub, device = _present(world, session)
        answers = self._take(world, session, hub, device, topic, payload)
        credentials.send_due(world, hub, device["deviceId"])
        return answers

    def wake(self, world: World, session: JSON) -> None:
        """A certificate that the device waits for may have been issued; and in a session that goes on more may wait."""
        hub, device = _present(world, session)
        for topic_filter in device["filters"]:
            _send_waiting(world, hub, device, topic_filter)

    def acknowledge(self, world: World, session: JSON, receipt: str) -> None:
        """Completes a cloud-to-device message, unless it is the queue's again."""
        hub, device = _present(world, session)
        with suppress(messages.LockLost):
            messages.complete(world, hub, device, receipt)

    def _take(self, world: World, session: JSON, hub: JSON, device: JSON, topic: str, payload: bytes) -> Sequence[Publication]:
        events = f"devices/{device['deviceId']}/messages/events"
        if topic == events or topic.startswith(f"{events}/"):
            _take_message(world, hub, device, session["method"], topic.removeprefix(events).removeprefix("/"), payload)
            return []
        _require_standard(hub)
        if found := _TWIN_GET.fullmatch(topic):
            return [_answer_twin(world, hub, device, unquote(found["rid"]))]
        if found := _TWIN_PATCH.fullmatch(topic):
            return [_answer_report(world, hub, device, unquote(found["rid"]), found["version"], payload)]
        if found := _METHOD_ANSWER.fullmatch(topic):
            _take_method_answer(world, hub, device, unquote(found["rid"]), int(found["status"]), payload)
            return []
        found = credentials.TOPIC.fullmatch(topic)
        if found and session["version"] >= credentials.SINCE:
            return _issue(world, hub, device, session["method"], found["rid"], payload)
        raise ProtocolViolation(f"no topic '{topic}'")

    def disconnect(self, world: World, session: JSON) -> None:
        """The connection is over. Where the device has another one meanwhile, that one stays."""
        hub = reachable_hub(world, session["hub"])
        device = None if hub is None else find_device(world, hub, session["device"])
        if hub is None or device is None:
            return
        messages.release(world, hub, device, session["connection"])
        if device["connection"] == session["connection"]:
            save_device(world, hub, device | {"connection": None, "connectionUpdated": world.now})
        else:
            devicebound.deliver(world, hub, device)


def _present(world: World, session: JSON) -> tuple[JSON, JSON]:
    """The hub and the device of a session that may go on."""
    hub = reachable_hub(world, session["hub"])
    device = None if hub is None else find_device(world, hub, session["device"])
    if hub is None or device is None or device["generationId"] != session["generation"]:
        raise ProtocolViolation("the device is no more")
    if device["status"] != "enabled" or device["connection"] != session["connection"]:
        raise ProtocolViolation("the device is disabled, or has connected again")
    if session["expiry"] is not None and world.now >= session["expiry"]:
        raise ProtocolViolation("the signature has expired")
    return hub, device


def _send_waiting(world: World, hub: JSON, device: JSON, topic_filter: str) -> None:
    """Sends a device what waits for it under a filter that it has subscribed to."""
    if topic_filter == methods.FILTER:
        methods.send_waiting(world, hub, device)
    elif topic_filter == credentials.FILTER:
        credentials.send_due(world, hub, device["deviceId"], or_wait=True)
    elif topic_filter == devicebound.filter_of(device["deviceId"]):
        devicebound.deliver(world, hub, device)


def _require_standard(hub: JSON) -> None:
    """In the basic tier a device has its messages, and nothing else."""
    if hub["sku"]["tier"] == "Basic":
        raise ProtocolViolation("not in the basic tier")


def _take_message(world: World, hub: JSON, device: JSON, method: str, bag: str, payload: bytes) -> None:
    size = size_of(bag, payload)
    if size > MAX_SIZE:
        raise ProtocolViolation(f"a message of {size} bytes")
    if not limits.take(world, hub, limits.SENDS) or not limits.take_message(world, hub, size):
        raise ProtocolViolation("too many messages")
    try:
        message = new_message(bag, payload, device, method, world.now)
    except InvalidProperties as unreadable:
        raise ProtocolViolation(str(unreadable)) from unreadable
    keep_message(world, hub, device, message)


def _answer_twin(world: World, hub: JSON, device: JSON, rid: str) -> Publication:
    if not limits.take(world, hub, limits.TWIN_READS):
        return _response(429, rid)
    save_device(world, hub, device | {"lastActivity": world.now})
    return _response(200, rid, json.dumps(twins.show_to_device(device["twin"])).encode())


def _answer_report(world: World, hub: JSON, device: JSON, rid: str, version: str | None, payload: bytes) -> Publication:
    """`version`: that of the reported properties which the device has seen, as Microsoft's client for Java says it. That another
    one is refused is a stricter guess."""
    if not limits.take(world, hub, limits.TWIN_UPDATES):
        return _response(429, rid)
    if version is not None and int(version) != device["twin"]["reported"]["version"]:
        return _response(412, rid)
    try:
        twin = twins.report(device["twin"], parse_json(payload), world.now)
    except (ValueError, InvalidTwin):
        return _response(400, rid)
    save_device(world, hub, device | {"twin": twin, "lastActivity": world.now})
    return _response(204, rid, version=twin["reported"]["version"])


def _issue(world: World, hub: JSON, device: JSON, method: str, rid: str | None, payload: bytes) -> list[Publication]:
    """What cannot be answered is passed over; or the connection may end (the write-up has both: `Habits.unheard_requests`)."""
    if rid is not None and credentials.is_heard(device):
        return credentials.ask(world, hub, device, method, unquote(rid), payload)
    if world.habits.unheard_requests == "dropped":
        raise ProtocolViolation("nobody would hear the answer")
    return []


def _take_method_answer(world: World, hub: JSON, device: JSON, rid: str, status: int, payload: bytes) -> None:
    """That an answer which is no JSON, or too large, ends the connection is a stricter guess."""
    try:
        methods.take_answer(world, hub, device, rid, status, payload)
    except (ValueError, methods.Oversized) as wrong:
        raise ProtocolViolation("not the answer of a method") from wrong


def _response(status: int, rid: str, payload: bytes = b"", *, version: int | None = None) -> Publication:
    suffix = "" if version is None else f"&$version={version}"
    return Publication(f"$iothub/twin/res/{status}/?$rid={quote(rid, safe='')}{suffix}", payload)


HUB_ENDPOINT: Endpoint = HubEndpoint()
