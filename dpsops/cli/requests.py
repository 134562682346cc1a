"""The requests of devices that have made their keys themselves (`--csr`), and the certificates that are written beside them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dpsops.cli import files
from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from dpsops.fleet.roster import Roster
    from dpsops.model.device import Requested
    from dpsops.pki.names import DeviceId
    from dpsops.pki.requests import DeviceRequest

_SUFFIXES = (".csr", ".req", ".p10", ".pem", ".der")
_CERTIFICATE = ".crt"


def take(roster: Roster, place: Path, device: str | None) -> None:
    """Puts the device of a request, or of each request in a directory, into the roster; one that gets no certificate is a bad
    row.

    device: whose the one request is; None: the common name says it, or else the name of the file. Raises `InvalidInput` if there
    is no request.
    """
    from dpsops.model.wanted import BadRow, Row, Wanted

    for number, path in enumerate(_paths(place), 1):
        row = Row("", request=str(path))
        try:
            found = _device(_read(path), path, device)
            first = roster.add(number, Wanted(found, request=str(path)))
            if first is not None:
                raise InvalidInput(f"there are two requests for {found}", f"remove one: {roster[found].request} is the other")
        except InvalidInput as error:
            roster.refuse(BadRow(number, row, error.advice))


def _paths(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    found = sorted(path for path in place.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise InvalidInput(f"there is no request in {place}", f"the files of requests end with {' '.join(_SUFFIXES)}")
    yield from found


def _read(path: Path) -> DeviceRequest:
    from dpsops.pki.requests import read_request

    try:
        with path.open("rb") as file:
            data = file.read(1 << 20)
    except OSError as cause:
        raise InvalidInput(f"the request {path} cannot be read: {cause.strerror}", "check the path after --csr") from cause
    return read_request(data, str(path))


def _device(request: DeviceRequest, path: Path, given: str | None) -> DeviceId:
    from dpsops.pki.names import device_id

    found = device_id(given) if given else request.device or device_id(path.stem)
    request.require_for(found, str(path))
    return found


def require_requests(roster: Roster) -> None:
    """Checks the requests that the rows of a file name; the device of one that gets no certificate becomes a bad row."""
    for wanted in roster:
        if wanted.request is None:
            continue
        path = Path(wanted.request)
        try:
            _device(_read(path), path, wanted.device)
        except InvalidInput as error:
            roster.reject(wanted, error.advice)


def requested(roster: Roster, device: DeviceId) -> Requested | None:
    """What a device asks for, or None if it has no request. The file is read again: it may have changed."""
    from dpsops.model.device import Requested

    path = roster[device].request
    if path is None:
        return None
    request = _read(Path(path))
    request.require_for(device, path)
    beside = Path(path).with_suffix(_CERTIFICATE)
    return Requested(request.public_key, partial(_write, beside), _thumbprint(beside))


def _thumbprint(path: Path) -> str:
    from cryptography import x509

    from dpsops.pki import chains

    try:
        return chains.thumbprint(x509.load_pem_x509_certificates(files.read_bytes(path, "certificate", ""))[0])
    except (InvalidInput, ValueError):
        return ""


def _write(path: Path, text: str) -> None:
    """Writes the certificate and its chain, all at once."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        os.replace(name, path)
    except OSError as cause:
        raise InvalidInput(
            f"the certificate {path} cannot be written: {cause.strerror}", "it is in the vault: say the same again"
        ) from cause
