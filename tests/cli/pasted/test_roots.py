"""What is named when a root is missing, wrong, or signed by another CA."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from dpsops.pki import chains
from tests.cli.pasted.person import Person
from tests.cli.pasted.states import DPS_RESOURCE, again_by_another_name
from tests.workflows.another_ca import certified
from tests.workflows.by_hand import create
from tests.workflows.rotations import delete_group, delete_root, edit_group

REPLACE = "rotate --replace root-g1"
FILES = {"CERT": "root.pem", "CHAIN": "company.pem"}


def sign(request: str) -> None:
    """Another CA signs a request."""
    made, above = certified(x509.load_pem_x509_csr(Path(request).read_bytes()), datetime.now(UTC))
    Path("root.pem").write_text(chains.pem(made))
    Path("company.pem").write_text(chains.pem(above))


def test_there_is_no_finished_root(person: Person) -> None:
    person.stands()
    delete_group(person.connect())
    person("device issue press-07", 1)
    person.pastes("model/generations.py", "run 'dpsops up' first")
    person("device issue press-07")


def test_the_key_of_a_root_is_exportable(person: Person) -> None:
    person.edits("[vault]", "[vault]\npurge_protection = false")
    said = exportable(person)
    delete_root(person.connect(), "root-g1")
    person.connect().clients.certificates.purge_deleted_certificate("root-g1")
    person.said = said
    person.pastes("model/root.py", "delete and purge the certificate")
    person("device issue press-07")


def test_the_key_of_a_root_that_nobody_can_purge_is_exportable(person: Person) -> None:
    person.said = exportable(person)
    person.edits("kv-dpsops-local", "kv-dpsops-other")
    person.pastes("model/root.py", "delete and purge the certificate")
    person("device issue press-07")


def exportable(person: Person) -> str:
    """Somebody makes root-g1 by hand before `up` does. What `up` says."""
    with person.refusing("POST", "/certificates/root-g1/create", 503, "Unavailable"):
        person("up", 1)
    create(person.connect(), "root-g1", {}, exportable=True)
    return person("up", 1)


def test_a_root_has_expired(person: Person) -> None:
    person.stands()
    person.passes(3_700)
    person("device issue press-07", 1)
    person.pastes("model/root.py", "it cannot issue certificates")
    person("device issue press-07")


def test_a_root_expires_while_it_signs(person: Person) -> None:
    person.stands()
    person.beside("POST", "/sign", lambda: person.passes(3_700))
    person("device issue press-07", 1)
    assert "rotate --compromised --replace root-g1" in person.pastes("pki/chains.py", "the root has expired")


def test_a_vault_signs_wrongly(person: Person) -> None:
    person.stands()
    answer = {"kid": "https://kv-dpsops-local.vault.azure.net/keys/root-g1/0", "value": "A" * 86}
    with person.answering("POST", "/sign", 200, answer):
        person("device issue press-07", 1)
    person.pastes("pki/chains.py", "the vault did not sign with the root's key")
    person("device issue press-07")


def test_the_next_root_waits_for_another_ca(person: Person) -> None:
    person.stands()
    person("root csr --out root.csr")
    sign("root.csr")
    person(REPLACE, 1)
    person.pastes("steps/make_root.py", "prints the request", FILES, either=True)
    person(REPLACE)


def test_a_request_is_signed(person: Person) -> None:
    person.stands()
    person("root csr --out root.csr")
    sign("root.csr")
    person("rotate status")
    person.pastes("cli/rotation_report.py", "dpsops root merge CERT CHAIN", FILES)
    person(REPLACE)


def test_the_page_of_a_request(person: Person) -> None:
    person.stands()
    person.as_step("root csr --out root.csr")
    sign("root.csr")
    person.pastes("cli/root.py", "waits for a certificate that another CA signs", FILES)
    person(REPLACE)


def test_there_is_no_request(person: Person) -> None:
    person.stands()
    person("root csr --out other.csr")
    sign("other.csr")
    person("rotate undo")
    person("root merge root.pem company.pem", 1)
    assert "BEGIN CERTIFICATE REQUEST" in person.pastes("workflows/root_csr.py", "create one first")


def test_a_certificate_is_for_another_key(person: Person) -> None:
    person.stands()
    person("root csr --out other.csr")
    sign("other.csr")
    person("rotate undo")
    person("root csr")
    person("root merge root.pem company.pem", 2)
    Path("root.csr").write_text(person.pastes("workflows/root_csr.py", "have the request of"))
    sign("root.csr")
    person("root merge root.pem company.pem")


def test_the_next_root_is_self_signed_already(person: Person) -> None:
    person.stands()
    with person.refusing("POST", "/certificates/root-g2/pending/merge", 503, "Unavailable"):
        person(REPLACE, 1)
    person("root csr", 1)
    person.pastes("workflows/root_csr.py", "to complete it: ")
    assert "STAGED" in person("rotate status")


def test_a_rotation_is_under_way(person: Person) -> None:
    person.stands()
    person(REPLACE)
    person("root csr", 1)
    person.pastes("workflows/root_csr.py", "to finish it", either=True)


def test_the_root_has_another_name_too(person: Person) -> None:
    person.stands()
    again_by_another_name(person, DPS_RESOURCE)
    person("plan")
    person.pastes("model/plan.py", "what refers to that name", codes=(0,))


def test_the_settings_want_another_key(person: Person) -> None:
    person.stands()
    person.edits('key = "EC-P256"', 'key = "RSA-2048"\npath_length = 1')
    person("status")
    said = person.said
    person.pastes("model/next.py", "the settings want a root key of type")
    person("rotate undo")
    person.said = said
    person.pastes("model/next.py", "the settings want a root with path length")
    person("rotate --replace root-g1 --until stable --grace 0")
    assert "RSA-2048" in person("root show")


def test_a_device_is_under_a_root_that_is_not_trusted(person: Person) -> None:
    person.stands()
    person("device issue press-07")
    person(f"{REPLACE} --until proven")
    edit_group(person.connect(), attestation={"type": "x509", "x509": {"caReferences": {"primary": "root-g2"}}})
    person("status")
    person.pastes("model/next.py", "have a certificate under a root that is not trusted", {"ID": "press-07"})
    assert "not trusted" not in person("status")
