"""The commands that are killed: their words, in which state they are run, and the devices that are looked at afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dpsops.pki.bundles import DeviceCredential
from dpsops.pki.names import DeviceId, device_id
from tests.workflows.another_ca import certified
from tests.workflows.devices import Device
from tests.worlds import World

PLAIN, PINNED, NEW = device_id("press-07"), device_id("press-08"), device_id("press-09")
REPLACE = ("rotate", "--replace", "root-g1")
TWENTY = [device_id(f"lathe-{number:02}") for number in range(1, 21)]


class Runs(Protocol):
    """Runs commands."""

    def run(self, words: Sequence[str], place: Path) -> tuple[int, str]:
        """Runs dpsops with these words in a directory: the exit code and stderr."""


@dataclass(slots=True)
class Stage:
    """A place in which commands run for a preparation, and what the devices there have stored."""

    parent: Runs
    place: Path
    world: World
    stored: dict[DeviceId, DeviceCredential] = field(default_factory=dict)

    def run(self, *words: str) -> None:
        """Runs a command, which must succeed."""
        code, said = self.parent.run(words, self.place)
        assert code == 0, said

    def register(self, *devices: DeviceId) -> None:
        """The devices fetch their certificates, keep them, and register."""
        connection = self.world.connect()
        for name in devices:
            device = Device.fetched(connection, name)
            device.register(connection)
            self.stored[name] = device.credential


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `again`: the words of the second run, if they are not the same. `admitted`: the devices that can register
    afterwards with what they then fetch; `refused`: those that cannot."""

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Stage], None]
    admitted: tuple[DeviceId, ...] = ()
    refused: tuple[DeviceId, ...] = ()
    again: tuple[str, ...] = ()

    @property
    def said_again(self) -> tuple[str, ...]:
        """The words of the second run."""
        return self.again or self.words


def nothing(_: Stage) -> None:
    """Nothing is there."""


def fleet(stage: Stage) -> None:
    """Two devices, one of them with an individual enrollment; both are registered."""
    stage.run("up")
    stage.run("device", "issue", PLAIN)
    stage.run("device", "issue", PINNED, "--individual")
    stage.register(PLAIN, PINNED)


def blocked(stage: Stage) -> None:
    """One device is blocked."""
    fleet(stage)
    stage.run("device", "block", PLAIN)
    stage.run("device", "block", PINNED)


def overlapping(stage: Stage) -> None:
    """The group trusts a new root, and no device has a certificate of it."""
    fleet(stage)
    stage.run(*REPLACE, "--until", "overlapping")


def draining(stage: Stage) -> None:
    """All devices have moved, so the old root can go."""
    fleet(stage)
    stage.run(*REPLACE, "--until", "draining")
    stage.register(PLAIN, PINNED)


def requested(stage: Stage) -> None:
    """Another CA has signed the request for the next root."""
    fleet(stage)
    stage.run("root", "csr", "--out", "root.csr")
    request = x509.load_pem_x509_csr((stage.place / "root.csr").read_bytes())
    for name, certificate in zip(("root.pem", "ca.pem"), certified(request, stage.world.connect().run.now()), strict=True):
        (stage.place / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def asked(stage: Stage) -> None:
    """A third device has made its own key, and asks for a certificate."""
    fleet(stage)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NEW)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    (stage.place / "requests").mkdir()
    (stage.place / "requests" / "asked.csr").write_bytes(request.public_bytes(serialization.Encoding.PEM))


def many(stage: Stage) -> None:
    """Five devices more, which have not registered."""
    fleet(stage)
    stage.run("device", "issue", *TWENTY[:5])


def with_vaults(stage: Stage) -> None:
    """The settings name two vaults for devices, and nothing is there."""
    settings = stage.place / "infra" / "local.toml"
    settings.write_text(settings.read_text() + '\n[device]\nvaults = ["kv-dpsops-one", "kv-dpsops-two"]\n')


def spread(stage: Stage) -> None:
    """There are two vaults for devices, and half of the devices have a certificate."""
    with_vaults(stage)
    stage.run("up")
    stage.run("device", "issue", *TWENTY[::2])


def purgeable(stage: Stage) -> None:
    """The same, and the vaults may be purged; no device has registered."""
    settings = stage.place / "infra" / "local.toml"
    settings.write_text(settings.read_text().replace("[vault]\n", "[vault]\npurge_protection = false\n"))
    spread(stage)


BOTH = (PLAIN, PINNED)

COMMANDS = (
    Command("up", ("up",), nothing),
    Command("device issue (20)", ("device", "issue", *TWENTY), fleet, (TWENTY[0], TWENTY[-1], *BOTH)),
    Command("device issue --individual", ("device", "issue", PLAIN, PINNED, NEW, "--individual"), fleet, (*BOTH, NEW)),
    Command("device renew", ("device", "renew", PLAIN, PINNED), fleet, BOTH),
    Command("device block", ("device", "block", PLAIN), fleet, (PINNED,), (PLAIN,)),
    Command("device block (individual)", ("device", "block", PINNED), fleet, (PLAIN,), (PINNED,)),
    Command("device unblock", ("device", "unblock", PLAIN), blocked, (PLAIN,), (PINNED,)),
    Command("device unblock (individual)", ("device", "unblock", PINNED), blocked, (PINNED,), (PLAIN,)),
    Command("rotate, to draining", (*REPLACE, "--until", "draining"), fleet, BOTH),
    Command("rotate, to its end", (*REPLACE, "--until", "stable"), draining, BOTH),
    Command("rotate --grace 0", (*REPLACE, "--until", "stable", "--grace", "0", "--yes"), fleet, BOTH),
    Command("rotate undo", ("rotate", "undo"), overlapping, BOTH),
    Command("rotate --compromised", (*REPLACE, "--compromised", "--yes"), fleet, BOTH),
    Command("device issue --csr", ("device", "issue", "--csr", "requests"), asked, BOTH),
    Command("device block (5)", ("device", "block", *TWENTY[:5]), many, BOTH, (TWENTY[0], TWENTY[4])),
    Command("device export", ("device", "export", *BOTH, "--to", "delivery"), fleet, BOTH),
    Command("device export --remove-key", ("device", "export", *BOTH, "--to", "delivery", "--remove-key"), fleet),
    Command("up, with vaults for devices", ("up",), with_vaults),
    Command("device issue (20), with vaults for devices", ("device", "issue", *TWENTY), spread, (TWENTY[0], TWENTY[-1])),
    Command("device renew, with vaults for devices", ("device", "renew", *TWENTY[:6:2]), spread, (TWENTY[0], TWENTY[4])),
    Command("down", ("down",), fleet),
    Command("down --purge, with vaults for devices", ("down", "--purge"), purgeable),
    Command("root csr", ("root", "csr", "--out", "root.csr"), fleet, BOTH),
    Command("root merge", ("root", "merge", "root.pem", "ca.pem"), requested, BOTH),
)
