"""Times as the services of Azure write them."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 with seven fractional digits, the ticks of .NET."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def duration(seconds: float) -> str:
    """A length of time as ISO 8601: `PT1M2.5S`."""
    minutes, rest = divmod(seconds, 60)
    parts = (f"{minutes:.0f}M" if minutes else "") + (f"{rest:.7f}".rstrip("0").rstrip(".") + "S" if rest else "")
    return f"PT{parts or '0S'}"


def american(seconds: float) -> str:
    """Seconds since the epoch as .NET writes them in some messages: 2/9/2026 5:13:56 PM."""
    time = datetime.fromtimestamp(seconds, UTC)
    return f"{time.month}/{time.day}/{time.year} {time.hour % 12 or 12}:{time:%M:%S} {'AM' if time.hour < 12 else 'PM'}"
