"""Certificate policies: the service's defaults, what it rewrites and what it refuses. Pure.

Source: certificates API, `CertificatePolicy`; "About Azure Key Vault certificates", Certificate policy.
"""

from __future__ import annotations

from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.keyvault.bodies import attributes_of, field
from dpsops.emulator.keyvault.errors import bad_parameter, refusal
from dpsops.emulator.keyvault.issuing import KEY_USAGES, extended_key_usage, parse_subject, subject_alternative_names
from dpsops.emulator.keyvault.material import KeyType, key_type

SELF = "Self"
UNKNOWN = "Unknown"
PKCS12 = "application/x-pkcs12"
PEM = "application/x-pem-file"

_EKUS = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]
_KEY_USAGE = ["digitalSignature", "keyEncipherment"]
_MAX_MONTHS = 1200
_LONGEST_MONTH_FRACTION = 27

_OPERATIONS = {
    "dataEncipherment": ("encrypt", "decrypt"),
    "decipherOnly": ("decrypt",),
    "digitalSignature": ("sign", "verify"),
    "encipherOnly": ("encrypt",),
    "keyCertSign": ("sign", "verify"),
    "keyEncipherment": ("wrapKey", "unwrapKey"),
    "nonRepudiation": ("sign", "verify"),
    "cRLSign": ("sign", "verify"),
}
"""Which key operations a key usage allows (the page's table of usage flags and key operations)."""

_ORDER = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")


def complete(given: JSON, present: JSON | None = None) -> JSON:
    """A whole policy, without `id` and `attributes`: what is given, over the present one, over the defaults.

    `basic_constraints` is the service's own: a request that names them is not heard.
    """
    attributes_of(given)  # they are not kept, but must be valid; stricter guess
    sections = ("key_props", "secret_props", "x509_props", "issuer")
    merged = {name: _section(present, name) | _section(given, name) for name in sections}
    issuer = _issuer(merged["issuer"])
    x509_props = _x509_props(merged["x509_props"])
    actions = field(given, "lifetime_actions", list) or (present or {}).get("lifetime_actions")
    return {
        "key_props": _key_props(merged["key_props"]),
        "secret_props": {"contentType": _content_type(merged["secret_props"])},
        "x509_props": x509_props,
        "lifetime_actions": _actions(actions, issuer["name"], x509_props["validity_months"]),
        "issuer": issuer,
    }


