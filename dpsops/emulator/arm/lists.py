"""What is asked of a list of groups or resources: which of them (`$filter`), how many at once (`$top`), and the next page.

Source: Resource Manager, `ResourceGroups_List` and `Resources_List`; the filters are also those that Microsoft's CLI sends.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request, whole_number
from dpsops.emulator.resource_provider.errors import refusal

TAGS = ("tagName", "tagValue")
_PREFIX = "startswith(tagName)"
_CONDITION = re.compile(
    r"(?P<name>\w+) eq '(?P<value>[^']*)'|startswith\((?P<tag>tagname), ?'(?P<prefix>[^']*)'\)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions of a `$filter`, all of which hold for what is listed."""

    conditions: Mapping[str, str]

    def tagged(self, tags: Mapping[str, str]) -> bool:
        """Whether tags are as they should be: names without regard to case, values with it ("Use tags to organize your Azure
        resources")."""
        name, value, prefix = (self.conditions.get(each) for each in (*TAGS, _PREFIX))
        found = {key.lower(): text for key, text in tags.items()}
        if prefix is not None and not any(key.startswith(prefix.lower()) for key in found):
            return False
        values = list(found.values()) if name is None else [text for key, text in found.items() if key == name.lower()]
        return (name is None or bool(values)) and (value is None or value in values)

    def met_by(self, facts: Mapping[str, str]) -> bool:
        """Whether each fact that a condition is about is as it should be, without regard to case."""
        return all(self.conditions[name].lower() == fact.lower() for name, fact in facts.items() if name in self.conditions)

    @property
    def by_tag_and_value(self) -> bool:
        """Whether it is about a tag's name and its value."""
        return all(each in self.conditions for each in TAGS)


def read_filter(request: Request, known: Sequence[str]) -> Filter:
    """The `$filter`: equalities of these properties and, where tags are among them, the beginning of a tag's name, joined by
    `and`. Refuses any other, though Azure knows a few more."""
    text, conditions = request.query.get("$filter", ""), dict[str, str]()
    spelled = {each.lower(): each for each in known}
    for part in re.split(r"\s+and\s+", text) if text else []:
        match = _CONDITION.fullmatch(part.strip())
        if match is None or (match["name"] or match["tag"]).lower() not in spelled:
            raise refusal(400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string.")
        if match["tag"]:
            conditions[_PREFIX] = match["prefix"]
        else:
            conditions[spelled[match["name"].lower()]] = match["value"]
    return Filter(conditions)


def page(request: Request, items: Sequence[JSON]) -> JSON:
    """All items, or `$top` of them and a link to the next ones; what has come before is told by the ID of the last one."""
    after = _after(request)
    left = [each for each in items if each["id"].lower() > after] if after else list(items)
    text = request.query.get("$top", "")
    top = whole_number(text)
    if text and not top:
        raise refusal(400, "InvalidTopInQueryString", f"Invalid $top '{text}' specified in the query string.")
    if not after and top is None:
        return {"value": left}
    left.sort(key=lambda each: str(each["id"]).lower())
    shown: JSON = {"value": left[:top]}
    if top is not None and len(left) > top:
        token = base64.urlsafe_b64encode(str(shown["value"][-1]["id"]).lower().encode()).decode()
        query = {name: value for name, value in request.query.items() if name.lower() != "$skiptoken"} | {"$skiptoken": token}
        asked = urlencode(query, quote_via=quote, safe="$")
        shown["nextLink"] = f"https://management.azure.com{quote(request.path, safe='/().')}?{asked}"
    return shown


def _after(request: Request) -> str:
    token = request.query.get("$skiptoken", "")
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError as unreadable:
        message = f"Invalid $skiptoken '{token}' specified in the query string."
        raise refusal(400, "InvalidSkipTokenInQueryString", message) from unreadable
