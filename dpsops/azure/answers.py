"""The services' answers as typed values. Each function raises `ValueError` or `TypeError` for anything else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Shape(BaseModel):
    """A part of a JSON answer. It may have members that are not named here."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True, strict=True)


def tags(value: object) -> dict[str, str]:
    """The tags of an object; empty if it has none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise TypeError("tags that are not strings")
    return dict(value)


def moment(value: object) -> datetime | None:
    """A date and time, or None if there is none."""
    if value is not None and not isinstance(value, datetime):
        raise TypeError("not a date")
    return value


def certificate(der: Any) -> x509.Certificate:
    """A certificate from its DER. All of its parts can be read."""
    return _readable(x509.load_der_x509_certificate(bytes(der or b"")))


def certificates(pem: str) -> list[x509.Certificate]:
    """One or more certificates from PEM, in their order."""
    return [_readable(each) for each in x509.load_pem_x509_certificates(pem.encode())]


def _readable(found: x509.Certificate) -> x509.Certificate:
    """Reads the parts that `cryptography` parses only on access, so that an invalid one raises here."""
    _ = found.extensions, found.subject, found.issuer, found.not_valid_before_utc, found.not_valid_after_utc
    found.public_key()
    return found
