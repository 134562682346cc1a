"""The `format`s that Azure's OpenAPI files use, each with the text that says what it means."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from uuid import UUID

from jsonschema import FormatChecker

FORMATS = FormatChecker(formats=())
"""Formats that are checked; one that is not here is not (`int32`, `double` and `password` restrict no JSON value)."""

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


@FORMATS.checks("date-time")
def is_date_time(value: object) -> bool:
    """RFC 3339, section 5.6."""
    return not isinstance(value, str) or _DATE_TIME.fullmatch(value) is not None


@FORMATS.checks("date-time-rfc1123", ValueError)
@FORMATS.checks("date-time-rfc7231", ValueError)
def is_http_date(value: object) -> bool:
    """RFC 7231, section 7.1.1.1: the preferred form, always in GMT."""
    return not isinstance(value, str) or (value.endswith(" GMT") and parsedate_to_datetime(value) is not None)


@FORMATS.checks("unixtime")
def is_unix_time(value: object) -> bool:
    """Whole seconds since 1970, and not milliseconds: before the year 3000."""
    return not isinstance(value, int) or 0 <= value < 32_503_680_000


@FORMATS.checks("byte")
def is_base64(value: object) -> bool:
    """RFC 4648, section 4, padded."""
    return (
        not isinstance(value, str)
        or re.fullmatch(r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", value) is not None
    )


@FORMATS.checks("base64url")
def is_base64url(value: object) -> bool:
    """RFC 4648, section 5, without padding (RFC 7515, appendix C)."""
    return not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9_-]*", value) is not None


@FORMATS.checks("uuid", ValueError)
def is_uuid(value: object) -> bool:
    """RFC 4122, in the form with hyphens."""
    return not isinstance(value, str) or str(UUID(value)) == value.lower()


@FORMATS.checks("uri")
def is_uri(value: object) -> bool:
    """An absolute URI (RFC 3986, section 4.3)."""
    return not isinstance(value, str) or urlsplit(value).scheme != ""


@FORMATS.checks("arm-id")
def is_resource_id(value: object) -> bool:
    """The ID of a resource in Resource Manager."""
    return not isinstance(value, str) or value.startswith("/")


@FORMATS.checks("duration")
def is_duration(value: object) -> bool:
    """ISO 8601, as in RFC 3339, appendix A."""
    return not isinstance(value, str) or _DURATION.fullmatch(value) is not None
