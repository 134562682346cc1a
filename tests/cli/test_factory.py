"""What a factory does: devices that make their own keys, and bundles that leave the vault."""

from __future__ import annotations

import io
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from dpsops.pki.chains import same_key
from tests.cli.terminal import Terminal, assert_error

PEM = serialization.Encoding.PEM


def ask(path: Path, name: str = "", key: ec.EllipticCurvePrivateKey | None = None) -> ec.EllipticCurvePrivateKey:
    """Writes the request of a device, with a new key unless one is given."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    path.write_bytes(x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256()).public_bytes(PEM))
    return key


def certificate(path: Path) -> x509.Certificate:
    """The first certificate of a file."""
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


@pytest.fixture
def requests(terminal: Terminal, tmp_path: Path) -> Path:
    """A directory for requests, in an environment that is ready."""
    terminal.stand()
    directory = tmp_path / "requests"
    directory.mkdir()
    return directory


def test_devices_with_keys_of_their_own_get_certificates_beside_their_requests(terminal: Terminal, requests: Path) -> None:
    keys = {"press-01": ask(requests / "a.csr", "press-01"), "press-02": ask(requests / "press-02.csr")}
    (requests / "readme.txt").write_text("no request")
    assert terminal.json("device", "issue", "--csr", str(requests))["failed"] == []
    for name, file in (("press-01", "a.crt"), ("press-02", "press-02.crt")):
        found = certificate(requests / file)
        assert same_key(found.public_key(), keys[name].public_key())
        assert found.subject.rfc4514_string() == f"CN={name}"
        assert "PRIVATE" not in (requests / file).read_text()
        bundle = requests / f"{name}.bundle"
        private = keys[name].private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        bundle.write_bytes(private + (requests / file).read_bytes())
        scope = terminal.json("status")["dps"]["id_scope"]
        assert terminal("device", "register", name, "--transport", "https", "--bundle", str(bundle), "--id-scope", scope)[0] == 0
    before = (requests / "a.crt").read_bytes()
    assert terminal.json("device", "issue", "--csr", str(requests))["unchanged"] == ["press-01", "press-02"]
    (requests / "a.crt").unlink()  # as if it was killed before it wrote the file
    terminal("device", "issue", "--csr", str(requests))
    assert (requests / "a.crt").read_bytes() == before
    new = ask(requests / "a.csr", "press-01")
    assert [each["device"] for each in terminal.json("device", "issue", "--csr", str(requests))["issued"]] == ["press-01"]
    assert same_key(certificate(requests / "a.crt").public_key(), new.public_key())
    assert stat.S_IMODE((requests / "a.crt").stat().st_mode) == 0o600


def test_a_request_for_another_device_or_without_proof_is_named_before_anything_is_issued(
    terminal: Terminal, requests: Path
) -> None:
    ask(requests / "press-01.csr", "press-01")
    (requests / "press-02.csr").write_text("nothing")
    ask(requests / "press-03.csr", "Press-03")
    ask(requests / "again.csr", "press-01")
    result = terminal("device", "issue", "--csr", str(requests))
    assert_error(result, 2, "press-02.csr is not a request", "'Press-03' has upper case letters", "two requests for press-01")
    assert terminal.json("device", "list")["devices"] == []
    assert terminal("device", "issue", "--csr", str(requests), "--keep-going")[0] == 3
    single = str(requests / "again.csr")
    assert_error(terminal("device", "issue", "press-09", "--csr", single), 2, "a request for 'press-01' and not for press-09")
    assert_error(terminal("device", "issue", "press-01", "--csr", str(requests)), 2, "name their devices themselves")
    rows = requests / "fleet.csv"
    rows.write_text(f"device,request\npress-07,{single}\n")
    assert_error(terminal("device", "issue", "--from", str(rows)), 2, "line 2: ")


def test_bundles_are_exported_and_never_written_over(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    terminal("device", "issue", "press-01", "line3:press-02")
    to = tmp_path / "delivery"
    found = terminal.json("device", "export", "press-01", "line3:press-02", "--to", str(to))["exported"]
    assert sorted(path.name for path in to.iterdir()) == ["line3%3Apress-02.pem", "press-01.pem"]
    assert {each["written"] for each in found} == {True}
    assert {stat.S_IMODE(path.stat().st_mode) for path in to.iterdir()} == {0o600}
    assert stat.S_IMODE(to.stat().st_mode) == 0o700
    again = terminal.json("device", "export", "press-01", "--to", str(to))["exported"]
    assert [each["written"] for each in again] == [False]
    terminal("device", "renew", "press-01", "--again")
    code, out, _ = terminal("device", "export", "press-01", "press-09", "--to", str(to))
    assert (code, "exists, and is not the bundle of press-01" in out, "press-09: press-09 has no certificate" in out) == (
        1,
        True,
        True,
    )


def test_what_stands_where_a_bundle_would_go_is_named_and_the_key_stays(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    terminal("device", "issue", "press-01", "press-02", "press-03")
    to = tmp_path / "delivery"
    (to / "press-01.pem").mkdir(parents=True)
    (to / "press-02.pem").symlink_to(tmp_path / "nowhere.pem")
    words = ("device", "export", "press-01", "press-02", "press-03", "--to", str(to), "--remove-key")
    code, out, _ = terminal(*words)
    assert (code, "press-01.pem cannot be used: Is a directory" in out, "press-02.pem cannot be used: No such file" in out) == (
        3,
        True,
        True,
    )
    (to / "press-01.pem").rmdir()
    (to / "press-02.pem").unlink()
    assert terminal(*words)[0] == 0
    assert {(to / f"press-0{number}.pem").read_text().count("BEGIN PRIVATE KEY") for number in (1, 2, 3)} == {1}


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pfx_has_its_password_from_stdin(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, legacy: bool
) -> None:
    terminal.stand()
    terminal("device", "issue", "press-01")
    stdin = io.TextIOWrapper(io.BytesIO("gehäim 1\n".encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    options = ["--legacy"] if legacy else []
    words = ["device", "export", "press-01", "--to", str(tmp_path), "--pfx", "--password-file", "-", *options]
    code, out, err = terminal(*words)
    assert (code, "gehäim" in out + err) == (0, False)
    pfx = (tmp_path / "press-01.pfx").read_bytes()
    found = pkcs12.load_pkcs12(pfx, "gehäim 1".encode())
    assert found.key is not None
    assert found.cert is not None
    assert (found.cert.friendly_name, len(found.additional_certs)) == (b"press-01", 1)
    dump = ["openssl", "pkcs12", "-in", "press-01.pfx", "-passin", "pass:gehäim 1", "-noout", "-info", *options]
    info = subprocess.run(dump, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
    assert ("pbeWithSHA1And3-KeyTripleDES-CBC" in info, "AES-256-CBC" in info) == (legacy, not legacy)


def test_a_pfx_needs_a_password_and_a_key(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    to = ["--to", str(tmp_path)]
    assert_error(terminal("device", "export", "press-01", *to, "--pfx"), 2, "a PFX needs a password")
    assert_error(terminal("device", "export", "press-01", *to, "--legacy"), 2, "are for a PFX")
    (tmp_path / "empty").write_text("\n")
    result = terminal("device", "export", "press-01", *to, "--pfx", "--password-file", str(tmp_path / "empty"))
    assert_error(result, 2, "has no line, or more than one")


def test_a_key_that_was_delivered_leaves_the_vault(terminal: Terminal, tmp_path: Path) -> None:
    terminal.stand()
    terminal("device", "issue", "press-01")
    words = ["device", "export", "press-01", "--to", str(tmp_path / "out"), "--remove-key"]
    assert [each["key_removed"] for each in terminal.json(*words)["exported"]] == [True]
    assert [(each["written"], each["key_removed"]) for each in terminal.json(*words)["exported"]] == [(False, False)]
    bundle = tmp_path / "out" / "press-01.pem"
    assert "PRIVATE KEY" in bundle.read_text()
    terminal("device", "export", "press-01", "--to", str(tmp_path / "later"))
    assert "PRIVATE KEY" not in (tmp_path / "later" / "press-01.pem").read_text()
    scope = terminal.json("status")["dps"]["id_scope"]
    words = ["device", "register", "press-01", "--transport", "https", "--bundle", str(bundle), "--id-scope", scope]
    assert terminal(*words)[0] == 0
    assert terminal("device", "issue", "press-01")[1].startswith("= press-01")
    assert terminal("device", "renew", "press-01", "--again")[0] == 0  # over the key that is on the device alone
    assert terminal("device", "register", "press-01", "--transport", "https")[0] != 0
