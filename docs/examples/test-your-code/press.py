"""A press: it registers in DPS, and tells its hub how warm it is."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import socks
from azure.iot.device import X509, IoTHubDeviceClient, Message, ProvisioningDeviceClient, ProxyOptions

DPS = "global.azure-devices-provisioning.net"


def network() -> dict[str, Any]:
    """The company's proxy and CA, if there are any: Microsoft's device SDK reads no environment variable itself."""
    options: dict[str, Any] = {}
    if proxy := os.environ.get("HTTPS_PROXY"):
        options["proxy_options"] = ProxyOptions(socks.HTTP, urlsplit(proxy).hostname, urlsplit(proxy).port)
    if trust := os.environ.get("SSL_CERT_FILE"):
        with open(trust, encoding="ascii") as file:
            options["server_verification_cert"] = file.read()
    return options


def report_temperature(bundle: str, name: str, id_scope: str, celsius: float) -> str:
    """Registers the press, sends one message, and returns its hub. `bundle`: the file with its key, certificate and chain."""
    certificate = X509(bundle, bundle)
    dps = ProvisioningDeviceClient.create_from_x509_certificate(DPS, name, id_scope, certificate, **network())
    registration = dps.register()
    if registration.status != "assigned":
        raise RuntimeError(f"DPS says {registration.status}")
    hub = registration.registration_state.assigned_hub
    client = IoTHubDeviceClient.create_from_x509_certificate(certificate, hub, name, **network())
    message = Message(f'{{"celsius": {celsius}}}', content_encoding="utf-8", content_type="application/json")
    message.custom_properties["alert"] = str(celsius > 90).lower()
    try:
        client.send_message(message)
    finally:
        client.shutdown()
    return str(hub)
