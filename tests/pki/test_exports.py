"""What a factory gives to a device: the PFX as openssl reads it, names of files, passwords."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import example, given
from hypothesis import strategies as st

from dpsops.errors import InvalidInput, Refused
from dpsops.pki import chains, exports
from dpsops.pki.bundles import read_bundle
from dpsops.pki.names import DeviceId, device_id
from tests.pki.authorities import device_key, key, leaf, root

PRESS = device_id("press-07")
AUTHORITY = root("EC-P384")
LEAF = leaf(AUTHORITY, key("EC-P384"))
BUNDLE = chains.bundle(device_key(), LEAF, [AUTHORITY])
CHAIN = chains.bundle(None, LEAF, [AUTHORITY])
PASSWORDS = [b"hunter2", "gehäim 1€".encode(), "\N{GRINNING FACE}".encode(), b"x" * 200, b" "]
FORMS = pytest.mark.parametrize("legacy", [False, True], ids=["modern", "legacy"])


def opened(folder: Path, pfx: bytes, password: bytes, *options: str) -> subprocess.CompletedProcess[str]:
    """What openssl reads in a PFX, and what it says of its encryption; it gets the password as a program on a device would."""
    (folder / "a.pfx").write_bytes(pfx)
    (folder / "password").write_bytes(password)
    command = ["openssl", "pkcs12", "-in", "a.pfx", "-passin", "file:password", "-nodes", "-info", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@FORMS
@pytest.mark.parametrize("password", PASSWORDS)
def test_openssl_reads_the_key_the_certificate_and_the_chain(tmp_path: Path, password: bytes, legacy: bool) -> None:
    made = exports.pfx(PRESS, BUNDLE, password, legacy=legacy)
    found = opened(tmp_path, made, password, *(["-legacy"] if legacy else []))
    assert found.returncode == 0, found.stderr
    assert read_bundle(found.stdout.encode(), "it") == read_bundle(BUNDLE.encode(), "it")
    assert found.stdout.count("friendlyName: press-07\n") == 2  # of the certificate and of the key
    assert len(set(re.findall(r"localKeyID: ([0-9A-F ]+)", found.stdout))) == 1  # by which .NET finds the key
    assert opened(tmp_path, made, b"hunter3", *(["-legacy"] if legacy else [])).returncode != 0


def test_the_encryption_is_modern_unless_the_device_needs_another(tmp_path: Path) -> None:
    modern = opened(tmp_path, exports.pfx(PRESS, BUNDLE, b"pw", legacy=False), b"pw").stderr
    assert modern.count("PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256") == 2
    assert "MAC: sha256, Iteration 2048" in modern
    assert "3-KeyTripleDES" not in modern
    legacy = opened(tmp_path, exports.pfx(PRESS, BUNDLE, b"pw", legacy=True), b"pw", "-legacy").stderr
    assert legacy.count("pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048") == 2
    assert "MAC: sha1, Iteration 2048" in legacy
    assert "PBES2" not in legacy


def test_a_bundle_without_its_key_becomes_no_pfx() -> None:
    with pytest.raises(Refused, match="the key of press-07 is not in the vault, so no PFX can be made"):
        exports.pfx(PRESS, CHAIN, b"pw", legacy=False)


def private(kind: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    """A private key as PEM."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return kind.private_bytes(encoding, form, serialization.NoEncryption()).decode()


