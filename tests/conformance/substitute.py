"""Which recorded certificates are replaced when they are sent to the embedded Azure, and by what."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from dpsops.emulator.identity.state import TENANT
from tests.conformance import reissue
from tests.conformance.carry import MASKS, SOME_KEY, Carrier
from tests.conformance.messages import Exchange, Recording
from tests.conformance.stage import as_ours

_UPLOAD = re.compile(r".*/(?:IotHubs|provisioningServices)/[^/]+/certificates/[^/]+", re.IGNORECASE)
_VAULT = re.compile(r".*/Microsoft\.KeyVault/vaults/[^/]+(/accessPolicies/[^/]+)?", re.IGNORECASE)
_PADDINGS = {
    "RSA1_5": padding.PKCS1v15(),
    "RSA-OAEP": padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None),  # noqa: S303
    "RSA-OAEP-256": padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None),
}
_KEYS = ("primaryKey", "secondaryKey")
_PENDING = re.compile(r"(/certificates/[^/]+)/(?:create|pending)")


@dataclass(slots=True)
class Substitutes:
    """The replacements that one recording needs.

    A CA whose possession is proven is replaced by one over a key of our own, and its proof by one that this key
    signs and that names the code of today. A certificate that is merged is replaced by one over today's key,
    if the recorded one was over the key of its day. What the recorder masked is replaced by something that
    can be read, a ciphertext by one of the same plaintext, and the recorded caller by ours.
    """

    recording: Recording
    now: float
    _csrs: dict[str, str] = field(default_factory=dict)
    _codes: dict[str, str] = field(default_factory=dict)
    _moduli: dict[str, str] = field(default_factory=dict)

    def learn(self, exchange: Exchange) -> None:
        """What the recorded answer held that a later request refers to."""
        answer = exchange.response.json()
        if not isinstance(answer, dict):
            return
        if isinstance(answer.get("csr"), str) and (found := _PENDING.match(exchange.path)):
            self._csrs[found[1]] = answer["csr"]
        key = answer.get("key")
        if isinstance(key, dict) and "n" in key and "kid" in key:
            self._moduli[urlsplit(key["kid"]).path] = key["n"]
        code = (answer.get("properties") or {}).get("verificationCode") if isinstance(answer.get("properties"), dict) else None
        if code:
            self._codes[exchange.path.rpartition("/")[0]] = code

    def body(self, exchange: Exchange, body: Any, carrier: Carrier) -> Any:
        """The body to send in the place of the recorded one."""
        path = exchange.path.rstrip("/")
        if exchange.method == "PUT" and _UPLOAD.fullmatch(path):
            return self._upload(body)
        if exchange.method == "POST" and path.endswith("/verify") and "certificates/" in path:
            return self._proof(path.rpartition("/")[0], body, carrier)
        if exchange.method == "POST" and path.endswith("/pending/merge"):
            return self._merge(path.removesuffix("/pending/merge"), body, carrier)
        if exchange.method == "POST" and path.endswith(("/decrypt", "/unwrapkey")):
            return self._ciphertext(exchange, body, carrier)
        if exchange.method in ("PUT", "PATCH") and _VAULT.fullmatch(path):
            return self._vault(body)
        if exchange.method == "PUT" and "/roleassignments/" in path.lower():
            return self._user(exchange, body)
        if ("/enrollment" in path or path.startswith("/devices")) and exchange.method in ("PUT", "POST"):
            return self._unmask(body)
        return body

    def _user(self, exchange: Exchange, body: Any) -> Any:
        """A user is known to nobody here, so that the caller must say that it is one."""
        match body, exchange.response.json():
            case {"properties": dict(given)}, {"properties": {"principalType": "User"}} if "principalType" not in given:
                return body | {"properties": given | {"principalType": "User"}}
        return body

    def _upload(self, body: Any) -> Any:
        """Masked: something readable. Proven later: over our key."""
        if isinstance(body, dict) and isinstance(body.get("properties"), dict):
            return body | {"properties": self._upload(body["properties"])}
        if not isinstance(body, dict) or not isinstance(body.get("certificate"), str):
            return body
        if body["certificate"] in MASKS:
            return body | {"certificate": reissue.authority("masked", self.now)}
        read = reissue.read(body["certificate"])
        if read is None or body["certificate"] not in self._proven():
            return body
        return body | {"certificate": read.wrap(_authority(read.certificate))}

    def _proof(self, path: str, body: Any, carrier: Carrier) -> Any:
        read = reissue.read(body.get("certificate", "")) if isinstance(body, dict) else None
        authority = reissue.read(self._uploads().get(path, ""))
        if read is None or authority is None:
            return body
        recorded = reissue.common_name(read.certificate)
        code = carrier.text(recorded) if recorded == self._codes.get(path) else recorded
        signer = reissue.key("authority" if reissue.issued_by(read.certificate, authority.certificate) else "stranger")
        proof = reissue.reissue(read.certificate, reissue.key("proof").public_key(), signer, code)
        return body | {"certificate": read.wrap(proof)}

    def _merge(self, path: str, body: Any, carrier: Carrier) -> Any:
        csr = self._csrs.get(path)
        chain = body.get("x5c") if isinstance(body, dict) else None
        read = reissue.read(chain[0]) if chain else None
        if not chain or csr is None or read is None or not reissue.same_key(read.certificate, reissue.request(csr)):
            return body
        public_key = reissue.request(carrier.text(csr)).public_key()
        merged = reissue.reissue(read.certificate, public_key, reissue.key("authority"))
        return body | {"x5c": [read.wrap(merged), *chain[1:]]}

    def _ciphertext(self, exchange: Exchange, body: Any, carrier: Carrier) -> Any:
        """What the recorded answer says was encrypted, encrypted for today's key."""
        answer = exchange.response.json()
        modulus = self._moduli.get(exchange.path.rpartition("/")[0])
        scheme = _PADDINGS.get(body.get("alg", ""))
        if modulus is None or scheme is None or not isinstance(answer, dict) or "value" not in answer:
            return body
        key = rsa.RSAPublicNumbers(65537, int.from_bytes(_decode(carrier.text(modulus)))).public_key()
        return body | {"value": _encode(key.encrypt(_decode(answer["value"]), scheme))}

    def _vault(self, body: Any) -> Any:
        """The vault of our tenant, and the caller's policy for us."""
        if not isinstance(body.get("properties"), dict):
            return body
        properties = dict(body["properties"])
        if "tenantId" in properties:
            properties["tenantId"] = TENANT
        if "accessPolicies" in properties:
            properties["accessPolicies"] = as_ours(self.recording, properties["accessPolicies"])
        return body | {"properties": properties}

    def _unmask(self, body: Any) -> Any:
        match body:
            case {"certificate": str(text)} if text in MASKS:
                return body | {"certificate": reissue.authority("masked", self.now)}
            case dict():
                return {name: SOME_KEY if _is_masked(name, value) else self._unmask(value) for name, value in body.items()}
            case list():
                return [self._unmask(each) for each in body]
            case _:
                return body

    def _uploads(self) -> dict[str, str]:
        """The last certificate that was uploaded under each path."""
        found = {}
        for exchange in self.recording.exchanges:
            body = exchange.request.json()
            if exchange.method == "PUT" and _UPLOAD.fullmatch(exchange.path.rstrip("/")) and isinstance(body, dict):
                inner = body.get("properties", body)
                found[exchange.path.rstrip("/")] = inner.get("certificate", "") if isinstance(inner, dict) else ""
        return found

    def _proven(self) -> set[str]:
        verified = {each.path.rpartition("/")[0] for each in self.recording.exchanges if each.path.endswith("/verify")}
        return {certificate for path, certificate in self._uploads().items() if path in verified}


def _is_masked(name: str, value: Any) -> bool:
    """Whether this is a key that a recorder has masked: by its own name, or by one of the words for all secrets."""
    return name in _KEYS and isinstance(value, str) and (value == name or value in MASKS)


def _authority(certificate: x509.Certificate) -> x509.Certificate:
    key = reissue.key("authority")
    return reissue.reissue(certificate, key.public_key(), key)


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
