"""What services answer, as typed values: each function raises `ValueError` or `TypeError` for anything else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Shape(BaseModel):
    """A part of a JSON answer: members that it does not name may be there too."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True, strict=True)


def tags(value: object) -> dict[str, str]:
    """The tags of an object, none where it has none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        raise TypeError("tags that are no texts")
    return dict(value)


def moment(value: object) -> datetime | None:
    """A moment, None where there is none."""
    if value is not None and not isinstance(value, datetime):
        raise TypeError("a date that is none")
    return value


def certificate(der: Any) -> x509.Certificate:
    """A certificate whose parts can all be read, out of its DER."""
    return _readable(x509.load_der_x509_certificate(bytes(der or b"")))


def certificates(pem: str) -> list[x509.Certificate]:
    """One certificate or more, in their order, out of PEM."""
    return [_readable(each) for each in x509.load_pem_x509_certificates(pem.encode())]


def _readable(found: x509.Certificate) -> x509.Certificate:
    """cryptography reads these parts only when they are asked for, and raises then."""
    _ = found.extensions, found.subject, found.issuer, found.not_valid_before_utc, found.not_valid_after_utc
    found.public_key()
    return found
