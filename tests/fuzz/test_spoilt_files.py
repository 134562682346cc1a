"""Every file that a command reads, spoilt: the command does what it should, or ends with one error that has a hint. What it has
done belongs to what the file says, and no part of a private key is ever printed.

The short part has each mutation once, of some kind of file; `make fuzz` has a hundred times as many (`profile.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID

from dpsops.cli.exits import Exit
from tests.cli.terminal import LOCAL, Terminal
from tests.fuzz.mutations import MUTATIONS, mutated
from tests.fuzz.profile import SEED, TIMES
from tests.workflows.another_ca import certified
from tests.workflows.saved import Saved

pytestmark = pytest.mark.usefixtures("unmeasured")

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
_OPEN = serialization.NoEncryption()
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "press-09")])
_LARGER = LOCAL.replace("[root]", "capacity = 3\n[root]")

Result = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: what good ones look like, the command that reads one, and what is wrong with what it has done."""

    seeds: Sequence[bytes]
    words: Sequence[str]
    wrong: Callable[[bytes, Result], str] = lambda _content, _result: ""


@dataclass(slots=True)
class Files:
    """An environment with a device, in which a request for the next root and one for a larger hub are waiting."""

    terminal: Terminal
    saved: Saved
    kinds: dict[str, Kind]
    secrets: set[str] = field(default_factory=set)

    def read(self, kind: Kind, content: bytes, name: str) -> Result:
        """The result of the command for a file with this content."""
        Path(name).write_bytes(content)
        for each in Path.cwd().glob("delivery/*"):
            each.unlink()
        Path(name).with_suffix(".crt").unlink(missing_ok=True)
        self.saved.restore()
        return self.terminal(*(each.replace("FILE", name) for each in kind.words))


@pytest.fixture
def files(terminal: Terminal, tmp_path: Path) -> Files:
    assert terminal("up")[0] == 0
    scope = terminal.json("status")["dps"]["id_scope"]
    assert terminal("device", "issue", "press-07")[0] == 0
    assert terminal("device", "export", "press-07", "--to", "out")[0] == 0
    request = x509.load_pem_x509_csr(terminal.json("root", "csr")["csr"].encode())
    (tmp_path / "infra" / "local.toml").write_text(_LARGER)
    assert terminal("plan", "--out", "the.plan")[0] == 0
    plan = (tmp_path / "the.plan").read_bytes()
    bundle = (tmp_path / "out" / "press-07.pem").read_bytes()
    root, company = certified(request, datetime.now(UTC))
    (tmp_path / "root.pem").write_bytes(root.public_bytes(PEM))
    (tmp_path / "chain.pem").write_bytes(company.public_bytes(PEM))
    thumbprint = root.fingerprint(hashes.SHA256()).hex()
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.CertificateSigningRequestBuilder().subject_name(_NAME).sign(key, hashes.SHA256())

    def merged(_content: bytes, _result: Result) -> str:
        found = [(each["thumbprint"] or "").lower() for each in terminal.json("rotate", "status")["rotation"]["generations"]]
        return "" if thumbprint in found else f"another root: {found}"

    def signed(_content: bytes, _result: Result) -> str:
        found = x509.load_pem_x509_certificates(Path("spoilt.crt").read_bytes())[0]
        return "" if found.public_key() == key.public_key() else "a certificate for another key"

    def approved(content: bytes, _result: Result) -> str:
        done, good = json.loads(content), json.loads(plan)
        return "" if all(done[name] == good[name] for name in good if name != "notes") else "another plan was done"

    def issued(content: bytes, result: Result) -> str:
        text = content.decode("utf-8", "replace")
        strange = [each["device"] for each in json.loads(result[1])["issued"] if each["device"] not in text]
        return f"issued to {strange}" if strange else ""

    def locked(content: bytes, _result: Result) -> str:
        (pfx,) = Path("delivery").iterdir()
        pkcs12.load_key_and_certificates(pfx.read_bytes(), content.rstrip(b"\r\n"))
        return ""

    both = [root, company]
    certificates = [
        root.public_bytes(PEM), root.public_bytes(DER), pkcs7.serialize_certificates(both, PEM),
        pkcs7.serialize_certificates(both, DER),
    ]  # fmt: skip
    rows = b"device,hub,individual\npress-11,,\npress-12,iot-dpsops-local,yes\n"
    kinds = {
        "certificate": Kind(certificates, ["root", "merge", "FILE", "chain.pem"], merged),
        "chain": Kind(
            [company.public_bytes(PEM), *(pkcs7.serialize_certificates(both, each) for each in (PEM, DER))],
            ["root", "merge", "root.pem", "FILE"], merged,
        ),
        "bundle": Kind(
            [bundle, pkcs12.serialize_key_and_certificates(b"x", key, None, [company], _OPEN)],
            ["device", "register", "press-07", "--bundle", "FILE", "--id-scope", scope, "--transport", "https"],
        ),
        "request": Kind(
            [own.public_bytes(PEM), own.public_bytes(DER)], ["device", "issue", "press-09", "--csr", "FILE"], signed
        ),
        "plan": Kind([plan], ["up", "--plan", "FILE"], approved),
        "fleet": Kind(
            [rows, b'{"device": "press-11", "twin": {"a": 1}}\n{"device": "press-12"}\n', b"press-11\npress-12\n"],
            ["--output", "json", "device", "issue", "--from", "FILE"], issued,
        ),
        "password": Kind(
            [b"correct horse battery staple\n", "sch\N{LATIN SMALL LETTER O WITH DIAERESIS}n\r\n".encode()],
            ["device", "export", "press-07", "--to", "delivery", "--pfx", "--password-file", "FILE"], locked,
        ),
    }  # fmt: skip
    body = "".join(bundle.decode().partition("PRIVATE KEY-----")[2].partition("-----END")[0].split())
    parts = {body[place : place + 20] for place in range(0, len(body) - 20, 5)}
    return Files(terminal, Saved.of(tmp_path), kinds, parts)


