"""The results for many devices: an error that concerns only one device does not stop the others."""

from __future__ import annotations

from dpsops.errors import Error, ends_command
from dpsops.model.action import Failed
from dpsops.pki.names import DeviceId


def failed(device: DeviceId, error: Error) -> Failed:
    """The result for a device with an error. Raises the error if it would also occur for every other device."""
    if ends_command(error):
        raise error
    return Failed(device, error.line)
