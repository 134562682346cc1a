"""The date functions, and how .NET writes a time down.

Sources: "Date functions for ARM templates" of the Resource Manager documentation; "Standard" and "Custom date and time format
strings" of the .NET documentation; RFC 3339 and XML Schema (`xs:duration`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dpsops.emulator.arm.template.function import INT, TEXT, Function

_STANDARD = {
    "d": "MM/dd/yyyy",
    "o": "yyyy-MM-ddTHH:mm:ss.'0000000'Z",
    "O": "yyyy-MM-ddTHH:mm:ss.'0000000'Z",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ssZ",
}
"""The standard formats, in the invariant culture, for a time in UTC of whole seconds."""

_PARTS: dict[str, Callable[[datetime], str]] = {
    "yyyy": lambda time: f"{time.year:04}",
    "yy": lambda time: f"{time.year % 100:02}",
    "MM": lambda time: f"{time.month:02}",
    "M": lambda time: str(time.month),
    "dd": lambda time: f"{time.day:02}",
    "d": lambda time: str(time.day),
    "HH": lambda time: f"{time.hour:02}",
    "H": lambda time: str(time.hour),
    "hh": lambda time: f"{time.hour % 12 or 12:02}",
    "h": lambda time: str(time.hour % 12 or 12),
    "mm": lambda time: f"{time.minute:02}",
    "m": lambda time: str(time.minute),
    "ss": lambda time: f"{time.second:02}",
    "s": lambda time: str(time.second),
    "tt": lambda time: "AM" if time.hour < 12 else "PM",
}
_FORMAT = re.compile(r"(?P<quoted>'[^']*')|(?P<part>([A-Za-z])\3*)|(?P<literal>[^A-Za-z'\"\\%])")
_LITERAL_LETTERS = frozenset("TZ")
"""Letters that stand for themselves; what the others mean, or that they mean nothing, is not known here."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.0{1,7})?(Z|[+-]\d\d:\d\d)")
_DURATION = re.compile(
    r"(?P<sign>-?)P(?!$)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<days>\d+)D)?"
    r"(?:T(?!$)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_DEFAULT = "yyyy-MM-ddTHH:mm:ssZ"


def write_time(time: datetime, pattern: str) -> str:
    """A time in UTC, of whole seconds, by a standard or custom format of .NET's. Raises `ValueError` for other formats."""
    pattern = _STANDARD.get(pattern, pattern)
    if len(pattern) < 2:
        raise ValueError(f"the format of a time '{pattern}' is not known here")
    written, at = "", 0
    while at < len(pattern):
        match = _FORMAT.match(pattern, at)
        if match is None:
            raise ValueError(f"the format of a time '{pattern}' is not known here")
        if match["quoted"]:
            written += match["quoted"][1:-1]
        elif match["literal"] or match["part"] in _LITERAL_LETTERS:
            written += match[0]
        elif match["part"] in _PARTS:
            written += _PARTS[match["part"]](time)
        else:
            raise ValueError(f"the part '{match['part']}' in the format of a time is not known here")
        at = match.end()
    return written


def _read_time(value: str) -> datetime:
    """A time of whole seconds that says its offset, as `utcNow('o')` writes it too (recorded); a stricter guess: .NET reads many
    others."""
    match = _TIME.fullmatch(value)
    if match is None:
        raise ValueError(f"'{value}' is no time of ISO 8601 with whole seconds and an offset; others are not known here")
    return datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3]}")


def _add(base: str, duration: str, pattern: str = _DEFAULT) -> str:
    """A year has 365 days and a month 30. What becomes of an offset other than `Z` is not known: refused."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"'{duration}' is no duration of ISO 8601 in whole numbers")
    if not base.endswith("Z"):
        raise ValueError(f"what becomes of the offset of '{base}' is not known here")
    parts = {name: int(match[name] or 0) for name in ("years", "months", "days", "hours", "minutes", "seconds")}
    days = parts["years"] * 365 + parts["months"] * 30 + parts["days"]
    change = timedelta(days=days, hours=parts["hours"], minutes=parts["minutes"], seconds=parts["seconds"])
    return write_time(_read_time(base) + (-change if match["sign"] else change), pattern)


def _from_epoch(seconds: int) -> str:
    return write_time(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), _DEFAULT)


def _to_epoch(value: str) -> int:
    return int(_read_time(value).timestamp())


DATE_FUNCTIONS = (
    Function("dateTimeAdd", _add, (TEXT, TEXT, TEXT), 1),
    Function("dateTimeFromEpoch", _from_epoch, (INT,)),
    Function("dateTimeToEpoch", _to_epoch, (TEXT,)),
)