def cases(kinds: dict[str, Kind]) -> Iterator[tuple[str, str, int]]:
    """Each time: a kind of file, a mutation, and the number of a seed."""
    chance = Random(SEED)  # noqa: S311
    for _ in range(TIMES):
        for mutation in MUTATIONS:
            kind = chance.choice(list(kinds))
            yield kind, mutation, chance.randrange(len(kinds[kind].seeds))


def test_spoilt_files(files: Files) -> None:
    for name, kind in files.kinds.items():
        assert files.read(kind, kind.seeds[0], "spoilt.file")[0] == 0, f"the command for a good {name} fails"
    wrong: list[str] = []
    codes = set[int]()
    for case in cases(files.kinds):
        name, mutation, seed = case
        kind, chance = files.kinds[name], Random(f"{SEED} {case}")  # noqa: S311
        others = [each for found in files.kinds.values() for each in found.seeds]
        content = mutated(mutation, kind.seeds[seed], others, chance)
        try:
            result = files.read(kind, content, "spoilt.file")
            if found := _fault(kind, content, result, files.secrets):
                wrong.append(f"{case}: {found}")
            codes.add(result[0])
        except (Exception, SystemExit) as defect:
            wrong.append(f"{case}: {defect!r}"[:600])
    assert not wrong, "\n".join(wrong)
    assert {Exit.DONE, Exit.WRONG_USE} <= codes


def _fault(kind: Kind, content: bytes, result: Result, secrets: set[str]) -> str:
    code, out, err = result
    if any(each in out + err for each in secrets):
        return "a part of a private key was printed"
    if code == Exit.DONE:
        return kind.wrong(content, result)
    lines = err.splitlines()
    heads = [line.split(": ")[1] for line in lines if line.startswith(("dpsops: error: ", "dpsops: hint: "))]
    if code not in (Exit.WRONG_USE, Exit.FAILED) or heads != ["error", "hint"]:
        return f"exit code {code}: {err[:400]!r}"
    if "Traceback" in err or not all(line.isprintable() for line in lines) or len(err) > 4000:
        return f"not clear: {err[:400]!r}"
    return ""
