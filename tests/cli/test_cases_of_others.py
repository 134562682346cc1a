"""What other people's CAs and tools hand back (the folder `cases`, which is not part of this repository): each ends as its README
says.

`DPSOPS_CASES`: the folder, else `cases` in the folder `shared` beside the checkout. The tests of `tests/pki` hold one small input
of each kind without it.
"""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dpsops.cli.exits import Exit
from dpsops.pki.bundles import read_bundle
from tests.cli.terminal import Terminal, assert_error
from tests.cli.test_former_states import move_clocks

FOLDER = Path(__file__).resolve().parents[2] / os.environ.get("DPSOPS_CASES", "../shared/cases")
MERGE, BUNDLE = FOLDER / "merge", FOLDER / "bundle"
MADE = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
"""The day to which the dates of the cases relate, after the request was made and before the one that begins too late."""

pytestmark = [
    pytest.mark.usefixtures("unmeasured"),
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"there is no {FOLDER}"),
]

CERTIFICATES = {
    "11-p12": r"is PKCS #12.*openssl pkcs12",
    "20-literal-backslash-n": r"holds a literal \\n",
    "22-dashes-of-word": "is no PEM",
    "25-html": "contains no certificate: it is a page of HTML",
    "26-csr-as-cert": "is the request itself",
    "27-empty": "is empty",
    "28-key-in-chain": "holds a private key",
    "35-no-root": "the chain ends with CN=Company Issuing CA, which is not self-signed",
    "36-unrelated-extra": "not in the chain of .*: CN=Other Root",
    "37-swapped-arguments": "name the files the other way round",
    "40-expired-intermediate": "CN=Company Issuing CA, .* expired on",
    "41-root-ends-first": "would expire after its issuer",
    "42-expired-cert": "the certificate expired on",
    "43-not-yet": "the certificate is not valid before",
    "46-one-day": "before a device certificate of 365 days",
    "50-no-bc": "no basicConstraints",
    "51-ca-false": "CA:FALSE",
    "52-no-keycertsign": "keyUsage without keyCertSign",
    "53-issuer-pathlen0": r"allows 0 CA\(s\) below it",
    "55-eku-server-only": "extendedKeyUsage",
    "58-nc-dirname": "permits only names under O=Company",
    "59-unknown-critical": "CN=Company Issuing CA, .* critical extension",
    "60-unknown-critical-root": "the certificate has a critical extension",
    "73-cn-case": "common name is 'DPSOPS LOCAL ROOT G2'",
    "74-cn-changed": "common name is 'IoT Sub CA 01'",
    "79b-two-cns": "common name is 'Company IoT'",
    "79c-empty-subject": "common name is ''",
    "80-rsa1024": "RSA key of 1024 bits",
    "82-sha1-signature": "with SHA1",
    "88-other-key": "is for another key than the request",
    "90-negative-serial": "its serial number is not positive",
    "91-negative-serial-root": "its serial number is not positive",
    "92-serial-zero": "its serial number is not positive",
    "94-v1-company-root": "X.509 version 1",
    "95-v1-cert": "X.509 version 1",
    "a5-self-issued-copy": "none of these signed",
}
"""What is said of those that are refused. A device registers with every other one."""

WITHOUT_ISSUER = {"06-der": "a file in DER", "21-bare-base64": "without BEGIN and END lines"}
"""Their encoding is read. They are refused nevertheless: a file of this kind holds one certificate, and that of the CA that
signed is in neither. What is said names the encoding and the conversion."""

BUNDLES = {
    "06-encrypted-key": "is encrypted.*openssl pkey",
    "10-other-key": "belongs to none of its certificates",
    "11-pfx": r"is PKCS #12.*openssl pkcs12",
    "13-two-keys": "2 private keys",
    "14-literal-n": r"holds a literal \\n",
    "15-json-quoted": r"holds a literal \\n.*--output tsv",
    "18-no-key": "contains no private key",
    "23-empty": "is empty",
    "24-csr": "is the request itself",
}
"""The same of bundles. Every other one is read, and DPS says that it does not know the device: it is of another world."""


def cases(folder: Path) -> list[Path]:
    return sorted(each.parent for each in (folder / "out").glob("*/README"))


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def requested(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The world whose request all certificates answer."""
    (tmp_path / "infra" / "local.toml").unlink()
    (tmp_path / ".dpsops").mkdir()
    for file in (MERGE / "world" / ".dpsops").iterdir():
        shutil.copyfile(file, tmp_path / ".dpsops" / file.name)
    move_clocks(monkeypatch, MADE)
    return terminal


def test_every_case_is_known() -> None:
    assert len(cases(MERGE)) >= 87
    assert len(cases(BUNDLE)) >= 22
    assert CERTIFICATES.keys() | set(WITHOUT_ISSUER) <= {each.name for each in cases(MERGE)}
    assert BUNDLES.keys() <= {each.name for each in cases(BUNDLE)}


@pytest.mark.parametrize("case", cases(MERGE), ids=lambda case: case.name)
def test_what_a_ca_hands_back_ends_as_it_should(case: Path, requested: Terminal) -> None:
    (certificate,), (chain,) = case.glob("cert.*"), case.glob("chain.*")
    merged = requested("root", "merge", str(certificate), str(chain))
    readme = (case / "README").read_text(encoding="utf-8")
    if words := CERTIFICATES.get(case.name):
        assert_error(merged, Exit.WRONG_USE)
        assert re.search(words, one_line(merged[2])), merged[2]
        assert re.search("refused|as [0-9]", readme), readme
        return
    if case.name in WITHOUT_ISSUER:
        assert_error(merged, Exit.WRONG_USE, "none of these signed", "add the certificate of CN=Company Issuing CA")
        assert_error(merged, Exit.WRONG_USE, WITHOUT_ISSUER[case.name], "openssl x509 -inform der")
        return
    assert merged[0] == 0, merged[2]
    assert re.search("accepted|put in order|as [0-9]", readme), readme
    assert requested("rotate", "--replace", "root-g1", "--until", "draining")[0] == 0
    registered = requested("device", "register", "press-07", "--transport", "https")
    assert registered[0] == 0, registered[2]
    (device,) = requested.json("device", "list")["devices"]
    assert (device["device"], device["generation"]) == ("press-07", 2)


@pytest.mark.parametrize("case", cases(BUNDLE), ids=lambda case: case.name)
def test_a_bundle_is_read_or_refused_with_what_it_is(case: Path, requested: Terminal) -> None:
    bundle, scope = str(case / "bundle.pem"), requested.json("status")["dps"]["id_scope"]
    result = requested("device", "register", "press-07", "--bundle", bundle, "--id-scope", scope, "--transport", "https")
    readme = (case / "README").read_text(encoding="utf-8")
    if words := BUNDLES.get(case.name):
        assert_error(result, Exit.WRONG_USE)
        assert re.search(words, one_line(result[2])), result[2]
        assert "refused" in readme
        return
    assert_error(result, Exit.FAILED, "DPS refused the registration: Invalid certificate (401002)")
    assert re.search("registers|refused by DPS|PKCS#7", readme), readme
    sent, right = (read_bundle((case.parent / name / "bundle.pem").read_bytes(), name) for name in (case.name, "00-plain"))
    assert sent.key == right.key
    if case.name == "09-leaf-only":
        assert "contains only the device certificate" in result[2]
        assert right.chain.startswith(sent.chain)
        return
    assert sent.chain == right.chain
    assert "only the device certificate" not in result[2]
