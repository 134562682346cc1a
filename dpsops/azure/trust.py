"""The CA certificates that are trusted: those that the other clients trust, too."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH

_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where `requests`, over which the SDKs send, finds CA certificates. Source: Requests, "SSL Cert Verification"."""


def trusted(variables: Mapping[str, str]) -> ssl.SSLContext:
    """The settings of TLS: the CA certificates of a file or a directory that a variable names, else Mozilla's."""
    place = next((found for name in _VARIABLES if (found := variables.get(name))), DEFAULT_CA_BUNDLE_PATH)
    if Path(place).is_dir():
        return ssl.create_default_context(capath=place)
    return ssl.create_default_context(cafile=place)
