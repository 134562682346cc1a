"""The resource group of a run, which the run makes and removes; no other is ever written to."""

from __future__ import annotations

import re
from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError

from dpsops.azure.errors import understood
from dpsops.cli.connection import Connection
from dpsops.errors import Error, InvalidInput, Refused
from dpsops.model.deployment import Deployment, decide
from dpsops.model.offers import require_offered
from dpsops.model.resources import Resources
from dpsops.settings import Environment

TAG = "azure-facts"
"""The tag of all that a run makes; its value is the run's name. Nothing without it is removed."""

PROVIDERS = ("Microsoft.Devices", "Microsoft.KeyVault")

_WHO = "Resource Manager"
_NAME = re.compile(r"[a-z0-9]{4,14}")
_ATTEMPTS, _PAUSE_SECONDS = 3, 60.0


def new_name(now: datetime) -> str:
    """A name for a run that begins now: the time to the second."""
    return f"{now:%y%m%d%H%M%S}"


def environment(name: str, region: str) -> Environment:
    """The environment of a run: one vault, one hub, one DPS, and a root with an EC key. Raises `InvalidInput`."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is not a name for a run", "use 4 to 14 lower case letters and digits: it is part of names")
    try:
        return Environment.model_validate(
            {
                "name": "facts",
                "location": region,
                "resource_group": f"rg-azure-facts-{name}",
                "tags": {TAG: name},
                "vault": {"name": f"kv-facts-{name}", "purge_protection": False, "soft_delete_days": 7},
                "dps": {"name": f"dps-facts-{name}"},
                "hub": [{"name": f"iot-facts-{name}", "sku": "S1"}],
                "root": {"key": "EC-P256"},
            }
        )
    except ValueError:
        raise InvalidInput(
            f"{region!r} is not the short name of a region", "'az account list-locations' shows them, as in westeurope"
        ) from None


def first_deployment(azure: Connection) -> Deployment:
    """What brings everything into an empty group; a second time it changes nothing."""
    return decide(azure.run.environment, Resources(azure.clients.group, group_exists=True), azure.deployments.principals)


@understood(_WHO)
def check(azure: Connection) -> list[str]:
    """Whether the run can begin; returns the names of former runs that have left their group behind. It changes nothing.

    Raises `Refused` if the group exists already, a provider is not registered, or the region lacks one of the resources.
    """
    own, groups = azure.run.environment, azure.clients.groups
    require_unused(azure)
    found = {str(each.name).lower(): each.tags or {} for each in groups.resource_groups.list()}
    for namespace in PROVIDERS:
        state = groups.providers.get(namespace).registration_state
        if state != "Registered":
            raise Refused(
                f"the subscription has not registered the resource provider {namespace} ({state})",
                f"az provider register --namespace {namespace} --wait",
            )
    try:
        require_offered(own, Resources("", group_exists=False), azure.deployments.offered())
    except Refused as refused:
        raise Refused(refused.message, f"choose another --region; {refused.hint.partition('; ')[2]}") from refused
    return sorted(tags[TAG] for name, tags in found.items() if name == f"rg-azure-facts-{tags.get(TAG)}")


def make(azure: Connection) -> None:
    """Makes the group and what is in it. Raises `Error`, with the group made or not."""
    say = azure.run.progress
    say(f"making the resource group {azure.run.environment.resource_group}")
    azure.deployments.create_group()
    say("making vault, hub and DPS (5 to 15 minutes on Azure)")
    azure.deployments.deploy(first_deployment(azure))


@understood(_WHO)
def require_unused(azure: Connection) -> None:
    """Raises `Refused` if the group exists already, whoever has made it."""
    name = azure.run.environment.resource_group
    try:
        azure.clients.groups.resource_groups.get(name)
    except ResourceNotFoundError:
        return
    raise Refused(f"the resource group {name} exists already", "choose another --name; a former run's is removed with --remove")


@understood(_WHO)
def exists(azure: Connection) -> bool:
    """Whether the group of the run exists. Raises `Refused` for one of this name that no run has made."""
    own = azure.run.environment
    try:
        found = azure.clients.groups.resource_groups.get(own.resource_group)
    except ResourceNotFoundError:
        return False
    if (found.tags or {}).get(TAG) != own.tags[TAG]:
        raise Refused(
            f"the resource group {own.resource_group} does not have the tag {TAG}={own.tags[TAG]}: no run has made it",
            "look at what is in it; it is left as it is",
        )
    return True


def remove(azure: Connection) -> list[str]:
    """Removes the group and all in it, then destroys its vault, which is only soft-deleted until then. Returns what could not be
    removed, and how to do it by hand; it removes nothing that no run has made."""
    own = azure.run.environment
    left = []
    try:
        _remove_group(azure)
    except Refused as refused:
        left.append(f"{refused.line}; {refused.hint}")
    except Error as error:
        left.append(f"{own.resource_group} is not removed ({error.line}): az group delete --name {own.resource_group}")
    try:
        _purge(azure)
    except Error as error:
        purge = f"az keyvault purge --name {own.vault.name}"
        left.append(f"{own.vault.name} may still be soft-deleted, for 7 days ({error.line}): {purge}")
    return left


def _remove_group(azure: Connection) -> None:
    name = azure.run.environment.resource_group
    for attempt in range(1, _ATTEMPTS + 1):
        if not exists(azure):
            return
        azure.run.progress(f"removing the resource group {name} (5 to 15 minutes on Azure)")
        try:
            with understood(_WHO):
                azure.clients.groups.resource_groups.begin_delete(name).result()
        except Error:
            if attempt == _ATTEMPTS:
                raise
            azure.run.sleep(_PAUSE_SECONDS)  # what is still being made in it cannot be deleted yet
    if exists(azure):
        raise Error("it is still there after it was deleted", "look at it in the portal")


@understood(_WHO)
def deleted_vault(azure: Connection) -> str:
    """The region of the vault of the run, if it is soft-deleted; else nothing."""
    own = azure.run.environment
    for found in azure.clients.vaults.vaults.list_deleted():
        former = found.properties
        if former is None or str(found.name).lower() != own.vault.name.lower():
            continue
        if f"/resourcegroups/{own.resource_group}/".lower() in str(former.vault_id).lower():
            return str(former.location)
    return ""


@understood(_WHO)
def _purge(azure: Connection) -> None:
    name, region = azure.run.environment.vault.name, deleted_vault(azure)
    if not region:
        return
    azure.run.progress(f"destroying the vault {name}, which is soft-deleted")
    azure.clients.vaults.vaults.begin_purge_deleted(name, region).result()