def default_actions(issuer: str) -> list[JSON]:
    """At 80 % of the life: a self-signed certificate renews itself, of any other people are told."""
    action = "AutoRenew" if issuer == SELF else "EmailContacts"
    return [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": action}}]


def imported(given: JSON, key: KeyType, x509_props: JSON) -> JSON:
    """The policy of an imported certificate: what the certificate is, not what the request says of it."""
    issuer = _issuer(_section(given, "issuer") or {"name": UNKNOWN})
    exportable = field(_section(given, "key_props"), "exportable", bool, True)
    return {
        "key_props": _shown_key_props(key, exportable, reuse=field(_section(given, "key_props"), "reuse_key", bool, False)),
        "secret_props": {"contentType": _content_type(_section(given, "secret_props"))},
        "x509_props": x509_props,
        "lifetime_actions": _actions(field(given, "lifetime_actions", list), issuer["name"], x509_props["validity_months"]),
        "issuer": issuer,
    }


def wanted_key(policy: JSON) -> KeyType:
    """The key that a complete policy asks for."""
    return key_type(policy["key_props"])


def key_operations(policy: JSON) -> list[str]:
    """What the certificate's key may do: what the key usage stands for, as far as the key's type can."""
    usages = policy["x509_props"]["key_usage"] or _KEY_USAGE
    allowed = {operation for usage in usages for operation in _OPERATIONS.get(usage, ())}
    if policy["key_props"]["kty"].startswith("EC"):
        allowed &= {"sign", "verify"}
    return [operation for operation in _ORDER if operation in allowed]


def renewal(policy: JSON, nbf: int, exp: int) -> float | None:
    """When the vault renews the certificate by itself (epoch s); None where it does not."""
    if policy["issuer"]["name"] != SELF:
        return None
    for entry in policy["lifetime_actions"]:
        if entry["action"]["action_type"] == "AutoRenew":
            trigger: dict[str, int] = entry["trigger"]
            if "days_before_expiry" in trigger:
                return exp - trigger["days_before_expiry"] * 86_400
            return nbf + (exp - nbf) * trigger["lifetime_percentage"] / 100
    return None


def _section(policy: JSON | None, name: str) -> JSON:
    section: JSON = field(policy or {}, name, dict, {})
    return {key: value for key, value in section.items() if value is not None}


def _issuer(given: JSON) -> JSON:
    name = field(given, "name", str)
    if not name:
        raise bad_parameter("Property issuer.name is required")
    reserved = next((known for known in (SELF, UNKNOWN) if known.lower() == name.lower()), None)
    if reserved is None:
        raise refusal(404, "CertificateIssuerNotFound", f"Issuer not found: {name}")
    return {"name": reserved} | {key: given[key] for key in ("cty", "cert_transparency") if key in given}


def _key_props(given: JSON) -> JSON:
    wanted = key_type({"kty": "RSA"} | given)
    exportable = field(given, "exportable", bool, True)
    if exportable and wanted.hsm:
        raise bad_parameter(f"A key of type {wanted.kty} can not be exportable.")
    return _shown_key_props(wanted, exportable, field(given, "reuse_key", bool, False))


def _shown_key_props(key: KeyType, exportable: bool, reuse: bool) -> JSON:
    shown = {"exportable": exportable, "kty": key.kty, "key_size": key.size, "reuse_key": reuse}
    return shown | ({"crv": key.curve} if key.curve else {})


def _content_type(given: JSON) -> str:
    content_type: str = field(given, "contentType", str, PKCS12)
    if content_type not in (PKCS12, PEM):
        raise bad_parameter(f"Property secret_props.contentType has invalid value {content_type}")
    return content_type


def _x509_props(given: JSON) -> JSON:
    subject: str = field(given, "subject", str, "")
    sans: JSON | None = field(given, "sans", dict)
    parse_subject(subject)
    names = subject_alternative_names(sans)
    if not subject and not names:
        raise bad_parameter("Property x509_props must have a subject or subject alternative names")
    usages = field(given, "key_usage", list, _KEY_USAGE)
    if not all(usage in KEY_USAGES for usage in usages):
        raise bad_parameter(f"Property x509_props.key_usage has invalid value {', '.join(map(str, usages))}")
    ekus = field(given, "ekus", list, _EKUS)
    extended_key_usage(ekus)
    months: int = field(given, "validity_months", int, 12)
    if not 1 <= months <= _MAX_MONTHS:
        raise bad_parameter(f"Property x509_props.validity_months has invalid value {months}")
    return {
        "subject": subject,
        **({} if sans is None else {"sans": sans}),
        "ekus": ekus,
        "key_usage": sorted(set(usages)),
        "validity_months": months,
        "basic_constraints": {"ca": False},
    }


def _actions(given: list[Any] | None, issuer: str, months: int) -> list[JSON]:
    """The lifetime actions, by default the issuer's; the bounds are those of the API's `Trigger`."""
    if not given:
        return default_actions(issuer)
    actions = []
    if not all(isinstance(entry, dict) for entry in given):
        raise bad_parameter("Property lifetime_actions has invalid value")
    for entry in given:
        trigger, action = (field(entry, name, dict, {}) for name in ("trigger", "action"))
        percentage, days = field(trigger, "lifetime_percentage", int), field(trigger, "days_before_expiry", int)
        kind = field(action, "action_type", str, "")
        if kind not in ("AutoRenew", "EmailContacts") or (percentage is None) == (days is None):
            raise bad_parameter("Property lifetime_actions has invalid value")
        if percentage is not None and not 1 <= percentage <= 99:
            raise bad_parameter("Property lifetime_percentage must be between 1 and 99")
        if days is not None and not 1 <= days <= months * _LONGEST_MONTH_FRACTION:
            raise bad_parameter(f"Property days_before_expiry must be between 1 and {months * _LONGEST_MONTH_FRACTION}")
        if kind == "AutoRenew" and issuer == UNKNOWN:
            raise bad_parameter("A certificate of issuer Unknown can not renew itself")
        shown = {"lifetime_percentage": percentage} if days is None else {"days_before_expiry": days}
        actions.append({"trigger": shown, "action": {"action_type": kind}})
    return actions
