"""What the TLS stacks at hand send of a PEM file with a key, a leaf, an intermediate CA and a root (`docs/devices.md`)."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from dpsops.emulator.server import EmbeddedAzure
from tests.emulator.mqtt.lab import trusting, tunnel
from tests.emulator.mqtt.parrot import HOST, parrot_azure

REQUEST = f"GET /chain HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
NODE = """
const [port, ca, bundle] = process.argv.slice(1), fs = require("fs"), tls = require("tls");
const socket = require("net").connect(port, "127.0.0.1", () => socket.write("CONNECT HOST:443 HTTP/1.1\\r\\n\\r\\n"));
socket.once("data", () => {
  const pem = fs.readFileSync(bundle), options = {socket, servername: "HOST", ca: fs.readFileSync(ca), cert: pem, key: pem};
  const secure = tls.connect(options, () => secure.write(REQUEST));
  secure.pipe(process.stdout);
});
"""


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedAzure]:
    """An embedded Azure with a parrot."""
    with parrot_azure(tmp_path) as azure:
        yield azure


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Key, leaf, intermediate CA and root in one PEM file, as dpsops makes them."""
    root = trustme.CA()
    leaf = root.create_child_ca().issue_cert(common_name="press-07")
    path = tmp_path / "press-07.pem"
    path.write_bytes(leaf.private_key_and_cert_chain_pem.bytes() + root.cert_pem.bytes())
    return path


def seen(answer: bytes) -> list[bytes]:
    """The chain that the service was given, out of its answer."""
    found = json.loads(answer[answer.index(b'{"chain"') :])
    return [base64.b64decode(each) for each in found["chain"]]


def contents(bundle: Path) -> list[bytes]:
    """The certificates in the file, DER."""
    return [each.public_bytes(Encoding.DER) for each in load_pem_x509_certificates(bundle.read_bytes())]


def run(tool: str, *arguments: str | Path, said: str = "") -> bytes:
    """What a tool answers. Skips where it is not installed."""
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([path, *arguments], input=said.encode(), capture_output=True, timeout=30, check=False)
    assert b'{"chain"' in done.stdout, done.stderr.decode()
    return done.stdout


def port(embedded: EmbeddedAzure) -> str:
    """Of the proxy."""
    return embedded.proxy_url.rpartition(":")[2]


def test_python_sends_the_file(embedded: EmbeddedAzure, bundle: Path) -> None:
    with tunnel(embedded, port=443) as raw, trusting(embedded, bundle).wrap_socket(raw, server_hostname=HOST) as connection:
        connection.sendall(REQUEST.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert seen(answer) == contents(bundle)
    assert len(contents(bundle)) == 3


def test_curl_sends_the_file(embedded: EmbeddedAzure, bundle: Path) -> None:
    trust = ("--cacert", embedded.authority_file, "--cert", bundle)
    assert seen(run("curl", "--silent", "--proxy", embedded.proxy_url, *trust, f"https://{HOST}/chain")) == contents(bundle)


def test_node_sends_the_file(embedded: EmbeddedAzure, bundle: Path) -> None:
    script = NODE.replace("HOST", HOST).replace("REQUEST", json.dumps(REQUEST))
    assert seen(run("node", "--eval", script, port(embedded), embedded.authority_file, bundle)) == contents(bundle)


@pytest.mark.parametrize(("file", "sent"), [(None, [0]), ("above.pem", [0, 1, 2]), ("press-07.pem", [0, 0, 1, 2])])
def test_openssl_sends_the_leaf_and_what_is_in_its_chain_file(
    embedded: EmbeddedAzure, bundle: Path, file: str | None, sent: list[int]
) -> None:
    certificates = contents(bundle)
    above = [each.public_bytes(Encoding.PEM) for each in load_pem_x509_certificates(bundle.read_bytes())[1:]]
    bundle.with_name("above.pem").write_bytes(b"".join(above))
    server = ("-proxy", f"127.0.0.1:{port(embedded)}", "-connect", f"{HOST}:443", "-servername", HOST)
    identity = ("-cert", bundle, "-key", bundle, *(() if file is None else ("-cert_chain", bundle.with_name(file))))
    options = ("-CAfile", embedded.authority_file, "-quiet", "-ign_eof")
    assert seen(run("openssl", "s_client", *server, *identity, *options, said=REQUEST)) == [certificates[each] for each in sent]
