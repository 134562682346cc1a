"""Whether MQTT leads from here to a host, as the device SDK takes it: TCP and TLS to port 8883, through no proxy that only a
variable names."""

from __future__ import annotations

import re
import ssl
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from dpsops.azure.quoting import why
from dpsops.azure.wire import Wire
from dpsops.errors import Error
from dpsops.model.endpoints import MQTT_PORT, Endpoint


def mqtt_endpoint(host: str, wire: Wire) -> Endpoint:
    """Whether a host takes connections for MQTT. Nothing is sent to it."""
    place, proxy = f"{host}:{MQTT_PORT}", urlsplit(wire.proxy)
    trust = ssl.create_default_context(cafile=wire.authority_file or None)
    connection = HTTPSConnection(
        proxy.hostname or host, proxy.port or MQTT_PORT, timeout=wire.waits.connect_seconds, context=trust
    )
    if wire.proxy:
        connection.set_tunnel(host, MQTT_PORT)
    try:
        with wire.waiting.request(place, wire.waits.connect_seconds):
            connection.connect()
    except Error as error:
        return Endpoint("MQTT", place, trouble=error.message)
    except (OSError, HTTPException) as error:
        refused = re.match(r"Tunnel connection failed: (\d{3})\b", str(error))
        return Endpoint("MQTT", place, trouble=f"the proxy answers {refused[1]}" if refused else why(error))
    finally:
        connection.close()
    return Endpoint("MQTT", place)
