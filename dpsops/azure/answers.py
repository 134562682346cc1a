"""The services' answers as typed values. Each function raises `ValueError` or `TypeError` for anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from azure.core.paging import ItemPaged
    from azure.core.polling import LROPoller

_Item = TypeVar("_Item")


class Shape(BaseModel):
    """A part of a JSON answer. It may have members that are not named here."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True, strict=True)


class Pages:
    """The pages of one list. A page that comes again would be followed for ever."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def next(self, link: str) -> str:
        """The link to the next page; empty after the last one. Raises `TypeError` if the list had it before."""
        if link in self._seen:
            raise TypeError("a list whose next page is one that came before")
        if link:
            self._seen.add(link)
        return link


def every(listed: ItemPaged[_Item]) -> Iterator[_Item]:
    """Every item of a list of the SDKs, page by page. Raises `TypeError` if a page comes again: the SDKs follow any link."""
    pages, seen = listed.by_page(), Pages()
    for page in pages:
        yield from page
        seen.next(str(getattr(pages, "continuation_token", None) or ""))


def ended(operation: LROPoller[_Item]) -> _Item:
    """The result of an operation that has succeeded. Raises `TypeError` if its end cannot be read: the SDKs' poller takes a
    `TypeError` of its own for no error, and returns what it was answered first."""
    found = operation.result()
    if operation.status().lower() != "succeeded":
        raise TypeError("an operation whose end cannot be read")
    return found


def members(value: Any) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise TypeError("no JSON object")
    return value


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
    return _readable(lambda: [x509.load_der_x509_certificate(bytes(der or b""))])[0]


def certificates(pem: str) -> list[x509.Certificate]:
    """One or more certificates from PEM, in their order."""
    return _readable(lambda: x509.load_pem_x509_certificates(pem.encode()))


_UNREADABLE = (UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)


def _readable(load: Callable[[], list[x509.Certificate]]) -> list[x509.Certificate]:
    """Reads the parts too that `cryptography` parses only on access, so that an invalid one raises here."""
    try:
        found = load()
        for each in found:
            _ = each.extensions, each.subject, each.issuer, each.not_valid_before_utc, each.not_valid_after_utc, each.public_key()
    except _UNREADABLE as cause:
        raise ValueError("a certificate that cannot be read") from cause
    return found
