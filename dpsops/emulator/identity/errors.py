"""The errors of the token endpoint: OAuth 2.0's, with Entra ID's own number (RFC 6749, 5.2; AADSTS...)."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.world import World


def refusal(world: World, error: str, code: int, message: str, status: int = 400) -> Refusal:
    """Refuses with an error of OAuth 2.0, and the number of Entra ID's own."""
    trace, correlation = uuid.uuid4(), uuid.uuid4()
    timestamp = datetime.fromtimestamp(world.now, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    description = f"AADSTS{code}: {message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
    body: JSON = {
        "error": error,
        "error_description": description,
        "error_codes": [code],
        "timestamp": timestamp,
        "trace_id": str(trace),
        "correlation_id": str(correlation),
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return Refusal(Response(status, body))
