"""What each job on a fleet asks of Azure, and Azure's limits for that.

Sources: "Azure Key Vault service limits", "Azure IoT Hub Device Provisioning Service limits", "IoT Hub quotas and throttling".
What is asked is what dpsops asks for each device, page or call; the few requests before and after (the enrollment group, the
root, what is uploaded and removed) are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bench.flow import Flow, Limit, Step

SIGNATURES = {"EC-P256": 400.0, "EC-P384": 400.0, "RSA-2048": 400.0, "RSA-3072": 100.0, "RSA-4096": 50.0}
"""A second, by the root's key: of a vault, and so of a root."""

SECRETS = 30.0
"""New secrets, and new versions, a second and vault."""

_VAULTS_AT_ONCE = 5  # all vaults of a subscription in one region take together what so many take
_VAULT_READS = 400.0  # a second and vault
_REGISTRATIONS = 1000 / 60  # a second and DPS
_SECRETS_PAGE, _TWINS_PAGE, _CALL = 25, 100, 100
_LARGE = ("B3", "S3")
SKUS = ("F1", "B1", "B2", "B3", "S1", "S2", "S3")


@dataclass(frozen=True, slots=True)
class Setup:
    """What a fleet has and what works for it.

    devices: how many. vaults: for the devices' secrets, all in one region of each of `subscriptions`. root: the root's key; hsm:
    it is in an HSM. shards: processes, each with its share. hubs, sku, units: all hubs are alike. cpu: seconds of a core for a
    leaf, in the process that makes it. latency: seconds until a request is answered. in_flight: devices at a time in a process;
    connections: requests at a time.
    """

    devices: int
    vaults: int = 1
    subscriptions: int = 1
    root: str = "EC-P256"
    hsm: bool = False
    shards: int = 1
    hubs: int = 1
    sku: str = "S1"
    units: int = 1
    cpu: float = 0.001
    latency: float = 0.05
    in_flight: int = 512
    connections: int = 64

    @property
    def signatures(self) -> Limit:
        """The root's key; an HSM signs half as fast."""
        return Limit("signatures of the root", SIGNATURES[self.root] / (2 if self.hsm else 1))

    @property
    def registry(self) -> Limit:
        """Operations on device identities: a minute and unit 100, of size 3 5,000."""
        return Limit("registry operations of a hub", (5000 if self.sku in _LARGE else 100) * self.units / 60, self.hubs)

    @property
    def queries(self) -> Limit:
        """A minute and unit 20, of size 3 1,000."""
        return Limit("queries of a hub", (1000 if self.sku in _LARGE else 20) * self.units / 60, self.hubs)


@dataclass(frozen=True, slots=True)
class Job:
    """Phases, one after the other; the flows of a phase run at the same time."""

    name: str
    phases: tuple[tuple[Flow, ...], ...]

    def requests(self) -> int:
        """How many requests dpsops sends. Devices' own are not counted."""
        flows: Iterable[Flow] = (flow for phase in self.phases for flow in phase)
        return sum(flow.count * flow.requests for flow in flows)


def issue(setup: Setup) -> Job:
    """Devices that have nothing yet: a signature and a secret for each."""
    return Job("issue", ((_leaves(setup),),))


def renew(setup: Setup) -> Job:
    """Devices that have a secret: it is found in a list first. A reissue in a rotation asks for the same."""
    pages = replace(_secret_pages(setup), requests=setup.shards)  # each process reads all of them
    return Job("renew, or reissue in a rotation", ((pages,), (_leaves(setup),)))


def look(setup: Setup) -> Job:
    """`device list`, `rotate status`: the secrets, and the hubs' twins by a query."""
    return Job("list, or rotate status", ((_secret_pages(setup), _twin_pages(setup)),))


def cut_off(setup: Setup, *, counted: int) -> Job:
    """Disables all identities of a fleet in calls of up to 100, each of which counts as so many operations; the devices are those
    in the vaults."""
    how = "a call counts once" if counted == 1 else "once a device"
    return Job(f"cut off in a breach, {how}", ((_secret_pages(setup), _bulk_calls(setup, counted)),))


def register(setup: Setup) -> Job:
    """Every device registers once more, as fast as its DPS takes it."""
    return Job("register again", ((_registrations(setup, setup.devices),),))


def register_counted(setup: Setup) -> Job:
    """The same, if a hub counts what the DPS writes as a registry operation."""
    step = Step(setup.registry, latency=setup.latency)
    flow = Flow("registrations", setup.devices, (Step(_dps(), latency=setup.latency), step), setup.devices, requests=0)
    return Job("... if a hub counts it as an operation", ((flow,),))


def rotation(setup: Setup) -> Job:
    """From the first look to the last: the devices register while others still get their leaf."""
    registrations = _registrations(setup, setup.devices)
    return Job("a whole rotation", (*look(setup).phases, (_leaves(setup), registrations), *look(setup).phases))


def breach(setup: Setup, *, counted: int) -> Job:
    """From the cut-off until every device is registered again: cut off, reissued, enabled, registered."""
    first = cut_off(setup, counted=counted)
    enabled = _bulk_calls(setup, counted)
    phases = (*first.phases, (_leaves(setup),), (enabled, _registrations(setup, setup.devices)))
    return Job(first.name.replace("cut off in a", "a whole"), phases)


def _leaves(setup: Setup) -> Flow:
    core = Step(Limit("the CPU of this program", setup.shards / setup.cpu), latency=setup.cpu)
    open_ones = Step(Limit("connections of this program", setup.shards * setup.connections / (2 * setup.latency)))
    sign = Step(setup.signatures, latency=setup.latency)
    store = Step(Limit("secrets of a vault", SECRETS, setup.vaults))
    together = Limit("secrets of a subscription", SECRETS * _VAULTS_AT_ONCE, setup.subscriptions)
    steps = (core, open_ones, sign, store, Step(together, latency=setup.latency))
    return Flow("leaves", setup.devices, steps, setup.in_flight, setup.shards, requests=2)


def _secret_pages(setup: Setup) -> Flow:
    """A page names the next one, so that they come one after the other."""
    one = Step(Limit("pages of secrets, one after the other", 1 / setup.latency, setup.vaults), latency=setup.latency)
    limit = Step(Limit("reads of a vault", _VAULT_READS, setup.vaults))
    count = -(-setup.devices // _SECRETS_PAGE)
    return Flow("pages of secrets", count, (limit, one), max(1, count))


def _twin_pages(setup: Setup) -> Flow:
    one = Step(Limit("pages of twins, one after the other", 1 / setup.latency, setup.hubs), latency=setup.latency)
    count = -(-setup.devices // _TWINS_PAGE)
    return Flow("pages of twins", count, (Step(setup.queries), one), max(1, count))


def _bulk_calls(setup: Setup, counted: int) -> Flow:
    step = Step(setup.registry, counted, setup.latency)
    return Flow("bulk calls", -(-setup.devices // _CALL), (step,), setup.in_flight)


def _dps() -> Limit:
    return Limit("registrations of a DPS", _REGISTRATIONS)


def _registrations(setup: Setup, devices: int) -> Flow:
    """By the devices themselves, however many at once."""
    return Flow("registrations", devices, (Step(_dps(), latency=setup.latency),), max(1, devices), requests=0)