OTHER = private(ec.generate_private_key(ec.SECP256R1()))
DAMAGED = {
    "another device's key": OTHER + CHAIN,
    "a key that cannot be read": BUNDLE.replace("-----\nM", "-----\nAAAAM", 1),
    "no certificate": private(device_key()),
    "cut off": BUNDLE[:-40],
    "an encrypted key": BUNDLE.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
    "a key of another type": private(ed25519.Ed25519PrivateKey.generate()) + CHAIN,
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_bundle_is_refused_and_its_key_is_not_shown(what: str) -> None:
    for act in (lambda: exports.pfx(PRESS, DAMAGED[what], b"hunter2", legacy=False), lambda: exports.without_key(DAMAGED[what])):
        with pytest.raises(InvalidInput) as refused:
            act()
        assert refused.value.hint
        assert "hunter2" not in str(refused.value)
        assert not any(line in str(refused.value) for line in DAMAGED[what].splitlines() if len(line) > 10)


def test_a_key_that_no_device_of_ours_has_is_refused() -> None:
    edwards = ed25519.Ed25519PrivateKey.generate()
    named = x509.CertificateBuilder().subject_name(LEAF.subject).issuer_name(AUTHORITY.subject).public_key(edwards.public_key())
    dated = named.serial_number(1).not_valid_before(LEAF.not_valid_before_utc).not_valid_after(LEAF.not_valid_after_utc)
    bundle = private(edwards) + chains.pem(dated.sign(key("EC-P384"), hashes.SHA384()))
    with pytest.raises(Refused, match="the key of press-07 is neither RSA nor EC"):
        exports.pfx(PRESS, bundle, b"pw", legacy=False)


def test_the_certificates_alone_are_left_when_the_key_is_removed() -> None:
    assert exports.without_key(BUNDLE) == exports.without_key(CHAIN) == CHAIN
    assert (exports.has_key(BUNDLE), exports.has_key(CHAIN)) == (True, False)
    with pytest.raises(InvalidInput, match="the bundle contains no certificate"):
        exports.without_key("nothing")


def renewed() -> str:
    """A newer bundle of the device, over the same key."""
    return chains.bundle(device_key(), leaf(AUTHORITY, key("EC-P384")), [AUTHORITY])


@FORMS
def test_only_an_export_of_this_bundle_in_this_form_counts_as_delivered(legacy: bool) -> None:
    made = exports.pfx(PRESS, BUNDLE, b"pw", legacy=legacy)
    for bundle in (BUNDLE, CHAIN):  # the second: the key was removed from the vault since
        assert exports.holds(made, bundle, b"pw", legacy=legacy)
        assert not exports.holds(made, bundle, b"pw", legacy=not legacy)
        assert not exports.holds(made, bundle, b"another", legacy=legacy)
        assert not exports.holds(made[:-1], bundle, b"pw", legacy=legacy)
        assert not exports.holds(made, bundle, None, legacy=False)
    assert not exports.holds(made, renewed(), b"pw", legacy=legacy)
    incomplete = exports.pfx(PRESS, chains.bundle(device_key(), LEAF, []), b"pw", legacy=legacy)
    assert not exports.holds(incomplete, BUNDLE, b"pw", legacy=legacy)


@FORMS
def test_a_pfx_that_was_changed_anywhere_does_not_count(legacy: bool) -> None:
    made = exports.pfx(PRESS, BUNDLE, b"pw", legacy=legacy)
    version = made.index(b"\x02\x01\x03") + 2  # which OpenSSL does not read
    for at in (at for at in range(len(made)) if at != version):
        changed = made[:at] + bytes([made[at] ^ 1 << at % 8]) + made[at + 1 :]
        assert not exports.holds(changed, BUNDLE, b"pw", legacy=legacy)


def test_a_pfx_without_its_key_does_not_count() -> None:
    """Or the key would be removed from the vault, and nobody would have it."""
    encryption = serialization.BestAvailableEncryption(b"pw")
    keyless = pkcs12.serialize_key_and_certificates(b"press-07", None, LEAF, [AUTHORITY], encryption)
    assert not exports.holds(keyless, BUNDLE, b"pw", legacy=False)


def test_only_the_same_pem_counts_as_delivered() -> None:
    def holds(text: str, bundle: str) -> bool:
        return exports.holds(text.encode(), bundle, None, legacy=False)

    assert holds(BUNDLE, BUNDLE)
    assert holds(CHAIN, CHAIN)
    assert holds(BUNDLE.replace("\n", "\r\n"), BUNDLE)  # an editor's line ends
    assert holds(BUNDLE, CHAIN)  # the key was removed from the vault since
    assert not holds(CHAIN, BUNDLE)
    assert not holds(BUNDLE, renewed())
    assert not holds("something" + CHAIN, CHAIN)
    assert not holds(OTHER + CHAIN, CHAIN)
    assert not holds(BUNDLE[:-40], BUNDLE)


@given(st.binary(max_size=200))
def test_no_file_is_a_traceback(data: bytes) -> None:
    for password in (None, b"pw"):
        assert not exports.holds(data, BUNDLE, password, legacy=False)
        assert not exports.holds(b"\x30\x82" + data, CHAIN, password, legacy=True)


IDS = st.from_regex(r"[a-z0-9._:-]{0,63}[a-z0-9-]", fullmatch=True).map(device_id)
WINDOWS = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


@given(IDS, IDS)
@example(device_id("con"), device_id("con.a"))
@example(device_id("com1"), device_id("com10"))
@example(device_id("lpt9.a"), device_id("a.lpt9"))
@example(device_id("aux"), device_id("-rf"))
@example(device_id(".a"), device_id("..a"))
@example(device_id("a:b"), device_id("a.b"))
def test_every_device_has_a_file_name_of_its_own_on_every_system(one: DeviceId, other: DeviceId) -> None:
    name = exports.file_name(one, ".pem")
    assert (name == exports.file_name(other, ".pem")) == (one == other)
    assert unquote(name.removesuffix(".pem")) == one
    assert re.fullmatch(r"[a-z0-9_%][A-Za-z0-9._%-]*", name)
    assert not WINDOWS.fullmatch(name)
    assert len(name) < 255


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("press-07", "press-07.pfx"),
        ("line_3.press-07", "line_3.press-07.pfx"),
        ("line3:press", "line3%3Apress.pfx"),
        ("nul", "%6Eul.pfx"),
        ("null", "null.pfx"),
        (".press", "%2Epress.pfx"),
        ("-press", "%2Dpress.pfx"),
    ],
)
def test_the_name_of_a_file(device: str, name: str) -> None:
    assert exports.file_name(device_id(device), ".pfx") == name


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_password_is_the_one_line_of_its_file(end: bytes) -> None:
    for password in PASSWORDS:
        assert exports.password(password + end) == password


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "has no line, or more than one"),
        (b"\n", "has no line, or more than one"),
        (b"\r\n", "has no line, or more than one"),
        (b"hunter2\n\n", "has no line, or more than one"),
        (b"hunter2\nhunter3\n", "has no line, or more than one"),
        ("hunter2\n".encode("utf-16"), "is not UTF-8"),
        ("geheim\xe4".encode("latin-1"), "is not UTF-8"),
        (b"\xef\xbb\xbfhunter2\n", "has a character that cannot be seen"),
        (b"hunter2\t\n", "has a character that cannot be seen"),
        ("hunter2".encode("utf-16-le"), "has a character that cannot be seen"),
    ],
)
def test_a_file_that_is_no_password_is_refused_and_not_shown(text: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        exports.password(text)
    assert refused.value.hint
    assert "hunter" not in refused.value.message + refused.value.hint
