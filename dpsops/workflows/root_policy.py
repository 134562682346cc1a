"""What the vault is asked for: a root's subject, and its policy for the certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509

from dpsops.pki import profiles
from dpsops.settings import Environment
from dpsops.workflows.root_state import generation_of

if TYPE_CHECKING:
    from azure.keyvault.certificates import CertificatePolicy


def root_subject(environment: Environment, name: str) -> x509.Name:
    """The subject of the root of this name, in the request as in the certificate."""
    return profiles.root_subject(environment.name, generation_of(name) or 1, environment.root.organization)


def vault_policy(environment: Environment, name: str, issuer: str, *, reuse_key: bool) -> CertificatePolicy:
    """The vault's policy for a root. Key type and lifetime action are always named: their defaults are an
    exportable key and a renewal by the vault itself."""
    from azure.keyvault.certificates import (
        CertificateContentType,
        CertificatePolicy,
        CertificatePolicyAction,
        KeyCurveName,
        KeyType,
        KeyUsageType,
        LifetimeAction,
    )

    settings = environment.root
    spec = settings.key
    kind = {("RSA", False): KeyType.rsa, ("RSA", True): KeyType.rsa_hsm, ("EC", False): KeyType.ec, ("EC", True): KeyType.ec_hsm}
    size = {"key_size": spec.size} if spec.kind == "RSA" else {"key_curve_name": KeyCurveName(f"P-{spec.size}")}
    return CertificatePolicy(
        issuer_name=issuer,
        subject=", ".join(attribute.rfc4514_string() for attribute in root_subject(environment, name)),
        exportable=False,
        key_type=kind[spec.kind, spec.hsm],
        reuse_key=reuse_key,
        key_usage=[KeyUsageType.digital_signature, KeyUsageType.key_cert_sign, KeyUsageType.crl_sign],
        content_type=CertificateContentType.pem,
        validity_in_months=settings.years * 12,
        lifetime_actions=[LifetimeAction(CertificatePolicyAction.email_contacts, days_before_expiry=settings.warn_days)],
        **size,
    )
