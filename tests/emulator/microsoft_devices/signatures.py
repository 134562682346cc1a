"""Shared access signatures, made as the SDKs make them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote


def sign(resource: str, key: str, expiry: float, policy: str = "") -> str:
    """A signature for a resource with a key (base64), valid until `expiry` (epoch s)."""
    signed = f"{quote(resource, safe='')}\n{int(expiry)}"
    value = base64.b64encode(hmac.digest(base64.b64decode(key), signed.encode(), hashlib.sha256)).decode()
    text = f"SharedAccessSignature sr={quote(resource, safe='')}&sig={quote(value, safe='')}&se={int(expiry)}"
    return text + (f"&skn={policy}" if policy else "")
