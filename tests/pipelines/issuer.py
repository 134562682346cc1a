"""GitHub's issuer of OIDC tokens, as a job meets it: an endpoint that gives whoever has the job's bearer token a JWT.

Source: GitHub, "OpenID Connect reference" (claims, subjects, ten minutes) and "Security hardening" (the two variables).
"""

from __future__ import annotations

import json
import secrets
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa

URL = "https://token.actions.githubusercontent.com"
KID = "38826b17-6a30-5f9b-b169-8beb8202f723"
_LIFE = 600


@dataclass
class Issuer:
    """`authority`: the file with the certificate of the CA that the endpoint's certificate is from. `given`: the subjects and
    audiences of the tokens that were given, in their order."""

    address: str
    authority: Path
    key: rsa.RSAPrivateKey
    now: Callable[[], float]
    given: list[tuple[str, str]] = field(default_factory=list)
    _jobs: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @contextmanager
    def job(self, claims: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """The variables with which a job gets tokens, as long as it runs."""
        bearer = secrets.token_urlsafe(32)
        self._jobs[bearer] = claims
        try:
            yield {
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.address}/request?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": bearer,
            }
        finally:
            del self._jobs[bearer]

    def token(self, bearer: str, audience: str) -> str | None:
        """A new token for the job that this is the bearer token of; None for anybody else."""
        claims = self._jobs.get(bearer)
        if claims is None:
            return None
        self.given.append((claims["sub"], audience))
        now = int(self.now())
        times = {"iat": now, "nbf": now - 60, "exp": now + _LIFE}
        about = {"iss": URL, "aud": audience, "jti": secrets.token_hex(8)}
        return jwt.encode({**claims, **about, **times}, self.key, algorithm="RS256", headers={"kid": KID})


@contextmanager
def served(folder: Path, now: Callable[[], float]) -> Iterator[Issuer]:
    """An issuer with a key of its own, until the block ends."""
    issuer: Issuer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            (audience,) = parse_qs(asked.query).get("audience", ["https://github.com/octo-org"])
            token = issuer.token(self.headers.get("Authorization", "").removeprefix("Bearer "), audience)
            body = json.dumps({"value": token} if token else {"message": "Unauthorized"}).encode()
            self.send_response(200 if token else 401)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing: a log could hold a token."""

    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    file = folder / "issuer.pem"
    authority.cert_pem.write_to_path(file)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issuer = Issuer(f"https://127.0.0.1:{server.server_address[1]}", file, key, now)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
