"""Independent checks of certificates: openssl and pkilint share no code with dpsops."""

from __future__ import annotations

import subprocess
import tempfile
from datetime import datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pkilint import loader
from pkilint.pkix import certificate as pkix
from pkilint.pkix import extension, name
from pkilint.validation import ValidationFindingSeverity

OK = "OK"


def openssl(*arguments: str, stdin: str | bytes = b"") -> str:
    """Runs openssl, which must succeed, and returns its stdout."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout.decode()


def shown(certificate: x509.Certificate, *what: str) -> str:
    """What `openssl x509` prints about a certificate."""
    return openssl("x509", "-noout", *what, stdin=certificate.public_bytes(Encoding.PEM))


def extensions(certificate: x509.Certificate) -> dict[str, str]:
    """The extensions as openssl prints them: `{"Basic Constraints: critical": "CA:TRUE, pathlen:0", ...}`."""
    found: dict[str, str] = {}
    title = ""
    for line in shown(certificate, "-text").splitlines():
        if line.startswith(" " * 12 + "X509v3 "):
            title = line.strip().removeprefix("X509v3 ").removesuffix(":").strip()
        elif title and line.startswith(" " * 16):
            found[title] = f"{found.get(title, '')} {line.strip()}".strip()
        else:
            title = ""
    return found


def verdict(
    certificate: x509.Certificate,
    root: x509.Certificate,
    *intermediates: x509.Certificate,
    at: datetime,
    purpose: str = "sslclient",
    strict: bool = True,
) -> str:
    """`OK`, or openssl's reason to refuse the certificate if it trusts only `root`. `strict`: exactly by RFC 5280."""
    with tempfile.NamedTemporaryFile() as trusted, tempfile.NamedTemporaryFile() as untrusted:
        trusted.write(root.public_bytes(Encoding.PEM))
        trusted.flush()
        untrusted.writelines(each.public_bytes(Encoding.PEM) for each in (certificate, *intermediates))
        untrusted.flush()
        command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-check_ss_sig", "-auth_level", "2", "-CAfile", trusted.name]
        command += ["-untrusted", untrusted.name, "-attime", str(int(at.timestamp())), "-purpose", purpose]
        answer = subprocess.run(
            [*command, *(["-x509_strict"] if strict else [])],
            input=certificate.public_bytes(Encoding.PEM),
            capture_output=True,
            check=False,
        )
    return OK if answer.returncode == 0 else answer.stderr.decode()


@cache
def _linter() -> Any:
    return pkix.create_pkix_certificate_validator_container(
        pkix.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            pkix.create_issuer_validator_container([]),
            pkix.create_validity_validator_container(),
            pkix.create_subject_validator_container([]),
            pkix.create_extensions_validator_container([]),
            pkix.create_spki_validator_container([]),
        ],
    )


def findings(certificate: x509.Certificate) -> list[str]:
    """The findings of pkilint, as a linter of RFC 5280, that are more than information."""
    document = loader.load_certificate(certificate.public_bytes(Encoding.DER), "certificate")
    return [
        f"{found.finding.severity}: {found.finding.code}"
        for result in _linter().validate(document.root)
        for found in result.finding_descriptions
        if found.finding.severity > ValidationFindingSeverity.INFO
    ]
