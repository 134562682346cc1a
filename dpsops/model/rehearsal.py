"""An environment of the real Azure, rehearsed on the embedded one: what is in no Azure but the real one is replaced."""

from __future__ import annotations

from dpsops.model.roles import Principal
from dpsops.settings import Access, Environment, Identity

_SAMPLE_NAMES = frozenset({"dpsops-dev", "dpsops-dev-1", "dpsops-dev-2", "dpsops-prod", "dpsops-prod-1", "dpsops-prod-2"})
"""The names of the resources in this repository's `infra/dev.toml` and `infra/prod.toml`, without what says their type."""


def rehearsed(environment: Environment, subscription: str, caller: Principal) -> Environment:
    """The environment as it can be in the embedded Azure: in its one subscription; with its caller among the principals, if the
    settings name any, because it is nobody there; and with its workspace in the group of the environment, so that there is one.
    """
    vault, access = environment.vault, environment.access
    if vault.logs:
        home = f"/subscriptions/{subscription}/resourceGroups/{environment.resource_group}"
        vault = vault.model_copy(update={"logs": f"{home}/providers/{vault.logs.partition('/providers/')[2]}"})
    if access.principals and caller.object_id not in (each.id.lower() for each in access.principals):
        access = Access(principals=[*access.principals, Identity(id=caller.object_id, type="ServicePrincipal")])
    return environment.model_copy(update={"subscription": subscription, "vault": vault, "access": access})


def sample_names(environment: Environment) -> list[tuple[tuple[int | str, ...], str]]:
    """The names of resources that are still those of the samples: each with its keys in the settings. Whoever copies the files
    has the same ones, and only one in the world can have them."""
    named: list[tuple[tuple[int | str, ...], str]] = [
        (("vault", "name"), environment.vault.name),
        (("dps", "name"), environment.dps.name),
        *((("hub", number, "name"), hub.name) for number, hub in enumerate(environment.hub)),
        *((("device", "vaults"), name) for name in environment.device.vaults),
    ]
    return [(keys, name) for keys, name in named if name.lower().partition("-")[2] in _SAMPLE_NAMES]
