"""Which answers mask the keys of links and shared access policies, and does a link go on working that goes back masked?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from azure_facts.answers import NotClear, Question
from azure_facts.devices import fleet
from azure_facts.resources import FORMER, body, hub, link_by_key, service
from dpsops.cli.connection import Connection
from dpsops.errors import RegistrationRefused

_NAME = "masked-keys"
_KEY = re.compile(r"SharedAccessKey=([^;]*)")

Shown = Literal["shown", "masked", "absent"]


@dataclass(frozen=True, slots=True)
class MaskedKeys:
    """How each answer shows the keys. `masked_link_works`: whether a device is assigned over a link that went back as a GET
    shows it; None if a GET masks nothing."""

    dps_put_link: Shown
    dps_put_policies: Shown
    dps_get_link: Shown
    dps_get_policies: Shown
    hub_put_policies: Shown
    hub_get_policies: Shown
    masked_link_works: bool | None

    @property
    def line(self) -> str:
        """In one line."""
        places = ", ".join(f"{each.name.replace('_', ' ')} {getattr(self, each.name)}" for each in fields(self)[:-1])
        works = {True: "goes on working", False: "works no more", None: "cannot be sent"}[self.masked_link_works]
        return f"{places}; a link that goes back masked {works}"


def _ask(azure: Connection) -> MaskedKeys:
    at_dps, at_hub = service(azure, FORMER), hub(azure)
    policies = {"authorizationPolicies": at_dps.policies()}
    dps_put = at_dps.put(body(azure, {"iotHubs": [link_by_key(azure)], **policies}))
    hub_put = at_hub.put(body(azure, {"authorizationPolicies": at_hub.policies()}))
    dps_get, hub_get = at_dps.get(), at_hub.get()
    works = None
    if _link(dps_get) == "masked":
        devices = fleet(azure, _NAME)
        devices.register_first("key-in-full")
        at_dps.put(body(azure, {"iotHubs": dps_get["properties"]["iotHubs"], **policies}))
        works = _is_assigned(lambda: devices.register("key-masked"))
    return MaskedKeys(
        _link(dps_put), _policies(dps_put), _link(dps_get), _policies(dps_get), _policies(hub_put), _policies(hub_get), works
    )


def _is_assigned(register: Any) -> bool:
    """Whether the registration succeeds, or no hub can be assigned (401002, "IotHubUnauthorizedAccess")."""
    try:
        register()
    except RegistrationRefused as refused:
        if "no hub could be assigned" not in refused.message:
            raise
        return False
    return True


def _link(answer: Mapping[str, Any]) -> Shown:
    links = answer["properties"].get("iotHubs")
    if not links:
        raise NotClear("the DPS shows no link")
    found = _KEY.search(links[0].get("connectionString") or "")
    return _shown(found and found[1])


def _policies(answer: Mapping[str, Any]) -> Shown:
    policies = answer["properties"].get("authorizationPolicies")
    return _shown(policies[0].get("primaryKey") if policies else None)


def _shown(key: str | None) -> Shown:
    if not key:
        return "absent"
    return "shown" if key.strip("*") else "masked"


QUESTION = Question(_NAME, "Which answers mask keys, and does a link that goes back masked go on working?", _ask)
