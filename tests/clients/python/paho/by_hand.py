"""MQTT by hand, with `paho-mqtt`: the topics of DPS and of a hub as Microsoft documents them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import time
import urllib.parse
import urllib.request
from queue import Queue
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from tests.clients.python.saying import GROUND, attempt, wish

CLIENT = "paho-mqtt"
SECONDS = 20.0
HUB = GROUND["hub"]["host"]


class Conversation:
    """A connection, and what arrives on it."""

    def __init__(self, host: str, name: str, user: str, credential: str, *, websockets: bool = False) -> None:
        self.arrived: Queue[MQTTMessage] = Queue()
        self._done: Queue[Any] = Queue()
        transport: Any = "websockets" if websockets else "tcp"
        self._client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTv311, transport=transport)
        context = ssl.create_default_context(cafile=GROUND["authority"])
        context.load_cert_chain(credential)
        self._client.tls_set_context(context)
        self._client.username_pw_set(user)
        if websockets:
            self._client.ws_set_options("/$iothub/websocket")
        self._client.on_connect = lambda _client, _data, _flags, reason, _properties: self._done.put(reason)
        self._client.on_subscribe = lambda _client, _data, _mid, reasons, _properties: self._done.put(reasons[0])
        self._client.on_publish = lambda _client, _data, _mid, reason, _properties: self._done.put(reason)
        self._client.on_message = lambda _client, _data, message: self.arrived.put(message)
        self._client.connect(host, 443 if websockets else 8883)
        self._client.loop_start()
        reason = self._done.get(timeout=SECONDS)
        assert not reason.is_failure, reason

    def subscribe(self, topic: str) -> None:
        """Returns when the server has granted it."""
        self._client.subscribe(topic, qos=1)
        granted = self._done.get(timeout=SECONDS)
        assert not granted.is_failure, granted

    def publish(self, topic: str, body: Any = "") -> None:
        """Returns when the server has acknowledged it."""
        self._client.publish(topic, body if isinstance(body, str) else json.dumps(body), qos=1)
        self._done.get(timeout=SECONDS)

    def hear(self) -> tuple[str, Any]:
        """The next message: its topic and its JSON, None if it is empty."""
        message = self.arrived.get(timeout=SECONDS)
        return message.topic, json.loads(message.payload) if message.payload else None

    def close(self) -> None:
        """Ends it."""
        self._client.disconnect()
        self._client.loop_stop()


def main() -> None:
    """Both ways, each with a device of its own."""
    for (name, credential), websockets in zip(GROUND["devices"].items(), (False, True), strict=True):
        with attempt("register over WebSockets" if websockets else "register over MQTT", CLIENT):
            register(name, credential["bundle"], websockets)
        with attempt("connect", CLIENT):
            user = f"{HUB}/{name}/?api-version=2021-04-12"
            hub = Conversation(HUB, name, user, credential["bundle"], websockets=websockets)
            use(hub, name)
            hub.close()


def register(name: str, credential: str, websockets: bool) -> None:
    """Registers, and waits until the device is assigned."""
    user = f"{GROUND['dps']['scope']}/registrations/{name}/api-version=2019-03-31"
    dps = Conversation(GROUND["dps"]["global"], name, user, credential, websockets=websockets)
    dps.subscribe("$dps/registrations/res/#")
    dps.publish("$dps/registrations/PUT/iotdps-register/?$rid=1", {"registrationId": name})
    topic, answer = dps.hear()
    assert topic.startswith("$dps/registrations/res/202/?$rid=1&retry-after="), topic
    while answer["status"] == "assigning":
        time.sleep(float(topic.rpartition("=")[2]))
        dps.publish(f"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={answer['operationId']}")
        topic, answer = dps.hear()
    assert (answer["status"], answer["registrationState"]["assignedHub"]) == ("assigned", HUB), answer
    dps.close()


def use(hub: Conversation, name: str) -> None:
    """All that the device and the hub do with each other."""
    with attempt("telemetry", CLIENT):
        hub.publish(f"devices/{name}/messages/events/$.ct=application%2Fjson&colour=red", {"temperature": 21})
    with attempt("twin read", CLIENT):
        hub.subscribe("$iothub/twin/res/#")
        hub.publish("$iothub/twin/GET/?$rid=1")
        topic, twin = hub.hear()
        assert (topic, twin["desired"]) == ("$iothub/twin/res/200/?$rid=1", {"$version": 1}), topic
    with attempt("twin reported", CLIENT):
        hub.publish("$iothub/twin/PATCH/properties/reported/?$rid=2", {"battery": 55})
        topic, _ = hub.hear()
        assert topic == "$iothub/twin/res/204/?$rid=2&$version=2", topic
    with attempt("twin desired", CLIENT):
        hub.subscribe("$iothub/twin/PATCH/properties/desired/#")
        ask("PATCH", f"/twins/{name}", {"properties": {"desired": {"interval": 60}}})
        assert hub.hear() == ("$iothub/twin/PATCH/properties/desired/?$version=2", {"interval": 60, "$version": 2})
    with attempt("direct method", CLIENT):
        hub.subscribe("$iothub/methods/POST/#")
        answered: Queue[Any] = Queue()
        call = {"methodName": "reboot", "payload": {"in": 3}, "responseTimeoutInSeconds": 10}
        threaded(lambda: answered.put(ask("POST", f"/twins/{name}/methods", call)))
        topic, payload = hub.hear()
        assert (topic.startswith("$iothub/methods/POST/reboot/?$rid="), payload) == (True, {"in": 3}), topic
        hub.publish(f"$iothub/methods/res/207/?$rid={topic.rpartition('=')[2]}", {"had": payload})
        assert answered.get(timeout=SECONDS) == {"status": 207, "payload": {"had": {"in": 3}}}
    with attempt("cloud-to-device", CLIENT):
        hub.subscribe(f"devices/{name}/messages/devicebound/#")
        wish(name)
        message = hub.arrived.get(timeout=SECONDS)
        assert (message.topic.startswith(f"devices/{name}/messages/devicebound/"), message.payload) == (True, b"hello")


def threaded(work: Any) -> None:
    """Does it beside this."""
    from threading import Thread

    Thread(target=work, daemon=True).start()


def ask(method: str, path: str, body: Any) -> Any:
    """What the hub answers to its owner."""
    parts = dict(part.split("=", 1) for part in GROUND["hub"]["connection"].split(";"))
    resource, expiry = urllib.parse.quote(HUB, safe=""), int(time.time()) + 300
    key = base64.b64decode(parts["SharedAccessKey"])
    signature = base64.b64encode(hmac.new(key, f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()).decode()
    token = f"SharedAccessSignature sr={resource}&sig={urllib.parse.quote(signature, safe='')}&se={expiry}"
    headers = {"Authorization": f"{token}&skn={parts['SharedAccessKeyName']}", "Content-Type": "application/json"}
    url = f"https://{HUB}{path}?api-version=2021-04-12"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
    context = ssl.create_default_context(cafile=GROUND["authority"])
    with urllib.request.urlopen(request, context=context, timeout=SECONDS) as answer:  # noqa: S310
        return json.load(answer)


if __name__ == "__main__":
    main()
