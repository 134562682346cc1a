"""Does the DPS API 2026-11-01 take a link to a hub by managed identity, and does an older version show it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from azure.core.exceptions import HttpResponseError

from azure_facts.answers import NotClear, Question
from azure_facts.resources import FORMER, NEWEST, Document, body, hub, service
from dpsops.azure.errors import reasons
from dpsops.cli.connection import Connection

_NAME = "identity-link"


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """`refusal`: Azure's words. `before`: how the older version shows the link: with its host and type ("whole"), by its name
    alone ("named"), or not ("absent"); None if there is no link."""

    taken: bool
    refusal: str = ""
    before: Literal["whole", "named", "absent"] | None = None

    @property
    def line(self) -> str:
        """In one line."""
        if not self.taken:
            return f"{NEWEST} refuses a link by identity: {self.refusal}"
        shown = {"whole": "shows it whole", "named": "shows its name alone", "absent": "does not show it", None: "?"}
        return f"{NEWEST} takes a link by identity; {FORMER} {shown[self.before]}"


def _ask(azure: Connection) -> IdentityLink:
    _ = hub(azure).get(), service(azure, FORMER).get()  # or Azure might refuse the link for want of either
    host = azure.run.environment.hub[0].host
    link = {"authenticationType": "SystemAssigned", "hostName": host, "location": azure.run.environment.location}
    newest = service(azure, NEWEST)
    try:
        newest.put(body(azure, {"iotHubs": [link]}, identity={"type": "SystemAssigned"}))
    except HttpResponseError as refused:
        if refused.status_code is None or refused.status_code > 400:  # it may also be taken, and its operation fail
            raise
        return IdentityLink(taken=False, refusal="; ".join(f"{each.message} ({each.code})" for each in reasons(refused)))
    found = _links(newest.get())
    if not found or found[0].get("authenticationType") != "SystemAssigned":
        raise NotClear(f"{NEWEST} takes the link, and does not show it")
    former = _links(service(azure, FORMER).get())
    if not former:
        return IdentityLink(taken=True, before="absent")
    return IdentityLink(taken=True, before="whole" if "authenticationType" in former[0] else "named")


def _links(shown: Document) -> list[Document]:
    links: list[Document] = shown["properties"].get("iotHubs") or []
    return links


QUESTION = Question(_NAME, "Does a DPS take a link to a hub by its identity, and does an older API version show it?", _ask)
