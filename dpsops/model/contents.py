"""What is in a vault, a DPS and a hub, and what of it is not dpsops's: whoever removes the resource would remove that too."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dpsops.model.device import read_leaf
from dpsops.model.proof import CaCertificate
from dpsops.model.root import ROLE_TAG, ROOT_ROLE, generation_of
from dpsops.pki.names import DeviceId, secret_name

_SHOWN = 3
"""So many of each kind are named."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A certificate, a key or a secret of a vault. `managed`: a key or a secret that belongs to a certificate."""

    kind: str
    name: str
    tags: Mapping[str, str]
    managed: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An enrollment of a DPS by its ID in lower case: of a group, or of one device; `is_block`: made by `device block`."""

    id: str
    is_group: bool
    is_block: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a resource. `counts`: of dpsops's own, for people (`2 roots`); `foreign`: what is not dpsops's, the first of
    each kind by name; `roots`, `devices`: the names of the roots and the IDs of the devices in a vault; `unseen`: what this
    identity may not list."""

    counts: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    roots: frozenset[str] = frozenset()
    devices: frozenset[str] = field(default=frozenset(), repr=False)
    unseen: tuple[str, ...] = ()


NOTHING = Contents()


def of_vault(stored: Iterable[Stored], unseen: Sequence[str] = ()) -> Contents:
    """The roots and the devices' secrets in a vault. A certificate has a key and a secret of its own name."""
    roots, devices, foreign = set[str](), set[str](), dict[str, list[str]]()
    found = list(stored)
    certificates = {each.name for each in found if each.kind == "certificate"}
    for each in found:
        if _is_root(each):
            roots.add(each.name)
        elif (device := _device(each)) is not None:
            devices.add(device)
        elif not each.managed or (each.kind == "secret" and each.name not in certificates):
            foreign.setdefault(each.kind, []).append(each.name)
    counts = (_counted(len(roots), "root"), _counted(len(devices), "device secret"))
    return Contents(_without_nothing(counts), _named(foreign), frozenset(roots), frozenset(devices), tuple(unseen))


def _is_root(each: Stored) -> bool:
    """A root, also one that only waits for its certificate, or what belongs to it. Its name alone does not make it one."""
    return generation_of(each.name) is not None and (each.managed or each.tags.get(ROLE_TAG) == ROOT_ROLE)


def _device(each: Stored) -> str | None:
    leaf = read_leaf(each.tags, None) if each.kind == "secret" else None
    return leaf.device if leaf and secret_name(DeviceId(leaf.device)) == each.name.lower() else None


def of_service(
    entries: Iterable[Entry],
    registrations: int,
    certificates: Mapping[str, CaCertificate],
    strange_hubs: Iterable[str],
    *,
    group: str,
    devices: Collection[str],
) -> Contents:
    """What is in a DPS. `registrations`: how many there are under the group; `strange_hubs`: the hosts that it is linked to and
    that are no hubs of this environment; `group`: the ID of dpsops's own group; `devices`: the IDs of its devices."""
    foreign = dict[str, list[str]]()
    groups = individuals = 0
    for each in entries:
        if each.is_group and each.id == group.lower():
            groups += 1
        elif not each.is_group and (each.is_block or each.id in devices):
            individuals += 1
        else:
            foreign.setdefault("enrollment group" if each.is_group else "enrollment", []).append(each.id)
    roots, others = _certificates(certificates)
    foreign |= {"CA certificate": others, "linked hub": sorted(strange_hubs)}
    counts = (
        _counted(groups, "enrollment group"), _counted(individuals, "enrollment"), _counted(registrations, "registration"),
        _counted(roots, "root to trust", "roots to trust"),
    )  # fmt: skip
    return Contents(_without_nothing(counts), _named(foreign))


def of_hub(identities: Iterable[str], certificates: Mapping[str, CaCertificate], *, devices: Collection[str]) -> Contents:
    """What is in a hub. `identities`: the IDs in it; `devices`: the IDs of this environment's devices."""
    ours, others = 0, list[str]()
    for each in identities:
        if each.lower() in devices:
            ours += 1
        else:
            others.append(each)
    roots, strange = _certificates(certificates)
    counts = (
        _counted(ours, "device identity", "device identities"), _counted(roots, "root to trust", "roots to trust"),
    )  # fmt: skip
    return Contents(_without_nothing(counts), _named({"device": others, "CA certificate": strange}))


def _certificates(found: Mapping[str, CaCertificate]) -> tuple[int, list[str]]:
    """How many CA certificates are roots, and the names of the others. A root may be there under a second name."""
    known = {each.thumbprint for name, each in found.items() if generation_of(name) is not None and each.thumbprint}
    others = [name for name, each in found.items() if generation_of(name) is None and each.thumbprint not in known]
    return len(found) - len(others), sorted(others)


def _named(foreign: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return tuple(_first(kind, names) for kind, names in foreign.items() if names)


def _first(kind: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"the {kind} {names[0]}"
    shown, more = ", ".join(sorted(names)[:_SHOWN]), len(names) - _SHOWN
    return f"{len(names)} {kind}s ({shown}{' and others' if more > 0 else ''})"


def _counted(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or f'{one}s'}" if number else ""


def _without_nothing(counts: Iterable[str]) -> tuple[str, ...]:
    return tuple(each for each in counts if each)
