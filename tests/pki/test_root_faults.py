"""Why a certificate cannot be used as a root."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from dpsops.pki.profiles import root_faults
from tests.pki.authorities import NOW, YEAR, by_hand, key, key_usage, leaf, root

SIGNER = key("EC-P256")
CA = (x509.BasicConstraints(ca=True, path_length=None), True)
NO_CA = (x509.BasicConstraints(ca=False, path_length=None), True)
SIGNS = (key_usage("digitalSignature", "keyCertSign", "cRLSign"), True)
SIGNS_NO_CERTIFICATES = (key_usage("digitalSignature", "cRLSign"), True)
NOT_CRITICAL = (x509.BasicConstraints(ca=True, path_length=3), False)

_NO_CONSTRAINTS = "is not a CA certificate (no basicConstraints)"
_CA_FALSE = "is not a CA certificate (basicConstraints CA:FALSE)"
_NO_CERT_SIGN = "is not allowed to sign certificates (keyUsage without keyCertSign)"


@pytest.mark.parametrize(
    ("certificate", "faults"),
    [
        pytest.param(root(), [], id="ours"),
        pytest.param(by_hand(SIGNER, CA, SIGNS), [], id="of another CA"),
        pytest.param(by_hand(SIGNER, CA), [], id="without key usage, so everything is allowed"),
        pytest.param(by_hand(SIGNER, NOT_CRITICAL, SIGNS), [], id="constraints not critical"),
        pytest.param(by_hand(SIGNER, NO_CA, SIGNS), [_CA_FALSE], id="the certificate of a Self policy in Key Vault"),
        pytest.param(by_hand(SIGNER, SIGNS), [_NO_CONSTRAINTS], id="no basicConstraints"),
        pytest.param(by_hand(SIGNER), [_NO_CONSTRAINTS], id="no extension at all"),
        pytest.param(by_hand(SIGNER, CA, SIGNS_NO_CERTIFICATES), [_NO_CERT_SIGN], id="no keyCertSign"),
        pytest.param(leaf(root(), SIGNER), [_CA_FALSE, _NO_CERT_SIGN], id="a device certificate"),
        pytest.param(by_hand(SIGNER, CA, SIGNS, end=NOW), ["expired on 2026-03-01"], id="expires now"),
        pytest.param(by_hand(SIGNER, CA, SIGNS, end=NOW + timedelta(seconds=1)), [], id="expires in a second"),
        pytest.param(by_hand(SIGNER, CA, SIGNS, begin=NOW), [], id="valid from now"),
        pytest.param(
            by_hand(SIGNER, CA, SIGNS, begin=NOW + timedelta(seconds=1)),
            ["is not valid before 2026-03-01 12:00 UTC"],
            id="not valid yet",
        ),
        pytest.param(
            by_hand(SIGNER, NO_CA, SIGNS_NO_CERTIFICATES, begin=NOW - 3 * YEAR, end=NOW - YEAR),
            ["expired on 2025-03-01", _CA_FALSE, _NO_CERT_SIGN],
            id="everything at once",
        ),
    ],
)
def test_faults(certificate: x509.Certificate, faults: list[str]) -> None:
    assert root_faults(certificate, NOW) == faults
