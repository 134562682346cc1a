"""`azure-iot-device`, over MQTT and over WebSockets; `azure-iot-hub` is what calls its methods and changes its twin."""

from __future__ import annotations

from pathlib import Path
from queue import Queue
from typing import Any

import azure.iot.device
import socks
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, Twin, TwinProperties

from tests.clients.python.saying import GROUND, attempt, wish

SDK: Any = azure.iot.device  # it has no annotations
HUB = "azure-iot-hub"
SECONDS = 20.0


def main() -> None:
    """Both ways, each with a device of its own."""
    registry = IoTHubRegistryManager.from_connection_string(GROUND["hub"]["connection"])
    for (name, credential), websockets in zip(GROUND["devices"].items(), (False, True), strict=True):
        client = "azure-iot-device over WebSockets" if websockets else "azure-iot-device"
        proxy = SDK.ProxyOptions(socks.HTTP, GROUND["proxy"]["host"], GROUND["proxy"]["port"])
        trust = Path(GROUND["authority"]).read_text()
        here = {"proxy_options": proxy, "server_verification_cert": trust, "websockets": websockets}
        certificate = SDK.X509(credential["bundle"], credential["bundle"])
        host = GROUND["hub"]["host"]
        with attempt("register over WebSockets" if websockets else "register over MQTT", client):
            dps = SDK.ProvisioningDeviceClient.create_from_x509_certificate(
                GROUND["dps"]["global"], name, GROUND["dps"]["scope"], certificate, **here
            )
            result = dps.register()
            assert result.status == "assigned", result
            host = result.registration_state.assigned_hub
        device = SDK.IoTHubDeviceClient.create_from_x509_certificate(certificate, host, name, **here)
        try:
            use(device, name, client, registry)
        finally:
            device.shutdown()


def use(device: Any, name: str, client: str, registry: Any) -> None:
    """All that the device and the hub do with each other."""
    desired: Queue[Any] = Queue()
    messages: Queue[Any] = Queue()

    def answer(asked: Any) -> None:
        device.send_method_response(SDK.MethodResponse.create_from_method_request(asked, 207, {"had": asked.payload}))

    with attempt("connect", client):
        device.connect()
    with attempt("telemetry", client):
        device.send_message(SDK.Message('{"temperature": 21}', content_encoding="utf-8", content_type="application/json"))
    with attempt("twin read", client):
        assert "$version" in device.get_twin()["desired"]
    with attempt("twin reported", client):
        device.patch_twin_reported_properties({"battery": 55})
        assert device.get_twin()["reported"]["battery"] == 55
    with attempt("twin desired", client, HUB):
        device.on_twin_desired_properties_patch_received = desired.put
        device.get_twin()  # answered after the subscription
        registry.update_twin(name, Twin(properties=TwinProperties(desired={"interval": 60})), "*")
        assert desired.get(timeout=SECONDS)["interval"] == 60
    with attempt("direct method", client, HUB):
        device.on_method_request_received = answer
        device.get_twin()
        asked = CloudToDeviceMethod(method_name="reboot", payload={"in": 3}, response_timeout_in_seconds=10)
        answered = registry.invoke_device_method(name, asked)
        assert (answered.status, answered.payload) == (207, {"had": {"in": 3}}), answered
    with attempt("cloud-to-device", client):
        device.on_message_received = messages.put
        device.get_twin()
        wish(name)
        assert messages.get(timeout=SECONDS).data == b"hello"


if __name__ == "__main__":
    main()
