"""Times as Resource Manager writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 with seven fractional digits, the ticks of .NET."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def duration(seconds: float) -> str:
    """A length of time as ISO 8601: `PT1M2.5S`."""
    minutes, rest = divmod(seconds, 60)
    return "PT" + (f"{minutes:.0f}M" if minutes else "") + f"{rest:.7f}".rstrip("0").rstrip(".") + "S"
