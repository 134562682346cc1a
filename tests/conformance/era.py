"""When a recording was made, and what Azure did in those days."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from dpsops.emulator.habits import Habits
from tests.conformance.messages import Recording

_START = 1_750_000_000.0
"""For a recording that does not tell: in 2025, when most of these were made."""


def start(recording: Recording) -> float:
    """When the recording was made."""
    dates = (exchange.response.headers.get("date") for exchange in recording.exchanges)
    return next((parsedate_to_datetime(date).timestamp() for date in dates if date), _START)


def habits(recording: Recording, begun: float) -> Habits:
    """What Azure did when the recording was made."""
    year = datetime.fromtimestamp(begun, UTC).year
    answers = [each.response.json() for each in recording.exchanges]
    missing = {
        found[1]
        for each in answers
        if isinstance(each, dict) and (found := re.search(r"register.* namespace '([^']+)'", json.dumps(each)))
    }
    return Habits(
        hub_defaults_answered=_shows_state(recording),
        polled_below="resource" if year < 2020 else "subscription" if year < 2021 else "location",
        certificate_files=year <= 2020,
        what_if_correlation=year > 2020,
        what_if_defaults="carried" if year > 2020 else "deleted",
        what_if_empty_objects=year > 2021,
        quoted_refusals=year < 2023,
        hashes_as_sent=year <= 2020,
        names_existing_assignment=year >= 2026,
        registration_details=year >= 2019,
        names_stale_versions=year > 2020,
        new_identity_scopes=b'"parentScopes":' in b"".join(each.response.body for each in recording.exchanges),
        vault_defaults_shown=b'"softDeleteRetentionInDays"' in b"".join(each.response.body for each in recording.exchanges),
        unregistered=frozenset(missing),
    )


def _shows_state(recording: Recording) -> bool:
    """Whether a hub's state was in the answer to its PUT."""
    return any(
        each.method == "PUT" and re.fullmatch(r".*/iothubs/[^/]+", each.path, re.IGNORECASE) and b'"state":' in each.response.body
        for each in recording.exchanges
    )
