"""Worlds for the questions, set oppositely, and what each question must find in a world: from its habits, not from the script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from azure_facts import group
from azure_facts.answers import Answer
from azure_facts.questions import QUESTIONS
from azure_facts.run import Results, run
from azure_facts.scrub import Scrubber
from azure_facts.tape import Tape
from dpsops.cli.connection import Connection
from dpsops.emulator.azure import Azure
from dpsops.emulator.habits import Habits
from dpsops.emulator.http import Request, Response
from dpsops.emulator.state import State
from tests.worlds import World

NAME = "t3st"

ONE = Habits(
    quoted_etags=True,
    leaf_alone=False,
    dps_put_absent="reset",
    vault_put_absent="reset",
    policies_absent="kept",
    what_if_defaults="carried",
    what_if_empty_objects=True,
    what_if_details=False,
    what_if_short_circuits="told",
    never_takes_new_leaf=True,
    ec_reuse_key=True,
    identity_links=True,
    identity_links_before="whole",
    puts_mask_keys=False,
    masked_links_kept=True,
)
OTHER = Habits(
    quoted_etags=False,
    leaf_alone=True,
    dps_put_absent="kept",
    vault_put_absent="kept",
    policies_absent="reset",
    what_if_defaults="deleted",
    what_if_empty_objects=False,
    what_if_details=True,
    what_if_short_circuits="silent",
    never_takes_new_leaf=False,
    ec_reuse_key=False,
    identity_links=True,
    identity_links_before="absent",
    puts_mask_keys=True,
    masked_links_kept=False,
)
THIRD = Habits(
    what_if_defaults="created", identity_links=False, dps_put_absent="kept", policies_absent="kept", quoted_etags=False
)
"""What the other two leave out."""

WORLDS = {"one": ONE, "other": OTHER, "third": THIRD}


def expected(habits: Habits) -> dict[str, dict[str, Any]]:
    """Of the fact of each question: the members that the habits decide."""
    quoted = {"verification_code": habits.quoted_etags, "deletion": habits.quoted_etags}
    foreseen = {"defaults": habits.what_if_defaults}
    shown = "masked" if habits.puts_mask_keys else "shown"
    of_dps = dict.fromkeys(("tags", "iotHubs", "allocationPolicy", "ipFilterRules", "identity"), habits.dps_put_absent)
    of_hub = dict.fromkeys(("tags", "identity", "cloudToDevice", "retentionTimeInDays", "fallbackRoute"), "reset")
    of_vault = dict.fromkeys(("tags", "enabledForDeployment", "networkAcls"), habits.vault_put_absent)
    policies = {"authorizationPolicies": habits.policies_absent}
    before = habits.identity_links_before if habits.identity_links else None
    return {
        "quoted-if-match": {"dps": quoted, "hub": quoted},
        "second-what-if": {
            "vault": foreseen,
            "hub": foreseen,
            "dps": foreseen,
            "short_circuits": habits.what_if_short_circuits,
            "empty_objects": habits.what_if_empty_objects,
            "potential_changes": 0 if habits.what_if_details else None,
        },
        "put-absent": {
            "dps": {"members": of_dps | policies},
            "hub": {"members": of_hub | policies},
            "vault": {"members": of_vault | {"softDeleteRetentionInDays": "kept"}},
            "version": "2026-11-01",
        },
        "never-thumbprint": {"renewed": habits.never_takes_new_leaf},
        "ec-reuse-key": {"curve": "P-256", "kept": habits.ec_reuse_key},
        "identity-link": {"taken": habits.identity_links, "before": before},
        "leaf-alone": {"registers": habits.leaf_alone, "code": None if habits.leaf_alone else 401002},
        "masked-keys": {
            "dps_put_link": shown,
            "dps_put_policies": shown,
            "dps_get_link": "masked",
            "dps_get_policies": "absent",
            "hub_put_policies": shown,
            "hub_get_policies": "absent",
            "masked_link_works": habits.masked_links_kept,
        },
    }


def part_of(fact: Any, wanted: Any) -> Any:
    """Those members of a fact that are wanted, at each depth."""
    if not isinstance(wanted, dict):
        return fact
    return {name: part_of(fact.get(name), each) for name, each in wanted.items()}


def found(results: Results) -> dict[str, Any]:
    """The fact of each question by its name; why there is none, if there is none."""
    return {each.question.name: asdict(each.fact) if each.fact else each.why for each in results.answers}


@dataclass(slots=True)
class Secrets:
    """Every secret that the embedded Azure holds or hands out while a run is under way, by what it is."""

    azure: Azure
    known: dict[str, set[str]] = field(default_factory=dict)
    exchanges: list[str] = field(default_factory=list)

    def __call__(self, request: Request, answer: Response) -> None:
        """Looks at an exchange and at what the state holds after it."""
        if request.host != "login.microsoftonline.com":
            self.exchanges.append(request.host)
        if token := request.headers.get("authorization", ""):
            self._add("token", token.partition(" ")[2])
        with self.azure.database.transaction() as state:
            for kind, document in _documents(state):
                self._look(kind, document)

    def _look(self, kind: str, value: Any, name: str = "") -> None:
        match value:
            case dict():
                for key, each in value.items():
                    self._look(kind, each, key)
            case list():
                for each in value:
                    self._look(kind, each, name)
            case str() if value.strip("*"):
                match kind, name:
                    case _, "primaryKey" | "secondaryKey" | "key":
                        self._add("key", value)
                    case "application", "secret":
                        self._add("client secret", value)
                    case "certificate", "code":
                        self._add("verification code", value)
                    case _, "pem":
                        self._add("private key", "".join(value.split("\n")[1:-2])[-64:])
                    case _, "tenantId" | "tenant_id" | "principalId" | "principal" | "object_id" | "app_id" | "subscription":
                        self._add("ID", value)

    def _add(self, kind: str, secret: str) -> None:
        self.known.setdefault(kind, set()).add(secret)


def _documents(state: State) -> Iterator[tuple[str, Any]]:
    kinds = (
        "application",
        "certificate",
        "identityKey",
        "iotHub",
        "keyvault.keyVersion",
        "keyvault.vault",
        "provisioningService",
    )
    for kind in kinds:
        for _, document in state.list(kind):
            yield kind, document


@dataclass(slots=True)
class Ran:
    """A run that has ended."""

    results: Results
    folder: Path
    scrubber: Scrubber
    secrets: Secrets
    lines: list[str]

    @property
    def cassettes(self) -> list[Path]:
        """The cassettes in the order of their names."""
        return sorted(self.folder.glob("*.yaml"))


def ask_all(world: World, folder: Path, *, watched: bool = False) -> Ran:
    """A whole run in a world of the embedded Azure; `watched`: its secrets are collected, which takes time."""
    assert world.embedded is not None
    secrets = Secrets(world.embedded.azure)
    if watched:
        world.embedded.azure.observers.append(secrets)
    azure = connect(world)
    scrubber, lines = Scrubber(azure.clients.subscription), list[str]()
    ran = Ran(Results(), folder, scrubber, secrets, lines)

    def show(answer: Answer) -> None:
        lines.append(answer.line)

    try:
        run(azure, Tape(folder, scrubber), QUESTIONS, ran.results, show)
    finally:
        (folder / "answers.json").write_text(scrubber.text(ran.results.document(QUESTIONS, "embedded")), encoding="utf-8")
    return ran


def connect(world: World) -> Connection:
    """A connection to the environment of a run."""
    return world.connect(group.environment(NAME, "westeurope"))


def remains(world: World) -> list[str]:
    """What Azure still has of the run, soft-deleted or not, other than what it had before."""
    azure = connect(world)
    clients = azure.clients
    found: list[Any] = [
        *clients.groups.resource_groups.list(),
        *clients.hubs.iot_hub_resource.list_by_subscription(),
        *clients.dps.iot_dps_resource.list_by_subscription(),
        *clients.vaults.vaults.list_by_subscription(),
        *clients.vaults.vaults.list_deleted(),
    ]
    base = f"/subscriptions/{clients.subscription}/providers/Microsoft.Authorization/roleAssignments"
    assignments = [each["id"] for each in clients.authorization.pages(base)]
    return [str(each.id) for each in found] + [each for each in assignments if "/resourcegroups/" in each.lower()]


def strings(value: Any) -> Iterator[str]:
    """Every string in a document."""
    match value:
        case dict():
            for name, each in value.items():
                yield from strings(name)
                yield from strings(each)
        case list():
            for each in value:
                yield from strings(each)
        case bytes():
            yield value.decode("latin-1")
        case str():
            yield value
