"""What becomes of each of many devices: one that fails for a reason of its own does not stop the others."""

from __future__ import annotations

from dpsops.errors import Error, ends_command
from dpsops.model.action import Failed
from dpsops.pki.names import DeviceId


def failed(device: DeviceId, error: Error) -> Failed:
    """What to tell of a device that an error befell. Raises the error where it would befall every other device too."""
    if ends_command(error):
        raise error
    return Failed(device, error.message)
